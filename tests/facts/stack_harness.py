"""The stack VM of `stack_vm/`: facts of locals and of stack entries, which are in registers or in memory; traces for it.

A trace must end in the same state with facts and without, whatever units it is put together from.
"""

import ctypes
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stencilgen.config import Config
from stencilgen.pipeline import Build
from tests.facts.harness import build_quietly, compile_library

__all__ = ["BEST", "HERE", "OPS", "PLAIN", "RANDOM", "Instruction", "StackFactsVM", "compile_vm", "random_trace"]

HERE = Path(__file__).parent / "stack_vm"
BEST, PLAIN, RANDOM = range(3)
"""sg_selection of runtime/include/stencilgen/jit.h"""


class Instruction(ctypes.Structure):
    """Instruction of stack_vm/vm.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("d", ctypes.c_int16),
        ("a", ctypes.c_int16),
        ("target", ctypes.c_uint32),
        ("imm", ctypes.c_uint64),
    ]


OPS: dict[str, tuple[int, int]] = {
    "PUSH": (0, 1),
    "PUSH_CALLS": (0, 1),
    "POP": (1, -1),
    "LOAD": (0, 1),
    "STORE": (1, -1),
    "COPY_1": (1, 1),
    "COPY_2": (2, 1),
    "SWAP_2": (2, 0),
    "ROTATE_3": (3, 0),
    "MOVE_LOCAL": (0, 0),
    "PICK": (4, 1),
    "DROP_SOME": (3, -3),
    "GUARD_ODD": (1, 0),
    "GUARD_SECOND_SMALL": (2, 0),
    "GUARD_SINGLE": (1, 0),
    "GUARD_LOCAL": (0, 0),
    "GUARD_POP": (1, -1),
    "ADD": (2, -1),
    "HALVE": (1, 0),
    "COMBINE": (2, -1),
    "RETAIN": (1, 0),
    "PERHAPS_WRITE": (2, 0),
    "EITHER_WRITE": (1, 0),
    "TWO_ENDS": (0, 1),
    "POP_ONE_OR_TWO": (2, -2),
    "EXIT_CHANGED": (1, 1),
    "MIX": (1, 0),
    "RARE_CALL": (1, 0),
    "CHANGE_2": (2, 0),
    "CHANGE_LOCAL": (0, 0),
    "CHANGE_ALL_LOCALS": (0, 0),
    "WALK_UNLESS_ODD": (2, 0),
    "LOOK": (2, 0),
    "FORGET_IT_ALL": (2, 0),
    "JUMP_BACK": (0, 0),
    "BRANCH": (1, -1),
    "WRITE_AND_BRANCH": (1, 0),
}
"""For each micro-op how many entries it needs, and by how many it moves the top (downwards at most where that varies)."""

JUMPS = frozenset({"JUMP_BACK", "BRANCH", "WRITE_AND_BRANCH"})
HIGHEST = 30


@dataclass(slots=True)
class StackFactsVM:
    """The VM in this process. size: bytes of the last trace's hot code; exits: how often each micro-op was where a run ended."""

    build: Build
    library: ctypes.CDLL
    names: tuple[str, ...]
    size: int = 0
    runs: int = 0
    ended: int = 0
    exits: dict[str, int] = field(default_factory=dict)

    def instruction(self, name: str, d: int = 0, a: int = 0, imm: int = 0, target: int = 0) -> Instruction:
        return Instruction(self.names.index(name), d, a, target, imm & (1 << 64) - 1)

    def check(
        self,
        trace: Sequence[Instruction],
        height: int,
        selection: int,
        *,
        facts: bool = True,
        seed: int = 0,
        runs: int = 6,
    ) -> str | None:
        """Run a trace; what went wrong, if anything."""
        memory = (Instruction * len(trace))(*trace)
        exits = (ctypes.c_uint64 * (len(trace) + 1))()
        size = ctypes.c_uint32()
        text = ctypes.create_string_buffer(512)
        result = self.library.facts_check(
            memory, len(trace), facts, selection, seed, runs, height, exits, ctypes.byref(size), text, len(text)
        )
        self.size = size.value
        self.runs += runs
        self.ended += exits[len(trace)]
        for instruction, count in zip(trace, exits, strict=False):
            if count:
                name = self.names[instruction.opcode]
                self.exits[name] = self.exits.get(name, 0) + count
        return None if result == 0 else f"{text.value.decode()}\n{self.show(trace)}"

    def emitted(self, *trace: Instruction, height: int = 8, selection: int = BEST, facts: bool = True) -> int:
        """Bytes of hot code of a trace, which runs as it should."""
        failure = self.check(trace, height, selection, facts=facts)
        assert failure is None, failure
        return self.size

    def profile(self, trace: Sequence[Instruction], path: Path) -> None:
        """Compile a trace in a context that appends to this profile."""
        memory = (Instruction * len(trace))(*trace)
        assert self.library.facts_profile(memory, len(trace), str(path).encode())

    def show(self, trace: Sequence[Instruction]) -> str:
        return "\n".join(
            f"{number:4} {self.names[i.opcode]} d={i.d} a={i.a} imm={i.imm:#x} target={i.target}"
            for number, i in enumerate(trace)
        )

    @property
    def used(self) -> dict[str, int]:
        """By unit, how often it was emitted since the VM was loaded."""
        table = re.search(r"sg_units\[\].*?= \{\n(.*?)\};", self.build.header, re.S)
        assert table
        names = re.findall(r"emit_(\w+),", table[1])
        return {name: self.library.facts_used()[number] for number, name in enumerate(names, start=1)}


def compile_vm(config: Config, workspace: Path, result: Build | None = None) -> StackFactsVM:
    """Build the configuration, compile it with the harness, and load it."""
    result = result or build_quietly(config)
    loaded = compile_library(config, workspace, result, HERE)
    loaded.facts_check.restype = ctypes.c_int64
    loaded.facts_check.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_bool, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint32),
        *(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    loaded.facts_profile.restype = ctypes.c_bool
    loaded.facts_profile.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p]
    loaded.facts_used.restype = ctypes.POINTER(ctypes.c_uint64)
    return StackFactsVM(result, loaded, tuple(stencil.name for stencil in result.stencils))


def random_trace(rng: random.Random, vm: StackFactsVM, length: int) -> tuple[list[Instruction], int]:
    """A trace about a few locals, and how many entries the stack must hold at its start. Jumps go where the stack is as high."""
    names = list(OPS) if rng.random() < 0.8 else ["PUSH", *rng.sample(list(OPS), 5)]
    height = rng.randrange(4, 10)
    heights = [height]
    chosen: list[str] = []
    while len(chosen) < length:
        name = rng.choice(names)
        needs, effect = OPS[name]
        if not needs <= heights[-1] <= HIGHEST - effect or (name == "JUMP_BACK" and rng.random() < 0.7):
            name, effect = "PUSH", 1
            if heights[-1] >= HIGHEST:
                break
        chosen.append(name)
        heights.append(heights[-1] + effect)
    locals_ = rng.choice((1, 2, 3, 8))
    trace = []
    for position, name in enumerate(chosen):
        target = 0
        if name in JUMPS:
            places = [place for place, high in enumerate(heights) if high == heights[position + 1]]
            behind = [place for place in places if place <= position] or places
            target = rng.choice(behind if rng.random() < 0.7 else places)
        imm = rng.choice((0, 1, 3, 7, 255, 256, 257, 2**31, 2**40 + 1, rng.getrandbits(64)))
        trace.append(vm.instruction(name, rng.randrange(locals_), rng.randrange(locals_), imm, target))
    return trace, height
