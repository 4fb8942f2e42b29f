"""Sets of values and the conditions that tell them, compared with plain arithmetic."""

from hypothesis import given
from hypothesis import strategies as st

from dasc.compiler.ranges import Interval, Ranges, condition, declared, holders, intersection, union
from x86_64 import Symbol, Symbolic

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
NEAR_EDGES = st.sampled_from([0, 1 << 7, 1 << 15, 1 << 31, 1 << 32, 1 << 63]).flatmap(
    lambda edge: st.integers(-2, 2).flatmap(lambda near: st.sampled_from([edge + near, -edge + near]))
)
VALUES = (INT64 | NEAR_EDGES).filter(lambda value: -(1 << 63) <= value < 1 << 63)


def ranges() -> st.SearchStrategy[Ranges]:
    pairs = st.lists(st.tuples(VALUES, VALUES), max_size=3)
    return pairs.map(lambda found: union(*((Interval(min(pair), max(pair)),) for pair in found)))


def contains(ranges: Ranges, value: int) -> bool:
    return any(low <= value <= high for low, high in ranges)


def evaluate(test: str, value: int) -> bool:
    """A C condition on E0, by Python's own comparison operators."""
    text = test.replace("&&", "and").replace("||", "or").replace("INT64_MIN", str(-(1 << 63)))
    return bool(eval(text, {"E0": value}))


def signed(value: int, bits: int) -> int:
    value %= 1 << bits
    return value - (1 << bits) if value >> (bits - 1) else value


@given(ranges(), ranges(), VALUES)
def test_sets(a: Ranges, b: Ranges, value: int) -> None:
    assert contains(union(a, b), value) == (contains(a, value) or contains(b, value))
    assert contains(intersection(a, b), value) == (contains(a, value) and contains(b, value))


@given(ranges(), ranges(), VALUES)
def test_a_condition_is_true_for_accepted_values(accepted: Ranges, known: Ranges, value: int) -> None:
    if not intersection(accepted, known) or not contains(known, value):
        return
    test = condition("E0", accepted, known)
    assert (test is None or evaluate(test, value)) == contains(accepted, value)


def test_a_condition_has_no_needless_comparison() -> None:
    assert condition("E0", (Interval(-128, 127),), (Interval(0, 5000),)) == "E0 <= 127"
    assert condition("E0", (Interval(-128, 127),), (Interval(-9999, 127),)) == "E0 >= -128"
    assert condition("E0", (Interval(0, 0),), (Interval(-9, 9),)) == "E0 == 0"
    assert condition("E0", (Interval(-128, 127),), (Interval(-128, 127),)) is None


@given(VALUES, VALUES, VALUES, VALUES, st.sampled_from([8, 16, 32, 64]), st.data())
def test_holders_are_the_values_whose_sum_is_in_range(
    a: int, b: int, value: int, addend: int, bits: int, data: st.DataObject
) -> None:
    limit = 1 << (bits - 1)
    low, high = sorted((signed(a, bits), signed(b, bits)))
    symbolic = Symbolic(Symbol("E0", -(1 << 63), (1 << 63) - 1), addend)
    value = data.draw(
        st.sampled_from([value, low - addend, high - addend, high - addend + 1, signed(low - addend - 1, bits)])
    )
    value = signed(value, 64)
    fits = bits == 64 or -limit <= value < 2 * limit
    expected = fits and low <= signed(value + addend, bits) <= high
    assert contains(holders(symbolic, low, high, bits), value) == expected


@given(st.integers(-(1 << 63), (1 << 64) - 1), st.integers(-(1 << 63), (1 << 64) - 1), st.data())
def test_the_constant_of_a_symbol_is_its_value_in_two_s_complement(a: int, b: int, data: st.DataObject) -> None:
    low, high = sorted((a, b))
    value = data.draw(st.integers(low, high))
    assert contains(declared(Symbol("E0", low, high)), signed(value, 64))
