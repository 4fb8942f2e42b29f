"""Guards that fail on demand: a program shows the same when a trace is left where it would have gone on."""

from pathlib import Path

import pytest

from tests.minipy.generate import each_program
from tests.minipy.running import PROGRAMS, check_same, run_python, smaller
from tests.minipy.snippets import Snippet, read
from tests.minipy.test_programs import SIZES

PERIODS = (1, 2, 3, 5, 13)
THEMES = ("ints", "floats", "sequences", "control", "functions", "comprehensions", "traces", "errors", "classes")


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_programs(program: Path, period: int, tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
    check_same(file, run_python(file), "--jit", "always", "--stress-exits", str(period))


@pytest.mark.parametrize("snippet", [snippet for theme in THEMES for snippet in read(theme)], ids=str)
def test_snippets(snippet: Snippet, long: bool, tmp_path: Path) -> None:
    file = tmp_path / snippet.file_name
    file.write_text(snippet.source)
    expected = run_python(file)
    for period in PERIODS if long else (2,):
        check_same(file, expected, "--jit", "always", "--stress-exits", str(period))


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
def test_random_programs(classes: bool, long: bool, tmp_path: Path) -> None:
    file = tmp_path / "random.py"

    def check(program: str, mode: str) -> None:
        file.write_text(program)
        expected = run_python(file, checked=True)
        period = str(PERIODS[len(program) % len(PERIODS)])
        for jit in ("always", "on"):
            check_same(file, expected, "--jit", jit, "--stress-exits", period)

    each_program(check, 300 if long else 25, 2, errors=0.03, classes=classes, long=long)
