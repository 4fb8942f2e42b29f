"""Every thing that a stencil cannot contain is told with the line on which the author wrote it."""

import pytest

from llvm_passes.checks import Problem, check
from llvm_passes.module import split_module
from tests.llvm_passes.conftest import PREAMBLE, to_ir


def problems(source: str, holes=None, **options) -> list[Problem]:
    return check(split_module(to_ir(source, **options)), holes=holes)


# (source whose line 3 is at fault, part of what is said)
FAULTS = {
    "variable-length array": (
        "void use(char *);\nSTENCIL(BAD) {\n  char buffer[thread->pad]; use(buffer);\n  CONTINUE(); }",
        "variable size",
    ),
    "alloca in a loop": (
        "void use(void *);\nSTENCIL(BAD) { for (int i = 0; i < thread->pad; i++)\n  use(__builtin_alloca(16));\n"
        "  CONTINUE(); }",
        "variable size",
    ),
    "setjmp": (
        "int _setjmp(void *) __attribute__((returns_twice));\nSTENCIL(BAD) {\n  thread->pad = _setjmp(frame);\n"
        "  CONTINUE(); }",
        "returns twice",
    ),
    "vfork": (
        "int fork_like(void) __attribute__((returns_twice));\nSTENCIL(BAD) {\n  thread->pad = fork_like();\n"
        "  CONTINUE(); }",
        "returns twice",
    ),
    "ordinary call of an end": (
        "\nSTENCIL(BAD) {\n  __sg_continue(frame, sp, thread);\n  CONTINUE(); }",
        "hands the state on by an ordinary call",
    ),
    "computed goto": (
        "\nSTENCIL(BAD) { static void *const to[] = {&&a, &&b};\n  goto *to[thread->pad & 1];\n"
        "  a: thread->pad++; b: obj_dealloc(*sp); CONTINUE(); }",
        "computed goto",
    ),
    "mutable static": (
        "STENCIL(BAD) {\n\n  static long hits; if (thread->pad) hits++; thread->counter = hits;\n  CONTINUE(); }",
        "the variable BAD.hits",
    ),
    "variable of its own": ("\n\nlong own_counter = 3;\nSTENCIL(BAD) { own_counter++; CONTINUE(); }", "own_counter"),
    "thread-local variable": (
        'extern __thread int64_t remote __attribute__((tls_model("global-dynamic")));\nSTENCIL(BAD) {\n  remote++;\n'
        "  CONTINUE(); }",
        "thread-local variable remote",
    ),
    "weak function": (
        "void maybe(void) __attribute__((weak));\nSTENCIL(BAD) {\n  if (maybe) maybe();\n  CONTINUE(); }",
        "weak function maybe",
    ),
    "static function that is not inlined": (
        'static __attribute__((noinline)) void helper(Thread *t) { t->pad++; vm_log("x"); }\nSTENCIL(BAD) {\n'
        "  helper(thread);\n  CONTINUE(); }",
        "static function helper",
    ),
    "unknown hole": ("\nSTENCIL(BAD) {\n  thread->pad = HOLE(int32_t, unknown);\n  CONTINUE(); }", "the hole unknown"),
    "unknown label": ("\nSTENCIL(BAD) {\n  JUMP(nowhere); }", "the hole nowhere"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_line(fault):
    source, expected = FAULTS[fault]
    found = problems(source, holes={"oparg"})
    assert found, "nothing was found"
    assert expected in found[0].what
    assert (found[0].file, found[0].line, found[0].stencil) == ("stencils.c", 3, "BAD"), str(found[0])
    assert found[0].remedy


def test_an_over_aligned_local_is_refused_and_an_aligned_one_is_not():
    source = (
        "STENCIL(ALIGNED) { __attribute__((aligned(%d))) char b[64]; vm_log(b, 1); thread->pad = b[3]; CONTINUE(); }"
    )
    (found,) = problems(source % 32)
    assert "aligned to 32" in found.what and found.line == 1
    assert problems(source % 16) == []


STATES = [
    (", ".join(f"long a{n}" for n in range(13)), ",".join(f"a{n}" for n in range(13)), "13 integers and pointers"),
    (", ".join(f"double d{n}" for n in range(9)), ",".join(f"d{n}" for n in range(9)), "9 floats and doubles"),
    ("short a", "a", "parameter 1 of 16 bits"),
    ("long a, _Bool b", "a,b", "parameter 2 of 1 bits"),
    ("__int128 a", "a", "type i128"),
    ("long double a", "a", "type x86_fp80"),
    ("__attribute__((vector_size(16))) float a", "a", "type <4 x float>"),
    ("struct { long a[4]; } a", "a", "in memory"),
]


@pytest.mark.parametrize(("state", "names", "expected"), STATES)
def test_the_state_must_fit_the_registers(state, names, expected):
    preamble = f'#define STENCIL_STATE {state}\n#include <stencilgen/stencil.h>\n#line 1 "stencils.c"\n'
    if "struct" in state:
        preamble = "typedef struct { long a[4]; } Big;\n" + preamble.replace(state, "Big a")
    found = problems("STENCIL(BAD) { CONTINUE(); }", preamble=preamble, state_names=names)
    assert found and expected in found[0].what and found[0].line == 1


def test_twelve_integers_and_eight_doubles_fit():
    state = ", ".join([f"long a{n}" for n in range(12)] + [f"double d{n}" for n in range(8)])
    names = ",".join([f"a{n}" for n in range(12)] + [f"d{n}" for n in range(8)])
    preamble = f"#define STENCIL_STATE {state}\n#include <stencilgen/stencil.h>\n"
    assert problems("STENCIL(GOOD) { CONTINUE(); }", preamble=preamble, state_names=names) == []


def test_position_independent_code_is_refused():
    source = "extern long far_away;\nSTENCIL(BAD) { far_away++; CONTINUE(); }"
    (found,) = problems(source, flags=("-fPIC",))
    assert "table of addresses" in found.what and found.line == 2 and "-fno-pic" in found.remedy


def test_a_path_without_an_end_is_refused():
    (found,) = problems("STENCIL(BAD) { if (thread->pad) CONTINUE(); }", flags=("-Wno-return-type",)) or [None]
    assert found is not None and "without saying how" in found.what


GOOD = """
static const double powers[4] = {1, 10, 100, 1000};
static inline void bump(Thread *t) { t->counter++; }
STENCIL(GOOD) { static const char *const names[] = {"a", "b"}; vm_log(names[thread->pad & 1], powers[OPARG & 3]);
  char buffer[64]; vm_log(buffer); bump(thread); if (UNLIKELY(thread->pad)) { vm_abort("x"); } if (thread->single > 1)
  SIDE_EXIT(); CONTINUE(); }
STENCIL(ENDS) { if (thread->pad) RETURN(thread->counter); JUMP(target); }
extern STENCIL(vm_interpret);
STENCIL(LEAVES) { __asm__ volatile("nop" ::: "memory"); TAIL_CALL(vm_interpret); }
extern __thread long near_tls __attribute__((tls_model("local-exec")));
STENCIL(LOCAL) { near_tls++; switch (thread->pad) { case 0: bump(thread); break; case 5: SIDE_EXIT(); } CONTINUE(); }
"""


def test_what_is_allowed_is_not_complained_about():
    assert [str(problem) for problem in problems(GOOD, holes={"oparg", "target"})] == []


def test_inlined_code_is_blamed_on_the_line_that_calls_it():
    helper = "static inline void grow(int n, Thread *t) { char b[n]; vm_log(b); }\n"
    source = helper + "STENCIL(BAD) {\n  grow(thread->pad, thread);\n  CONTINUE(); }"
    assert {problem.line for problem in problems(source)} == {3}


def test_only_the_named_stencils_are_checked():
    source = "STENCIL(A) { __sg_continue(frame, sp, thread); CONTINUE(); }\nSTENCIL(B) { CONTINUE(); }"
    module = split_module(to_ir(source))
    assert check(module, ["B"]) == [] and check(module, ["A"])


def test_a_problem_reads_like_a_compiler_message():
    (found,) = problems("STENCIL(BAD) { thread->pad = HOLE(int, what); CONTINUE(); }", holes={"oparg"})
    assert str(found).startswith(
        "stencils.c:1: stencil BAD: uses the hole what"
    ) and "\n  → correct its name, or add it to [holes]" in str(found)
    assert PREAMBLE


def test_functions_of_the_stencils_own_source_do_not_exist_in_the_vm():
    source = (
        '__attribute__((noinline)) void helper(Thread *t) { t->pad++; vm_log("x"); }\n'
        "__attribute__((noinline)) STENCIL(OTHER) { thread->pad++; CONTINUE(); }\n"
        "STENCIL(BAD) {\n  helper(thread);\n  TAIL_CALL(OTHER); }"
    )
    found = problems(source)
    assert [(p.line, p.stencil) for p in found] == [(4, "BAD"), (5, "BAD")]
    assert "helper" in found[0].what and "OTHER" in found[1].what


def test_assembly_outside_functions_is_refused():
    (found,) = problems('__asm__(".globl x\\nx:");\nSTENCIL(FIRST) { CONTINUE(); }')
    assert "outside functions" in found.what and found.file == "stencils.c"
