"""`explain`, `stats`, `check`, `doctor`, `demo`, `runtime`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stencilgen.cli import doctor
from tests.cli.conftest import ROOT, Run, copy_example, run_process

# ---- explain ----


def sections(output: str) -> list[str]:
    return [line.strip("─ ") for line in output.splitlines() if line.startswith("── ")]


def test_explain_shows_every_stage_in_order(built: Path, run: Run) -> None:
    result = run("explain", "-c", built, "LOAD", "--slot", "3", "--slot", "0x28")
    assert (result.code, result.err) == (0, "")
    titles = sections(result.out)
    assert titles[0] == "C: stencils.c:79"
    stages = ("C: ", "LLVM IR", "folded IR", "assembly", ".dasc", "C emitter", "bytes: slot = 3", "bytes: slot = 40")
    assert len(titles) == len(stages)
    assert all(title.startswith(stage) for title, stage in zip(titles, stages, strict=True))
    assert "STENCIL(LOAD)\n{\n    *sp++ = top;\n" in result.out
    assert "f2 41 0f 10 44 24 18          movsd xmm0, [r12+0x18]" in result.out
    assert "f2 41 0f 10 84 24 40 01 00 00 movsd xmm0, [r12+0x140]" in result.out


def test_explain_asks_for_operands_that_are_missing(built: Path, run: Run) -> None:
    result = run("explain", "-c", built, "LOAD")
    assert result.code == 0
    assert result.out.endswith("For the bytes, give operands: stencilgen explain LOAD --slot VALUE\n")


def test_explain_shows_bytes_of_a_stencil_without_holes(built: Path, run: Run) -> None:
    assert sections(run("explain", "-c", built, "MUL").out)[-1] == "bytes"


def test_explain_takes_a_hole_called_like_an_option(built: Path, run: Run) -> None:
    result = run("explain", "-c", built, "JUMP_UNLESS", "--target", "0", "--target=1", "--target", "x86_64-linux")
    assert sections(result.out)[-2:] == ["bytes: target = 0", "bytes: target = 1"]


def test_explain_names_callees_and_exits(built: Path, run: Run) -> None:
    assert "call pow\n" in run("explain", "-c", built, "POW").out
    assert "; side exit of micro-op 0\n" in run("explain", "-c", built, "DIV").out


# ---- stats ----


def test_stats_has_the_biggest_first_and_totals(built: Path, run: Run) -> None:
    result = run("stats", "-c", built)
    stats = json.loads((built / "build" / "x86_64-linux" / "stats.json").read_text())
    sizes = {name: row["max_hot_bytes"] + row["max_cold_bytes"] for name, row in stats["stencils"].items()}
    shown = [line.split()[0] for line in result.out.splitlines() if line.split() and line.split()[0] in sizes]
    assert sorted(shown) == sorted(sizes)
    assert [sizes[name] for name in shown] == sorted(sizes.values(), reverse=True)
    assert f"16 stencils   {stats['total']['max_hot_bytes']}" in result.out


def test_stats_as_json_is_what_the_file_holds(built: Path, run: Run) -> None:
    assert json.loads(run("stats", "-c", built, "--json").out) == json.loads(
        (built / "build" / "x86_64-linux" / "stats.json").read_text()
    )


# ---- check ----


def test_check_accepts_what_was_built_just_now(built: Path, run: Run) -> None:
    result = run("check", "-c", built, built / "build" / "x86_64-linux" / "jit_stencils.h")
    assert (result.code, result.err) == (0, "")


def test_check_names_what_changed(project: Path, run: Run) -> None:
    run("build", "-o", "generated")
    source = project / "stencils.c"
    text = source.read_text().replace("top = *--sp + top;", "top = top - *--sp;")
    text = text.replace("STENCIL(DUP)", "STENCIL(TWICE)")
    source.write_text(text)
    header = project / "vm.h"
    header.write_text(header.read_text().replace("OP_DUP", "OP_TWICE"))
    result = run("check", "generated/jit_stencils.h")
    assert result.code == 2
    assert (
        "generated/jit_stencils.h: it does not fit the stencils any more: changed: ADD; new: TWICE; gone: DUP"
        in result.err
    )
    assert "→ stencilgen build" in result.err


# ---- doctor ----


def test_doctor_is_content_here(run: Run) -> None:
    result = run("doctor")
    assert result.code == 0
    assert all(name in result.out for name in doctor.CHECKS)
    assert "✗" not in result.out
    assert "code in it runs" in result.out


def test_doctor_says_what_is_missing_and_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STENCILGEN_CLANG", "/nowhere/clang")
    result = run("doctor")
    assert result.code == 2
    assert "✗ Clang" in result.out
    assert "→ set it to a Clang" in result.out
    assert "✓ C compiler" in result.out


def test_doctor_survives_whatever_a_check_meets() -> None:
    def check() -> doctor.Finding:
        raise OSError("no more memory")

    finding = doctor.examine(check)
    assert (finding.state, finding.what) == ("bad", "OSError: no more memory")
    assert finding.remedy


# ---- demo ----


def test_demo_compares_interpreter_and_trace(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("demo")
    assert (result.code, result.err) == (0, "")
    assert "3.14159265358979" in result.out
    assert "interpreter and trace agree" in result.out
    assert "a side exit went back to the interpreter" in result.out
    assert list(tmp_path.iterdir()) == []


def test_demo_keeps_its_folder_when_asked(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("demo", "--keep", "my calculator").code == 0
    folder = tmp_path / "my calculator"
    assert (folder / "README.md").is_file()
    assert run("stats", "-c", folder).code == 0


def test_demo_needs_nothing_but_its_packages(tmp_path: Path) -> None:
    """No compiler, no tool on PATH. What it builds is not what other tests run meanwhile."""
    bare = {"PATH": str(tmp_path), "CC": "", "STENCILGEN_CLANG": "", "MINIPY_CACHE": str(tmp_path / "built")}
    result = run_process("demo", cwd=tmp_path, env=bare)
    assert (result.code, result.err) == (0, "")
    assert "zig cc" in result.out
    assert "interpreter and trace agree" in result.out


# ---- runtime, and the example's own makefile ----


def test_runtime_prints_or_copies_the_c_runtime(run: Run, tmp_path: Path) -> None:
    folder = Path(run("runtime").out.strip())
    assert (folder / "include" / "stencilgen" / "jit.h").is_file()
    assert run("runtime", "--copy", tmp_path / "vendored").code == 0
    assert sorted(p.name for p in (tmp_path / "vendored" / "src").iterdir()) == sorted(
        p.name for p in (folder / "src").iterdir()
    )


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_the_example_builds_with_its_makefile(tmp_path: Path) -> None:
    folder = copy_example(tmp_path / "calculator")
    script = tmp_path / "stencilgen"
    script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m stencilgen \"$@\"\n")
    script.chmod(0o755)
    flags = "CFLAGS=-std=gnu11 -O2 -Wall -Wextra -Werror"
    result = subprocess.run(
        ["make", "check", f"STENCILGEN={script}", flags],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "interpreter and trace agree" in result.stdout


@pytest.mark.parametrize(
    ("program", "words"),
    [("1 $", "bad.rpn:1: neither a number, an operator nor a name: '$'"), ("jump x", "there is no label: 'x'")],
)
def test_the_example_rejects_bad_programs_in_words(run: Run, tmp_path: Path, program: str, words: str) -> None:
    assert run("demo", "--keep", tmp_path / "calculator").code == 0
    (tmp_path / "calculator" / "bad.rpn").write_text(program)
    result = subprocess.run(["./calculator", "bad.rpn"], cwd=tmp_path / "calculator", capture_output=True, text=True)
    assert result.returncode == 2
    assert words in result.stderr
