"""What each rule and each pass buys: the same traces with one thing switched off at a time.

Only the code generator is changed, in this process: the traces, and what they do, stay the same.
"""

import contextlib
import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

from bench import vm as machine
from bench.baseline.minipy import MINIPY, vm_with
from bench.frame.counting import counter, instructions
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Table
from bench.programs import minipy
from bench.programs.jobs import SHORT, Job, names
from bench.vm.counts import available, count
from llvm_passes.codegen import CompiledFunction, CompileOptions, compile_functions
from llvm_passes.module import Module
from stencilgen import pipeline
from stencilgen.config import Config, load_config
from stencilgen.peephole import driver

__all__ = ["run"]

Switch = Callable[[Config], contextlib.AbstractContextManager[Config]]
"""Within it the configuration that it gives is built with something switched off."""
Figures = tuple[int, int, float | None]
"""Hot bytes, all bytes, instructions."""

COUNTED = ("chaos", "sieve")
"""The programs whose instructions are counted, each on a short run: callgrind takes its time."""


def run(options: Options) -> Report:
    """Bytes and instructions, more than with everything on; by rule only when there is time."""
    rules = [*(rule.name for rule in driver.RULES), *(rule.name for rule in driver.VALUE_RULES)]
    coarse: dict[str, Switch] = {
        "all peephole rules": functools.partial(_without, frozenset(rules)),
        "versions": lambda config: contextlib.nullcontext(_one_version(config)),
    }
    fine: dict[str, Switch] = {f"rule {rule}": functools.partial(_without, frozenset({rule})) for rule in rules}
    switches = {**coarse, **({} if options.quick else fine)}
    workloads = [name for name in machine.NAMES if options.wants(name)][: 1 if options.quick else None]
    programs = [name for name in names() if options.wants(name)]
    tables = []
    if workloads:
        tables.append(_table("hand-written traces", switches, functools.partial(_workloads, workloads)))
    if programs and not options.quick:
        with tempfile.TemporaryDirectory() as folder:
            tables.append(_table("minipy's programs", switches, functools.partial(_programs, programs, Path(folder))))
    missing = (
        NotMeasured("ablation of folding", "a hole that is not folded has no other way into the code"),
        NotMeasured("ablation of hot/cold", "the runtime has no layout in which cold code stays where it is"),
    )
    return Report(tables=tuple(tables), not_measured=missing)


def _table(what: str, switches: Mapping[str, Switch], measure: Callable[[Switch], Figures]) -> Table:
    whole = measure(contextlib.nullcontext)
    more: dict[str, list[Cell]] = {}
    for name, switch in switches.items():
        cells = zip(measure(switch), whole, strict=True)
        more[name] = [None if a is None or b is None else a - b for a, b in cells]
    order = sorted(more, key=lambda name: (name.startswith("rule"), -_number(more[name][0])))
    columns = (
        Column("without"),
        Column("hot", "bytes", "+,d"),
        Column("all", "bytes", "+,d"),
        Column("executed", "instructions", "+,.0f"),
    )
    executed = "" if whole[2] is None else f", {whole[2]:,.0f} instructions"
    notes = (f"With everything: {whole[0]:,} bytes hot, {whole[1]:,} in all{executed}.",)
    return Table(f"What rules and passes buy: {what}", columns, tuple((name, *more[name]) for name in order), notes)


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, int | float) else 0


def _header(config: Config, switch: Switch) -> str:
    """Generated with something switched off. What LLVM made before is not made again: rules come after it."""
    with patch("stencilgen.pipeline.compile_functions", _compiled), switch(config) as changed:
        return pipeline.build(changed, jobs=1, cache=False).header


_known: dict[str, dict[str, CompiledFunction]] = {}


def _compiled(module: Module, wanted: Sequence[str], options: CompileOptions, jobs: int) -> dict[str, CompiledFunction]:
    key = repr((sorted(module.functions.items()), sorted(module.attributes.items()), tuple(wanted), options))
    if key not in _known:
        _known[key] = compile_functions(module, wanted, options, jobs)
    return _known[key]


def _workloads(workloads: Sequence[str], switch: Switch) -> Figures:
    """One iteration of each hand-written trace."""
    library = machine.library(_header(machine.configuration(), switch))
    hot = total = 0
    executed = 0.0
    for workload in workloads:
        run = library.run(workload)
        info = run.info()
        hot += info.hot_size
        total += info.hot_size + info.cold_size
        if available():
            executed += count(library, workload, run.iterations).own
    return hot, total, executed if available() else None


def _programs(programs: Sequence[str], folder: Path, switch: Switch) -> Figures:
    """All traces of all programs; instructions of some."""
    vm = vm_with(_header(load_config(MINIPY), switch))
    traces = [trace for name in programs for trace in minipy.traces(vm, Job(name, SHORT[name]), folder)]
    hot = sum(trace["hot_bytes"] for trace in traces)
    counted = [Job(name, SHORT[name]) for name in COUNTED if name in programs]
    executed = None
    if not isinstance(counter(), NotMeasured):
        executed = sum(instructions([vm, "--jit=on", minipy.image(job, folder)])[0] for job in counted)
    return hot, hot + sum(trace["cold_bytes"] for trace in traces), executed


def _one_version(config: Config) -> Config:
    return config.model_copy(update={"versions": config.versions.model_copy(update={"limit": 1})})


@contextlib.contextmanager
def _without(names: frozenset[str], config: Config) -> Iterator[Config]:
    rules = [rule for rule in driver.RULES if rule.name not in names]
    values = [rule for rule in driver.VALUE_RULES if rule.name not in names]
    with patch("stencilgen.lowering.optimize", functools.partial(driver.optimize, rules=rules, value_rules=values)):
        yield config
