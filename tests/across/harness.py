"""The stack VM of `vm/`, built and loaded; traces for it; and what is right about running them.

What the stencils mean is what Clang makes of them without optimising. A trace is run from random states whose stack holds
at least what the trace needs, and must end in the same state whatever units it was put together from.
"""

import ctypes
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dasc import InstructionLine, Stencil
from dasc.model import versions
from stencilgen import paths
from stencilgen.config import Config
from stencilgen.pipeline import Build, build
from stencilgen.toolchain.clang import ziglang
from x86_64 import Memory, format_intel

__all__ = [
    "BEST",
    "HERE",
    "JUMPS",
    "OPS",
    "PLAIN",
    "RANDOM",
    "Instruction",
    "StackVM",
    "compile_vm",
    "random_trace",
    "wide_accesses",
]

HERE = Path(__file__).parent / "vm"
BEST, PLAIN, RANDOM = range(3)
"""sg_selection of runtime/include/stencilgen/jit.h"""


class Instruction(ctypes.Structure):
    """Instruction of vm/vm.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("oparg", ctypes.c_uint16),
        ("target", ctypes.c_uint32),
        ("imm", ctypes.c_int64),
        ("d", ctypes.c_int16),
        ("a", ctypes.c_int16),
        ("other", ctypes.c_uint32),
    ]


OPS: dict[str, tuple[int, int]] = {
    "GARBAGE": (0, 0),
    "NOTHING": (0, 0),
    "PUSH": (0, 1),
    "POP": (1, -1),
    "LOAD": (0, 1),
    "STORE": (1, -1),
    "COPY_1": (1, 1),
    "COPY_2": (2, 1),
    "COPY_PAIR": (2, 2),
    "SWAP_2": (2, 0),
    "ROTATE_3": (3, 0),
    "PUSH_3": (0, 3),
    "POP_4": (4, -4),
    "ADD": (2, -1),
    "SUB": (2, -1),
    "LESS": (2, -1),
    "NEGATE": (1, 0),
    "SELECT": (3, -2),
    "TO_ACCUMULATOR": (1, -1),
    "FROM_ACCUMULATOR": (0, 1),
    "ADD_REAL": (2, -1),
    "LOW_HALF": (1, 0),
    "SET_BYTE": (1, 0),
    "MOVE_LOCAL": (0, 0),
    "ADD_LOCAL": (0, 0),
    "SWAP_LOCALS": (0, 0),
    "DOUBLE_LOCAL": (0, 0),
    "GUARD_LOCAL": (0, 0),
    "MIX_LOCAL": (0, 0),
    "GUARD_EVEN": (1, 0),
    "GUARD_SECOND": (2, 0),
    "GUARD_POP": (1, -1),
    "ADD_CHECKED": (2, -1),
    "EXIT_CHANGED": (1, 1),
    "RETURN_TOP": (1, -1),
    "RETURN_ACCUMULATOR": (1, 0),
    "TAIL": (0, 1),
    "JUMP_BACK": (0, 0),
    "BRANCH": (1, -1),
    "BRANCH_KEEP": (1, 0),
    "BRANCH_RARELY": (1, 0),
    "LOOP": (0, 0),
    "LOOP_CHANGING": (1, 0),
    "LOOP_PUSHING": (0, 1),
    "ITERATE": (1, 1),
    "SWITCH": (1, 0),
    "MIX": (1, 0),
    "MIX_SECOND": (2, -1),
    "RARE_CALL": (2, -1),
    "ARRAY_2": (2, 0),
    "ARRAY_NEW": (1, 1),
    "ARRAY_MANY": (4, 0),
    "WALK": (1, 0),
    "WALK_RARELY": (2, -1),
    "LOOK": (2, 0),
    "PICK": (4, 1),
    "SUM_LOOP": (4, 0),
    "FIXED_LOOP": (2, 0),
    "HEIGHT": (0, 0),
    "POP_SOME": (2, -2),
    "PUSH_IN_CALLEE": (1, 1),
    "RELOAD": (1, 0),
    "DROP_IN_CALLEE": (1, -1),
    "UNUSED_STACK": (0, 0),
}
"""For each micro-op how many entries it needs, and by how many it moves the top (POP_SOME: downwards at most)."""

JUMPS = {
    name: OPS[name][1]
    for name in (
        "JUMP_BACK",
        "BRANCH",
        "BRANCH_KEEP",
        "BRANCH_RARELY",
        "LOOP",
        "LOOP_CHANGING",
        "LOOP_PUSHING",
        "SWITCH",
    )
}
JUMPS["ITERATE"] = -1
"""By how much a micro-op moves the top where it jumps."""

LEAVES = frozenset({"RETURN_TOP", "RETURN_ACCUMULATOR", "TAIL", "JUMP_BACK", "LOOP_PUSHING"})
HIGHEST = 40


@dataclass(slots=True)
class StackVM:
    """The VM in this process. emitted: how often each unit has been emitted."""

    build: Build
    library: ctypes.CDLL
    names: tuple[str, ...]
    runs: int = 0
    ended: int = 0
    exits: dict[str, int] = field(default_factory=dict)

    def instruction(
        self, name: str, oparg: int = 0, imm: int = 0, target: int = 0, d: int = 0, a: int = 0, other: int | None = None
    ) -> Instruction:
        """other: the same as `target` if it is None."""
        return Instruction(self.names.index(name), oparg, target, imm, d, a, target if other is None else other)

    def check(
        self, trace: Sequence[Instruction], height: int, selection: int, *, plan: int = 0, seed: int = 0, runs: int = 8
    ) -> str | None:
        """Run a trace; what went wrong, if anything."""
        memory = (Instruction * len(trace))(*trace)
        exits = (ctypes.c_uint64 * (len(trace) + 2))()
        text = ctypes.create_string_buffer(512)
        result = self.library.across_check(
            memory, len(trace), selection, plan, seed, runs, height, exits, text, len(text)
        )
        self.runs += runs
        self.ended += exits[len(trace)]
        for instruction, count in zip(trace, exits, strict=False):
            if count:
                name = self.names[instruction.opcode]
                self.exits[name] = self.exits.get(name, 0) + count
        return None if result == 0 else f"{text.value.decode()}\n{self.show(trace)}"

    def profile(self, trace: Sequence[Instruction], path: Path) -> str | None:
        """Compile a trace in a context that appends to this profile; the error, if any."""
        memory = (Instruction * len(trace))(*trace)
        text = ctypes.create_string_buffer(512)
        done = self.library.across_profile(memory, len(trace), str(path).encode(), text, len(text))
        return None if done else text.value.decode()

    def show(self, trace: Sequence[Instruction]) -> str:
        return "\n".join(
            f"{number:4} {self.names[i.opcode]} oparg={i.oparg} imm={i.imm} target={i.target} d={i.d} a={i.a} other={i.other}"
            for number, i in enumerate(trace)
        )

    def arrivals(self, length: int) -> dict[int, int]:
        """Where jumps arrive in the trace of this length that was compiled last: how many entries are in registers there."""
        return {place: found - 1 for place, found in enumerate(self.library.across_arrivals()[: length + 1]) if found}

    @property
    def emitted(self) -> dict[str, int]:
        """By unit, how often it was emitted since the VM was loaded."""
        table = re.search(r"sg_units\[\].*?= \{\n(.*?)\};", self.build.header, re.S)
        assert table
        names = re.findall(r"emit_(\w+),", table[1])
        return {name: self.library.across_used()[number] for number, name in enumerate(names, start=1)}


def compile_vm(config: Config, workspace: Path, result: Build | None = None, *, debug: bool = False) -> StackVM:
    """Build the configuration, compile it with the harness, and load it. debug: emit functions end the process if they write
    more than they promised, or what they compute is out of its range.
    """
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
    directories = [workspace, config.directory, HERE, paths.stencil_include(), runtime / "include"]
    command = [
        *(str(zig / "zig"), "cc", "-shared", "-fPIC", "-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-std=gnu11"),
        *("-O0", "-fno-sanitize=undefined", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wl,-Bsymbolic"),
        f"-DSG_STATE_NAMES={','.join(parameter.name for parameter in result.state)}",
        f"-DEACH_STENCIL(X)={each}",
        *(["-DHAS_UNITS"] if result.units else []),
        *(["-DSG_DEBUG"] if debug else []),
        *(flag for directory in directories for flag in ("-I", str(directory))),
        *map(str, [*config.sources, HERE / "vm.c", HERE / "harness.c", *sorted((runtime / "src").glob("*.c"))]),
        *("-o", str(library)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=config.directory)
    assert finished.returncode == 0, finished.stderr
    loaded = ctypes.CDLL(str(library))
    loaded.across_check.restype = ctypes.c_int64
    loaded.across_check.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint32),
        *(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    loaded.across_profile.restype = ctypes.c_bool
    loaded.across_profile.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    if result.units:
        loaded.across_used.restype = ctypes.POINTER(ctypes.c_uint64)
        loaded.across_arrivals.restype = ctypes.POINTER(ctypes.c_uint8)
    return StackVM(result, loaded, tuple(names))


def wide_accesses(stencil: Stencil) -> list[str]:
    """The instructions of a unit that access 16 bytes or more of the VM's memory."""
    lines = [line for version in versions(stencil) for line in (*version.hot, *version.cold)]
    return [
        format_intel(line.instruction)
        for line in lines
        if isinstance(line, InstructionLine)
        and any(isinstance(o, Memory) and o.target is None and (o.size or 0) >= 16 for o in line.instruction.operands)
    ]


def random_trace(
    rng: random.Random, vm: StackVM, length: int, names: Sequence[str] = tuple(OPS)
) -> tuple[list[Instruction], int]:
    """A trace, and how many entries the stack must hold at its start. Jumps go where the stack is as high."""
    height = rng.randrange(min(OPS[name][0] for name in names), 10)
    heights = [height]
    chosen: list[str] = []
    while len(chosen) < length:
        name = rng.choice(names)
        needs, effect = OPS[name]
        if heights[-1] < needs or heights[-1] + effect > HIGHEST or (name in LEAVES and rng.random() < 0.5):
            continue
        chosen.append(name)
        heights.append(heights[-1] + effect)
    trace = []
    for position, name in enumerate(chosen):
        target = other = 0
        if name in JUMPS:
            after = heights[position] + JUMPS[name]
            targets = [place for place in range(length) if heights[place] == after]
            target, other = (rng.choice([*targets, *targets, *targets, length]) for _ in range(2))
        imm = rng.choice((0, 1, 5, -1, 127, 128, 2**31, -(2**40), rng.getrandbits(62)))
        trace.append(vm.instruction(name, rng.randrange(8), imm, target, rng.randrange(8), rng.randrange(8), other))
    return trace, height
