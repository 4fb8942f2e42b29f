"""Who runs the programs: minipy in its ways, CPython, LuaJIT, Numba. Each with how it was set up, and what it lacks.

A contender turns a job into a command. The command's output must be CPython's. What it took is the processor time of its
process, or, for those that start slowly in a way that has nothing to do with the programs, what the process reports.
"""

import functools
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.baseline.minipy import placed
from bench.frame.measure import run_process
from bench.frame.report import NotMeasured, Options
from bench.programs import minipy
from bench.programs.jobs import Job
from stencilgen.errors import UserError

__all__ = [
    "COPY_AND_PATCH",
    "CPYTHON",
    "JIT",
    "LUAJIT",
    "LUAJIT_OFF",
    "NUMBA",
    "SWITCH",
    "THREADED",
    "Contender",
    "Run",
    "contenders",
]

HERE = Path(__file__).resolve().parent
CPYTHON, JIT, SWITCH, THREADED = "CPython", "minipy JIT", "minipy switch", "minipy threaded"
COPY_AND_PATCH, LUAJIT, LUAJIT_OFF, NUMBA = "copy-and-patch", "LuaJIT", "LuaJIT, JIT off", "Numba"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took, and printed. `first`: what the run before it took, in which a contender compiled everything."""

    seconds: float
    output: str
    first: float | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    setup: str
    command: Callable[[Job, Path], Sequence[str | Path]]  # a folder is for files that it needs
    version: str = ""
    reports: bool = True  # its own time; otherwise the processor time of its process is taken
    rounds: int = 100  # no more than these
    slow: bool = False  # to start: it compiles for seconds

    def run(self, job: Job, folder: Path, turn: int = 0) -> Run | NotMeasured:
        """Run it once; in each turn minipy's traces lie elsewhere. Exit code 3 is how a contender says that it cannot run this
        program.
        """
        ended = run_process(self.command(job, folder), environment=placed(turn))
        if ended.status == 3:
            return NotMeasured(f"{job.program} in {self.name}", ended.errors.strip().splitlines()[-1])
        if ended.status:
            raise UserError(f"{self.name} cannot run {job}:\n{ended.output[-500:]}{ended.errors[-2000:]}")
        if not self.reports:
            return Run(ended.processor, ended.output)
        _, seconds, *first = ended.errors.strip().rpartition("\n")[2].split()
        return Run(float(seconds), ended.output, float(first[0]) if first else None)


def contenders(options: Options) -> tuple[list[Contender], list[NotMeasured]]:
    """All that this machine has, the reference first; and what is missing, with the remedy."""
    found, missing = [], []
    for one in (*_pythons(options), *_minipy(), _copy_and_patch(), *_luajit(), _numba()):
        if isinstance(one, Contender):
            found.append(one)
        else:
            missing.append(one)
    return found, missing


# --- CPython


def _pythons(options: Options) -> list[Contender]:
    """This one, and each other version on the path or named by the user."""
    own = _python(CPYTHON, sys.executable, _version(sys.executable) or "")
    found = {own.version: own}
    names = [f"python3.{minor}" for minor in range(11, 17)]
    for name in [*options.pythons, *filter(None, map(shutil.which, names))]:
        known = _version(name)
        if known is None and name in options.pythons:
            raise UserError(f"{name} does not run", remedy="name a Python with --python")
        if known and known not in found:
            found[known] = _python(f"CPython {known.rpartition('.')[0]}", name, known)
    return list(found.values())


def _python(name: str, executable: str, known: str) -> Contender:
    driver = HERE / "run_python.py"
    setup = "runs the same source; its start is not counted"
    return Contender(name, setup, lambda job, folder: (executable, driver, job.python(folder)), known)


@functools.cache
def _version(python: str) -> str | None:
    try:
        asked = subprocess.run(
            [python, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


# --- minipy


def _minipy() -> list[Contender]:
    vm = minipy.executable()
    ways = {
        JIT: ("--jit=on", "--interpreter=threaded"),
        SWITCH: ("--jit=off", "--interpreter=switch"),
        THREADED: ("--jit=off", "--interpreter=threaded"),
    }
    setup = "the VM by itself, compiled by Clang; the front end's work is not counted"
    return [
        Contender(name, setup, functools.partial(_minipy_command, vm, way), reports=False) for name, way in ways.items()
    ]


def _minipy_command(vm: Path, way: Sequence[str], job: Job, folder: Path) -> list[str | Path]:
    return [vm, *way, minipy.image(job, folder)]


def _copy_and_patch() -> Contender | NotMeasured:
    """bench.vm() -> Path: minipy's VM, with the same command line, on a copy-and-patch backend."""
    vm = getattr(importlib.import_module("bench.baseline"), "minipy_vm", None)
    if vm is None:
        return NotMeasured(COPY_AND_PATCH, "it is not built yet")
    way = ("--jit=on", "--interpreter=threaded")
    setup = "the same VM and stencils on a copy-and-patch backend, see bench/baseline"
    return Contender(COPY_AND_PATCH, setup, functools.partial(_minipy_command, vm(), way), reports=False)


# --- LuaJIT and Numba


def _luajit() -> list[Contender | NotMeasured]:
    if importlib.util.find_spec("lupa.luajit21") is None:
        return [NotMeasured(LUAJIT, "lupa is not installed, or without LuaJIT 2.1", "pip install '.[bench]'")]
    return [_lua(LUAJIT, "on"), _lua(LUAJIT_OFF, "off")]


def _lua(name: str, jit: str) -> Contender:
    driver = HERE / "run_lua.py"

    def command(job: Job, folder: Path) -> list[str | Path]:
        return [sys.executable, driver, jit, HERE / "lua" / f"{job.program}.lua", str(job.size), str(job.repeats)]

    setup = f"lupa's LuaJIT with jit.{jit}(), on the same algorithms in Lua; its start is not counted"
    return Contender(name, setup, command, f"{_lua_version()} (lupa {version('lupa')})")


@functools.cache
def _lua_version() -> str:
    from lupa import luajit21

    return str(luajit21.LuaRuntime().eval("jit.version")).removeprefix("LuaJIT ")


def _numba() -> Contender | NotMeasured:
    if importlib.util.find_spec("numba") is None:
        return NotMeasured(NUMBA, "it is not installed", "pip install '.[bench]'")
    driver = HERE / "run_python.py"
    setup = "njit on every function of the same source; run time without compiling, which takes seconds"
    return Contender(
        NUMBA,
        setup,
        lambda job, folder: (sys.executable, driver, "--numba", job.python(folder)),
        version("numba"),
        rounds=2,
        slow=True,
    )
