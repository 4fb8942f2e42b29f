"""The VMs whose micro-ops are emitted, and traces of them.

template(300)   so many stencils of the usual kinds, no two equal (those of `python -m bench build`)
minipy()        examples/minipy with the traces that its programs really have
"""

import ctypes
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import build as templates
from bench.frame.machine import ROOT
from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import Build
from stencilgen.pipeline import build as build_stencils

__all__ = ["BUILD", "MINIPY", "Trace", "Vm", "minipy", "minipy_traces", "of_one", "shuffled", "template"]

BUILD = Path(__file__).resolve().parent / "build"
MINIPY = ROOT / "examples" / "minipy"


@dataclass(frozen=True, slots=True)
class Vm:
    """A VM with its stencils built. sources: its C files; includes: where its headers are."""

    name: str
    built: Build
    sources: tuple[Path, ...]
    includes: tuple[Path, ...]
    instruction: type[ctypes.Structure]


@dataclass(frozen=True, slots=True)
class Trace:
    """Micro-ops by name, with the fields of their instructions."""

    ops: tuple[tuple[str, dict[str, int]], ...]

    def instructions(self, vm: Vm, opcodes: Mapping[str, int]) -> ctypes.Array[ctypes.Structure]:
        """As the VM's C has them."""
        array = (vm.instruction * len(self.ops))()
        for place, (name, fields) in zip(array, self.ops, strict=True):
            for field, value in {"opcode": opcodes[name], **fields}.items():
                setattr(place, field, value)
        return array


# ---- Stencils from templates ----


class _TemplateInstruction(ctypes.Structure):
    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("oparg", ctypes.c_uint16),
        ("target", ctypes.c_uint32),
        ("operand", ctypes.c_uint64),
    ]


_CALLEES = """\
#include "vm.h"
Type float_type;
Object *float_new(Thread *thread, double number) { (void)thread; (void)number; return NULL; }
void object_free(Object *object) { (void)object; }
void raise_error(Thread *thread, const char *message) { (void)thread; (void)message; }
int64_t compute(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) { return a + b + c + d + e + f; }
int trace_log(const char *format, ...) { (void)format; return 0; }
"""


def template(count: int) -> Vm:
    """A VM of so many stencils, each different."""
    folder = BUILD / f"template-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "vm.h": templates.HEADER,
        "stencilgen.toml": templates.CONFIGURATION,
        "stencils.c": templates.stencils(count),
        "vm.c": _CALLEES,
    }.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    built = build_stencils(load_config(folder))
    return Vm(f"template-{count}", built, (folder / "vm.c",), (folder,), _TemplateInstruction)


def of_one(name: str, length: int, seed: int) -> Trace:
    """The same micro-op again and again, with operands at random."""
    chance = random.Random(seed)
    return Trace(tuple((name, _operands(chance)) for _ in range(length)))


def shuffled(vm: Vm, length: int, seed: int) -> Trace:
    """All micro-ops of the VM in random order, and again in another, until there are enough."""
    chance = random.Random(seed)
    names: list[str] = []
    while len(names) < length:
        names += chance.sample([stencil.name for stencil in vm.built.stencils], len(vm.built.stencils))
    return Trace(tuple((name, _operands(chance)) for name in names[:length]))


def _operands(chance: random.Random) -> dict[str, int]:
    """Indices are mostly small, as they are in programs: one in eight needs a wide displacement."""
    return {"oparg": chance.choice([*range(14), 200, 300]), "operand": chance.choice([0, 1, chance.getrandbits(64)])}


# ---- minipy ----


class _MinipyInstruction(ctypes.Structure):
    _fields_ = [
        ("opcode", ctypes.c_uint16),
        ("d", ctypes.c_int16),
        ("a", ctypes.c_int16),
        ("b", ctypes.c_int16),
        ("operand", ctypes.c_uint64),
        ("target", ctypes.c_int32),
        ("line", ctypes.c_uint32),
        ("back", ctypes.c_uint64),
    ]


def minipy() -> Vm:
    """examples/minipy."""
    built = build_stencils(load_config(MINIPY), directory=BUILD / "minipy")
    # What stencils call; the front of the VM and its JIT are not needed.
    own = tuple(path for path in sorted((MINIPY / "vm").glob("*.c")) if path.name not in ("stencils.c", "main.c"))
    return Vm("minipy", built, own, (MINIPY, MINIPY / "vm"), _MinipyInstruction)


def minipy_traces(programs: Sequence[Path]) -> list[Trace]:
    """The traces that minipy compiles while it runs these programs."""
    traces = []
    with tempfile.TemporaryDirectory() as folder:
        for program in programs:
            file = Path(folder) / f"{program.stem}.jsonl"
            command = [sys.executable, str(MINIPY / "minipy.py"), "--traces", str(file), str(program)]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300)
            if done.returncode:
                raise UserError(f"minipy does not run {program.name}: {done.stderr.strip()}")
            for line in file.read_text().splitlines():
                ops = json.loads(line)["ops"]
                traces.append(Trace(tuple((op["op"], {field: op[field] for field in _FIELDS}) for op in ops)))
    return traces


_FIELDS = ("d", "a", "b", "operand", "target", "back", "line")
