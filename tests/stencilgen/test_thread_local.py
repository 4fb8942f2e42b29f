"""A stencil may use the program's thread-local variables: one trace, run by two threads, counts in each by itself."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from stencilgen.paths import runtime
from stencilgen.pipeline import Build, write_build
from stencilgen.toolchain.cc import find_compiler, link
from tests.stencilgen.conftest import VM_HEADER

HEADER = (
    VM_HEADER
    + """
extern _Thread_local int depth __attribute__((tls_model("local-exec")));
extern _Thread_local int table[10] __attribute__((tls_model("local-exec")));
"""
)

STENCIL = """
STENCIL(COUNT)
{
    depth += 3;
    table[HOLE(uint16_t, oparg)] += depth;
    *sp++ = table[thread->count];
    *sp++ = (int64_t)&table[HOLE(uint16_t, oparg)];
    CONTINUE();
}
"""

PROGRAM = r"""
#include "jit_stencils.h"
#include <pthread.h>
#include <stdio.h>
_Thread_local int depth = 100, table[10] = {0, 1, 2, 3, 4, 5};
static sg_jit *jit;
static sg_code *code;

static void *run(void *result)
{
    int64_t stack[2];
    Thread thread = {.count = 5};
    sg_enter(jit, code, NULL, stack, &thread);
    sg_exit last = sg_enter(jit, code, NULL, stack, &thread);
    *(int *)result = last.kind == SG_EXITED && depth == 106 && table[5] == 5 + 103 + 106 && stack[0] == table[5] &&
                     stack[1] == (int64_t)&table[5];
    return NULL;
}

int main(void)
{
    sg_error error;
    pthread_t other;
    int here = 0, there = 0;
    if (!(jit = sg_jit_new(NULL, &error)) ||
        !(code = sg_compile(jit, &(Instruction){.opcode = SG_OP_COUNT, .oparg = 5}, 1, &error)))
        return puts(error.text), 1;
    pthread_create(&other, NULL, run, &there);
    pthread_join(other, NULL);
    run(&here);
    sg_jit_free(jit);
    printf("%d %d\n", here, there);
    return 0;
}
"""


def test_each_thread_has_its_own(built: Callable[..., Build], tmp_path: Path) -> None:
    result = built(STENCIL, header=HEADER)
    write_build(result, tmp_path / "out")
    (tmp_path / "program.c").write_text(PROGRAM)
    sources = [tmp_path / "program.c", *sorted((runtime() / "src").glob("*.c"))]
    flags = [
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        ".",
        "-I",
        "out",
        "-I",
        str(runtime() / "include"),
        "-lpthread",
    ]
    link(find_compiler(), sources, tmp_path / "program", flags, directory=tmp_path)
    finished = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert finished.stdout == "1 1\n"
