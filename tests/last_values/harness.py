"""The machine with declared places of `vm/`, built and loaded; random traces for it, linked to each other at random.

What the stencils mean is what Clang makes of them without optimising: there every store is made at once. A trace ends in the
same memory, and its helpers have seen the same, whenever its stores were made.
"""

import ctypes
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stencilgen import paths
from stencilgen.config import Config
from stencilgen.pipeline import Build, build
from stencilgen.toolchain.clang import ziglang

__all__ = [
    "AT_ONCE",
    "BEST",
    "PLAIN",
    "PUT_OFF",
    "RANDOM",
    "STORED",
    "Instruction",
    "Machine",
    "compile_vm",
    "random_trace",
]

HERE = Path(__file__).parent / "vm"
BEST, PLAIN, RANDOM = range(3)
"""sg_selection of runtime/include/stencilgen/jit.h"""
PUT_OFF, AT_ONCE, STORED = range(3)
"""sg_last_mode"""

TRACES, LONGEST, HEIGHT = 3, 256, 4
LENGTH = 30
"""Of random traces, at most."""


class Instruction(ctypes.Structure):
    """Instruction of vm/vm.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("oparg", ctypes.c_uint16),
        ("target", ctypes.c_uint32),
        ("imm", ctypes.c_uint64),
    ]


class _Traces(ctypes.Structure):
    _fields_ = [
        ("instructions", ctypes.POINTER(Instruction) * TRACES),
        ("lengths", ctypes.c_uint32 * TRACES),
        ("links", (ctypes.c_uint8 * (LONGEST + 1)) * TRACES),
    ]


PUSHES = frozenset({"PUSH", "READ", "SET_READ", "READ_LOW", "COPY_LINE"})
POPS = frozenset({"ADD"})
JUMPS = frozenset({"JUMP_BACK", "SET_JUMP_BACK", "BRANCH", "SET_BRANCH_SET"})
LEAVES = frozenset({"RETURN_TOP", "SET_RETURN", "TAIL", "SET_TAIL", "JUMP_BACK", "SET_JUMP_BACK"})
HIGHEST = 40


@dataclass(slots=True)
class Machine:
    """The VM in this process. ends: how many runs returned a value, how many exited, how many from another trace than they
    entered.
    """

    build: Build
    library: ctypes.CDLL
    names: tuple[str, ...]
    ends: "ctypes.Array[ctypes.c_uint64]" = field(default_factory=lambda: (ctypes.c_uint64 * 3)())

    def instruction(self, name: str, imm: int = 0, oparg: int = 0, target: int = 0) -> Instruction:
        return Instruction(self.names.index(name), oparg, target, imm & (1 << 64) - 1)

    def check(
        self,
        traces: Sequence[Sequence[Instruction]],
        *,
        links: Sequence[Sequence[int]] = (),
        mode: int = PUT_OFF,
        selection: int = BEST,
        plan: int = 0,
        seed: int = 0,
        runs: int = 8,
    ) -> str | None:
        """Run the first of the traces; what went wrong, if anything. links: by trace, 1 + the trace that each exit is linked to,
        where it exists, or 0.
        """
        whole = [*traces, *([[]] * (TRACES - len(traces)))]
        memory = [(Instruction * max(len(trace), 1))(*trace) for trace in whole]
        wanted = _Traces()
        for number, trace in enumerate(whole):
            wanted.instructions[number] = memory[number]
            wanted.lengths[number] = len(trace)
            for index, link in enumerate(links[number] if number < len(links) else ()):
                wanted.links[number][index] = link
        text = ctypes.create_string_buffer(512)
        result = self.library.last_check(
            ctypes.byref(wanted), mode, selection, plan, seed, runs, self.ends, text, len(text)
        )
        if result == 0:
            return None
        shown = "\n".join(f"trace {number}:\n{self.show(trace)}" for number, trace in enumerate(traces))
        shown += f"\nlinks {[list(row[:LENGTH]) for row in links]}"
        return f"mode {mode}, selection {selection}, plan {plan}: {text.value.decode()}\n{shown}"

    def code(self, trace: Sequence[Instruction], mode: int = PUT_OFF) -> tuple[bytes, bytes]:
        """The hot and the cold bytes of a trace."""
        memory = (Instruction * len(trace))(*trace)
        hot, cold = ctypes.create_string_buffer(1 << 14), ctypes.create_string_buffer(1 << 14)
        cold_size = ctypes.c_uint32()
        size = self.library.last_code(memory, len(trace), mode, hot, cold, ctypes.byref(cold_size))
        assert size >= 0
        return hot.raw[:size], cold.raw[: cold_size.value]

    def profile(self, trace: Sequence[Instruction], path: Path) -> str | None:
        """Compile a trace in a context that appends to this profile; the error, if any."""
        memory = (Instruction * len(trace))(*trace)
        text = ctypes.create_string_buffer(512)
        done = self.library.last_profile(memory, len(trace), str(path).encode(), text, len(text))
        return None if done else text.value.decode()

    def show(self, trace: Sequence[Instruction]) -> str:
        return "\n".join(
            f"{number:4} {self.names[i.opcode]} oparg={i.oparg} imm={i.imm:#x} target={i.target}"
            for number, i in enumerate(trace)
        )


def compile_vm(config: Config, workspace: Path, result: Build | None = None) -> Machine:
    """Build the configuration, compile it with the harness, and load it."""
    zig = ziglang()
    if zig is None:
        pytest.skip("the ziglang wheel is not installed")
    workspace.mkdir(parents=True, exist_ok=True)
    result = result or build(config, cache=False)
    (workspace / "jit_stencils.h").write_text(result.header)
    names = [stencil.name for stencil in result.stencils]
    each = " ".join(f"X({name})" for name in names)
    library = workspace / "vm.so"
    runtime = paths.runtime()
    directories = [workspace, config.directory, paths.stencil_include(), runtime / "include"]
    command = [
        *(str(zig / "zig"), "cc", "-shared", "-fPIC", "-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-std=gnu11"),
        *("-O0", "-fno-sanitize=undefined", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wl,-Bsymbolic"),
        *("-DSG_STATE_NAMES=frame,sp,thread", "-DSG_FACT_odd=1u", "-DSG_DEBUG", f"-DEACH_STENCIL(X)={each}"),
        *(flag for directory in directories for flag in ("-I", str(directory))),
        *map(str, [*config.sources, HERE / "vm.c", HERE / "harness.c", *sorted((runtime / "src").glob("*.c"))]),
        *("-o", str(library)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=config.directory)
    assert finished.returncode == 0, finished.stderr
    loaded = ctypes.CDLL(str(library))
    loaded.last_check.restype = ctypes.c_int64
    loaded.last_check.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32),
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    loaded.last_code.restype = ctypes.c_int64
    loaded.last_code.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p),
    ]
    loaded.last_profile.restype = ctypes.c_bool
    loaded.last_profile.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    return Machine(result, loaded, tuple(names))


_EDGES = (0, 1, -1, 127, 128, -128, -129, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32 - 1, 2**32, 2**33)
_BYTECODE = 0x7F12_3456_7000


def random_value(rng: random.Random) -> int:
    """Most often an address in the same bytecode, near the others."""
    match rng.randrange(8):
        case 0:
            return rng.getrandbits(64)
        case 1:
            return rng.choice(_EDGES)
        case 2:
            return _BYTECODE + rng.choice(_EDGES)
        case _:
            return _BYTECODE + 2 * rng.randrange(12)


def random_trace(rng: random.Random, vm: Machine, length: int, names: Sequence[str]) -> list[Instruction]:
    """A trace for a stack of HEIGHT entries. Jumps go where the stack is as high."""
    heights = [HEIGHT]
    chosen: list[str] = []
    while len(chosen) < length:
        name = rng.choice(names)
        effect = (name in PUSHES) - (name in POPS)
        if not 2 <= heights[-1] + effect <= HIGHEST or (name in LEAVES and rng.random() < 0.6):
            continue
        chosen.append(name)
        heights.append(heights[-1] + effect)
    trace = []
    for position, name in enumerate(chosen):
        target = 0
        if name in JUMPS:
            targets = [place for place in range(length) if heights[place] == heights[position + 1]]
            target = rng.choice([*targets, *targets, length])
        trace.append(vm.instruction(name, random_value(rng), rng.randrange(4), target))
    return trace
