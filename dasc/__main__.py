"""The command line: `python -m dasc in.dasc -o out.c`.

Exit codes: 0 when all went well, 2 for a mistake in the input or on the command line, 1 for a defect of this program.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dasc import CompileError, DascError, compile_file, parse

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compile one file; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m dasc", description="Compile a .dasc file to C emit functions for stencilgen/emit.h."
    )
    parser.add_argument("input", help="the .dasc file, or - for standard input")
    parser.add_argument("-o", "--output", default="-", help="the C file; standard output when left out, or -")
    options = parser.parse_args(arguments)
    try:
        _compile(options.input, options.output)
    except (DascError, CompileError) as error:
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
    return 0


def _compile(source: str, output: str) -> None:
    """Nothing is written unless the whole file compiles."""
    text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    name = "<stdin>" if source == "-" else source
    result = compile_file(parse(text, name), Path(name).name)
    if output == "-":
        sys.stdout.write(result)
    else:
        Path(output).write_text(result, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
