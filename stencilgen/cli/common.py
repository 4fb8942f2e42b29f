"""What several commands share: options, the console, progress on a terminal, times and sizes in words."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from stencilgen.config import load_config
from stencilgen.errors import UserError

__all__ = ["configured", "console", "examples", "milliseconds", "plural", "progress_bar"]


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


def configured(*, target: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --config, --jobs and, unless told otherwise, --target; the command receives `config`, `jobs` and `target`."""
    config_option = click.option(
        "--config",
        "-c",
        "path",
        type=click.Path(path_type=Path),
        default=Path("stencilgen.toml"),
        help="The configuration, or the folder it lies in.  [default: stencilgen.toml]",
    )
    target_option = click.option(
        "--target", metavar="TARGET", default="x86_64-linux", help="What to build for.", show_default=True
    )
    jobs_option = click.option(
        "--jobs", "-j", type=click.IntRange(min=1), help="Processes to use.  [default: one a core]"
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, path: Path, **options: Any) -> Any:
            from stencilgen.pipeline import TARGETS

            if target and options["target"] not in TARGETS:
                raise UserError(f"there is no target '{options['target']}'", remedy=f"use {' or '.join(TARGETS)}")
            return command(*args, config=load_config(path), **options)

        wrapped = functools.update_wrapper(wrapper, command)
        return config_option(target_option(jobs_option(wrapped)) if target else jobs_option(wrapped))

    return decorate


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A `progress(stage, done, total)` that draws a bar for the present stage: on a terminal only, gone afterwards."""
    with Progress(
        TextColumn("{task.description:>14}"),
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
