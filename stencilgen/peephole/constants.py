"""Constants that rules move from one instruction to another, and which fields they fit into.

A constant is an int or a `Symbolic`, a number that only the running JIT knows. Of a symbol we know its range, so a
symbol moves only where *every* value of its range fits; the emit function then picks the shortest field for each value.
"""

from dataclasses import dataclass
from typing import TypeGuard

from stencilgen.peephole.rule import Site
from x86_64 import Instruction, Memory, Register, Symbolic

__all__ = [
    "Constant",
    "ConstantUse",
    "Load",
    "constant_load",
    "constant_use",
    "fits_displacement",
    "immediate",
    "is_low_part",
    "longest",
    "mentions",
    "signed",
]

Constant = int | Symbolic

INT32 = range(-(1 << 31), 1 << 31)


@dataclass(frozen=True, slots=True)
class Load:
    """`mov register, constant`."""

    register: Register
    constant: Constant

    @property
    def bits(self) -> int:
        return 8 * self.register.size


def constant_load(instruction: Instruction) -> Load | None:
    """The instruction as a load of a constant into a general register (not ah, ch, dh, bh)."""
    match instruction.operands:
        case (Register() as register, (int() | Symbolic()) as constant) if instruction.mnemonic == "MOV":
            return Load(register, constant) if register.kind in _LOW_PARTS else None
    return None


@dataclass(frozen=True, slots=True)
class ConstantUse:
    """A constant loaded into a register, and the first instruction after that which touches this register.

    at: the instruction's position; held: the parts of the register that the load defined, as a mask.
    """

    load: Load
    at: int
    instruction: Instruction
    held: int


def constant_use(site: Site, position: int) -> ConstantUse | None:
    """The use of the constant that the instruction at `position` loads, on the same straight line and within reach."""
    load = constant_load(site.instructions[position])
    if load is None:
        return None
    held = site.usages[position].changes
    at = site.next_touch(position, held)
    return None if at is None else ConstantUse(load, at, site.instructions[at], held)


_LOW_PARTS = frozenset({"r8", "r16", "r32", "r64"})


def is_low_part(operand: object, whole: Register) -> TypeGuard[Register]:
    """Whether an operand is a register made of the lowest bits of `whole` (rax, eax, ax, al; not ah)."""
    return isinstance(operand, Register) and operand.kind in _LOW_PARTS and operand.whole is whole


def mentions(operand: object, whole: Register) -> bool:
    """Whether an operand is a part of the register `whole`, or an address made with it."""
    match operand:
        case Register():
            return operand.whole is whole
        case Memory():
            return any(register is not None and register.whole is whole for register in (operand.base, operand.index))
    return False


def signed(number: int, bits: int) -> int:
    """The low `bits` of a number as a two's complement value."""
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number


def immediate(load: Load, bits: int, *, widest: int = 32) -> Constant | None:
    """What the loaded register holds in its low `bits`, as an immediate of an operation of that width.

    None if it may not fit: a field has at most `widest` bits (32, except 64 in `mov r64, imm64`) and is sign-extended.
    """
    constant = load.constant
    if isinstance(constant, int):
        constant &= (1 << load.bits) - 1
    # only a 32-bit load defines more bits than its own: it clears them
    if bits > load.bits and not (load.bits == 32 and low(constant) >= 0 and high(constant) < 1 << 32):
        return None
    if isinstance(constant, int):
        constant = signed(constant, bits)
    if bits > widest:
        return constant if low(constant) in INT32 and high(constant) in INT32 else None
    return constant if -(1 << bits - 1) <= low(constant) and high(constant) < 1 << bits else None


def fits_displacement(constant: Constant) -> bool:
    """Whether every value fits the sign-extended 32 bits of a displacement."""
    return low(constant) in INT32 and high(constant) in INT32


def low(constant: Constant) -> int:
    return constant if isinstance(constant, int) else constant.low


def high(constant: Constant) -> int:
    return constant if isinstance(constant, int) else constant.high


def longest(instruction: Instruction) -> int:
    """Bytes of the instruction with its widest fields."""
    return max(len(encoding.code) for encoding in instruction.encodings())
