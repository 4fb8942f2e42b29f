"""What the JIT made of the programs: micro-ops emitted, bytes, time to record and to emit, memory."""

import statistics
from collections.abc import Sequence

from bench.frame.report import Cell, Column, Report, Table, Timing
from bench.programs import minipy
from bench.programs.jobs import Job
from bench.programs.sample import Sampler

__all__ = ["measure"]

COLUMNS = (
    Column("program"),
    Column("in traces", "%", ".2f"),
    Column("traces"),
    Column("micro-ops"),
    Column("hot", "bytes/micro-op", ".1f"),
    Column("cold", "bytes/micro-op", ".1f"),
    Column("code", "bytes/trace", ",.0f"),
    Column("emission", "ns/micro-op", ".0f"),
    Column("recording", "ms", ".2f"),
)


def measure(sampler: Sampler, jobs: Sequence[Job]) -> Report:
    """One table, from what the VM says about itself (--stats-json); times are the median of three runs."""
    rows: list[tuple[Cell, ...]] = []
    timings = []
    for job in jobs:
        runs = [minipy.statistics(minipy.executable(), job, sampler.folder) for _ in range(3)]
        one = runs[0]
        ops, traces = max(one["micro_ops_emitted"], 1), max(one["traces_compiled"], 1)
        rows.append((
            job.program,
            100 * one["micro_ops_in_traces"] / one["micro_ops_executed"],
            one["traces_compiled"],
            one["micro_ops_emitted"],
            one["hot_bytes"] / ops,
            one["cold_bytes"] / ops,
            one["peak_code_bytes"] / traces,
            statistics.median(run["emission_ns"] for run in runs) / ops,
            statistics.median(run["recording_ns"] for run in runs) / 1e6,
        ))  # fmt: skip
        code = float(one["hot_bytes"] + one["cold_bytes"])
        timings.append(Timing(f"programs/{job.program}/code", (code,), "byte"))
    notes = (
        "A trace is emitted once, with cold caches and through the whole of the emit functions: `emission` has the rates.",
    )
    return Report((Table("what the JIT made", COLUMNS, tuple(rows), notes),), tuple(timings))
