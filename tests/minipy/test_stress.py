"""Guards that fail on demand: a program shows the same when a trace is left where it would have gone on.

Every so many guards one fails, which leaves traces at all distances; or each guard fails in its turn, once.
"""

import json
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


@pytest.mark.parametrize("turn", (1, 2, 9))
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_each_guard_fails_in_its_turn(program: Path, turn: int, tmp_path: Path) -> None:
    """What is never reached cannot fail; all else does. So the traces' own counters must not know of a guard more."""
    file, figures, traces = tmp_path / program.name, tmp_path / "figures.json", tmp_path / "traces.jsonl"
    file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
    reports = ("--stats-json", str(figures), "--traces", str(traces))
    check_same(file, run_python(file), "--jit", "always", "--stress-each", str(turn), *reports)
    found = json.loads(figures.read_text())
    ops = [op for line in traces.read_text().splitlines() for op in json.loads(line)["ops"]]
    reached = sum(op["op"].startswith("GUARD_") and op["executed"] >= turn for op in ops)
    assert 10 < reached <= found["guards_failed_on_demand"] <= found["guards_stressed"]


@pytest.mark.parametrize("snippet", [snippet for theme in THEMES for snippet in read(theme)], ids=str)
def test_snippets(snippet: Snippet, long: bool, tmp_path: Path) -> None:
    file = tmp_path / snippet.file_name
    file.write_text(snippet.source)
    expected = run_python(file)
    for period in PERIODS if long else (2,):
        check_same(file, expected, "--jit", "always", "--stress-exits", str(period))
    for turn in (1, 2) if long else (1,):
        check_same(file, expected, "--jit", "always", "--stress-each", str(turn))


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
def test_random_programs(classes: bool, long: bool, tmp_path: Path) -> None:
    file = tmp_path / "random.py"

    def check(program: str, mode: str) -> None:
        file.write_text(program)
        expected = run_python(file, checked=True)
        period = str(PERIODS[len(program) % len(PERIODS)])
        for jit in ("always", "on"):
            check_same(file, expected, "--jit", jit, "--stress-exits", period)
        check_same(file, expected, "--jit", "always", "--stress-each", "1")

    each_program(check, 300 if long else 25, 2, errors=0.03, classes=classes, long=long)
