"""Runs machine code on given register states, in a process that may crash without harm.

Reads requests from stdin and writes answers to stdout, each a pickled list behind its length (4 bytes). One mapping
at a fixed low address holds, in this order: the code page (writable while code is copied in, then executable and no
longer writable), the page of saved registers, and the page of memory that programs under test may use.
"""

import ctypes
import mmap
import pickle
import struct
import sys
from typing import IO

BASE = 0x1000_0000
PAGE = 4096
REGISTERS = BASE + PAGE
MEMORY = BASE + 2 * PAGE
MEMORY_SIZE = 256
IN, OUT, SAVED_RSP = 0, 1024, 2048
"""Within the page of registers: 16 general registers, rflags, 8 xmm registers; the same again; the harness's rsp."""
FLAGS, VECTORS = 16 * 8, 17 * 8
STATE_SIZE = VECTORS + 8 * 16
RSP = 4
SAVED = (3, 5, 12, 13, 14, 15)
"""rbx rbp r12 r13 r14 r15: what the C convention wants back."""

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE = 0x2 | 0x20 | 0x100000


class Writer:
    """Machine code at BASE, just enough of it to load and store every register at an absolute address."""

    def __init__(self) -> None:
        self.code = bytearray()

    def rip(self, prefix: bytes, opcode: bytes, field: int, address: int) -> None:
        """One instruction with a RIP-relative operand; `field` is ModRM.reg."""
        self.code += prefix + opcode + bytes([(field & 7) << 3 | 5])
        self.code += struct.pack("<i", address - (BASE + len(self.code) + 4))

    def general(self, opcode: int, register: int, address: int) -> None:
        self.rip(bytes([0x48 | (register >> 3) << 2]), bytes([opcode]), register, address)

    def load(self, register: int, address: int) -> None:
        self.general(0x8B, register, address)

    def store(self, register: int, address: int) -> None:
        self.general(0x89, register, address)


def harness(program: bytes) -> bytes:
    """void harness(void): state in, program, state out."""
    w = Writer()
    for register in SAVED:
        w.code += (b"\x41" if register >= 8 else b"") + bytes([0x50 | register & 7])
    w.store(RSP, REGISTERS + SAVED_RSP)
    w.rip(b"", b"\xff", 6, REGISTERS + IN + FLAGS)  # push
    w.code += b"\x9d"  # popfq
    for i in range(8):
        w.rip(b"", b"\x0f\x10", i, REGISTERS + IN + VECTORS + 16 * i)
    for register in range(16):
        w.load(register, REGISTERS + IN + 8 * register)
    w.code += program
    for register in range(16):
        w.store(register, REGISTERS + OUT + 8 * register)
    for i in range(8):
        w.rip(b"", b"\x0f\x11", i, REGISTERS + OUT + VECTORS + 16 * i)
    w.load(RSP, REGISTERS + SAVED_RSP)
    w.code += b"\x9c"  # pushfq
    w.rip(b"", b"\x8f", 0, REGISTERS + OUT + FLAGS)  # pop
    w.code += b"\xfc"  # cld
    for register in reversed(SAVED):
        w.code += (b"\x41" if register >= 8 else b"") + bytes([0x58 | register & 7])
    return bytes(w.code) + b"\xc3"


def allocate() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    got = libc.mmap(BASE, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANONYMOUS_FIXED_NOREPLACE, -1, 0)
    if got != BASE:
        sys.exit(f"cannot map {BASE:#x}: errno {ctypes.get_errno()}")
    return libc


def protect(libc: ctypes.CDLL, rights: int) -> None:
    if libc.mprotect(BASE, PAGE, rights):
        sys.exit(f"cannot change page rights: errno {ctypes.get_errno()}")


def run(libc: ctypes.CDLL, program: bytes, states: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Each state is (registers, memory), as is each result."""
    code = harness(program)
    if len(code) > PAGE:
        sys.exit("the program does not fit in its page")
    protect(libc, PROT_READ | PROT_WRITE)
    ctypes.memmove(BASE, code, len(code))
    protect(libc, PROT_READ | PROT_EXEC)
    function = ctypes.CFUNCTYPE(None)(BASE)
    results = []
    for registers, memory in states:
        ctypes.memmove(REGISTERS + IN, registers, STATE_SIZE)
        ctypes.memmove(MEMORY, memory, MEMORY_SIZE)
        function()
        results.append((ctypes.string_at(REGISTERS + OUT, STATE_SIZE), ctypes.string_at(MEMORY, MEMORY_SIZE)))
    return results


def receive(stream: IO[bytes]) -> object:
    head = stream.read(4)
    return pickle.loads(stream.read(struct.unpack("<I", head)[0])) if head else None


def send(stream: IO[bytes], message: object) -> None:
    data = pickle.dumps(message)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


def main() -> None:
    assert mmap.PAGESIZE == PAGE
    libc = allocate()
    while (request := receive(sys.stdin.buffer)) is not None:
        send(sys.stdout.buffer, [run(libc, program, states) for program, states in request])  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
