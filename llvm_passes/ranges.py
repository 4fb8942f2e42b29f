"""Range analysis: what is sure about a JIT-time expression, from the widths of its holes and what is promised of them.

A value of n bits has two readings, and the bound that matters depends on who asks: a displacement is signed, a narrow
immediate unsigned. Beside both intervals stand the bits that are known (`known_bits.py`): `x & ~7` has no better interval
than x, and a pointer with a tag no better bits than its tag. The key idea is that each of the three sharpens the others:
each operation has rules in those that it is natural in, and `_reduced` carries what they say over. Bounds hold for the
total evaluation of `expression.py`, wrap included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llvm_passes import known_bits
from llvm_passes.expression import Const, Hole, JitExpr, Operation, SymbolAddress, to_signed
from llvm_passes.known_bits import Bits


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds of a `bits`-bit value, read as unsigned [low, high] and as signed [signed_low, signed_high], and its
    known bits.
    """

    bits: int
    low: int
    high: int
    signed_low: int
    signed_high: int
    known: Bits


@dataclass(frozen=True, slots=True)
class Promise:
    """What the configuration says about a hole: inclusive bounds (of the signed reading where low < 0), and a power of two
    that divides it.
    """

    low: int = 0
    high: int = (1 << 64) - 1
    multiple_of: int = 1

    @property
    def is_bounded(self) -> bool:
        """Whether it says more than any 64-bit value does."""
        return (self.low, self.high) != (0, (1 << 64) - 1)


def full(bits: int) -> Range:
    """Every value of the width."""
    half = 1 << (bits - 1)
    return Range(bits, 0, 2 * half - 1, -half, half - 1, Bits(bits))


def unsigned(bits: int, low: int, high: int) -> Range:
    """The values whose unsigned reading lies in [low, high]; everything when that does not fit the width."""
    if low < 0 or high >= 1 << bits:
        return full(bits)
    half = 1 << (bits - 1)
    known = known_bits.of_interval(bits, low, high)
    if (low < half) == (high < half):
        return Range(bits, low, high, to_signed(low, bits), to_signed(high, bits), known)
    return Range(bits, low, high, -half, half - 1, known)


def signed(bits: int, low: int, high: int) -> Range:
    """The values whose signed reading lies in [low, high]; everything when that does not fit the width."""
    half = 1 << (bits - 1)
    if low < -half or high >= half:
        return full(bits)
    if (low < 0) == (high < 0):
        return unsigned(bits, low % (2 * half), high % (2 * half))
    return Range(bits, 0, 2 * half - 1, low, high, Bits(bits))


def with_bits(bits: int, known: Bits) -> Range:
    """The values that have these bits."""
    return meet(full(bits), Range(bits, *_full_bounds(bits), known))


def multiples(bits: int, factor: int) -> Range:
    """The multiples of a power of two."""
    return with_bits(bits, Bits(bits, (factor - 1) & ((1 << bits) - 1)))


def meet(a: Range, b: Range) -> Range:
    """The values in both; `a` when there are none: nobody will ask."""
    known = known_bits.meet(a.known, b.known)
    if known is None:
        return a
    met = _reduced(
        a.bits,
        max(a.low, b.low),
        min(a.high, b.high),
        max(a.signed_low, b.signed_low),
        min(a.signed_high, b.signed_high),
        known,
    )
    return met or a


def disjoint(a: Range, b: Range) -> bool:
    """Whether no value is in both."""
    return (
        a.low > b.high
        or b.low > a.high
        or a.signed_low > b.signed_high
        or b.signed_low > a.signed_high
        or known_bits.conflict(a.known, b.known)
    )


def _full_bounds(bits: int) -> tuple[int, int, int, int]:
    half = 1 << (bits - 1)
    return 0, 2 * half - 1, -half, half - 1


def _reduced(bits: int, low: int, high: int, signed_low: int, signed_high: int, known: Bits) -> Range | None:
    """What bounds and known bits say together; None if no value is left."""
    half = 1 << (bits - 1)
    for _ in range(2):
        if low > high or signed_low > signed_high:
            return None
        # from one reading to the other, where an interval is on one side of the sign's change
        if (low < half) == (high < half):
            signed_low, signed_high = max(signed_low, to_signed(low, bits)), min(signed_high, to_signed(high, bits))
        if (signed_low < 0) == (signed_high < 0):
            low, high = max(low, signed_low % (2 * half)), min(high, signed_high % (2 * half))
        if low > high or signed_low > signed_high:
            return None
        both = known_bits.meet(known, known_bits.of_interval(bits, low, high))
        if both is None:
            return None
        known = both
        if not known.known:
            break
        # each end moves to the nearest value that has these bits; biased by the sign, signed numbers are in order
        ends = known.least(low), known.greatest(high)
        biased = Bits(bits, *_exchanged(known, half))
        signed_ends = biased.least(signed_low + half), biased.greatest(signed_high + half)
        if ends[0] is None or ends[1] is None or signed_ends[0] is None or signed_ends[1] is None:
            return None
        moved = ends[0], ends[1], signed_ends[0] - half, signed_ends[1] - half
        if moved == (low, high, signed_low, signed_high):
            break
        low, high, signed_low, signed_high = moved
    return Range(bits, low, high, signed_low, signed_high, known) if low <= high and signed_low <= signed_high else None


def _exchanged(known: Bits, bit: int) -> tuple[int, int]:
    """The masks after that bit is flipped."""
    return known.zeros & ~bit | known.ones & bit, known.ones & ~bit | known.zeros & bit


def _both(bits: int, low: int, high: int, signed_low: int, signed_high: int) -> Range:
    return meet(unsigned(bits, low, high), signed(bits, signed_low, signed_high))


def range_of(
    expression: JitExpr,
    holes: Mapping[str, Promise] | None = None,
    known: Mapping[JitExpr, Range] | None = None,
) -> Range:
    """Bounds of `expression`; `holes` is promised of named holes, and `known` narrows any expression in it."""
    bounds = _range_of(expression, holes, known)
    promised = known.get(expression) if known else None
    return bounds if promised is None else meet(bounds, promised)


def _range_of(expression: JitExpr, holes: Mapping[str, Promise] | None, known: Mapping[JitExpr, Range] | None) -> Range:
    match expression:
        case Hole(_, bits, _, "float" | "double"):
            return full(bits)  # a promise is about numbers, this is a bit pattern
        case Hole(name, bits):
            return _promised(bits, holes[name]) if holes and name in holes else full(bits)
        case Const(bits, value):
            return unsigned(bits, value, value)
        case SymbolAddress():
            return full(64)
        case Operation(opcode, bits, operands):
            ranges = [range_of(operand, holes, known) for operand in operands]
            if opcode.startswith("icmp."):
                return _compare(opcode.removeprefix("icmp."), ranges[0], ranges[1])
            rule = _RULES.get(opcode)
            bounds = rule(bits, *ranges) if rule else full(bits)
            bit_rule = known_bits.RULES.get(opcode)
            if bit_rule and bounds.low != bounds.high:
                bits_known = bit_rule(bits, *(operand.known for operand in ranges))
                if bits_known.known:
                    bounds = meet(bounds, Range(bits, *_full_bounds(bits), bits_known))
            return bounds
    raise TypeError(f"not a JIT-time expression: {expression!r}")


def _promised(bits: int, promise: Promise) -> Range:
    low, high = promise.low, promise.high
    bounds = signed(bits, low, high) if low < 0 else unsigned(bits, low, high)
    return meet(bounds, multiples(bits, promise.multiple_of)) if promise.multiple_of > 1 else bounds


def _compare(predicate: str, a: Range, b: Range) -> Range:
    """What a comparison of any two such values gives."""
    match predicate:
        case "eq":
            always, never = a.low == a.high == b.low == b.high, disjoint(a, b)
        case "ne":
            always, never = disjoint(a, b), a.low == a.high == b.low == b.high
        case "ugt" | "uge" | "sgt" | "sge":
            return _compare(f"{predicate[0]}l{predicate[2]}", b, a)
        case _:
            a_low, a_high, b_low, b_high = (
                (a.low, a.high, b.low, b.high)
                if predicate[0] == "u"
                else (a.signed_low, a.signed_high, b.signed_low, b.signed_high)
            )
            strict = predicate[2] == "t"
            always = a_high < b_low or (not strict and a_high == b_low)
            never = a_low > b_high or (strict and a_low == b_high)
    return unsigned(1, int(always), int(not never))


def _add(bits: int, a: Range, b: Range) -> Range:
    return _both(bits, a.low + b.low, a.high + b.high, a.signed_low + b.signed_low, a.signed_high + b.signed_high)


def _sub(bits: int, a: Range, b: Range) -> Range:
    return _both(bits, a.low - b.high, a.high - b.low, a.signed_low - b.signed_high, a.signed_high - b.signed_low)


def _mul(bits: int, a: Range, b: Range) -> Range:
    corners = [x * y for x in (a.signed_low, a.signed_high) for y in (b.signed_low, b.signed_high)]
    return _both(bits, a.low * b.low, a.high * b.high, min(corners), max(corners))


def _shl(bits: int, a: Range, b: Range) -> Range:
    if b.high >= bits:
        return full(bits)
    corners = [x << y for x in (a.signed_low, a.signed_high) for y in (b.low, b.high)]
    return _both(bits, a.low << b.low, a.high << b.high, min(corners), max(corners))


def _lshr(bits: int, a: Range, b: Range) -> Range:
    if b.high >= bits:
        return unsigned(bits, 0, a.high)
    return unsigned(bits, a.low >> b.high, a.high >> b.low)


def _ashr(bits: int, a: Range, b: Range) -> Range:
    if b.high >= bits:
        return signed(bits, min(a.signed_low, 0), max(a.signed_high, 0))
    corners = [x >> y for x in (a.signed_low, a.signed_high) for y in (b.low, b.high)]
    return signed(bits, min(corners), max(corners))


def _and(bits: int, a: Range, b: Range) -> Range:
    result = unsigned(bits, 0, min(a.high, b.high))
    mask = b.signed_low
    if b.low == b.high and mask < 0 and mask & -mask == -mask:  # rounds down to a multiple, which keeps the order
        rounded = _both(bits, a.low & b.low, a.high & b.low, a.signed_low & mask, a.signed_high & mask)
        result = meet(result, rounded)
    return result


def _or(bits: int, a: Range, b: Range) -> Range:
    result = unsigned(bits, max(a.low, b.low), (1 << max(a.high.bit_length(), b.high.bit_length())) - 1)
    return meet(result, _add(bits, a, b)) if known_bits.disjoint(a.known, b.known) else result


def _xor(bits: int, a: Range, b: Range) -> Range:
    if b.low == (1 << bits) - 1:
        return _sub(bits, b, a)  # ~x is -1 - x
    result = unsigned(bits, 0, (1 << max(a.high.bit_length(), b.high.bit_length())) - 1)
    return meet(result, _add(bits, a, b)) if known_bits.disjoint(a.known, b.known) else result


def _udiv(bits: int, a: Range, b: Range) -> Range:
    return unsigned(bits, 0 if b.low == 0 else a.low // b.high, a.high // max(b.low, 1))


def _urem(bits: int, a: Range, b: Range) -> Range:
    return unsigned(bits, 0, min(a.high, max(b.high - 1, 0)))


def _srem(bits: int, a: Range, b: Range) -> Range:
    bound = max(abs(b.signed_low), abs(b.signed_high), 1) - 1
    return signed(bits, max(min(a.signed_low, 0), -bound), min(max(a.signed_high, 0), bound))


def _sdiv(bits: int, a: Range, b: Range) -> Range:
    bound = max(abs(a.signed_low), abs(a.signed_high))  # exceeds the width for the smallest number: then everything
    low = 0 if a.signed_low >= 0 and b.signed_low >= 0 else -bound
    return signed(bits, low, bound)


def _join(bits: int, a: Range, b: Range) -> Range:
    return Range(
        bits,
        min(a.low, b.low),
        max(a.high, b.high),
        min(a.signed_low, b.signed_low),
        max(a.signed_high, b.signed_high),
        known_bits.join(a.known, b.known),
    )


def _select(bits: int, condition: Range, a: Range, b: Range) -> Range:
    if condition.low == condition.high:
        return a if condition.low else b
    return _join(bits, a, b)


def _ctpop(bits: int, a: Range) -> Range:
    return unsigned(bits, a.known.ones.bit_count(), min(a.known.highest.bit_count(), a.high.bit_length()))


def _cttz(bits: int, a: Range) -> Range:
    ones = a.known.ones
    highest = (ones & -ones).bit_length() - 1 if ones else bits if a.low == 0 else bits - 1
    return unsigned(bits, known_bits.trailing_zeros(a.known), highest)


def _pick(unsigned_pick: Callable[[int, int], int] | None, signed_pick: Callable[[int, int], int] | None) -> Rule:
    def rule(bits: int, a: Range, b: Range) -> Range:
        joined = _join(bits, a, b)
        if unsigned_pick:
            return meet(joined, unsigned(bits, unsigned_pick(a.low, b.low), unsigned_pick(a.high, b.high)))
        assert signed_pick is not None
        low, high = signed_pick(a.signed_low, b.signed_low), signed_pick(a.signed_high, b.signed_high)
        return meet(joined, signed(bits, low, high))

    return rule


def _abs(bits: int, a: Range) -> Range:
    if a.signed_low == -1 << (bits - 1):
        return unsigned(bits, 0, 1 << (bits - 1))
    low = 0 if a.signed_low <= 0 <= a.signed_high else min(abs(a.signed_low), abs(a.signed_high))
    return unsigned(bits, low, max(abs(a.signed_low), abs(a.signed_high)))


def _uadd_sat(bits: int, a: Range, b: Range) -> Range:
    top = (1 << bits) - 1
    return unsigned(bits, min(a.low + b.low, top), min(a.high + b.high, top))


def _usub_sat(bits: int, a: Range, b: Range) -> Range:
    return unsigned(bits, max(a.low - b.high, 0), max(a.high - b.low, 0))


def _trunc(bits: int, a: Range) -> Range:
    by_unsigned = unsigned(bits, a.low, a.high)
    by_signed = signed(bits, a.signed_low, a.signed_high)
    return meet(by_unsigned, by_signed)


Rule = Callable[..., Range]

_RULES: dict[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "shl": _shl,
    "lshr": _lshr,
    "ashr": _ashr,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "udiv": _udiv,
    "urem": _urem,
    "sdiv": _sdiv,
    "srem": _srem,
    "zext": lambda bits, a: unsigned(bits, a.low, a.high),
    "sext": lambda bits, a: signed(bits, a.signed_low, a.signed_high),
    "trunc": _trunc,
    "select": _select,
    "umin": _pick(min, None),
    "umax": _pick(max, None),
    "smin": _pick(None, min),
    "smax": _pick(None, max),
    "abs": _abs,
    "ctpop": _ctpop,
    "ctlz": lambda bits, a: unsigned(bits, bits - a.high.bit_length(), bits - a.low.bit_length()),
    "cttz": _cttz,
    "uadd.sat": _uadd_sat,
    "usub.sat": _usub_sat,
    "ucmp": lambda bits, a, b: signed(bits, -1, 1),
    "scmp": lambda bits, a, b: signed(bits, -1, 1),
}
