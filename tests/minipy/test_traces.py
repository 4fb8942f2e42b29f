"""What the JIT does with programs, seen in its figures: what is traced, linked, and given up again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.minipy.running import PROGRAMS, run_minipy_raw, run_python, smaller
from tests.minipy.test_programs import SIZES

WARM = {"deltablue": {"SIZE": 400}, "lu": {"SIZE": 40}}
"""Their warm-up is longer than their run at the size of other tests."""


def figures(file: Path, *options: str) -> dict[str, int]:
    """The figures of a run that prints what CPython prints."""
    written = file.with_suffix(".json")
    output, errors, status = run_minipy_raw(file, "--check-refcounts", "--stats-json", str(written), *options)
    assert (output, errors, status) == (run_python(file).output, "", 0)
    found: dict[str, int] = json.loads(written.read_text())
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_nine_of_ten_micro_ops_run_in_traces(program: Path, tmp_path: Path) -> None:
    """Of those that are executed, counted, not timed; after milliseconds. At their full size more than 99 of 100 do."""
    file = tmp_path / program.name
    size = WARM.get(program.stem, SIZES[program.stem])
    file.write_text(smaller(program.read_text(), list(size.items())))
    found = figures(file)
    assert found["micro_ops_in_traces"] >= 0.9 * found["micro_ops_executed"] > 10_000, found


def test_a_trace_that_does_not_pay_is_given_up(tmp_path: Path) -> None:
    """First a short way through the loop is traced, then it only ever goes another, which is too long for a trace."""
    long_way = "".join(f"            x = (x * {i + 3} + {i}) % 1000003\n" for i in range(500))
    source = "def work(n):\n    x = 1\n    y = 0\n    for i in range(n):\n        if i >= 100:\n"
    source += long_way + "        y += x & 1\n    return x, y\n\n\nprint(work(6000))\n"
    file = tmp_path / "useless.py"
    file.write_text(source)
    found = figures(file)
    assert found["traces_given_up"] == 1 and found["recordings_given_up"] >= 1, found
    assert found["entered"] < 2500, "not entered any more once it was given up"
    _, words, _ = run_minipy_raw(file, "--stats")
    assert "given up: " in words and "1 traces" in words


@pytest.mark.parametrize("mode", ("on", "always"))
def test_hot_exits_get_traces_and_are_linked(mode: str, tmp_path: Path) -> None:
    """A loop that takes eight ways, at random, stays in traces all the time."""
    ways = "".join(f"    if n >> {i} & 1:\n        t += {i}\n    else:\n        t ^= n\n" for i in range(3))
    file = tmp_path / "ways.py"
    file.write_text(
        f"n = 12345\nt = 0\nfor i in range(20000):\n    n = (n * 1103515 + 12345) % 2147483648\n{ways}print(n, t)\n"
    )
    found = figures(file, "--jit", mode)
    assert found["exits_linked"] >= 6 and found["side_traces_compiled"] >= 3, found
    assert found["entered"] < 200 and found["micro_ops_in_traces"] > 0.98 * found["micro_ops_executed"], found


def test_links_heed_ctrl_c(tmp_path: Path) -> None:
    """Every trace that leads to another at its end looks for interrupts first: traces in a circle can be stopped."""
    linked = 0
    for program in PROGRAMS:
        file = tmp_path / program.name
        file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
        report = tmp_path / "traces.jsonl"
        run_minipy_raw(file, "--traces", str(report))
        traces: list[dict[str, Any]] = [json.loads(line) for line in report.read_text().splitlines()]
        for trace in traces:
            last = trace["ops"][-1]["op"]
            assert last in ("REPEAT", "STOP", "CHECK_INTERRUPT"), (program.stem, trace["trace"], last)
            linked += last == "CHECK_INTERRUPT" and "link" in trace
    assert linked > 20


DEEP = """\
def walk(n, xs):
    total = 0
    for x in xs:
        total += x
        if n > 0:
            total += walk(n - 1, [n, x])
        if n > 11:
            break
    return total


t = 0
for i in range(3):
    t += walk(11, [1, 2]) + walk(%d, [1])
print(t)
"""


@pytest.mark.parametrize("mode", ("off", "on", "always"))
@pytest.mark.parametrize("depth", (900, 5000))
def test_deep_recursion_within_loops(depth: int, mode: str, tmp_path: Path) -> None:
    """Loops in calls in loops: to the depth that Python allows, and with its error beyond."""
    file = tmp_path / "deep.py"
    file.write_text(DEEP % depth)
    expected = run_python(file)
    output, errors, status = run_minipy_raw(file, "--check-refcounts", "--jit", mode)
    assert (output, status) == (expected.output, expected.status), errors
    assert ("RecursionError: maximum recursion depth exceeded" in errors) == (depth == 5000)
