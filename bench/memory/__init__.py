"""What a context and its traces cost the system: system calls, allocations, memory. All are counts, none is a time.

`phases.c` does the work on bench/vm's traces and counts; here it is built, run, and divided by what it was about.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from bench import vm
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


def run(options: Options) -> Report:
    """One table; system calls or allocations in the steady state are a failure, for the runtime promises none."""
    traces = 40 if options.quick else 2000
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        ended = run_process([_program(Path(folder)), str(traces)])
    if ended.status == 3:
        why = "processes may not trace their children here"
        return Report(
            not_measured=(NotMeasured("memory", why, "allow ptrace, in a container with --cap-add=SYS_PTRACE"),)
        )
    if ended.status:
        raise UserError(ended.errors.strip())
    phases = [json.loads(line) for line in ended.output.splitlines()]
    return Report(
        (Table("contexts and traces", COLUMNS, tuple(map(_row, phases)), _NOTES),),
        tuple(_timings(phases)),
        differences=tuple(
            f"{phase['phase']}: {phase[kind]} {kind.replace('_', ' ')}, none were promised"
            for phase in phases
            if phase["phase"] in STEADY
            for kind in ("system_calls", "allocations")
            if phase[kind]
        ),
    )


_NOTES = (
    "The traces are bench/vm's four by turns, 22 to 146 micro-ops.",
    "A system that keeps a page for each trace, as CPython's JIT does, takes a mapping (mmap), a change of its protection "
    "(mprotect) and at least 4,096 bytes each.",
)


def _program(folder: Path) -> Path:
    """phases.c with bench/vm and the runtime, which call the C allocator through wrappers."""
    (folder / "jit_stencils.h").write_text(build(vm.configuration()).header)
    machine = [path for path in vm.SOURCES if path.name != "run.c"]
    sources = [HERE / "phases.c", *machine, *sorted(paths.runtime().glob("src/*.c"))]
    includes = [folder, vm.HERE, paths.runtime() / "include"]
    flags = [
        "-O2",
        *(flag for path in includes for flag in ("-I", str(path))),
        *(f"-Wl,--wrap={name}" for name in WRAPPED),
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
