"""How soon a JIT pays: the same short run once, and again and again in one process, from cold.

The total for N runs is measured in a process of its own for each N, all interleaved. Its slope at the end is the time of a
run at peak. The peak is reached after that total from which on every further run takes that, give or take a fifth.
"""

import statistics
from collections.abc import Sequence
from itertools import pairwise

from bench.frame.report import Cell, Column, Report, Table, Timing
from bench.programs.contenders import COPY_AND_PATCH, CPYTHON, JIT, LUAJIT, NUMBA, SWITCH
from bench.programs.jobs import SHORT, Job
from bench.programs.sample import Sampler

__all__ = ["lost", "measure", "time_to_peak"]

SHOWN = (JIT, COPY_AND_PATCH, SWITCH, CPYTHON, LUAJIT)
COMPILERS = (JIT, COPY_AND_PATCH, LUAJIT)
RUNS = (1, 2, 4, 8, 16, 32)


def measure(sampler: Sampler, programs: Sequence[str], *, quick: bool) -> Report:
    """Totals of 1 and of the most runs; the time to peak; what Numba compiles before it runs at all."""
    counts, rounds = ((1, 2, 4), 1) if quick else (RUNS, 3)
    shown = sampler.named(*SHOWN)
    names = [one.name for one in shown]
    totals: dict[str, dict[str, list[float]]] = {}
    timings = []
    for program in programs:
        totals[program] = {name: [] for name in names}
        for count in counts:
            runs = sampler.rounds(Job(program, SHORT[program], count), shown, rounds)
            for name in names:
                seconds = tuple(run.seconds for run in runs[name])
                totals[program][name].append(statistics.median(seconds))
                timings.append(Timing(f"programs/{program} x{count} short/{name}", seconds))
    tables = [_totals(totals, names, counts, position) for position in (0, len(counts) - 1)]
    return Report((*tables, _peak(sampler, totals, names, counts)), tuple(timings))


def _totals(totals: dict[str, dict[str, list[float]]], names: list[str], counts: Sequence[int], position: int) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (program, SHORT[program], *(row[name][position] * 1e3 for name in names)) for program, row in totals.items()
    ]
    sums = [sum(row[name][position] for row in totals.values()) * 1e3 for name in names]
    many = counts[position]
    return Table(
        f"total of {many} short run{'s' if many > 1 else ''} in a new process",
        (Column("program"), Column("SIZE"), *(Column(name, "ms") for name in names)),
        (*rows, ("all", "", *sums)),
    )


def _peak(
    sampler: Sampler, totals: dict[str, dict[str, list[float]]], names: list[str], counts: Sequence[int]
) -> Table:
    """Numba's column is what compiling takes before the first run; it is at its peak then."""
    compilers = [name for name in COMPILERS if name in names]
    numba = sampler.named(NUMBA)
    rows = []
    for program, row in totals.items():
        cells: list[Cell] = [program]
        for name in compilers:
            reached = time_to_peak(counts, row[name])
            cells += [None if reached is None else reached * 1e3, max(lost(counts, row[name]), 0.0) * 1e3]
        run = sampler.sample(numba[0], Job(program, SHORT[program])) if numba else None
        cells.append((run.first - run.seconds) * 1e3 if run and run.first else None)
        cells.append(
            next((n for n, jit, switch in zip(counts, row[JIT], row[SWITCH], strict=True) if jit < switch), None)
        )
        rows.append(tuple(cells))
    columns = [Column(f"{name} {what}", "ms") for name in compilers for what in ("to peak", "lost")]
    return Table(
        "time to peak, of short runs from cold",
        (Column("program"), *columns, Column(f"{NUMBA} compiles", "ms"), Column(f"{JIT} ahead of switch", "runs")),
        tuple(rows),
        (
            "To peak: after this time at the latest each run takes what the last ones take. A dash: still getting faster.",
            "Lost: how much longer all runs took than they would have at peak from the start.",
            f"A dash for {JIT} ahead of switch: not within {counts[-1]} short runs.",
        ),
    )


def time_to_peak(counts: Sequence[int], totals: Sequence[float]) -> float | None:
    """The total after which each run takes the time of the last ones, within a fifth; None if only the last do."""
    steps = _steps(counts, totals)
    settled = len(steps) - 1
    while settled > 0 and steps[settled - 1] <= 1.2 * steps[-1]:
        settled -= 1
    return totals[settled] if settled < len(steps) - 1 else None


def lost(counts: Sequence[int], totals: Sequence[float]) -> float:
    """How much of the last total is not explained by runs that each take the time of the last ones."""
    return totals[-1] - counts[-1] * _steps(counts, totals)[-1]


def _steps(counts: Sequence[int], totals: Sequence[float]) -> list[float]:
    """The time of one run between each count and the next."""
    pairs = list(zip(counts, totals, strict=True))
    return [(late - early) / (after - before) for (before, early), (after, late) in pairwise(pairs)]
