"""python -m bench NAME…: measure, show, save and compare. The figures of the README come from `python -m bench all`."""

import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from bench.frame import machine, markdown, plots, progress, results, terminal
from bench.frame.compare import compare
from bench.frame.report import Options, Report
from bench.registry import BENCHMARKS, Benchmark
from stencilgen.errors import UserError


def _seed() -> int:
    return random.getrandbits(32)


REPORT = machine.ROOT / "bench" / "REPORT.md"

_EPILOG = "\b\n" + "\n".join(f"{name:9} {benchmark.line}" for name, benchmark in BENCHMARKS.items())


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.argument("names", nargs=-1, required=True, type=click.Choice([*BENCHMARKS, "all"]), metavar="NAME…|all")
@click.option("--quick", is_flag=True, help="The smallest sizes: to see that it works, not how fast it is.")
@click.option("--long", is_flag=True, help="Where more cases can be compared, a million of them.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Save; pyperf's own commands read the file.")
@click.option("--compare", "old", type=click.Path(path_type=Path), help="Compare with a file of --json, or of pyperf.")
@click.option("--report", type=click.Path(path_type=Path), help="Write Markdown, and plots beside it. [all: REPORT.md]")
@click.option("--only", default="", metavar="PART", help="Programs and traces whose name contains this.")
@click.option("--seed", type=int, default=_seed, help="Of all that is random. [a new one, which is shown]")
@click.option("--jobs", type=int, help="Processes of a build. [one a core]")
@click.option("--python", "pythons", multiple=True, metavar="PYTHON", help="A further Python to compare with.")
def main(
    names: tuple[str, ...], json_file: Path | None, old: Path | None, report: Path | None, **given: object
) -> None:
    """Measure stencilgen beside what its users would pick instead."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    options = Options(**given)  # type: ignore[arg-type]  # click has checked them
    if report is None and "all" in names and not options.quick and not options.only:
        report = REPORT

    def keep(found: results.Results) -> None:
        if json_file:
            results.save(found, json_file)
        if report:
            write_report(found, report)

    try:
        before = results.load_timings(old) if old else []
        found = run(console, names, options, keep)
        if old:
            terminal.show(console, Report(tables=(compare(before, found.timings),)))
    except UserError as error:
        console.print(f"bench: {escape(str(error))}", soft_wrap=True)
        raise SystemExit(2) from None
    if found.failed:
        raise SystemExit(1)


def run(
    console: Console,
    names: tuple[str, ...],
    options: Options,
    keep: Callable[[results.Results], None] = lambda found: None,
) -> results.Results:
    """Run the benchmarks one after the other; show each when it is done, and keep what there is so far.

    Several are run in a process each, so that whatever happens to one, the others' results stand.
    """
    chosen = list(BENCHMARKS) if "all" in names else list(dict.fromkeys(names))
    found = results.Results(_command(names, options), results.today(), ())
    for name in chosen:
        measure = _here if len(chosen) == 1 else apart
        one = measure(console, BENCHMARKS[name], options)
        found = replace(found, measured=(*found.measured, one))
        keep(found)
    return found


def _here(console: Console, benchmark: Benchmark, options: Options) -> results.Measured:
    """Run a benchmark in this process, and show what it found."""
    console.rule(f"[bold]{benchmark.name}[/]: {benchmark.line}", align="left")
    console.print(machine.machine())
    console.print(", ".join(f"{name} {version}" for name, version in machine.versions().items()), soft_wrap=True)
    before, start, work = machine.load(), time.perf_counter(), _processor()
    progress.tell(benchmark.name)
    try:
        report = benchmark.run(options)
    finally:
        progress.clear()
    took = f"{time.perf_counter() - start:.0f} s, {_processor() - work:.0f} s of processor time"
    terminal.show(console, report)
    console.print(f"took {took}", style="dim")
    return _measured(benchmark, options, f"{before} to {machine.load()}", report, took)


LONGEST = 3600
"""Seconds after which a benchmark is ended that does not end by itself."""


def apart(console: Console, benchmark: Benchmark, options: Options) -> results.Measured:
    """Run a benchmark as `python -m bench NAME`; if nothing comes back, that is its result."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "results.json"
        command = [sys.executable, "-m", "bench", benchmark.name, *_arguments(options), "--json", str(file)]
        process = subprocess.Popen(command, cwd=machine.ROOT)
        try:
            status = process.wait(LONGEST)
            why = f"it ended with status {status}; what it printed says more"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            why = f"it was ended after {LONGEST} s"
        if file.exists():
            return results.load(file).measured[0]
    console.print(f"{benchmark.name}: {why}", style="bold red")
    report = Report(differences=(f"it did not run to its end: {why}",))
    return _measured(benchmark, options, machine.load(), report, "–")


def _command(names: tuple[str, ...], options: Options) -> str:
    """What finds the same again; where it is saved does not matter, nor where a Python lies."""
    shown = replace(options, pythons=tuple(Path(python).name for python in options.pythons), jobs=None)
    return f"python -m bench {shlex.join([*names, *_arguments(shown)])}"


def _arguments(options: Options) -> list[str]:
    """The options as they are given on the command line."""
    given = ["--seed", str(options.seed)]
    given += [f"--{name}" for name in ("quick", "long") if getattr(options, name)]
    given += ["--only", options.only] if options.only else []
    given += ["--jobs", str(options.jobs)] if options.jobs else []
    return [*given, *(f"--python={python}" for python in options.pythons)]


def _processor() -> float:
    """Seconds that this process and those that it waited for have used."""
    return sum(os.times()[:4])


def _measured(benchmark: Benchmark, options: Options, load: str, report: Report, took: str) -> results.Measured:
    command = _command((benchmark.name,), options)
    versions = {**machine.versions(), **report.versions}
    return results.Measured(benchmark.name, benchmark.line, command, machine.machine(), load, versions, report, took)


def write_report(found: results.Results, path: Path) -> None:
    """The Markdown file, and its plots in the folder `plots` beside it, where no others stay."""
    folder = path.parent / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {plots.draw(plot, folder) for measured in found.measured for plot in measured.report.plots}
    for old in set(folder.glob("*.svg")) - drawn:
        old.unlink()
    path.write_text(markdown.render(found, folder.name), encoding="utf-8")


if __name__ == "__main__":
    main()
