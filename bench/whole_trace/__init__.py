"""The limit: what LLVM makes of a whole trace when it is one function in which every hole is a constant.

    compiled = whole_trace.build(vm, "nbody", level=3, no_alias=True, facts=True)
    compiled.library.run("nbody").time(100), compiled.seconds

A workload of bench/vm becomes a library with the same harness. LLVM at -O0 is what a JIT that takes LLVM could afford,
-O3 is how good the code could be if compiling cost nothing. With facts it is told what stencilgen's emit functions know at
each micro-op, which no compiler finds out from the code. minipy.py does the same for whole programs.
"""

import ctypes
import functools
import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import vm as machine
from bench.baseline.objects import section_sizes
from bench.frame.machine import ROOT
from bench.vm import Library
from bench.whole_trace.ir import Address, Operation, whole_trace
from bench.whole_trace.placing import is_cold
from llvm_passes.module import Module
from stencilgen import paths, pipeline
from stencilgen.embed import VM
from stencilgen.errors import UserError
from stencilgen.toolchain.cc import Compiler, link
from stencilgen.toolchain.clang import find_clang, ziglang

__all__ = ["Compiled", "build"]

HERE = Path(__file__).resolve().parent
BUILD = HERE / "build"


@dataclass(frozen=True, slots=True)
class Compiled:
    """seconds: to optimise and to generate code, without reading the text."""

    library: Library
    seconds: float


def build(
    vm: VM, name: str, *, level: int, no_alias: bool = False, facts: bool = False, peeled: bool = False
) -> Compiled:
    """Compile a workload's trace at LLVM's -O`level` and link it with the machine and its harness."""
    trace = operations(vm, name, facts=facts, peeled=peeled)
    text = whole_trace(_module(facts), trace, no_alias=no_alias)
    folder = BUILD / hashlib.sha256(f"{level} {text}".encode()).hexdigest()[:20]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trace.ll").write_text(text)
    os.utime(folder)
    machine.forget_old(BUILD)
    ended = subprocess.run(
        [sys.executable, "-m", "bench.whole_trace.compile", str(level)],
        input=text.encode(),
        capture_output=True,
        cwd=ROOT,
    )
    if ended.returncode != 0:
        raise UserError(f"LLVM cannot compile {name}:\n{ended.stderr.decode()[-2000:]}")
    _, optimising, generating = map(float, ended.stderr.split()[-3:])
    (folder / "trace.o").write_bytes(ended.stdout)
    return Compiled(_link(folder, ended.stdout, len(trace)), optimising + generating)


def operations(vm: VM, name: str, *, facts: bool = False, peeled: bool = False) -> list[Operation]:
    """A workload's trace; operands that are addresses of the machine's objects by their names."""
    trace = machine.trace(vm, name)
    if peeled:
        name, trace = f"{name}+peeled", machine.peeled(vm, trace)
    known = _known(name, len(trace)) if facts else [{} for _ in trace]
    return [
        Operation(op.name, {hole: _value(vm, hole, value) for hole, value in op.operands.items()}, facts_before)
        for op, facts_before in zip(trace, known, strict=True)
    ]


class _Known(ctypes.Structure):
    """Known of known.h"""

    _fields_ = [("location", ctypes.c_int64), ("position", ctypes.c_uint32), ("facts", ctypes.c_uint32)]


def _known(name: str, length: int) -> list[dict[int, int]]:
    """The facts that hold before each micro-op of a workload's trace, by location."""
    library = _noting()
    library.run(name)
    noted = ctypes.CDLL(str(library.path))
    count = ctypes.c_uint32.in_dll(noted, "known_count").value
    known: list[dict[int, int]] = [{} for _ in range(length)]
    for one in (_Known * count).in_dll(noted, "known_facts"):
        known[one.position][one.location] = one.facts
    return known


@functools.cache
def _noting() -> Library:
    """The machine with stencilgen's code, whose emit functions note what is known."""
    header = pipeline.build(machine.configuration()).header
    arrives, include = "        sg_facts_arrive(as, i);\n", "#include <stencilgen/jit.h>\n"
    assert header.count(arrives) == header.count(include) == 1
    header = header.replace(arrives, f"{arrives}        known_note(as, i);\n")
    return machine.library(header.replace(include, f"{include}{(HERE / 'known.h').read_text()}"))


def _value(vm: VM, hole: str, value: int) -> int | Address:
    if hole != "operand" or value < 1 << 20:
        return value
    symbol, _, offset = vm.symbol(value).partition("+")
    assert symbol, "an operand's address has no name: it must not be static"
    return Address(symbol, int(offset or "0", 0))


@functools.cache
def _module(facts: bool) -> Module:
    return pipeline.compile_sources(machine.configuration(facts=facts), find_clang(), 1)[0]


def _link(folder: Path, code: bytes, length: int) -> Library:
    zig = ziglang()
    if zig is None:
        raise UserError("entering a trace needs a Clang that can link", remedy="pip install '.[clang]'")
    sizes = section_sizes(code)
    hot = sum(size for name, size in sizes.items() if name.startswith(".text") and not is_cold(name))
    cold = sum(size for name, size in sizes.items() if is_cold(name))
    (folder / "jit_stencils.h").write_text('#include "runtime.h"\n')
    compiler = Compiler((str(zig / "zig"), "cc"), "ziglang", ("-target", "x86_64-linux-gnu", "-mcpu=x86_64"))
    includes = (folder, HERE, machine.HERE, paths.runtime() / "include")
    flags = ["-O2", "-fPIC", "-shared", "-Wl,-Bsymbolic", "-fno-sanitize=undefined"]
    flags += [flag for path in includes for flag in ("-I", str(path))]
    flags += [f"-DWHOLE_TRACE_LENGTH={length}", f"-DWHOLE_TRACE_HOT={hot}", f"-DWHOLE_TRACE_COLD={cold}"]
    output = folder / "vm.so"
    link(compiler, [*machine.SOURCES, HERE / "runtime.c", folder / "trace.o"], output, flags, directory=folder)
    return Library(output)
