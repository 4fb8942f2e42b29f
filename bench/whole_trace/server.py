"""Compiles whole traces for VMs that ask over a socket, and keeps what it has compiled.

    VM                                             here
    names of micro-ops; symbols and addresses  ─▶
    COMPILE, micro-ops with holes and facts    ─▶  the same trace before? else ir.py, LLVM in a child process, placing.py
                                               ◀─  sizes, exits
    PLACE, addresses of the parts and exits    ─▶
                                               ◀─  bytes

A trace is the same in any process, whatever its addresses are: they are numbered in the order in which they occur, and
filled in when the code is placed. So LLVM compiles it once, and a VM that is measured gets it at once from then on.
"""

import hashlib
import multiprocessing
import os
import pickle
import socketserver
import struct
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import cast

from bench.vm import forget_old
from bench.whole_trace import compile as backend
from bench.whole_trace import ir, placing
from bench.whole_trace.ir import Operation, Unknown, Value, holes_of, whole_trace
from bench.whole_trace.placing import Placeable, placeable
from llvm_passes.module import Module

__all__ = ["Server", "Stencils"]

BUILD = Path(__file__).resolve().parent / "build" / "traces"
COMPILE, PLACE = 1, 2
_FIRST_ADDRESS = 1 << 16
"""Nothing lies below."""


@dataclass(frozen=True)
class Stencils:
    """module: the stencils' IR; holes: their names, as the VM sends their values; values: holes of a stencil that are integers,
    but an object's address where the two lowest bits are 0.
    """

    module: Module
    holes: tuple[str, ...]
    values: frozenset[tuple[str, str]]

    def operations(
        self, trace: Sequence[tuple[str, Sequence[int]]], known: Sequence[Mapping[int, int]] = ()
    ) -> tuple[list[Operation], list[int]]:
        """Micro-ops with the holes that they read and what is known before them, and the addresses among holes by number."""
        numbers: dict[int, int] = {}
        operations = []
        for index, (name, values) in enumerate(trace):
            given = dict(zip(self.holes, values, strict=True))
            read = {hole: self._value(name, kind, hole, given[hole], numbers) for kind, hole in self._read(name)}
            asks = "@__sg_fact_holds(" in self.module.functions[name]
            operations.append(Operation(name, read, known[index] if known and asks else {}))
        return operations, list(numbers)

    def _value(self, name: str, kind: str, hole: str, bits: int, numbers: dict[int, int]) -> Value:
        is_address = kind == "p" or ((name, hole) in self.values and bits & 3 == 0)
        if is_address and bits >= _FIRST_ADDRESS:
            return Unknown(numbers.setdefault(bits, len(numbers)), min(bits & -bits, 8))
        if kind == "f64":
            return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
        return bits if kind != "label" else bits & 0xFFFFFFFF

    def _read(self, name: str) -> list[tuple[str, str]]:
        if name not in self._known:
            self._known[name] = sorted(holes_of(self.module, name), key=lambda one: self.holes.index(one[1]))
        return self._known[name]

    _known: dict[str, list[tuple[str, str]]] = field(default_factory=dict, compare=False)


class Server:
    """A thread that answers at `path`, each VM in a thread of its own. answered: of each trace that was asked for the micro-ops,
    and the seconds that LLVM took when it compiled it.
    """

    def __init__(self, stencils: Stencils, level: int, path: Path) -> None:
        self.stencils, self.level, self.path = stencils, level, path
        parts = [Path(str(module.__file__)).read_bytes() for module in (ir, placing, backend)]
        digest = hashlib.sha256(b"\0".join([str(level).encode(), repr(stencils.module).encode(), *parts]))
        self.folder = BUILD / digest.hexdigest()[:20]
        self.known: dict[str, Placeable] = {}
        self.answered: list[tuple[int, float]] = []
        self._busy: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._listener: _Listener | None = None

    def __enter__(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        os.utime(self.folder)
        forget_old(BUILD, keep=4)
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(os.cpu_count(), context, backend.prepare, (self.level,))
        self._listener = _Listener(str(self.path), _Connection)
        self._listener.answering = self
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener is not None and self._pool is not None
        self._listener.shutdown()
        self._listener.server_close()
        self._pool.shutdown()

    def compile(self, operations: Sequence[Operation]) -> Placeable:
        """The code of a trace: from memory, from a file, or from LLVM."""
        key = hashlib.sha256(repr(operations).encode()).hexdigest()[:32]
        with self._lock:
            busy = self._busy.setdefault(key, threading.Lock())
        with busy:
            if key not in self.known:
                file = self.folder / key
                if not file.exists():
                    temporary = file.with_suffix(f".{os.getpid()}")
                    temporary.write_bytes(pickle.dumps(self._compiled(operations)))
                    temporary.replace(file)
                self.known[key] = cast(Placeable, pickle.loads(file.read_bytes()))
            self.answered.append((len(operations), self.known[key].seconds))
            return self.known[key]

    def _compiled(self, operations: Sequence[Operation]) -> Placeable:
        assert self._pool is not None
        text = whole_trace(self.stencils.module, operations, no_alias=False, stubs=False)
        made = self._pool.submit(backend.compiled, text, self.level).result()
        return placeable(made.code, "whole_trace", made.optimising + made.generating)


class _Listener(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    answering: Server


class _Connection(socketserver.StreamRequestHandler):
    """One VM."""

    def handle(self) -> None:
        self.answering = cast(_Listener, self.server).answering
        self.names, self.symbols = self._introduction()
        self.code: Placeable | None = None
        self.unknown: list[int] = []
        while header := self.rfile.read(8):
            question, count = struct.unpack("<2I", header)
            try:
                answer = self._compile(count) if question == COMPILE else self._place(count)
            except Exception as error:  # the VM says it, and stops
                text = f"{type(error).__name__}: {error}".encode()
                answer = struct.pack("<I", len(text)) + text
            self.wfile.write(answer)

    def _introduction(self) -> tuple[list[str], dict[str, int]]:
        """The micro-ops' names by opcode, and the VM's symbols."""
        (size,) = struct.unpack("<I", self.rfile.read(4))
        lines = [line.split() for line in self.rfile.read(size).decode().splitlines()]
        names = [words[1] for words in lines if words[0] == "op"]
        return names, {words[1]: int(words[2]) for words in lines if words[0] == "symbol"}

    def _compile(self, length: int) -> bytes:
        stencils = self.answering.stencils
        width = 1 + len(stencils.holes)
        values = self._numbers(length * width)
        rows = [values[start : start + width] for start in range(0, len(values), width)]
        ends = self._numbers(length)
        found = struct.unpack(f"<{2 * ends[-1]}q", self.rfile.read(16 * ends[-1]))  # locations may be below 0
        pairs = list(zip(found[::2], found[1::2], strict=True))
        known = [dict(pairs[start:end]) for start, end in pairwise((0, *ends))]
        operations, self.unknown = stencils.operations([(self.names[row[0]], row[1:]) for row in rows], known)
        self.code = self.answering.compile(operations)
        exits = self.code.exits
        return struct.pack(f"<I5I{len(exits)}I", 0, *self.code.sizes(), len(exits), *exits)

    def _place(self, count: int) -> bytes:
        addresses = self._numbers(count)
        assert self.code is not None
        where = dict(zip((*placing.PARTS, "jumps"), addresses[:4], strict=True))
        placed = self.code.place(where, addresses[4:], self.symbols, self.unknown)
        return struct.pack("<2I", 0, len(placed["jumps"])) + b"".join(placed.values())

    def _numbers(self, count: int) -> tuple[int, ...]:
        return struct.unpack(f"<{count}Q", self.rfile.read(8 * count))
