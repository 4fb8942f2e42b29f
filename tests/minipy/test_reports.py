"""What the JIT says it did: `--stats`, `--stats-json`, `--traces`. Programs print the same with them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.minipy.running import PROGRAMS, run_minipy_raw, run_python, smaller
from tests.minipy.test_programs import SIZES


def run(program: str, folder: Path, *options: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """A program's statistics and traces."""
    source = next(path for path in PROGRAMS if path.stem == program).read_text()
    file = folder / f"{program}.py"
    file.write_text(smaller(source, list(SIZES[program].items())))
    figures, traces = folder / "figures.json", folder / "traces.jsonl"
    reports = ("--stats-json", str(figures), "--traces", str(traces))
    output, errors, status = run_minipy_raw(file, *reports, *options)
    assert (output, errors, status) == (run_python(file).output, "", 0)
    return json.loads(figures.read_text()), [json.loads(line) for line in traces.read_text().splitlines()]


@pytest.mark.parametrize("mode", ("on", "always"))
@pytest.mark.parametrize("program", ("nqueens", "richards", "nbody"))
def test_traces(program: str, mode: str, tmp_path: Path) -> None:
    """Every trace, with names, literals, links and how often each micro-op was executed."""
    figures, traces = run(program, tmp_path, "--jit", mode)
    assert [trace["trace"] for trace in traces] == list(range(figures["traces_compiled"])) and traces
    assert sum(trace["kind"] == "side" for trace in traces) == figures["side_traces_compiled"]
    assert sum(len(trace["ops"]) for trace in traces) == figures["micro_ops_emitted"]
    assert sum(trace["hot_bytes"] for trace in traces) == figures["hot_bytes"]
    assert sum(op["executed"] for trace in traces for op in trace["ops"]) > 1000
    for trace in traces:
        ops = trace["ops"]
        repeats = ops[-1]["op"] == "REPEAT"
        again = ops[-1]["executed"] if repeats else 0
        for index, op in enumerate(ops):
            before = trace["started"] if index == 0 else ops[index - 1]["executed"]
            assert op["executed"] <= before + (again if repeats and index == ops[-1]["target"] else 0)
            assert op.get("link", 0) < len(traces)


def test_statistics_are_the_same_in_words_and_as_json(tmp_path: Path) -> None:
    figures, _ = run("fannkuch", tmp_path)
    _, words, _ = run_minipy_raw(tmp_path / "fannkuch.py", "--stats")
    share = 100 * figures["micro_ops_in_traces"] / figures["micro_ops_executed"]
    assert f"{share:.2f} % of {figures['micro_ops_executed']} micro-ops" in words
    assert re.search(rf"\b{figures['exits_linked']}\b", words) and str(figures["peak_code_bytes"]) in words
    assert 0 < figures["peak_code_bytes"] == figures["hot_bytes"] + figures["cold_bytes"]  # nothing was given up
    assert figures["emission_ns"] > 0


def test_without_the_jit_there_is_nothing_to_report(tmp_path: Path) -> None:
    figures, traces = run("sieve", tmp_path, "--jit", "off")
    assert traces == [] and figures["micro_ops_in_traces"] == 0 < figures["micro_ops_executed"]


@pytest.mark.parametrize("option", ("--traces", "--stats-json"))
def test_a_report_that_cannot_be_written_is_an_error(option: str, tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text("print(1)\n")
    output, errors, status = run_minipy_raw(file, option, str(tmp_path / "missing" / "file"))
    assert (output, status) == ("", 2)
    assert "cannot write" in errors and "missing/file" in errors and "Traceback" not in errors
