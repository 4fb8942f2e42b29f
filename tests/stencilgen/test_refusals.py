"""Everything that a stencil cannot contain is refused in words, at the user's own file and line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stencilgen.config import Config, load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import Build, build
from stencilgen.toolchain.clang import find_clang

Built = Callable[..., Build]
Project = Callable[..., Config]

# name: (C after the preamble, which has three lines; line of the complaint; words of it)
REFUSED = {
    "variable-length array": (
        "void use(char *);\nSTENCIL(S)\n{\n    char buffer[thread->count];\n    use(buffer);\n    CONTINUE();\n}\n",
        7,
        "local of variable size",
    ),
    "alloca": (
        "void use(char *);\nSTENCIL(S)\n{\n    use(__builtin_alloca(thread->count));\n    CONTINUE();\n}\n",
        7,
        "local of variable size",
    ),
    "over-aligned local": (
        "void use(char *);\nSTENCIL(S)\n{\n    _Alignas(64) char buffer[64];\n    use(buffer);\n    CONTINUE();\n}\n",
        None,
        "aligned to 64 bytes",
    ),
    "setjmp": (
        "#include <setjmp.h>\nextern jmp_buf where;\nSTENCIL(S)\n{\n    if (setjmp(where)) SIDE_EXIT();\n    CONTINUE();\n}\n",
        8,
        "returns twice",
    ),
    "a hole that is too wide": (
        "STENCIL(S)\n{\n    thread->count = (int)HOLE(__int128, oparg);\n    CONTINUE();\n}\n",
        6,
        "HOLE(__int128, oparg): a hole has 64 bits at most",
    ),
    "an end that is no tail call": (
        "STENCIL(S)\n{\n    thread->count = __sg_continue(frame, sp, thread);\n    CONTINUE();\n}\n",
        6,
        "tail call",
    ),
    "no end at all": ("STENCIL(S)\n{\n    thread->count++;\n}\n", 7, "has not said how the trace goes on"),
    "computed goto": (
        "STENCIL(S)\n{\n    static void *const places[] = {&&one, &&two, &&three};\n    goto *places[thread->count];\n"
        "one: thread->count *= 3;\ntwo: thread->count ^= 5;\nthree:;\n    CONTINUE();\n}\n",
        None,
        "computed goto",
    ),
    "mutable static": (
        "static int calls;\nSTENCIL(S)\n{\n    thread->count = calls++;\n    CONTINUE();\n}\n",
        4,
        "the variable calls",
    ),
    "defined variable": ("int calls;\nSTENCIL(S)\n{\n    calls++;\n    CONTINUE();\n}\n", 4, "the variable calls"),
    "thread-local": (
        "extern __thread int depth;\nSTENCIL(S)\n{\n    depth++;\n    CONTINUE();\n}\n",
        7,
        "thread-local variable depth",
    ),
    "a hole that is not configured": (
        "STENCIL(S)\n{\n    thread->count = HOLE(int, size);\n    CONTINUE();\n}\n",
        6,
        "the hole size",
    ),
    "a way to the end that says nothing": (
        "STENCIL(S)\n{\n    if (thread->count) CONTINUE();\n}\n",
        7,
        "has not said how the trace goes on",
    ),
    "a label read as a value": (
        "STENCIL(S)\n{\n    thread->count = HOLE(int, target);\n    CONTINUE();\n}\n",
        4,
        "reads a label as a value",
    ),
    "a value jumped to": ("STENCIL(S)\n{\n    JUMP(oparg);\n}\n", 4, "the hole oparg is not a label"),
    "a label that is not configured": ("STENCIL(S)\n{\n    JUMP(somewhere);\n}\n", 6, "the hole somewhere"),
    "inline assembly that the table does not know": (
        '#define BAD "vmcall"\nSTENCIL(S)\n{\n    __asm__ volatile(BAD);\n    CONTINUE();\n}\n',
        5,
        "cannot understand the instruction 'vmcall'",
    ),
    "inline assembly that is not assembly": (
        'STENCIL(S)\n{\n    __asm__ volatile("frobnicate %%rax" ::: "rax");\n    CONTINUE();\n}\n',
        4,
        "frobnicate",
    ),
    "inline assembly that moves the stack pointer": (
        'STENCIL(S)\n{\n    __asm__ volatile("push %%rbx; pop %%rbx" ::: "memory");\n    CONTINUE();\n}\n',
        4,
        "stack pointer",
    ),
    "inline assembly that makes a frame": (
        'STENCIL(S)\n{\n    __asm__ volatile("leaq -64(%%rsp), %%rsp" ::: "memory");\n    CONTINUE();\n}\n',
        4,
        "stack pointer",
    ),
    "a helper that is not inlined": (
        "static __attribute__((noinline)) void helper(Thread *t) { t->count++; }\n"
        "STENCIL(S)\n{\n    helper(thread);\n    CONTINUE();\n}\n",
        7,
        "the static function helper",
    ),
    "a function beside the stencils": (
        "void helper(Thread *t) { t->count++; }\nSTENCIL(S)\n{\n    CONTINUE();\n}\n",
        4,
        "the function helper is defined in the stencils' own source",
    ),
    "a weak function": (
        "extern void maybe(void) __attribute__((weak));\nSTENCIL(S)\n{\n    if (maybe) maybe();\n    CONTINUE();\n}\n",
        7,
        "weak function maybe",
    ),
    "a stencil that no C compiler can spell": ("STENCIL(A$B) { CONTINUE(); }\n", None, "not a name for a stencil"),
    "a stencil that is not ASCII": ("STENCIL(größe) { CONTINUE(); }\n", None, "not a name for a stencil"),
    "a function that no C compiler can spell": (
        "void a$b(Thread *);\nSTENCIL(S) { a$b(thread); CONTINUE(); }\n",
        5,
        "cannot refer to the symbol 'a$b'",
    ),
    "a function that is not ASCII": (
        "void größe(Thread *);\nSTENCIL(S) { größe(thread); CONTINUE(); }\n",
        5,
        "cannot refer to the symbol 'größe'",
    ),
    "inline assembly in another section": (
        'STENCIL(S) { __asm__ volatile(".section .mine; .byte 1; .text"); CONTINUE(); }\n',
        4,
        "leaves the stencil's section",
    ),
    "a constant that no context could align": (
        "static const _Alignas(8192) char table[9000] = {1};\n"
        "STENCIL(S) { thread->count = table[thread->scratch[0]]; CONTINUE(); }\n",
        5,
        "aligned to 8,192 bytes",
    ),
    "no stencil": ("int x_unused_declaration(void);\n", 0, "there is no stencil"),
    "C that does not compile": (
        "STENCIL(S)\n{\n    thread->cuont++;\n    CONTINUE();\n}\n",
        6,
        "no member named 'cuont'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, built: Built) -> None:
    c, line, words = REFUSED[name]
    with pytest.raises(UserError) as caught:
        built(c)
    message = str(caught.value)
    assert words in message
    if line:
        assert f"stencils.c:{line}:" in message
    assert "→" in message or "error:" in message, "either our remedy or Clang's own words"


def test_more_state_than_registers(built: Built) -> None:
    many = ", ".join(f"int64_t s{n}" for n in range(13))
    preamble = f'#include "vm.h"\n#define STENCIL_STATE {many}\n#include <stencilgen/stencil.h>\n'
    with pytest.raises(UserError, match=r"stencils\.c:4: stencil S: .*13 integers and pointers.*12 registers"):
        built("STENCIL(S) { CONTINUE(); }\n", preamble=preamble)


def test_state_that_no_register_holds(built: Built) -> None:
    preamble = (
        '#include "vm.h"\ntypedef float four __attribute__((vector_size(16)));\n'
        "#define STENCIL_STATE Thread *thread, four v\n#include <stencilgen/stencil.h>\n"
    )
    with pytest.raises(UserError, match=r"parameter 2 of type <4 x float>"):
        built("STENCIL(S) { CONTINUE(); }\n", preamble=preamble)


def test_state_that_takes_two_registers(built: Built) -> None:
    preamble = (
        '#include "vm.h"\ntypedef struct Pair { long a, b; } Pair;\n'
        "#define STENCIL_STATE Thread *thread, Pair pair\n#include <stencilgen/stencil.h>\n"
    )
    with pytest.raises(
        UserError, match=r"stencils\.c:5: stencil S: a structure in STENCIL_STATE does not fit into one"
    ):
        built("STENCIL(S) { CONTINUE(); }\n", preamble=preamble)


def test_no_state_macro(built: Built) -> None:
    with pytest.raises(UserError, match=r"STENCIL_STATE"):
        built("int f(void);\n", preamble='#include "vm.h"\n')


def test_state_that_is_not_type_and_name(built: Built) -> None:
    preamble = (
        '#include "vm.h"\n#define STENCIL_STATE Thread *thread, int (*f)(void)\n#include <stencilgen/stencil.h>\n'
    )
    with pytest.raises(
        UserError, match=r"stencils\.c:2: STENCIL_STATE: 'int \(\*f\)\(void\)' is not a type and a name"
    ):
        built("STENCIL(S) { CONTINUE(); }\n", preamble=preamble)


def test_states_that_differ(project: Project, tmp_path: Path) -> None:
    project("STENCIL(A) { CONTINUE(); }\n")
    other = '#include "vm.h"\n#define STENCIL_STATE Frame *frame, Thread *thread\n#include <stencilgen/stencil.h>\n'
    (tmp_path / "more.c").write_text(other + "STENCIL(B) { CONTINUE(); }\n")
    toml = tmp_path / "stencilgen.toml"
    toml.write_text(toml.read_text().replace('["stencils.c"]', '["stencils.c", "more.c"]'))
    with pytest.raises(UserError, match=r"more\.c:2: STENCIL_STATE is not that of stencils\.c"):
        build(load_config(tmp_path), cache=False)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('type = "Instruction"', 'type = "Instruction', 4, "not valid TOML"),
        ('sources = ["stencils.c"]', 'source = ["stencils.c"]', 2, "unknown key 'stencils.source'"),
        ('sources = ["stencils.c"]', 'sources = ["other.c"]', 2, "there is no file 'other.c'"),
        ('sources = ["stencils.c"]', "sources = []", 2, "stencils.sources"),
        ('type = "Instruction"\n', "", 3, "'instruction.type' is missing"),
        ('kind = "label"', 'kind = "lable"', 10, "'value' or 'label'"),
        ("range = [1, 40]", "range = [40, 1]", 8, "lowest, highest"),
        ("range = [1, 40]", "multiple_of = 12", 8, "no power of two"),
        ('"uint16_t", range = [1, 40]', '"double", multiple_of = 8', 8, "integers and pointers"),
        ('kind = "label"', 'kind = "label", multiple_of = 2', 10, "a label has no multiple_of"),
        ('value = "instruction->target", kind', "value = 5, kind", 10, "valid string"),
        ('value = "instruction->target", kind', 'value = "a /* b */", kind', 10, "without comments"),
        ('value = "instruction->target", kind', 'value = "a // b", kind', 10, "without comments"),
        ('value = "instruction->target", kind', 'value = "a +\\nb", kind', 10, "on one line"),
        ('value = "instruction->target", kind', 'value = "(((", kind', 10, "brackets in pairs"),
        ('value = "instruction->target", kind', 'value = "1; f()", kind', 10, "without comments and `;`"),
        ('target = { value = "instruction->target", kind = "label" }', "target = 5", 10, "has to be a table"),
        ("target = {", '"größe" = {', 10, "'größe' is not an ASCII name of C's"),
        ('header = "vm.h"', 'header = "vm.h"\nnames = "{} + 1"', 6, "instruction.names"),
        ('type = "Instruction"', 'type = "Instruction *"', 4, "instruction.type"),
        ('type = "Instruction"', 'type = "const Instruction"', 4, "instruction.type"),
        ("[stencils]", "[[stencils]]", 1, "'stencils' has to be a table"),
    ],
)
def test_bad_configuration(project: Project, before: str, after: str, line: int, words: str) -> None:
    from tests.stencilgen.conftest import CONFIGURATION

    assert before in CONFIGURATION
    with pytest.raises(UserError) as caught:
        project("STENCIL(S) { CONTINUE(); }\n", configuration=CONFIGURATION.replace(before, after))
    assert words in str(caught.value)
    assert f"stencilgen.toml:{line}:" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ('type = "Instruction"', 'type = "struct Hidden"', 4, "incomplete type"),
        ('type = "Instruction"', 'type = "Instructoin"', 4, "unknown type name 'Instructoin'"),
        ('header = "vm.h"', 'header = "wm.h"', 5, "'wm.h' file not found"),
        ('header = "vm.h"', 'header = "vm.h"\nopcode = "instruction->code"', 6, "no member named 'code'"),
        ('"instruction->operand"', '"instruction->operandd"', 9, "no member named 'operandd'"),
        ('"instruction->operand"', '"in->operand"', 9, "undeclared identifier 'in'"),
        ('type = "uint64_t"', 'type = "u64"', 9, "undeclared identifier 'u64'"),
        ('type = "uint64_t"', 'type = "uint16_t"', 9, "'instruction->operand' is not of type uint16_t"),
        ('type = "uint64_t"', 'type = "int64_t"', 9, "'instruction->operand' is not of type int64_t"),
    ],
)
def test_configuration_that_does_not_fit_the_header(
    project: Project, before: str, after: str, line: int, words: str
) -> None:
    """Else a wrong name would come up in the generated header, and a wrong type nowhere at all."""
    from tests.stencilgen.conftest import CONFIGURATION

    assert before in CONFIGURATION
    config = project("STENCIL(S) { CONTINUE(); }\n", configuration=CONFIGURATION.replace(before, after))
    with pytest.raises(UserError) as caught:
        build(config, cache=False)
    assert words in str(caught.value)
    assert f"stencilgen.toml:{line}:" in str(caught.value)


def test_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such configuration"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("-O0", "the flag -O0: without Clang's optimiser no way out of a stencil becomes a tail call\n  → remove it"),
        ("-fsanitize=undefined", "tables and functions of their own, which a trace does not have\n  → remove it"),
        ("-pg", "it counts in functions"),
        ("-fprofile-generate", "it counts in functions"),
        ("-g0", "are read from debug information\n  → remove it"),
        ("-flto", "has to be LLVM IR"),
        ("-E", "has to be LLVM IR"),
        ("-m32", "`stencilgen build --target`"),
    ],
)
def test_flags_that_stencils_do_not_stand(project: Project, flags: str, words: str) -> None:
    from tests.stencilgen.conftest import CONFIGURATION

    configuration = CONFIGURATION.replace("[instruction]", f'flags = ["{flags}"]\n[instruction]')
    with pytest.raises(UserError) as caught:
        build(project("STENCIL(S) { CONTINUE(); }\n", configuration=configuration), cache=False)
    assert words in str(caught.value)
    assert "stencilgen.toml:3:" in str(caught.value)


def test_checks_that_only_trap(project: Project) -> None:
    """Undefined behaviour ends in a trap instruction: that, a trace can hold."""
    from tests.stencilgen.conftest import CONFIGURATION

    flags = 'flags = ["-fsanitize=undefined", "-fsanitize-trap=all"]\n[instruction]'
    stencil = "STENCIL(S) { thread->count = (int)thread->count + 1; CONTINUE(); }\n"
    result = build(project(stencil, configuration=CONFIGURATION.replace("[instruction]", flags)), cache=False)
    assert "ud1" in result.listing


def test_stencils_in_another_language(project: Project) -> None:
    """C++ would take holes for functions to call: it mangles their names."""
    from tests.stencilgen.conftest import CONFIGURATION

    configuration = CONFIGURATION.replace("[instruction]", 'flags = ["-x", "c++"]\n[instruction]')
    with pytest.raises(UserError, match="stencils are C, not C"):
        build(project("STENCIL(S) { CONTINUE(); }\n", configuration=configuration), cache=False)


def test_a_stencil_that_two_sources_define(project: Project, tmp_path: Path) -> None:
    from tests.stencilgen.conftest import PREAMBLE

    project("STENCIL(S) { CONTINUE(); }\n")
    (tmp_path / "more.c").write_text(PREAMBLE + "STENCIL(T) { CONTINUE(); }\nSTENCIL(S) { CONTINUE(); }\n")
    toml = tmp_path / "stencilgen.toml"
    toml.write_text(toml.read_text().replace('["stencils.c"]', '["stencils.c", "more.c"]'))
    with pytest.raises(UserError, match=r"more\.c:5: stencil S is defined in stencils\.c too\n  → rename"):
        build(load_config(tmp_path), cache=False)


def test_unknown_target(project: Project) -> None:
    with pytest.raises(UserError, match=r"no target 'aarch64-linux'\n  → use x86_64-linux"):
        build(project("STENCIL(S) { CONTINUE(); }\n"), target="aarch64-linux")


def test_clang_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STENCILGEN_CLANG", "/bin/true")
    with pytest.raises(UserError, match="not a Clang"):
        find_clang()


def test_no_clang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STENCILGEN_CLANG", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("stencilgen.toolchain.clang.ziglang", lambda: None)
    with pytest.raises(UserError, match=r"no Clang 19 to 22 here\n  → pip install 'stencilgen\[clang\]'"):
        find_clang()
