"""The encoder and two independent assemblers write the same bytes for every form of the table.

What they refuse or write differently is listed here, each with its reason; anything else fails.
"""

from __future__ import annotations

import re

import pytest

from x86_64 import Instruction, format_att

from .assemblers import assemble, gnu_available
from .cases import all_instructions

REFUSED = {
    "gnu": {
        r"(tcmm|vpdpw[su]{2}d|vsha512|vsm[34]).*": "newer than binutils 2.40",
        r"(movsww|movzww|getsecq) .*|getsecq": "has no name for this operand size",
        r"l[fgs]s \S+, %r(\w[xip]|\d+)": "knows far pointers to 64-bit offsets only by their Intel syntax",
        r"lea\w* %[fg]s:.*": "warns that the segment has no effect",
        r"prefetchit[01] .*": "warns that the address is not rip-relative",
    },
    "llvm": {
        r"(enterw|leavew) ?.*": "has no name for the 16-bit frame",
        r"f(n?(disi|eni|setpm))": "drops what the 8087 and 80287 needed",
        r"(getsecq|int1|mcommit|vmgexit)": "has no name for it",
        r"(movsww|movzww) .*": "has no name for this operand size",
        r"v?pcmpestr[im]q .*": "has no name for the 64-bit lengths",
        r"ud0 .*": "has no name for it",
    },
}
DIFFERENT = {
    "gnu": {
        r"int \$3": "writes the one-byte int3",
        r"s(ldt|tr) %r.*": "drops REX.W: the selector is zero-extended anyway",
        r"vmovq .*xmm(1[6-9]|[23]\d).*": "prefers the other of two equally long opcodes",
    },
    "llvm": {
        r"int \$3": "writes the one-byte int3",
        r"mov (%\ws, %r(\w[xip]|\d+)|%r(\w[xip]|\d+), %\ws)": "keeps REX.W: the selector is zero-extended anyway",
        r"xchg %\w+, %\w+": "exchanges the operands",
        r"v[a-z0-9]+ .*%[xy]mm(8|9|1[0-5]), %[xy]mm[0-7], %[xy]mm\d+": "exchanges sources to save a byte of prefix",
    },
}


def text_for(instruction: Instruction, length: int) -> str:
    """AT&T text; a numeric branch target counts from the start of the instruction."""
    if instruction.forms[0].kinds[:1] in (("rel8",), ("rel32",)):
        offset = instruction.operands[0]
        assert isinstance(offset, int)
        return f"{instruction.mnemonic.lower()} .{offset + length:+d}"
    return format_att(instruction)


def listed(table: dict[str, str], line: str) -> bool:
    return any(re.fullmatch(pattern, line) for pattern in table)


@pytest.mark.parametrize("which", ["gnu", "llvm"])
def test_every_form_matches(which: str) -> None:
    if which == "gnu" and not gnu_available():
        pytest.skip("GNU as is not on PATH")
    codes = {text_for(i, len(i.encode())): bytes(i.encode()) for i in all_instructions()}
    assert len(codes) > 30_000
    wrong = []
    for (line, code), result in zip(codes.items(), assemble(list(codes), which), strict=True):
        if result.code is None and not listed(REFUSED[which], line):
            wrong.append(f"{line}: {result.message}")
        elif result.code is not None and result.code != code and not listed(DIFFERENT[which], line):
            wrong.append(f"{line}: we write {code.hex()}, {which} writes {result.code.hex()}")
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:40]])
