"""Which values of a JIT-time constant an encoding can hold, and the shortest C condition that tells them.

The key idea: sets of values are sorted disjoint intervals of the `int64_t` constant that the emit function computes.
An encoding's field gives the set it accepts; the declared range of the symbol gives the set that is possible. What
the declared range decides needs no test, and one comparison is enough where only one end is open.
"""

from typing import NamedTuple

from x86_64 import Symbol, Symbolic

__all__ = ["Interval", "Ranges", "condition", "declared", "difference", "holders", "intersection", "literal", "union"]

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1


class Interval(NamedTuple):
    """The integers from low to high, both included."""

    low: int
    high: int


Ranges = tuple[Interval, ...]
"""A set of integers: sorted intervals with at least one integer between any two."""


def union(*sets: Ranges) -> Ranges:
    """The integers that are in any of the sets."""
    merged: list[Interval] = []
    for low, high in sorted(interval for ranges in sets for interval in ranges):
        if merged and low <= merged[-1].high + 1:
            merged[-1] = Interval(merged[-1].low, max(high, merged[-1].high))
        else:
            merged.append(Interval(low, high))
    return tuple(merged)


def intersection(a: Ranges, b: Ranges) -> Ranges:
    """The integers that are in both sets."""
    overlaps = (Interval(max(x.low, y.low), min(x.high, y.high)) for x in a for y in b)
    return union(tuple(overlap for overlap in overlaps if overlap.low <= overlap.high))


def difference(a: Ranges, b: Ranges) -> Ranges:
    """The integers that are in the first set only."""
    for low, high in b:
        pieces = (
            piece
            for x in a
            for piece in (Interval(x.low, min(x.high, low - 1)), Interval(max(x.low, high + 1), x.high))
        )
        a = tuple(piece for piece in pieces if piece.low <= piece.high)
    return a


def declared(symbol: Symbol) -> Ranges:
    """The values of the `int64_t` constant of a symbol: a range above 2⁶³ - 1 is seen as two's complement."""
    modulus = 1 << 64
    return union(
        *(_clip(Interval(symbol.low + shift, symbol.high + shift), INT64_MIN, INT64_MAX) for shift in (-modulus, 0))
    )


def holders(symbolic: Symbolic, low: int, high: int, bits: int) -> Ranges:
    """The values of the symbol's `int64_t` constant for which `symbolic` is a value from low to high.

    The sum of symbol and addend wraps around at `bits` bits and is then taken as signed. The symbol itself must lie
    in [-2^(bits-1), 2^bits), signed or unsigned: of anything else the instruction would drop bits.
    """
    modulus = 1 << bits
    widest = Interval(-modulus // 2, modulus - 1) if bits < 64 else Interval(INT64_MIN, INT64_MAX)
    low, high = max(low, -modulus // 2), min(high, modulus // 2 - 1)
    addend = symbolic.addend % modulus
    return union(
        *(_clip(Interval(low - addend + turn * modulus, high - addend + turn * modulus), *widest) for turn in range(3))
    )


def _clip(interval: Interval, low: int, high: int) -> Ranges:
    return intersection((interval,), (Interval(low, high),))


def condition(name: str, accepted: Ranges, known: Ranges) -> str | None:
    """A C expression that is true iff `name`, known to be in `known`, is in `accepted`; None when it always is.

    `known` must not be empty, nor may the two be disjoint.
    """
    if intersection(accepted, known) == known:
        return None
    hull = Interval(known[0].low, known[-1].high)
    parts = [_between(name, interval, hull) for interval in intersection(accepted, (hull,))]
    return parts[0] if len(parts) == 1 else " || ".join(f"({part})" if "&&" in part else part for part in parts)


def _between(name: str, interval: Interval, hull: Interval) -> str:
    low, high = interval
    if low == high:
        return f"{name} == {literal(low)}"
    above, below = f"{name} >= {literal(low)}", f"{name} <= {literal(high)}"
    if low == hull.low:
        return below
    return above if high == hull.high else f"{above} && {below}"


def literal(value: int) -> str:
    """An integer from -2⁶³ to 2⁶³ - 1 as a C constant of type int, long or int64_t."""
    return "INT64_MIN" if value == INT64_MIN else str(value)
