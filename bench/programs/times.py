"""How long a run takes, from cold, compiling included: programs at the size that stands in them."""

import statistics

from bench.frame.report import Cell, Column, Plot, Report, Series, Spread, Table, Timing
from bench.programs.contenders import CPYTHON, JIT, NUMBA
from bench.programs.jobs import Job
from bench.programs.sample import Sampler

__all__ = ["measure"]


def measure(sampler: Sampler, jobs: list[Job], rounds: int) -> Report:
    """Two tables (milliseconds; ratios to minipy's JIT), one picture."""
    everyone = [one.name for one in sampler.contenders]
    found: dict[str, dict[str, Spread]] = {}
    timings = []
    for job in jobs:
        runs = {name: done for name, done in sampler.rounds(job, sampler.contenders, rounds).items() if done}
        found[job.program] = {name: Spread.of(run.seconds * 1e3 for run in done) for name, done in runs.items()}
        timings += [
            Timing(f"programs/{job.program}/{name}", tuple(run.seconds for run in done)) for name, done in runs.items()
        ]
    rows = [(program, *(row.get(name) for name in everyone)) for program, row in found.items()]
    milliseconds = Table(
        "run time", (Column("program"), *(Column(name, "ms") for name in everyone)), tuple(rows),
        (f"{NUMBA}: without its compile time, which the table of warm-up shows.",),
    )  # fmt: skip
    others = [name for name in everyone if name != JIT]
    return Report((milliseconds, _ratios(found, others)), tuple(timings), (_picture(found, everyone),))


def _ratios(found: dict[str, dict[str, Spread]], others: list[str]) -> Table:
    """How many times as long as minipy's JIT the others take."""

    def ratio(program: str, name: str) -> float | None:
        row = found[program]
        return row[name].median / row[JIT].median if name in row else None

    rows: list[tuple[Cell, ...]] = [(program, *(ratio(program, name) for name in others)) for program in found]
    columns = [[ratio(program, name) for program in found] for name in others]
    means = [[value for value in column if value is not None] for column in columns]
    rows.append(("geometric mean", *(statistics.geometric_mean(values) if values else None for values in means)))
    return Table(
        "run time as a multiple of minipy JIT's",
        (Column("program"), *(Column(name, format=".2f") for name in others)),
        tuple(rows),
        (
            "Above 1: minipy's JIT is faster. Means are over the programs that the other can run.",
            *_losses(found, others),
        ),
    )


def _losses(found: dict[str, dict[str, Spread]], others: list[str]) -> list[str]:
    """In words: whom minipy's JIT is slower than, on which programs, and why."""
    lines = []
    for name in others:
        lost = [program for program, row in found.items() if name in row and row[name].median < row[JIT].median]
        if lost:
            lines.append(
                f"Slower than {name} on {len(lost)} of {sum(name in row for row in found.values())}: {', '.join(lost)}."
            )
    return [*lines, _WHY]


_WHY = (
    "Where LuaJIT and Numba win: they compile a whole trace or function, with floats and ints in registers and without "
    "boxes, reference counts or type checks that a loop repeats. stencilgen joins micro-ops one by one; values live in "
    "the VM's slots between them."
)


def _picture(found: dict[str, dict[str, Spread]], everyone: list[str]) -> Plot:
    programs = tuple(found)
    series = [
        Series(name, programs, tuple(_speed(found[program], name) for program in programs))
        for name in everyone
        if name != CPYTHON
    ]
    return Plot("programs", "Speed of programs", "", "times as fast as CPython", tuple(series), "bars", "y", 1.0)


def _speed(row: dict[str, Spread], name: str) -> float | None:
    return row[CPYTHON].median / row[name].median if name in row else None
