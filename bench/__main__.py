"""python -m bench NAME…: measure, show, save and compare. The figures of the README come from `python -m bench all`."""

import os
import random
import shlex
import sys
import time
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
    try:
        before = results.load_timings(old) if old else []
        found = run(console, names, options)
        if json_file:
            results.save(found, json_file)
        if report or ("all" in names and not options.quick and not options.only):
            write_report(found, report or REPORT)
        if old:
            terminal.show(console, Report(tables=(compare(before, found.timings),)))
    except UserError as error:
        console.print(f"bench: {escape(str(error))}", soft_wrap=True)
        raise SystemExit(2) from None
    if found.failed:
        raise SystemExit(1)


def run(console: Console, names: tuple[str, ...], options: Options) -> results.Results:
    """Run the benchmarks one after the other, and show each when it is done."""
    chosen = list(BENCHMARKS.values()) if "all" in names else [BENCHMARKS[name] for name in dict.fromkeys(names)]
    console.print(machine.machine())
    console.print(", ".join(f"{name} {version}" for name, version in machine.versions().items()), soft_wrap=True)
    measured = []
    for benchmark in chosen:
        console.rule(f"[bold]{benchmark.name}[/]: {benchmark.line}", align="left")
        start, work = time.perf_counter(), _processor()
        try:
            measured.append(_measure(benchmark, options))
        except UserError as error:
            if len(chosen) == 1:
                raise
            measured.append(_failed(benchmark, options, error))  # what the others find is not lost
        terminal.show(console, measured[-1].report)
        took = f"took {time.perf_counter() - start:.0f} s, {_processor() - work:.0f} s of processor time"
        console.print(took, style="dim")
    return results.Results(_command(names, options), results.today(), tuple(measured))


def _command(names: tuple[str, ...], options: Options) -> str:
    """What finds the same again; where it is saved does not matter, nor where a Python lies."""
    given = [*names, "--seed", str(options.seed), *(["--quick"] if options.quick else [])]
    given += ["--only", options.only] if options.only else []
    given += [f"--python={Path(python).name}" for python in options.pythons]
    return f"python -m bench {shlex.join(given)}"


def _processor() -> float:
    """Seconds that this process and those that it waited for have used."""
    return sum(os.times()[:4])


def _measure(benchmark: Benchmark, options: Options) -> results.Measured:
    before = machine.load()
    progress.tell(benchmark.name)
    try:
        report = benchmark.run(options)
    finally:
        progress.clear()
    return _measured(benchmark, options, f"{before} to {machine.load()}", report)


def _failed(benchmark: Benchmark, options: Options, error: UserError) -> results.Measured:
    first, *more = str(error).splitlines()
    lines = [first, *more[:8], *(["…"] if len(more) > 8 else [])]  # a compiler's can be hundreds
    return _measured(benchmark, options, machine.load(), Report(differences=("it did not run: " + "\n".join(lines),)))


def _measured(benchmark: Benchmark, options: Options, load: str, report: Report) -> results.Measured:
    command = _command((benchmark.name,), options)
    versions = {**machine.versions(), **report.versions}
    return results.Measured(benchmark.name, benchmark.line, command, machine.machine(), load, versions, report)


def write_report(found: results.Results, path: Path) -> None:
    """The Markdown file, and its plots in the folder `plots` beside it."""
    folder = path.parent / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    for plot in (plot for measured in found.measured for plot in measured.report.plots):
        plots.draw(plot, folder)
    path.write_text(markdown.render(found, folder.name), encoding="utf-8")


if __name__ == "__main__":
    main()
