"""minipy's VM with LLVM in the place of stencilgen's emit functions; everything else is the same.

    with minipy.serving() as server:
        run_process([minipy.vm(), "--jit=on", image])

The VM asks for the code of each trace over a socket (peer/served.c) and waits until it has it. The runtime that finds room,
enters, leaves, links and frees traces is stencilgen's own, as it is for copy-and-patch (bench/baseline/minipy.py).

LLVM is told what stencilgen's emit functions know at each micro-op, the facts; with --no-facts it is not.
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
from stencilgen.facts import Facts, examine
from stencilgen.pipeline import build, compile_sources
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
    """minipy's, without any step across micro-ops."""
    config = load_config(MINIPY)
    flags = [*config.stencils.flags, *([CHECK] if check else [])]
    stencils = config.stencils.model_copy(update={"flags": flags})
    return config.model_copy(update={"stencils": stencils, "stack": None})


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
    """stencilgen's own, whose emit functions find facts, and what the VM has to send besides."""
    config = configuration(check)
    module, facts = _compiled(check)
    text = build(config).header
    for old, new in {
        "sg_measure, sg_emit,": "served_measure, served_emit,",
        "return sg_jit_create(": "return served_jit_create(",
        "        sg_facts_arrive(as, i);\n": "        sg_facts_arrive(as, i);\n        served_note(as, i);\n",
        "#include <stencilgen/jit.h>\n": '#include <stencilgen/jit.h>\n#include "served.h"\n',
        "static uint32_t sg_opcode(": f"{_tables(config, _externs(module, facts))}\nstatic uint32_t sg_opcode(",
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _externs(module: Module, facts: Facts) -> list[str]:
    """What LLVM's code may refer to by address."""
    declared = {LIBRARY.get(re.sub(r"\.p0.*", "", name), name) for name in module.declarations}
    names = declared | set(LIBRARY.values()) | facts.objects
    return sorted(name for name in names if not name.startswith(("__sg_", "llvm.")))


def _tables(config: Config, externs: Sequence[str]) -> str:
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
    lines += ["}", ""]
    lines += [f'extern char whole_trace_at_{number}[] __asm__("{name}");' for number, name in enumerate(externs)]
    lines += ["", "static const whole_trace_symbol whole_trace_symbols[] = {"]
    lines += [f'    {{"{name}", whole_trace_at_{number}}},' for number, name in enumerate(externs)]
    return "\n".join([*lines, "    {NULL, NULL},", "};", ""])
