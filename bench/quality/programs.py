"""minipy's programs on stencilgen's code, step by step across micro-ops, on copy-and-patch, and on LLVM -O3's of whole traces:
the same VM, stencils, traces.
"""

import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import baseline
from bench.baseline.minipy import MINIPY, placed, vm_with
from bench.baseline.split import hot_bytes
from bench.frame.counting import counter, instructions_and_those_in
from bench.frame.measure import interleave, run_process
from bench.frame.progress import tell
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Table, Timing
from bench.frame.symbols import symbol_bytes
from bench.programs import minipy
from bench.programs.jobs import EMPTY, SHORT, Job, full_size, names
from bench.quality.classify import REGISTER_MACHINE, profile, reloads
from bench.quality.executed import InTraces, executed
from bench.quality.hand_written import geometric_mean
from bench.quality.variants import BASELINE, EMITTERS, LLVM, OWN
from bench.quality.ways import SEQUENCES, SLOT_WAYS, build_way, profile_of
from bench.vm.counts import available
from bench.whole_trace import minipy as whole_trace
from bench.whole_trace.server import Server
from stencilgen.config import Config, load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import Build, build

__all__ = ["plain_configuration", "run"]

ROUNDS, REPEATS = 11, 3
TARGETS = (0.75, 0.9, 0.95, 0.92)
"""Hot bytes, all bytes, instructions, time: what single stencils should reach beside copy-and-patch."""

QUICK = ("fannkuch", "mandelbrot", "sieve")
"""Programs of a quick run: those with few micro-ops, since LLVM takes its time."""
NO_FACTS, KNOWING = f"{OWN}, no facts", f"{LLVM}, facts"
OPERANDS = ("d", "a", "b")
JsonTrace = dict[str, Any]
"""A trace as minipy's --traces writes it."""


@dataclass(frozen=True, slots=True)
class _Vm:
    """A VM with its code made in one way. hot: of traces, where they do not say it themselves; units: beside the stencils;
    flags: how it is run; server: who compiles for it, if it does not itself.
    """

    name: str
    path: Path
    hot: Callable[[Sequence[JsonTrace]], int] | None = None
    units: int = 0
    flags: tuple[str, ...] = ()
    server: Server | None = None

    def command(self, job: Job, folder: Path) -> list[str | Path]:
        return [self.path, "--jit=on", *self.flags, minipy.image(job, folder)]


@dataclass(frozen=True, slots=True)
class _Measured:
    """One program in one VM: bytes, instructions, seconds of each round, and the time to emit its traces. running: the
    instructions without those that compiling traces takes.
    """

    micro_ops: int
    hot: int
    total: int
    instructions: int | None
    running: int | None
    times: Sequence[float]
    emission: float

    def ratios(self, other: "_Measured") -> tuple[float | None, ...]:
        executed = self.instructions and other.instructions and self.instructions / other.instructions
        time = statistics.median(a / b for a, b in zip(self.times, other.times, strict=True))
        return self.hot / other.hot, self.total / other.total, executed, time


Results = Mapping[str, Mapping[str, _Measured]]
"""By program, then VM."""


def timing_name(program: str, variant: str) -> str:
    """What pyperf calls a program's times; programs and hand-written traces share some of their own names."""
    return f"quality/{program}/{variant}"


def run(options: Options) -> Report:
    """Measure every program in every VM."""
    chosen = [name for name in names() if options.wants(name)]
    if options.quick:
        chosen = [name for name in chosen if name in QUICK] or chosen[:1]
    if not chosen:
        return Report()
    with tempfile.TemporaryDirectory() as name, whole_trace.serving() as server:
        folder = Path(name)
        vms = _vms(chosen, folder, options, server)
        found = {program: _measure(vms, program, folder, options) for program in chosen}
        rest = (_rest(vms, chosen[: 1 if options.quick else None], folder),) if available() else ()
        differences = [text for program in chosen for text in _differences(vms, program, folder)]
    missing = [one for one in (counter(),) if isinstance(one, NotMeasured)]
    timings = [
        Timing(timing_name(program, variant), tuple(one.times))
        for program, row in found.items()
        for variant, one in row.items()
    ]
    tables = (_table(found), _limit(found), *rest, _steps(found, vms))
    return Report(tables, tuple(timings), differences=tuple(differences), not_measured=tuple(missing))


def plain_configuration() -> Config:
    """minipy's, without any step across micro-ops."""
    return load_config(MINIPY).model_copy(update={"stack": None})


def _vms(programs: Sequence[str], folder: Path, options: Options, server: Server) -> list[_Vm]:
    config = plain_configuration()
    plain = build(config)
    copied = baseline.build(load_config(MINIPY), baseline.FLAVOURS[baseline.BEST])
    hot = hot_bytes(config, baseline.FLAVOURS[baseline.BEST])

    def hot_of(traces: Sequence[JsonTrace]) -> int:
        return sum(hot[op["op"]] for trace in traces for op in trace["ops"])

    compiling = vm_with(whole_trace.header(), whole_trace.SOURCES)
    vms = [
        _Vm(OWN, vm_with(plain.header)),
        _Vm(BASELINE, vm_with(copied.header), hot_of),
        _Vm(LLVM, compiling, flags=("--no-facts",), server=server),
        _Vm(KNOWING, compiling, server=server),
    ]
    vms.append(_Vm(NO_FACTS, vms[0].path, flags=("--no-facts",)))
    ways = () if options.quick else SLOT_WAYS
    profile = _profile(vms[0].path, programs, plain, folder)
    for way in ways:
        tell(f"minipy's stencils, {way.name}")
        built = build_way(config, way, operands=OPERANDS, profile=profile)
        vms.append(_Vm(f"{OWN}, {way.name}", vm_with(built.header), units=len(built.units)))
    return vms


def _profile(vm: Path, programs: Sequence[str], plain: Build, folder: Path) -> str:
    """Of short runs of these programs; each counts alike, its traces by how often they are entered."""
    weighted = []
    for program in programs:
        traces = minipy.traces(vm, Job(program, SHORT[program], 4), folder)
        entries = [max(1, trace["ops"][0]["executed"]) for trace in traces]
        for trace, entered in zip(traces, entries, strict=True):
            ops = [(op["op"], op) for op in trace["ops"]]
            weighted.append((max(1, round(10_000 * entered / sum(entries))), ops))
    return profile_of(weighted, plain, OPERANDS)


def _measure(vms: Sequence[_Vm], program: str, folder: Path, options: Options) -> dict[str, _Measured]:
    tell(f"{program}, in {len(vms)} VMs")
    job = Job(program, full_size(program))  # a short run is mostly start-up
    traces = {vm.name: minipy.traces(vm.path, job, folder, vm.flags) for vm in vms}
    shapes = [[[op["op"] for op in trace["ops"]] for trace in found] for found in traces.values()]
    if any(shape != shapes[0] for shape in shapes):
        raise UserError(f"{program}: the traces are not the same in all VMs")
    tasks = {vm.name: _in_turns(vm, job, folder) for vm in vms}
    times = interleave(tasks, 2 if options.quick else ROUNDS, warmups=1)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # counts, which a busy machine does not change
        repeats = 1 if options.quick else REPEATS
        counts = list(pool.map(lambda vm: _instructions(vm, program, folder, repeats), vms))
    return {
        vm.name: _Measured(
            micro_ops=sum(map(len, shapes[0])),
            hot=vm.hot(traces[vm.name]) if vm.hot else sum(trace["hot_bytes"] for trace in traces[vm.name]),
            total=sum(trace["hot_bytes"] + trace["cold_bytes"] for trace in traces[vm.name]),
            instructions=running if vm.server else executed,  # LLVM's own, in another process, are in neither
            running=running,
            times=times[vm.name],
            emission=_emission(vm, job, folder, 1 if options.quick else 5),
        )
        for vm, (executed, running) in zip(vms, counts, strict=True)
    }


def _in_turns(vm: _Vm, job: Job, folder: Path) -> Callable[[], float]:
    """The time of one run, each with the code in another place."""
    turns = itertools.count()
    return lambda: _seconds(vm, job, folder, next(turns))


def _seconds(vm: _Vm, job: Job, folder: Path, turn: int = 0) -> float:
    ended = run_process(vm.command(job, folder), environment=placed(turn))
    if ended.status:
        raise UserError(f"{vm.name} cannot run {job}:\n{ended.errors}")
    return ended.processor


def _emission(vm: _Vm, job: Job, folder: Path, runs: int) -> float:
    """Nanoseconds per micro-op that emitting or compiling the program's traces takes, each once, in a new process."""
    if vm.server is not None:
        vm.server.answered.clear()
        _seconds(vm, job, folder)
        micro_ops = sum(length for length, _ in vm.server.answered)
        return 1e9 * sum(seconds for _, seconds in vm.server.answered) / micro_ops
    found = [minipy.statistics(vm.path, job, folder, vm.flags) for _ in range(runs)]
    return statistics.median(one["emission_ns"] / max(one["micro_ops_emitted"], 1) for one in found)


def _instructions(vm: _Vm, program: str, folder: Path, repeats: int) -> tuple[int | None, int | None]:
    """Of a short run, without what starting the process takes; and without what compiling traces takes."""
    if isinstance(counter(), NotMeasured):
        return None, None
    jobs = (Job(program, SHORT[program], repeats), EMPTY)
    # a VM for LLVM compiles each trace twice: it lets stencilgen find the facts first
    counts = [instructions_and_those_in(vm.command(job, folder), "sg_compile_trace", "served_find") for job in jobs]
    (counted, compiling), (start, _) = counts
    return counted - start, None if compiling is None else counted - start - compiling


def _differences(vms: Sequence[_Vm], program: str, folder: Path) -> list[str]:
    job = Job(program, SHORT[program])
    expected = run_process([vms[0].path, "--jit=off", minipy.image(job, folder)]).output
    outputs = {vm.name: run_process(vm.command(job, folder)).output for vm in vms}
    return [f"{program}: {name} prints something else" for name, text in outputs.items() if text != expected]


def _means(found: Results, name: str, other: str) -> list[float | None]:
    """Geometric means over the programs of all four ratios."""
    columns = zip(*(row[name].ratios(row[other]) for row in found.values()), strict=True)
    kept = [[value for value in column if value is not None] for column in columns]
    return [geometric_mean(values) if values else None for values in kept]


_RATIOS = tuple(Column(title, format=".3f") for title in ("hot bytes", "all bytes", "instructions", "time"))


def _table(found: Results) -> Table:
    """Program by program, single stencils."""
    rows: list[tuple[Cell, ...]] = [
        (name, row[OWN].micro_ops, row[OWN].hot, row[OWN].total, *row[OWN].ratios(row[BASELINE]))
        for name, row in found.items()
    ]
    rows.append(("geometric mean", None, None, None, *_means(found, OWN, BASELINE)))
    rows.append(("target", None, None, None, *TARGETS))
    columns = (
        Column("program"),
        Column("micro-ops in traces"),
        Column("hot", "bytes", ",d"),
        Column("all", "bytes", ",d"),
        *_RATIOS,
    )
    slower = [name for name, row in found.items() if (row[OWN].ratios(row[BASELINE])[3] or 0) > 1]
    notes = (
        "The last four columns are ratios to copy-and-patch; time is the median of interleaved rounds' ratios, in each of which "
        "code lies elsewhere: what a processor predicts depends on where.",
        "Instructions are those of the whole VM on a short run, its interpreter and callees too.",
        f"Slower than copy-and-patch: {', '.join(slower) or 'none'}.",
    )
    return Table("minipy's programs with single stencils, copy-and-patch = 1", columns, tuple(rows), notes)


def _limit(found: Results) -> Table:
    """Program by program, what LLVM makes of whole traces, beside single stencils."""
    variants = (OWN, LLVM, KNOWING)
    rows: list[tuple[Cell, ...]] = [
        (name, *_side_by_side(row, variants), row[KNOWING].emission / 1e3) for name, row in found.items()
    ]
    means = []
    for column in zip(*(_side_by_side(row, variants) for row in found.values()), strict=True):
        kept = [value for value in column if value is not None]
        means.append(geometric_mean(kept) if kept else None)
    rows.append(("geometric mean", *means, None))
    columns = (
        Column("program"),
        *(Column(f"{ratio.title}, {name}", format=".3f") for ratio in _RATIOS for name in variants),
        Column("compiling", "µs/micro-op", ",.0f"),
    )
    notes = (
        "LLVM gets each trace as one function of the same stencils, holes filled in. Its code lies where stencilgen's would, in "
        "the same VM: entries, exits, links and the interpreter are the same. facts: it is told what stencilgen's micro-ops tell "
        "each other (docs/across-micro-ops.md), else it finds out by itself.",
        "Instructions are those of the whole VM without compiling traces. LLVM does that in another process, for which the VM "
        "waits, and which is not in the time; finding facts is. Hot bytes are those of blocks that the same marks leave hot.",
        "LLVM is not told that slots are reached by one pointer only, as it is of hand-written traces (no alias): it would be "
        "false, since a module's slots are the global variables of its functions.",
    )
    return Table(f"minipy's programs by {LLVM} of whole traces, copy-and-patch = 1", columns, tuple(rows), notes)


def _side_by_side(row: Mapping[str, _Measured], variants: Sequence[str]) -> tuple[float | None, ...]:
    """All four ratios to copy-and-patch, each of all variants; instructions without compiling."""
    found = []
    for name in variants:
        one, base = row[name], row[BASELINE]
        running = one.running and base.running and one.running / base.running
        hot, total, _, time = one.ratios(base)
        found.append((hot, total, running, time))
    return tuple(value for values in zip(*found, strict=True) for value in values)


def _rest(vms: Sequence[_Vm], programs: Sequence[str], folder: Path) -> Table:
    """What the instructions that traces execute are for, and how much of a program they are."""
    tell("what minipy's traces execute")
    noted = [vm for name in (BASELINE, NO_FACTS, OWN, LLVM, KNOWING) for vm in vms if vm.name == name]
    jobs = [Job(program, SHORT[program], REPEATS) for program in programs]
    keys = [(vm, job) for vm in noted for job in (*jobs, EMPTY)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda key: executed(key[0].command(key[1], folder)), keys)
        found = {(vm.name, job): run for (vm, job), run in zip(keys, runs, strict=True)}
    rows: list[tuple[Cell, ...]] = []
    shares = {vm.name: _shares(found, vm.name, jobs) for vm in noted}
    for category in (*REGISTER_MACHINE.categories, _INSIDE, _AGAIN, _OUTSIDE):
        rows.append((category, *(shares[vm.name][category] for vm in noted)))
    columns = (Column("what for"), *(Column(vm.name, format=".1f") for vm in noted))
    notes = (
        "Mean of the programs, weighted by execution, on short runs; all that copy-and-patch's traces execute = 100. Outside: "
        "callees, shared slow paths, interpreter, recording and emission, without what starting the process takes.",
        "Load again: of a slot that the trace has loaded or stored before, with no call between. "
        "Told from registers and widths (bench/quality/classify.py); in LLVM's code a heuristic. Objects: what lies in them, "
        "floats too, and all that LLVM finds by another register than the state's.",
    )
    return Table("What instructions that minipy's traces execute are for", columns, tuple(rows), notes)


_INSIDE, _AGAIN, _OUTSIDE = "all in traces", "of these, slots: load again", "outside of traces"


def _shares(found: Mapping[tuple[str, Job], InTraces], name: str, jobs: Sequence[Job]) -> dict[str, float]:
    """By category, in percent of all that copy-and-patch's traces execute."""
    sums = dict.fromkeys((*REGISTER_MACHINE.categories, _INSIDE, _AGAIN, _OUTSIDE), 0.0)
    for job in jobs:
        one, whole = found[name, job], found[BASELINE, job].inside
        outside = one.outside - found[name, EMPTY].outside
        by_category = profile(one.trace, machine=REGISTER_MACHINE)
        again = reloads(one.trace, REGISTER_MACHINE)
        for category, number in {**by_category, _INSIDE: one.inside, _AGAIN: again, _OUTSIDE: outside}.items():
            sums[category] += 100 * number / whole / len(jobs)
    return sums


def _steps(found: Results, vms: Sequence[_Vm]) -> Table:
    """All programs, step by step, and what each step costs."""
    rows: list[tuple[Cell, ...]] = []
    for vm in vms:
        emission = [row[vm.name].emission for row in found.values()]
        plain = [row[OWN].emission for row in found.values()]
        rows.append(
            (
                vm.name,
                *_means(found, vm.name, BASELINE),
                vm.units,
                None if vm.server else symbol_bytes(vm.path, EMITTERS),
                statistics.fmean(emission),
                geometric_mean(a / b for a, b in zip(emission, plain, strict=True)),
            )
        )
    columns = (
        Column("code by"),
        *_RATIOS,
        Column("units beside stencils", format=",d"),
        Column("emitters", "bytes", ",d"),
        Column("emission", "ns/micro-op", ",.0f"),
        Column(f"emission / {OWN}'s", format=",.2f"),
    )
    notes = (
        f"Geometric means over the programs. N-grams: superstencils of up to N micro-ops, at most {SEQUENCES} unless the row "
        "says otherwise, by a profile of short runs of all programs; by operands: told apart by which of their slots are equal.",
        "Emission is of each trace once, in a new process, with cold caches.",
    )
    return Table("minipy's programs step by step, copy-and-patch = 1", columns, tuple(rows), notes)
