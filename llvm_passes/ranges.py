"""Interval analysis: conservative bounds of a JIT-time expression from the widths of its holes.

A value of n bits has two readings, and the bound that matters depends on who asks: a displacement is signed, a narrow
immediate unsigned. Both intervals are carried side by side; each operation computes the one it is natural in and the
other is derived where the sign bit is known. Bounds hold for the total evaluation of `expression.py`, wrap included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from llvm_passes.expression import Const, Hole, JitExpr, Operation, SymbolAddress, to_signed


@dataclass(frozen=True, slots=True)
class Range:
    """Inclusive bounds of a `bits`-bit value, read as unsigned [low, high] and as signed [signed_low, signed_high]."""

    bits: int
    low: int
    high: int
    signed_low: int
    signed_high: int


def full(bits: int) -> Range:
    """Every value of the width."""
    half = 1 << (bits - 1)
    return Range(bits, 0, 2 * half - 1, -half, half - 1)


def unsigned(bits: int, low: int, high: int) -> Range:
    """The values whose unsigned reading lies in [low, high]; everything when that does not fit the width."""
    if low < 0 or high >= 1 << bits:
        return full(bits)
    half = 1 << (bits - 1)
    if (low < half) == (high < half):
        return Range(bits, low, high, to_signed(low, bits), to_signed(high, bits))
    return Range(bits, low, high, -half, half - 1)


def signed(bits: int, low: int, high: int) -> Range:
    """The values whose signed reading lies in [low, high]; everything when that does not fit the width."""
    half = 1 << (bits - 1)
    if low < -half or high >= half:
        return full(bits)
    if (low < 0) == (high < 0):
        return Range(bits, low % (2 * half), high % (2 * half), low, high)
    return Range(bits, 0, 2 * half - 1, low, high)


def meet(a: Range, b: Range) -> Range:
    """The values in both; `a` when there are none: nobody will ask."""
    met = Range(
        a.bits,
        max(a.low, b.low),
        min(a.high, b.high),
        max(a.signed_low, b.signed_low),
        min(a.signed_high, b.signed_high),
    )
    return met if met.low <= met.high and met.signed_low <= met.signed_high else a


def disjoint(a: Range, b: Range) -> bool:
    """Whether no value is in both."""
    return a.low > b.high or b.low > a.high or a.signed_low > b.signed_high or b.signed_low > a.signed_high


def _both(bits: int, low: int, high: int, signed_low: int, signed_high: int) -> Range:
    return meet(unsigned(bits, low, high), signed(bits, signed_low, signed_high))


def range_of(
    expression: JitExpr,
    holes: Mapping[str, tuple[int, int]] | None = None,
    known: Mapping[JitExpr, Range] | None = None,
) -> Range:
    """Bounds of `expression`; `holes` narrows named holes to inclusive ranges (of the signed reading where low < 0), and
    `known` any expression in it.
    """
    bounds = _range_of(expression, holes, known)
    promised = known.get(expression) if known else None
    return bounds if promised is None else meet(bounds, promised)


def _range_of(
    expression: JitExpr, holes: Mapping[str, tuple[int, int]] | None, known: Mapping[JitExpr, Range] | None
) -> Range:
    match expression:
        case Hole(_, bits, _, "float" | "double"):
            return full(bits)  # a range is of numbers, this is a bit pattern
        case Hole(name, bits):
            low, high = (holes or {}).get(name, (0, (1 << bits) - 1))
            return signed(bits, low, high) if low < 0 else unsigned(bits, low, high)
        case Const(bits, value):
            return unsigned(bits, value, value)
        case SymbolAddress():
            return full(64)
        case Operation(opcode, bits, operands):
            ranges = [range_of(operand, holes, known) for operand in operands]
            if opcode.startswith("icmp."):
                return _compare(opcode.removeprefix("icmp."), ranges[0], ranges[1])
            rule = _RULES.get(opcode)
            return rule(bits, *ranges) if rule else full(bits)
    raise TypeError(f"not a JIT-time expression: {expression!r}")


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
    return _mul(bits, a, Range(bits, 1 << b.low, 1 << b.high, 1 << b.low, 1 << b.high))


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
    return unsigned(bits, 0, min(a.high, b.high))


def _or(bits: int, a: Range, b: Range) -> Range:
    return unsigned(bits, max(a.low, b.low), (1 << max(a.high.bit_length(), b.high.bit_length())) - 1)


def _xor(bits: int, a: Range, b: Range) -> Range:
    if b.low == (1 << bits) - 1:
        return _sub(bits, b, a)  # ~x is -1 - x
    return unsigned(bits, 0, (1 << max(a.high.bit_length(), b.high.bit_length())) - 1)


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
    )


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
    "select": lambda bits, condition, a, b: _join(bits, a, b),
    "umin": _pick(min, None),
    "umax": _pick(max, None),
    "smin": _pick(None, min),
    "smax": _pick(None, max),
    "abs": _abs,
    "ctpop": lambda bits, a: unsigned(bits, 0, min(bits, a.high.bit_length())),
    "ctlz": lambda bits, a: unsigned(bits, bits - a.high.bit_length(), bits - a.low.bit_length()),
    "cttz": lambda bits, a: unsigned(bits, 0, bits),
    "uadd.sat": _uadd_sat,
    "usub.sat": _usub_sat,
    "ucmp": lambda bits, a, b: signed(bits, -1, 1),
    "scmp": lambda bits, a, b: signed(bits, -1, 1),
}
