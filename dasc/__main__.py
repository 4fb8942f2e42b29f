"""The command line: `python -m dasc in.dasc -o out.c`. The options are dynasm.lua's, and a few more.

Exit codes: 0 when all went well, 2 for a mistake in the input or on the command line, 1 for a defect of this program.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from dasc import CompileError, DascError, TranslationError, compile_text
from dasc.backends import BACKENDS
from dasc.dynasm import DynasmError, fetch
from dasc.language.describe import describe_architecture, describe_definitions
from dasc.language.output import Comments
from dasc.language.translator import Options

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile one file; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.input is None and not (options.fetch_dynasm or options.dumparch):
        parser.error("which file? Name a .dasc file, or - for standard input")
    try:
        return _run(options)
    except (DascError, TranslationError, CompileError, DynasmError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except UnicodeDecodeError as error:
        print(f"{options.input}: byte {error.start} is not UTF-8 text\n  → save the file as UTF-8", file=sys.stderr)
        return 2
    except Exception as error:
        print(
            f"dasc: internal error: {type(error).__name__}: {error}\n  → please report it with the input",
            file=sys.stderr,
        )
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dasc",
        description="Compile a .dasc file to C: emit functions by default, DynASM's action lists on request.",
    )
    add = parser.add_argument
    add("input", nargs="?", help="the .dasc file, or - for standard input")
    add("-V", "--version", action="version", version="dasc of stencilgen; reads the language of DynASM 1.5.0")
    add(
        "-o",
        "--output",
        "--outfile",
        default="-",
        metavar="FILE",
        help="the C file; standard output when left out, or -",
    )
    add("-I", "--include", action="append", default=[], metavar="DIR", help="look for included files here, too")
    add("-c", "--ccomment", dest="comments", action="store_const", const=Comments("/*|", " */"), default=Comments(),
        help="show assembly in /* */ comments")  # fmt: skip
    add(
        "-C",
        "--cppcomment",
        dest="comments",
        action="store_const",
        const=Comments(),
        help="show it in // comments (default)",
    )
    add("-N", "--nocomment", dest="comments", action="store_const", const=Comments(""), help="do not show it")
    add("-M", "--maccomment", action="store_true", help="show what macros expand to")
    add("-L", "--nolineno", action="store_true", help="no #line in the output")
    add("-F", "--flushline", action="store_true", help="complete the C of every line by itself")
    add("-D", dest="definitions", action=_Define, default=[], metavar="NAME[=SUBST]", help="define a word")
    add("-U", dest="definitions", action=_Undefine, metavar="NAME", help="take a definition back")
    add("-P", "--dumpdef", action="count", default=0, help="list definitions, macros, …; repeat for more")
    add("-A", "--dumparch", choices=("x64", "x86"), help="list the registers and instructions of x64 or x86")
    add("--backend", choices=BACKENDS, default="direct", help="what the C is written for (default: direct)")
    add("--dynasm", metavar="DIR", help="DynASM's folder, for --backend dynasm; default: $DYNASM, then the cache")
    add("--fetch-dynasm", action="store_true", help="fetch DynASM into the cache (the sources of lupa, by pip)")
    return parser


class _Define(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None) -> None:  # type: ignore[no-untyped-def]
        name, equals, value = str(values).partition("=")
        if re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) is None:
            parser.error(f"`{name}` cannot be defined: use letters, digits and _")
        namespace.definitions = [*namespace.definitions, (name, value if equals else "1")]


class _Undefine(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None) -> None:  # type: ignore[no-untyped-def]
        namespace.definitions = [pair for pair in namespace.definitions if pair[0] != values]


def _run(options: argparse.Namespace) -> int:
    """Nothing is written unless the whole file compiles."""
    if options.fetch_dynasm:
        print(fetch(), file=sys.stderr)
    if options.dumparch:
        print(describe_architecture(options.dumparch), end="")
    if options.input is None:
        return 0
    text = sys.stdin.read() if options.input == "-" else Path(options.input).read_text(encoding="utf-8")
    name = "<stdin>" if options.input == "-" else options.input
    how = Options(
        definitions=tuple(options.definitions),
        folders=(*map(Path, reversed(options.include)), Path()),
        comments=options.comments,
        line_numbers=not options.nolineno,
        macro_comments=options.maccomment,
        flush_lines=options.flushline,
    )
    result = compile_text(text, name, options.backend, how, options.dynasm)
    if options.dumpdef:
        print(describe_definitions(text, name, how, options.dumpdef), end="", file=sys.stderr)
    if options.output == "-":
        sys.stdout.write(result)
    else:
        Path(options.output).write_text(result, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
