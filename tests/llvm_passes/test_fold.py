"""What C stencils become: one symbol per JIT-time expression, and the instruction that has room for it."""

import pickle

import pytest

from llvm_passes.backend import clean_up, name_values
from llvm_passes.expression import Hole, Operation, SymbolAddress, walk
from llvm_passes.fold import FoldedModule, FoldOptions, fold, fold_into, with_declarations
from llvm_passes.leftovers import has_leftovers
from llvm_passes.module import split_module
from llvm_passes.ranges import Promise
from llvm_passes.symbols import SymbolTable
from tests.llvm_passes.conftest import compile_c, instructions, to_ir

STENCILS = """
STENCIL(LOAD_FAST) { Object *o = frame->locals[OPARG]; o->refcount++; *sp++ = o; CONTINUE(); }
STENCIL(COMPARE) { if (UNLIKELY(thread->counter != HOLE(int16_t, small))) SIDE_EXIT(); CONTINUE(); }
STENCIL(COMPARE_INT) { if (UNLIKELY(thread->pad != HOLE(int32_t, number))) SIDE_EXIT(); CONTINUE(); }
STENCIL(COMPARE_BYTE) { if (UNLIKELY(*(uint8_t *)thread != HOLE(uint8_t, byte))) SIDE_EXIT(); CONTINUE(); }
STENCIL(CHOOSE) { thread->counter = (OPERAND == 0 ? 3 : 1) + (OPARG & 1 ? 100 : 200); CONTINUE(); }
STENCIL(STORE_WIDE) { thread->counter = OPERAND; CONTINUE(); }
STENCIL(STORE_NARROW) { *(uint8_t *)thread = OPARG; *((uint16_t *)thread + 2) = OPARG + 1; CONTINUE(); }
STENCIL(LOAD_CONST) { Object *o = HOLE(Object *, constant); o->refcount++; *sp++ = o; CONTINUE(); }
STENCIL(PUSH_POINTER) { *sp++ = HOLE(Object *, constant); CONTINUE(); }
STENCIL(PASS_POINTER) { obj_dealloc(HOLE(Object *, constant)); CONTINUE(); }
STENCIL(TWO_FIELDS) { Object *o = (Object *)OPERAND; thread->counter = o->refcount + o->integer; CONTINUE(); }
STENCIL(REAL) { thread->reals[0] += HOLE(double, real); thread->single *= HOLE(float, scale); CONTINUE(); }
STENCIL(FLAG) { if (HOLE(bool, flag)) thread->counter++; CONTINUE(); }
STENCIL(SWITCH)
{
    switch (OPARG) {
    case 1: thread->counter++; break;
    case 7: thread->pad = 4; break;
    default: SIDE_EXIT();
    }
    CONTINUE();
}
STENCIL(TABLE) { table[OPARG] = 1; *sp = (Object *)&Float_Type; CONTINUE(); }
STENCIL(CALL_HOLE) { HOLE(void (*)(Thread *), function)(thread); CONTINUE(); }
STENCIL(BITS)
{
    thread->pad = __builtin_popcount(OPARG) + (int)__builtin_bswap32(OPARG) + (OPARG > 10 ? OPARG - 10 : 0);
    CONTINUE();
}
STENCIL(MINIMUM) { int a = OPARG, b = HOLE(int32_t, number); thread->pad = a < b ? a : b; CONTINUE(); }
STENCIL(SHARED) { thread->pad = OPARG; thread->counter = OPARG; thread->scratch[1] = OPARG * 8; CONTINUE(); }
STENCIL(CONSTANT_TABLE)
{
    static const double powers[4] = {1, 10, 100, 1000};
    thread->reals[1] = powers[OPARG & 3];
    CONTINUE();
}
STENCIL(RETURN_HOLE) { RETURN(HOLE(int32_t, number)); }
STENCIL(BRANCH) { if (thread->counter < 5) JUMP(target); CONTINUE(); }
STENCIL(LOOP)
{
    int64_t sum = 0;
    for (int i = 0; i < OPARG; i++)
        sum += opaque(i, thread);
    thread->counter = sum;
    CONTINUE();
}
STENCIL(TAGGED) { Object *o = (Object *)(OPERAND & ~7ull); o->refcount++; thread->pad = OPERAND & 7; CONTINUE(); }
STENCIL(PICK) { Object *o = thread->pad ? HOLE(Object *, constant) : frame->locals[0]; o->refcount++; CONTINUE(); }
"""


def compiled(name):
    return compile_c(STENCILS)[name]


def values(name):
    return [str(symbol.expression) for symbol in compiled(name).symbols.values()]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "LOAD_FAST",
            ["movq E0(%r12), %rax", "incq (%rax)", "movq %rax, (%r13)", "addq $8, %r13", "jmp __sg_continue"],
        ),
        ("CHOOSE", ["movq $E0, (%r14)", "jmp __sg_continue"]),
        ("STORE_WIDE", ["movabsq $E0, %rax", "movq %rax, (%r14)", "jmp __sg_continue"]),
        ("STORE_NARROW", ["movb $E0, (%r14)", "movw $E1, 4(%r14)", "jmp __sg_continue"]),
        ("LOAD_CONST", ["movabsq $E0, %rax", "incq (%rax)", "movq %rax, (%r13)", "addq $8, %r13", "jmp __sg_continue"]),
        ("BITS", ["movl $E0, 8(%r14)", "jmp __sg_continue"]),
        ("MINIMUM", ["movl $E0, 8(%r14)", "jmp __sg_continue"]),
        ("SHARED", ["movl $E0, 8(%r14)", "movq $E0, (%r14)", "movq $E1, 56(%r14)", "jmp __sg_continue"]),
        (
            "TWO_FIELDS",
            ["movabsq $E0, %rax", "movq 16(%rax), %rcx", "addq (%rax), %rcx", "movq %rcx, (%r14)", "jmp __sg_continue"],
        ),
    ],
)
def test_the_instructions_of_a_stencil(name, expected):
    assert instructions(compiled(name).assembly) == expected


@pytest.mark.parametrize(
    ("name", "instruction"),
    [
        ("COMPARE", "cmpq $E0, (%r14)"),
        ("COMPARE_INT", "cmpl $E0, 8(%r14)"),
        ("COMPARE_BYTE", "cmpb $E0, (%r14)"),
        ("TABLE", "leaq Float_Type(%rip), %rax"),
        ("CALL_HOLE", "callq *%rax"),
        ("BRANCH", "jmp __sg_label_target"),
        ("REAL", "movabsq $E0, %rax"),
        ("LOOP", "movl $E1, %r13d"),
    ],
)
def test_a_stencil_has_the_instruction(name, instruction):
    assert instruction in instructions(compiled(name).assembly)


@pytest.mark.parametrize(
    ("name", "low", "high", "wide"),
    [
        ("LOAD_FAST", 8, 65535 * 8 + 8, False),
        ("COMPARE", -(1 << 15), (1 << 15) - 1, False),
        ("COMPARE_INT", 0, (1 << 32) - 1, False),
        ("COMPARE_BYTE", 0, 255, False),
        ("STORE_WIDE", -(1 << 63), (1 << 63) - 1, True),
        ("LOAD_CONST", -(1 << 63), (1 << 63) - 1, True),
        ("RETURN_HOLE", -(1 << 31), (1 << 31) - 1, True),
        ("FLAG", 0, 1, False),
    ],
)
def test_symbols_know_their_range(name, low, high, wide):
    symbol = next(iter(compiled(name).symbols.values()))
    assert (symbol.low, symbol.high, symbol.wide) == (low, high, wide)


def test_expressions_have_exact_widths():
    assert values("STORE_NARROW") == ["(trunc8 oparg)", "(add16 oparg 1)"]
    assert values("MINIMUM") == ["(smin32 number (zext32 oparg))"] or values("MINIMUM") == [
        "(smin32 (zext32 oparg) number)"
    ]
    assert values("TAGGED")[0] == "(and64 operand -8)"


def test_holes_know_how_c_reads_them():
    holes = {
        node
        for name in ("COMPARE", "FLAG", "REAL", "LOAD_CONST")
        for s in compiled(name).symbols.values()
        for node in walk(s.expression)
    }
    assert {
        Hole("small", 16, True),
        Hole("flag", 1),
        Hole("real", 64, kind="double"),
        Hole("scale", 32, kind="float"),
    } <= holes
    assert Hole("constant", 64, kind="pointer") in holes


def test_equal_values_share_a_symbol_across_widths():
    assert values("SHARED") == ["oparg", "(shl32 (zext32 oparg) 3)"]


def test_a_pointer_that_memory_may_be_accessed_through_is_a_marker_and_others_are_symbols():
    assert "#APP" in compiled("LOAD_CONST").assembly and "call ptr asm" in compiled("LOAD_CONST").folded_ir
    assert "#APP" in compiled("PUSH_POINTER").assembly
    assert "#APP" in compiled("TAGGED").assembly
    assert "#APP" not in compiled("PASS_POINTER").assembly


def test_a_pointer_merged_with_run_time_pointers_is_a_marker():
    assert "call ptr asm" in compiled("PICK").folded_ir or "call i64 asm" in compiled("PICK").folded_ir


def test_fields_of_one_object_share_its_marker():
    assert compiled("TWO_FIELDS").assembly.count("movabsq") == 1


def test_a_table_indexed_by_a_hole_brings_its_data_along():
    function = compiled("CONSTANT_TABLE")
    (address,) = (
        node for s in function.symbols.values() for node in walk(s.expression) if isinstance(node, SymbolAddress)
    )
    (table,) = function.data
    assert table.label == address.name and table.assembly.count(".quad") == 4


def test_branches_on_jit_time_conditions_are_reported():
    (condition,) = compiled("FLAG").conditions
    assert condition == Hole("flag", 1)
    assert compiled("SWITCH").conditions == (Hole("oparg", 16),)
    assert compiled("LOAD_FAST").conditions == ()


def test_assuming_a_condition_makes_a_version():
    text = name_values(split_module(to_ir(STENCILS)).extract(["FLAG"]))
    taken = fold(text, FoldOptions(assume={Hole("flag", 1): 1}))
    assert taken.conditions == {} and taken.symbols == {} and "br i1 true" in taken.ir


def test_assuming_an_operand_gives_its_uses_too():
    text = name_values(split_module(to_ir(STENCILS)).extract(["LOAD_FAST"]))
    folded = fold(text, FoldOptions(assume={Hole("oparg", 16): 3}))
    assert folded.symbols == {} and "@__sg_e_" not in folded.ir


def test_a_known_range_makes_a_wide_value_narrow():
    text = name_values(split_module(to_ir(STENCILS)).extract(["STORE_WIDE"]))
    (symbol,) = fold(text, FoldOptions(promises={"operand": Promise(-5, 1000)})).symbols.values()
    assert (symbol.low, symbol.high, symbol.wide) == (-5, 1000, False)


def test_no_hole_is_left_and_every_symbol_is_declared_once():
    for name, function in compile_c(STENCILS).items():
        assert "__sg_hole_" not in function.folded_ir, name
        assert "__sg_hole_" not in function.assembly, name
    folded = fold(name_values(split_module(to_ir(STENCILS)).extract(["SHARED"])))
    assert all(folded.ir.count(f"@{name} =") == 1 for name in folded.symbols)


LEFTOVER = """
declare i16 @__sg_hole_h()
define void @f(ptr %p, i64 %x) {
entry:
  %h = call i16 @__sg_hole_h()
  %w = zext i16 %h to i64
  br label %next
next:
  %y = phi i64 [ %w, %entry ]
  %q = getelementptr i8, ptr %p, i64 8
  store i64 %y, ptr %q
  %z = add i64 %y, -8
  %t = trunc i64 %z to i32
  store i32 %t, ptr %p
  ret void
}
"""


def test_what_the_clean_up_combines_is_folded_again():
    tables: dict[str, SymbolTable] = {}
    folded = fold_into(LEFTOVER, FoldOptions(), tables)
    cleaned = str(clean_up(with_declarations(folded, tables["f"].symbols)))
    assert has_leftovers(cleaned)
    again = fold_into(cleaned, FoldOptions(), tables)
    result = str(clean_up(with_declarations(again, tables["f"].symbols)))
    assert not has_leftovers(result)
    last = list(tables["f"].symbols.values())[-1].expression
    assert [last.evaluate({"h": value}) & 0xFFFFFFFF for value in (0, 8, 65535)] == [2**32 - 8, 0, 65527]


def folded_body(lines: str) -> FoldedModule:
    """A function over %p and an i32 hole %h, folded."""
    head = "declare i32 @__sg_hole_h()\ndefine void @f(ptr %p) {\nentry:\n  %h = call i32 @__sg_hole_h()\n"
    return fold(f"{head}{lines}  ret void\n}}\n")


def test_an_undefined_operand_is_some_value():
    (symbol,) = folded_body("  %s = add i32 %h, poison\n  store i32 %s, ptr %p\n").symbols.values()
    assert symbol.expression == Hole("h", 32)


def test_shared_subterms_do_not_explode():
    squares = "".join(f"  %s{n + 1} = mul i32 %s{n}, %s{n}\n" for n in range(20))
    folded = folded_body(f"  %s0 = add i32 %h, 1\n{squares}  store i32 %s20, ptr %p\n")
    assert len(folded.symbols) == 1 and "mul i32" in folded.ir
    (symbol,) = folded.symbols.values()
    assert isinstance(symbol.expression, Operation)


@pytest.mark.parametrize("length", range(24, 36))
def test_expressions_near_the_largest_size_survive_the_whole_way(length):
    """Widening a symbol's value, scaling an index and sending it between processes each add to the tree."""
    source = "STENCIL(LONG) { int32_t h = HOLE(int32_t, number); int64_t x = OPARG; "
    source += "".join(f"x = (x ^ {n * 7919 + 3}) * {2 * n + 3}; " for n in range(length))
    source += "thread->scratch[(x + h) & 31] = x; frame->locals[x & 3] = (Object *)(x + thread->counter); CONTINUE(); }"
    assert compile_c(source)["LONG"].symbols


def test_long_chains_of_one_operand_can_be_sent_between_processes():
    expression = Hole("h", 32)
    for _ in range(100):
        expression = Operation("ctpop", 32, (expression,))
    assert pickle.loads(pickle.dumps(expression)) == expression
