"""Native execution for tests: run encoded instructions on chosen machine states and look at what they left.

The code runs in a child process (`native_child.py`), so a crash is a test failure and not the end of the test run.
"""

import random
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from x86_64 import Instruction

from .native_child import MEMORY, MEMORY_SIZE, STATE_SIZE, receive, send
from .semantics import FLAGS, GENERAL

__all__ = ["MEMORY", "MEMORY_SIZE", "NativeState", "Processor", "ProgramCrashed", "encode", "random_state"]

FLAG_BITS = {"CF": 0, "PF": 2, "AF": 4, "ZF": 6, "SF": 7, "OF": 11}
RESERVED_FLAGS = 1 << 1 | 1 << 9
"""Bit 1 of rflags is always set; interrupts stay enabled."""
LAYOUT = struct.Struct("<17Q128s")


class ProgramCrashed(Exception):
    """The child process died while it ran the program."""


@dataclass(frozen=True, slots=True)
class NativeState:
    """Registers by name, flags by name, xmm0 to xmm7 as 128 bytes, and the `MEMORY_SIZE` bytes at address `MEMORY`."""

    registers: dict[str, int]
    flags: dict[str, bool]
    vectors: bytes
    memory: bytes

    def with_registers(self, **values: int) -> "NativeState":
        return replace(self, registers={**self.registers, **values})

    def pack(self) -> tuple[bytes, bytes]:
        flags = RESERVED_FLAGS | sum(1 << FLAG_BITS[name] for name in FLAGS if self.flags[name])
        return LAYOUT.pack(*(self.registers[name] for name in GENERAL), flags, self.vectors), self.memory

    @classmethod
    def unpack(cls, registers: bytes, memory: bytes) -> "NativeState":
        *general, flags, vectors = LAYOUT.unpack(registers)
        return cls(
            dict(zip(GENERAL, general, strict=True)),
            {name: bool(flags >> bit & 1) for name, bit in FLAG_BITS.items()},
            vectors,
            memory,
        )


assert LAYOUT.size == STATE_SIZE

CORNERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, (1 << 63) - 1)


def random_state(source: random.Random) -> NativeState:
    """Any state, corner values often; rsp and rsi point into the middle of the memory."""

    def word() -> int:
        if source.random() < 0.4:
            return (source.choice(CORNERS) * source.choice((1, -1))) & (1 << 64) - 1
        return source.getrandbits(64)

    state = NativeState(
        {name: word() for name in GENERAL},
        {name: source.random() < 0.5 for name in FLAGS},
        source.randbytes(128),
        source.randbytes(MEMORY_SIZE),
    )
    return state.with_registers(rsp=MEMORY + MEMORY_SIZE // 2, rsi=MEMORY + MEMORY_SIZE // 2)


def encode(program: Iterable[Instruction]) -> bytes:
    return b"".join(bytes(instruction.encode()) for instruction in program)


class Processor:
    """The child process; a context manager."""

    def __enter__(self) -> "Processor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        child = Path(__file__).with_name("native_child.py")
        self.child = subprocess.Popen([sys.executable, "-I", str(child)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self) -> None:
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()

    def run(self, programs: Sequence[tuple[bytes, Sequence[NativeState]]]) -> list[list[NativeState]]:
        """The state that each program leaves for each of its states. ProgramCrashed if the child dies."""
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            send(self.child.stdin, [(code, [state.pack() for state in states]) for code, states in programs])
            answer = receive(self.child.stdout)
        except BrokenPipeError:
            answer = None
        if not isinstance(answer, list):
            self.stop()
            status = self.child.returncode
            self.start()
            raise ProgramCrashed(f"exit status {status} while running {[code.hex(' ') for code, _ in programs]}")
        return [[NativeState.unpack(*result) for result in results] for results in answer]
