"""The corpus shows in every mode what CPython shows: output, last line of the error, the traceback's lines, status."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.minipy.running import MODES, OVERFLOW, check_same, modes, run_minipy, run_python
from tests.minipy.snippets import Snippet, read

THEMES = ("ints", "floats", "sequences", "control", "functions", "comprehensions", "traces", "errors", "classes")
SNIPPETS = [snippet for theme in THEMES for snippet in read(theme)]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=str)
def test_snippet(snippet: Snippet, long: bool, tmp_path: Path) -> None:
    file = tmp_path / snippet.file_name
    file.write_text(snippet.source)
    expected = run_python(file)
    assert expected == run_python(file, checked=True), "this snippet belongs to overflow.txt"
    for options in modes(SNIPPETS.index(snippet), long):
        check_same(file, expected, *options)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("snippet", read("overflow"), ids=str)
def test_overflow_is_an_error(snippet: Snippet, mode: str, tmp_path: Path) -> None:
    """The one thing that is different on purpose: ints have 64 bits."""
    file = tmp_path / snippet.file_name
    file.write_text(snippet.source)
    expected = run_python(file, checked=True)
    assert expected.error == OVERFLOW
    check_same(file, expected, *MODES[mode])


WIDE_RANGES = (
    "range(2**62 - 2, 2**62 + 2)",
    "range(9223372036854775800, 9223372036854775807)",
    "range(9223372036854775797, 9223372036854775807, 4)",
    "range(-9223372036854775808, -9223372036854775805)",
    "range(-9223372036854775805, -9223372036854775808, -3)",
    "range(0, 9223372036854775807, 3074457345618258602)",
    "range(0, 9223372036854775807, 2**61)",
    "range(-9223372036854775808, 9223372036854775807, 9223372036854775807)",
    "range(2**61, -(2**62) - 10, -(2**61))",
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("numbers", WIDE_RANGES)
def test_ranges_beyond_63_bits_are_right_or_refused(numbers: str, mode: str, tmp_path: Path) -> None:
    file = tmp_path / "ranges.py"
    file.write_text(f"for i in {numbers}:\n    print(i)\n")
    got = run_minipy(file, *MODES[mode])
    expected = run_python(file)
    assert got == expected or (got.output, got.error.partition(":")[0], got.lines) == ("", "OverflowError", (1,))


@pytest.mark.parametrize("snippet", read("syntax"), ids=str)
def test_syntax_errors_are_pythons(snippet: Snippet, tmp_path: Path) -> None:
    """In all but the status: what does not even begin to run is status 2."""
    file = tmp_path / snippet.file_name
    file.write_text(snippet.source)
    expected = run_python(file)
    assert expected.status == 1 and len(expected.lines) == 1
    assert run_minipy(file) == dataclasses.replace(expected, status=2)


def test_the_reference_is_python(tmp_path: Path) -> None:
    """What is run in a forked child shows what `python FILE.py` shows."""
    for snippet in SNIPPETS[::11]:
        file = tmp_path / snippet.file_name
        file.write_text(snippet.source)
        expected = run_python(file)
        python = subprocess.run([sys.executable, str(file)], capture_output=True, text=True)
        assert (python.stdout, python.returncode) == (expected.output, expected.status)
        assert python.stderr.rstrip("\n").rpartition("\n")[2] == expected.error
