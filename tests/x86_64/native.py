"""Running one instruction on the processor, on any state of registers, flags and memory, in a process of its own.

The state lies at a fixed address below 2³¹, so that the code around the instruction reaches it without a base register:
it loads every register (rsp too), runs the instruction, stores every register. The instruction's own memory is a window
of `WINDOW_SIZE` bytes that travels with the state. What the running processor cannot do is left out by CPUID name.
"""

from __future__ import annotations

import ctypes
import faulthandler
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

from x86_64 import Instruction, Memory, Register, rsp
from x86_64.registers import REGISTERS, r12, r13, r14, r15, rax, rbp, rbx

GENERAL = tuple(r for r in REGISTERS if r.kind == "r64")
FLAGS = 0xCD5  # CF PF AF ZF SF DF OF
_BY_KIND = {(r.kind, r.number): r for r in REGISTERS}


def cpu_features() -> frozenset[str]:
    """What /proc/cpuinfo lists; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return frozenset()
    return frozenset(next(line for line in text.splitlines() if line.startswith("flags")).split()[2:])


_NAMES = {  # the table's name of a feature: /proc/cpuinfo's
    "AVX512_IFMA": "avx512ifma", "AVX512_VBMI": "avx512vbmi", "CLFSH": "clflush", "CMPXCHG16B": "cx16",
    "D3NOW": "3dnow", "D3NOWEXT": "3dnowext",
    "LZCNT": "abm", "PKU": "ospke", "PREFETCHW": "3dnowprefetch", "RTM": "rtm", "SHA": "sha_ni", "SSE3": "pni",
    "CET_IBT": "ibt", "CET_SS": "user_shstk", "SGX1": "sgx", "MONITORX": "mwaitx",
}  # fmt: skip
_BASELINE = re.compile(r"INTEL\d+86.*|X64|FPU.*|CMOV|CX8|MMX|SSE2?|MULTIBYTENOP|SYSCALL|FXSR|TSC|SEP|PAUSE")


def can_run(features: tuple[str, ...]) -> bool:
    """Whether this processor has all of these CPUID features (the table's names)."""
    return all(_BASELINE.fullmatch(f) or _NAMES.get(f, f.lower()) in _CPU for f in features)


_CPU = cpu_features()
HAS_AVX512 = {"avx512f", "avx512bw", "avx512vl", "avx512dq"} <= _CPU
VECTORS = tuple(_BY_KIND["zmm" if HAS_AVX512 else "xmm", n] for n in range(32 if HAS_AVX512 else 16))
MASKS = tuple(_BY_KIND["k", n] for n in range(8)) if HAS_AVX512 else ()
X87 = tuple(_BY_KIND["st", n] for n in range(8))
STATE = (*GENERAL, *MASKS, *VECTORS, *X87)

# One state: an fxsave image (x87 and MXCSR), the flags, the registers in the order of STATE, the window.
_OFFSETS = {register: 32 + 16 * register.number for register in X87}
_FLAGS = 512
_size = _FLAGS + 8
for _register in STATE:
    if _register.kind != "st":
        _OFFSETS[_register] = _size
        _size += _register.size
REGISTERS_SIZE = _size + 63 & ~63
FIRST = _FLAGS + 8  # offset of the first register
WINDOW_SIZE = 0x2000
SIZE = REGISTERS_SIZE + WINDOW_SIZE

_BASE = 0x2000_0000
_OUTPUT = _BASE + 0x8000
WINDOW = _OUTPUT + REGISTERS_SIZE  # where the instruction's memory is; the output state ends with it
_SCRATCH = _BASE + 0x1_0000  # our own stack pointer, fs base, and a stack for the flags
_CODE = _BASE + 0x2_0000
_MAPPED = 0x3_0000
assert REGISTERS_SIZE + WINDOW_SIZE < 0x8000


def runs_here() -> bool:
    return platform.machine() == "x86_64" and sys.platform == "linux"


def get(state: bytes | bytearray, register: Register) -> bytes:
    return bytes(state[_OFFSETS[register] : _OFFSETS[register] + register.size])


def put(state: bytearray, register: Register, value: bytes) -> None:
    state[_OFFSETS[register] : _OFFSETS[register] + register.size] = value


def flags(state: bytes | bytearray) -> int:
    return int(struct.unpack_from("<Q", state, _FLAGS)[0])


def put_flags(state: bytearray, value: int) -> None:
    struct.pack_into("<Q", state, _FLAGS, value & FLAGS | 0x202)


# All exceptions masked, the top of the register stack at register 0 (so that mm0 is the low half of st0).
X87_DEFAULTS = struct.pack("<HHBBHQQII", 0x37F, 0, 0xFF, 0, 0, 0, 0, 0x1F80, 0xFFFF)


def put_x87_defaults(state: bytearray, tags: int = 0xFF) -> None:
    """`tags` has a bit for each register in use."""
    state[:32] = X87_DEFAULTS
    state[4] = tags


def window(state: bytes | bytearray) -> bytes:
    return bytes(state[REGISTERS_SIZE:])


def _at(address: int, size: int | None = None) -> Memory:
    return Memory(displacement=address, size=size)


def _moves(area: int, load: bool) -> Iterator[Instruction]:
    names = {"zmm": "VMOVDQU64", "xmm": "MOVUPS", "k": "KMOVQ", "r64": "MOV"}
    for register in (*VECTORS, *MASKS, *GENERAL):
        place = _at(area + _OFFSETS[register])
        yield Instruction(names[register.kind], (register, place) if load else (place, register))


@cache
def _frame() -> tuple[bytes, bytes]:
    """What stands before and after the instruction in a function without arguments."""
    saved = (rbx, rbp, r12, r13, r14, r15)
    thread = "fsgsbase" in _CPU  # instructions may change fs, on which the C library depends
    before = [
        *(Instruction("PUSH", (r,)) for r in saved),
        Instruction("MOV", (_at(_SCRATCH), rsp)),
        *([Instruction("RDFSBASE", (rax,)), Instruction("MOV", (_at(_SCRATCH + 8, 8), rax))] if thread else []),
        Instruction("FXRSTOR64", (_at(_BASE),)),
        Instruction("MOV", (rsp, _at(_SCRATCH + 16))),
        Instruction("PUSH", (_at(_BASE + _FLAGS, 8),)),
        Instruction("POPFQ"),
        *_moves(_BASE, load=True),
    ]
    after = [
        *_moves(_OUTPUT, load=False),
        Instruction("MOV", (rsp, _at(_SCRATCH + 16))),
        Instruction("PUSHFQ"),
        Instruction("POP", (_at(_OUTPUT + _FLAGS, 8),)),
        Instruction("CLD"),
        Instruction("FXSAVE64", (_at(_OUTPUT),)),
        Instruction("FNINIT"),
        *([Instruction("MOV", (rax, _at(_SCRATCH + 8, 8))), Instruction("WRFSBASE", (rax,))] if thread else []),
        Instruction("MOV", (rsp, _at(_SCRATCH))),
        *(Instruction("POP", (r,)) for r in reversed(saved)),
        Instruction("RET"),
    ]
    return b"".join(i.encode() for i in before), b"".join(i.encode() for i in after)


def run_all(jobs: list[tuple[bytes, list[bytes]]]) -> list[list[bytes] | int]:
    """Each job is an instruction's code and input states; the output states, or the signal that ended the process."""
    results: list[list[bytes] | int] = []
    _frame()  # before forking
    while len(results) < len(jobs):
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(source)
            with os.fdopen(sink, "wb") as pipe:
                faulthandler.disable()  # a fault is an answer, not news
                run = _Runner()
                for code, states in jobs[len(results) :]:
                    pickle.dump([run(code, state) for state in states], pipe)
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
            results.append(os.WTERMSIG(status))
    return results


class _Runner:
    """Maps the fixed addresses; runs code between the frame's halves."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        anywhere = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        place = libc.mmap(_BASE, _MAPPED, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC, anywhere | 0x10, -1, 0)
        assert place == _BASE, "the fixed address is taken"
        self.function = ctypes.CFUNCTYPE(None)(_CODE)
        self.before, self.after = _frame()
        ctypes.memmove(_SCRATCH + 16, struct.pack("<Q", _SCRATCH + 0x1000), 8)

    def __call__(self, code: bytes, state: bytes) -> bytes:
        text = self.before + code + self.after
        ctypes.memmove(_CODE, text, len(text))
        ctypes.memmove(_BASE, state, REGISTERS_SIZE)
        ctypes.memmove(WINDOW, state[REGISTERS_SIZE:], WINDOW_SIZE)
        self.function()
        return ctypes.string_at(_OUTPUT, SIZE)
