"""What several commands share: options, the console, progress on a terminal, times and sizes in words."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stencilgen.config import Config, load_config
from stencilgen.errors import UserError

__all__ = ["configured", "console", "examples", "milliseconds", "plural", "progress_bar"]

Command = TypeVar("Command", bound=Callable[..., Any])


def console(*, stderr: bool = False) -> Console:
    """Rich on a terminal, plain text in a pipe: no colours, lines not wrapped."""
    plain = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return (
        plain
        if plain.is_terminal
        else Console(stderr=stderr, highlight=False, soft_wrap=True, width=120, color_system=None)
    )


def examples(*lines: str) -> str:
    """An epilog for --help; click keeps its line breaks."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def configured(command: Command) -> Command:
    """Add --config, --target and --jobs; the command receives `config`, `target` and `jobs`."""

    @click.option(
        "--config",
        "-c",
        "path",
        type=click.Path(path_type=Path),
        default=Path("stencilgen.toml"),
        help="The configuration, or the folder it lies in.  [default: stencilgen.toml]",
    )
    @click.option("--target", metavar="TARGET", default="x86_64-linux", show_default=True, help="What to build for.")
    @click.option("--jobs", "-j", type=click.IntRange(min=1), help="Processes to use.  [default: one a core]")
    @functools.wraps(command)
    def wrapper(*args: Any, path: Path, target: str, **options: Any) -> Any:
        from stencilgen.pipeline import TARGETS

        if target not in TARGETS:
            raise UserError(f"there is no target '{target}'", remedy=f"use {' or '.join(TARGETS)}")
        return command(*args, config=load_config(path), target=target, **options)

    return wrapper  # type: ignore[return-value]


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A `progress(stage, done, total)` that draws a bar for the present stage; on a terminal only, and gone afterwards."""
    with Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        console=console(stderr=True),
        transient=True,
        disable=not console(stderr=True).is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)

        def progress(stage: str, done: int, total: int) -> None:
            bar.update(task, description=stage, completed=done, total=total)

        yield progress


def plural(count: int, noun: str) -> str:
    """`1 stencil`, `3 stencils`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def milliseconds(seconds: float) -> str:
    """A duration for people: `43 ms`, `1.2 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
