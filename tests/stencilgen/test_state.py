"""State of every type and name that C allows; what is narrower than a register arrives extended by its own sign."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from stencilgen.paths import runtime
from stencilgen.pipeline import Build, write_build
from stencilgen.toolchain.cc import find_compiler, link
from tests.stencilgen.conftest import VM_HEADER

PREAMBLE = """\
#include "vm.h"
#define STENCIL_STATE int32_t a, uint32_t b, Thread *thread, float d, int32_t e
#include <stencilgen/stencil.h>
"""

STENCILS = """\
STENCIL(WIDEN)
{
    thread->scratch[0] = a;
    thread->scratch[1] = b;
    thread->scratch[2] = e;
    thread->number = d;
    a--, b++, e -= 5, d += 0.5f;
    CONTINUE();
}
"""

PROGRAM = r"""
#include "jit_stencils.h"
#include <stdio.h>
int main(void)
{
    sg_error error;
    Thread thread = {0};
    sg_jit *jit = sg_jit_new(NULL, &error);
    sg_code *code = sg_compile(jit, (Instruction[]){{.opcode = SG_OP_WIDEN}, {.opcode = SG_OP_WIDEN}}, 2, &error);
    sg_exit exit = sg_enter(jit, code, -128, 4294967294, &thread, 1.5f, INT32_MIN + 7);
    for (int i = 0; i < 3; i++)
        printf("%lld ", (long long)thread.scratch[i]);
    printf("%g, %d %u %g %d\n", thread.number, exit.state.a, exit.state.b, exit.state.d, exit.state.e);
    sg_jit_free(jit);
    return 0;
}
"""


def run(build: Build, program: str, folder: Path) -> str:
    write_build(build, folder / "out")
    (folder / "program.c").write_text(program)
    sources = [folder / "program.c", *sorted((runtime() / "src").glob("*.c"))]
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-I", ".", "-I", "out", "-I", str(runtime() / "include")]
    link(find_compiler(), sources, folder / "program", flags, directory=folder)
    return subprocess.run([folder / "program"], capture_output=True, text=True, check=True).stdout


def test_narrow_state(built: Callable[..., Build], tmp_path: Path) -> None:
    output = run(built(STENCILS, preamble=PREAMBLE), PROGRAM, tmp_path)
    assert output == "-129 4294967295 -2147483646 2, -130 0 2.5 2147483645\n"


def test_state_behind_other_macros(built: Callable[..., Build]) -> None:
    preamble = '#include "vm.h"\n#define OURS Frame *frame, int64_t *sp\n#define ALL OURS, Thread *thread\n'
    build = built(
        "STENCIL(S) { sp++; CONTINUE(); }\n",
        preamble=f"{preamble}#define STENCIL_STATE ALL, double x\n#include <stencilgen/stencil.h>\n",
    )
    assert [parameter.name for parameter in build.state] == ["frame", "sp", "thread", "x"]


def test_state_of_any_name_and_qualifier(built: Callable[..., Build], tmp_path: Path) -> None:
    """`code` is what many interpreters call their bytecode; a structure of 8 bytes is a tagged value."""
    names = "Frame *const jit, const unsigned char *code, const long slots, Tagged outcome, int exit, double state"
    preamble = f'#include "vm.h"\n#define STENCIL_STATE {names}\n#include <stencilgen/stencil.h>\n'
    header = VM_HEADER + "typedef struct Tagged { uint32_t kind, value; } Tagged;\n"
    program = r"""
#include "jit_stencils.h"
#include <stdio.h>
int main(void)
{
    sg_error error;
    sg_jit *jit = sg_jit_new(NULL, &error);
    sg_code *code = sg_compile(jit, (Instruction[]){{.opcode = SG_OP_STEP}}, 1, &error);
    sg_exit exit = sg_enter(jit, code, NULL, (const unsigned char *)"xy", 3, (Tagged){1, 2}, -4, 5.5);
    printf("%s %ld %u %u %d %g\n", (const char *)exit.state.code, exit.state.slots, exit.state.outcome.kind,
           exit.state.outcome.value, exit.state.exit, exit.state.state);
    sg_jit_free(jit);
    return 0;
}
"""
    stencil = "STENCIL(STEP) { code++; outcome.value += slots; exit--; state += jit == 0; CONTINUE(); }\n"
    assert run(built(stencil, preamble=preamble, header=header), program, tmp_path) == "y 3 1 5 -5 6.5\n"
