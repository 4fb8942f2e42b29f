"""Conclusions that LLVM must not draw about values that are known only later. Each was drawn at some time."""

import re

import pytest

from llvm_passes.backend import emit
from llvm_passes.fold import FoldedModule, FoldOptions, fold
from llvm_passes.ranges import Promise
from llvm_passes.symbols import HIGHEST_BOUNDED, LOWEST_BOUNDED
from llvm_passes.versions import fold_and_clean
from tests.llvm_passes.conftest import compile_c, instructions
from tests.llvm_passes.execute import HEADER

HOLES = {"a": "i64", "b": "i64", "s": "i16", "t": "i16", "u": "i32", "p": "ptr", "q": "ptr", "n8": "i8"}


def source(body: str) -> str:
    """A function over %m and %x; every %name of a hole that the body uses is the hole's value."""
    used = {name: kind for name, kind in HOLES.items() if re.search(rf"%{name}\b", body)}
    declared = "".join(f"declare {kind} @__sg_hole_{name}()\n" for name, kind in used.items())
    calls = "".join(f"  %{name} = call {kind} @__sg_hole_{name}()\n" for name, kind in used.items())
    lines = "".join(f"  {line.strip()}\n" for line in body.strip().splitlines())
    counter = "@counter = external dso_local global i64\n"
    text = f"{HEADER}{counter}{declared}define i64 @f(ptr %m, i64 %x) nounwind {{\nentry:\n{calls}{lines}}}\n"
    return text


def folded(body: str, options: FoldOptions | None = None) -> FoldedModule:
    return fold(source(body), options)


def cleaned(body: str) -> str:
    """The function's body after folding and cleaning up."""
    return str(fold_and_clean(source(body), FoldOptions())[0]).split("\ndefine ", 1)[1].split("\n}", 1)[0]


def assembly(body: str) -> list[str]:
    module, _ = fold_and_clean(source(body), FoldOptions())
    text = emit(module).replace("\t", " ").replace("__sg_e_f_", "E")
    return text.split("f:", 1)[1].split(".size", 1)[0].splitlines()


@pytest.mark.parametrize(
    "values",
    [
        "%v = zext i16 %s to i64\n %w = zext i16 %t to i64",
        "%v = add i64 %a, 1\n %w = add i64 %b, 1",
    ],
    ids=["bounded", "wide"],
)
def test_a_run_time_value_may_equal_two_symbols_at_once(values):
    module, symbols = fold_and_clean(
        source(f"""{values}
        %c = icmp eq i64 %x, %v
        %d = icmp eq i64 %x, %w
        %e = and i1 %c, %d
        %r = zext i1 %e to i64
        ret i64 %r"""),
        FoldOptions(),
    )
    comparisons = [symbol.expression for symbol in symbols.values() if "icmp" in str(symbol.expression)]
    if comparisons:  # x == v and v == w, the second known at emit time
        assert [c.evaluate({"s": 5, "t": 5, "a": 5, "b": 5}) for c in comparisons] == [1]
        assert str(module).count("icmp eq i64 %x") == 1
    else:
        assert str(module).count("icmp eq i64 %x") == 2


@pytest.mark.parametrize(
    "value",
    [
        "%v = ptrtoint ptr %p to i64",
        "%v = add i64 %a, 0",
        "%v = zext i16 %s to i64",
    ],
)
def test_a_symbol_may_be_null(value):
    """The comparison sees the symbol only after clean-up has forwarded the store to the load."""
    _, symbols = fold_and_clean(
        source(f"""{value}
        store i64 %v, ptr %m
        %l = load i64, ptr %m
        %c = icmp eq i64 %l, 0
        %r = zext i1 %c to i64
        ret i64 %r"""),
        FoldOptions(),
    )
    *_, comparison = (symbol.expression for symbol in symbols.values())
    assert comparison.evaluate({"p": 0, "a": 0, "s": 0}) == 1
    assert comparison.evaluate({"p": 9, "a": 9, "s": 9}) == 0


def test_comparisons_of_jit_time_values_are_jit_time_values():
    (symbol,) = folded("""%c = icmp eq i64 %a, %b
        %r = zext i1 %c to i64
        ret i64 %r""").symbols.values()
    assert symbol.expression.evaluate({"a": 5, "b": 5}) == 1
    assert symbol.expression.evaluate({"a": 5, "b": 6}) == 0


def test_memory_behind_a_jit_time_pointer_may_be_a_global():
    text = cleaned("""store i64 1, ptr @counter
        store i64 2, ptr %p
        %r = load i64, ptr @counter
        ret i64 %r""")
    assert "load i64, ptr @counter" in text and "asm" in text


def test_two_jit_time_pointers_may_be_the_same():
    text = cleaned("""store i64 1, ptr %p
        store i64 2, ptr %q
        %r = load i64, ptr %p
        ret i64 %r""")
    assert "load i64" in text and text.count("asm") == 2


def test_a_bounded_pointer_is_no_memory_base_either():
    text = cleaned("""%i = zext i16 %s to i64
        %v = inttoptr i64 %i to ptr
        %r = load i64, ptr %v
        ret i64 %r""")
    assert "asm" in text and "load i64, ptr @" not in text


@pytest.mark.parametrize(
    "merge",
    ["%v = select i1 %c, ptr %p, ptr %m", "%w = select i1 %c, i64 %a, i64 %x\n %v = inttoptr i64 %w to ptr"],
    ids=["pointers", "integers"],
)
def test_what_is_merged_with_run_time_pointers_is_a_marker(merge):
    text = cleaned(f"""%c = icmp eq i64 %x, 0
        {merge}
        %r = load i64, ptr %v
        ret i64 %r""")
    assert "asm" in text


FORWARDED = {
    "load": "%r = load i64, ptr %l",
    "load of a field": "%g = getelementptr i8, ptr %l, i64 8\n %r = load i64, ptr %g",
    "load of an element": "%g = getelementptr i64, ptr %l, i64 %x\n %r = load i64, ptr %g",
    "store": "store i64 %x, ptr %l\n %r = load i64, ptr @counter",
    "call": "%r = call i64 %l(ptr %m)",
    "select": "%c = icmp eq i64 %x, 0\n %w = select i1 %c, ptr %l, ptr %m\n %r = load i64, ptr %w",
    "phi": """%z = ptrtoint ptr %l to i64
        store i64 %z, ptr @counter
        %c = icmp eq i64 %x, 0
        br i1 %c, label %one, label %two
        one:
        br label %two
        two:
        %w = phi ptr [ %l, %one ], [ %m, %entry ]
        store i64 0, ptr %w
        %r = load i64, ptr @counter""",
}


@pytest.mark.parametrize("stored", ["ptr %p", "i64 %a", "i64 %i"], ids=["pointer", "integer", "computed"])
@pytest.mark.parametrize("use", FORWARDED)
def test_a_value_that_clean_up_forwards_to_a_memory_access_is_a_marker(use, stored):
    """Folding sees a stored value and an unrelated load; clean-up sees that they are the same."""
    computed = "%i = add i64 %a, -8" if stored == "i64 %i" else ""
    text = cleaned(f"""{computed}
        store {stored}, ptr %m
        %l = load ptr, ptr %m
        {FORWARDED[use]}
        ret i64 %r""")
    assert "asm" in text and not re.search(r"(?:load i64|getelementptr \w+|select i1 %c), ptr @__sg_e", text)
    assert not re.search(r"phi ptr .*@__sg_e|call i64 @__sg_e|store i64 %x, ptr @__sg_e", text)


def test_a_stored_pointer_may_be_that_of_a_global_that_is_read_afterwards():
    """Within one run of the optimiser: forward the pointer, then conclude that the store through it is another's."""
    text = cleaned("""store i64 1, ptr @counter
        store ptr %p, ptr %m
        %l = load ptr, ptr %m
        store i64 %x, ptr %l
        %r = load i64, ptr @counter
        ret i64 %r""")
    assert "load i64, ptr @counter" in text


def test_a_called_pointer_is_a_marker():
    text = cleaned("""%r = call i64 %p(ptr %m)
        ret i64 %r""")
    assert "asm" in text


@pytest.mark.parametrize(
    "use",
    [
        "%c = icmp eq i64 %x, %v\n %r = zext i1 %c to i64",
        "%l = load i64, ptr %m\n %r = add i64 %l, %v\n store i64 %r, ptr %m",
        "%r = add i64 %x, %v",
        "store i64 %v, ptr %m\n %r = add i64 %x, 0",
        "%g = getelementptr i8, ptr %m, i64 %v\n %r = load i64, ptr %g",
        "%r = and i64 %x, %v",
    ],
    ids=["compare", "add to memory", "lea", "store", "displacement", "and"],
)
def test_a_value_of_32_unsigned_bits_is_no_sign_extended_immediate(use):
    lines = assembly(f"%v = zext i32 %u to i64\n {use}\n ret i64 %r")
    assert all(line.startswith(" movabsq $E0, ") for line in lines if "E0" in line)
    assert any("E0" in line for line in lines)


@pytest.mark.parametrize(("low", "high"), [(LOWEST_BOUNDED - 1, 0), (0, HIGHEST_BOUNDED + 1)])
def test_beyond_the_bounds_a_symbol_is_wide(low, high):
    body = "store i64 %a, ptr %m\n ret i64 0"
    (outside,) = folded(body, FoldOptions(promises={"a": Promise(low, high)})).symbols.values()
    (inside,) = folded(body, FoldOptions(promises={"a": Promise(low + (low < 0), high - (high > 0))})).symbols.values()
    assert outside.wide and not inside.wide


@pytest.mark.parametrize(("hole", "bits", "suffix"), [("n8", 8, "b"), ("s", 16, "w"), ("u", 32, "l")])
def test_narrow_values_are_unsigned_within_their_width(hole, bits, suffix):
    body = f"""%v = sub i{bits} 0, %{hole}
        %l = load i{bits}, ptr %m
        %c = icmp eq i{bits} %l, %v
        %r = zext i1 %c to i64
        ret i64 %r"""
    (symbol,) = folded(body).symbols.values()
    assert (symbol.low, symbol.high) == (0, (1 << bits) - 1)
    assert f" cmp{suffix} $E0, (%rdi)" in assembly(body)


def test_small_ranges_do_not_change_the_symbol_name_in_assembly():
    source = "STENCIL(SMALL) { thread->counter = OPARG & 7; frame->locals[OPARG & 3]->refcount = 0; CONTINUE(); }"
    assert "@ABS8" not in compile_c(source)["SMALL"].assembly


def test_jit_time_arithmetic_is_not_guarded_by_the_branch_it_stood_behind():
    """A division by a hole is a symbol's value, computed whether or not the code is reached: it must be total."""
    source = "STENCIL(DIVIDE) { if (OPARG) thread->counter = 1000 / OPARG; CONTINUE(); }"
    symbols = compile_c(source)["DIVIDE"].symbols.values()
    assert any("div" in str(symbol.expression) for symbol in symbols)
    assert all(isinstance(symbol.expression.evaluate({"oparg": 0}), int) for symbol in symbols)


PRESSURE = """
STENCIL(PRESSURE)
{
    int64_t *s = thread->scratch, a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], g = s[5], h = s[6], i = s[7], j = s[8];
    s[20] = a * b + c * d + e * g + h * i + j;
    s[22] = (a + b) * (c + d) * (e + g) * (h + i) * j;
    for (int q = 0; q < s[24]; q++) {
        s[q] = a += b; b ^= c; c += d; d ^= e; e += g; g ^= h; h += i; i ^= j; j += a;
        s[q + 1] = a * c * e * h * j; s[q + 2] = b * d * g * i;
    }
    CONTINUE();
}
"""


def test_the_frame_pointer_and_the_red_zone_are_left_alone():
    lines = instructions(compile_c(PRESSURE)["PRESSURE"].assembly)
    assert not [line for line in lines if "%rbp" in line or re.search(r"-\d+\(%rsp", line)]
    assert [line for line in lines if re.match(r"(subq \$\d+, %rsp|pushq %rax)$", line)]
