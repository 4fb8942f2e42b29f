"""What a context and its traces cost the system: system calls, allocations, memory. All are counts, none is a time.

`phases.c` does the work on bench/vm's traces and counts; here it is built, run, and divided by what it was about.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import baseline, vm
from bench.frame.measure import run_process
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Table, Timing
from stencilgen import paths
from stencilgen.errors import UserError
from stencilgen.pipeline import build
from stencilgen.toolchain.cc import find_compiler, link

__all__ = ["run"]

HERE = Path(__file__).resolve().parent
WRAPPED = ("malloc", "calloc", "realloc", "free")
STEADY = ("as many traces again", "linking exits", "freeing linked traces")
COLUMNS = (
    Column("what"),
    Column("how many"),
    Column("system calls", "each", ".2f"),
    Column("allocator calls", "each", ".2f"),
    Column("page faults", "each", ".2f"),
    Column("allocated", "bytes each", ",.0f"),
    Column("code and constants", "bytes each", ",.0f"),
)


OURS = "contexts and traces"
PAGED = "copy-and-patch with CPython 3.14's flags, each trace in pages of its own"


def run(options: Options) -> Report:
    """Two tables; system calls or allocations in the steady state are a failure, for the runtime promises none."""
    traces = 40 if options.quick else 2000
    found: dict[str, list[dict[str, Any]]] = {}
    for name, program in ((OURS, _ours), (PAGED, _paged)):
        with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
            ended = run_process([program(Path(folder)), str(traces)])
        if ended.status == 3:
            why = "processes may not trace their children here"
            return Report(
                not_measured=(NotMeasured("memory", why, "allow ptrace, in a container with --cap-add=SYS_PTRACE"),)
            )
        if ended.status:
            raise UserError(ended.errors.strip())
        found[name] = [json.loads(line) for line in ended.output.splitlines()]
    return Report(
        tuple(Table(name, COLUMNS, tuple(map(_row, phases)), (_NOTE,)) for name, phases in found.items()),
        tuple(_timings(found[OURS])),
        differences=tuple(
            f"{phase['phase']}: {phase[kind]} {kind.replace('_', ' ')}, none were promised"
            for phase in found[OURS]
            if phase["phase"] in STEADY
            for kind in ("system_calls", "allocations")
            if phase[kind]
        ),
    )


_NOTE = "The traces are bench/vm's four by turns, 22 to 146 micro-ops."


def _ours(folder: Path) -> Path:
    return _program(folder, build(vm.configuration()).header, sorted(paths.runtime().glob("src/*.c")), [])


def _paged(folder: Path) -> Path:
    copied = baseline.build(vm.configuration(), baseline.FLAVOURS["O3"])
    return _program(folder, baseline.paged(copied), [baseline.PAGES], ["-DPAGED", "-I", str(copied.include)])


def _program(folder: Path, header: str, runtime: Sequence[Path], more: Sequence[str]) -> Path:
    """phases.c with bench/vm and a runtime, which call the C allocator through wrappers."""
    (folder / "jit_stencils.h").write_text(header)
    machine = [path for path in vm.SOURCES if path.name != "run.c"]
    sources = [HERE / "phases.c", *machine, *runtime]
    includes = [folder, vm.HERE, paths.runtime() / "include"]
    flags = [
        "-O2",
        *(flag for path in includes for flag in ("-I", str(path))),
        *(f"-Wl,--wrap={name}" for name in WRAPPED),
        *more,
    ]
    link(find_compiler(), sources, folder / "phases", flags, directory=HERE)
    return folder / "phases"


def _row(phase: dict[str, Any]) -> tuple[Cell, ...]:
    counts = (
        phase[key] / phase["things"] for key in ("system_calls", "allocations", "page_faults", "allocated", "code")
    )
    return (phase["phase"], phase["things"], *counts)


def _timings(phases: list[dict[str, Any]]) -> list[Timing]:
    """What pyperf can compare: bytes of a context and of a trace."""
    context, traces = phases[0], phases[2]
    return [
        Timing("memory/context", (float(context["allocated"] + context["code"]),), "byte"),
        Timing("memory/trace", ((traces["allocated"] + traces["code"]) / traces["things"],), "byte"),
    ]
