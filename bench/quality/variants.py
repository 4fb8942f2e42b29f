"""The ways in which a hand-written trace becomes machine code, each as a library with the same harness."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bench import baseline, whole_trace
from bench import vm as machine
from bench.baseline.cached import build_cached
from bench.baseline.split import hot_bytes
from bench.frame.report import Options
from bench.frame.symbols import symbol_bytes
from bench.quality.ways import EVERYTHING, SEQUENCES, SINGLE, STACK_WAYS, Way, build_way, profile_of
from bench.vm import Library, Run
from bench.vm.counts import Counted, available, count
from stencilgen.config import StackTable
from stencilgen.pipeline import build
from stencilgen.units.building import CANDIDATES
from stencilgen.units.profile import Trace

__all__ = [
    *("BASELINE", "BEST", "CACHED", "LIMIT", "LLVM", "LLVM_0", "LLVM_FACTS", "OWN", "PEELED", "PEERS"),
    *("Measured", "Variant", "variants"),
]

OWN, BASELINE, CACHED = "stencilgen", "copy-and-patch", "copy-and-patch, caching 3"
FACTS = "facts"
BEST = f"{OWN}, {EVERYTHING.name}, {FACTS}"
LLVM_0, LLVM, LIMIT = "LLVM -O0", "LLVM -O3", "LLVM -O3, no alias"
LLVM_FACTS = f"{LLVM}, {FACTS}"
LIMIT_FACTS = f"{LIMIT}, {FACTS}"
PEELED = "peeled"
"""The first iteration apart from the loop: what that finds out is known in the loop."""
COMPILED: Mapping[str, Mapping[str, Any]] = {
    LLVM_0: {"level": 0},
    LLVM: {"level": 3},
    LLVM_FACTS: {"level": 3, "facts": True},
    LIMIT: {"level": 3, "no_alias": True},
    LIMIT_FACTS: {"level": 3, "no_alias": True, "facts": True},
    f"{LLVM}, {PEELED}": {"level": 3, "peeled": True},
    f"{LIMIT_FACTS}, {PEELED}": {"level": 3, "no_alias": True, "facts": True, "peeled": True},
}
"""LLVM's code of whole traces, and what it is told."""
PEERS = {"CPython 3.14's flags": "O3", "CPython 3.15's flags": "Os", "3.14's, separate stores": "O3-separate"}
"""Further ways of compiling for copy-and-patch, beside the best one."""

STACK = StackTable(pointer="sp", registers=3)
OPERANDS = ("oparg",)
QUICK = ("sieve", "spectral")
"""Workloads of a quick run."""
PLAIN_WAYS, WITH_FACTS = STACK_WAYS, (SINGLE, Way(3), EVERYTHING)
QUICK_WAYS, QUICK_WITH_FACTS = (Way(3), EVERYTHING), (Way(3),)  # fused units with facts take minutes to build
QUICK_CANDIDATES = 40
PEELED_WAYS = (Way(3), EVERYTHING)
"""Ways that are measured with facts, too."""
EMITTERS = r"(emit_|code(\.\d+)?$|sg_(units|steps|rooms|costs|chosen|letter|next|first|ending|heights|fills)$)"
"""Symbols of emit functions and of the tables by which units are chosen."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One trace in one variant. hot, total: bytes; counted: None without valgrind."""

    hot: int
    total: int
    counted: Counted | None


@dataclass(slots=True)
class Variant:
    """name: as in the report, the last word of which may be PEELED; libraries: by workload; hot: of a run's bytes, where the code
    itself does not say; units: emit functions beside the stencils'; build_seconds: beyond plain stencils; compile_seconds: by
    workload, where it is worth telling.
    """

    name: str
    libraries: dict[str, Library]
    hot: Callable[[Run], int] | None = None
    units: int = 0
    build_seconds: float | None = None
    compile_seconds: dict[str, float] = field(default_factory=dict)

    def run(self, workload: str) -> Run:
        return self.libraries[workload].run(self._variation(workload))

    def _variation(self, workload: str) -> str:
        return f"{workload}+{PEELED}" if self.name.endswith(PEELED) else workload

    @property
    def emitter_bytes(self) -> int | None:
        """Machine code and tables that emitting takes; None for a compiler."""
        if self.compile_seconds:
            return None
        return symbol_bytes(next(iter(self.libraries.values())).path, EMITTERS)

    def measure(self, workload: str) -> Measured:
        """Sizes and counts of a workload's trace."""
        run = self.run(workload)
        info = run.info()
        hot = info.hot_size if self.hot is None else self.hot(run)
        counted = count(self.libraries[workload], self._variation(workload), run.iterations) if available() else None
        return Measured(hot, info.hot_size + info.cold_size, counted)


def variants(options: Options) -> dict[str, Variant]:
    """All of them, for the workloads that are asked for."""
    workloads = [name for name in machine.NAMES if options.wants(name)]
    workloads = [name for name in workloads if name in QUICK] if options.quick else workloads
    every = [*_own(workloads, options), *_copied(workloads, options), *_compiled(workloads)]
    return {variant.name: variant for variant in every}


def _own(workloads: list[str], options: Options) -> list[Variant]:
    """Plain stencils, and each step across them: without facts, and those that matter with them."""
    configs = {facts: machine.configuration(facts=facts) for facts in (False, True)}
    plain = build(configs[False])
    vm = machine.load()
    traces = [(1, [(op.name, op.operands) for op in machine.trace(vm, name)]) for name in machine.NAMES]
    profile = profile_of(traces, plain, OPERANDS)
    found = [Variant(OWN, dict.fromkeys(workloads, machine.library(plain.header)))]
    without, with_ = (QUICK_WAYS, QUICK_WITH_FACTS) if options.quick else (PLAIN_WAYS, WITH_FACTS)
    ways = [*((way, False) for way in without), *((way, True) for way in with_)]
    for way, facts in ways:
        from_nothing = not options.quick and way.count == SEQUENCES
        start = time.perf_counter()
        built = build_way(
            configs[facts],
            way,
            stack=STACK.pointer,
            operands=OPERANDS,
            profile=profile,
            candidates=QUICK_CANDIDATES if options.quick else CANDIDATES,
            cache=not from_nothing,
        )
        seconds = time.perf_counter() - start if from_nothing else None
        libraries = dict.fromkeys(workloads, machine.library(built.header))
        name = ", ".join(filter(None, (OWN, way.name, FACTS if facts else "")))
        found.append(Variant(name, libraries, units=len(built.units), build_seconds=seconds))
        if facts and way in PEELED_WAYS:
            found.append(Variant(f"{name}, {PEELED}", libraries, units=len(built.units)))
    return found


def _copied(workloads: list[str], options: Options) -> list[Variant]:
    """Copy-and-patch: the best for it, with the stack in registers as CPython 3.15 has it, and with CPython's flags."""
    config = machine.configuration()
    found = []
    for name, flavour in {BASELINE: baseline.BEST, **({} if options.quick else PEERS)}.items():
        copied = baseline.build(config, baseline.FLAVOURS[flavour])
        library = machine.library(copied.header, flags=["-I", str(copied.include)])
        hot = hot_bytes(config, baseline.FLAVOURS[flavour])
        found.append(Variant(name, dict.fromkeys(workloads, library), _sum_of(hot)))
        if name == BASELINE:
            found.append(Variant(f"{name}, {PEELED}", dict.fromkeys(workloads, library), _sum_of(hot)))
    cached = build_cached(config.model_copy(update={"stack": STACK}), baseline.FLAVOURS[baseline.BEST])
    library = machine.library(cached.copied.header, flags=["-I", str(cached.copied.include)])

    def hot_of_units(run: Run) -> int:
        return sum(cached.hot[unit] for unit in cached.units_of(Trace(tuple(run.ops), (0,))))

    units = len(cached.choices.used) - len(build(config).stencils)
    found.insert(2, Variant(CACHED, dict.fromkeys(workloads, library), hot_of_units, units))
    return found


def _sum_of(hot: dict[str, int]) -> Callable[[Run], int]:
    return lambda run: sum(hot[op] for op in run.ops)


def _compiled(workloads: list[str]) -> list[Variant]:
    """LLVM on the whole trace."""
    vm = machine.load()
    found = []
    for name, told in COMPILED.items():
        compiled = {w: whole_trace.build(vm, w, **told) for w in workloads}
        libraries = {w: one.library for w, one in compiled.items()}
        found.append(Variant(name, libraries, compile_seconds={w: one.seconds for w, one in compiled.items()}))
    return found
