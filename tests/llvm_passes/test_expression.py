"""JIT-time expressions mean what LLVM IR means: at every width, for every operation, wherever IR defines a result."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import llvmlite.binding as llvm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llvm_passes.expression import (
    OPERATIONS,
    Const,
    ExpressionTooLarge,
    Hole,
    JitExpr,
    Operation,
    SymbolAddress,
    add,
    operation,
    scale,
    split_constant,
    to_signed,
)
from llvm_passes.fold import fold
from llvm_passes.instructions import literal
from llvm_passes.ranges import Promise, range_of

WIDTHS = (1, 7, 8, 16, 31, 32, 33, 48, 64)
BINARY = ("add", "sub", "mul", "udiv", "urem", "sdiv", "srem", "shl", "lshr", "ashr", "and", "or", "xor")
PREDICATES = ("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge")
SATURATING = ("uadd.sat", "usub.sat", "sadd.sat", "ssub.sat", "ushl.sat", "sshl.sat")
TWO_OPERAND_INTRINSICS = ("umin", "umax", "smin", "smax", *SATURATING)


@dataclass(frozen=True)
class Case:
    """An instruction over %a, %b, %c of `bits` bits with a result of `result` bits."""

    name: str
    bits: int
    result: int
    text: str

    @property
    def result_mask(self) -> int:
        """A symbol's expression may be wider than the use it was made for."""
        return (1 << self.result) - 1


class Native(dict[int, ctypes._CFuncPtr]):
    """Machine code by position in CASES."""

    def __repr__(self) -> str:
        return "native"


class Expressions(list[JitExpr]):
    """Expressions by position in CASES."""

    def __repr__(self) -> str:
        return "expressions"


def cases() -> Iterator[Case]:
    for n in WIDTHS:
        for op in BINARY:
            yield Case(op, n, n, f"{op} i{n} %a, %b")
        for predicate in PREDICATES:
            yield Case(f"icmp.{predicate}", n, 1, f"icmp {predicate} i{n} %a, %b")
        for op in TWO_OPERAND_INTRINSICS:
            yield Case(op, n, n, f"call i{n} @llvm.{op}.i{n}(i{n} %a, i{n} %b)")
        for op in ("abs", "ctlz", "cttz"):
            yield Case(op, n, n, f"call i{n} @llvm.{op}.i{n}(i{n} %a, i1 false)")
        for op in ("ctpop", "bitreverse") + (("bswap",) if n % 16 == 0 else ()):
            yield Case(op, n, n, f"call i{n} @llvm.{op}.i{n}(i{n} %a)")
        for op in ("fshl", "fshr"):
            yield Case(op, n, n, f"call i{n} @llvm.{op}.i{n}(i{n} %a, i{n} %b, i{n} %c)")
        for op in ("ucmp", "scmp"):
            yield Case(op, n, 8, f"call i8 @llvm.{op}.i8.i{n}(i{n} %a, i{n} %b)")
        for wide in WIDTHS:
            if wide > n:
                yield Case("zext", n, wide, f"zext i{n} %a to i{wide}")
                yield Case("sext", n, wide, f"sext i{n} %a to i{wide}")
            if wide < n:
                yield Case("trunc", n, wide, f"trunc i{n} %a to i{wide}")
        yield Case("freeze", n, n, f"freeze i{n} %a")
        yield Case("select", n, n, f"select i1 %odd, i{n} %b, i{n} %c")
        yield Case("gep", n, 64, f"getelementptr [3 x i32], ptr null, i{n} %a, i{n} %b")


CASES = list(cases())


def signature(case: Case) -> tuple[str, str]:
    """(instructions that bring the result into %r of type i64, suffix of the case's text)"""
    result = "ptr" if case.name == "gep" else f"i{case.result}"
    if case.name == "gep":
        return result, "ptrtoint ptr %x to i64"
    return result, "add i64 0, 0" if case.result > 64 else (
        f"zext i{case.result} %x to i64" if case.result < 64 else "freeze i64 %x"
    )


def declarations() -> str:
    """Declarations of all intrinsics that the cases call."""
    import re

    found = {}
    for case in CASES:
        if match := re.match(r"call (i\d+) (@llvm\S+?)\((.*)\)", case.text):
            types = ", ".join(piece.strip().split()[0] for piece in match[3].split(","))
            found[match[2]] = f"declare {match[1]} {match[2]}({types})"
    return "\n".join(found.values())


@pytest.fixture(scope="module")
def native() -> Iterator[Native]:
    """Every case as machine code: (i64, i64, i64) -> i64, by position in CASES."""
    functions = []
    for number, case in enumerate(CASES):
        _, widen = signature(case)
        narrow = "trunc i64 %{0}64 to i{1}" if case.bits < 64 else "freeze i64 %{0}64"
        functions.append(
            f"define i64 @f{number}(i64 %a64, i64 %b64, i64 %c64) {{\n"
            + "".join(f"  %{v} = {narrow.format(v, case.bits)}\n" for v in "abc")
            + f"  %odd = trunc i64 %a64 to i1\n  %x = {case.text}\n  %r = {widen}\n  ret i64 %r\n}}\n"
        )
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly("\n".join([declarations(), *functions]))
    machine = llvm.Target.from_default_triple().create_target_machine(opt=0)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
    yield Native({number: prototype(engine.get_function_address(f"f{number}")) for number in range(len(CASES))})
    del engine


@pytest.fixture(scope="module")
def expressions() -> Expressions:
    """Every case as the fold pass reads it, with the holes a, b, c in place of the operands."""
    found = Expressions()
    for case in CASES:
        result, _ = signature(case)
        n = case.bits
        holes = "".join(f"  %{v} = call i{n} @__sg_hole_{v}()\n" for v in "abc")
        odd = "" if n == 1 else f"  %odd = trunc i{n} %a to i1\n"
        text = case.text if n > 1 else case.text.replace("%odd", "%a")
        declared = "".join(f"declare i{n} @__sg_hole_{v}()\n" for v in "abc")
        body = f"{holes}{odd}  %x = {text}\n  store {result} %x, ptr %p\n  ret void\n"
        folded = fold(f"{declared}{declarations()}\ndefine void @f(ptr %p) {{\nentry:\n{body}}}\n")
        decided = literal(result, folded.ir.split(f"store {result} ", 1)[1].split(", ptr", 1)[0])
        if decided is not None:  # `urem i1` is 0 for all operands
            found.append(decided)
            continue
        assert len(folded.symbols) == 1, f"{case.text} was not folded:\n{folded.ir}"
        (symbol,) = folded.symbols.values()
        found.append(symbol.expression)
    return found


def is_defined(case: Case, a: int, b: int, c: int) -> bool:
    """Whether IR gives the operation a result for these operands."""
    n = case.bits
    match case.name:
        case "udiv" | "urem":
            return b != 0
        case "sdiv" | "srem":
            return b != 0 and (to_signed(a, n), to_signed(b, n)) != (-1 << (n - 1), -1)
        case "shl" | "lshr" | "ashr" | "ushl.sat" | "sshl.sat":
            return b < n
    return True


VALUES = st.one_of(
    st.integers(0, 2**64 - 1), st.integers(0, 70), st.sampled_from([2**k + d for k in range(6, 64) for d in (-1, 0, 1)])
)


@settings(max_examples=1500, deadline=None)
@given(number=st.integers(0, len(CASES) - 1), a=VALUES, b=VALUES, c=VALUES)
def test_evaluation_agrees_with_machine_code(native, expressions, number, a, b, c):
    case = CASES[number]
    mask = (1 << case.bits) - 1
    a, b, c = a & mask, b & mask, c & mask
    if not is_defined(case, a, b, c):
        return
    value = expressions[number].evaluate({"a": a, "b": b, "c": c})
    assert value & case.result_mask == native[number](a, b, c), case.text


@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_operation_agrees_on_edges(native, expressions, number):
    case = CASES[number]
    top = (1 << case.bits) - 1
    edges = sorted({0, 1, 2 & top, top, top >> 1, (top >> 1) + 1, (case.bits - 1) & top, 5 & top})
    for a in edges:
        for b in edges:
            if is_defined(case, a, b, 3 & top):
                value = expressions[number].evaluate({"a": a, "b": b, "c": 3})
                assert value & case.result_mask == native[number](a, b, 3), (case.text, a, b)


HOLES = {name: Hole(name, bits) for name, bits in (("a", 8), ("b", 16), ("c", 32), ("d", 64), ("e", 1))}


@st.composite
def trees(draw: st.DrawFn, bits: int, depth: int = 3) -> JitExpr:
    """A random expression, every node as the plain constructor makes it."""
    fitting = [hole for hole in HOLES.values() if hole.bits == bits]
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        leaves: list[st.SearchStrategy[JitExpr]] = [st.builds(Const, st.just(bits), VALUES)]
        return draw(st.one_of([*leaves, *map(st.just, fitting)]))
    if bits == 1:
        width = draw(st.sampled_from((8, 16, 32, 64)))
        opcode = draw(st.sampled_from([name for name in OPERATIONS if name.startswith("icmp.")]))
        return Operation(opcode, 1, (draw(trees(width, depth - 1)), draw(trees(width, depth - 1))))
    kind = draw(st.sampled_from(("binary", "binary", "binary", "cast", "select", "unary")))
    if kind == "cast":
        width = draw(st.sampled_from([w for w in (8, 16, 32, 64) if w != bits] or [8]))
        opcode = "trunc" if width > bits else draw(st.sampled_from(("zext", "sext")))
        return Operation(opcode, bits, (draw(trees(width, depth - 1)),))
    if kind == "select":
        return Operation(
            "select", bits, (draw(trees(1, depth - 1)), draw(trees(bits, depth - 1)), draw(trees(bits, depth - 1)))
        )
    if kind == "unary":
        return Operation(
            draw(st.sampled_from(("abs", "ctpop", "ctlz", "cttz", "bitreverse"))), bits, (draw(trees(bits, depth - 1)),)
        )
    opcode = draw(st.sampled_from(BINARY + TWO_OPERAND_INTRINSICS))
    return Operation(opcode, bits, (draw(trees(bits, depth - 1)), draw(trees(bits, depth - 1))))


ANY_TREE = st.sampled_from((1, 8, 16, 32, 64)).flatmap(trees)
HOLE_VALUES = st.fixed_dictionaries(dict.fromkeys(HOLES, VALUES))


def simplified(expression: JitExpr) -> JitExpr:
    """The same expression through the simplifying constructor."""
    if isinstance(expression, Operation):
        return operation(expression.opcode, expression.bits, *map(simplified, expression.operands))
    return expression


@settings(max_examples=500, deadline=None)
@given(expression=ANY_TREE, holes=HOLE_VALUES)
def test_simplification_keeps_the_value(expression, holes):
    assert simplified(expression).evaluate(holes) == expression.evaluate(holes)


@settings(max_examples=800, deadline=None)
@given(expression=ANY_TREE, holes=HOLE_VALUES)
def test_the_value_lies_in_the_range(expression, holes):
    value, bounds = expression.evaluate(holes), range_of(expression)
    assert bounds.low <= value <= bounds.high
    assert bounds.signed_low <= to_signed(value, expression.bits) <= bounds.signed_high


@given(expression=trees(32), holes=HOLE_VALUES, factor=st.integers(-(2**31), 2**31 - 1), other=trees(32))
@settings(max_examples=200, deadline=None)
def test_scaling_and_adding_distribute(expression, holes, factor, other):
    mask = 2**32 - 1
    assert scale(expression, factor).evaluate(holes) == expression.evaluate(holes) * factor & mask
    assert add(expression, other).evaluate(holes) == expression.evaluate(holes) + other.evaluate(holes) & mask
    rest, constant = split_constant(expression)
    assert rest.evaluate(holes) + constant & mask == expression.evaluate(holes)


def test_evaluation_is_total():
    a, zero = Hole("a", 8), Const(8, 0)
    smallest, minus_one = Const(8, 0x80), Const(8, 0xFF)
    for opcode, operands, expected in (
        ("udiv", (a, zero), 0),
        ("srem", (a, zero), 0),
        ("sdiv", (smallest, minus_one), 0x80),
        ("srem", (smallest, minus_one), 0),
        ("shl", (a, Const(8, 9)), 14),
        ("ashr", (smallest, Const(8, 8)), 0x80),
        ("ctlz", (zero,), 8),
        ("cttz", (zero,), 8),
        ("abs", (smallest,), 0x80),
    ):
        assert Operation(opcode, 8, operands).evaluate({"a": 7}) == expected, opcode


def test_symbol_addresses_take_their_addend_along():
    moved = add(SymbolAddress("table", 8), Const(64, -16 % 2**64))
    assert moved == SymbolAddress("table", -8)
    assert moved.evaluate({}, {"table": 0x1000}) == 0xFF8


def test_hole_ranges_narrow_what_depends_on_them():
    operand = Hole("operand", 64)
    bounds = range_of(operation("mul", 64, operand, Const(64, 8)), {"operand": Promise(-4, 100)})
    assert (bounds.signed_low, bounds.signed_high) == (-32, 800)


def test_a_tree_cannot_grow_without_bound():
    expression: JitExpr = Hole("a", 32)
    with pytest.raises(ExpressionTooLarge):
        for _ in range(20):
            expression = operation("mul", 32, expression, expression)
