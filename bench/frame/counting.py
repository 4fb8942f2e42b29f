"""Counting the instructions that a process executes: with valgrind's callgrind, else with `perf stat`, else not at all."""

import functools
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.frame.measure import run_process
from bench.frame.report import NotMeasured
from stencilgen.errors import UserError

__all__ = ["counter", "instructions"]

_CALLGRIND = ("valgrind", "--tool=callgrind", "--smc-check=all", "--callgrind-out-file=/dev/null")
_PERF = ("perf", "stat", "-e", "instructions:u", "-x", ",")


@functools.cache
def counter() -> str | NotMeasured:
    """What this machine counts with: "callgrind" or "perf stat"."""
    if shutil.which("valgrind"):
        return "callgrind"
    if shutil.which("perf") and _perf(run_process([*_PERF, "true"]).errors) is not None:
        return "perf stat"
    return NotMeasured("instructions executed", "neither valgrind nor a counting perf is here", "install valgrind")


def instructions(command: Sequence[str | Path]) -> tuple[int, str]:
    """How many the command executes, and what it prints. Only where `counter()` names a counter."""
    callgrind = counter() == "callgrind"
    ended = run_process([*(_CALLGRIND if callgrind else _PERF), *command])
    found = _callgrind(ended.errors) if callgrind else _perf(ended.errors)
    if found is None or ended.status:
        raise UserError(f"{counter()} could not count {' '.join(map(str, command))}:\n{ended.errors[-2000:]}")
    return found, ended.output


def _callgrind(text: str) -> int | None:
    found = re.search(r"Collected : (\d+)", text)
    return int(found[1]) if found else None


def _perf(text: str) -> int | None:
    found = re.search(r"^(\d+),,instructions", text, re.MULTILINE)
    return int(found[1]) if found else None
