"""A stack machine like CPython's with four hand-written traces: what code is measured on, apart from any one VM's front end.

    vm = bench.vm.load()
    code = vm.compile(bench.vm.trace(vm, "nbody"))

    library = bench.vm.library(header, runtime)      # any implementation of stencilgen/jit.h
    run = library.run("nbody")
    run.time(entries), run.result()

The key idea: all that measures is C, compiled once with each generated header and runtime. A peer that offers the
functions of stencilgen/jit.h runs the same machine on the same traces, and what it leaves is compared by a digest.
"""

import ctypes
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import stencilgen
from stencilgen import paths
from stencilgen.config import Config, load_config
from stencilgen.embed import VM, MicroOp
from stencilgen.embed.library import Extent, Info, SgError
from stencilgen.errors import UserError
from stencilgen.toolchain.cc import find_compiler, link

__all__ = [
    "HERE",
    "NAMES",
    "SOURCES",
    "Library",
    "Result",
    "Run",
    "configuration",
    "library",
    "load",
    "opcode_names",
    "trace",
]

HERE = Path(__file__).resolve().parent
NAMES = ("nbody", "sieve", "fannkuch", "spectral")
SOURCES = tuple(HERE / name for name in ("vm.c", "machine.c", "run.c", *(f"workloads/{name}.c" for name in NAMES)))
BUILD = HERE / "build"
OPCODES = 40


def configuration(*, facts: bool = True) -> Config:
    """The machine's stencilgen.toml; without facts micro-ops tell each other nothing."""
    config = load_config(HERE)
    if facts:
        return config
    stencils = config.stencils.model_copy(update={"flags": [*config.stencils.flags, "-DSG_NO_FACTS"]})
    return config.model_copy(update={"stencils": stencils, "facts": None})


class Instruction(ctypes.Structure):
    """Instruction of vm.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("oparg", ctypes.c_uint16),
        ("target", ctypes.c_uint32),
        ("operand", ctypes.c_uint64),
    ]


class _Workload(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("trace", ctypes.POINTER(Instruction)),
        ("length", ctypes.c_uint32),
        ("iterations", ctypes.c_uint32),
    ]


class _Result(ctypes.Structure):
    _fields_ = [("digest", ctypes.c_uint64), ("exit_index", ctypes.c_uint32), ("depth", ctypes.c_uint32)]


@dataclass(frozen=True, slots=True)
class Result:
    """What an entry left: a digest of all values and counts, the micro-op that exited, entries on the operand stack."""

    digest: int
    exit_index: int
    depth: int


def load() -> VM:
    """The machine with stencilgen's code, for the Python API."""
    return stencilgen.load(HERE)


def trace(vm: VM, name: str) -> list[MicroOp]:
    """A workload's trace as micro-ops of a loaded VM."""
    vm.library.find_workload.restype = ctypes.POINTER(_Workload)
    workload = vm.library.find_workload(name.encode()).contents
    names = opcode_names(vm.library)
    ops = []
    for instruction in workload.trace[: workload.length]:
        stencil = vm[names[instruction.opcode]]
        ops.append(stencil(**{hole: getattr(instruction, hole) for hole in stencil.holes}))
    return ops


def peeled(vm: VM, trace: Sequence[MicroOp]) -> list[MicroOp]:
    """A workload's trace with its first iteration apart from the loop, as that of NAME+peeled."""
    *iteration, _ = trace
    return [*iteration, vm["CHECK_EVAL_BREAKER"](), *iteration, vm["JUMP_TO_TOP"](target=len(trace))]


def opcode_names(library: ctypes.CDLL) -> list[str]:
    """The micro-ops' names, by opcode."""
    names = (ctypes.c_char_p * OPCODES).in_dll(library, "opcode_names")
    return [(name or b"").decode() for name in names]


class Run:
    """A workload's trace, compiled, with a machine to run it on."""

    def __init__(self, library: "Library", name: str) -> None:
        self.name = name
        self._library = library._library
        error = SgError()
        self._pointer = self._library.run_new(name.encode(), ctypes.byref(error))
        if not self._pointer:
            raise UserError(f"{name}: {error.text.decode()}")
        self.code: int = self._library.run_code(self._pointer)
        workload = self._library.run_workload(self._pointer).contents
        self.instructions: list[Instruction] = workload.trace[: workload.length]
        names = opcode_names(self._library)
        self.ops: list[str] = [names[instruction.opcode] for instruction in self.instructions]
        self.iterations: int = workload.iterations

    def __del__(self) -> None:
        if getattr(self, "_pointer", None):
            self._library.run_free(self._pointer)

    def time(self, entries: int) -> float:
        """Nanoseconds per iteration of the trace, over so many entries of `iterations` each."""
        nanoseconds: float = self._library.run_time(self._pointer, entries)
        return nanoseconds / (entries * self.iterations)

    def emission(self, samples: int) -> float:
        """Nanoseconds per micro-op to compile the trace; the best of so many times."""
        nanoseconds: float = self._library.run_emission(self._pointer, samples)
        return nanoseconds / len(self.instructions)

    def disturbed(self, seed: int) -> Result:
        """Enter the trace once, from a random state of a new machine; what that left."""
        self._library.run_disturbed(self._pointer, seed)
        return self.result()

    def result(self) -> Result:
        """What the last entry left."""
        result = self._library.run_result(self._pointer)
        return Result(result.digest, result.exit_index, result.depth)

    def info(self) -> Info:
        """Sizes and addresses of the code."""
        info: Info = self._library.sg_code_info(self.code)
        return info

    def extent(self, index: int) -> Extent:
        """Those of one micro-op."""
        extent: Extent = self._library.sg_code_extent(self.code, index)
        return extent


class Library:
    """The machine compiled with one generated header and one runtime.

    Workloads by their names; `NAME+ip` has a SET_IP before each micro-op that may call, `NAME+peeled` the first iteration apart
    from the loop, and a digit behind it is sg_options.last.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._library = ctypes.CDLL(str(path))
        pointer = ctypes.c_void_p
        for name, result, arguments in (
            ("run_new", pointer, [ctypes.c_char_p, ctypes.POINTER(SgError)]),
            ("run_free", None, [pointer]),
            ("run_code", pointer, [pointer]),
            ("run_workload", ctypes.POINTER(_Workload), [pointer]),
            ("run_entries", None, [pointer, ctypes.c_uint32]),
            ("run_disturbed", None, [pointer, ctypes.c_uint64]),
            ("run_time", ctypes.c_double, [pointer, ctypes.c_uint32]),
            ("run_emission", ctypes.c_double, [pointer, ctypes.c_uint32]),
            ("run_result", _Result, [pointer]),
            ("sg_code_info", Info, [pointer]),
            ("sg_code_extent", Extent, [pointer, ctypes.c_uint32]),
        ):
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments

    def run(self, name: str) -> Run:
        """A workload ready to be entered. UserError when its trace cannot be compiled."""
        return Run(self, name)


def library(header: str, runtime: Sequence[Path] | None = None, flags: Sequence[str] = ()) -> Library:
    """Compile the machine with a generated header; `runtime`: sources and headers of another runtime than stencilgen's.

    Kept under the hash of all that it is made from.
    """
    own = paths.runtime()
    sources = [path for path in runtime if path.suffix == ".c"] if runtime is not None else sorted(own.glob("src/*.c"))
    parts = [*sources, *(runtime or own.rglob("*.h")), *SOURCES, *HERE.glob("*.h")]
    digest = hashlib.sha256("\0".join([header, *flags]).encode())
    for part in parts:
        digest.update(part.read_bytes())
    folder = BUILD / "libraries" / digest.hexdigest()[:20]
    output = folder / "vm.so"
    if not output.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "jit_stencils.h").write_text(header)
        includes = [folder, HERE, own / "include", *sorted({path.parent for path in runtime or ()})]
        options = ["-O2", "-fPIC", "-shared", "-Wl,-Bsymbolic", *(f for path in includes for f in ("-I", str(path)))]
        link(find_compiler(), [*SOURCES, *sources], output, [*options, *flags], directory=HERE)
        forget_old(folder.parent)
    os.utime(folder)
    return Library(output)


def forget_old(folder: Path, keep: int = 100) -> None:
    """Remove all but the newest things in a folder of built ones; who uses one again makes it new (`os.utime`)."""
    for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
