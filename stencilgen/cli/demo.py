"""`stencilgen demo`: the whole thing on a bundled example, in a minute, without changing anything here."""

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


@click.command(
    short_help="Build and run the bundled example.",
    epilog=examples(
        "stencilgen demo                      in a temporary folder",
        "stencilgen demo --keep calculator    and keep the folder, to play with",
    ),
)
@click.option("--keep", type=click.Path(path_type=Path), help="Work in this folder, which must be new, and keep it.")
def command(keep: Path | None) -> None:
    """Build the bundled calculator, run a program in its interpreter and as a trace, and compare."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="stencilgen-demo-") as folder:
            _demo(Path(folder) / "calculator", kept=False)
    elif keep.exists():
        raise UserError("this folder is already there", remedy="name a new one, or remove it first", file=keep)
    else:
        _demo(keep, kept=True)


def _demo(folder: Path, kept: bool) -> None:
    from stencilgen.pipeline import build, build_directory, write_build
    from stencilgen.toolchain.cc import find_compiler, link

    out = console()
    shutil.copytree(paths.example("calculator"), folder, ignore=shutil.ignore_patterns("build", "calculator"))
    config = load_config(folder)

    out.print(
        "[bold]1. stencils.c → jit_stencils.h[/]: each instruction of a small calculator, written in C, becomes an emit function"
    )
    start = time.perf_counter()
    with progress_bar() as progress:
        result = build(config, progress=progress)
    total = result.stats["total"]
    target = build_directory(config)
    write_build(result, target)
    out.print(
        f"   {plural(total['stencils'], 'stencil')} built in {milliseconds(time.perf_counter() - start)} with Clang"
        f" {result.clang.version} from {result.clang.origin};"
        f" at most {total['max_hot_bytes']} bytes hot, {total['max_cold_bytes']} cold, {total['constant_bytes']} of constants",
        markup=False,
    )

    out.print("[bold]2. jit_stencils.h + runtime → a program[/]: an ordinary C compiler, no LLVM in it")
    start = time.perf_counter()
    compiler, runtime, program = find_compiler(), paths.runtime(), folder / "calculator"
    sources = [*(folder / name for name in ("calculator.c", "parse.c", "vm.c")), *sorted((runtime / "src").glob("*.c"))]
    flags = ["-O2", "-I", str(folder), "-I", str(target), "-I", str(runtime / "include"), "-lm"]
    with progress_bar() as progress:
        progress("C compiler", 0, 1)
        link(compiler, sources, program, flags, directory=folder)
    out.print(f"   {milliseconds(time.perf_counter() - start)} with {' '.join(compiler.command)}", markup=False)

    out.print("[bold]3. pi.rpn[/]: run in the interpreter, then as a trace")
    run = subprocess.run([program, "pi.rpn"], cwd=folder, capture_output=True, text=True)
    for line in (run.stdout + run.stderr).splitlines():
        out.print(f"   {line}".rstrip(), markup=False)
    if run.returncode != 0:
        raise RuntimeError(f"the calculator ended with status {run.returncode}")

    out.print("[bold]Where to look next[/]")
    if kept:
        out.print(
            f"   cd {folder}                      README.md, stencils.c, pi.rpn; change a stencil and build again",
            markup=False,
        )
        out.print("   stencilgen explain MUL           from C to bytes, stage by stage", markup=False)
    else:
        out.print(
            "   stencilgen demo --keep calculator && cd calculator     the same in a folder of yours: stencils.c, pi.rpn, README.md"
        )
        out.print("   stencilgen explain MUL                                 there: from C to bytes, stage by stage")
    out.print("   stencilgen stats                 size of every stencil, which rule fired how often", markup=False)
