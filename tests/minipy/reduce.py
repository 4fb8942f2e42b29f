"""Make a failing random program small: `python -m tests.minipy.reduce FILE.py [minipy's options]`.

Lines are taken out, in blocks from large to small, as long as CPython still runs the program to an end of the same kind
and minipy still shows something else. What remains is printed.
"""

import ast
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.minipy.running import differences, run_minipy, run_python


def without_blocks(lines: list[str], fails: Callable[[list[str]], bool]) -> list[str]:
    """Take out as many lines as can be while it fails."""
    size = len(lines) // 2
    while size >= 1:
        at = 0
        while at < len(lines):
            fewer = lines[:at] + lines[at + size :]
            if fails(fewer):
                lines = fewer
            else:
                at += size
        size = size // 2 if size > 1 else 0
    return lines


def dedented(lines: list[str], at: int) -> list[str]:
    """Without line `at`, and what was indented below it moved to the left."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    end = at + 1
    while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
        end += 1
    return lines[:at] + [line[4:] for line in lines[at + 1 : end]] + lines[end:]


def reduce(source: str, options: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reduced.py"

        def fails(lines: list[str]) -> bool:
            text = "\n".join(lines) + "\n"
            try:
                ast.parse(text)
            except SyntaxError:
                return False
            file.write_text(text)
            expected = run_python(file, checked=True)
            if expected.error.startswith(("NameError", "UnboundLocalError")):
                return False
            return bool(differences(expected, run_minipy(file, *options)))

        lines = source.splitlines()
        if not fails(lines):
            raise SystemExit("minipy shows what CPython shows: nothing to reduce")
        before = len(lines) + 1
        while len(lines) < before:
            before = len(lines)
            lines = without_blocks(lines, fails)
            for at in range(len(lines) - 1, -1, -1):
                if lines[at].rstrip().endswith(":") and fails(fewer := dedented(lines, at)):
                    lines = fewer
        return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(reduce(Path(sys.argv[1]).read_text(), sys.argv[2:]), end="")
