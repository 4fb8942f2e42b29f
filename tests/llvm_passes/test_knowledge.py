"""What a test says about other values is true of every value that passes it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from llvm_passes.expression import OPERATIONS, Const, Hole, JitExpr, Operation, operation, to_signed, walk
from llvm_passes.knowledge import Knowledge
from tests.llvm_passes.test_expression import HOLE_VALUES, HOLES, trees

COMPARISONS = sorted(name for name in OPERATIONS if name.startswith("icmp."))
NEAR_EDGES = st.sampled_from((0, 1, 2, 3, 7, 8, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63, -1, -2, -128))


@st.composite
def shapes(draw: st.DrawFn) -> JitExpr:
    """A hole as compilers put it into comparisons: widened, narrowed, plus a constant."""
    name = draw(st.sampled_from(sorted(HOLES)))
    bits = draw(st.sampled_from((8, 16, 32, 64)))
    expression: JitExpr = Hole(name, bits)
    for _ in range(draw(st.integers(0, 2))):
        wider = [width for width in (16, 32, 64) if width > expression.bits]
        narrower = [width for width in (8, 16, 32) if width < expression.bits]
        kind = draw(st.sampled_from(("add", "add", "zext", "sext", "trunc", "xor", "and")))
        if kind in ("zext", "sext") and wider:
            expression = operation(kind, draw(st.sampled_from(wider)), expression)
        elif kind == "trunc" and narrower:
            expression = operation(kind, draw(st.sampled_from(narrower)), expression)
        elif kind in ("add", "xor", "and"):
            value = Const(expression.bits, draw(NEAR_EDGES) % (1 << expression.bits))
            expression = operation(kind, expression.bits, expression, value)
    return expression


@st.composite
def conditions(draw: st.DrawFn) -> JitExpr:
    """What emit functions test: mostly a comparison with a constant, or several of them."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(trees(1))
    if kind <= 2:
        other = draw(conditions())
        return operation(draw(st.sampled_from(("and", "or", "xor"))), 1, draw(conditions()), other)
    if kind == 3:
        return operation("xor", 1, draw(conditions()), Const(1, 1))
    left = draw(shapes())
    right = Const(left.bits, draw(NEAR_EDGES) % (1 << left.bits))
    return operation(draw(st.sampled_from(COMPARISONS)), 1, left, right)


@settings(max_examples=1500, deadline=None)
@given(made=st.lists(conditions(), min_size=1, max_size=4), holes=HOLE_VALUES, other=shapes())
def test_what_is_known_holds(made: list[JitExpr], holes: dict[str, int], other: JitExpr) -> None:
    knowledge = Knowledge()
    for test in made:
        outcome = test.evaluate(holes)
        assert not knowledge.contradicts(test, outcome)
        knowledge = knowledge.assuming(test, outcome)
    for expression in {node for test in made for node in walk(test)} | {other}:
        value, bounds = expression.evaluate(holes), knowledge.range(expression)
        assert bounds.low <= value <= bounds.high
        assert bounds.signed_low <= to_signed(value, expression.bits) <= bounds.signed_high
        assert knowledge.value(expression) in (None, value)
        assert value not in knowledge.excluded.get(expression, ())


A, B = Hole("a", 16), Hole("b", 16, signed=True)


def compare(predicate: str, left: JitExpr, value: int) -> JitExpr:
    return Operation(f"icmp.{predicate}", 1, (left, Const(left.bits, value)))


def test_an_equality_makes_a_constant_of_all_that_is_computed_from_it() -> None:
    known = Knowledge().assuming(compare("eq", operation("zext", 32, A), 5), 1)
    assert known.value(A) == 5
    assert known.value(operation("mul", 64, operation("zext", 64, A), Const(64, 8))) == 40


def test_what_a_value_is_not_decides_comparisons_and_cases() -> None:
    known = Knowledge().assuming(compare("eq", A, 3), 0).assuming(compare("eq", A, 0), 0)
    assert known.excluded[A] == {3, 0} and known.range(A).low == 1
    assert known.value(compare("eq", A, 3)) == 0 and known.value(compare("ne", A, 3)) == 1
    assert known.value(compare("eq", A, 4)) is None


def test_a_range_check_in_one_comparison_bounds_the_value() -> None:
    shifted = operation("add", 16, B, Const(16, 8))
    bounds = Knowledge().assuming(compare("ult", shifted, 16), 1).range(B)
    assert (bounds.signed_low, bounds.signed_high) == (-8, 7)


def test_both_sides_of_an_and_hold() -> None:
    both = operation("and", 1, compare("ult", A, 9), compare("eq", B, 2))
    known = Knowledge().assuming(both, 1)
    assert known.range(A).high == 8 and known.value(B) == 2
    assert Knowledge().assuming(both, 0).value(B) is None


def test_a_contradiction_is_seen() -> None:
    known = Knowledge().assuming(compare("ult", A, 9), 1)
    assert known.contradicts(compare("eq", A, 9), 1) and not known.contradicts(compare("eq", A, 8), 1)
