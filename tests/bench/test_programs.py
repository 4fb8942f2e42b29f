"""Whole programs: what is run, by whom, and that a wrong output is seen."""

from pathlib import Path

import pytest

from bench.frame.report import NotMeasured
from bench.programs import jobs
from bench.programs.contenders import CPYTHON, Contender, Run, contenders
from bench.programs.jobs import EMPTY, SHORT, Job
from bench.programs.sample import Sampler
from bench.programs.warmup import lost, time_to_peak


def test_every_program_has_a_short_size_and_a_lua_version() -> None:
    lua = {path.stem for path in (Path(jobs.__file__).parent / "lua").glob("*.lua")}
    assert set(jobs.names()) == set(SHORT) == lua - {"prelude"}
    assert all(SHORT[name] < jobs.full_size(name) for name in jobs.names())


def test_a_jobs_source_has_its_size_and_its_last_statements_repeated() -> None:
    once, thrice = Job("nbody", 7).source(), Job("nbody", 7, 3).source()
    assert "SIZE = 7" in once and once.endswith("\nmain()\n")
    assert thrice.endswith("\nfor _ in range(3):\n    main()\n")
    compile(Job("monte_carlo", 7, 2).source(), "monte_carlo", "exec")


def _echo(name: str, output: str, seconds: float = 0.5, status: int = 0) -> Contender:
    """A contender that prints a text, whatever it is to run."""
    script = f"echo '{output}'; echo 'noise' >&2; echo 'seconds {seconds}' >&2; exit {status}"
    return Contender(name, "made up", lambda job, folder: ("sh", "-c", script))


def test_samples_are_what_the_contender_reports(tmp_path: Path) -> None:
    sampler = Sampler([_echo("reference", "same"), _echo("other", "same", 0.25)], tmp_path)
    runs = sampler.rounds(Job("nbody", 1), sampler.contenders, 3)
    assert {name: [run.seconds for run in done] for name, done in runs.items()} == {
        "reference": [0.5, 0.5, 0.5],
        "other": [0.25, 0.25, 0.25],
    }
    assert not sampler.differences


def test_a_wrong_output_is_seen(tmp_path: Path) -> None:
    sampler = Sampler([_echo("reference", "right"), _echo("other", "wrong")], tmp_path)
    sampler.rounds(Job("nbody", 1), sampler.contenders, 1)
    assert len(sampler.differences) == 1 and "other prints 'wrong" in sampler.differences[0]


def test_who_cannot_run_a_program_is_named_and_not_asked_again(tmp_path: Path) -> None:
    sampler = Sampler([_echo("reference", "x"), _echo("unable", "x", status=3)], tmp_path)
    runs = sampler.rounds(Job("nbody", 1), sampler.contenders, 2)
    assert not runs["unable"] and len(runs["reference"]) == 2
    assert list(sampler.cannot.values()) == [NotMeasured("nbody in unable", "seconds 0.5")]


@pytest.mark.parametrize("program", ["nbody", "richards"])
def test_every_contender_prints_what_cpython_prints(program: str, tmp_path: Path) -> None:
    from bench.frame.report import Options

    everyone, _ = contenders(Options())
    fast = [one for one in everyone if not one.slow]
    assert fast[0].name == CPYTHON
    sampler = Sampler(fast, tmp_path)
    for one in fast:
        run = sampler.sample(one, Job(program, SHORT[program], 2))
        assert isinstance(run, Run) and run.seconds > 0
        assert one.reports or sampler.sample(one, EMPTY)
    assert not sampler.differences


@pytest.mark.parametrize(
    ("totals", "peak"),
    [
        ((5.0, 6.0, 8.0, 12.0), 5.0),  # the first run compiles, all others take 1
        ((5.0, 9.0, 11.0, 15.0), 9.0),  # the second still compiles
        ((5.0, 9.0, 17.0, 21.0), None),  # faster only at the end
    ],
)
def test_the_peak_is_reached_when_runs_take_what_the_last_ones_take(
    totals: tuple[float, ...], peak: float | None
) -> None:
    assert time_to_peak((1, 2, 4, 8), totals) == peak


def test_what_warming_up_costs_is_what_runs_at_peak_do_not_explain() -> None:
    assert lost((1, 2, 4, 8), (5.0, 6.0, 8.0, 12.0)) == 4.0
    assert lost((1, 2, 4, 8), (1.0, 2.0, 4.0, 8.0)) == 0.0
