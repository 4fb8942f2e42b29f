"""One header holds the same stencils for several levels of x86-64; a context takes the best that its machine has."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from stencilgen.config import Config, load_config
from stencilgen.errors import UserError
from stencilgen.paths import runtime
from stencilgen.pipeline import Build, build, write_build
from stencilgen.toolchain.cc import find_compiler, link
from tests.differential.conftest import has
from tests.stencilgen.conftest import CONFIGURATION

STENCILS = """\
STENCIL(SHIFT) { sp[1] = sp[0] << (thread->count & 63); CONTINUE(); }
STENCIL(SUM) { thread->number = thread->number * thread->number + thread->number; CONTINUE(); }
STENCIL(STORE) { sp[0] = HOLE(uint16_t, oparg); CONTINUE(); }
"""

PROGRAM = """\
#include <stdio.h>
#include "jit_stencils.h"
int main(int count, char **arguments)
{
    const sg_options options = {.cpu = (sg_cpu)(arguments[1][0] - '0')};
    sg_error error;
    sg_jit *const jit = sg_jit_new(&options, &error);
    const Instruction trace[] = {{.opcode = SG_OP_STORE, .oparg = 5}, {.opcode = SG_OP_SHIFT}, {.opcode = SG_OP_SUM}};
    sg_code *const code = jit == NULL ? NULL : sg_compile(jit, trace, 3, &error);
    if (code == NULL)
        return puts(error.text), 1;
    int64_t stack[2] = {0};
    Thread thread = {.count = 2, .number = 1.0 / 3};
    sg_enter(jit, code, NULL, stack, &thread);
    const char *const taken = sg_cpu_name(sg_jit_statistics(jit).cpu);
    printf("%s %lld %a %d\\n", taken, (long long)stack[1], thread.number, count - 1);
    sg_jit_free(jit);
    return 0;
}
"""


def for_cpus(*cpus: str) -> str:
    return f"{CONFIGURATION}[target]\ncpus = [{', '.join(map(repr, cpus))}]\n"


@pytest.fixture
def both(built: Callable[..., Build]) -> Build:
    return built(STENCILS, configuration=for_cpus("x86-64-v3", "x86-64"))


def test_each_level_has_its_own_instructions(both: Build) -> None:
    low, high = ({stencil.name: stencil.dasc for stencil in level} for level in both.levels.values())
    assert "shlx" not in low["SHIFT"]
    assert "shlx" in high["SHIFT"]
    assert "vmulsd" in high["SUM"]


def test_what_is_the_same_for_both_is_there_once(both: Build) -> None:
    assert [level[2].emitter for level in both.levels.values()] == ["STORE", "STORE"]
    assert both.header.count("static void emit_STORE") == 1
    assert both.stats["cpus"]["x86-64-v3"]["stencils_of_its_own"] == 2


def test_products_and_sums_are_rounded_one_by_one_on_every_machine(both: Build) -> None:
    assert "fmadd" not in both.dasc


def test_a_context_takes_the_best_that_there_is(both: Build, tmp_path: Path) -> None:
    write_build(both, tmp_path / "out")
    (tmp_path / "program.c").write_text(PROGRAM)
    sources = [tmp_path / "program.c", *sorted((runtime() / "src").glob("*.c"))]
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-I", ".", "-I", "out", "-I", str(runtime() / "include")]
    link(find_compiler(), sources, tmp_path / "program", flags, directory=tmp_path)

    def run(level: int) -> str:
        command = [tmp_path / "program", str(level)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    best = "x86-64-v3" if has("x86-64-v3") else "x86-64"
    assert run(0) == f"{best} 20 0x1.c71c71c71c71cp-2 1\n"
    assert run(1) == run(2) == "x86-64 20 0x1.c71c71c71c71cp-2 1\n"
    assert run(4) == run(0)


@pytest.mark.parametrize(
    ("configuration", "c", "words"),
    [
        (for_cpus("x86-64-v5"), "", r"stencilgen\.toml:12: 'target\.cpus\.0': input should be 'x86-64', "),
        (for_cpus(), "", r"stencilgen\.toml:12: 'target\.cpus': list should have at least 1 item"),
        (
            for_cpus("x86-64").replace("[instruction]", 'flags = ["-march=native"]\n[instruction]'),
            "",
            r"stencilgen\.toml:3: the flag -march=native, but \[target\] says what to build for\n  → remove it",
        ),
        (
            for_cpus("x86-64", "x86-64-v3"),
            "#ifdef __AVX2__\nSTENCIL(MORE) { CONTINUE(); }\n#endif\n",
            r"stencilgen\.toml:12: for x86-64-v3 the sources define other stencils, state or structures than for x86-64",
        ),
    ],
)
def test_what_cannot_be_built_for(project: Callable[..., Config], configuration: str, c: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build(project(STENCILS + c, configuration=configuration), cache=False)


def test_both_levels_are_cached(project: Callable[..., Config], tmp_path: Path) -> None:
    project(STENCILS, configuration=for_cpus("x86-64", "x86-64-v3"))
    assert build(load_config(tmp_path)).rebuilt == 6
    assert build(load_config(tmp_path)).rebuilt == 0


def test_what_was_the_lowest_level_is_built_again_as_another(project: Callable[..., Config], tmp_path: Path) -> None:
    """Its emit functions are called otherwise then."""
    project(STENCILS, configuration=for_cpus("x86-64-v3"))
    build(load_config(tmp_path))
    project(STENCILS, configuration=for_cpus("x86-64", "x86-64-v3"))
    again = build(load_config(tmp_path))
    assert again.header == build(load_config(tmp_path), cache=False).header
