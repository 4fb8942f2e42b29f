"""How many bytes a micro-op is, hot and cold: by trace, for bench/vm's and minipy's, and by stencil, for bench/vm's.

Bytes are counted where the code lies, so operands have the widths that these traces give them. Copy-and-patch from the same
sources stands beside it.
"""

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from bench import baseline, vm
from bench.frame.report import Cell, Column, Options, Report, Table, Timing
from bench.programs import minipy
from bench.programs.jobs import SHORT, Job, names
from stencilgen.pipeline import build

__all__ = ["run"]

OURS, COPY_AND_PATCH = "stencilgen", "copy-and-patch"
_BYTES = ",.1f"


def run(options: Options) -> Report:
    """Three tables: bench/vm by trace and by stencil, minipy by program."""
    configuration = vm.configuration()
    copied = baseline.build(configuration, baseline.FLAVOURS[baseline.BEST])
    libraries = {
        OURS: vm.library(build(configuration).header),
        COPY_AND_PATCH: vm.library(copied.header, flags=("-I", str(copied.include))),
    }
    traces = [name for name in vm.NAMES if options.wants(name)]
    runs = {(name, peer): library.run(name) for name in traces for peer, library in libraries.items()}
    stencils = {peer: _by_stencil([runs[name, peer] for name in traces]) for peer in libraries}
    rows: list[tuple[Cell, ...]] = []
    for name in traces:
        ours, other = runs[name, OURS].info(), runs[name, COPY_AND_PATCH].info()
        sizes = [side / ours.length for side in (ours.hot_size, ours.cold_size, other.hot_size, other.cold_size)]
        rows.append((name, ours.length, *sizes, ours.hot_size / other.hot_size))
    programs, program_timings = _programs(options)
    timings = [
        Timing(f"size/{name}/{peer} {part}", (float(size),), "byte")
        for (name, peer), run in runs.items()
        for part, size in (("hot", run.info().hot_size), ("cold", run.info().cold_size))
    ]
    tables = (Table("bench/vm's traces, bytes per micro-op", _COLUMNS, tuple(rows)), _stencil_table(stencils), programs)
    return Report(tables, (*timings, *program_timings))


_SIDES = (
    Column("hot", format=_BYTES),
    Column("cold", format=_BYTES),
    Column(f"{COPY_AND_PATCH}: hot", format=_BYTES),
    Column("cold", format=_BYTES),
    Column("hot / hot", format=".2f"),
)
_COLUMNS = (Column("trace"), Column("micro-ops"), *_SIDES)


def _by_stencil(runs: list[vm.Run]) -> dict[str, list[tuple[int, int]]]:
    """Hot and cold bytes of every micro-op in these traces, by stencil."""
    names = [stencil.name for stencil in build(vm.configuration()).stencils]
    sizes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        for index, instruction in enumerate(run.instructions):
            extent = run.extent(index)
            sizes[names[instruction.opcode]].append((extent.hot_size, extent.cold_size))
    return sizes


def _stencil_table(stencils: Mapping[str, dict[str, list[tuple[int, int]]]]) -> Table:
    """Means over the traces, the biggest first."""
    rows: list[tuple[Cell, ...]] = []
    for name, sizes in stencils[OURS].items():
        other = stencils[COPY_AND_PATCH][name]
        hot, cold, other_hot, other_cold = (
            statistics.fmean(size[part] for size in side) for side in (sizes, other) for part in (0, 1)
        )
        rows.append((name, len(sizes), hot, cold, other_hot, other_cold, hot / other_hot if other_hot else None))
    rows.sort(key=lambda row: -float(row[2]))  # type: ignore[arg-type]
    return Table("bench/vm's stencils, bytes", (Column("stencil"), Column("in traces"), *_SIDES), tuple(rows))


def _programs(options: Options) -> tuple[Table, list[Timing]]:
    """minipy's traces, as its programs have them."""
    vms = {OURS: minipy.executable(), COPY_AND_PATCH: baseline.minipy_vm()}
    rows: list[tuple[Cell, ...]] = []
    timings = []
    chosen = [name for name in names() if options.wants(name)]
    with tempfile.TemporaryDirectory(prefix="bench-size-") as folder:
        for name in chosen[:4] if options.quick else chosen:
            job = Job(name, SHORT[name], 4)
            found = {peer: minipy.statistics(path, job, Path(folder)) for peer, path in vms.items()}
            ours, other = found.values()
            sizes = [
                one[part] / one["micro_ops_emitted"] for one in (ours, other) for part in ("hot_bytes", "cold_bytes")
            ]
            ratio = ours["hot_bytes"] / other["hot_bytes"]
            rows.append((name, ours["traces_compiled"], ours["micro_ops_emitted"], *sizes, ratio))
            timings.append(Timing(f"size/minipy {name}/hot", (float(ours["hot_bytes"]),), "byte"))
    columns = (Column("program"), Column("traces"), Column("micro-ops"), *_SIDES)
    return Table("minipy's traces, bytes per micro-op", columns, tuple(rows)), timings
