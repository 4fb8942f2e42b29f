"""How the process ends: exit codes, defects, interrupts, closed pipes, other Pythons."""

import ast
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import stencilgen.pipeline
from stencilgen.cli import COMMANDS
from tests.cli.conftest import ROOT, Run, run_process


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert "Examples:\n" in result.out


def test_without_a_command_it_shows_what_there_is(run: Run) -> None:
    result = run("--help")
    assert result.code == 0
    assert all(f"\n  {command} " in result.out for command in COMMANDS)


def test_version(run: Run) -> None:
    result = run("--version")
    assert result.code == 0
    assert result.out.startswith("stencilgen ")


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*arguments: object, **options: object) -> None:
        raise IndexError("list index out of range")

    monkeypatch.setattr(stencilgen.pipeline, "build", build)


@pytest.mark.usefixtures("defect", "project")
def test_a_defect_of_ours_is_one_line_and_where_to_report_it(run: Run) -> None:
    result = run("build")
    assert result.code == 1
    assert result.err.startswith(
        "stencilgen: a defect of stencilgen: IndexError: list index out of range\n  → please report"
    )
    assert "Traceback" not in result.err


@pytest.mark.usefixtures("defect", "project")
@pytest.mark.parametrize("arguments", [["--traceback", "build"], ["build", "--traceback"]])
def test_a_traceback_is_shown_when_asked_for(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.code == 1
    assert "Traceback (most recent call last)" in result.err


@pytest.mark.usefixtures("defect", "project")
def test_a_traceback_may_be_asked_for_by_the_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STENCILGEN_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in run("build").err


def test_an_interrupt_leaves_nothing_behind(project: Path, tmp_path: Path) -> None:
    """A Clang that presses Ctrl-C while it is waited for."""
    clang = tmp_path / "clang"
    clang.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "clang version 22.1.0" && exit\nkill -INT $PPID\nsleep 10\n'
    )
    clang.chmod(0o755)
    before = sorted(project.rglob("*"))
    result = run_process("build", cwd=project, env={"STENCILGEN_CLANG": str(clang)})
    assert (result.code, result.out, result.err.strip()) == (130, "", "interrupted")
    assert sorted(project.rglob("*")) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_no_defect_of_ours(built: Path) -> None:
    command = [sys.executable, "-m", "stencilgen", "stats"]
    with Path("/dev/full").open("wb") as full:
        result = subprocess.run(
            command, cwd=built, env={"PYTHONPATH": str(ROOT)}, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (result.returncode, result.stderr) == (2, "No space left on device\n")


def test_a_reader_that_stops_reading_is_no_error(built: Path) -> None:
    command = f"'{sys.executable}' -m stencilgen stats --json | head -n 1"
    result = subprocess.run(
        ["sh", "-c", command],
        cwd=built,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("{\n", "")


def test_an_old_python_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Old parsers must get as far as the check; what an old Python then sees is acted out here."""
    source = (ROOT / "stencilgen" / "__init__.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    stderr = io.StringIO()
    old = SimpleNamespace(version_info=(3, 9, 2), executable="/usr/bin/python3", stderr=stderr)
    monkeypatch.setitem(sys.modules, "sys", old)
    with pytest.raises(SystemExit) as stop:
        exec(compile(source, "__init__.py", "exec"), {"__name__": "stencilgen"})
    assert stop.value.code == 2
    assert stderr.getvalue().startswith("stencilgen needs Python 3.11 or newer; this is Python 3.9 (/usr/bin/python3)")


def test_importing_it_is_cheap() -> None:
    """LLVM, pydantic and rich are imported by whoever needs them."""
    script = "import sys, stencilgen; print([m for m in ('llvmlite', 'pydantic', 'rich', 'click') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout == "[]\n"
