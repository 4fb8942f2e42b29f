"""Other instructions that do the same for some values of a JIT-time constant, in fewer bytes.

    mov r, 0         →  xor r32, r32      where no flag is read afterwards
    test r, E        →  test r8, imm8     for E from 0 to 127: the same bits decide, and the sign is 0 either way
    lea r, [r + 0]   →  nothing
    shl r64, 0       →  nothing           a shift by 0 leaves the flags alone

Each costs the emit function a test, so only what saves an instruction or three bytes is here: `inc` for `add 1`, the short
form of a shift by 1, and `test r, r` for `cmp r, 0` would save one byte.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dasc.compiler.ranges import declared, holders, intersection
from x86_64 import AssemblyError, Encoding, Field, Instruction, Memory, Register, Symbolic

__all__ = ["shorter"]


def shorter(instruction: Instruction, encodings: Sequence[Encoding], flags_dead: bool) -> Iterator[Encoding]:
    """Encodings to try before the instruction's own."""
    match instruction.mnemonic, instruction.operands:
        case "MOV", (Register(kind="r32" | "r64") as register, (int() | Symbolic()) as value) if flags_dead:
            yield from _zeroing(register, value, encodings)
        case "TEST", ((Register(kind="r32" | "r64") | Memory(size=4 | 8)) as tested, Symbolic() as mask):
            yield from _byte_test(tested, mask, encodings)
        case "LEA", (Register(kind="r64") as register, Memory(index=None, displacement=Symbolic() as addend) as place):
            if place.base == register and place.segment is None and _may_be(addend, 0, 0, 64):
                yield Encoding(b"", (Field(0, 0, "displacement", addend, 0, 0, 64),))
        case "SHL" | "SHR" | "SAR", (Register(kind="r64"), Symbolic(addend=0) as count) if _may_be(count, 0, 0, 8):
            yield Encoding(b"", (Field(0, 0, "immediate", count, 0, 0, 8),))


def _may_be(value: Symbolic, low: int, high: int, bits: int) -> bool:
    """Whether some value of the symbol makes the sum lie from low to high."""
    return bool(intersection(declared(value.symbol), holders(value, low, high, bits)))


def _zeroing(register: Register, value: int | Symbolic, moves: Sequence[Encoding]) -> Iterator[Encoding]:
    small = register.resize(4)
    code = bytes(Instruction("XOR", (small, small)).encode())
    if isinstance(value, int):
        if value == 0:
            yield Encoding(code)
        return
    bits = moves[0].fields[0].bits
    if _may_be(value, 0, 0, bits):
        yield Encoding(code, (Field(len(code), 0, "immediate", value, 0, 0, bits),))


def _byte_test(tested: Register | Memory, mask: Symbolic, encodings: Sequence[Encoding]) -> Iterator[Encoding]:
    bits = next(field.bits for field in encodings[0].fields if field.kind == "immediate")
    if not _may_be(mask, 0, 127, bits):
        return
    low = tested.resize(1) if isinstance(tested, Register) else replace(tested, size=1)
    try:
        found = Instruction("TEST", (low, 1)).encodings()
    except AssemblyError:
        return
    for encoding in found:
        last = len(encoding.code) - 1
        immediate = Field(last, 1, "immediate", mask, 0, 127, bits)
        yield Encoding(encoding.code[:last] + b"\0", (*encoding.fields, immediate))
