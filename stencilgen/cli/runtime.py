"""`stencilgen runtime`: where the C runtime is, for makefiles; or a copy of it, for repositories."""

import shutil
from pathlib import Path

import click

from stencilgen import paths
from stencilgen.cli.common import console, examples
from stencilgen.errors import UserError


@click.command(
    short_help="Where the C runtime is, or a copy of it.",
    epilog=examples(
        'cc -I "$(stencilgen runtime)/include" main.c "$(stencilgen runtime)"/src/*.c',
        "stencilgen runtime --copy third_party/stencilgen-runtime",
    ),
)
@click.option("--copy", "copy_to", type=click.Path(path_type=Path), help="Copy it into this folder, which must be new.")
def command(copy_to: Path | None) -> None:
    """Print the folder of the C runtime: include/ and src/, all that a JIT needs beside its generated header."""
    if copy_to is None:
        click.echo(paths.runtime())
        return
    try:
        shutil.copytree(paths.runtime(), copy_to)
    except FileExistsError:
        raise UserError(
            "this folder is already there", remedy="name a new one, or remove it first", file=copy_to
        ) from None
    except OSError as error:
        raise UserError(f"cannot copy the runtime: {error}", file=copy_to) from None
    console().print(f"the runtime is in {copy_to}", markup=False)
