"""Compiles emit functions with the C compiler at hand and runs them in a process of its own."""

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dasc import File, Stencil, compile_file

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", f"-I{ROOT / 'runtime/include'}"]
REPLACED = """\
#define sg_exit_stub sg_exit_stub_of_the_runtime
#include <stencilgen/emit.h>
#undef sg_exit_stub
#define sg_exit_stub test_exit_stub
uint8_t *test_exit_stub(sg_assembler *as, uint8_t *p);
"""
PREAMBLE = (
    "typedef struct Instruction { uint64_t v[4]; uint32_t target; } Instruction;",
    "static void near_function(void) {}",
    "static uint8_t near_data[64];",
    "#define FAR (*(const char *)0x123456789abc)",
)


def c_compiler() -> list[str]:
    """$CC, else cc, else the Clang of the ziglang wheel."""
    if os.environ.get("CC"):
        return os.environ["CC"].split()
    return ["cc"] if shutil.which("cc") else [sys.executable, "-m", "ziglang", "cc"]


@dataclass(frozen=True)
class Request:
    """Emit stencil number `op` as micro-op `index` of `length` in a trace with this frame."""

    op: int
    index: int
    length: int
    frame: int
    values: tuple[int, ...]
    target: int

    def pack(self) -> bytes:
        values = [value % (1 << 64) for value in (*self.values, 0, 0, 0, 0)[:4]]
        return struct.pack("<4I4QI4x", self.op, self.index, self.length, self.frame, *values, self.target)


_ANSWER = struct.Struct("<QQIIQQQQQI4x" + "128Q" + "I4x" + "128Q" + "256s")


@dataclass(frozen=True)
class Answer:
    """What was emitted, where, and what it refers to. jumps, slots: by address."""

    hot: int
    cold: int
    hot_code: bytes
    cold_code: bytes
    previous: int
    exit_routine: int
    addresses: dict[str, int]
    jumps: dict[int, int]
    slots: dict[int, int]
    error: str


def run(stencils: Sequence[Stencil], requests: Sequence[Request], directory: Path, *flags: str) -> list[Answer]:
    """Compile the stencils into one program, which must not warn, and let it answer the requests."""
    source = compile_file(File(PREAMBLE, stencils=tuple(stencils)))
    table = "".join(f"    {{emit_{stencil.name}}},\n" for stencil in stencils)
    program = directory / "emit.c"
    program.write_text(
        f"{REPLACED}{source}\nstruct test_op {{ void (*emit)(sg_assembler *, const Instruction *); }};\n"
        f'static const struct test_op ops[] = {{\n{table}}};\n#include "{HERE / "harness.c"}"\n'
    )
    executable = directory / "emit"
    command = [*c_compiler(), *WARNINGS, "-DSG_DEBUG", *flags, str(program), "-o", str(executable)]
    compiled = subprocess.run(command, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stderr
    done = subprocess.run([executable], input=b"".join(request.pack() for request in requests), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    return list(_answers(done.stdout))


def _answers(output: bytes) -> Iterator[Answer]:
    position = 0
    while position < len(output):
        fields = _ANSWER.unpack_from(output, position)
        position += _ANSWER.size
        hot, cold, hot_size, cold_size, previous, exit_routine, near_function, near_data, rodata, jump_count = fields[
            :10
        ]
        jumps, slot_count, slots, error = fields[10:138], fields[138], fields[139:267], fields[267]
        hot_code = output[position : position + hot_size]
        cold_code = output[position + hot_size : position + hot_size + cold_size]
        position += hot_size + cold_size
        yield Answer(
            hot,
            cold,
            hot_code,
            cold_code,
            previous,
            exit_routine,
            {
                "near_function": near_function,
                "near_data": near_data,
                "FAR": 0x1234_5678_9ABC,
                "SG_RODATA(16)": rodata + 16,
            },
            dict(zip(jumps[: 2 * jump_count : 2], jumps[1 : 2 * jump_count : 2], strict=True)),
            dict(zip(slots[: 2 * slot_count : 2], slots[1 : 2 * slot_count : 2], strict=True)),
            error.split(b"\0")[0].decode(),
        )
