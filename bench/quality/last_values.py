"""What it buys to put off the stores of the instruction pointer (`[last]`).

On bench/vm's traces as they were written, which store it once or twice, and with a store before each micro-op that may call, as
a compiler from bytecode makes them. The same code each time; only `sg_options.last` differs.
"""

from bench import vm as machine
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Table
from bench.vm.counts import available, count
from stencilgen.pipeline import build

__all__ = ["MODES", "run"]

MODES = {"each store by itself": 2, "at once, as short as possible": 1, "put off": 0}
"""sg_last_mode of runtime/include/stencilgen/jit.h"""
_TRACES = {"as written": "", "before each call": "+ip"}


def run(options: Options) -> Report:
    """Bytes of all traces, and instructions of one iteration of each."""
    workloads = [name for name in machine.NAMES if options.wants(name)][: 1 if options.quick else None]
    if not workloads:
        return Report()
    library = machine.library(build(machine.configuration()).header)
    rows: list[tuple[Cell, ...]] = []
    for traces, suffix in _TRACES.items():
        for name, mode in MODES.items():
            runs = {workload: library.run(f"{workload}{suffix}{mode}") for workload in workloads}
            stores = sum(run.ops.count("SET_IP") for run in runs.values())
            infos = [run.info() for run in runs.values()]
            executed = None
            if available():
                counted = (count(library, f"{w}{suffix}{mode}", run.iterations) for w, run in runs.items())
                executed = sum(one.own for one in counted)
            sizes = sum(info.hot_size for info in infos), sum(info.cold_size for info in infos)
            rows.append((traces, stores, name, *sizes, executed))
    columns = (
        Column("stores"),
        Column("of them", format=",d"),
        Column("made"),
        Column("hot", "bytes", ",d"),
        Column("cold", "bytes", ",d"),
        Column("executed", "instructions", ",.0f"),
    )
    missing = () if available() else (NotMeasured("instructions executed", "valgrind is not installed"),)
    return Report((Table("Stores of the instruction pointer", columns, tuple(rows)),), not_measured=missing)
