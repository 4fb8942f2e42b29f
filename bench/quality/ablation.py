"""What each rule and each pass buys: the same traces with one thing switched off at a time.

Only the code generator is changed, in this process: the traces, and what they do, stay the same.
"""

import contextlib
import functools
import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import vm as machine
from bench.baseline.minipy import vm_with
from bench.frame.counting import counter, instructions
from bench.frame.report import Cell, Column, NotMeasured, Options, Report, Table
from bench.programs import minipy
from bench.programs.jobs import SHORT, Job, names
from bench.quality.programs import plain_configuration
from bench.vm.counts import available, count
from dasc.compiler.select import _Selection as Selection
from llvm_passes.codegen import CompiledFunction, CompileOptions, compile_functions
from llvm_passes.module import Module
from stencilgen import pipeline
from stencilgen.config import Config
from stencilgen.emit.header import HeaderContent, render_header
from stencilgen.errors import UserError
from stencilgen.peephole import driver
from x86_64 import Encoding, Symbolic

__all__ = ["SWITCHES", "header", "run"]

Switch = Callable[[Config], contextlib.AbstractContextManager[Config]]
"""Within it the configuration that it gives is built with something switched off."""
Figures = tuple[int, int, float | None]
"""Hot bytes, all bytes, instructions."""

COUNTED = ("chaos", "nbody", "richards", "sieve")
"""The programs whose instructions are counted, each on a short run."""

PASSES = {
    "versions": "code for values of 0, small ones and so on",
    "folding": "what is computed from holes is computed by the emit function",
    "hot/cold": "rare code goes apart",
    "shared slow paths": "rare code that micro-ops have in common is called",
    "frame": "one frame for the whole trace",
    "direct calls": "of functions in reach",
    "short constants": "not always a movabs",
    "short operands": "immediates and displacements of the fewest bytes",
    "last values": "stores of where the program is are put off",
    "facts": "what micro-ops have found out of values is not tested again",
}
"""What is switched off beside peephole rules, and what it does."""


def run(options: Options) -> Report:
    """Bytes and instructions, more than with everything on; by rule only when there is time."""
    rules = [*(rule.name for rule in driver.RULES), *(rule.name for rule in driver.VALUE_RULES)]
    switches: dict[str, Switch] = {"all peephole rules": functools.partial(_without, frozenset(rules)), **SWITCHES}
    if not options.quick:
        switches |= {f"rule {rule}": functools.partial(_without, frozenset({rule})) for rule in rules}
    workloads = [name for name in machine.NAMES if options.wants(name)][: 1 if options.quick else None]
    programs = [name for name in names() if options.wants(name)]
    tables = []
    if workloads:
        tables.append(_table("hand-written traces", switches, functools.partial(_workloads, workloads)))
    if programs and not options.quick:
        with tempfile.TemporaryDirectory() as folder:
            tables.append(_table("minipy's programs", switches, functools.partial(_programs, programs, Path(folder))))
    return Report(tables=tuple(tables))


def _table(what: str, switches: Mapping[str, Switch], measure: Callable[[Switch], Figures]) -> Table:
    whole = measure(contextlib.nullcontext)
    more: dict[str, list[Cell]] = {}
    failed: list[str] = []
    # in children, since what is switched off is the process's; they have what LLVM made for the whole from their parent
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("fork")) as pool:
        tries = pool.map(functools.partial(_tried, measure), switches.values())
        for name, figures in zip(switches, tries, strict=True):
            if isinstance(figures, str):
                failed.append(f"Not without {name}: {figures}")
            else:
                more[name] = [None if a is None or b is None else a - b for a, b in zip(figures, whole, strict=True)]
    order = sorted(more, key=lambda name: (name.startswith("rule"), -_number(more[name][0])))
    columns = (
        Column("without"),
        Column("hot", "bytes", "+,d"),
        Column("all", "bytes", "+,d"),
        Column("executed", "instructions", "+,.0f"),
    )
    executed = "" if whole[2] is None else f", {whole[2]:,.0f} instructions"
    notes = (
        f"With everything: {whole[0]:,} bytes hot, {whole[1]:,} in all{executed}.",
        f"{'; '.join(f'{name}: {what}' for name, what in PASSES.items())}.",
        *failed,
    )
    return Table(f"What rules and passes buy: {what}", columns, tuple((name, *more[name]) for name in order), notes)


def _tried(measure: Callable[[Switch], Figures], switch: Switch) -> Figures | str:
    """The figures; or why these stencils cannot be built so."""
    try:
        return measure(switch)
    except UserError as error:
        return str(error).splitlines()[0]


def _number(cell: Cell) -> float:
    return cell if isinstance(cell, int | float) else 0


def header(config: Config, switch: Switch) -> str:
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
    library = machine.library(header(machine.configuration(), switch))
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
    vm = vm_with(header(plain_configuration(), switch))
    tasks: list[Callable[[], Any]] = [
        functools.partial(minipy.traces, vm, Job(name, SHORT[name]), folder) for name in programs
    ]
    counted = [Job(name, SHORT[name]) for name in COUNTED if name in programs]
    if isinstance(switch, functools.partial) and switch.func is _without and len(switch.args[0]) == 1:
        counted = []  # of a single rule bytes say enough
    if counted and not isinstance(counter(), NotMeasured):
        tasks += [functools.partial(instructions, [vm, "--jit=on", minipy.image(job, folder)]) for job in counted]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # sizes and counts: a busy machine does not change them
        found = list(pool.map(lambda task: task(), tasks))
    traces = [trace for one in found[: len(programs)] for trace in one]
    hot = sum(trace["hot_bytes"] for trace in traces)
    executed = sum(count for count, _ in found[len(programs) :]) if len(found) > len(programs) else None
    return hot, hot + sum(trace["cold_bytes"] for trace in traces), executed


# ---- What can be switched off ----


@contextlib.contextmanager
def _without(names: frozenset[str], config: Config) -> Iterator[Config]:
    """Without these peephole rules."""
    rules = [rule for rule in driver.RULES if rule.name not in names]
    values = [rule for rule in driver.VALUE_RULES if rule.name not in names]
    with patch("stencilgen.lowering.optimize", functools.partial(driver.optimize, rules=rules, value_rules=values)):
        yield config


def _stored_at_once(config: Config) -> contextlib.AbstractContextManager[Config]:
    return contextlib.nullcontext(config.model_copy(update={"last": {}}))


def _no_facts(config: Config) -> contextlib.nullcontext[Config]:
    flags = [*config.stencils.flags, "-DSG_NO_FACTS"]
    stencils = config.stencils.model_copy(update={"flags": flags})
    return contextlib.nullcontext(config.model_copy(update={"stencils": stencils}))


def _one_version(config: Config) -> contextlib.nullcontext[Config]:
    limited = config.versions.model_copy(update={"limit": 1})
    return contextlib.nullcontext(config.model_copy(update={"versions": limited}))


def _less_code(part: str, config: Config) -> contextlib.nullcontext[Config]:
    """Without a part of the code generator that the configuration can leave out."""
    code = config.code.model_copy(update={part: False})
    return contextlib.nullcontext(config.model_copy(update={"code": code}))


@contextlib.contextmanager
def _own_frames(config: Config) -> Iterator[Config]:
    """Every stencil makes its frame and drops it, as LLVM has it."""
    with patch("stencilgen.lowering.strip_frame", lambda code, **_: code):
        yield config


@contextlib.contextmanager
def _replaced(name: str, function: str, config: Config) -> Iterator[Config]:
    """With another helper of emit functions in a helper's place."""

    def rendered(config: Config, content: HeaderContent) -> str:
        before, include, after = render_header(config, content).partition("#include <stencilgen/jit.h>\n")
        return f"{before}{include}{function}#define {name} ablated_{name}\n{after}"

    with patch("stencilgen.pipeline.render_header", rendered):
        yield config


_CALL_THROUGH_SLOT = """\
static inline uint8_t *ablated_sg_call(sg_assembler *as, uint8_t *p, uintptr_t address)
{
    return sg_far_branch(as, p, address, 0xE8);
}
"""
_MOVABS = """\
static inline uint8_t *ablated_sg_load(const sg_assembler *as, uint8_t *p, unsigned reg, uint64_t value, bool flags_dead)
{
    (void)as;
    (void)flags_dead;
    sg_put16(p, (uint16_t)(0xB848 | reg >> 3 | (reg & 7) << 8));
    sg_put64(p + 2, value);
    return p + 10;
}
"""


@contextlib.contextmanager
def _widest(config: Config) -> Iterator[Config]:
    """Of an instruction's encodings with a JIT-time field only the one that holds all values."""
    every = Selection.encodings

    def widest(selection: Selection) -> list[Encoding]:
        encodings = every(selection)
        symbolic = any(isinstance(field.operand, Symbolic) for encoding in encodings for field in encoding.fields)
        return encodings[-1:] if symbolic else encodings

    with patch.object(Selection, "encodings", widest):
        yield config


SWITCHES: Mapping[str, Switch] = {
    "versions": _one_version,
    "folding": functools.partial(_less_code, "fold"),
    "hot/cold": functools.partial(_less_code, "split"),
    "shared slow paths": functools.partial(_less_code, "share"),
    "frame": _own_frames,
    "direct calls": functools.partial(_replaced, "sg_call", _CALL_THROUGH_SLOT),
    "short constants": functools.partial(_replaced, "sg_load", _MOVABS),
    "short operands": _widest,
    "last values": _stored_at_once,
    "facts": _no_facts,
}
