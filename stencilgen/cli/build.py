"""`stencilgen build`: all stencils of a configuration → jit_stencils.h and what explains it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stencilgen.cli.common import configured, console, examples, milliseconds, plural, progress_bar
from stencilgen.config import Config
from stencilgen.output import write_files

if TYPE_CHECKING:
    from stencilgen.units.building import Superstencils

INTERMEDIATES = {
    "ir": ("ll", "ir", "LLVM IR as Clang made it"),
    "folded": ("folded.ll", "folded_ir", "LLVM IR in which JIT-time expressions are symbols"),
    "asm": ("s", "assembly", "LLVM's assembly text"),
    "dasc": ("dasc", "dasc", "the stencil as .dasc text"),
    "c": ("c", "c_source", "the emit function"),
}
"""--emit's names: the file's ending, the attribute of BuiltStencil, what it is."""


def _emit(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip()) if value else ()
    for name in names:
        if name not in INTERMEDIATES:
            raise click.BadParameter(f"'{name}' is none of {', '.join(INTERMEDIATES)}")
    return names


@click.command(
    short_help="Turn stencils into jit_stencils.h.",
    epilog=examples(
        "stencilgen build                            for the stencilgen.toml in this folder",
        "stencilgen build -c vm/ -o generated/       for another one, into this folder",
        "stencilgen build --emit ir,asm,dasc         with intermediates, for reading",
        "stencilgen build --profile p.txt            with frequent sequences of micro-ops fused",
    ),
)
@configured()
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write to.  [default: build/TARGET]",
)
@click.option(
    "--emit",
    callback=_emit,
    metavar="LIST",
    help=f"Also write each stencil's intermediates into the output folder: any of {','.join(INTERMEDIATES)}.",
)
@click.option("--no-cache", is_flag=True, help="Build every stencil anew.")
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fuse sequences of micro-ops that are frequent in this profile (sg_options.profile). May be given several times.",
)
@click.option(
    "--superstencils", type=click.IntRange(min=0), metavar="N", help="How many sequences to fuse.  [default: 40]"
)
@click.option("--size-budget", type=click.IntRange(min=0), metavar="KB", help="How much machine code they may have.")
@click.option("--verify", is_flag=True, help="Let code test the facts that it would trust, and stop at a false one.")
def command(
    config: Config,
    target: str,
    jobs: int | None,
    output: Path | None,
    emit: tuple[str, ...],
    no_cache: bool,
    profiles: tuple[Path, ...],
    superstencils: int | None,
    size_budget: int | None,
    verify: bool,
) -> None:
    """Build all stencils: write jit_stencils.h, stencils.dasc, listing.txt and stats.json."""
    wish = _superstencils(profiles, superstencils, size_budget)
    from stencilgen.pipeline import build, build_directory, write_build

    start = time.perf_counter()
    directory = output or build_directory(config, target)
    with progress_bar() as progress:
        result = build(
            config,
            target=target,
            jobs=jobs,
            cache=not no_cache,
            directory=directory,
            superstencils=wish,
            verify=verify,
            progress=progress,
        )
    written = write_build(result, directory)
    for name in emit:
        ending, attribute, _ = INTERMEDIATES[name]
        write_files(directory / "stencils", {f"{s.name}.{ending}": getattr(s, attribute) for s in result.stencils})
    hot = sum(stencil.max_hot for stencil in result.stencils)
    cold = sum(stencil.max_cold for stencil in result.stencils)
    out = console()
    levels = f", each for {', '.join(result.levels)}," if len(result.levels) > 1 else ""
    out.print(
        f"{plural(len(result.stencils), 'stencil')}{levels} in {milliseconds(time.perf_counter() - start)}"
        f" ({result.rebuilt} built, {len(result.levels) * len(result.stencils) - result.rebuilt} as before);"
        f" at most {hot:,} bytes hot, {cold:,} cold"
    )
    for path in written:
        out.print(f"  {_short(path)}", markup=False)
    if emit and result.stencils:
        out.print(f"  {_short(directory / 'stencils')}/ ({', '.join(emit)})", markup=False)


_SUPERSTENCILS = 40
"""How many are fused when the user says nothing: about where further ones save little."""


def _superstencils(profiles: tuple[Path, ...], count: int | None, kilobytes: int | None) -> "Superstencils | None":
    from stencilgen.units.building import Superstencils

    if not profiles:
        if count or kilobytes:
            raise click.UsageError("--superstencils and --size-budget need a --profile of the VM's traces")
        return None
    if count is None and kilobytes is None:
        count = _SUPERSTENCILS
    return Superstencils(profiles, count, kilobytes * 1024 if kilobytes is not None else None)


def _short(path: Path) -> Path:
    """As the user would write it: relative to where they are, if it is below."""
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
