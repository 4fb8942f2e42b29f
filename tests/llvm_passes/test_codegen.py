"""Whole stencils through workers: hot and cold, constants, calls, failures."""

import re

import pytest

from llvm_passes import backend
from llvm_passes.callees import Callee
from llvm_passes.codegen import CodegenError, CompileOptions, compile_functions, link
from llvm_passes.module import split_module
from tests.llvm_passes.conftest import compile_c, instructions, to_ir

STENCILS = """
STENCIL(GUARD) { if (UNLIKELY(sp[-1]->type != &Float_Type)) SIDE_EXIT(); CONTINUE(); }
STENCIL(PLAIN_EXIT) { if (sp[-1]->type != &Float_Type) SIDE_EXIT(); thread->counter++; CONTINUE(); }
STENCIL(COLD_CALL) { if (thread->pad) slow_path(thread); thread->counter++; CONTINUE(); }
STENCIL(ABORTS) { if (thread->pad) vm_abort("x"); thread->counter++; CONTINUE(); }
STENCIL(FAR_EXIT) { if (thread->pad) { vm_log("gone"); thread->counter = 0; SIDE_EXIT(); } CONTINUE(); }
STENCIL(EVEN) { if (thread->pad) thread->counter++; else thread->counter--; CONTINUE(); }
STENCIL(LIKELY_LOG) { if (LIKELY(thread->pad)) vm_log("warm"); CONTINUE(); }
STENCIL(ONLY_COLD) { vm_abort("end"); }
STENCIL(NEGATE) { frame->locals[1]->real = -frame->locals[1]->real * 3.25; CONTINUE(); }
STENCIL(NAMES)
{
    static const char *const names[] = {"aa", "bb", "cc", "dd"};
    vm_log(names[thread->pad & 3]);
    CONTINUE();
}
STENCIL(CALLS)
{
    vm_log("%g", frame->locals[0]->real);
    sp[0]->type->dealloc(sp[0]);
    thread->counter = opaque(1, thread);
    CONTINUE();
}
STENCIL(COPY) { *(Frame *)thread->scratch = *frame; CONTINUE(); }
long nine(long, long, long, long, long, long, long, long, long);
STENCIL(NINE) { thread->counter = nine(1, 2, 3, 4, 5, 6, 7, 8, thread->pad); CONTINUE(); }
STENCIL(SWITCH)
{
    int r;
    switch (thread->pad) {
    case 0: r = 17; break;
    case 1: r = 3; break;
    case 2: r = 99; break;
    case 3: r = 4; break;
    case 4: r = 71; break;
    case 5: r = 1001; break;
    default: r = -1;
    }
    thread->single = r;
    CONTINUE();
}
__attribute__((preserve_most)) int64_t slow_most(Thread *, double, float);
STENCIL(MOST) { thread->counter = slow_most(thread, 1, 2); CONTINUE(); }
"""


def lines(name):
    return instructions(compile_c(STENCILS)[name].assembly)


def parts(name):
    """(hot, cold) instructions."""
    text = compile_c(STENCILS)[name].assembly
    hot, _, cold = text.partition(".section\t.text.split.")
    return instructions(hot), instructions(cold) if cold else []


@pytest.mark.parametrize("name", ["GUARD", "PLAIN_EXIT", "COLD_CALL", "ABORTS", "FAR_EXIT"])
def test_what_leads_to_an_exit_or_a_cold_call_only_is_cold(name):
    hot, cold = parts(name)
    assert cold and hot[-1] == "jmp __sg_continue"
    assert not [line for line in hot if "__sg_exit" in line or "callq" in line]


@pytest.mark.parametrize("name", ["EVEN", "LIKELY_LOG", "ONLY_COLD"])
def test_what_may_well_run_is_hot(name):
    assert not parts(name)[1]


def test_without_splitting_nothing_is_cold():
    functions = compile_functions(to_ir(STENCILS), options=CompileOptions(split=False))
    assert not [name for name, function in functions.items() if ".text.split." in function.assembly]


def test_branches_are_not_folded_into_conditional_tail_calls():
    for name, function in compile_c(STENCILS).items():
        assert not re.search(r"\tj(?!mp)\w+\t__sg_", function.assembly), name


def test_frames_are_one_subtraction_and_its_inverse():
    assert not [line for line in lines("NINE") if line.startswith("pushq $")]
    assert [
        line for line in lines("NINE") if line.startswith("movq $8, ") and line.endswith("(%rsp)")
    ] or "movq $8, 8(%rsp)" in lines("NINE")


def test_no_jump_tables():
    for function in compile_c(STENCILS).values():
        assert ".LJTI" not in function.assembly and "switch.table" not in function.assembly


def test_constants_come_with_the_function_under_stable_labels():
    (pool,) = compile_c(STENCILS)["NEGATE"].data
    assert pool.label == ".LCPI_NEGATE_0" and ".LCPI_NEGATE_0(%rip)" in compile_c(STENCILS)["NEGATE"].assembly
    assert (pool.alignment, pool.assembly) == (8, "\t.quad\t0xc00a000000000000")


def test_constants_bring_the_constants_that_they_refer_to():
    table, *strings = compile_c(STENCILS)["NAMES"].data
    assert table.section.startswith(".data.rel.ro") and table.assembly.count(".quad") == 4
    assert sorted(re.findall(r'"(\w+)"', " ".join(string.assembly for string in strings))) == ["aa", "bb", "cc", "dd"]
    assert all(string.label in table.assembly for string in strings)


def test_calls_know_how_they_are_made():
    calls = compile_c(STENCILS)["CALLS"]
    assert calls.callees["vm_log"] == Callee("ccc", True, "i", "")
    assert calls.callees["opaque"] == Callee("ccc", False, "ii", "i")
    assert calls.callees["__sg_continue"] == Callee("preserve_nonecc", False, "iii", "i")
    assert calls.indirect_callees == (Callee("ccc", False, "i", ""),)
    assert compile_c(STENCILS)["MOST"].callees["slow_most"] == Callee("preserve_mostcc", False, "idf", "i")
    abort = compile_c(STENCILS)["ABORTS"].callees["vm_abort"]
    assert abort.noreturn and abort.cold
    assert compile_c(STENCILS)["COLD_CALL"].callees["slow_path"].cold


def test_calls_that_code_generation_makes_are_not_declared():
    copy = compile_c(STENCILS)["COPY"]
    assert "callq\tmemcpy" in copy.assembly and "memcpy" not in copy.callees


MANY = "".join(
    f"STENCIL(S{n}) {{ thread->scratch[{n % 32}] += OPARG * {n}; if (thread->pad == {n}) SIDE_EXIT(); CONTINUE(); }}\n"
    for n in range(90)
)


def test_results_do_not_depend_on_the_number_of_workers():
    module = split_module(to_ir(MANY))
    one, two = compile_functions(module, jobs=1), compile_functions(module, jobs=2)
    assert list(one) == [f"S{n}" for n in range(90)] and one == two


def test_a_stencil_does_not_depend_on_its_neighbours():
    module = split_module(to_ir(STENCILS))
    alone = compile_functions(module, ["NEGATE"])["NEGATE"]
    together = compile_c(STENCILS)["NEGATE"]
    assert (alone.assembly, alone.data, alone.symbols) == (together.assembly, together.data, together.symbols)


def test_bad_inline_assembly_names_the_stencil():
    source = MANY + 'STENCIL(WRONG) { __asm__ volatile("frobnicate %rax"); CONTINUE(); }\n'
    with pytest.raises(CodegenError) as caught:
        compile_functions(to_ir(source), jobs=2)
    assert caught.value.stencil == "WRONG" and "frobnicate" in caught.value.message


def test_good_inline_assembly_passes():
    source = 'STENCIL(PAUSE) { __asm__ volatile("pause"); CONTINUE(); }\n'
    assert "pause" in lines_of(source, "PAUSE")


def lines_of(source, name):
    return instructions(compile_c(source)[name].assembly)


def test_linking_keeps_static_names_apart():
    values = "static const int64_t values[3] = {%d, 2, 3};\n"
    stencil = "STENCIL(L%d) { thread->counter = values[thread->pad]; CONTINUE(); }\n"
    sources = [values % n + stencil % n for n in range(2)]
    module = split_module(link(map(to_ir, sources)))
    compiled = compile_functions(module)
    assert list(compiled) == ["L0", "L1"]
    first, second = (function.data[0] for function in compiled.values())
    assert first.label != second.label and first.assembly != second.assembly


def test_linking_one_module_changes_nothing():
    assert link(["text"]) == "text"


def test_linking_two_stencils_of_one_name_is_refused():
    source = "STENCIL(SAME) { CONTINUE(); }\n"
    with pytest.raises(CodegenError, match="SAME"):
        link([to_ir(source), to_ir("\n" + source)])


def test_the_self_check_notices_an_option_without_effect(monkeypatch):
    backend.check_options()
    real = backend.emit
    monkeypatch.setattr(backend, "emit", lambda module: real(module).replace("probe.cold:", ".LBB0_1:"))
    with pytest.raises(backend.LlvmError, match="-enable-split-machine-functions"):
        backend.check_options.__wrapped__()


def test_bad_ir_is_an_error_in_words():
    with pytest.raises(CodegenError, match="expected"):
        compile_functions("define void @f() {\n  frob i32 1\n}\n")


def test_the_users_directory_does_not_shadow_modules(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    assert compile_functions(to_ir("STENCIL(ANYWHERE) { CONTINUE(); }\n"))["ANYWHERE"].assembly
