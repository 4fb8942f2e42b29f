"""The ways in which a hand-written trace becomes machine code, each as a library with the same harness."""

from dataclasses import dataclass, field

from bench import baseline, whole_trace
from bench import vm as machine
from bench.baseline.split import hot_bytes
from bench.frame.report import Options
from bench.vm import Library, Run
from bench.vm.counts import Counted, available, count
from stencilgen.pipeline import build

__all__ = ["BASELINE", "LIMIT", "LLVM", "LLVM_0", "OWN", "PEERS", "Measured", "Variant", "variants"]

OWN, BASELINE = "stencilgen", "copy-and-patch"
LLVM_0, LLVM, LIMIT = "LLVM -O0", "LLVM -O3", "LLVM -O3, no alias"
PEERS = {"CPython 3.14's flags": "O3", "CPython 3.15's flags": "Os", "3.14's, separate stores": "O3-separate"}
"""Further ways of compiling for copy-and-patch, beside the best one."""


QUICK = ("sieve", "spectral")
"""Workloads of a quick run."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One trace in one variant. hot, total: bytes; counted: None without valgrind."""

    hot: int
    total: int
    counted: Counted | None


@dataclass(slots=True)
class Variant:
    """name: as in the report; libraries: by workload; compile_seconds: by workload, where it is worth telling."""

    name: str
    libraries: dict[str, Library]
    hot: dict[str, int] | None = None
    compile_seconds: dict[str, float] = field(default_factory=dict)

    def run(self, workload: str) -> Run:
        return self.libraries[workload].run(workload)

    def measure(self, workload: str) -> Measured:
        """Sizes and counts of a workload's trace."""
        run = self.run(workload)
        info = run.info()
        hot = info.hot_size if self.hot is None else sum(self.hot[op] for op in run.ops)
        counted = count(self.libraries[workload], workload, run.iterations) if available() else None
        return Measured(hot, info.hot_size + info.cold_size, counted)


def variants(options: Options) -> dict[str, Variant]:
    """All of them, for the workloads that are asked for."""
    config = machine.configuration()
    workloads = [name for name in machine.NAMES if options.wants(name)]
    workloads = [name for name in workloads if name in QUICK] if options.quick else workloads
    own = machine.library(build(config).header)
    found = {OWN: Variant(OWN, dict.fromkeys(workloads, own))}
    for name, flavour in {BASELINE: baseline.BEST, **({} if options.quick else PEERS)}.items():
        copied = baseline.build(config, baseline.FLAVOURS[flavour])
        library = machine.library(copied.header, flags=["-I", str(copied.include)])
        hot = hot_bytes(config, baseline.FLAVOURS[flavour])
        found[name] = Variant(name, dict.fromkeys(workloads, library), hot)
    vm = machine.load()
    for name, level, no_alias in ((LLVM_0, 0, False), (LLVM, 3, False), (LIMIT, 3, True)):
        compiled = {w: whole_trace.build(vm, w, level=level, no_alias=no_alias) for w in workloads}
        libraries = {w: one.library for w, one in compiled.items()}
        found[name] = Variant(name, libraries, None, {w: one.seconds for w, one in compiled.items()})
    return found
