"""`stencilgen demo FILE.py`: a program's own output, errors and exit status, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.minipy.running import MINIPY, ROOT

COMMAND = (sys.executable, "-m", "stencilgen", "demo")


def demo(*arguments: str | Path) -> tuple[str, str, int]:
    result = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    return result.stdout, result.stderr, result.returncode


@pytest.mark.parametrize("options", ((), ("--jit", "off"), ("--jit", "always")), ids=str)
def test_only_what_the_program_prints(options: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "sum.py"
    file.write_text("t = 0\nfor i in range(1000):\n    t += i * 0.5\nprint(t)\n")
    assert demo(file, *options) == ("249750.0\n", "", 0)


def test_figures_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "sum.py"
    file.write_text("t = 0\nfor i in range(10000):\n    t += i\nprint(t)\n")
    output, errors, status = demo(file, "--stats")
    assert (output, status) == ("49995000\n", 0)
    assert all(word in errors for word in ("traces", "links", "in traces", "bytes hot", "ns each"))


def test_an_error_of_the_program(tmp_path: Path) -> None:
    """As Python prints it, with status 1."""
    file = tmp_path / "zero.py"
    file.write_text("def f(x):\n    return 1 // x\n\n\nprint(f(1))\nf(0)\n")
    python = subprocess.run([sys.executable, "-X", "no_debug_ranges", str(file)], capture_output=True, text=True)
    assert demo(file) == (python.stdout, python.stderr, 1)


def test_outside_the_subset(tmp_path: Path) -> None:
    file = tmp_path / "outside.py"
    file.write_text("print(1)\nd = {}\n")
    output, errors, status = demo(file)
    assert (output, status) == ("", 2)
    assert f"{file}:2: " in errors and "→" in errors and "Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    (
        (("missing.py",), ("missing.py", "no such program", "→")),
        ((".",), ("no such program", "→")),
        (("--stats",), ("program of yours", "stencilgen demo FILE.py")),
        (("--jit", "sometimes", "x.py"), ("--jit", "always")),
    ),
    ids=str,
)
def test_mistakes_on_the_command_line(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    output, errors, status = demo(*arguments)
    assert (output, status) == ("", 2) and "Traceback" not in errors
    assert all(word in errors for word in words), errors


def test_explain_what_the_guide_explains() -> None:
    """One micro-op of minipy, from C to bytes, as its README says."""
    guide = (MINIPY / "README.md").read_text()
    command = next(line for line in guide.splitlines() if "stencilgen explain" in line).split("`")[1].split()[1:]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-m", "stencilgen", *command], cwd=MINIPY, env=environment, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert all(words in result.stdout for words in ("RESULT_", "refill_floats", "movsd")), result.stdout


def test_ctrl_c(tmp_path: Path) -> None:
    """It is the program's: one traceback, and death by SIGINT."""
    file = tmp_path / "loop.py"
    file.write_text("print('begins')\nwhile True:\n    pass\n")
    read, write = os.openpty()
    process = subprocess.Popen(
        [*COMMAND, str(file)], stdout=write, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert os.read(read, 100) == b"begins\r\n"
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
        os.close(read)
        os.close(write)
    assert errors.startswith("Traceback (most recent call last):\n") and errors.endswith("\nKeyboardInterrupt\n"), (
        errors
    )
    assert errors.count("Traceback") == 1 and process.returncode == -signal.SIGINT
