"""Counting the instructions that a process executes: with valgrind's callgrind, else with `perf stat`, else not at all."""

import functools
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.frame.measure import Completed, run_process
from bench.frame.report import NotMeasured
from stencilgen.errors import UserError

__all__ = ["counter", "instructions", "instructions_and_those_in"]

_CALLGRIND = ("valgrind", "--tool=callgrind", "--smc-check=all", "--compress-strings=no")
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
    counting = (*_CALLGRIND, "--callgrind-out-file=/dev/null") if callgrind else _PERF
    ended = run_process([*counting, *command])
    found = _callgrind(ended.errors) if callgrind else _perf(ended.errors)
    if found is None or ended.status:
        raise _not_counted(command, ended)
    return found, ended.output


def instructions_and_those_in(command: Sequence[str | Path], function: str, helper: str) -> tuple[int, int | None]:
    """How many the command executes, and how many of them in a function and what that calls, where callgrind counts. helper: a
    function inside of it that calls it again.
    """
    if counter() != "callgrind":
        return instructions(command)[0], None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "counts"
        ended = run_process([*_CALLGRIND, f"--callgrind-out-file={file}", *command])
        found = _callgrind(ended.errors)
        if found is None or ended.status:
            raise _not_counted(command, ended)
        return found, _inclusive(file.read_text(), function, helper)


def _not_counted(command: Sequence[str | Path], ended: Completed) -> UserError:
    return UserError(f"{counter()} could not count {' '.join(map(str, command))}:\n{ended.errors[-2000:]}")


def _inclusive(text: str, function: str, helper: str) -> int:
    """What all calls of a function took. The line after `calls=` is what they took together, from one place."""
    total, caller, callee, called = 0, "", "", False
    for line in text.splitlines():
        if called and callee == function and caller != helper:
            total += int(line.split()[-1])
        called = line.startswith("calls=")
        caller = line[3:] if line.startswith("fn=") else caller
        callee = line[4:] if line.startswith("cfn=") else callee
    return total


def _callgrind(text: str) -> int | None:
    found = re.search(r"Collected : (\d+)", text)
    return int(found[1]) if found else None


def _perf(text: str) -> int | None:
    found = re.search(r"^(\d+),,instructions", text, re.MULTILINE)
    return int(found[1]) if found else None
