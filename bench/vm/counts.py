"""How often each instruction of a workload's trace is executed, by valgrind's callgrind."""

import collections
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import iced_x86

from bench.frame.measure import run_process
from bench.vm import BUILD, HERE, Library
from stencilgen import paths
from stencilgen.errors import UserError
from stencilgen.toolchain.cc import find_compiler, link

__all__ = ["Counted", "Executed", "available", "count", "executions"]

ENTRIES = 2


@dataclass(frozen=True, slots=True)
class Executed:
    """One instruction of the trace: which micro-op's it is, in its hot part or its cold, and executions per iteration."""

    instruction: iced_x86.Instruction
    index: int
    is_hot: bool
    count: float


@dataclass(frozen=True, slots=True)
class Counted:
    """Instructions per iteration: of the trace's own, and of all with what it calls. `trace`: every one of its own."""

    own: float
    total: float
    trace: tuple[Executed, ...]

    def bytes(self, at_least: float = 0.2) -> int:
        """Bytes of the instructions that are executed in at least this part of the iterations."""
        return sum(executed.instruction.len for executed in self.trace if executed.count >= at_least)


def available() -> bool:
    """Whether valgrind is here."""
    return shutil.which("valgrind") is not None


def count(library: Library, name: str, iterations: int) -> Counted:
    """Run a workload under callgrind."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "counts"
        ended = run_process(
            [
                *("valgrind", "--tool=callgrind", "--smc-check=all", "--dump-instr=yes", "--dump-line=no"),
                *("--compress-pos=no", "--compress-strings=no", "--toggle-collect=run_entries"),
                *(f"--callgrind-out-file={output}", _driver(), library.path, name, str(ENTRIES)),
            ]
        )
        if ended.status:
            raise UserError(f"callgrind cannot run {name}:\n{ended.errors[-1000:]}")
        base, *lines = ended.output.splitlines()
        counts, elsewhere = executions(output.read_text(), str(library.path), int(base))
    passes = iterations * ENTRIES
    extents = [tuple(map(int, line.split())) for line in lines[: len(lines) // 2]]
    contents = [bytes.fromhex(line) for line in lines[len(lines) // 2 :]]
    trace = tuple(_trace(extents, contents, counts, passes))
    return Counted(sum(e.count for e in trace), (sum(counts.values()) + elsewhere) / passes, trace)


def _trace(
    extents: list[tuple[int, ...]], contents: list[bytes], counts: Mapping[int, int], passes: int
) -> Iterator[Executed]:
    for index, ((hot, hot_size, cold, _), content) in enumerate(zip(extents, contents, strict=True)):
        for start, part, is_hot in ((hot, content[:hot_size], True), (cold, content[hot_size:], False)):
            for instruction in iced_x86.Decoder(64, part, ip=start):
                yield Executed(instruction, index, is_hot, counts.get(instruction.ip, 0) / passes)


def executions(text: str, library: str = "", base: int = 0) -> tuple[dict[int, int], int]:
    """What callgrind has written: executions by address, of code that no file holds and of the library's; the sum of all others.

    Addresses in a file's code count from where the file lies. The line after `calls=` is what the callee took, which
    stands elsewhere too.
    """
    counts: collections.Counter[int] = collections.Counter()
    elsewhere, where, skip = 0, "???", False
    for line in text.splitlines():
        if line.startswith("0x"):
            if not skip:
                address, _, number = line.partition(" ")
                if where in ("???", library):
                    counts[int(address, 16) + (base if where == library else 0)] += int(number.split()[-1])
                else:
                    elsewhere += int(number.split()[-1])
            skip = False
        else:
            skip = line.startswith("calls=")
            where = line[3:] if line.startswith("ob=") else where
    return dict(counts), elsewhere


def _driver() -> Path:
    source = HERE / "drive.c"
    include = paths.runtime() / "include"
    digest = hashlib.sha256(source.read_bytes() + (include / "stencilgen" / "jit.h").read_bytes()).hexdigest()
    program = BUILD / f"drive-{digest[:20]}"
    if not program.exists():
        BUILD.mkdir(exist_ok=True)
        link(find_compiler(), [source], program, ["-O1", "-I", str(include), "-ldl"], directory=HERE)
    return program
