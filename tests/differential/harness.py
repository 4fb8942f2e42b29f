"""Runs micro-ops both ways: as C functions compiled by Clang, and as machine code from their emit functions.

The key idea: the stencils' own C source, compiled like any C program, says what they mean. There a hole is a function
that reads the current instruction, and `CONTINUE()` a call of a function that writes down the state
(support/harness.c). What our pipeline makes of the same source must do the same from any state.

Between any two emitted micro-ops the stencil GARBAGE can run, which does nothing but overwrite all that nobody may
rely on: dead registers, upper halves of state registers, frame slots, the stack below.
"""

import ctypes
import functools
import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import dasc
from stencilgen import paths
from stencilgen.config import Config
from stencilgen.pipeline import Build, BuiltStencil, build
from stencilgen.toolchain.clang import find_clang, state_names, ziglang
from tests.differential.garbage import garbage_source
from x86_64 import Symbol

__all__ = [
    "EDGES",
    "FAR",
    "GARBAGE",
    "Failure",
    "Instruction",
    "TestVM",
    "compile_vm",
    "random_instruction",
    "random_value",
]

SUPPORT = Path(__file__).parent / "support"

GARBAGE, FAR = 1, 2
"""Flags of a run: GARBAGE between the micro-ops; a context from which no function of the VM is in reach."""


class Instruction(ctypes.Structure):
    """Instruction of support/instruction.h"""

    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("oparg", ctypes.c_uint16),
        ("slot", ctypes.c_uint8),
        ("step", ctypes.c_int8),
        ("choice", ctypes.c_uint16),
        ("target", ctypes.c_uint32),
        ("other", ctypes.c_uint32),
        ("imm", ctypes.c_int64),
        ("operand", ctypes.c_uint64),
        ("bias", ctypes.c_int64),
        ("pointer", ctypes.c_uint64),
        ("number", ctypes.c_double),
        ("single", ctypes.c_float),
    ]


_POWERS = (7, 8, 15, 16, 24, 31, 32, 33, 63)
EDGES: tuple[int, ...] = tuple(
    sorted(
        {
            0,
            1,
            2,
            3,
            4,
            5,
            8,
            2**64 - 1,
            *(v % 2**64 for p in _POWERS for d in (-1, 0, 1) for v in (2**p + d, -(2**p) + d)),
        }
    )
)
"""64-bit patterns at which an encoding or a comparison may change."""

_REALS = (0.0, -0.0, 1.0, -1.0, 0.5, 3.25, -1e300, 1e-310, 2.0**31, -(2.0**31), 2.0**63, float("inf"), 0.1)


@dataclass(frozen=True, slots=True)
class Failure:
    """A difference between both ways, or a trace that did not compile (`differences` is -1)."""

    differences: int
    text: str
    trace: str

    def __str__(self) -> str:
        return f"{self.text}\n{self.trace}"


@dataclass(slots=True)
class TestVM:
    """A VM loaded into this process, in both forms. Counts what was run."""

    __test__ = False

    config: Config
    build: Build
    library: ctypes.CDLL
    names: tuple[str, ...]
    follows_pointers: bool = False
    """Whether any stencil may access memory through its `pointer`."""
    runs: int = 0
    differences: int = 0
    ended: int = 0
    exited: int = 0
    returned: int = 0
    aborted: int = 0
    executed: dict[str, int] = field(default_factory=dict)
    versions: tuple[tuple[str, str], ...] = ()
    """Every version of every stencil: its name, and the condition under which it is emitted."""

    def emitted(self) -> list[int]:
        """How often each version was emitted so far."""
        counts = (ctypes.c_uint64 * max(len(self.versions), 1)).in_dll(self.library, "versions_emitted")
        return list(counts)[: len(self.versions)]

    @property
    def stencils(self) -> dict[str, BuiltStencil]:
        return {stencil.name: stencil for stencil in self.build.stencils if stencil.name in self.names}

    def opcode(self, name: str) -> int:
        return self.names.index(name)

    def address(self, function: str) -> int:
        """Of a function or variable of the VM."""
        address: int = ctypes.cast(getattr(self.library, function), ctypes.c_void_p).value or 0
        return address

    def check(self, trace: Sequence[Instruction], seed: int, runs: int, flags: int = GARBAGE) -> Failure | None:
        """Run a trace from `runs` random states, both ways; what went wrong, if anything."""
        memory = (Instruction * len(trace))(*trace)
        totals = (ctypes.c_uint64 * (6 + len(self.names) + 1))()
        text = ctypes.create_string_buffer(2048)
        result = self.library.check_trace(memory, len(trace), flags, seed, runs, totals, text, len(text))
        for index, name in enumerate(("runs", "differences", "ended", "exited", "returned", "aborted")):
            setattr(self, name, getattr(self, name) + totals[index])
        for instruction in trace:
            name = self.names[instruction.opcode]
            if count := totals[6 + instruction.opcode]:
                self.executed[name] = self.executed.get(name, 0) + count
                totals[6 + instruction.opcode] = 0
        if result == 0:
            return None
        return Failure(result, text.value.decode(errors="replace"), self.show(trace))

    def show(self, trace: Sequence[Instruction]) -> str:
        """The trace as text, each micro-op with the operands that it reads."""
        lines = []
        for index, instruction in enumerate(trace):
            name = self.names[instruction.opcode]
            operands = [f"{hole}={getattr(instruction, hole)}" for hole in self.stencils[name].holes]
            lines.append(f"{index:4} {name} {' '.join(operands)}")
        return "\n".join(lines)


def random_value(rng: random.Random, bits: int = 64) -> int:
    """An edge, something near one, or anything."""
    match rng.randrange(4):
        case 0:
            value = rng.choice(EDGES)
        case 1:
            value = rng.choice(EDGES) + rng.randrange(-9, 10)
        case 2:
            value = rng.getrandbits(rng.randrange(1, 65)) * rng.choice((1, -1))
        case _:
            value = rng.getrandbits(64)
    return value & ((1 << bits) - 1)


def random_instruction(rng: random.Random, vm: TestVM, name: str, length: int, bias: int) -> Instruction:
    """A micro-op with random operands, for a trace of `length` micro-ops."""
    oparg = rng.randrange(8) if rng.random() < 0.3 else random_value(rng, 16)
    pointers = POINTER_OPERANDS.get(name, _objects if vm.follows_pointers else _pointers)(vm, rng)
    return Instruction(
        opcode=vm.opcode(name),
        oparg=oparg,
        slot=rng.choice((0, 1, 15, 16, 31, 32, 63, rng.randrange(64))),
        step=rng.randrange(-3, 4),
        choice=rng.randrange(8),
        target=rng.randrange(length + 1),
        other=rng.randrange(length + 1),
        imm=_signed(random_value(rng)),
        operand=random_value(rng),
        bias=_signed(bias),
        pointer=rng.choice(pointers),
        number=rng.choice(_REALS) if rng.random() < 0.5 else rng.uniform(-1e6, 1e6),
        single=rng.choice((0.0, -0.0, 1.0, 0.1, 1e30, rng.uniform(-1e3, 1e3))),
    )


def _signed(value: int) -> int:
    return value - 2**64 if value >> 63 else value


def _objects(vm: TestVM, rng: random.Random) -> list[int]:
    return [vm.library.vm_object(rng.randrange(32))]


def _pointers(vm: TestVM, rng: random.Random) -> list[int]:
    return [*_objects(vm, rng), *_objects(vm, rng), 0, random_value(rng)]


POINTER_OPERANDS: dict[str, Callable[[TestVM, random.Random], list[int]]] = {
    "POINTER": _objects,
    "LOAD_CONST": _objects,
    "GUARD_TYPE": lambda vm, rng: [vm.address(name) for name in ("Float_Type", "Int_Type", "List_Type")],
    "CALL_HOLE": lambda vm, rng: [vm.address("vm_opaque"), vm.address("vm_other")],
    "ADDRESS_OF_FUNCTION": lambda vm, rng: [vm.address("vm_opaque"), 5],
    "TAIL_THROUGH_HOLE": lambda vm, rng: [vm.address("vm_tail")],
}
"""Stencils that follow their pointer: what it may be."""


# ---- Compiling both forms into one library ----


def compile_vm(
    config: Config,
    workspace: Path,
    *,
    result: Build | None = None,
    change: Callable[[str], str] = lambda header: header,
    follows_pointers: bool = False,
) -> TestVM:
    """Build a configuration, compile the reference, the emit functions, runtime and harness, and load them.

    result: a build from `with_garbage(config)` made before; change: applied to the generated header; follows_pointers:
    whether operands that are pointers must be valid for every stencil.
    """
    zig = ziglang()
    if zig is None:
        pytest.skip("the ziglang wheel is not installed")
    workspace.mkdir(parents=True, exist_ok=True)
    result = result or build(with_garbage(config, workspace), cache=False)
    header, versions = _counting_versions(result)
    (workspace / "jit_stencils.h").write_text(change(header))
    (workspace / "glue.h").write_text(_glue(config, result) + f"#define VERSION_COUNT {max(len(versions), 1)}\n")
    library = workspace / "vm.so"
    directories = [workspace, config.directory, SUPPORT, paths.stencil_include(), paths.runtime() / "include"]
    names = ",".join(parameter.name for parameter in result.state)
    # not optimised: the reference is what the source says, and no optimiser's opinion of it
    command = [
        *(str(zig / "zig"), "cc", "-shared", "-fPIC", "-target", "x86_64-linux-gnu", "-mcpu=x86_64", "-std=gnu11"),
        *("-O0", "-fno-sanitize=undefined", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror"),
        *("-Wl,-Bsymbolic", f"-DSG_STATE_NAMES={names}", *config.stencils.flags),
        *(flag for directory in directories for flag in ("-I", str(directory))),
        *map(str, [*config.sources, SUPPORT / "harness.c", *_vm_sources(config), *_runtime_sources()]),
        *("-lm", "-o", str(library)),
    ]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=config.directory)
    assert finished.returncode == 0, finished.stderr
    names_in_order = tuple(stencil.name for stencil in result.stencils if stencil.name != "GARBAGE")
    return TestVM(config, result, _load(library), names_in_order, follows_pointers, versions=versions)


def _counting_versions(result: Build) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The header with emit functions that count which of their versions is emitted, and these versions in order."""
    header, found = result.header, list[tuple[str, str]]()

    def counting(version: dasc.Version) -> dasc.Version:
        if version.decision is not None:
            decision = version.decision
            both = dasc.Decision(decision.condition, counting(decision.yes), counting(decision.no))
            return replace(version, decision=both)
        count = dasc.Value(Symbol("counted", 0, 0), f"count_version({len(found) + len(numbers)})", 64)
        numbers.append(count)
        return replace(version, values=(*version.values, count))

    for built in result.stencils:
        numbers = list[dasc.Value]()
        stencil = built.stencil
        whole = counting(dasc.Version(stencil.values, stencil.hot, stencil.cold, stencil.decision))
        counted = replace(stencil, values=whole.values, decision=whole.decision)
        source = dasc.compile_stencil(counted).c_source
        assert built.c_source.rstrip() in header
        header = header.replace(built.c_source.rstrip(), source.rstrip())
        found += [(built.name, version.condition) for version in built.versions]
    return header, tuple(found)


def with_garbage(config: Config, workspace: Path) -> Config:
    """The configuration with GARBAGE as one more stencil."""
    workspace.mkdir(parents=True, exist_ok=True)
    garbage = workspace / "garbage.c"
    clang = find_clang()
    state = _state(config.directory)
    assert [name for _, name in state] == state_names(config, clang, config.sources[0])
    garbage.write_text(garbage_source(state))
    sources = [*config.stencils.sources, str(garbage)]
    return config.model_copy(
        update={
            "stencils": config.stencils.model_copy(
                update={"sources": sources, "include": [*config.stencils.include, "."]}
            )
        }
    )


def _state(directory: Path) -> list[tuple[str, str]]:
    """(type, name) of each state parameter, from the `#define STENCIL_STATE` of the VM's language.h."""
    line = next(line for line in (directory / "language.h").read_text().splitlines() if "define STENCIL_STATE" in line)
    parameters = line.split("STENCIL_STATE", 1)[1].split(",")
    pairs = (parameter.strip().replace("*", "* ").rpartition(" ") for parameter in parameters)
    return [(kind.strip(), name) for kind, _, name in pairs]


def _vm_sources(config: Config) -> list[Path]:
    return [config.directory / name for name in config.vm.sources]


@functools.cache
def _runtime_sources() -> tuple[Path, ...]:
    return tuple(sorted((paths.runtime() / "src").glob("*.c")))


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.check_trace.restype = ctypes.c_int64
    library.check_trace.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint32),
        *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ]
    library.vm_object.restype = ctypes.c_uint64
    library.vm_object.argtypes = [ctypes.c_uint32]
    return library


def _glue(config: Config, result: Build) -> str:
    """glue.h: the lists over which support/harness.c is written."""
    holes = {name: hole for name, hole in config.holes.items() if hole.kind == "value"}
    kinds = {
        name: "FLOAT" if hole.type in ("double", "float") else "POINTER" if "*" in (hole.type or "") else "INTEGER"
        for name, hole in holes.items()
    }
    names = [stencil.name for stencil in result.stencils]

    def each(macro: str, items: Sequence[str]) -> str:
        return f"#define EACH_{macro}(X) {' '.join(f'X({item})' for item in items)}"

    def of_kind(kind: str) -> list[str]:
        return [f"{name}, {hole.value}" for name, hole in holes.items() if kinds[name] == kind]

    arguments = ", ".join(f"state.{p.name}" for p in result.state)
    lines = [
        "/* The VM's state, stencils and holes, as lists for the harness. */",
        f'#include "{config.instruction.header}"',
        f"#define STENCIL_STATE {', '.join(f'{p.type} {p.name}' for p in result.state)}",
        f"#define STATE_COUNT {len(result.state)}",
        f"#define STENCIL_COUNT {len(names)}",
        f"#define GARBAGE_OPCODE {names.index('GARBAGE')}",
        f"#define CALL_STENCIL(function) function({arguments})",
        f"#define ENTER_TRACE(jit, code) sg_enter(jit, code, {arguments})",
        each("STATE", [p.name for p in result.state]),
        each("STENCIL", [name for name in names if name != "GARBAGE"]),
        each("INTEGER_HOLE", of_kind("INTEGER")),
        each("FLOAT_HOLE", of_kind("FLOAT")),
        each("POINTER_HOLE", of_kind("POINTER")),
        each("LABEL", [f"{name}, {hole.value}" for name, hole in config.holes.items() if hole.kind == "label"]),
    ]
    return "\n".join(lines) + "\n"
