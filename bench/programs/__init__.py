"""Whole programs: all of minipy's, beside other interpreters and JITs; every output must be CPython's.

Four questions, a module each: how long a run takes (`times`), how soon a JIT pays (`warmup`), how many instructions the
processor executes (`counts`), and what the JIT made (`code`).
"""

import tempfile
from pathlib import Path

from bench.frame.report import NotMeasured, Options, Report
from bench.programs import code, counts, times, warmup
from bench.programs.contenders import contenders
from bench.programs.jobs import SHORT, Job, full_size, names
from bench.programs.sample import Sampler
from stencilgen.errors import UserError

__all__ = ["run"]


def run(options: Options) -> Report:
    """All four."""
    chosen = [name for name in names() if options.wants(name)]
    if not chosen:
        raise UserError(f"no program's name contains {options.only!r}", remedy=f"the programs are {', '.join(names())}")
    everyone, missing = contenders(options)
    left_out: dict[tuple[str, str], NotMeasured] = {}
    if options.quick:  # what compiles for seconds runs one program only
        for one in (one for one in everyone if one.slow):
            reason = NotMeasured(
                f"{one.name} on {len(chosen) - 1} more", "it compiles for seconds", "leave out --quick"
            )
            left_out |= {(one.name, program): reason for program in chosen[1:]}
    with tempfile.TemporaryDirectory(prefix="bench-programs-") as folder:
        sampler = Sampler(everyone, Path(folder), left_out)
        jobs = [Job(name, SHORT[name] if options.quick else full_size(name)) for name in chosen]
        parts = [
            times.measure(sampler, jobs, rounds=1 if options.quick else 5),
            warmup.measure(sampler, chosen[:1] if options.quick else chosen, quick=options.quick),
            counts.measure(sampler, chosen[:3] if options.quick else chosen, quick=options.quick),
            code.measure(sampler, jobs),
        ]
    setups = [f"{one.name}: {one.setup}." for one in everyone]
    return Report(
        tables=tuple(table for part in parts for table in part.tables),
        timings=tuple(timing for part in parts for timing in part.timings),
        plots=tuple(plot for part in parts for plot in part.plots),
        not_measured=(
            *missing,
            *dict.fromkeys(sampler.cannot.values()),
            *(one for part in parts for one in part.not_measured),
        ),
        notes=("How each was set up:", *setups),
        differences=tuple(sampler.differences),
        versions={one.name: one.version for one in everyone if one.version},
    )
