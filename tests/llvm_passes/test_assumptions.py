"""What an author promises of holes in C narrows what is known of them, is handed on to be verified, and leaves no code."""

import pytest

from llvm_passes.assumptions import take_assumptions
from llvm_passes.codegen import CompileOptions, Decision, compile_functions, derive
from llvm_passes.derive import DeriveRequest
from llvm_passes.layout import Layout
from llvm_passes.module import split_module
from tests.llvm_passes.conftest import compile_c, instructions, to_ir

STENCILS = """
STENCIL(SMALL) { __builtin_assume(OPARG < 8); thread->counter = OPARG; CONTINUE(); }
STENCIL(BETWEEN) { __builtin_assume(OPARG < 8 && OPARG > 2); thread->counter = OPARG; CONTINUE(); }
STENCIL(NOT_LARGE) { if (OPARG > 9) __builtin_unreachable(); thread->counter = OPARG; CONTINUE(); }
STENCIL(NARROW) { __builtin_assume(OPERAND < 1000); thread->counter = OPERAND; CONTINUE(); }
STENCIL(ALIGNED)
{
    uintptr_t pointer = (uintptr_t)HOLE(Object *, pointer);
    __builtin_assume(pointer % 16 == 0);
    opaque(pointer + 3, thread);
    CONTINUE();
}
STENCIL(ALIGNED_BUILTIN)
{
    opaque((uintptr_t)__builtin_assume_aligned(HOLE(Object *, pointer), 16) + 3, thread);
    CONTINUE();
}
STENCIL(COMPARED) { __builtin_assume(OPARG < HOLE(uint16_t, other)); thread->pad = HOLE(uint16_t, other); CONTINUE(); }
STENCIL(AFTER_GUARD)
{
    if (UNLIKELY(thread->pad))
        SIDE_EXIT();
    __builtin_assume(OPARG < 8);
    thread->counter = OPARG;
    CONTINUE();
}
STENCIL(OF_ONE_CASE)
{
    thread->scratch[0] = OPERAND;
    if (OPARG == 0) {
        __builtin_assume(OPERAND < 10);
        thread->counter = OPERAND;
    }
    CONTINUE();
}
STENCIL(RUN_TIME)
{
    __builtin_assume(thread->pad > 3 && thread->pad < OPARG);
    thread->counter = thread->pad;
    CONTINUE();
}
STENCIL(TWICE)
{
    __builtin_assume(OPARG < 8);
    __builtin_assume(OPARG < 20);
    thread->counter = OPARG;
    CONTINUE();
}
"""


def promises(name):
    return [str(promise) for promise in compile_c(STENCILS)[name].promises]


@pytest.mark.parametrize(
    ("name", "promised", "low", "high"),
    [
        ("SMALL", ["(icmp.ult1 oparg 8)"], 0, 7),
        ("BETWEEN", ["(icmp.ult1 oparg 8)", "(icmp.ugt1 oparg 2)"], 3, 7),
        ("NOT_LARGE", ["(icmp.ult1 oparg 10)"], 0, 9),
        ("NARROW", ["(icmp.ult1 operand 1000)"], 0, 999),
        ("ALIGNED", ["(icmp.eq1 (and64 pointer 15) 0)"], -(2**63) + 3, 2**63 - 13),
        ("ALIGNED_BUILTIN", ["(icmp.eq1 (and64 pointer 15) 0)"], -(2**63) + 3, 2**63 - 13),
        ("COMPARED", ["(icmp.ult1 oparg other)"], 1, 65535),
        ("TWICE", ["(icmp.ult1 oparg 8)"], 0, 7),
    ],
)
def test_what_is_promised_of_holes_bounds_them_and_is_to_be_verified(name, promised, low, high):
    assert promises(name) == promised
    (symbol,) = compile_c(STENCILS)[name].symbols.values()
    assert (symbol.low, symbol.high) == (low, high)


def test_a_small_value_is_an_immediate_then():
    assert instructions(compile_c(STENCILS)["NARROW"].assembly) == ["movq $E0, (%r14)", "jmp __sg_continue"]


def test_behind_a_branch_on_run_time_values_nothing_is_known():
    assert promises("AFTER_GUARD") == []
    (symbol,) = compile_c(STENCILS)["AFTER_GUARD"].symbols.values()
    assert (symbol.low, symbol.high) == (0, 65535)


def test_behind_a_branch_on_holes_it_is_known_in_that_version():
    assert promises("OF_ONE_CASE") == ["(or1 (xor1 (icmp.eq1 oparg 0) 1) (icmp.ult1 operand 10))"]
    decision = compile_c(STENCILS)["OF_ONE_CASE"].decision
    assert isinstance(decision, Decision)
    yes, no = decision.yes, decision.no
    if isinstance(no, Decision):  # by the value's size
        no = no.no
    assert [(s.low, s.high) for s in yes.symbols.values()] == [(0, 9)]
    assert [(s.low, s.high) for s in no.symbols.values()] == [(-(2**63), 2**63 - 1)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RUN_TIME", ["movl 8(%r14), %eax", "movq %rax, (%r14)", "jmp __sg_continue"]),
        (
            "AFTER_GUARD",
            [
                *("cmpl $0, 8(%r14)", "jne AFTER_GUARD.cold", "movq $E0, (%r14)", "jmp __sg_continue"),
                *("AFTER_GUARD.cold:", "jmp __sg_exit"),
            ],
        ),
    ],
)
def test_assumptions_leave_no_code(name, expected):
    assert instructions(compile_c(STENCILS)[name].assembly) == expected


def test_an_assumption_about_a_pointer_makes_no_base_of_it():
    assert "#APP" not in compile_c(STENCILS)["ALIGNED_BUILTIN"].assembly


BUNDLES = """define void @f(ptr %m) {
entry:
  %h = call ptr @__sg_hole_h()
  call void @llvm.assume(i1 true) [ BUNDLE ]
  ret void
}"""


@pytest.mark.parametrize(
    ("bundle", "promised"),
    [
        ('"align"(ptr %h, i64 16)', ["(icmp.eq1 (and64 h 15) 0)"]),
        ('"nonnull"(ptr %h)', ["(icmp.ne1 h 0)"]),
        ('"nonnull"(ptr %h), "align"(ptr %h, i64 8)', ["(icmp.ne1 h 0)", "(icmp.eq1 (and64 h 7) 0)"]),
        ('"align"(ptr %h, i64 16, i64 4)', []),
        ('"align"(ptr %h, i64 %n)', []),
        ('"align"(ptr %m, i64 16)', []),
        ('"dereferenceable"(ptr %h, i64 16)', []),
        ('"align"(ptr %h, i64 8), "align"(ptr %m, i64 8)', []),
    ],
)
def test_what_an_operand_bundle_promises(bundle, promised):
    taken = take_assumptions(BUNDLES.replace("BUNDLE", bundle), Layout({}))
    assert [str(promise) for promise in taken.promises] == promised
    assert ("@llvm.assume" in taken.text) == (not promised)


def test_what_any_part_of_a_fused_unit_assumes_is_promised_by_the_unit():
    sequences = (("AFTER_GUARD", "SMALL", "ALIGNED"), ("COMPARED", "COMPARED"))
    module, derived = derive(split_module(to_ir(STENCILS)), DeriveRequest("", sequences, None))
    names = [variant.name for variant in derived.variants]
    compiled = compile_functions(module, names, CompileOptions())
    assert [sorted(map(str, compiled[name].promises)) for name in names] == [
        ["(icmp.eq1 (and64 pointer__2 15) 0)", "(icmp.ult1 oparg__1 8)"],
        ["(icmp.ult1 oparg other)", "(icmp.ult1 oparg__1 other__1)"],
    ]
    bounds = {str(symbol.expression): symbol.high for symbol in compiled[names[0]].symbols.values()}
    assert bounds["oparg__1"] == 7
