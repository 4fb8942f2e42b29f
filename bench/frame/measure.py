"""Timing that is fair on a busy machine: rounds in which every contender has its turn.

What slows the machine down for some seconds then slows all of them, and medians and ratios survive. Every second round
goes backwards, so that nobody always follows the same neighbour.
"""

import gc
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["Completed", "interleave", "processor_seconds", "run_process"]

Key = TypeVar("Key", bound=Hashable)


def interleave(
    contenders: Mapping[Key, Callable[[], float]], rounds: int, *, warmups: int = 0
) -> dict[Key, list[float]]:
    """What each contender returns, `rounds` times; what it returns in the `warmups` before is dropped."""
    values: dict[Key, list[float]] = {key: [] for key in contenders}
    for turn in range(warmups + rounds):
        order = list(contenders.items())
        for key, measure in order if turn % 2 == 0 else reversed(order):
            value = measure()
            if turn >= warmups:
                values[key].append(value)
    return values


def processor_seconds(work: Callable[[], object]) -> float:
    """Processor time of one call in this process, without the garbage collector."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    start = time.process_time()
    result = work()
    seconds = time.process_time() - start
    if enabled:
        gc.enable()
    del result  # freeing it is not part of the work
    return seconds


@dataclass(frozen=True, slots=True)
class Completed:
    """A process that has ended. `processor` is user and system time of it and of the children it waited for, in seconds."""

    processor: float
    wall: float
    output: str
    errors: str
    status: int


def run_process(
    command: Sequence[str | Path],
    *,
    timeout: float = 600,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Completed:
    """Run a command to its end; status is negative for a signal, -9 after `timeout` seconds."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=None if environment is None else {**os.environ, **environment},
            cwd=directory,
        )
        alarm = threading.Timer(timeout, process.kill)
        alarm.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        finally:
            alarm.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # so that nobody waits for it again
        out.seek(0)
        err.seek(0)
        return Completed(
            used.ru_utime + used.ru_stime,
            wall,
            out.read().decode("utf-8", "replace"),
            err.read().decode("utf-8", "replace"),
            process.returncode,
        )
