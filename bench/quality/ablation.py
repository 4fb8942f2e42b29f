"""What each rule and each pass buys: the hand-written traces with one thing switched off at a time."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from bench import vm as machine
from bench.frame.report import Column, NotMeasured, Options, Report, Table
from bench.vm.counts import available, count
from llvm_passes.codegen import CompileOptions
from stencilgen.peephole import driver
from stencilgen.pipeline import build

__all__ = ["run"]

Switch = Callable[[], contextlib.AbstractContextManager[Any]]


def run(options: Options) -> Report:
    """Bytes and instructions over all workloads, more than with everything on."""
    workloads = [name for name in machine.NAMES if options.wants(name)][: 1 if options.quick else None]
    names = [*(rule.name for rule in driver.RULES), *(rule.name for rule in driver.VALUE_RULES)]
    switches: dict[str, Switch] = {
        "all peephole rules": functools.partial(_without, frozenset(names)),
        "versions": _without_versions,
    }
    if not options.quick:
        switches |= {f"rule {name}": functools.partial(_without, frozenset({name})) for name in names}
    whole = _measure(contextlib.nullcontext, workloads)
    more: dict[str, list[float | None]] = {}
    for name, switch in switches.items():
        cells = zip(_measure(switch, workloads), whole, strict=True)
        more[name] = [None if a is None or b is None else a - b for a, b in cells]
    order = sorted(more, key=lambda name: (name.startswith("rule"), -(more[name][0] or 0)))
    columns = (
        Column("without"),
        Column("hot", "bytes", "+,d"),
        Column("all", "bytes", "+,d"),
        Column("executed", "instructions", "+,.1f"),
    )
    executed = "" if whole[2] is None else f", {whole[2]:,.0f} instructions an iteration"
    notes = (
        f"With everything: {whole[0]:,} bytes hot, {whole[1]:,} in all{executed}; summed over {', '.join(workloads)}.",
    )
    missing = (
        NotMeasured("ablation of folding", "a hole that is not folded has no other way into the code"),
        NotMeasured("ablation of hot/cold", "the runtime has no layout in which cold code stays where it is"),
    )
    return Report(
        tables=(Table("What rules and passes buy", columns, tuple((name, *more[name]) for name in order), notes),),
        not_measured=missing,
    )


def _measure(switch: Switch, workloads: list[str]) -> tuple[int, int, float | None]:
    with switch():
        library = machine.library(build(machine.configuration(), jobs=1, cache=False).header)
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


@contextlib.contextmanager
def _without(names: frozenset[str]) -> Iterator[None]:
    rules = [rule for rule in driver.RULES if rule.name not in names]
    values = [rule for rule in driver.VALUE_RULES if rule.name not in names]
    with patch("stencilgen.lowering.optimize", functools.partial(driver.optimize, rules=rules, value_rules=values)):
        yield


def _without_versions() -> contextlib.AbstractContextManager[Any]:
    return patch("stencilgen.pipeline.CompileOptions", functools.partial(CompileOptions, version_limit=1))
