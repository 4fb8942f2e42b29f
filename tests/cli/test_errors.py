"""Every mistake that the command line can meet: told in words, with exit code 2 and no traceback."""

import re
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "--target", "arm64-linux"], ["no target 'arm64-linux'", "x86_64-linux"]),
        (["build", "--emit", "ir,bytes"], ["'bytes' is none of ir, folded, asm, dasc, c"]),
        (["build", "--jobs", "0"], ["--jobs"]),
        (["build", "--jobs", "many"], ["'many' is not a valid integer"]),
        (["build", "--colour"], ["No such option", "--colour"]),
        (["build", "-c", "elsewhere"], ["elsewhere: there is no such configuration", "→"]),
        (["build", "-o", "vm.h"], ["vm.h"]),
        (["bulid"], ["No such command 'bulid'; did you mean 'build'?"]),
        (["explain"], ["Missing argument 'STENCIL'"]),
        (["explain", "LAOD"], ["no stencil 'LAOD'", "LOAD"]),
        (["explain", "LOAD", "--number", "3"], ["LOAD has no hole 'number'", "slot"]),
        (["explain", "LOAD", "--slto", "3"], ["no option or hole '--slto'", "--slot"]),
        (["explain", "LOAD", "--slot"], ["--slot needs a value"]),
        (["explain", "LOAD", "--slot", "three"], ["--slot: 'three' is not a number"]),
        (["explain", "LOAD", "--slot", "70000"], ["slot = 70000 does not fit into 'instruction->slot'"]),
        (["explain", "LOAD", "extra"], ["unexpected argument 'extra'"]),
        (["explain", "JUMP", "--target", "7"], ["label 7 is outside of the trace"]),
        (["check"], ["Missing argument 'HEADER'"]),
        (["check", "missing.h"], ["missing.h", "does not exist"]),
        (["check", "vm.h"], ["vm.h: this is not a header that stencilgen generated"]),
        (["demo", "--keep", "."], ["this folder is already there", "→ name a new one"]),
        (["runtime", "--copy", "."], ["this folder is already there", "→ name a new one"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].islower() else "",
)
def test_bad_arguments(project: Path, run: Run, arguments: list[str], words: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 2
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("file", "before", "after", "words"),
    [
        ("stencilgen.toml", "[holes]", "[holes", ["stencilgen.toml:10: not valid TOML"]),
        ("stencilgen.toml", "flags =", "flgs =", ["stencilgen.toml:3: unknown key 'stencils.flgs'"]),
        ("stencilgen.toml", '["stencils.c"]', '["stencil.c"]', ["stencilgen.toml:2: there is no file 'stencil.c'"]),
        ("stencilgen.toml", "range = [0, 63]", "range = [63, 0]", ["stencilgen.toml:12: hole 'slot'"]),
        ("stencilgen.toml", "slot = {", "place = {", ["stencils.c:82: the hole slot is not configured", "[holes]"]),
        ("stencils.c", "top = *--sp + top;", "top = *--ps + top;", ["stencils.c:21:", "'ps'"]),
        ("stencils.c", "#define STENCIL_STATE", "#define STATE", ["STENCIL_STATE"]),
        (
            "stencils.c",
            "    RETURN(top);",
            '    __asm__ volatile("frobnicate" ::: "memory"); RETURN(top);',
            ["stencils.c", "frobnicate"],
        ),
    ],
    ids=["toml", "unknown key", "no source", "range", "no hole", "C error", "no state", "inline assembly"],
)
def test_bad_files(project: Path, run: Run, file: str, before: str, after: str, words: list[str]) -> None:
    path = project / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    result = run("build")
    assert result.code == 2
    for word in words:
        assert word in result.err
    assert "Traceback" not in result.err
    assert not list(project.rglob("jit_stencils.h"))


def test_a_header_of_another_runtime(built: Path, run: Run, tmp_path: Path) -> None:
    header = tmp_path / "jit_stencils.h"
    text = (built / "build" / "x86_64-linux" / "jit_stencils.h").read_text()
    header.write_text(re.sub(r"SG_ABI == \d+", "SG_ABI == 999", text))
    result = run("check", "-c", built, header)
    assert result.code == 2
    assert "it is for version 999 of the runtime" in result.err


@pytest.mark.parametrize(("variable", "arguments"), [("STENCILGEN_CLANG", ["build"]), ("CC", ["explain", "ADD"])])
def test_a_compiler_that_is_not_there(
    project: Path, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(variable, "/nowhere/compiler")
    result = run(*arguments)
    assert result.code == 2
    assert f"${variable} is '/nowhere/compiler'" in result.err
    assert "→" in result.err


def test_a_vm_source_that_is_not_there(project: Path, run: Run) -> None:
    (project / "vm.c").unlink()
    result = run("explain", "PRINT")
    assert result.code == 2
    assert "stencilgen.toml: there is no file 'vm.c'" in result.err


def test_a_folder_that_cannot_be_made(project: Path, run: Run) -> None:
    shutil.rmtree(project / "build", ignore_errors=True)
    (project / "build").write_text("a file where a folder should be")
    result = run("build")
    assert result.code == 2
    assert "build" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("text", ["#define SG_FINGERPRINT \n", "#define SG_FINGERPRINT 5\n", "\0\xff"])
def test_a_header_with_a_broken_fingerprint(project: Path, run: Run, text: str) -> None:
    (project / "broken.h").write_text(text)
    result = run("check", "broken.h")
    assert result.code == 2
    assert "broken.h: this is not a header that stencilgen generated" in result.err
