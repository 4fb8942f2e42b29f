"""minipy, the bundled tracing VM for a small Python, as `stencilgen demo` runs it.

`stencilgen demo` alone is the tour; `stencilgen demo FILE.py` prints just what the program prints.
"""

import json
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stencilgen import paths
from stencilgen.cli.common import console, milliseconds, progress_bar
from stencilgen.errors import UserError

__all__ = ["run_program", "tour"]

PROGRAMS = ("nbody", "spectral_norm", "fannkuch", "richards")
"""What the tour runs: floats, calls, lists, objects."""


def _command(program: Path, *options: str) -> list[str]:
    return [sys.executable, str(paths.example("minipy") / "minipy.py"), *options, str(program)]


def run_program(program: Path, jit: str, statistics: bool) -> int:
    """Run a program of the subset; its exit code."""
    if not program.exists() or program.is_dir():
        raise UserError("there is no such program", remedy="name a file of Python", file=program)
    sys.stdout.flush()
    process = subprocess.Popen(_command(program, f"--jit={jit}", *(["--stats"] if statistics else [])))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program
    status = process.wait()
    signal.signal(signal.SIGINT, before)
    if status < 0:  # as it ended, so do we
        signal.signal(-status, signal.SIG_DFL)
        signal.raise_signal(-status)
    return status


def tour() -> None:
    """Build the VM, run a few programs with the JIT off and on, and compare."""
    out, folder = console(), paths.example("minipy") / "programs"
    out.print("[bold]minipy[/]   a tracing VM for a small Python: micro-ops in C, written once")
    start = time.perf_counter()
    with progress_bar() as progress, tempfile.TemporaryDirectory(prefix="stencilgen-demo-") as work:
        progress("build minipy", 0, 1)
        empty = Path(work) / "empty.py"
        empty.write_text("pass\n")
        _output(empty, "--jit=off")
        start_up = _output(empty, "--jit=off")[1]
    out.print(f"   stencils and C compiled, or found, in {milliseconds(time.perf_counter() - start)}")
    heads = ("JIT off", "JIT on", "speed-up", "in traces", "bytes", "emission")
    out.print(f"   {'':<15}" + "".join(f"{head:>12}" for head in heads))
    for name in PROGRAMS:
        program = folder / f"{name}.py"
        off, on = _output(program, "--jit=off"), _output(program, "--jit=on")
        if off[0] != on[0]:
            raise RuntimeError(f"{name} prints something else with the JIT on")
        slow, fast = (max(spent - start_up, 1e-3) for _, spent in (off, on))
        cells = (milliseconds(slow), milliseconds(fast), f"{slow / fast:.1f}×", *_figures(program))
        out.print(f"   {name:<15}" + "".join(f"{cell:>12}" for cell in cells), markup=False)
    out.print("   in traces: share of executed micro-ops; bytes (hot) and emission: for each micro-op of a trace;")
    out.print("   times: of the processor, without starting up and compiling to bytecode")


def _output(program: Path, option: str) -> tuple[str, float]:
    """What a program prints, and the processor time it takes: what else runs on the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    result = subprocess.run(_command(program, option), capture_output=True, text=True)
    if result.returncode == 2:
        raise UserError(result.stderr.strip().removeprefix("minipy: "))
    if result.returncode != 0:
        raise RuntimeError(f"{program.name} ended with status {result.returncode}: {result.stderr.strip()}")
    return result.stdout, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def _figures(program: Path) -> tuple[str, str, str]:
    with tempfile.NamedTemporaryFile(prefix="stencilgen-demo-") as file:
        _output(program, f"--stats-json={file.name}")
        found = json.loads(Path(file.name).read_text())
    share = found["micro_ops_in_traces"] / found["micro_ops_executed"]
    emitted = found["micro_ops_emitted"]
    return f"{share:.2%}", f"{found['hot_bytes'] / emitted:.1f}", f"{found['emission_ns'] / emitted:.0f} ns"
