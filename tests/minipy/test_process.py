"""minipy as a process: Ctrl-C, and a terminal."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.minipy.running import MINIPY, MODES

SECONDS = 10
"""From Ctrl-C to the end, on a machine that has much else to do; it takes milliseconds."""

LOOPS = {  # and the lines where Ctrl-C may find it
    "empty loop": ("while True:\n    pass\n", {1, 2}),
    "arithmetic": ("x = 0.0\nwhile True:\n    x = x * 0.5 + 1.0\n", {2, 3}),
    "nested loops": (
        "while True:\n    for i in range(10):\n        for j in range(10):\n            k = i * j\n",
        {1, 2, 3, 4},
    ),
    "calls": ("def f(x):\n    return x + 1\n\n\nx = 0\nwhile x > -1:\n    x = f(x) % 1000\n", {2, 6, 7}),
    "a loop in a function": ("def f(n):\n    while True:\n        n = n % 7 + 1\n\n\nf(0)\n", {2, 3, 6}),
    "recursion": ("def f(n):\n    return f(n - 1) + f(n - 2) if n > 1 else 1\n\n\nf(80)\n", {2, 5}),
    "recursion and loops": (
        "def f(n):\n    for i in range(n % 3):\n        f(n - 1)\n    return f(n - 1) + f(n - 2) if n > 1 else 1\n\n\nf(80)\n",
        {2, 3, 4, 7},
    ),
    "many exits": (
        "n = 0\nwhile True:\n    n += 1\n    if n % 2:\n        n += 2.0\n    elif n % 3:\n        n = int(n)\n    n %= 1000\n",
        set(range(2, 9)),
    ),
}


def start(file: Path, *options: str) -> subprocess.Popen[str]:
    """minipy in a process group of its own, past its front end."""
    command = [sys.executable, str(MINIPY / "minipy.py"), *options, str(file)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    python = Path(f"/proc/{process.pid}/exe").resolve()
    while Path(f"/proc/{process.pid}/exe").resolve() == python and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.1)  # time for traces
    return process


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", LOOPS)
def test_ctrl_c(kind: str, mode: str, tmp_path: Path) -> None:
    """It ends a loop, traced or not, as it ends a Python program: a traceback, and death by SIGINT."""
    source, lines = LOOPS[kind]
    file = tmp_path / "loop.py"
    file.write_text(source)
    process = start(file, *MODES[mode])
    try:
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert (output, process.returncode) == ("", -signal.SIGINT), errors
    assert errors.startswith("Traceback (most recent call last):\n") and errors.endswith("\nKeyboardInterrupt\n"), (
        errors
    )
    named = re.findall(rf'  File "{re.escape(str(file))}", line (\d+), in (\w+|<module>)\n', errors)
    assert named and {int(line) for line, _ in named} <= lines, errors
    assert named[0][1] == "<module>"


@pytest.mark.parametrize("mode", MODES)
def test_it_ends_when_nobody_reads_any_more(mode: str, tmp_path: Path) -> None:
    """As `minipy.py FILE.py | head -1` needs it."""
    file = tmp_path / "talks.py"
    file.write_text("i = 0\nwhile True:\n    i += 1\n    print(i)\n")
    process = start(file, *MODES[mode])
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "1\n"
        process.stdout.close()
        assert process.wait(SECONDS) == -signal.SIGPIPE
    finally:
        process.kill()
        process.wait()


def test_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "talks.py"
    file.write_text("for i in range(30000):\n    print(i)\n")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, str(MINIPY / "minipy.py"), str(file)], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 120 and "cannot write" in result.stderr


def test_on_a_terminal_lines_come_as_they_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "talks.py"
    file.write_text("print('begins')\nwhile True:\n    pass\n")
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(MINIPY / "minipy.py"), str(file)],
        stdout=its,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        os.close(its)
        assert os.read(mine, 100) == b"begins\r\n"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
        os.close(mine)
