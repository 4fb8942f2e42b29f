"""What stands before the opcode: prefixes, from the form and the registers' numbers.

The key idea: ModRM, SIB and the opcode hold three bits of each register's number. All further bits (a fourth since
x86-64, a fifth since AVX-512 and APX) are in a prefix, at a place that depends only on the field the register is in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from x86_64.errors import OperandError
from x86_64.operands import Memory
from x86_64.table import Form

if TYPE_CHECKING:
    from x86_64.encoder import Part

PREFIX_BYTES = {"LOCK": 0xF0, "REP": 0xF3, "REPNE": 0xF2, "NOTRACK": 0x3E, "ADDR32": 0x67}
PP_BITS = {0: 0, 0x66: 1, 0xF3: 2, 0xF2: 3}
ESCAPES = {0: b"", 1: b"\x0f", 2: b"\x0f\x38", 3: b"\x0f\x3a"}
_SEGMENTS = {"es": 0x26, "cs": 0x2E, "ss": 0x36, "ds": 0x3E, "fs": 0x64, "gs": 0x65}


class Mode(NamedTuple):
    """ModRM.mod and .rm (−1: no ModRM byte), SIB, displacement, and the registers whose high bits prefixes hold."""

    modrm: int
    sib: bytes
    displacement: Part | None
    index_number: int
    base_number: int


@dataclass(slots=True)
class Slots:
    """Operands sorted into the places of an encoding."""

    reg: int  # ModRM.reg: a register or the opcode's digit
    rm: int = 0  # ModRM.rm, when it is a register
    vvvv: int = 0
    in_opcode: int = 0
    mask: int = 0
    zeroing: int = 0
    rounding: int = -1  # −1: none given
    memory: Memory | None = None
    tail: tuple[Part, ...] = ()
    needs_rex: bool = False  # spl, bpl, sil, dil
    high_byte: str = ""  # ah, ch, dh, bh: cannot stand beside a REX prefix
    high: str = ""  # one of r16 … r31
    vector_rm: bool = False  # ModRM.rm is a vector register
    no_flags: bool = False


def opening(form: Form, memory: Memory | None, prefixes: tuple[str, ...]) -> bytes:
    """The prefixes that do not depend on register numbers."""
    code = bytearray()
    if form.wait:
        code.append(0x9B)
    narrow = False
    if memory is not None:
        if memory.segment is not None:
            code.append(_SEGMENTS[memory.segment.name])
        narrow = any(r is not None and r.kind == "r32" for r in (memory.base, memory.index))
    if form.address32 or narrow or "ADDR32" in prefixes:
        code.append(0x67)
    if form.operand16:
        code.append(0x66)
    code += bytes(PREFIX_BYTES[prefix] for prefix in prefixes if prefix in PREFIX_BYTES and prefix != "ADDR32")
    return bytes(code)


def _rex(form: Form, slots: Slots, mode: Mode, _: bool) -> bytes:
    """Mandatory prefix, REX or REX2, and the opcode's escape bytes of a legacy form."""
    numbers = slots.reg, mode.index_number, mode.base_number
    rex = form.w << 3 | _bits(numbers, 3)
    code = bytes([form.prefix]) if form.prefix else b""
    extended = bool(slots.high) or form.rex2
    if rex or slots.needs_rex or extended:
        _refuse_high_byte(form, slots, "beside r8–r31, spl, bpl, sil, dil or a 64-bit operand")
    if extended:
        if form.map > 1 or form.allows("norex2"):
            raise OperandError(f"{form.mnemonic}: {slots.high} cannot be encoded: the opcode takes no REX2 prefix")
        return code + bytes([0xD5, form.map << 7 | _bits(numbers, 4) << 4 | rex])
    if rex or slots.needs_rex:
        code += bytes([0x40 | rex])
    return code + ESCAPES[form.map]


def _refuse_high_byte(form: Form, slots: Slots, why: str) -> None:
    if slots.high_byte:
        raise OperandError(f"{form.mnemonic}: {slots.high_byte} cannot be encoded {why}")


def _bits(numbers: tuple[int, int, int], bit: int) -> int:
    """That bit of the registers in ModRM.reg, index and base, from the left."""
    reg, index, base = numbers
    return (reg >> bit & 1) << 2 | (index >> bit & 1) << 1 | base >> bit & 1


def _vex(form: Form, slots: Slots, mode: Mode, long: bool) -> bytes:
    """The two or three bytes of a VEX or XOP prefix, `long`: always three. Register bits are stored inverted."""
    if slots.high:
        raise OperandError(f"{form.mnemonic}: {slots.high} can be used only by APX forms")
    r, x, b = (number >> 3 & 1 ^ 1 for number in (slots.reg, mode.index_number, mode.base_number))
    last = (~slots.vvvv & 15) << 3 | form.length << 2 | PP_BITS[form.prefix]
    if form.family == "VEX" and form.map == 1 and not form.w and x and b and not long:
        return bytes([0xC5, r << 7 | last])
    return bytes([0xC4 if form.family == "VEX" else 0x8F, r << 7 | x << 6 | b << 5 | form.map, form.w << 7 | last])


def _evex(form: Form, slots: Slots, mode: Mode, _: bool) -> bytes:
    """The four bytes of an EVEX prefix. Register bits are stored inverted, but the fifth one of a base is not."""
    _refuse_high_byte(form, slots, "in a form with an EVEX prefix")
    memory, reg, index, base = slots.memory, slots.reg, mode.index_number, mode.base_number
    r, x, b = (number >> 3 & 1 ^ 1 for number in (reg, index, base))
    # V' extends the vector of indices, if there is one (then nothing is in vvvv).
    vector = memory is not None and memory.shape.vector != ""
    v_high = (index if vector else slots.vvvv) >> 4
    x_high = 0 if vector else index >> 4
    length = slots.rounding if slots.rounding >= 0 else form.length
    broadcast = slots.rounding >= 0 or form.new_destination or (memory is not None and memory.broadcast > 0)
    vvvv, low = ~slots.vvvv & 15, (v_high ^ 1) << 3 | slots.no_flags << 2 | slots.mask
    if form.condition >= 0:
        vvvv, low = slots.vvvv, form.condition
    return bytes(
        [
            0x62,
            r << 7 | x << 6 | b << 5 | (reg >> 4 ^ 1) << 4 | base >> 4 << 3 | form.map,
            form.w << 7 | vvvv << 3 | (x_high ^ 1) << 2 | PP_BITS[form.prefix],
            slots.zeroing << 7 | length << 5 | broadcast << 4 | low,
        ]
    )


FamilyPrefix: TypeAlias = Callable[[Form, Slots, Mode, bool], bytes]
# The last argument: three bytes of VEX even where two would do.
FAMILY_PREFIX: dict[str, FamilyPrefix] = {"legacy": _rex, "VEX": _vex, "XOP": _vex, "EVEX": _evex}
