"""Running one instruction on the processor, on any register state, in a process of its own.

The code around it loads every register from an input state and stores every register to an output state; its only own
register is the stack pointer. What the running processor cannot do is left out by CPUID name.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import platform
import re
import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from x86_64 import Instruction, Memory, Register, rdi, rsp
from x86_64.registers import REGISTERS

GENERAL = tuple(r for r in REGISTERS if r.kind == "r64" and r is not rsp)
FLAGS = 0x8D5  # CF PF AF ZF SF OF; DF stays clear, as the calling convention wants it
_BY_KIND = {(r.kind, r.number): r for r in REGISTERS}


def cpu_features() -> frozenset[str]:
    """What /proc/cpuinfo lists; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    return frozenset(next(line for line in text.splitlines() if line.startswith("flags")).split()[2:])


_NAMES = {  # the table's name of a feature: /proc/cpuinfo's
    "AVX512_IFMA": "avx512ifma", "AVX512_VBMI": "avx512vbmi", "CLFSH": "clflush", "D3NOW": "3dnow", "D3NOWEXT": "3dnowext",
    "LZCNT": "abm", "PKU": "ospke", "SHA": "sha_ni", "SSE3": "pni",
}  # fmt: skip
_BASELINE = re.compile(r"INTEL\d86.*|X64|FPU.*|CMOV|CX8|MMX|SSE2?|MULTIBYTENOP|SYSCALL")


def can_run(features: tuple[str, ...]) -> bool:
    """Whether this processor has all of these CPUID features (the table's names)."""
    return all(_BASELINE.fullmatch(f) or _NAMES.get(f, f.lower()) in _CPU for f in features)


_CPU = cpu_features()
HAS_AVX512 = {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= _CPU
VECTORS = tuple(_BY_KIND["zmm" if HAS_AVX512 else "xmm", n] for n in range(32 if HAS_AVX512 else 16))
MASKS = tuple(_BY_KIND["k", n] for n in range(8)) if HAS_AVX512 else ()
STATE = (*GENERAL, *MASKS, *VECTORS)
_OFFSETS: dict[Register, int] = {}
_size = 8  # the flags come first
for _register in STATE:
    _OFFSETS[_register] = _size
    _size += _register.size
SIZE = _size


def runs_here() -> bool:
    return platform.machine() == "x86_64" and sys.platform == "linux"


def get(state: bytes | bytearray, register: Register) -> bytes:
    return bytes(state[_OFFSETS[register] : _OFFSETS[register] + register.size])


def put(state: bytearray, register: Register, value: bytes) -> None:
    state[_OFFSETS[register] : _OFFSETS[register] + register.size] = value


def flags(state: bytes | bytearray) -> int:
    return int(struct.unpack_from("<Q", state)[0])


def put_flags(state: bytearray, value: int) -> None:
    struct.pack_into("<Q", state, 0, value & FLAGS | 0x202)


def _moves(load: bool) -> Iterator[Instruction]:
    for register in (*VECTORS, *MASKS, *(r for r in GENERAL if r is not rdi)):
        place = Memory(rdi, displacement=_OFFSETS[register] + (0 if load else SIZE))
        name = {"zmm": "VMOVDQU64", "xmm": "MOVUPS", "k": "KMOVQ", "r64": "MOV"}[register.kind]
        yield Instruction(name, (register, place) if load else (place, register))


@cache
def _frame() -> tuple[bytes, bytes]:
    """What stands before and after the instruction in a function of the states' address (in rdi): input, then output."""
    saved = [r for r in GENERAL if r.name in ("rbx", "rbp", "r12", "r13", "r14", "r15")]
    before = [
        *(Instruction("PUSH", (r,)) for r in saved),
        Instruction("PUSH", (rdi,)),
        Instruction("PUSH", (Memory(rdi, size=8),)),
        *_moves(load=True),
        Instruction("POPFQ"),
        Instruction("MOV", (rdi, Memory(rdi, displacement=_OFFSETS[rdi]))),
    ]
    after = [
        Instruction("XCHG", (rdi, Memory(rsp))),
        *_moves(load=False),
        Instruction("PUSHFQ"),
        Instruction("POP", (Memory(rdi, displacement=SIZE, size=8),)),
        Instruction("POP", (Memory(rdi, displacement=SIZE + _OFFSETS[rdi], size=8),)),
        *(Instruction("POP", (r,)) for r in reversed(saved)),
        Instruction("CLD"),
        Instruction("RET"),
    ]
    return b"".join(i.encode() for i in before), b"".join(i.encode() for i in after)


def run_all(jobs: list[tuple[bytes, list[bytes]]]) -> list[list[bytes] | None]:
    """Each job is an instruction's code and input states; the output states, or None where the processor refused it."""
    results: list[list[bytes] | None] = []
    _frame()  # before forking
    while len(results) < len(jobs):
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(source)
            with os.fdopen(sink, "wb") as pipe:
                for code, states in jobs[len(results) :]:
                    pickle.dump(_run(code, states), pipe)
                    pipe.flush()
            os._exit(0)
        os.close(sink)
        with os.fdopen(source, "rb") as pipe:
            try:
                while True:
                    results.append(pickle.load(pipe))
            except EOFError:
                pass
        _, status = os.waitpid(child, 0)
        if status:
            results.append(None)
    return results


def _run(code: bytes, states: list[bytes]) -> list[bytes]:
    text = code.join(_frame())
    with mmap.mmap(-1, len(text), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as memory:
        memory.write(text)
        anchor = ctypes.c_char.from_buffer(memory)
        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(anchor))
        outputs = []
        for state in states:
            area = ctypes.create_string_buffer(state + bytes(SIZE), 2 * SIZE)
            function(ctypes.addressof(area))
            outputs.append(area.raw[SIZE:])
        del anchor
    return outputs
