"""Running the command line, in this process or as one of its own, on copies of the calculator example."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from stencilgen.cli import main

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "calculator"


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


def copy_example(folder: Path) -> Path:
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "calculator"))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the calculator, and the current directory."""
    folder = copy_example(tmp_path / "calculator project")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that is built already, for commands that change nothing."""
    folder = copy_example(tmp_path_factory.mktemp("built") / "calculator")
    assert main(["build", "-c", str(folder)]) == 0
    return folder


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("build", "-o", "x")` in this process; also what child processes print is captured."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


def run_process(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Result:
    """`python -m stencilgen ...` as a process of its own."""
    process = subprocess.run(
        [sys.executable, "-m", "stencilgen", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
    )
    return Result(process.returncode, process.stdout, process.stderr)
