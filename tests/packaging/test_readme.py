"""What the README and the example's guide show, done as shown."""

import contextlib
import ctypes
import io
import re
import subprocess
from pathlib import Path

import pytest

from stencilgen import paths
from stencilgen.cli import main
from stencilgen.toolchain.cc import find_compiler, link

ROOT = Path(__file__).resolve().parents[2]


class Frame(ctypes.Structure):
    _fields_ = [("locals", ctypes.c_int64 * 512)]


def block(text: str, start: str, stop: str = "") -> str:
    """The lines of an indented block from the one that starts with `start` to before the one that starts with `stop`."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("    " + start))
    found = []
    for line in lines[first:]:
        if (line and not line.startswith("    ")) or (stop and line.startswith("    " + stop)):
            break
        found.append(line[4:])
    return "\n".join(found) + "\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = (ROOT / "README.md").read_text()
    (tmp_path / "vm.h").write_text(block(text, "// vm.h", "// stencils.c"))
    (tmp_path / "stencils.c").write_text(block(text, "// stencils.c", "# stencilgen.toml"))
    (tmp_path / "stencilgen.toml").write_text(block(text, "# stencilgen.toml", "$ "))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_first_hour(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"^    \$ stencilgen (.*?)(?:  .*)?$", text, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["build", "explain", "stats", "check"]
    for command in commands:
        assert main(command.replace("generated/", "build/x86_64-linux/").split()) == 0
    out = capfd.readouterr().out
    assert "bytes: oparg = 3 " in out
    assert "bytes: oparg = 300 " in out
    written = re.search(r"build/x86_64-linux/\{(.*)\}", text)
    assert written is not None
    for name in written[1].split(", "):
        assert (project / "build" / "x86_64-linux" / name).is_file()


def test_embedding_in_python(project: Path) -> None:
    frame = Frame()
    frame.locals[0], frame.locals[1] = 42, 6
    names = {"frame": frame, "sp": (ctypes.c_int64 * 8)(), "thread": None}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(block((ROOT / "README.md").read_text(), "import stencilgen"), names)
    assert names["exit"].value == 7  # type: ignore[attr-defined]
    assert "LOAD_FAST oparg=1" in output.getvalue()


def test_embedding_in_c(project: Path) -> None:
    assert main(["build"]) == 0
    lines = block((ROOT / "README.md").read_text(), '#include "jit_stencils.h"').splitlines()
    program = f"""\
{lines[0]}
#include <stdio.h>
static void some_vm_function(void) {{}}
static void interpret(Frame *frame, Value *sp, uint32_t index)
{{
    printf("exit %u with %d and %d\\n", index, (int)sp[-2], (int)frame->locals[1]);
}}
int main(void)
{{
    Frame the_frame = {{.locals = {{42, 0}}}}, *frame = &the_frame;
    Value stack[8], *sp = stack;
    Thread *thread = NULL;
    const Instruction trace[] = {{{{SG_OP_LOAD_FAST, 0, 0}}, {{SG_OP_LOAD_FAST, 1, 0}}, {{SG_OP_DIVIDE}}, {{SG_OP_RETURN}}}};
    const size_t length = sizeof trace / sizeof *trace;
    sg_code *other_code = NULL;
    {chr(10).join(lines[1:])}
    sg_free(code);
    sg_jit_free(jit);
    return jit == NULL || code == NULL;
}}
"""
    (project / "main.c").write_text(program)
    runtime = paths.runtime()
    sources = [project / "main.c", *(runtime / "src").glob("*.c")]
    flags = ["-I", str(project), "-I", "build/x86_64-linux", "-I", str(runtime / "include")]
    link(find_compiler(), sources, project / "program", flags, directory=project)
    result = subprocess.run([project / "program"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "exit 2 with 42 and 0\n")


def test_the_examples_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["demo", "--keep", str(tmp_path / "calculator")]) == 0
    monkeypatch.chdir(tmp_path / "calculator")
    text = Path("README.md").read_text()
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(block(text, "import ctypes, stencilgen"), {})
    assert output.getvalue().startswith("1.4142135623730951\n── hot")
    for command in re.findall(r"^    stencilgen (explain .*)$", text, re.MULTILINE):
        assert main(command.split()) == 0
