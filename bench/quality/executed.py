"""What minipy's traces execute, instruction by instruction: callgrind counts by address, and the VM notes what lies there.

The VMs that are measured write each trace's code down when it is compiled, if they are asked to (bench/baseline/measured).
Linking changes only where a jump goes afterwards.
"""

import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import iced_x86

from bench.frame.measure import run_process
from bench.vm.counts import Executed, executions
from stencilgen.errors import UserError

__all__ = ["InTraces", "executed", "parts"]


@dataclass(frozen=True, slots=True)
class InTraces:
    """trace: the instructions of all traces, each with its executions; outside: executions of all others."""

    trace: tuple[Executed, ...]
    outside: float

    @property
    def inside(self) -> float:
        return sum(one.count for one in self.trace)


def executed(command: Sequence[str | Path]) -> InTraces:
    """Run a VM of bench/baseline/minipy.py under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        counts, notes = Path(folder) / "counts", Path(folder) / "code"
        callgrind = (
            *("valgrind", "--tool=callgrind", "--smc-check=all", "--dump-instr=yes", "--dump-line=no"),
            *("--compress-pos=no", "--compress-strings=no", f"--callgrind-out-file={counts}"),
        )
        ended = run_process([*callgrind, *command], environment={**os.environ, "MEASURED_CODE": str(notes)})
        if ended.status:
            raise UserError(f"callgrind cannot run {' '.join(map(str, command))}:\n{ended.errors[-1000:]}")
        by_address, elsewhere = executions(counts.read_text())
        noted = notes.read_bytes() if notes.exists() else b""
    known: dict[int, Executed] = {}
    for number, (start, code) in enumerate(parts(noted)):
        for instruction in iced_x86.Decoder(64, code, ip=start):
            # where a trace was given up another may lie later: what is executed there counts as the last one's
            count = by_address.get(instruction.ip, 0)
            known[instruction.ip] = Executed(instruction, number // 2, number % 2 == 0, count)
    trace = tuple(one for one in known.values() if one.count)
    total = sum(by_address.values()) + elsewhere
    return InTraces(trace, total - sum(one.count for one in trace))


def parts(noted: bytes) -> Iterator[tuple[int, bytes]]:
    """Each part's address and code."""
    position = 0
    while position < len(noted):
        start, size = struct.unpack_from("<2Q", noted, position)
        position += 16 + size
        yield start, noted[position - size : position]
