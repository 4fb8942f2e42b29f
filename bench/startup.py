"""What the Python API costs at the start: importing, loading a VM that was built before or never, the first trace.

Each round is a new process, on a copy of examples/calculator. It says what each step took, in wall time, because building
starts processes of its own.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from bench.frame.machine import ROOT
from bench.frame.measure import run_process
from bench.frame.report import Column, Options, Report, Spread, Table, Timing
from stencilgen.errors import UserError

__all__ = ["run"]

LENGTH = 100

_STEPS = f"""
import ctypes, json, sys, time
clock = time.perf_counter
times = [clock()]
import stencilgen
times.append(clock())
vm = stencilgen.load(sys.argv[1])
times.append(clock())
trace = [vm.PUSH(number=2.0), *(vm.SQRT() for _ in range({LENGTH - 2})), vm.END()]
times.append(clock())
code = vm.compile(trace)
times.append(clock())
again = vm.compile(trace)
times.append(clock())
machine, stack = ctypes.create_string_buffer(4096), ctypes.create_string_buffer(4096)
first = code(machine, stack, 0.0)
times.append(clock())
second = code(machine, stack, 0.0)
times.append(clock())
assert first.double == second.double == 2.0 ** (1 / 2 ** {LENGTH - 2})
json.dump([late - early for early, late in zip(times, times[1:])], sys.stdout)
"""
NAMES = (
    "import stencilgen",
    "load the VM",
    f"make {LENGTH} micro-ops",
    "compile the first trace",
    "compile it again",
    "run it",
    "run it again",
)


def run(options: Options) -> Report:
    """Milliseconds of each step: with the VM built before, and with nothing there."""
    rounds, cold_rounds = (2, 1) if options.quick else (15, 5)
    with tempfile.TemporaryDirectory(prefix="bench-startup-") as folder:
        project = Path(folder) / "calculator"
        shutil.copytree(ROOT / "examples" / "calculator", project, ignore=shutil.ignore_patterns("build", "calculator"))
        cold = []
        for _ in range(cold_rounds):
            shutil.rmtree(project / "build", ignore_errors=True)
            cold.append(_steps(project)["load the VM"])
        warm = [_steps(project) for _ in range(rounds)]
    seconds = {name: tuple(steps[name] for steps in warm) for name in NAMES}
    seconds["load the VM, never built before"] = tuple(cold)
    rows = tuple((name, Spread.of(1e3 * value for value in values)) for name, values in seconds.items())
    table = Table("the Python API", (Column("what"), Column("time", "ms")), rows, ("The VM is examples/calculator.",))
    return Report((table,), tuple(Timing(f"startup/{name}", values) for name, values in seconds.items()))


def _steps(project: Path) -> dict[str, float]:
    """Seconds of each step, in a process of its own."""
    ended = run_process([sys.executable, "-c", _STEPS, project], directory=ROOT)
    if ended.status:
        raise UserError(f"the Python API does not start:\n{ended.errors}", remedy="run `stencilgen doctor`")
    return dict(zip(NAMES, json.loads(ended.output), strict=True))
