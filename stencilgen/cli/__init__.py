"""The command line: one module a command, and here what they share: how failures leave the process.

| exit code | means |
|---|---|
| 0   | all is well |
| 1   | a defect of stencilgen: one line that says so and where to report it |
| 2   | the user's mistake, told in words: file, line, cause, remedy |
| 130 | interrupted; nothing half-written is left behind |
"""

import difflib
import errno
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

import click

from stencilgen.errors import BuildWarning, UserError
from stencilgen.version import VERSION

__all__ = ["main", "stencilgen"]

COMMANDS = ("build", "explain", "stats", "check", "profile", "doctor", "demo", "runtime")
"""In the order in which a newcomer meets them; each is `stencilgen.cli.NAME.command`."""

REPORT = "please report this, with the output of `stencilgen doctor`, to the developers of stencilgen"


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a write, which knows no file's name, meets on a full disk."""


class _Lazy(click.Group):
    """Imports a command's module when it is used: `stencilgen --help` does not wait for LLVM."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"stencilgen.cli.{name}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and (near := difflib.get_close_matches(args[0], COMMANDS, 1)):
            raise click.UsageError(f"No such command '{args[0]}'; did you mean '{near[0]}'?", context)
        return super().resolve_command(context, args)


EPILOG = """\b
Examples:
  stencilgen demo                            see it work, on a bundled example
  stencilgen build                           build the stencilgen.toml in this folder
  stencilgen explain LOAD_FAST --oparg 3     from C to bytes, stage by stage
  stencilgen doctor                          what is missing on this machine"""


@click.group(
    cls=_Lazy, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, "--version", message="stencilgen %(version)s")
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="For defects: show a traceback (also STENCILGEN_TRACEBACK=1)."
)
def stencilgen() -> None:
    """Micro-ops written once in C become emit functions for a trace JIT."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code. Never raises, whatever goes wrong."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    arguments = [argument for argument in given if argument != "--traceback"]  # wherever it stands
    wants_traceback = len(arguments) < len(given) or os.environ.get("STENCILGEN_TRACEBACK", "") not in ("", "0")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", BuildWarning)  # once, however many levels are built for
            warnings.showwarning = _show_warning
            return _exit_code(stencilgen.main(args=arguments, prog_name="stencilgen", standalone_mode=False))
    except UserError as error:
        show(error)
        return 2
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        _drop_output()  # whoever read it has seen enough
        return 128 + signal.SIGPIPE
    except Exception as error:
        if wants_traceback:
            traceback.print_exc()
        if isinstance(error, OSError) and (error.filename is not None or error.errno in _NO_ROOM):
            place = f"{error.filename}: " if error.filename is not None else ""  # a folder without permission
            click.echo(f"{place}{error.strerror}", err=True)
            if not place:
                _drop_output()
            return 2
        message = " ".join(str(error).split()) or "no message"
        click.echo(f"stencilgen: a defect of stencilgen: {type(error).__name__}: {message}\n  → {REPORT}", err=True)
        return 1


def _drop_output() -> None:
    """Keep the interpreter from complaining when it flushes what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _exit_code(result: object) -> int:
    return result if isinstance(result, int) else 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """In place of warnings.showwarning: the warning itself names the line that matters."""
    click.echo(message, err=True)


def show(error: UserError) -> None:
    """Print a user error on stderr, the place in bold."""
    for diagnostic in error.diagnostics:
        text = str(diagnostic)
        place = text[: text.index(diagnostic.what)]
        click.echo(click.style(place, bold=True) + text[len(place) :], err=True)
