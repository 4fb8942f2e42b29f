"""Ranges and known bits are true of every value: each rule over all masks of a small width, then at widths that occur."""

import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llvm_passes import known_bits
from llvm_passes.expression import OPERATIONS, Const, Hole, Operation, operation, to_signed
from llvm_passes.known_bits import Bits
from llvm_passes.ranges import Promise, Range, full, meet, range_of, signed, unsigned, with_bits
from tests.llvm_passes.test_expression import ANY_TREE, HOLE_VALUES

WIDTH = 3
ARITY = {"fshl": 3, "fshr": 3, "select": 3, "abs": 1, "ctpop": 1, "ctlz": 1, "cttz": 1, "bitreverse": 1, "bswap": 1}
CASTS = {"zext": 5, "sext": 5, "trunc": 2}
COMPARISONS = tuple(name for name in OPERATIONS if name.startswith("icmp."))


def patterns(width: int) -> Iterator[Bits]:
    """Every way for bits to be 0, 1 or unknown."""
    for digits in itertools.product((0, 1, 2), repeat=width):
        zeros, ones = (sum((digit == kind) << place for place, digit in enumerate(digits)) for kind in (0, 1))
        yield Bits(width, zeros, ones)


def values(known: Bits) -> list[int]:
    return [value for value in range(1 << known.width) if known.may_be(value)]


def best(width: int, results: Iterable[int]) -> Bits:
    """All that is known of a value that is one of these."""
    found = [known_bits.constant(width, value) for value in results]
    joined = found[0]
    for other in found[1:]:
        joined = known_bits.join(joined, other)
    return joined


def widths(opcode: str) -> tuple[int, ...]:
    """Of the operands; the first is a condition where there is one."""
    if opcode == "bswap":
        return (16,)
    count = 1 if opcode in CASTS else ARITY.get(opcode, 2)
    return (1, WIDTH, WIDTH) if opcode == "select" else (WIDTH,) * count


def result_width(opcode: str) -> int:
    return 1 if opcode in COMPARISONS else CASTS.get(opcode, widths(opcode)[-1])


def evaluate(opcode: str, operands: tuple[int, ...]) -> int:
    sizes = widths(opcode)
    constants = tuple(Const(width, value) for width, value in zip(sizes, operands, strict=True))
    return Operation(opcode, result_width(opcode), constants).evaluate({})


EXACT = {"and", "or", "xor", "add", "sub", "zext", "sext", "trunc", "select", "bitreverse"}
SMALL = [opcode for opcode in known_bits.RULES if opcode != "bswap"]


@pytest.mark.parametrize("opcode", SMALL)
def test_bits_that_are_known_are_so_for_all_operands(opcode: str) -> None:
    for operands in itertools.product(*map(list, map(patterns, widths(opcode)))):
        claim = known_bits.RULES[opcode](result_width(opcode), *operands)
        results = {evaluate(opcode, choice) for choice in itertools.product(*map(values, operands))}
        assert all(map(claim.may_be, results)), (opcode, operands)
        if opcode in EXACT:
            assert claim == best(result_width(opcode), results), (opcode, operands)


@given(zeros=st.integers(0, 2**16 - 1), ones=st.integers(0, 2**16 - 1), value=st.integers(0, 2**16 - 1))
def test_swapped_bytes_take_their_bits_along(zeros: int, ones: int, value: int) -> None:
    known = Bits(16, zeros & ~value, ones & value)
    assert known_bits.RULES["bswap"](16, known).may_be(evaluate("bswap", (value,)))


def test_the_nearest_values_with_known_bits() -> None:
    for known in patterns(4):
        for bound in range(16):
            assert known.least(bound) == min((v for v in values(known) if v >= bound), default=None)
            assert known.greatest(bound) == max((v for v in values(known) if v <= bound), default=None)


def holds(bounds: Range, value: int) -> bool:
    within = bounds.low <= value <= bounds.high
    return (
        within
        and bounds.signed_low <= to_signed(value, bounds.bits) <= bounds.signed_high
        and bounds.known.may_be(value)
    )


def hull(width: int, members: Iterable[int]) -> Range:
    """The sharpest range of these values."""
    found = sorted(members)
    numbers = sorted(to_signed(value, width) for value in found)
    bounds = meet(unsigned(width, found[0], found[-1]), signed(width, numbers[0], numbers[-1]))
    return meet(bounds, with_bits(width, best(width, found)))


def subsets(width: int) -> st.SearchStrategy[frozenset[int]]:
    return st.frozensets(st.integers(0, (1 << width) - 1), min_size=1, max_size=4)


@settings(max_examples=4000, deadline=None)
@given(data=st.data(), opcode=st.sampled_from(sorted(OPERATIONS)))
def test_a_range_holds_every_result_of_values_in_the_operands_ranges(data: st.DataObject, opcode: str) -> None:
    sizes = widths(opcode)
    members = [data.draw(subsets(width)) for width in sizes]
    holes = tuple(Hole(f"h{number}", width) for number, width in enumerate(sizes))
    known = {hole: hull(width, chosen) for hole, width, chosen in zip(holes, sizes, members, strict=True)}
    bounds = range_of(Operation(opcode, result_width(opcode), holes), known=known)
    for choice in itertools.product(*members):
        assert holds(bounds, evaluate(opcode, choice)), (known, choice)


@settings(max_examples=1500, deadline=None)
@given(expression=ANY_TREE, holes=HOLE_VALUES, factors=st.fixed_dictionaries(dict.fromkeys("abcd", st.integers(0, 6))))
def test_a_promise_is_true_of_all_that_is_computed(expression, holes, factors) -> None:
    promises = {name: Promise(multiple_of=1 << exponent) for name, exponent in factors.items()}
    kept = {name: value & -promises[name].multiple_of if name in promises else value for name, value in holes.items()}
    assert holds(range_of(expression, promises), expression.evaluate(kept))


@pytest.mark.parametrize("width", [1, 7, 8, 33, 64])
def test_each_reading_and_the_bits_sharpen_one_another(width: int) -> None:
    assert meet(full(width), full(width)) == full(width)
    if width < 7:
        return
    multiple = meet(signed(width, -21, 21), with_bits(width, Bits(width, zeros=7)))
    assert (multiple.signed_low, multiple.signed_high) == (-16, 16)
    odd = meet(unsigned(width, 4, 8), with_bits(width, Bits(width, ones=1)))
    assert (odd.low, odd.high, odd.signed_low, odd.signed_high) == (5, 7, 5, 7)
    assert odd.known == Bits(width, zeros=((1 << width) - 1) & ~7, ones=5)


X, P = Hole("x", 64), Hole("p", 64, kind="pointer")
ALIGNED = {"p": Promise(multiple_of=16)}


def and_(value: Hole | Operation, mask: int) -> Operation:
    return Operation("and", 64, (value, Const(64, mask)))


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [
        (and_(P, 15), 0, 0),
        (and_(operation("add", 64, P, Const(64, 3)), 7), 3, 3),
        (operation("icmp.eq", 1, and_(operation("or", 64, P, Const(64, 1)), 7), Const(64, 1)), 1, 1),
        (operation("icmp.eq", 1, operation("shl", 64, X, Const(64, 1)), Const(64, 7)), 0, 0),
        (operation("or", 64, operation("shl", 64, and_(X, 255), Const(64, 3)), Const(64, 5)), 5, 255 * 8 + 5),
        (and_(operation("add", 64, and_(X, 255), Const(64, 100)), 2**64 - 16), 96, 352),
        (operation("bswap", 32, Operation("zext", 32, (Hole("b", 8),))), 0, 255 << 24),
        (operation("cttz", 64, operation("or", 64, X, Const(64, 8))), 0, 3),
        (operation("ctpop", 64, operation("or", 64, and_(X, 6), Const(64, 1))), 1, 3),
        (operation("umin", 64, and_(X, 0xF0), Const(64, 0x60)), 0, 0x60),
        (operation("select", 64, Operation("icmp.eq", 1, (and_(P, 1), Const(64, 0))), Const(64, 5), X), 5, 5),
    ],
    ids=str,
)
def test_what_intervals_alone_cannot_say(expression: Operation, low: int, high: int) -> None:
    bounds = range_of(expression, ALIGNED)
    assert (bounds.low, bounds.high) == (low, high)
