"""minipy's VM with LLVM in the place of stencilgen's emit functions; everything else is the same.

    with minipy.serving() as server:
        run_process([minipy.vm(), "--jit=on", image])

The VM asks for the code of each trace over a socket (peer/served.c) and waits until it has it. The runtime that finds room,
enters, leaves, links and frees traces is stencilgen's own, as it is for copy-and-patch (bench/baseline/minipy.py).

LLVM gets the stencils as they are without facts: what one micro-op has tested, it finds out by itself.
"""

import functools
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.baseline.minipy import MINIPY, vm_with
from bench.whole_trace.server import Server, Stencils
from llvm_passes.module import Module
from stencilgen.config import Config, load_config
from stencilgen.emit.constants import Pool
from stencilgen.emit.header import Emitter, Extern, HeaderContent, Level, extern_symbol, render_header
from stencilgen.facts import Facts, examine
from stencilgen.pipeline import compile_sources
from stencilgen.toolchain.clang import find_clang

__all__ = ["SOURCES", "header", "serving", "vm"]

SOURCES = (Path(__file__).resolve().parent / "peer" / "served.c",)
"""What the VM is linked with beside its own sources."""
VALUES = {("GUARD_IS", "operand"), ("GUARD_IS_NOT", "operand")}
"""Holes that are values of minipy's: where the two lowest bits are 0, an object's address."""
LIBRARY = {
    **{f"llvm.{name}.f64": name for name in ("floor", "ceil", "trunc", "rint", "nearbyint", "round", "pow", "sqrt")},
    **{f"llvm.{name}": name for name in ("memcpy", "memmove", "memset")},
}
"""What LLVM calls for an intrinsic that is no instruction."""


CHECK = "-DMINIPY_CHECK"


def configuration(check: bool = False) -> Config:
    """minipy's, without facts and without any step across micro-ops."""
    config = load_config(MINIPY)
    flags = [*config.stencils.flags, "-DSG_NO_FACTS", *([CHECK] if check else [])]
    stencils = config.stencils.model_copy(update={"flags": flags})
    return config.model_copy(update={"stencils": stencils, "stack": None, "facts": None})


@functools.cache
def _compiled(check: bool) -> tuple[Module, Facts]:
    config = configuration(check)
    module, names = compile_sources(config, find_clang(), os.cpu_count() or 1)
    return module, examine(module, config, names)


@functools.cache
def vm(check: bool = False) -> Path:
    """The executable, with minipy's own command line; it needs a server. check: with --check-refcounts."""
    return vm_with(header(check), SOURCES, [CHECK] if check else [])


@contextmanager
def serving(level: int = 3, check: bool = False) -> Iterator[Server]:
    """VMs that are started meanwhile find a server that compiles at LLVM's -O`level`."""
    module, _ = _compiled(check)
    stencils = Stencils(module, tuple(configuration().holes), frozenset(VALUES))
    with tempfile.TemporaryDirectory() as folder, Server(stencils, level, Path(folder) / "socket") as server:
        os.environ["WHOLE_TRACE_SERVER"] = str(server.path)
        try:
            yield server
        finally:
            del os.environ["WHOLE_TRACE_SERVER"]


# ---- The header ----


def header(check: bool = False) -> str:
    """What a VM has to know: the micro-ops' names, how their holes are read, and what code may refer to by address."""
    config = configuration(check)
    module, facts = _compiled(check)
    instruction = config.instruction.type
    nothing = f"static void emit_nothing(sg_assembler *as, const {instruction} *instruction)\n"
    nothing += "{\n    (void)as;\n    (void)instruction;\n}\n"
    emitters = [Emitter(name, "emit_nothing", nothing, 0, 0, 0, ends=True) for name in facts.stencils]
    externs = _externs(module, facts)
    text = render_header(
        config,
        HeaderContent(
            levels=[Level(config.cpus[0], "", emitters)],
            pool=Pool(b"", {}, ()),
            externs=externs,
            layouts=(),
            state=facts.state,
            fingerprint="",
        ),
    )
    for old, new in {
        "sg_measure, sg_emit,": "served_measure, served_emit,",
        "#include <stencilgen/jit.h>\n": '#include <stencilgen/jit.h>\n#include "served.h"\n',
        "static uint32_t sg_opcode(": f"{_tables(config, externs)}\nstatic uint32_t sg_opcode(",
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _externs(module: Module, facts: Facts) -> list[Extern]:
    declared = {LIBRARY.get(re.sub(r"\.p0.*", "", name), name) for name in module.declarations}
    names = declared | set(LIBRARY.values()) | facts.objects
    return [
        Extern(name, "object" if name in facts.objects else "function")
        for name in sorted(names)
        if not name.startswith(("__sg_", "llvm."))
    ]


def _tables(config: Config, externs: Sequence[Extern]) -> str:
    instruction = config.instruction.type
    lines = [
        f"typedef {instruction} whole_trace_instruction;",
        f"enum {{ WHOLE_TRACE_HOLES = {len(config.holes)} }};",
        "",
    ]
    lines += [f"static inline void whole_trace_read(const {instruction} *instruction, uint64_t *values)", "{"]
    for number, hole in enumerate(config.holes.values()):
        is_double = hole.type == "double"
        value = f"sg_double_bits({hole.value})" if is_double else f"(uint64_t)({hole.value})"
        lines.append(f"    values[{number}] = {value};")
    lines += ["}", "", "static const whole_trace_symbol whole_trace_symbols[] = {"]
    lines += [f'    {{"{one.name}", (const void *)&{extern_symbol(one.name)}}},' for one in externs]
    return "\n".join([*lines, "    {NULL, NULL},", "};", ""])
