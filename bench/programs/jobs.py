"""What is run: one of minipy's programs, at a size, a number of times over in one process.

A program's last statements are repeated as they stand, so that a JIT meets the same loops again: the first time it is
cold, then it warms up.
"""

import ast
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from bench.frame.machine import ROOT

__all__ = ["EMPTY", "SHORT", "Job", "full_size", "names"]

PROGRAMS = ROOT / "examples" / "minipy" / "programs"

SHORT = {
    "chaos": 6000,
    "deltablue": 80,
    "fannkuch": 6,
    "fft": 8,
    "float": 2500,
    "lu": 24,
    "mandelbrot": 24,
    "matrix_multiply": 22,
    "monte_carlo": 15000,
    "nbody": 250,
    "nqueens": 5,
    "richards": 1200,
    "sieve": 15000,
    "sor": 12,
    "sparse_mat_mult": 4,
    "spectral_norm": 14,
}
"""SIZE of a short run: some milliseconds of CPython."""

_SIZE = re.compile(r"^SIZE = (\d+)", re.MULTILINE)


@functools.cache
def names() -> tuple[str, ...]:
    """All of minipy's programs."""
    return tuple(sorted(path.stem for path in PROGRAMS.glob("*.py")))


@functools.cache
def _text(program: str) -> str:
    return (PROGRAMS / f"{program}.py").read_text(encoding="utf-8")


def full_size(program: str) -> int:
    """The SIZE that stands in the program."""
    found = _SIZE.search(_text(program))
    if found is None:
        raise ValueError(f"{program}.py has no line `SIZE = …`")
    return int(found[1])


@dataclass(frozen=True, slots=True)
class Job:
    program: str
    size: int
    repeats: int = 1

    def source(self) -> str:
        """The Python program."""
        if self == EMPTY:
            return "pass\n"
        text = _SIZE.sub(f"SIZE = {self.size}", _text(self.program))
        if self.repeats == 1:
            return text
        lines = text.splitlines(keepends=True)
        last = ast.parse(text).body
        while not isinstance(last[0], ast.Expr) or isinstance(last[0].value, ast.Constant):  # definitions, docstrings
            last = last[1:]
        start = last[0].lineno - 1
        body = "".join(f"    {line}" for line in lines[start:])
        return "".join(lines[:start]) + f"for _ in range({self.repeats}):\n{body}"

    def file(self, folder: Path, suffix: str) -> Path:
        """Where something made from it is kept."""
        return folder / f"{self.program}-{self.size}-{self.repeats}{suffix}"

    def python(self, folder: Path) -> Path:
        """A file with the Python program; minipy and every Python run the same one."""
        path = self.file(folder, ".py")
        if not path.exists():
            path.write_text(self.source(), encoding="utf-8")
        return path


EMPTY = Job("empty", 0)
"""What starting a process takes."""
