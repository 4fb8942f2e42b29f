"""How many instructions the processor executes: exact, and the same on a busy machine."""

import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bench.frame.counting import counter, instructions
from bench.frame.progress import tell
from bench.frame.report import Cell, Column, NotMeasured, Report, Table, Timing
from bench.programs.contenders import COPY_AND_PATCH, JIT, SWITCH, Contender
from bench.programs.jobs import EMPTY, SHORT, Job
from bench.programs.sample import Sampler

__all__ = ["measure"]

COUNTED = (JIT, COPY_AND_PATCH, SWITCH)


def measure(sampler: Sampler, programs: Sequence[str], *, quick: bool) -> Report:
    """Millions of instructions of 10 short runs in one process, recording and compiling included."""
    tool = counter()
    if isinstance(tool, NotMeasured):
        return Report(not_measured=(tool,))
    counted = sampler.named(*((JIT, SWITCH) if quick else COUNTED))
    start = {one.name: _count(sampler, one, EMPTY) for one in counted}
    jobs = [Job(program, SHORT[program], 1 if quick else 10) for program in programs]
    keys = [(job, one) for job in jobs for one in counted]
    for job in jobs:
        for one in counted:
            one.command(job, sampler.folder)  # which makes the files that it needs
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts, which a busy machine does not change
        results = list(pool.map(lambda key: instructions(key[1].command(key[0], sampler.folder)), keys))
    found: dict[str, dict[str, int]] = {program: {} for program in programs}
    for (job, one), (count, output) in zip(keys, results, strict=True):
        sampler.check(one, job, output)
        found[job.program][one.name] = count - start[one.name]
    rows: list[tuple[Cell, ...]] = [(name, *(count / 1e6 for count in row.values())) for name, row in found.items()]
    by_contender = zip(*(row.values() for row in found.values()), strict=True)
    rows.append(("geometric mean", *(statistics.geometric_mean(counts) / 1e6 for counts in by_contender)))
    table = Table(
        "instructions executed",
        (Column("program"), *(Column(one.name, "million") for one in counted)),
        tuple(rows),
        (f"Counted by {tool}, {'1 short run' if quick else '10 short runs'} in a process, compiling included.",),
    )
    timings = [
        Timing(f"programs/{program} instructions/{name}", (float(count),), "integer")
        for program, row in found.items()
        for name, count in row.items()
    ]
    return Report((table,), tuple(timings))


def _count(sampler: Sampler, contender: Contender, job: Job) -> int:
    tell(f"{job.program}, instructions of {contender.name}")
    count, output = instructions(contender.command(job, sampler.folder))
    sampler.check(contender, job, output)
    return count
