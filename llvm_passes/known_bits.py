"""Known bits: which bits of a JIT-time value are 0, and which are 1, whatever its holes hold.

What intervals cannot say (`x & ~7` is a multiple of 8, `p | 1` is odd), masks can: a bit is in `zeros`, in `ones`, or in
neither. The key idea: each operation has one rule over masks, the same for every value the unknown bits may have. Where a
rule needs an amount to shift by, it runs for each amount that is possible and keeps what all of them agree in.

Like the evaluation in `expression.py`, the rules are total: amounts count modulo the width, arithmetic wraps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bits:
    """The bits of a `width`-bit value that are known: masks of those that are 0 and of those that are 1."""

    width: int
    zeros: int = 0
    ones: int = 0

    @property
    def mask(self) -> int:
        """All bits of the width."""
        return (1 << self.width) - 1

    @property
    def known(self) -> int:
        """The bits that are known."""
        return self.zeros | self.ones

    @property
    def highest(self) -> int:
        """The value with 1 in all bits that are not known."""
        return self.mask & ~self.zeros

    def may_be(self, value: int) -> bool:
        """Whether a value agrees with what is known."""
        return not (value & self.zeros or ~value & self.ones)

    def least(self, low: int) -> int | None:
        """The lowest value, not below `low`, that agrees with what is known; None if there is none."""
        conflict = low & self.zeros | ~low & self.ones
        if not conflict:
            return low
        position = conflict.bit_length() - 1
        if not low >> position & 1:  # a 1 is needed: everything below it starts anew
            return low >> position + 1 << position + 1 | self.ones & (2 << position) - 1
        free = ~(low | self.zeros) & self.mask & ~((2 << position) - 1)
        if not free:
            return None
        carry = free & -free
        return low & ~(2 * carry - 1) | carry | self.ones & carry - 1

    def greatest(self, high: int) -> int | None:
        """The highest value, not above `high`, that agrees with what is known; None if there is none."""
        complement = Bits(self.width, self.ones, self.zeros).least(high ^ self.mask)
        return None if complement is None else complement ^ self.mask


def constant(width: int, value: int) -> Bits:
    """All bits known."""
    return Bits(width, ~value & (1 << width) - 1, value)


def of_interval(width: int, low: int, high: int) -> Bits:
    """The bits that all values of an unsigned interval have in common: its ends' leading ones."""
    below = (1 << (low ^ high).bit_length()) - 1
    mask = (1 << width) - 1
    return Bits(width, ~high & mask & ~below, high & ~below)


def join(a: Bits, b: Bits) -> Bits:
    """What is known of a value that is one or the other."""
    return Bits(a.width, a.zeros & b.zeros, a.ones & b.ones)


def meet(a: Bits, b: Bits) -> Bits | None:
    """What is known of a value that is both; None if there is no such value."""
    zeros, ones = a.zeros | b.zeros, a.ones | b.ones
    return None if zeros & ones else Bits(a.width, zeros, ones)


def conflict(a: Bits, b: Bits) -> bool:
    """Whether no value is both."""
    return bool(a.zeros & b.ones or a.ones & b.zeros)


def disjoint(a: Bits, b: Bits) -> bool:
    """Whether no bit is 1 in both, so that `or` and `xor` are sums."""
    return a.zeros | b.zeros == a.mask


def trailing_zeros(a: Bits) -> int:
    """How many low bits are 0 for sure."""
    return ((a.zeros + 1) & ~a.zeros).bit_length() - 1


def _complement(a: Bits) -> Bits:
    return Bits(a.width, a.ones, a.zeros)


def _and(a: Bits, b: Bits) -> Bits:
    return Bits(a.width, a.zeros | b.zeros, a.ones & b.ones)


def _or(a: Bits, b: Bits) -> Bits:
    return Bits(a.width, a.zeros & b.zeros, a.ones | b.ones)


def _xor(a: Bits, b: Bits) -> Bits:
    known, value = a.known & b.known, a.ones ^ b.ones
    return Bits(a.width, known & ~value, known & value)


def _sum(a: Bits, b: Bits, carry: int) -> Bits:
    """a + b + carry: a bit of the sum is known where both bits are, and the carry into it, which lies between those of the
    lowest and the highest sum.
    """
    highest, lowest = a.highest + b.highest + carry, a.ones + b.ones + carry
    no_carry = ~(highest ^ a.highest ^ b.highest)
    a_carry = lowest ^ a.ones ^ b.ones
    known = a.known & b.known & (no_carry | a_carry)
    return Bits(a.width, known & ~highest, known & lowest)


def _sub(a: Bits, b: Bits) -> Bits:
    return _sum(a, _complement(b), 1)


def _mul(a: Bits, b: Bits) -> Bits:
    """Trailing zeros add up; above them as many bits are known as of the factor of which less is known."""
    zeros_a, zeros_b = trailing_zeros(a), trailing_zeros(b)
    known_a, known_b = (trailing_zeros(Bits(x.width, x.known)) for x in (a, b))
    count = min(zeros_a + zeros_b + min(known_a - zeros_a, known_b - zeros_b), a.width)
    low = (1 << count) - 1
    product = (a.ones & (1 << known_a) - 1) * (b.ones & (1 << known_b) - 1)
    return Bits(a.width, low & ~product, low & product)


def _amounts(b: Bits) -> list[int]:
    """The amounts, modulo the width, that a shift by this may have."""
    width = b.width
    if b.highest >= width and width & (width - 1):
        return list(range(width))
    low = Bits(width, b.zeros & (width - 1), b.ones & (width - 1)) if b.highest >= width else b
    return [amount for amount in range(width) if low.may_be(amount)]


def _for_each_amount(shift: Callable[[Bits, int], Bits], a: Bits, b: Bits) -> Bits:
    result: Bits | None = None
    for amount in _amounts(b):
        shifted = shift(a, amount)
        result = shifted if result is None else join(result, shifted)
        if not result.known:
            break
    return result or Bits(a.width)


def _shl(a: Bits, amount: int) -> Bits:
    return Bits(a.width, (a.zeros << amount | (1 << amount) - 1) & a.mask, a.ones << amount & a.mask)


def _lshr(a: Bits, amount: int) -> Bits:
    return Bits(a.width, a.zeros >> amount | a.mask & ~(a.mask >> amount), a.ones >> amount)


def _ashr(a: Bits, amount: int) -> Bits:
    filled = a.mask & ~(a.mask >> amount)
    sign = a.width - 1
    return Bits(
        a.width,
        a.zeros >> amount | (filled if a.zeros >> sign else 0),
        a.ones >> amount | (filled if a.ones >> sign else 0),
    )


def _rotate(a: Bits, b: Bits, amount: Bits) -> Bits:
    """`fshl`: the high half of (a, b) after a shift to the left."""
    both = Bits(2 * a.width, a.zeros << a.width | b.zeros, a.ones << a.width | b.ones)
    return _for_each_amount(lambda _, k: _high_half(_shl(both, k)), a, amount)


def _rotate_right(a: Bits, b: Bits, amount: Bits) -> Bits:
    both = Bits(2 * a.width, a.zeros << a.width | b.zeros, a.ones << a.width | b.ones)
    return _for_each_amount(lambda _, k: _trunc(a.width, _lshr(both, k)), a, amount)


def _high_half(a: Bits) -> Bits:
    width = a.width // 2
    return Bits(width, a.zeros >> width, a.ones >> width)


def _zext(width: int, a: Bits) -> Bits:
    return Bits(width, a.zeros | (1 << width) - 1 & ~a.mask, a.ones)


def _sext(width: int, a: Bits) -> Bits:
    return _ashr(_shl(Bits(width, a.zeros, a.ones), width - a.width), width - a.width)


def _trunc(width: int, a: Bits) -> Bits:
    mask = (1 << width) - 1
    return Bits(width, a.zeros & mask, a.ones & mask)


def _select(condition: Bits, a: Bits, b: Bits) -> Bits:
    if condition.known:
        return a if condition.ones else b
    return join(a, b)


def _abs(a: Bits) -> Bits:
    negated = _sub(constant(a.width, 0), a)
    sign = 1 << a.width - 1
    if a.known & sign:
        return negated if a.ones & sign else a
    return join(a, negated)


def _permuted(permute: Callable[[int, int], int]) -> Callable[[Bits], Bits]:
    return lambda a: Bits(a.width, permute(a.zeros, a.width), permute(a.ones, a.width))


def _swapped_bytes(value: int, width: int) -> int:
    return int.from_bytes(value.to_bytes(width // 8, "little"), "big")


def _reversed_bits(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


Rule = Callable[..., Bits]

RULES: dict[str, Rule] = {
    "and": lambda _, a, b: _and(a, b),
    "or": lambda _, a, b: _or(a, b),
    "xor": lambda _, a, b: _xor(a, b),
    "add": lambda _, a, b: _sum(a, b, 0),
    "sub": lambda _, a, b: _sub(a, b),
    "mul": lambda _, a, b: _mul(a, b),
    "shl": lambda _, a, b: _for_each_amount(_shl, a, b),
    "lshr": lambda _, a, b: _for_each_amount(_lshr, a, b),
    "ashr": lambda _, a, b: _for_each_amount(_ashr, a, b),
    "fshl": lambda _, a, b, c: _rotate(a, b, c),
    "fshr": lambda _, a, b, c: _rotate_right(a, b, c),
    "zext": _zext,
    "sext": _sext,
    "trunc": _trunc,
    "select": lambda _, condition, a, b: _select(condition, a, b),
    **dict.fromkeys(("umin", "umax", "smin", "smax"), lambda _, a, b: join(a, b)),
    "abs": lambda _, a: _abs(a),
    "bswap": lambda _, a: _permuted(_swapped_bytes)(a),
    "bitreverse": lambda _, a: _permuted(_reversed_bits)(a),
}
"""opcode: f(width of the result, what is known of the operands) -> what is known of the result. Others: nothing."""
