"""What an instruction's operands can be besides registers: memory, JIT-time values, addresses, labels, masks.

A `Symbol` is a number that only the running JIT knows; here it is just a name and a range. An `Address` is the place
of something in the VM, a `Label` a place in this piece of code. None of the three has bytes yet:
`Instruction.encodings` says where they go.

    qword[r12 + rax*8 + 16]       Memory of 8 bytes          [rsi + 8]                  size known from the instruction
    qword[r12 + Symbol("E0", 16, 524296)]                    Memory(target=Address("Float_Type"))     rip-relative
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from x86_64.errors import OperandError
from x86_64.registers import Register


@dataclass(frozen=True, slots=True)
class Symbol:
    """A value known only at emit time, within the inclusive range low … high (−2⁶³ … 2⁶⁴−1)."""

    name: str
    low: int
    high: int

    def __post_init__(self) -> None:
        if not -(1 << 63) <= self.low <= self.high < 1 << 64:
            raise OperandError(f"symbol {self.name}: {self.low}..{self.high} is not a range of 64-bit values")

    def __add__(self, addend: int) -> Symbolic:
        return Symbolic(self, addend) if isinstance(addend, int) else NotImplemented

    def __sub__(self, addend: int) -> Symbolic:
        return self + -addend


@dataclass(frozen=True, slots=True)
class Symbolic:
    """The value symbol + addend, modulo 2⁶⁴, as an immediate or a displacement."""

    symbol: Symbol
    addend: int = 0

    @property
    def low(self) -> int:
        return self.symbol.low + self.addend

    @property
    def high(self) -> int:
        return self.symbol.high + self.addend

    def __add__(self, addend: int) -> Symbolic:
        return Symbolic(self.symbol, self.addend + addend) if isinstance(addend, int) else NotImplemented

    def __sub__(self, addend: int) -> Symbolic:
        return self + -addend


@dataclass(frozen=True, slots=True)
class Address:
    """The address of VM code or data plus `addend` bytes, known only at emit time."""

    name: str
    addend: int = 0

    def __add__(self, addend: int) -> Address:
        return replace(self, addend=self.addend + addend)


@dataclass(frozen=True, slots=True)
class Label:
    """A position in this piece of code plus `addend` bytes."""

    name: str
    addend: int = 0

    def __add__(self, addend: int) -> Label:
        return replace(self, addend=self.addend + addend)


@dataclass(frozen=True, slots=True, kw_only=False)
class Memory:
    """A memory operand: [segment: base + index*scale + displacement], or rip-relative to `target`.

    size: bytes accessed, None when the instruction says (and for instructions such as lea that access nothing).
    broadcast: number of elements one element of `size` bytes is repeated to ({1to8}), 0 for none.
    base and index are 64-bit registers (32-bit ones truncate the address); index may be a vector register (gather,
    scatter).
    """

    base: Register | None = None
    index: Register | None = None
    scale: int = 1
    displacement: int | Symbolic = 0
    size: int | None = None
    segment: Register | None = None
    target: Address | Label | None = None
    broadcast: int = 0

    def __post_init__(self) -> None:
        base, index = self.base, self.index
        if isinstance(self.displacement, Symbol):
            object.__setattr__(self, "displacement", Symbolic(self.displacement))
        if self.target is not None:
            if base is not None or index is not None:
                raise OperandError(f"{self.target.name}: a rip-relative address has no other base or index")
            if not isinstance(self.displacement, int):
                raise OperandError(
                    f"{self.target.name}: a rip-relative address cannot have a JIT-time displacement as well"
                )
            if self.displacement:
                object.__setattr__(self, "target", self.target + self.displacement)
                object.__setattr__(self, "displacement", 0)
        if base is not None and base.kind not in _BASES:
            raise OperandError(f"{base.name} cannot be a base register: use a 64-bit general register")
        if index is None:
            if self.scale != 1:
                object.__setattr__(self, "scale", 1)
            return
        if index.number == 4 and index.kind in _GENERAL:
            raise OperandError(f"{index.name} cannot be an index register: make it the base, or use another register")
        if index.kind not in _INDICES:
            raise OperandError(f"{index.name} cannot be an index register: use a 64-bit general or a vector register")
        if self.scale not in (1, 2, 4, 8):
            raise OperandError(f"scale {self.scale} of {index.name}: only 1, 2, 4 and 8 exist")
        if base is not None and index.kind in _GENERAL and base.kind != index.kind:
            raise OperandError(f"{base.name} and {index.name}: base and index must have the same width")

    def __add__(self, other: Memory | Register | Symbol | Symbolic | int) -> Memory:
        match other:
            case int() if isinstance(self.displacement, int):
                return replace(self, displacement=self.displacement + other)
            case int():
                return replace(self, displacement=self.displacement + other)
            case Symbol() | Symbolic() if isinstance(self.displacement, int):
                return replace(self, displacement=other + self.displacement)
            case Symbol() | Symbolic():
                raise OperandError(f"{other}: an address has one JIT-time displacement at most")
            case Register():
                return self + address(other)
            case Memory():
                return _sum(self, other)
        return NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> Memory:
        return self + -other

    def __call__(self, mask: Register) -> Masked:
        return Masked(self, mask)


_GENERAL = frozenset({"r64", "r32"})
_BASES = frozenset({"r64", "r32", "rip"})
_INDICES = frozenset({"r64", "r32", "xmm", "ymm", "zmm"})


def address(value: object) -> Memory:
    """A register, number, symbol, place, or Memory, as a Memory (of unknown size, unless it has one)."""
    match value:
        case Memory():
            return value
        case Register():
            return Memory(base=value) if value.kind in _BASES else Memory(index=value)
        case int() | Symbol() | Symbolic():
            return Memory(displacement=value)  # type: ignore[arg-type]  # __post_init__ takes a Symbol too
        case Address() | Label():
            return Memory(target=value)
        case [inner]:
            return address(inner)
    raise OperandError(f"{value!r} is not an address")


def _sum(a: Memory, b: Memory) -> Memory:
    bases = [r for r in (a.base, b.base) if r is not None]
    indices = [(m.index, m.scale) for m in (a, b) if m.index is not None]
    if len(bases) == 2 and not indices:  # rsp can only be a base
        bases.sort(key=lambda r: r.number != 4)
        indices.append((bases.pop(), 1))
    if len(bases) > 1 or len(indices) > 1:
        raise OperandError("an address has one base and one index at most")
    plain = replace(a, base=bases[0] if bases else None, index=indices[0][0] if indices else None,
                    scale=indices[0][1] if indices else 1)  # fmt: skip
    return plain + b.displacement


@dataclass(frozen=True, slots=True)
class Masked:
    """An operand under an AVX-512 mask register; `zeroing` clears the elements left out instead of keeping them."""

    operand: Register | Memory
    mask: Register
    zeroing: bool = False

    def __post_init__(self) -> None:
        if self.mask.kind != "k" or self.mask.number == 0:
            raise OperandError(f"{self.mask.name} cannot be a mask: use k1 … k7")

    @property
    def z(self) -> Masked:
        return replace(self, zeroing=True)


class Rounding(Enum):
    """The trailing AVX-512 operand that sets the rounding mode or only suppresses exceptions."""

    RN_SAE = "rn-sae"
    RD_SAE = "rd-sae"
    RU_SAE = "ru-sae"
    RZ_SAE = "rz-sae"
    SAE = "sae"


def in_text_order(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    """Operands as text has them: a rounding mode stands before a trailing immediate or general-register source."""
    if not operands or not isinstance(operands[-1], Rounding):
        return operands
    *others, rounding = operands
    position = len(others)
    while position > 2 and (
        isinstance(others[position - 1], int) or getattr(others[position - 1], "kind", "") in ("r32", "r64")
    ):
        position -= 1
    return (*others[:position], rounding, *others[position:])


@dataclass(frozen=True, slots=True)
class SizeKeyword:
    """`dword[rax + 8]` is a Memory of 4 bytes."""

    name: str
    size: int

    def __getitem__(self, value: object) -> Memory:
        return replace(address(value), size=self.size)


byte = SizeKeyword("byte", 1)
word = SizeKeyword("word", 2)
dword = SizeKeyword("dword", 4)
fword = SizeKeyword("fword", 6)
qword = SizeKeyword("qword", 8)
tbyte = SizeKeyword("tbyte", 10)
oword = SizeKeyword("oword", 16)
yword = SizeKeyword("yword", 32)
zword = SizeKeyword("zword", 64)
SIZE_KEYWORDS: dict[str, SizeKeyword] = {
    k.name: k for k in (byte, word, dword, fword, qword, tbyte, oword, yword, zword)
}

Operand: TypeAlias = Register | Memory | Masked | Rounding | int | Symbolic | Address | Label
