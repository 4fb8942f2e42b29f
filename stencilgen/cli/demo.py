"""`stencilgen demo`: the whole thing on the bundled examples, in seconds, without changing anything here.

First the calculator, whose every file is small; then minipy, a tracing VM for a small Python.
"""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import click

from stencilgen import paths
from stencilgen.cli.common import console, examples, milliseconds, plural, progress_bar
from stencilgen.config import load_config
from stencilgen.errors import UserError

PROGRAM = "pi.rpn"


@click.command(
    short_help="Build and run the bundled examples.",
    epilog=examples(
        "stencilgen demo                      in a temporary folder",
        "stencilgen demo --keep calculator    and keep the folder, to play with",
        "stencilgen demo FILE.py --stats      run a program of a small Python in a tracing VM",
    ),
)
@click.argument("program", metavar="[FILE.py]", required=False, type=click.Path(path_type=Path))
@click.option("--keep", type=click.Path(path_type=Path), help="Work in this folder, which must be new, and keep it.")
@click.option(
    "--jit", type=click.Choice(["off", "on", "always"]), help="For FILE.py: when to trace its loops.  [default: on]"
)
@click.option("--stats", "statistics", is_flag=True, help="For FILE.py: print figures about its traces.")
def command(program: Path | None, keep: Path | None, jit: str | None, statistics: bool) -> None:
    """Build the bundled calculator, run a program in its interpreter and as a trace, and compare; then minipy.

    With FILE.py, run it in minipy, and print just what it prints.
    """
    from stencilgen.cli import minipy_demo

    if program is not None:
        if (status := minipy_demo.run_program(program, jit or "on", statistics)) != 0:
            raise click.exceptions.Exit(status)
    elif jit is not None or statistics:
        raise UserError(
            "--jit and --stats are for a program of yours", remedy="name it: stencilgen demo FILE.py --stats"
        )
    elif keep is None:
        with tempfile.TemporaryDirectory(prefix="stencilgen-demo-") as folder:
            _demo(Path(folder) / "calculator")
        minipy_demo.tour()
        _next("stencilgen demo --keep calculator && cd calculator", "the calculator in a folder of yours; then there:")
    elif keep.exists():
        raise UserError("this folder is already there", remedy="name a new one, or remove it first", file=keep)
    else:
        _demo(keep.resolve())
        _next(f"cd {keep}", "stencils.c, pi.rpn, README.md; then there:")


def _demo(folder: Path) -> None:
    from stencilgen.pipeline import build, build_directory, write_build
    from stencilgen.toolchain.cc import find_compiler, link

    out = console()
    shutil.copytree(paths.example("calculator"), folder, ignore=shutil.ignore_patterns("build", "calculator"))
    config = load_config(folder)

    out.print("[bold]1. stencils.c → jit_stencils.h[/]   a small calculator's instructions in C become emit functions")
    start = time.perf_counter()
    with progress_bar() as progress:
        result = build(config, progress=progress)
    write_build(result, build_directory(config))
    spent = milliseconds(time.perf_counter() - start)
    clang, total = result.clang, result.stats["total"]
    out.print(f"   {plural(total['stencils'], 'stencil')} in {spent}, with Clang {clang.version} from {clang.origin}")
    out.print(f"   at most {total['max_hot_bytes']} bytes of hot code, {total['max_cold_bytes']} of cold code")

    out.print("[bold]2. jit_stencils.h → program[/]      an ordinary C compiler, no LLVM any more")
    start = time.perf_counter()
    compiler, runtime, program = find_compiler(), paths.runtime(), folder / "calculator"
    sources = [*(folder / name for name in ("calculator.c", "parse.c", "vm.c")), *sorted((runtime / "src").glob("*.c"))]
    includes = [folder, build_directory(config), runtime / "include"]
    with progress_bar() as progress:
        progress("C compiler", 0, 1)
        flags = ["-O2", *(flag for path in includes for flag in ("-I", str(path))), "-lm"]
        link(compiler, sources, program, flags, directory=folder)
    spent = milliseconds(time.perf_counter() - start)
    out.print(f"   linked with the runtime in {spent}, with {' '.join(compiler.command)}", markup=False)

    out.print(f"[bold]3. {PROGRAM}[/]                        in the interpreter, then as a trace")
    run = subprocess.run([program, PROGRAM], cwd=folder, capture_output=True, text=True)
    for line in (run.stdout + run.stderr).splitlines():
        out.print(f"   {line}".rstrip(), markup=False)
    if run.returncode != 0:
        raise RuntimeError(f"the calculator ended with status {run.returncode}")


def _next(first: str, why: str) -> None:
    out = console()
    out.print("[bold]Where to look next[/]")
    for command, what in (
        (first, why),
        ("stencilgen explain LOAD --slot 3", "one stencil from C to bytes, stage by stage"),
        ("stencilgen stats", "the size of every stencil"),
        ("stencilgen demo FILE.py --stats", "a program of yours in minipy"),
        (str(paths.example("minipy") / "README.md"), "how minipy is put together"),
    ):
        out.print(f"   {command:<52} {what}", markup=False)
