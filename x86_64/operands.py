"""What an instruction's operands can be besides registers: memory, JIT-time values, addresses, labels, masks.

A `Symbol` is a number that only the running JIT knows; here it is just a name and a range. An `Address` is the place
of something in the VM, a `Label` a place in this piece of code. None of the three has bytes yet:
`Instruction.encodings` says where they go.

    qword[r12 + rax*8 + 16]       Memory of 8 bytes          [rsi + 8]                  size known from the instruction
    qword[r12 + Symbol("E0", 16, 524296)]                    Memory(target=Address("Float_Type"))     rip-relative
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, ClassVar, NamedTuple, NoReturn, TypeAlias

from x86_64.errors import OperandError
from x86_64.registers import Register, Zeroing


def unfrozen(cls: type) -> type[Any]:
    """A class of the same slots as the frozen dataclass, to be filled and then made one by setting `__class__`.

    This takes a quarter of the time of a frozen dataclass's own `__init__`.
    """
    return type(f"Unfrozen{cls.__name__}", (), {"__slots__": tuple(field.name for field in fields(cls))})


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
    shape: ClassVar[str] = "symbol"

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
    shape: ClassVar[str] = "address"

    def __add__(self, addend: int) -> Address:
        return replace(self, addend=self.addend + addend)


@dataclass(frozen=True, slots=True)
class Label:
    """A position in this piece of code plus `addend` bytes."""

    name: str
    addend: int = 0
    shape: ClassVar[str] = "label"

    def __add__(self, addend: int) -> Label:
        return replace(self, addend=self.addend + addend)


class MemoryShape(NamedTuple):
    """What selection goes by.

    vector: "xmm", "ymm" or "zmm" if the index is one. place: "rip", "absolute" (neither base nor index) or "".
    plain: 64-bit registers up to r15, no segment override, and a displacement that is a number. high: r16 … r31.
    """

    size: int | None
    broadcast: int
    vector: str
    place: str
    plain: bool
    high: bool = False


@dataclass(frozen=True, slots=True, init=False)
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
    shape: MemoryShape = field(init=False, repr=False, compare=False)

    def __new__(
        cls,
        base: Register | None = None,
        index: Register | None = None,
        scale: int = 1,
        displacement: int | Symbol | Symbolic = 0,
        size: int | None = None,
        segment: Register | None = None,
        target: Address | Label | None = None,
        broadcast: int = 0,
    ) -> Memory:
        plain = segment is None
        high = False
        place = vector = ""
        if base is not None and base not in _PLAIN_REGISTERS:
            plain = False
            high = base.number > 15
            if base.kind == "rip":
                place = "rip"
            elif base.kind not in _BASES:
                raise OperandError(f"{base.name} cannot be a base register: use a 64-bit general register")
        if index is None:
            scale = 1
            if base is None:
                plain, place = False, "absolute"
        else:
            if index not in _PLAIN_REGISTERS:
                vector = _VECTOR[index.kind] if index.kind in _VECTOR else _refuse_index(index)
                plain = plain and vector != ""
                high = high or (not vector and index.number > 15)
            if scale not in _SCALES:
                raise OperandError(f"scale {scale} of {index.name}: only 1, 2, 4 and 8 exist")
            if not vector:
                if index.number == 4:
                    _refuse_index(index)
                if base is not None and base.kind != index.kind:
                    raise OperandError(f"{base.name} and {index.name}: base and index must have the same width")
        if type(displacement) is not int:
            plain = False
            if isinstance(displacement, Symbol):
                displacement = Symbolic(displacement)
        if target is not None:
            plain, place = False, "rip"
            target, displacement = _relative(target, base, index, displacement)
        known = (
            _PLAIN_SHAPES.get(size)
            if plain and not vector and not broadcast
            else _SHAPES.get((size, broadcast, vector, place, plain, high))
        )
        if known is None:
            known = MemoryShape(size, broadcast, vector, place, plain, high)
            _SHAPES[known] = known
        memory = _UnfrozenMemory()
        memory.base = base
        memory.index = index
        memory.scale = scale
        memory.displacement = displacement
        memory.size = size
        memory.segment = segment
        memory.target = target
        memory.broadcast = broadcast
        memory.shape = known
        memory.__class__ = Memory
        return memory  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[object, ...]:
        return Memory, (
            self.base, self.index, self.scale, self.displacement, self.size, self.segment, self.target, self.broadcast,
        )  # fmt: skip

    def _but(self, displacement: int | Symbol | Symbolic, size: int | None) -> Memory:
        """The same with another displacement and size."""
        return Memory(self.base, self.index, self.scale, displacement, size, self.segment, self.target, self.broadcast)

    def sized(self, size: int | None) -> Memory:
        """The same with another size."""
        return self if self.size == size else self._but(self.displacement, size)

    def __add__(self, other: Memory | Register | Symbol | Symbolic | int) -> Memory:
        if type(other) is int and self.shape is _UNSIZED:
            return _plain(self.base, self.index, self.scale, self.displacement + other, None, _UNSIZED)
        if isinstance(other, int):
            return self._but(self.displacement + other, self.size)
        if isinstance(other, Register):
            other = address(other)
        if isinstance(other, Memory):
            return _sum(self, other)
        if not isinstance(other, Symbol | Symbolic):
            return NotImplemented
        if not isinstance(self.displacement, int):
            raise OperandError(f"{other}: an address has one JIT-time displacement at most")
        return self._but(other + self.displacement, self.size)

    __radd__ = __add__

    def __sub__(self, other: int) -> Memory:
        return self + -other

    def __call__(self, mask: Register | Zeroing) -> Masked:
        return Masked(self, mask) if isinstance(mask, Register) else Masked(self, mask.mask, True)


_PLAIN_SHAPES: dict[int | None, MemoryShape] = {
    size: MemoryShape(size, 0, "", "", True) for size in (None, 1, 2, 4, 6, 8, 10, 16, 32, 64)
}
_UNSIZED = _PLAIN_SHAPES[None]
_SHAPES: dict[tuple[int | None, int, str, str, bool, bool], MemoryShape] = {}
_BASES = frozenset({"r64", "r32", "rip"})
_PLAIN_REGISTERS = frozenset(Register.named(name) for name in (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{number}" for number in range(8, 16)),
))  # fmt: skip
_VECTOR = {"r64": "", "r32": "", "xmm": "xmm", "ymm": "ymm", "zmm": "zmm"}
_SCALES = frozenset({1, 2, 4, 8})
_UnfrozenMemory = unfrozen(Memory)


def _plain(
    base: Register | None, index: Register | None, scale: int, displacement: Any, size: int | None, shape: MemoryShape
) -> Memory:
    """The Memory of fields that are known to go together, of a plain shape."""
    memory = _UnfrozenMemory()
    memory.base = base
    memory.index = index
    memory.scale = scale
    memory.displacement = displacement
    memory.size = size
    memory.segment = None
    memory.target = None
    memory.broadcast = 0
    memory.shape = shape
    memory.__class__ = Memory
    return memory  # type: ignore[no-any-return]


def based(base: Register, offset: Memory) -> Memory:
    """base + offset, as `rbx + rcx*4` has it."""
    if offset.base is None and offset.shape is _UNSIZED and base in _PLAIN_REGISTERS:
        return _plain(base, offset.index, offset.scale, offset.displacement, None, _UNSIZED)
    return _sum(address(base), offset)


def _refuse_index(index: Register) -> NoReturn:
    if index.number == 4 and index.kind in ("r64", "r32"):
        raise OperandError(f"{index.name} cannot be an index register: make it the base, or use another register")
    raise OperandError(f"{index.name} cannot be an index register: use a 64-bit general or a vector register")


def _relative(
    target: Address | Label, base: Register | None, index: Register | None, displacement: int | Symbolic
) -> tuple[Address | Label, int]:
    """A target with the displacement added to it, and none left."""
    if base is not None or index is not None:
        raise OperandError(f"{target.name}: a rip-relative address has no other base or index")
    if not isinstance(displacement, int):
        raise OperandError(f"{target.name}: a rip-relative address cannot have a JIT-time displacement as well")
    return target + displacement if displacement else target, 0


def address(value: object) -> Memory:
    """A register, number, symbol, place, or Memory, as a Memory (of unknown size, unless it has one)."""
    if isinstance(value, Memory):
        return value
    if isinstance(value, Register):
        return Memory(base=value) if value.kind in _BASES else Memory(index=value)
    match value:
        case int() | Symbol() | Symbolic():
            return Memory(displacement=value)
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
    base = bases[0] if bases else None
    index, scale = indices[0] if indices else (None, 1)
    plain = Memory(base, index, scale, a.displacement, a.size, a.segment, a.target, a.broadcast)
    return plain + b.displacement if b.displacement != 0 else plain


@dataclass(frozen=True, slots=True, init=False)
class Masked:
    """An operand under an AVX-512 mask register; `zeroing` clears the elements left out instead of keeping them."""

    operand: Register | Memory
    mask: Register
    zeroing: bool = False
    shape: tuple[str, str | MemoryShape, bool] = field(init=False, repr=False, compare=False)

    def __new__(cls, operand: Register | Memory, mask: Register, zeroing: bool = False) -> Masked:
        if mask.kind != "k" or mask.number == 0:
            raise OperandError(f"{mask.name} cannot be a mask: use k1 … k7")
        masked = _UnfrozenMasked()
        masked.operand = operand
        masked.mask = mask
        masked.zeroing = zeroing
        masked.shape = ("k", operand.shape, zeroing)
        masked.__class__ = Masked
        return masked  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[object, ...]:
        return Masked, (self.operand, self.mask, self.zeroing)

    @property
    def z(self) -> Masked:
        return Masked(self.operand, self.mask, True)


_UnfrozenMasked = unfrozen(Masked)


class Rounding(Enum):
    """The trailing AVX-512 operand that sets the rounding mode or only suppresses exceptions."""

    RN_SAE = "rn-sae"
    RD_SAE = "rd-sae"
    RU_SAE = "ru-sae"
    RZ_SAE = "rz-sae"
    SAE = "sae"

    @property
    def shape(self) -> str:
        return "{sae}" if self is Rounding.SAE else "{er}"


@dataclass(frozen=True, slots=True)
class DefaultFlags:
    """What ccmp and ctest set the flags to when their condition is false: `dfv("zf", "cf")`, of of, sf, zf and cf.

    bits: as the encoding has them, OF SF ZF CF from 8 down to 1.
    """

    bits: int
    shape: ClassVar[str] = "dfv"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, bit in _DEFAULT_FLAGS.items() if self.bits & bit)


_DEFAULT_FLAGS = {"of": 8, "sf": 4, "zf": 2, "cf": 1}


def dfv(*names: str) -> DefaultFlags:
    """The default flags of ccmp and ctest that are set; the others of the four are cleared."""
    unknown = [name for name in names if name not in _DEFAULT_FLAGS]
    if unknown:
        raise OperandError(f"{unknown[0]!r} is no default flag: there are {', '.join(_DEFAULT_FLAGS)}")
    return DefaultFlags(sum({_DEFAULT_FLAGS[name] for name in names}))


# As operands these may stand in braces: VADDPS(zmm0, zmm1, zmm2, {rn_sae}).
rn_sae, rd_sae, ru_sae, rz_sae, sae = Rounding


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
    """`dword[rax + 8]` is a Memory of 4 bytes; `dword.to16[rax + 64]` is one repeated to 16 elements."""

    name: str
    size: int
    broadcast: int = 0

    def __getitem__(self, value: object) -> Memory:
        m = value if type(value) is Memory else address(value)
        if m.shape is _UNSIZED and not self.broadcast:
            return _plain(m.base, m.index, m.scale, m.displacement, self.size, _PLAIN_SHAPES[self.size])
        return Memory(m.base, m.index, m.scale, m.displacement, self.size, m.segment, m.target, self.broadcast)

    @property
    def to2(self) -> SizeKeyword:
        return replace(self, broadcast=2)

    @property
    def to4(self) -> SizeKeyword:
        return replace(self, broadcast=4)

    @property
    def to8(self) -> SizeKeyword:
        return replace(self, broadcast=8)

    @property
    def to16(self) -> SizeKeyword:
        return replace(self, broadcast=16)

    @property
    def to32(self) -> SizeKeyword:
        return replace(self, broadcast=32)


byte = SizeKeyword("byte", 1)
word = SizeKeyword("word", 2)
dword = SizeKeyword("dword", 4)
fword = SizeKeyword("fword", 6)
qword = SizeKeyword("qword", 8)
tbyte = SizeKeyword("tbyte", 10)
oword = SizeKeyword("oword", 16)
yword = SizeKeyword("yword", 32)
zword = SizeKeyword("zword", 64)
tword, hword = tbyte, yword  # other names
SIZE_KEYWORDS: dict[str, SizeKeyword] = {
    k.name: k for k in (byte, word, dword, fword, qword, tbyte, oword, yword, zword)
}

Operand: TypeAlias = Register | Memory | Masked | Rounding | DefaultFlags | int | Symbolic | Address | Label
