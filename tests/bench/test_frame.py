"""The frame: results as data are shown, saved and compared, whatever benchmark they come from."""

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pyperf
import pytest
from rich.console import Console

from bench.frame import markdown, plots, terminal
from bench.frame import results as files
from bench.frame.compare import compare
from bench.frame.measure import interleave, run_process
from bench.frame.report import Column, NotMeasured, Options, Plot, Report, Series, Spread, Table, Timing
from bench.frame.results import Measured, Results
from bench.frame.text import cell_text
from bench.registry import Benchmark
from stencilgen.errors import UserError

# --- a report that has one of everything


@pytest.fixture
def report() -> Report:
    return Report(
        tables=(
            Table(
                "run time",
                (Column("program"), Column("ours", "ms"), Column("a|b", "ms", ".1f"), Column("count")),
                (("nbody", Spread.of([1.0, 2.0, 4.0]), 12.345, 1234567), ("fft", Spread.of([0.5]), None, 0)),
                ("a note",),
            ),
        ),
        timings=(
            Timing("programs/nbody/ours", (0.001, 0.002, 0.004), metadata={"size": 3}),
            Timing("programs/nbody/code", (120.0,), "byte"),
        ),
        plots=(Plot("programs", "Speed", "", "times", (Series("ours", ("nbody", "fft"), (1.5, None)),)),),
        not_measured=(NotMeasured("Numba", "it is not installed", "pip install '.[bench]'"),),
        notes=("set up so",),
        versions={"Lua": "2.1"},
    )


@pytest.fixture
def results(report: Report) -> Results:
    measured = Measured(
        "programs", "How fast?", "python -m bench programs", "a machine", "0.1 to 0.2", {"Lua": "2.1"}, report
    )
    return Results("python -m bench all", "2026-01-02 03:04 UTC", (measured,))


# --- showing


@pytest.mark.parametrize(
    ("cell", "column", "text"),
    [
        (None, Column("x"), "–"),
        ("word", Column("x"), "word"),
        (1234567, Column("x"), "1,234,567"),
        (0.012345, Column("x"), "0.0123"),
        (12.345, Column("x"), "12.3"),
        (1234.5, Column("x"), "1,234"),
        (0.0, Column("x"), "0"),
        (1234.5, Column("x", "", ".2f"), "1234.50"),
        (Spread(12.3, 0.45, 5), Column("x"), "12.3 ±0.5"),
        (Spread(12.3, 0.0, 1), Column("x"), "12.3"),
    ],
)
def test_a_cell_is_shown_with_three_digits_or_as_its_column_says(cell: object, column: Column, text: str) -> None:
    assert cell_text(cell, column) == text  # type: ignore[arg-type]


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="2 cells under 1 columns"):
        Table("t", (Column("a"),), (("x", "y"),))


def test_the_terminal_shows_tables_notes_and_what_is_missing(report: Report) -> None:
    out = io.StringIO()
    failed = dataclasses.replace(report, differences=("nbody prints [1]",))
    terminal.show(Console(file=out, width=100), failed)
    shown = out.getvalue()
    for part in (
        "run time",
        "nbody",
        "2.00 ±1.00",
        "a note",
        "not measured: Numba",
        "pip install '.[bench]'",
        "nbody prints [1]",
    ):
        assert part in shown, part


def test_markdown_has_command_machine_and_versions_above_each_table(results: Results) -> None:
    text = markdown.render(results, "plots")
    before, _, after = text.partition("| program | ours, ms |")
    assert after
    for part in ("### run time", "    $ python -m bench programs", "    a machine, load 0.1 to 0.2", "    Lua 2.1"):
        assert part in before, part
    assert "a\\|b, ms" in after
    assert "![Speed](plots/programs.svg)" in after
    assert "- Numba: it is not installed → pip install '.[bench]'" in after


@pytest.mark.parametrize("kind", ["bars", "lines"])
@pytest.mark.parametrize("logarithmic", ["", "xy"])
def test_plots_are_svg_files_that_do_not_change(kind: str, logarithmic: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    names: tuple[str | float, ...] = ("a", "b") if kind == "bars" else (10.0, 100.0)
    series = (Series("one", names, (1.0, None)), Series("two", names, (2.0, 3.0)))
    plot = Plot("p", "T", "x", "y", series, kind, "y" if kind == "bars" and logarithmic else logarithmic, 1.0)  # type: ignore[arg-type]
    first = plots.draw(plot, tmp_path).read_bytes()
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert plots.draw(plot, tmp_path).read_bytes() == first


# --- saving


def test_results_come_back_from_their_file(results: Results, tmp_path: Path) -> None:
    files.save(results, tmp_path / "r.json")
    assert files.load(tmp_path / "r.json") == results


def test_the_file_is_one_of_pyperfs(results: Results, tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    files.save(results, file)
    suite = pyperf.BenchmarkSuite.load(str(file))
    assert suite.get_benchmark_names() == ["programs/nbody/ours", "programs/nbody/code"]
    assert suite.get_benchmark("programs/nbody/ours").median() == 0.002
    assert suite.get_benchmark("programs/nbody/code").get_unit() == "byte"
    shown = subprocess.run(
        [sys.executable, "-m", "pyperf", "compare_to", str(file), str(file)], capture_output=True, text=True, check=True
    )
    assert "nbody" in shown.stdout


def test_results_without_timings_can_be_saved(results: Results, tmp_path: Path) -> None:
    bare = dataclasses.replace(results.measured[0], report=dataclasses.replace(results.measured[0].report, timings=()))
    only_tables = dataclasses.replace(results, measured=(bare,))
    files.save(only_tables, tmp_path / "r.json")
    assert files.load(tmp_path / "r.json") == only_tables


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"benchmarks": 3}', '{"version": "1.0", "benchmarks": []}'])
def test_a_file_that_is_none_of_ours_is_refused_in_words(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "wrong.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=r"wrong\.json"):
        files.load(file)


# --- comparing


def _timing(name: str, *values: float) -> Timing:
    return Timing(name, values)


def test_medians_are_different_when_they_lie_outside_of_both_spreads() -> None:
    old = [
        _timing("b/fast", 1.0, 1.0, 1.1),
        _timing("b/noisy", 1.0, 2.0, 3.0),
        _timing("b/few", 1.0),
        _timing("b/gone", 1.0),
    ]
    new = [
        _timing("b/fast", 0.5, 0.5, 0.6),
        _timing("b/noisy", 2.0, 3.0, 4.0),
        _timing("b/few", 9.0),
        _timing("b/here", 1.0),
    ]
    table = compare(old, new)
    assert [(row[0], row[4], row[5]) for row in table.rows] == [
        ("b/fast", 0.5, "less"),
        ("b/noisy", 1.5, "same"),
        ("b/few", 9.0, "too few rounds"),
    ]
    assert table.notes == ("only before: b/gone", "only now: b/here")


def test_benchmarks_that_did_not_run_now_are_not_missed() -> None:
    assert compare([_timing("other/x", 1.0)], [_timing("b/x", 1.0)]).notes == ("only now: b/x",)


# --- measuring


def test_contenders_take_turns_forwards_and_backwards() -> None:
    turns: list[str] = []

    def contender(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    values = interleave({name: lambda name=name: contender(name) for name in "abc"}, 2, warmups=1)  # type: ignore[misc]
    assert "".join(turns) == "abccbaabc"
    assert values == {"a": [6.0, 7.0], "b": [5.0, 8.0], "c": [4.0, 9.0]}


def test_a_process_is_measured_with_its_output_and_status() -> None:
    ended = run_process(
        [sys.executable, "-c", "import sys; print(1); sys.stderr.write('x'); sum(range(10**6)); sys.exit(3)"]
    )
    assert (ended.output, ended.errors, ended.status) == ("1\n", "x", 3)
    assert 0 < ended.processor < 60 and ended.wall > 0


def test_a_process_that_takes_too_long_is_ended() -> None:
    assert run_process([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2).status == -9


# --- the command line


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bench", *arguments], capture_output=True, text=True)


def test_help_names_every_benchmark() -> None:
    from bench.registry import BENCHMARKS

    shown = _bench("--help").stdout
    assert all(name in shown for name in BENCHMARKS)


def test_an_unknown_benchmark_is_refused() -> None:
    ended = _bench("nonsense")
    assert ended.returncode == 2 and "nonsense" in ended.stderr


def test_a_missing_file_to_compare_with_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    ended = _bench("build", "--quick", "--compare", str(tmp_path / "none.json"))
    assert ended.returncode == 2
    assert "none.json" in ended.stdout and "Traceback" not in ended.stderr


def test_measuring_saving_and_comparing_in_one_go(tmp_path: Path) -> None:
    first, report = tmp_path / "first.json", tmp_path / "out" / "REPORT.md"
    assert _bench("build", "--quick", "--json", str(first)).returncode == 0
    ended = _bench("build", "--quick", "--compare", str(first), "--report", str(report))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "build/20/unchanged" in ended.stdout
    assert "| stencils |" in report.read_text()
    assert set(json.loads(first.read_text())) >= {"benchmarks", "stencilgen"}


def test_a_benchmark_that_fails_does_not_lose_what_the_others_find(
    monkeypatch: pytest.MonkeyPatch, report: Report, tmp_path: Path
) -> None:
    """Each is a process of its own; after each the report is written with what there is."""
    from bench import __main__ as command

    parents = command.apart

    def apart(console: Console, benchmark: Benchmark, options: Options) -> Measured:
        if benchmark.name == "build":  # really, with a child that dies
            return parents(console, Benchmark("no such benchmark", ""), options)
        return Measured(benchmark.name, "", "", "", "", {}, report, "3 s")

    monkeypatch.setattr(command, "apart", apart)
    kept: list[Results] = []
    found = command.run(Console(file=io.StringIO()), ("build", "size"), Options(), kept.append)
    assert found.failed and found.measured[1].report == report
    assert "did not run to its end" in found.measured[0].report.differences[0]
    assert [len(one.measured) for one in kept] == [1, 2]
    text = markdown.render(found, "plots")
    assert "| size | 3 s |" in text and "wrong, see below" in text


def test_several_benchmarks_are_one_report(tmp_path: Path) -> None:
    report = tmp_path / "REPORT.md"
    ended = _bench("startup", "build", "--quick", "--seed", "7", "--report", str(report))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    text = report.read_text()
    assert text.startswith("# Measurements\n\n`python -m bench startup build --seed 7 --quick`")
    assert "| the Python API" not in text and "### the Python API" in text and "### stencilgen build" in text
    assert text.count(" s of processor time |") == 2
