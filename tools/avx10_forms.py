"""Rows for the vector and tile instructions that iced-x86 does not know: AVX10.2, MOVRS, and AMX's newer parts.

The opcodes and operands are those of Intel's "Advanced Vector Extensions 10.2" specification and of the "Architecture
Instruction Set Extensions" manual. A line of `PACKED` is a family: it stands for three rows, of 128, 256 and 512 bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Operand letters of PACKED: V a vector, H one of half the length (at least xmm), M memory of the length, K a mask register,
# I an 8-bit immediate. The last vector may be memory. First operand: w written, x read and written.
#
#   mnemonics (opcode by opcode) | operands | prefix.map.W | opcodes | bits of an element, 0: no broadcast | words | extensions
PACKED = """\
VADDBF16 VMULBF16 VSUBBF16 VMINBF16 VDIVBF16 VMAXBF16 | Vw V V | 66.MAP5.W0 | 58 59 5C 5D 5E 5F | 16 | {kz}
VSQRTBF16 | Vw V | 66.MAP5.W0 | 51 | 16 | {kz}
VGETEXPBF16 | Vw V | NP.MAP6.W0 | 42 | 16 | {kz}
VRCPBF16 VRSQRTBF16 | Vw V | NP.MAP6.W0 | 4C 4E | 16 | {kz}
VSCALEFBF16 | Vw V V | NP.MAP6.W0 | 2C | 16 | {kz}
VFMADD132BF16 VFMSUB132BF16 VFNMADD132BF16 VFNMSUB132BF16 | Vx V V | NP.MAP6.W0 | 98 9A 9C 9E | 16 | {kz}
VFMADD213BF16 VFMSUB213BF16 VFNMADD213BF16 VFNMSUB213BF16 | Vx V V | NP.MAP6.W0 | A8 AA AC AE | 16 | {kz}
VFMADD231BF16 VFMSUB231BF16 VFNMADD231BF16 VFNMSUB231BF16 | Vx V V | NP.MAP6.W0 | B8 BA BC BE | 16 | {kz}
VCMPBF16 | Kw V V I | F2.0F3A.W0 | C2 | 16 | {k}
VFPCLASSBF16 | Kw V I | F2.0F3A.W0 | 66 | 16 | {k}
VRNDSCALEBF16 VGETMANTBF16 VREDUCEBF16 | Vw V I | F2.0F3A.W0 | 08 26 56 | 16 | {kz}
VMINMAXBF16 | Vw V V I | F2.0F3A.W0 | 52 | 16 | {kz}
VMINMAXPH | Vw V V I | NP.0F3A.W0 | 52 | 16 | {kz} {sae}
VMINMAXPS | Vw V V I | 66.0F3A.W0 | 52 | 32 | {kz} {sae}
VMINMAXPD | Vw V V I | 66.0F3A.W1 | 52 | 64 | {kz} {sae}
VCVT2PS2PHX | Vw V V | 66.0F38.W0 | 67 | 32 | {kz} {er}
VCVT2PH2BF8 | Vw V V | F2.0F38.W0 | 74 | 16 | {kz}
VCVT2PH2BF8S VCVT2PH2HF8 VCVT2PH2HF8S | Vw V V | F2.MAP5.W0 | 74 18 1B | 16 | {kz}
VCVTBIASPH2BF8 | Hw V V | NP.0F38.W0 | 74 | 16 | {kz}
VCVTBIASPH2BF8S VCVTBIASPH2HF8 VCVTBIASPH2HF8S | Hw V V | NP.MAP5.W0 | 74 18 1B | 16 | {kz}
VCVTPH2BF8 | Hw V | F3.0F38.W0 | 74 | 16 | {kz}
VCVTPH2BF8S VCVTPH2HF8 VCVTPH2HF8S | Hw V | F3.MAP5.W0 | 74 18 1B | 16 | {kz}
VCVTHF82PH | Vw H | F2.MAP5.W0 | 1E | 0 | {kz}
VCVTTBF162IBS VCVTBF162IBS VCVTTBF162IUBS VCVTBF162IUBS | Vw V | F2.MAP5.W0 | 68 69 6A 6B | 16 | {kz}
VCVTTPH2IBS VCVTTPH2IUBS | Vw V | NP.MAP5.W0 | 68 6A | 16 | {kz} {sae}
VCVTPH2IBS VCVTPH2IUBS | Vw V | NP.MAP5.W0 | 69 6B | 16 | {kz} {er}
VCVTTPS2IBS VCVTTPS2IUBS | Vw V | 66.MAP5.W0 | 68 6A | 32 | {kz} {sae}
VCVTPS2IBS VCVTPS2IUBS | Vw V | 66.MAP5.W0 | 69 6B | 32 | {kz} {er}
VCVTTPD2UDQS VCVTTPD2DQS | Hw V | NP.MAP5.W1 | 6C 6D | 64 | {kz} {sae}
VCVTTPD2UQQS VCVTTPD2QQS | Vw V | 66.MAP5.W1 | 6C 6D | 64 | {kz} {sae}
VCVTTPS2UDQS VCVTTPS2DQS | Vw V | NP.MAP5.W0 | 6C 6D | 32 | {kz} {sae}
VCVTTPS2UQQS VCVTTPS2QQS | Vw H | 66.MAP5.W0 | 6C 6D | 32 | {kz} {sae}
VDPPHPS | Vx V V | NP.0F38.W0 | 52 | 32 | {kz}
VMPSADBW | Vw V V I | F3.0F3A.W0 | 42 | 0 | {kz}
VPDPBUUD VPDPBUUDS VPDPWUUD VPDPWUUDS | Vx V V | NP.0F38.W0 | 50 51 D2 D3 | 32 | {kz}
VPDPWUSD VPDPWUSDS | Vx V V | 66.0F38.W0 | D2 D3 | 32 | {kz}
VPDPBSUD VPDPBSUDS VPDPWSUD VPDPWSUDS | Vx V V | F3.0F38.W0 | 50 51 D2 D3 | 32 | {kz}
VPDPBSSD VPDPBSSDS | Vx V V | F2.0F38.W0 | 50 51 | 32 | {kz}
VSM4KEY4 | Vw V V | F3.0F38.W0 | DA | 0 | - | SM4+AVX10_2
VSM4RNDS4 | Vw V V | F2.0F38.W0 | DA | 0 | - | SM4+AVX10_2
VMOVRSB | Vw M | F2.MAP5.W0 | 6F | 0 | {kz} | MOVRS+AVX10_2
VMOVRSW | Vw M | F2.MAP5.W1 | 6F | 0 | {kz} | MOVRS+AVX10_2
VMOVRSD | Vw M | F3.MAP5.W0 | 6F | 0 | {kz} | MOVRS+AVX10_2
VMOVRSQ | Vw M | F3.MAP5.W1 | 6F | 0 | {kz} | MOVRS+AVX10_2
"""

# Rows of other shapes, as the table has them. Scalars round or suppress exceptions in their only length.
SINGLE = """\
VCOMISBF16 | xmm:r xmm/m16:r | RM | EVEX.LIG.66.MAP5.W0 2F /r *2 | AVX10_2 | write:CPZ clear:ASO
VCOMXSD | xmm:r xmm/m64:r | RM | EVEX.LIG.F2.0F.W1 2F /r *8 | AVX10_2 | write:CPZSO clear:A {sae}
VCOMXSH | xmm:r xmm/m16:r | RM | EVEX.LIG.F3.MAP5.W0 2F /r *2 | AVX10_2 | write:CPZSO clear:A {sae}
VCOMXSS | xmm:r xmm/m32:r | RM | EVEX.LIG.F3.0F.W0 2F /r *4 | AVX10_2 | write:CPZSO clear:A {sae}
VUCOMXSD | xmm:r xmm/m64:r | RM | EVEX.LIG.F2.0F.W1 2E /r *8 | AVX10_2 | write:CPZSO clear:A {sae}
VUCOMXSH | xmm:r xmm/m16:r | RM | EVEX.LIG.F3.MAP5.W0 2E /r *2 | AVX10_2 | write:CPZSO clear:A {sae}
VUCOMXSS | xmm:r xmm/m32:r | RM | EVEX.LIG.F3.0F.W0 2E /r *4 | AVX10_2 | write:CPZSO clear:A {sae}
VCVTTSD2SIS | r32:w xmm/m64:r | RM | EVEX.LIG.F2.MAP5.W0 6D /r *8 | AVX10_2 | {sae}
VCVTTSD2SIS | r64:w xmm/m64:r | RM | EVEX.LIG.F2.MAP5.W1 6D /r *8 | AVX10_2 | {sae}
VCVTTSD2USIS | r32:w xmm/m64:r | RM | EVEX.LIG.F2.MAP5.W0 6C /r *8 | AVX10_2 | {sae}
VCVTTSD2USIS | r64:w xmm/m64:r | RM | EVEX.LIG.F2.MAP5.W1 6C /r *8 | AVX10_2 | {sae}
VCVTTSS2SIS | r32:w xmm/m32:r | RM | EVEX.LIG.F3.MAP5.W0 6D /r *4 | AVX10_2 | {sae}
VCVTTSS2SIS | r64:w xmm/m32:r | RM | EVEX.LIG.F3.MAP5.W1 6D /r *4 | AVX10_2 | {sae}
VCVTTSS2USIS | r32:w xmm/m32:r | RM | EVEX.LIG.F3.MAP5.W0 6C /r *4 | AVX10_2 | {sae}
VCVTTSS2USIS | r64:w xmm/m32:r | RM | EVEX.LIG.F3.MAP5.W1 6C /r *4 | AVX10_2 | {sae}
VMINMAXSD | xmm:w xmm:r xmm/m64:r i8:r | RVMI | EVEX.LIG.66.0F3A.W1 53 /r ib *8 | AVX10_2 | {kz} {sae}
VMINMAXSH | xmm:w xmm:r xmm/m16:r i8:r | RVMI | EVEX.LIG.0F3A.W0 53 /r ib *2 | AVX10_2 | {kz} {sae}
VMINMAXSS | xmm:w xmm:r xmm/m32:r i8:r | RVMI | EVEX.LIG.66.0F3A.W0 53 /r ib *4 | AVX10_2 | {kz} {sae}
VMOVD | xmm:w xmm:r | RM | EVEX.128.F3.0F.W0 7E /r *4 | AVX10_2 | -
VMOVD | xmm:w xmm:r | MR | EVEX.128.66.0F.W0 D6 /r *4 | AVX10_2 | -
VMOVW | xmm:w xmm:r | RM | EVEX.128.F3.MAP5.W0 6E /r *2 | AVX10_2 | -
VMOVW | xmm:w xmm:r | MR | EVEX.128.F3.MAP5.W0 7E /r *2 | AVX10_2 | -
MOVRS | r8:w m8:r | RM | NP 0F 38 8A /r | MOVRS | -
MOVRS | r16:w m16:r | RM | o16 0F 38 8B /r | MOVRS | -
MOVRS | r32:w m32:r | RM | NP 0F 38 8B /r | MOVRS | -
MOVRS | r64:w m64:r | RM | NP o64 0F 38 8B /r | MOVRS | -
PREFETCHRST2 | m8:- | M | 0F 18 /4 | MOVRS | -
TMMULTF32PS | tmm:x tmm:r tmm:r | RMV | VEX.128.66.0F38.W0 48 /r | AMX_TF32 | distinct
TDPBF8PS | tmm:x tmm:r tmm:r | RMV | VEX.128.MAP5.W0 FD /r | AMX_FP8 | distinct
TDPBHF8PS | tmm:x tmm:r tmm:r | RMV | VEX.128.F2.MAP5.W0 FD /r | AMX_FP8 | distinct
TDPHBF8PS | tmm:x tmm:r tmm:r | RMV | VEX.128.F3.MAP5.W0 FD /r | AMX_FP8 | distinct
TDPHF8PS | tmm:x tmm:r tmm:r | RMV | VEX.128.66.MAP5.W0 FD /r | AMX_FP8 | distinct
TILELOADDRS | tmm:w sibmem:r | RM | VEX.128.F2.0F38.W0 4A /r | AMX_MOVRS | -
TILELOADDRST1 | tmm:w sibmem:r | RM | VEX.128.66.0F38.W0 4A /r | AMX_MOVRS | -
TCVTROWD2PS | zmm:w tmm:r r32:r | RMV | EVEX.512.F3.0F38.W0 4A /r *1 | AMX_AVX512+AVX10_2 | -
TCVTROWD2PS | zmm:w tmm:r i8:r | RMI | EVEX.512.F3.0F3A.W0 07 /r ib *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2BF16H | zmm:w tmm:r r32:r | RMV | EVEX.512.F2.0F38.W0 6D /r *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2BF16H | zmm:w tmm:r i8:r | RMI | EVEX.512.F2.0F3A.W0 07 /r ib *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2BF16L | zmm:w tmm:r r32:r | RMV | EVEX.512.F3.0F38.W0 6D /r *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2BF16L | zmm:w tmm:r i8:r | RMI | EVEX.512.F3.0F3A.W0 77 /r ib *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2PHH | zmm:w tmm:r r32:r | RMV | EVEX.512.0F38.W0 6D /r *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2PHH | zmm:w tmm:r i8:r | RMI | EVEX.512.0F3A.W0 07 /r ib *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2PHL | zmm:w tmm:r r32:r | RMV | EVEX.512.66.0F38.W0 6D /r *1 | AMX_AVX512+AVX10_2 | -
TCVTROWPS2PHL | zmm:w tmm:r i8:r | RMI | EVEX.512.F2.0F3A.W0 77 /r ib *1 | AMX_AVX512+AVX10_2 | -
TILEMOVROW | zmm:w tmm:r r32:r | RMV | EVEX.512.66.0F38.W0 4A /r *1 | AMX_AVX512+AVX10_2 | -
TILEMOVROW | zmm:w tmm:r i8:r | RMI | EVEX.512.66.0F3A.W0 07 /r ib *1 | AMX_AVX512+AVX10_2 | -
"""


@dataclass(frozen=True, slots=True)
class Family:
    """A line of PACKED."""

    mnemonics: str
    operands: str
    prefix: str
    opcodes: str
    element: str
    words: str
    features: str = "AVX10_2"

    def row(self, mnemonic: str, opcode: str, bits: int) -> str:
        """One instruction in one length."""
        operands, element = self.operands.split(), int(self.element)
        source = max(position for position, operand in enumerate(operands) if operand[0] in "VHM")
        memory = bits // 2 if operands[source] == "H" else bits
        kinds, places = [], ""
        for position, operand in enumerate(operands):
            letter, access = operand[0], operand[1:] or "r"
            kind = {"V": _vector(bits), "H": _vector(bits // 2), "M": f"m{bits}", "K": "k", "I": "i8"}[letter]
            if position == source and letter != "M":
                kind += f"/m{memory}" + (f"/b{element}" if element else "")
            kinds.append(f"{kind}:{access}")
            places += "I" if letter == "I" else "R" if position == 0 else "M" if position == source else "V"
        prefix = ".".join(["EVEX", str(bits), self.prefix.removeprefix("NP.")])
        immediate = " ib" if "I" in operands else ""
        scale = f"*{memory // 8}" + (f"/{element // 8}" if element else "")
        # Rounding is in the place of the vector's length, which is 512 bits then.
        words = self.words if bits == 512 else re.sub(r" \{(er|sae)\}", "", self.words)
        encoding = f"{prefix} {opcode} /r{immediate} {scale}"
        return " | ".join((mnemonic, " ".join(kinds), places, encoding, self.features, words))


def rows() -> Iterator[str]:
    """All rows, in the table's grammar."""
    for line in PACKED.splitlines():
        family = Family(*line.split(" | "))
        for mnemonic, opcode in zip(family.mnemonics.split(), family.opcodes.split(), strict=True):
            for bits in (128, 256, 512):
                yield family.row(mnemonic, opcode, bits)
    yield from SINGLE.splitlines()


def _vector(bits: int) -> str:
    return {512: "zmm", 256: "ymm"}.get(bits, "xmm")
