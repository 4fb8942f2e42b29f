"""The hand-written traces: bytes, instructions and time in every variant, and what the instructions are for."""

import functools
import math
import os
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from bench.frame.measure import interleave
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Spread, Table, Timing
from bench.quality.classify import CATEGORIES, profile
from bench.quality.variants import (
    BASELINE,
    BEST,
    CACHED,
    LIMIT,
    LLVM,
    LLVM_0,
    LLVM_FACTS,
    OWN,
    PEELED,
    Measured,
    Variant,
    variants,
)
from bench.quality.ways import SEQUENCES
from bench.vm import Run
from bench.vm.counts import Executed, available

__all__ = ["geometric_mean", "run"]

Sizes = Mapping[tuple[str, str], Measured]
"""By workload and variant."""
Times = Mapping[str, Mapping[str, list[float]]]
"""By workload, then variant: nanoseconds an iteration, one a round."""

ENTRIES, ROUNDS, MACHINES = 30, 15, 3
"""Entries of a trace in a sample; samples; machines of each variant, which lie at different addresses."""


def geometric_mean(values: Iterable[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def timing_name(workload: str, variant: str) -> str:
    """What pyperf calls a hand-written trace's times; programs and hand-written traces share some of their own names."""
    return f"quality/trace {workload}/{variant}"


def run(options: Options) -> Report:
    """Measure all workloads in all variants."""
    found = variants(options)
    workloads = list(found[OWN].libraries)
    if not workloads:
        return Report()
    differences = [text for workload in workloads for text in _differences(found, workload)]
    keys = [(w, v) for w in workloads for v in found]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts, which a busy machine does not change
        measured = dict(zip(keys, pool.map(lambda key: found[key[1]].measure(key[0]), keys), strict=True))
    times = {w: _times(found, w, options) for w in workloads}
    tables = (
        _traces(measured, times, workloads, found),
        _ratios(measured, times, workloads, found),
        *((_bytes_per_micro_op(measured, found),) if "nbody" in workloads else ()),
        *((*_rest(measured, workloads, found), _micro_ops(found, measured, workloads)) if available() else ()),
        _steps(found, workloads, options),
        _compile_times(found, workloads),
    )
    timings = tuple(
        Timing(timing_name(workload, variant), tuple(value * 1e-9 for value in values))
        for workload in workloads
        for variant, values in times[workload].items()
    )
    missing = () if available() else (NotMeasured("instructions executed", "valgrind is not here", "install valgrind"),)
    return Report(tables=tables, timings=timings, not_measured=missing, differences=tuple(differences))


def _differences(found: Mapping[str, Variant], workload: str) -> Iterable[str]:
    """Every variant leaves the same machine."""
    runs = {name: variant.run(workload) for name, variant in found.items()}
    for _ in range(2):
        for run in runs.values():
            run.time(1)
        expected = runs[OWN].result()
        for name, run in runs.items():
            if run.result() != expected:
                yield f"{workload}: {name} leaves {run.result()}, {OWN} leaves {expected}"


def _times(found: Mapping[str, Variant], workload: str, options: Options) -> dict[str, list[float]]:
    """Nanoseconds per iteration, in rounds in which every variant has its turn."""
    entries, rounds, machines = (2, 2, 1) if options.quick else (ENTRIES, ROUNDS, MACHINES)
    timed = [name for name in found if name != LLVM_0]
    runs: list[dict[str, Run]] = [{name: found[name].run(workload) for name in timed} for _ in range(machines)]
    times: dict[str, list[float]] = defaultdict(list)
    for machine in runs:
        contenders = {name: functools.partial(run.time, entries) for name, run in machine.items()}
        for name, values in interleave(contenders, rounds, warmups=1).items():
            times[name] += values
    return times


def _instructions(one: Measured) -> float | None:
    return one.counted.total if one.counted else None


def _traces(measured: Sizes, times: Times, workloads: list[str], found: Mapping[str, Variant]) -> Table:
    rows = []
    for workload in workloads:
        for name in found:
            one = measured[workload, name]
            time = Spread.of(times[workload][name]) if name in times[workload] else None
            rows.append((workload, name, one.hot, one.total, _instructions(one), time))
    columns = (
        Column("trace"),
        Column("code by"),
        Column("hot", "bytes", ",d"),
        Column("all", "bytes", ",d"),
        Column("executed", "instructions", ",.0f"),
        Column("time", "ns", ".1f"),
    )
    return Table("Hand-written traces: one iteration", columns, tuple(rows))


TARGETS: Mapping[str, tuple[float, ...]] = {
    "target: single stencils": (0.75, 0.9, 0.95, 0.92),
    "target: caching alone": (0.60,),
    "target: and superstencils and facts": (0.52,),
}
"""Hot bytes, all bytes, instructions and time, or time alone."""


def _ratios(measured: Sizes, times: Times, workloads: list[str], found: Mapping[str, Variant]) -> Table:
    """Geometric means over the traces, copy-and-patch = 1."""
    rows: list[tuple[Cell, ...]] = []
    for name in found:
        pairs = [(measured[w, name], measured[w, BASELINE]) for w in workloads]
        counted = [(a.counted.total, b.counted.total) for a, b in pairs if a.counted and b.counted]
        own = [(a.counted.own, b.counted.own) for a, b in pairs if a.counted and b.counted]
        timed = [_ratio(times[w][name], times[w][BASELINE]) for w in workloads if name in times[w]]
        limit = [_ratio(times[w][name], times[w][LLVM]) for w in workloads if name in times[w]]
        rows.append(
            (
                name,
                geometric_mean(a.hot / b.hot for a, b in pairs),
                geometric_mean(a.total / b.total for a, b in pairs),
                geometric_mean(a / b for a, b in counted) if counted else None,
                geometric_mean(a / b for a, b in own) if own and not name.startswith("LLVM") else None,
                geometric_mean(timed) if timed else None,
                geometric_mean(limit) if limit else None,
            )
        )
    for name, target in TARGETS.items():
        hot, total, executed, time = target if len(target) == 4 else (None, None, None, *target)
        rows.append((name, hot, total, executed, None, time, 1.3 if hot is None else None))
    columns = (
        Column("code by"),
        Column("hot bytes", format=".3f"),
        Column("all bytes", format=".3f"),
        Column("instructions", format=".3f"),
        Column("in the trace itself", format=".3f"),
        Column("time", format=".3f"),
        Column(f"time / {LLVM}", format=".3f"),
    )
    notes = (
        "caching N: so many entries of the operand stack in registers; static depth: its pointer stays where it is; N-grams: "
        f"superstencils of up to N micro-ops, at most {SEQUENCES} unless the row says otherwise, by a profile of these traces; "
        "by operands: told apart by which locals they name.",
        f"{CACHED}: variants for each number of entries in registers, as CPython 3.15 writes them by hand, here derived.",
        "facts: what micro-ops have found out of locals and entries, those behind them do not test again; all other code is made "
        "from the same sources, with every test. LLVM with facts is told what the emit functions know at each micro-op. The box "
        "of a float's result is found in the micro-op itself, in an operand that nobody else has or on the list of free ones, "
        "for all contenders; making one from nothing, and freeing what is not such an operand, are calls.",
        f"{PEELED}: the VM hands over a trace with its first iteration apart from the loop, so what that finds out is known in "
        "the loop. Bytes are those of both.",
        "Hot bytes of copy-and-patch are those of the same blocks (bench/baseline/split.py).",
    )
    return Table("Hand-written traces: geometric means, copy-and-patch = 1", columns, tuple(rows), notes)


def _steps(found: Mapping[str, Variant], workloads: list[str], options: Options) -> Table:
    """What each step costs: to build, to keep, to choose among when a trace is compiled."""
    names = [name for name, variant in found.items() if not variant.compile_seconds]
    emission: dict[str, list[float]] = defaultdict(list)
    for workload in workloads:
        runs = {name: found[name].run(workload) for name in names}
        tasks = {name: functools.partial(run.emission, 20) for name, run in runs.items()}
        for name, values in interleave(tasks, 2 if options.quick else 21, warmups=1).items():
            emission[name].append(statistics.median(values))
    rows = []
    for name in names:
        variant = found[name]
        rows.append(
            (
                name,
                variant.units,
                variant.emitter_bytes,
                statistics.fmean(emission[name]),
                geometric_mean(a / b for a, b in zip(emission[name], emission[OWN], strict=True)),
                variant.build_seconds,
            )
        )
    columns = (
        Column("code by"),
        Column("units beside stencils", format=",d"),
        Column("emitters", "bytes", ",d"),
        Column("emission", "ns/micro-op", ".1f"),
        Column(f"emission / {OWN}'s", format=".2f"),
        Column("build from nothing", "s", ".1f"),
    )
    notes = (
        "Emitters: machine code of all emit functions, and the tables by which units are chosen. Emission: of these traces, "
        "each again and again.",
    )
    return Table("What each step across micro-ops costs", columns, tuple(rows), notes)


def _ratio(own: list[float], other: list[float]) -> float:
    """The median of the rounds' ratios: both halves of a ratio met the same weather."""
    return statistics.median(a / b for a, b in zip(own, other, strict=True))


def _bytes_per_micro_op(measured: Sizes, found: Mapping[str, Variant]) -> Table:
    length = len(found[OWN].run("nbody").ops)
    rows: list[tuple[Cell, ...]] = [
        (name, measured["nbody", name].hot / length, measured["nbody", name].total / length)
        for name in found
        if not name.startswith("LLVM") and not name.endswith(PEELED)
    ]
    rows += [("CPython 3.14 itself", None, 78.0), ("CPython 3.15 itself", None, 36.0)]
    columns = (Column("code by"), Column("hot", "bytes", ".1f"), Column("all", "bytes", ".1f"))
    notes = (
        "CPython's own were not measured here: known figures of the traces that its JIT makes of nbody, in which micro-ops "
        "are not the same.",
    )
    return Table("Bytes per micro-op of nbody", columns, tuple(rows), notes)


def _rest(measured: Sizes, workloads: list[str], found: Mapping[str, Variant]) -> Iterable[Table]:
    """What the traces' instructions are for: how many are executed, and how many bytes of hot code they are."""
    steps = [f"{OWN}, {step}" for step in ("static depth", "caching 1", "caching 2", "caching 3")]
    best = (BEST, f"{BEST}, {PEELED}")
    names = [name for name in (BASELINE, OWN, CACHED, *steps, *best, LLVM, LLVM_FACTS, LIMIT) if name in found]
    whats: tuple[tuple[str, Callable[[Executed], float]], ...] = (
        ("executed instructions", lambda one: one.count),
        ("hot bytes", lambda one: one.instruction.len if one.count >= HOT else 0),
    )
    for what, weight in whats:
        profiles = {name: _profile(measured, workloads, name, weight) for name in names}
        rows: list[tuple[Cell, ...]] = [
            (category, *(profiles[name][category] for name in names)) for category in CATEGORIES
        ]
        rows.append(("all", *(sum(profiles[name].values()) for name in names)))
        columns = (Column("what for"), *(Column(name, format=".1f") for name in names))
        notes = (
            "Mean of the traces; all of copy-and-patch = 100; callees are not counted. Told from registers and widths "
            "(bench/quality/classify.py); in LLVM's code a heuristic.",
        )
        yield Table(f"What {what} are for", columns, tuple(rows), notes)


HOT = 0.2
"""Executions per iteration from which on code is hot in these tables."""


def _profile(measured: Sizes, workloads: list[str], name: str, weight: Callable[[Executed], float]) -> dict[str, float]:
    """By category, in percent of all of copy-and-patch's."""
    sums: dict[str, float] = dict.fromkeys(CATEGORIES, 0.0)
    for workload in workloads:
        counted, base = measured[workload, name].counted, measured[workload, BASELINE].counted
        assert counted and base
        whole = sum(profile(base.trace, weight).values())
        for category, number in profile(counted.trace, weight).items():
            sums[category] += 100 * number / whole / len(workloads)
    return sums


def _micro_ops(found: Mapping[str, Variant], measured: Sizes, workloads: list[str]) -> Table:
    """Per micro-op, the least gain first."""
    sums: dict[str, dict[str, list[tuple[float, int, int]]]] = defaultdict(lambda: defaultdict(list))
    for workload in workloads:
        ops = found[OWN].run(workload).ops
        for name in (OWN, BASELINE):
            counted = measured[workload, name].counted
            assert counted
            executed, hot, everything = [0.0] * len(ops), [0] * len(ops), [0] * len(ops)
            for one in counted.trace:
                if one.index < len(ops):
                    executed[one.index] += one.count
                    everything[one.index] += one.instruction.len
                    hot[one.index] += one.instruction.len if one.count >= HOT else 0
            for index, op in enumerate(ops):
                sums[op][name].append((executed[index], hot[index], everything[index]))
    rows: dict[str, tuple[float, ...]] = {}
    for op, by_name in sums.items():
        own, other = (
            [statistics.fmean(column) for column in zip(*by_name[name], strict=True)] for name in (OWN, BASELINE)
        )
        rows[op] = (len(by_name[OWN]), *(value for pair in zip(own, other, strict=True) for value in pair))
    order = sorted(rows, key=lambda op: (rows[op][1] - rows[op][2], -rows[op][0]), reverse=True)
    titles = [f"{what}, {who}" for what in ("executed", "hot bytes", "all bytes") for who in ("ours", "theirs")]
    columns = (Column("micro-op"), Column("times"), *(Column(title, format=".1f") for title in titles))
    notes = ("Hot here: bytes of the instructions that at least every fifth iteration executes.",)
    return Table(
        "Micro-op by micro-op, beside copy-and-patch; the least gain first",
        columns,
        tuple((op, *rows[op]) for op in order),
        notes,
    )


def _compile_times(found: Mapping[str, Variant], workloads: list[str]) -> Table:
    """Microseconds to compile a trace."""
    rows = []
    shown = {
        name: variant for name, variant in found.items() if variant.compile_seconds or name in (OWN, BEST, BASELINE)
    }
    for name, variant in shown.items():
        for workload in workloads:
            run = variant.run(workload)
            seconds = variant.compile_seconds.get(workload)
            microseconds = run.emission(20) * len(run.ops) / 1e3 if seconds is None else seconds * 1e6
            rows.append((workload, name, microseconds, 1e3 * microseconds / len(run.ops)))
    rows.sort(key=lambda row: workloads.index(row[0]))
    columns = (Column("trace"), Column("code by"), Column("trace", "µs", ",.1f"), Column("micro-op", "ns", ",.1f"))
    return Table("Time to compile a trace", columns, tuple(rows))
