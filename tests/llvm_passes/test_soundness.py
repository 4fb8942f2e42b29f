"""Conclusions that LLVM must not draw about values that are known only later. Each was drawn at some time."""

import re

import pytest

from llvm_passes.backend import clean_up, emit
from llvm_passes.fold import fold
from llvm_passes.symbols import HIGHEST_BOUNDED, LOWEST_BOUNDED
from tests.llvm_passes.conftest import compile_c, instructions
from tests.llvm_passes.execute import HEADER

HOLES = (
    "declare i64 @__sg_hole_a()\ndeclare i64 @__sg_hole_b()\ndeclare i16 @__sg_hole_s()\ndeclare i16 @__sg_hole_t()\n"
)
HOLES += "declare i32 @__sg_hole_u()\ndeclare ptr @__sg_hole_p()\ndeclare ptr @__sg_hole_q()\n"


def cleaned(body: str, more: str = "") -> str:
    """The body of a function over %m and %x, after folding and cleaning up."""
    folded = fold(f"{HEADER}{HOLES}{more}define i64 @f(ptr %m, i64 %x) {{\nentry:\n{body}}}\n")
    return str(clean_up(folded.ir)).split("\ndefine ", 1)[1].split("\n}", 1)[0]


def assembly(body: str, more: str = "") -> str:
    folded = fold(f"{HEADER}{HOLES}{more}define i64 @f(ptr %m, i64 %x) nounwind {{\nentry:\n{body}}}\n")
    return re.sub(r"__sg_e_f_", "E", emit(clean_up(folded.ir)).replace("\t", " "))


@pytest.mark.parametrize("kind", ["bounded", "wide"])
def test_a_value_may_equal_two_symbols_at_once(kind):
    load = {
        "bounded": "  %s = call i16 @__sg_hole_s()\n  %a = zext i16 %s to i64\n  %t = call i16 @__sg_hole_t()\n  %b = zext i16 %t to i64\n",
        "wide": "  %a = call i64 @__sg_hole_a()\n  %b = call i64 @__sg_hole_b()\n",
    }[kind]
    text = cleaned(
        load
        + "  %c = icmp eq i64 %x, %a\n  %d = icmp eq i64 %x, %b\n  %e = and i1 %c, %d\n  %r = zext i1 %e to i64\n  ret i64 %r\n"
    )
    assert text.count("icmp eq") == 2


@pytest.mark.parametrize("kind", ["p", "a"])
def test_a_symbol_may_be_null(kind):
    """As a call's argument, where the callee's answer could be folded from `argument != null`."""
    load = (
        "  %a = call ptr @__sg_hole_p()\n"
        if kind == "p"
        else "  %i = call i64 @__sg_hole_a()\n  %a = inttoptr i64 %i to ptr\n"
    )
    text = cleaned(
        load
        + "  store ptr %a, ptr %m\n  %l = load ptr, ptr %m\n  %c = icmp eq ptr %l, null\n  %r = zext i1 %c to i64\n  ret i64 %r\n"
    )
    assert not re.search(r"ret i64 0", text)


def test_comparisons_of_jit_time_values_are_jit_time_values():
    folded = fold(
        f"{HOLES}define i64 @f() {{\nentry:\n  %a = call i64 @__sg_hole_a()\n  %b = call i64 @__sg_hole_b()\n"
        "  %c = icmp eq i64 %a, %b\n  %r = zext i1 %c to i64\n  ret i64 %r\n}\n"
    )
    (symbol,) = folded.symbols.values()
    assert symbol.expression.evaluate({"a": 5, "b": 5}) == 1 and symbol.expression.evaluate({"a": 5, "b": 6}) == 0


def test_memory_behind_a_jit_time_pointer_may_be_a_global():
    """store global; store pointer; load global: the load must remain, for the pointer may be the global's address."""
    text = cleaned(
        "  %p = call ptr @__sg_hole_p()\n  store i64 1, ptr @counter\n  store i64 2, ptr %p\n  %r = load i64, ptr @counter\n  ret i64 %r\n",
        "@counter = external dso_local global i64\n",
    )
    assert "load i64, ptr @counter" in text and "asm" in text


def test_two_jit_time_pointers_may_be_the_same():
    text = cleaned(
        "  %p = call ptr @__sg_hole_p()\n  %q = call ptr @__sg_hole_q()\n  store i64 1, ptr %p\n  store i64 2, ptr %q\n"
        "  %r = load i64, ptr %p\n  ret i64 %r\n"
    )
    assert "load i64" in text and text.count("asm") == 2


def test_a_bounded_pointer_is_no_memory_base_either():
    text = cleaned(
        "  %s = call i16 @__sg_hole_s()\n  %i = zext i16 %s to i64\n  %p = inttoptr i64 %i to ptr\n  %r = load i64, ptr %p\n  ret i64 %r\n"
    )
    assert "asm" in text and not re.search(r"load i64, ptr @", text)


def test_integers_that_become_run_time_pointers_are_markers():
    text = cleaned(
        "  %a = call i64 @__sg_hole_a()\n  %c = icmp eq i64 %x, 0\n  %s = select i1 %c, i64 %a, i64 %x\n  %p = inttoptr i64 %s to ptr\n"
        "  %r = load i64, ptr %p\n  ret i64 %r\n"
    )
    assert "asm" in text


@pytest.mark.parametrize("use", ["cmpq", "addq", "leaq", "store", "displacement"])
def test_a_value_of_32_unsigned_bits_is_no_sign_extended_immediate(use):
    load = "  %u = call i32 @__sg_hole_u()\n  %a = zext i32 %u to i64\n"
    body = {
        "cmpq": "  %c = icmp eq i64 %x, %a\n  %r = zext i1 %c to i64\n",
        "addq": "  %l = load i64, ptr %m\n  %r = add i64 %l, %a\n  store i64 %r, ptr %m\n",
        "leaq": "  %r = add i64 %x, %a\n",
        "store": "  store i64 %a, ptr %m\n  %r = add i64 %x, 0\n",
        "displacement": "  %p = getelementptr i8, ptr %m, i64 %a\n  %r = load i64, ptr %p\n",
    }[use]
    text = assembly(load + body + "  ret i64 %r\n")
    assert "movabsq $E0" in text
    assert not re.search(r"^ (?!movabsq).*E0", text.split("f:", 1)[1].split(".size", 1)[0], re.M)


@pytest.mark.parametrize(("low", "high"), [(LOWEST_BOUNDED - 1, 0), (0, HIGHEST_BOUNDED + 1)])
def test_beyond_the_bounds_a_symbol_is_wide(low, high):
    from llvm_passes.fold import FoldOptions

    text = f"{HOLES}define void @f(ptr %m) {{\nentry:\n  %a = call i64 @__sg_hole_a()\n  store i64 %a, ptr %m\n  ret void\n}}\n"
    (outside,) = fold(text, FoldOptions(hole_ranges={"a": (low, high)})).symbols.values()
    (inside,) = fold(text, FoldOptions(hole_ranges={"a": (low + (low < 0), high - (high > 0))})).symbols.values()
    assert outside.wide and not inside.wide


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_narrow_values_are_unsigned_within_their_width(bits):
    text = f"declare i{bits} @__sg_hole_n()\ndefine i1 @f(ptr %m) {{\nentry:\n  %n = call i{bits} @__sg_hole_n()\n  %s = sub i{bits} 0, %n\n"
    text += f"  %l = load i{bits}, ptr %m\n  %r = icmp eq i{bits} %l, %s\n  ret i1 %r\n}}\n"
    folded = fold(HEADER + text)
    (symbol,) = folded.symbols.values()
    assert (symbol.low, symbol.high) == (0, (1 << bits) - 1)
    assert re.search(rf"cmp{'bwl'[bits.bit_length() - 4]}\t\$__sg_e_f_0, \(%rdi\)", emit(clean_up(folded.ir)))


def test_small_ranges_do_not_change_the_symbol_name_in_assembly():
    source = "STENCIL(SMALL) { thread->counter = OPARG & 7; frame->locals[OPARG & 3]->refcount = 0; CONTINUE(); }"
    assert "@ABS8" not in compile_c(source)["SMALL"].assembly


def test_jit_time_arithmetic_is_not_guarded_by_the_branch_it_stood_behind():
    """A division by a hole is a symbol's value, computed whether or not the code is reached: it must be total."""
    source = "STENCIL(DIVIDE) { if (OPARG) thread->counter = 1000 / OPARG; CONTINUE(); }"
    symbols = compile_c(source)["DIVIDE"].symbols.values()
    assert all(isinstance(symbol.expression.evaluate({"oparg": 0}), int) for symbol in symbols)


def test_the_frame_pointer_and_the_red_zone_are_left_alone():
    source = """
    STENCIL(PRESSURE) { int64_t *s = thread->scratch; int64_t a=s[0],b=s[1],c=s[2],d=s[3],e=s[4],g=s[5],h=s[6],i=s[7],j=s[8],k=s[9],l=s[10];
      s[20]=a*b+c*d+e*g+h*i+j; s[21]=a^b^c^d^e^g^h^i^j^k^l; s[22]=(a+b)*(c+d)*(e+g)*(h+i)*j*k*l; s[23]=a-b-c-d-e-g-h-i-j-k-l;
      for (int q=0;q<s[24];q++) { s[q]=a+=b; b^=c; c+=d; d^=e; e+=g; g^=h; h+=i; i^=j; j+=k; k^=l; l+=a; } CONTINUE(); }
    """
    lines = instructions(compile_c(source)["PRESSURE"].assembly)
    assert not [line for line in lines if "%rbp" in line or re.search(r"-\d+\(%rsp", line)]
    assert [line for line in lines if "subq" in line and line.endswith("%rsp")]
