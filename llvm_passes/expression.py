"""JIT-time expressions: what a stencil computes from its holes alone.

The key idea: everything a micro-op derives from its operands (`oparg * 8 + 16`, `operand == 0 ? 3 : 1`) is a constant
by the time machine code is written. Such a computation is held here as a small typed tree with exact bit widths, taken
from LLVM IR operation by operation, so that it can be rendered as C, evaluated in Python, or bounded by intervals.

Evaluation is total. Where LLVM says *poison* or *undefined behaviour* the stencil cannot depend on the result, yet the
emitter computes it anyway (a guarded path still has its constants), so each operation has a harmless answer:

- a shift amount counts modulo the width;
- a division by zero gives 0; the smallest signed number divided by -1 wraps to itself (remainder 0);
- no-wrap flags do not exist: arithmetic wraps;
- `ctlz` and `cttz` of 0 give the width, `abs` of the smallest signed number wraps to itself.

Values are unsigned Python integers in [0, 2**bits); pointers are 64-bit integers, `double` and `float` holes their
bit patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

HoleKind = Literal["integer", "pointer", "float", "double"]

MAXIMUM_SIZE = 128
"""Largest number of tree nodes an expression may have: shared subterms are repeated in a tree, and 2**n of them would
follow.
"""


ROOM = 8
"""Nodes that later steps may put around an expression (a widening, a constant): results of folding leave them free."""


class ExpressionTooLarge(Exception):
    """A tree would exceed MAXIMUM_SIZE; the caller keeps the operation at run time instead."""


@dataclass(frozen=True, slots=True)
class Hole:
    """A named operand of the micro-op. `bits` is 1, 8, 16, 32 or 64; `signed` says how C sees it."""

    name: str
    bits: int
    signed: bool = False
    kind: HoleKind = "integer"
    size = 1

    def evaluate(self, holes: Mapping[str, int], addresses: Mapping[str, int] | None = None) -> int:
        """The hole's value in `holes`, wrapped to its width."""
        return holes[self.name] & ((1 << self.bits) - 1)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Const:
    """An integer constant: 0 <= value < 2**bits."""

    bits: int
    value: int
    size = 1

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1 << self.bits:
            object.__setattr__(self, "value", self.value & ((1 << self.bits) - 1))

    def evaluate(self, holes: Mapping[str, int], addresses: Mapping[str, int] | None = None) -> int:
        return self.value

    def __str__(self) -> str:
        return f"{to_signed(self.value, self.bits) if self.bits > 1 else self.value}"


@dataclass(frozen=True, slots=True)
class SymbolAddress:
    """The 64-bit address of the VM's symbol `name`, plus `addend` bytes (signed)."""

    name: str
    addend: int = 0
    bits = 64
    size = 1

    def evaluate(self, holes: Mapping[str, int], addresses: Mapping[str, int] | None = None) -> int:
        """addresses[name] + addend."""
        return ((addresses or {})[self.name] + self.addend) & ((1 << 64) - 1)

    def __str__(self) -> str:
        return f"&{self.name}{self.addend:+d}" if self.addend else f"&{self.name}"


@dataclass(frozen=True, slots=True)
class Operation:
    """`opcode` (a key of OPERATIONS) applied to `operands`, giving `bits` bits."""

    opcode: str
    bits: int
    operands: tuple[JitExpr, ...]
    size: int = field(init=False, compare=False, repr=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        size = 1 + sum(operand.size for operand in self.operands)
        if size > MAXIMUM_SIZE:
            raise ExpressionTooLarge
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "_hash", hash((self.opcode, self.bits, self.operands)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Operation], tuple[str, int, tuple[JitExpr, ...]]]:
        return Operation, (self.opcode, self.bits, self.operands)  # string hashes differ between processes

    def evaluate(self, holes: Mapping[str, int], addresses: Mapping[str, int] | None = None) -> int:
        """The value for these holes and symbol addresses: total, see the module's head."""
        if self.opcode in QUESTIONS:
            return 0
        values = [operand.evaluate(holes, addresses) for operand in self.operands]
        width = self.operands[-1].bits  # casts and comparisons work at their operands' width
        return OPERATIONS[self.opcode](width, *values) & ((1 << self.bits) - 1)

    def __str__(self) -> str:
        return f"({self.opcode}{self.bits} {' '.join(map(str, self.operands))})"


JitExpr = Hole | Const | SymbolAddress | Operation


def to_signed(value: int, bits: int) -> int:
    """The two's complement reading of an unsigned `bits`-bit value."""
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _signed(operation: Callable[[int, int], int]) -> Callable[[int, int, int], int]:
    return lambda n, a, b: operation(to_signed(a, n), to_signed(b, n))


def _truncated_quotient(a: int, b: int) -> int:
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return -quotient if (a < 0) != (b < 0) else quotient


def _truncated_remainder(a: int, b: int) -> int:
    return 0 if b == 0 else a - b * _truncated_quotient(a, b)


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def _clamp_unsigned(value: int, n: int) -> int:
    return _clamp(value, 0, (1 << n) - 1)


def _clamp_signed(value: int, n: int) -> int:
    return _clamp(value, -1 << (n - 1), (1 << (n - 1)) - 1)


def _trailing_zeros(n: int, a: int) -> int:
    return (a & -a).bit_length() - 1 if a else n


def _three_way(a: int, b: int) -> int:
    return (a > b) - (a < b)


# opcode: f(width of the operands, operand values) -> result, masked to the operation's width by the caller
OPERATIONS: dict[str, Callable[..., int]] = {
    "add": lambda n, a, b: a + b,
    "sub": lambda n, a, b: a - b,
    "mul": lambda n, a, b: a * b,
    "udiv": lambda n, a, b: a // b if b else 0,
    "urem": lambda n, a, b: a % b if b else 0,
    "sdiv": _signed(_truncated_quotient),
    "srem": _signed(_truncated_remainder),
    "shl": lambda n, a, b: a << b % n,
    "lshr": lambda n, a, b: a >> b % n,
    "ashr": lambda n, a, b: to_signed(a, n) >> b % n,
    "and": lambda n, a, b: a & b,
    "or": lambda n, a, b: a | b,
    "xor": lambda n, a, b: a ^ b,
    "zext": lambda n, a: a,
    "sext": lambda n, a: to_signed(a, n),
    "trunc": lambda n, a: a,
    "icmp.eq": lambda n, a, b: a == b,
    "icmp.ne": lambda n, a, b: a != b,
    "icmp.ult": lambda n, a, b: a < b,
    "icmp.ule": lambda n, a, b: a <= b,
    "icmp.ugt": lambda n, a, b: a > b,
    "icmp.uge": lambda n, a, b: a >= b,
    "icmp.slt": _signed(lambda a, b: a < b),
    "icmp.sle": _signed(lambda a, b: a <= b),
    "icmp.sgt": _signed(lambda a, b: a > b),
    "icmp.sge": _signed(lambda a, b: a >= b),
    "select": lambda n, condition, a, b: a if condition else b,
    "umin": lambda n, a, b: min(a, b),
    "umax": lambda n, a, b: max(a, b),
    "smin": _signed(min),
    "smax": _signed(max),
    "abs": lambda n, a: abs(to_signed(a, n)),
    "ctpop": lambda n, a: a.bit_count(),
    "ctlz": lambda n, a: n - a.bit_length(),
    "cttz": _trailing_zeros,
    "bswap": lambda n, a: int.from_bytes(a.to_bytes(n // 8, "little"), "big"),
    "bitreverse": lambda n, a: int(f"{a:0{n}b}"[::-1], 2),
    "fshl": lambda n, a, b, c: ((a << n | b) << c % n) >> n,
    "fshr": lambda n, a, b, c: (a << n | b) >> c % n,
    "uadd.sat": lambda n, a, b: _clamp_unsigned(a + b, n),
    "usub.sat": lambda n, a, b: _clamp_unsigned(a - b, n),
    "ushl.sat": lambda n, a, b: _clamp_unsigned(a << b % n, n),
    "sadd.sat": lambda n, a, b: _clamp_signed(to_signed(a, n) + to_signed(b, n), n),
    "ssub.sat": lambda n, a, b: _clamp_signed(to_signed(a, n) - to_signed(b, n), n),
    "sshl.sat": lambda n, a, b: _clamp_signed(to_signed(a, n) << b % n, n),
    "ucmp": lambda n, a, b: _three_way(a, b),
    "scmp": _signed(_three_way),
}

QUESTIONS = frozenset({"fact.holds", "fact.is_constant", "fact.constant"})
"""Operations that ask the table of facts: their value depends on where in a trace they are evaluated, beside their operands.
Outside of a trace nothing is known, and it is 0.
"""


def operation(opcode: str, bits: int, *operands: JitExpr) -> JitExpr:
    """An Operation, or something simpler that has the same value (constants folded, constant addends gathered).

    Raises ExpressionTooLarge when the tree would exceed MAXIMUM_SIZE nodes.
    """
    if opcode in QUESTIONS:
        return Operation(opcode, bits, operands)
    if all(type(operand) is Const for operand in operands):
        return Const(bits, Operation(opcode, bits, operands).evaluate({}))
    if opcode in _CASTS:
        return _cast(opcode, bits, operands[0])
    if len(operands) == 2 and type(operands[1]) is Const:
        value = operands[1].value
        if (value == 0 and opcode in _ZERO_IS_IDENTITY) or (value == 1 and opcode in _ONE_IS_IDENTITY):
            return operands[0]
        if opcode == "sub":
            opcode, operands = "add", (operands[0], Const(bits, -value))
        if opcode == "add":
            return _add_constant(operands[0], operands[1].evaluate({}))
    elif opcode in _COMMUTATIVE and type(operands[0]) is Const:
        return operation(opcode, bits, operands[1], operands[0])
    elif opcode == "select" and operands[1] == operands[2]:
        return operands[1]
    elif opcode == "select" and type(operands[0]) is Const:
        return operands[1] if operands[0].value else operands[2]
    return Operation(opcode, bits, operands)


_CASTS = frozenset({"zext", "sext", "trunc"})
_COMMUTATIVE = frozenset({"add", "mul", "and", "or", "xor"})
_ZERO_IS_IDENTITY = frozenset({"add", "sub", "or", "xor", "shl", "lshr", "ashr"})
_ONE_IS_IDENTITY = frozenset({"mul", "udiv", "sdiv"})


def _cast(opcode: str, bits: int, operand: JitExpr) -> JitExpr:
    if bits == operand.bits:
        return operand
    if type(operand) is Operation and operand.opcode == opcode:  # zext(zext(x)) == zext(x), and likewise for the others
        return Operation(opcode, bits, operand.operands)
    if opcode == "trunc" and type(operand) is Operation and operand.opcode in ("zext", "sext"):
        inner = operand.operands[0]
        return _cast("trunc" if inner.bits >= bits else operand.opcode, bits, inner)
    return Operation(opcode, bits, (operand,))


def _add_constant(operand: JitExpr, value: int) -> JitExpr:
    """operand + value, gathered with a constant that operand already carries outermost."""
    if type(operand) is SymbolAddress:
        return SymbolAddress(operand.name, to_signed((operand.addend + value) & ((1 << 64) - 1), 64))
    rest, constant = split_constant(operand)
    total = Const(operand.bits, constant + value)
    return Operation("add", operand.bits, (rest, total)) if total.value else rest


def split_constant(expression: JitExpr) -> tuple[JitExpr, int]:
    """(rest, c) with expression == rest + c modulo 2**bits; c is unsigned and 0 when no constant stands outermost."""
    match expression:
        case Operation("add", _, (rest, Const(_, value))):
            return rest, value
        case SymbolAddress(name, addend) if addend:
            return SymbolAddress(name), addend & ((1 << 64) - 1)
    return expression, 0


def add(a: JitExpr, b: JitExpr) -> JitExpr:
    """a + b at their common width, constants outermost."""
    if type(a) is Const or type(b) is Const:
        return operation("add", a.bits, a, b)
    rest_a, constant_a = split_constant(a)
    rest_b, constant_b = split_constant(b)
    return operation("add", a.bits, Operation("add", a.bits, (rest_a, rest_b)), Const(a.bits, constant_a + constant_b))


def scale(expression: JitExpr, factor: int) -> JitExpr:
    """expression * factor at its width, the constant addend outermost: (x + 2) * 8 == x * 8 + 16."""
    rest, constant = split_constant(expression)
    product = operation("mul", rest.bits, rest, Const(rest.bits, factor))
    return operation("add", rest.bits, product, Const(rest.bits, constant * factor))


def negate(expression: JitExpr) -> JitExpr:
    """0 - expression at its width."""
    return operation("sub", expression.bits, Const(expression.bits, 0), expression)


def walk(expression: JitExpr) -> Iterator[JitExpr]:
    """Every node of the tree, the root first."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        if type(node) is Operation:
            stack.extend(node.operands)


def holes_of(expression: JitExpr) -> frozenset[str]:
    """The names of the holes that the expression depends on."""
    return frozenset(node.name for node in walk(expression) if type(node) is Hole)
