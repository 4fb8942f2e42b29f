"""The register VM of `vm/`, built and loaded; traces for it; and what is right about running them.

What the stencils mean is what Clang makes of them without optimising, with nothing ever known. A trace must end in the same
state, from whatever state it starts, with facts carried along it and without.
"""

import ctypes
import random
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stencilgen import paths
from stencilgen.config import Config
from stencilgen.errors import VersionWarning
from stencilgen.pipeline import Build, build
from stencilgen.toolchain.clang import ziglang

__all__ = [
    "HERE",
    "OPS",
    "FactsVM",
    "Instruction",
    "build_quietly",
    "compile_library",
    "compile_vm",
    "random_trace",
]

HERE = Path(__file__).parent / "vm"


class Instruction(ctypes.Structure):
    """Instruction of vm/vm.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("d", ctypes.c_int16),
        ("a", ctypes.c_int16),
        ("b", ctypes.c_int16),
        ("target", ctypes.c_uint32),
        ("imm", ctypes.c_uint64),
    ]


CALLS = {"CALL_": 1, "RETURN_": -1}
JUMPS = frozenset({"GO", "BRANCH", "WRITE_AND_BRANCH", "LEARN_AND_BRANCH"})
OPS = (
    *(
        "GUARD_ODD",
        "GUARD_SMALL",
        "GUARD_MARKED",
        "GUARD_BOTH",
        "GUARD_IS",
        "SET",
        "SET_REAL",
        "SET_POINTER",
        "SET_ADDRESS",
        "MOVE",
        "SWAP",
        "ADD",
        "HALF",
        "MARK_IT",
        "UNMARK",
    ),
    *("PERHAPS_LEARN", "PERHAPS_WRITE", "EITHER_WRITE", "TWO_ENDS", "WRITE_IN_A_LOOP", "SWAP_PERHAPS", "COUNT_ODD"),
    *("CHANGE_FROM", "CHANGE_ALL", "UNMARK_ALL", *CALLS, *sorted(JUMPS)),
)
WINDOW = 3
"""By how many slots CALL_ and RETURN_ move."""


@dataclass(slots=True)
class FactsVM:
    """The VM in this process. sizes: bytes of hot code of the last trace's micro-ops; exits: how often each micro-op was where a
    run ended.
    """

    build: Build
    library: ctypes.CDLL
    names: tuple[str, ...]
    sizes: list[int] = field(default_factory=list)
    runs: int = 0
    ended: int = 0
    exits: dict[str, int] = field(default_factory=dict)

    def instruction(self, name: str, d: int = 0, a: int = 0, b: int = 0, imm: int = 0, target: int = 0) -> Instruction:
        return Instruction(self.names.index(name), d, a, b, target, imm & (1 << 64) - 1)

    def check(self, trace: Sequence[Instruction], *, facts: bool = True, seed: int = 0, runs: int = 8) -> str | None:
        """Run a trace; what went wrong, if anything."""
        memory = (Instruction * len(trace))(*trace)
        exits = (ctypes.c_uint64 * (len(trace) + 1))()
        sizes = (ctypes.c_uint32 * len(trace))()
        text = ctypes.create_string_buffer(512)
        result = self.library.facts_check(memory, len(trace), facts, seed, runs, exits, sizes, text, len(text))
        self.sizes = list(sizes)
        self.runs += runs
        self.ended += exits[len(trace)]
        for instruction, count in zip(trace, exits, strict=False):
            if count:
                name = self.names[instruction.opcode]
                self.exits[name] = self.exits.get(name, 0) + count
        return None if result == 0 else f"{text.value.decode()}\n{self.show(trace)}"

    def profile(self, trace: Sequence[Instruction], path: Path) -> None:
        """Compile a trace in a context that appends to this profile."""
        memory = (Instruction * len(trace))(*trace)
        assert self.library.facts_profile(memory, len(trace), str(path).encode())

    def emitted(self, *trace: Instruction, facts: bool = True) -> list[int]:
        """Bytes of hot code for each micro-op of a trace, which runs as it should."""
        failure = self.check(trace, facts=facts)
        assert failure is None, failure
        return self.sizes

    def show(self, trace: Sequence[Instruction]) -> str:
        return "\n".join(
            f"{number:4} {self.names[i.opcode]} d={i.d} a={i.a} b={i.b} imm={i.imm:#x} target={i.target}"
            for number, i in enumerate(trace)
        )


def build_quietly(config: Config, **options: Any) -> Build:
    """Build without the warning that COUNT_ODD has more questions than there may be versions: it is meant to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        return build(config, cache=False, **options)


def compile_vm(config: Config, workspace: Path, result: Build | None = None) -> FactsVM:
    """Build the configuration, compile it with the harness, and load it."""
    result = result or build_quietly(config)
    loaded = compile_library(config, workspace, result, HERE)
    loaded.facts_check.restype = ctypes.c_int64
    loaded.facts_check.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_bool, ctypes.c_uint64, ctypes.c_uint32),
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    loaded.facts_profile.restype = ctypes.c_bool
    loaded.facts_profile.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p]
    loaded.facts_allocations.restype = ctypes.c_uint64
    return FactsVM(result, loaded, tuple(stencil.name for stencil in result.stencils))


def compile_library(config: Config, workspace: Path, result: Build, here: Path) -> ctypes.CDLL:
    """A build compiled with the C of `here`: the VM's, its stencils' as the reference, and the harness that compares."""
    zig = ziglang()
    if zig is None:
        pytest.skip("the ziglang wheel is not installed")
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "jit_stencils.h").write_text(result.header)
    names = [stencil.name for stencil in result.stencils]
    library = workspace / "vm.so"
    runtime = paths.runtime()
    directories = [workspace, config.directory, here, here.parent, paths.stencil_include(), runtime / "include"]
    known = config.facts.names if config.facts else []
    command = [
        *(str(zig / "zig"), "cc", "-shared", "-fPIC", "-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-std=gnu11"),
        *("-O0", "-fno-sanitize=undefined", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wl,-Bsymbolic"),
        f"-DSG_STATE_NAMES={','.join(parameter.name for parameter in result.state)}",
        f"-DEACH_STENCIL(X)={' '.join(f'X({name})' for name in names)}",
        *(f"-DSG_FACT_{name}={1 << number}u" for number, name in enumerate(known)),
        *(flag for directory in directories for flag in ("-I", str(directory))),
        *map(str, [*config.sources, here / "vm.c", here / "harness.c", *sorted((runtime / "src").glob("*.c"))]),
        *("-o", str(library)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=config.directory)
    assert finished.returncode == 0, finished.stderr
    return ctypes.CDLL(str(library))


def random_trace(rng: random.Random, vm: FactsVM, length: int) -> list[Instruction]:
    """A trace about a few slots, so that much is known of each. Jumps go anywhere where the same slots are the first."""
    names = OPS if rng.random() < 0.8 else rng.sample(OPS, 4)
    depths = [0]
    chosen: list[str] = []
    while len(chosen) < length:
        name = rng.choice(names)
        depth = depths[-1] + CALLS.get(name, 0)
        if abs(depth) > 3 or (name == "GO" and rng.random() < 0.7):
            continue
        chosen.append(name)
        depths.append(depth)
    slots = rng.choice((2, 3, 6, 12))
    trace = []
    for position, name in enumerate(chosen):
        target = 0
        if name in JUMPS:
            places = [place for place in range(length + 1) if depths[place] == depths[position]]
            target = rng.choice([place for place in places if place <= position] if rng.random() < 0.7 else places)
        d, a, b = (rng.randrange(-1, slots) for _ in range(3))
        imm = rng.choice((0, 1, 3, 7, 255, 256, 257, 2**31, 2**40 + 1, rng.getrandbits(64)))
        trace.append(vm.instruction(name, d, a, WINDOW if name in CALLS else b, imm, target))
    return trace
