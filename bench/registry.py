"""The benchmarks, in the order of the report. To add one: a module with `run(options) -> Report`, and a line here."""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import cast

from bench.frame.report import NotMeasured, Options, Report

__all__ = ["BENCHMARKS", "Benchmark"]


@dataclass(frozen=True, slots=True)
class Benchmark:
    name: str  # also of its module, bench.NAME
    line: str  # what it answers

    def run(self, options: Options) -> Report:
        """Measure. The module is imported only now: no benchmark has to be importable for another to run."""
        if importlib.util.find_spec(f"bench.{self.name}") is None:
            return Report(not_measured=(NotMeasured(self.name, "it is not built yet"),))
        return cast(Report, importlib.import_module(f"bench.{self.name}").run(options))


BENCHMARKS = {
    name: Benchmark(name, line)
    for name, line in {
        "programs": "How fast do whole programs run, beside interpreters and other JITs?",
        "quality": "How good is the machine code, beside copy-and-patch and LLVM?",
        "emission": "How fast do micro-ops become machine code, beside copy-and-patch, DynASM and LLVM?",
        "size": "How many bytes is a micro-op, hot and cold, by stencil and by trace?",
        "memory": "What does a trace cost in memory, system calls and allocations?",
        "build": "How long does building take: from nothing, one stencil touched, nothing changed?",
        "startup": "What does the Python API cost at the start?",
        "encoder": "The assembler by itself: is it right, and how fast, beside iced-x86, GNU as and LLVM?",
    }.items()
}
