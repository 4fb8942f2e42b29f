"""State narrower than a register arrives extended by its own sign, and comes back as it is."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from stencilgen.paths import runtime
from stencilgen.pipeline import Build, write_build
from stencilgen.toolchain.cc import find_compiler, link

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


def test_narrow_state(built: Callable[..., Build], tmp_path: Path) -> None:
    write_build(built(STENCILS, preamble=PREAMBLE), tmp_path / "out")
    (tmp_path / "program.c").write_text(PROGRAM)
    sources = [tmp_path / "program.c", *sorted((runtime() / "src").glob("*.c"))]
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-I", ".", "-I", "out", "-I", str(runtime() / "include")]
    link(find_compiler(), sources, tmp_path / "program", flags, directory=tmp_path)
    finished = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert finished.stdout == "-129 4294967295 -2147483646 2, -130 0 2.5 2147483645\n"
