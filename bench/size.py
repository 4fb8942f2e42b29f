"""How many bytes a micro-op is, hot and cold: by trace, for bench/vm's and minipy's, and by stencil, for bench/vm's.

Bytes are counted where the code lies, so operands have the widths that these traces give them. Copy-and-patch from the same
sources stands beside it.
"""

import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench import baseline, vm
from bench.frame.report import Cell, Column, Options, Report, Table, Timing
from bench.programs import minipy
from bench.programs.jobs import SHORT, Job, names
from stencilgen.pipeline import build

__all__ = ["run"]

OURS, COPY_AND_PATCH = "stencilgen", "copy-and-patch"

Size = tuple[float, float]
"""Bytes of hot code, and of cold."""

_SIDES = (
    Column("hot", format=",.1f"),
    Column("cold", format=",.1f"),
    Column("both", format=",.1f"),
    Column(f"{COPY_AND_PATCH}: both", format=",.1f"),
    Column("ours / theirs", format=".2f"),
)
_NOTE = f"{COPY_AND_PATCH} keeps slow paths among the fast ones; `quality` tells them apart and compares hot with hot."


def run(options: Options) -> Report:
    """Three tables: bench/vm by trace and by stencil, minipy by program."""
    configuration = vm.configuration()
    copied = baseline.build(configuration, baseline.FLAVOURS[baseline.BEST])
    libraries = {
        OURS: vm.library(build(configuration).header),
        COPY_AND_PATCH: vm.library(copied.header, flags=("-I", str(copied.include))),
    }
    names = [name for name in vm.NAMES if options.wants(name)]
    runs = {(name, peer): library.run(name) for name in names for peer, library in libraries.items()}
    programs, program_timings = _programs(options)
    timings = [
        Timing(f"size/{name}/{peer} {part}", (float(size),), "byte")
        for (name, peer), run in runs.items()
        for part, size in (("hot", run.info().hot_size), ("cold", run.info().cold_size))
    ]
    return Report((_traces(names, runs), _stencils(names, runs), programs), (*timings, *program_timings))


def _beside(ours: Size, theirs: Size) -> tuple[Cell, ...]:
    """The cells of one thing."""
    return (*ours, sum(ours), sum(theirs), sum(ours) / sum(theirs) if sum(theirs) else None)


def _traces(names: list[str], runs: Mapping[tuple[str, str], vm.Run]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        sides = [runs[name, peer].info() for peer in (OURS, COPY_AND_PATCH)]
        ours, theirs = ((info.hot_size / info.length, info.cold_size / info.length) for info in sides)
        rows.append((name, sides[0].length, *_beside(ours, theirs)))
    columns = (Column("trace"), Column("micro-ops"), *_SIDES)
    return Table("bench/vm's traces, bytes per micro-op", columns, tuple(rows), (_NOTE,))


def _stencils(names: list[str], runs: Mapping[tuple[str, str], vm.Run]) -> Table:
    """Means over these traces, the biggest first."""
    ours, theirs = (_by_stencil([runs[name, peer] for name in names]) for peer in (OURS, COPY_AND_PATCH))
    biggest = sorted(ours, key=lambda name: -sum(_mean(ours[name])))
    rows = tuple((name, len(ours[name]), *_beside(_mean(ours[name]), _mean(theirs[name]))) for name in biggest)
    return Table("bench/vm's stencils, bytes", (Column("stencil"), Column("in traces"), *_SIDES), rows)


def _mean(sizes: list[Size]) -> Size:
    return statistics.fmean(hot for hot, _ in sizes), statistics.fmean(cold for _, cold in sizes)


def _by_stencil(runs: list[vm.Run]) -> dict[str, list[Size]]:
    """Every micro-op of these traces."""
    names = [stencil.name for stencil in build(vm.configuration()).stencils]
    sizes: dict[str, list[Size]] = defaultdict(list)
    for run in runs:
        for index, instruction in enumerate(run.instructions):
            extent = run.extent(index)
            sizes[names[instruction.opcode]].append((extent.hot_size, extent.cold_size))
    return sizes


def _programs(options: Options) -> tuple[Table, list[Timing]]:
    """minipy's traces, as its programs have them."""
    rows: list[tuple[Cell, ...]] = []
    timings = []
    sums: Counter[str] = Counter()
    chosen = [name for name in names() if options.wants(name)]
    with tempfile.TemporaryDirectory(prefix="bench-size-") as folder:
        for name in chosen[:4] if options.quick else chosen:
            job = Job(name, SHORT[name], 4)
            sides = [minipy.statistics(path, job, Path(folder)) for path in (minipy.executable(), baseline.minipy_vm())]
            count = sides[0]["micro_ops_emitted"]
            ours, theirs = ((side["hot_bytes"] / count, side["cold_bytes"] / count) for side in sides)
            rows.append((name, sides[0]["traces_compiled"], count, *_beside(ours, theirs)))
            timings.append(Timing(f"size/minipy {name}/hot", (float(sides[0]["hot_bytes"]),), "byte"))
            sums.update({part: sides[0][f"{part}_bytes"] for part in ("hot", "cold")})
            sums[COPY_AND_PATCH] += sides[1]["hot_bytes"] + sides[1]["cold_bytes"]
    columns = (Column("program"), Column("traces"), Column("micro-ops"), *_SIDES)
    whole = f"In all {sums['hot']:,} bytes are hot and {sums['cold']:,} cold; {COPY_AND_PATCH} has {sums[COPY_AND_PATCH]:,}."
    return Table("minipy's traces, bytes per micro-op", columns, tuple(rows), (_NOTE, whole)), timings
