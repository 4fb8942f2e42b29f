"""Emission: how fast do micro-ops become machine code, beside copy-and-patch, DynASM, LLVM and encoders of instructions?

    hot        one stencil again and again
    shuffled   300 and 1,000 stencils in random order: bound by how much code the emitter itself is
    minipy     the traces that minipy's programs have

All emit the same micro-ops, in one process, in turns. direct and DynASM make the same instructions; copy-and-patch and
LLVM make their own of the same C. For each the whole way from a list of micro-ops to code that could run is timed:
measuring, finding room (or mapping pages), emitting and freeing for direct and copy-and-patch, put, link and encode for
DynASM.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from bench import baseline
from bench.emission import vms
from bench.emission.encoders import Iced, Keystone
from bench.emission.library import Peer, direct, through_dynasm
from bench.emission.llvm import Llvm
from bench.emission.vms import MINIPY, Trace, Vm
from bench.frame.measure import interleave
from bench.frame.report import Cell, Column, NotMeasured, Options, Plot, Report, Series, Spread, Table, Timing
from dasc import DynasmError
from stencilgen.config import load_config
from stencilgen.errors import UserError

__all__ = ["run"]

LENGTHS = (10, 100, 1_000, 10_000)
SMALLEST = 300
"""Stencils of the smaller VM from templates."""
KINDS = ("LOAD_0", "ADD_1", "GUARD_2", "INDEX_3", "LOG_4", "SELECT_5", "SPILL_6")
"""One stencil of each kind that the templates have."""
COPIED = {"copy-and-patch": baseline.BEST, "copy-and-patch, movabs": "O3"}
"""The one with the best code, and CPython 3.14's: larger code, but nothing to decide when it is patched."""
PAGED = "copy-and-patch, paged"
"""The latter, each trace in pages of its own (`baseline.PAGES`)."""
FAST, SLOW = ("direct", *COPIED, PAGED, "DynASM"), ("LLVM -O0", "iced-x86", "Keystone")


@dataclass(frozen=True, slots=True)
class Workload:
    """Micro-ops, cut into traces."""

    name: str
    trace: Trace
    lengths: tuple[int, ...]

    @property
    def length(self) -> str:
        return f"{self.lengths[0]:,}" if len(set(self.lengths)) == 1 else f"{min(self.lengths)}-{max(self.lengths)}"


@dataclass(frozen=True, slots=True)
class Samples:
    """seconds: of one peer for all micro-ops, a value for each round. size: bytes of code."""

    seconds: list[float]
    size: int
    ops: int

    @property
    def nanoseconds(self) -> Spread:
        return Spread.of(value / self.ops * 1e9 for value in self.seconds)

    @property
    def rate(self) -> Spread:
        return Spread.of(self.size / value / 1e6 for value in self.seconds)


def run(options: Options) -> Report:
    """Nanoseconds per micro-op and MB/s of each peer, and how large the emitters are."""
    missing = [
        NotMeasured(
            "AsmJit", "there is no Python package of it; iced-x86 and Keystone stand for encoders of instructions"
        )
    ]
    results: dict[tuple[str, str, str], Samples] = {}
    sizes: list[tuple[Cell, ...]] = []
    versions: dict[str, str] = {}
    for vm in _machines(options):
        peers = _peers(vm, missing)
        sizes += _sizes(vm, peers)
        opcodes = peers["direct"].opcodes()
        for workload in _workloads(vm, options):
            if options.wants(workload.name):
                found = _fast(workload, vm, peers, opcodes, options)
                found |= _slow(workload, vm, peers["direct"], opcodes, options, missing)
                results |= {(workload.name, workload.length, peer): samples for peer, samples in found.items()}
    return Report(
        (_times(results), _rates(results), _size_table(sizes)),
        tuple(
            Timing(f"emission/{name}/{length}/{peer}", tuple(value / samples.ops for value in samples.seconds))
            for (name, length, peer), samples in results.items()
        ),
        tuple(_plots(results)),
        tuple({str(line): line for line in missing}.values()),
        _NOTES,
        versions=versions,
    )


_NOTES = (
    "copy-and-patch: the flags that make the best code, whose loads from the offset table are relaxed while patching; movabs: "
    "CPython 3.14's flags; paged: these, with mmap, mprotect and munmap and an offset table for each trace, as CPython has it. "
    "The others keep traces where stencilgen's runtime does.",
    "Facts that micro-ops tell each other are left out, for DynASM has none; `quality` has emission with them.",
    "LLVM: functions ready as IR in memory; parsing and optimising come on top.",
    "iced-x86 and Keystone encode the instructions of the hot code, which somebody has chosen before; Keystone reads text.",
)


# ---- What is emitted ----


def _machines(options: Options) -> Iterator[Vm]:
    yield vms.template(SMALLEST if not options.quick else SMALLEST // 5)
    if not options.quick:
        yield vms.template(1000)
    yield vms.minipy()


def _workloads(vm: Vm, options: Options) -> Iterator[Workload]:
    """Each as often as makes 10,000 micro-ops or more, so that a sample takes long enough to be timed."""
    total = 1_000 if options.quick else 10_000
    lengths = [length for length in LENGTHS if length <= total]
    if vm.name == "minipy":
        programs = sorted((MINIPY / "programs").glob("*.py"))
        traces = vms.minipy_traces([path for path in programs if path.stem == "nbody" or not options.quick])
        ops = tuple(op for trace in traces for op in trace.ops)
        yield Workload("minipy", Trace(ops), tuple(len(trace.ops) for trace in traces))
        return
    count = len(vm.built.stencils)
    trace = vms.shuffled(vm, total, options.seed)
    for length in lengths:
        yield Workload(f"shuffled {count:,}", trace, (length,) * (total // length))
    if count <= SMALLEST:
        for length in lengths:
            yield Workload("hot ADD_1", vms.of_one("ADD_1", total, options.seed), (length,) * (total // length))
        for kind in KINDS:
            if kind != "ADD_1":
                yield Workload(f"hot {kind}", vms.of_one(kind, total, options.seed), (1_000,) * (total // 1_000))


# ---- Who emits ----


def _peers(vm: Vm, missing: list[NotMeasured]) -> dict[str, Peer]:
    peers = {"direct": direct(vm)}
    config = load_config(MINIPY if vm.name == "minipy" else vms.BUILD / vm.name)
    for name, flavour in COPIED.items():
        copied = baseline.build(config, baseline.FLAVOURS[flavour])
        peers[name] = direct(vm, name, copied.header, [copied.include])
        if flavour == "O3":
            try:
                peers[PAGED] = direct(vm, PAGED, baseline.paged(copied), [copied.include], runtime=[baseline.PAGES])
            except (OSError, UserError) as error:  # it has a runtime of its own, which can lag behind
                missing.append(NotMeasured(PAGED, str(error).splitlines()[0]))
    try:
        peers["DynASM"] = through_dynasm(vm, "dynasm")
    except DynasmError as error:
        cause, _, remedy = str(error).partition("\n  → ")
        missing.append(NotMeasured("DynASM", cause, remedy))
    return peers


def _fast(
    workload: Workload, vm: Vm, peers: Mapping[str, Peer], opcodes: Mapping[str, int], options: Options
) -> dict[str, Samples]:
    instructions = workload.trace.instructions(vm, opcodes)
    ops = len(workload.trace.ops)
    sizes: dict[str, int] = {}

    def measured(peer: Peer) -> Callable[[], float]:
        repeats = 1 if options.quick else max(1, 20_000 // ops)

        def measure() -> float:
            seconds, size = peer.measure(instructions, workload.lengths, repeats)
            sizes[peer.name] = size // repeats
            return seconds / repeats

        return measure

    contenders = {name: measured(peer) for name, peer in peers.items()}
    times = interleave(contenders, 3 if options.quick else 31, warmups=2)
    return {name: Samples(seconds, sizes[peers[name].name], ops) for name, seconds in times.items()}


def _slow(
    workload: Workload,
    vm: Vm,
    peer: Peer,
    opcodes: Mapping[str, int],
    options: Options,
    missing: list[NotMeasured],
) -> dict[str, Samples]:
    """Peers so slow that a trace of 100 micro-ops says enough; their cost per micro-op does not fall with more of them."""
    if set(workload.lengths) != {100} and (vm.name != "minipy"):
        return {}
    length = 100 if vm.name != "minipy" else Random(options.seed).choice(workload.lengths)
    start = 0 if vm.name != "minipy" else sum(workload.lengths[: workload.lengths.index(length)])
    part = Trace(workload.trace.ops[start : start + length])
    emitted = peer.emit(part.instructions(vm, opcodes))
    llvm, iced = Llvm(vm, peer), Iced()
    contenders: dict[str, Callable[[], float]] = {
        llvm.name: lambda: llvm.measure(part),
        iced.name: lambda: iced.measure(emitted),
    }
    if Keystone.is_here():
        keystone = Keystone()
        contenders[keystone.name] = lambda: keystone.measure(emitted)
    else:
        missing.append(NotMeasured("Keystone", "it is not installed", "pip install keystone-engine"))
    times = interleave(contenders, 1 if options.quick else 5)
    return {name: Samples(seconds, len(emitted.hot), length) for name, seconds in times.items()}


# ---- What is shown ----


def _cases(results: Mapping[tuple[str, str, str], Samples]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((name, length) for name, length, _ in results))


def _times(results: Mapping[tuple[str, str, str], Samples]) -> Table:
    rows = []
    for name, length in _cases(results):
        spreads = {
            peer: results[name, length, peer].nanoseconds for peer in (*FAST, *SLOW) if (name, length, peer) in results
        }
        ours = spreads["direct"].median
        dynasm, *copied = (spreads[peer].median if peer in spreads else None for peer in ("DynASM", *COPIED))
        ratios = (dynasm / ours if dynasm else None, *(ours / other if other else None for other in copied))
        rows.append(
            (name, length, *(spreads.get(peer) for peer in FAST), *ratios, *(spreads.get(peer) for peer in SLOW))
        )
    columns = (
        Column("micro-ops"),
        Column("trace length"),
        *(Column(peer, "ns", ".1f") for peer in FAST),
        Column("DynASM / direct", format=".1f"),
        *(Column(f"direct / {peer}", format=".2f") for peer in COPIED),
        *(Column(peer, "ns", ",.0f") for peer in SLOW),
    )
    return Table("emission, nanoseconds per micro-op", columns, tuple(rows))


def _rates(results: Mapping[tuple[str, str, str], Samples]) -> Table:
    rows = tuple(
        (
            name,
            length,
            *(results[name, length, peer].rate if (name, length, peer) in results else None for peer in FAST),
        )
        for name, length in _cases(results)
    )
    columns = (Column("micro-ops"), Column("trace length"), *(Column(peer, "MB/s", ",.0f") for peer in FAST))
    return Table("emission, machine code per second", columns, rows)


def _sizes(vm: Vm, peers: Mapping[str, Peer]) -> Iterator[tuple[Cell, ...]]:
    count = len(vm.built.stencils)
    for name, peer in peers.items():
        sizes = peer.sizes()
        if sizes is not None:
            yield (vm.name, name, sizes.stencils / count, sizes.stencils, sizes.shared, peer.spelt)


def _size_table(rows: Sequence[tuple[Cell, ...]]) -> Table:
    columns = (
        Column("VM"),
        Column("emitter"),
        Column("per stencil", "bytes", ".0f"),
        Column("all stencils", "bytes", ",d"),
        Column("shared", "bytes", ",d"),
        Column("instructions as .byte", format=",d"),
    )
    return Table("size of the emitters: code, and templates or action lists", columns, tuple(rows))


def _plots(results: Mapping[tuple[str, str, str], Samples]) -> Iterator[Plot]:
    """One picture of one stencil again and again, one of the most different ones."""
    shuffled = [name for name, _, _ in results if "shuffled" in name]
    for file, name in (("emission-hot", "hot ADD_1"), ("emission-shuffled", shuffled[-1] if shuffled else "")):
        series = []
        for peer in FAST:
            found = [
                (float(length.replace(",", "")), samples.nanoseconds.median)
                for (other, length, by), samples in results.items()
                if (other, by) == (name, peer)
            ]
            if found:
                series.append(Series(peer, tuple(x for x, _ in found), tuple(y for _, y in found)))
        if series:
            yield Plot(
                file, f"Emission: {name}", "micro-ops in a trace", "ns per micro-op", tuple(series), "lines", "xy"
            )
