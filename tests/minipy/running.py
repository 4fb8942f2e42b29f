"""Run a program in minipy and in CPython, and compare.

A run is a forked child, which inherits the imported front end: some milliseconds, where a new Python would take hundreds.
Everything is seen from outside, as a user sees it: what is printed, the traceback's lines, its last line, the exit status.
"""

import ast
import functools
import importlib
import importlib.util
import io
import os
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MINIPY = ROOT / "examples" / "minipy"
PROGRAMS = sorted((MINIPY / "programs").glob("*.py"))
SECONDS = 60
"""A run that takes longer is ended by SIGALRM: its status is then -14."""

MODES: dict[str, tuple[str, ...]] = {
    "switch": ("--jit", "off", "--interpreter", "switch"),
    "threaded": ("--jit", "off", "--interpreter", "threaded"),
    "on": ("--jit", "on"),
    "always": ("--jit", "always"),
    "no facts": ("--jit", "always", "--no-facts"),
    "verified": ("--jit", "always", "--verify-facts"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run shows. `error` is the last line of stderr, `lines` the line numbers that its traceback names."""

    output: str
    error: str
    lines: tuple[int, ...]
    status: int

    def __str__(self) -> str:
        return f"{self.output}[{self.error or 'no error'}; lines {list(self.lines)}; status {self.status}]"


def _observe(action: Callable[[], int], seconds: int = SECONDS) -> tuple[str, str, int]:
    """stdout, stderr and status of `action` in a forked child; the status is negative for a signal."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            status = 70
            try:
                signal.alarm(seconds)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
                sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)
                status = action()
            except SystemExit as stop:
                status = stop.code if isinstance(stop.code, int) else 1
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return (
            out.read().decode("utf-8", "backslashreplace"),
            err.read().decode("utf-8", "backslashreplace"),
            os.waitstatus_to_exitcode(ended),
        )


# Since Python 3.12 a list comprehension is a part of its function.
FREE = re.compile(
    r"NameError: cannot access free variable ('\w+') where it is not associated with a value in enclosing scope"
)
LOCAL = r"UnboundLocalError: cannot access local variable \1 where it is not associated with a value"


def _outcome(output: str, errors: str, status: int, file: Path) -> Outcome:
    # Before 3.12 a list comprehension has a call of its own in a traceback.
    lines = re.findall(rf'File "{re.escape(str(file))}", line (\d+)(?!\d|, in <listcomp>)', errors)
    last = FREE.sub(LOCAL, errors.rstrip("\n").rpartition("\n")[2])
    return Outcome(output, last, tuple(map(int, lines)), status)


_main: Callable[[], int] | None = None


def minipy_main() -> Callable[[], int]:
    """`main` of minipy.py, imported once."""
    global _main
    if _main is None:
        sys.path.insert(0, str(MINIPY))
        specification = importlib.util.spec_from_file_location("minipy", MINIPY / "minipy.py")
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        build: Any = importlib.import_module(
            "build"
        )  # main() imports it when it is needed: here, once, not in every child
        build.build_vm = functools.cache(build.build_vm)
        _main = module.main
    return _main


def run_minipy_raw(file: Path, *options: str, seconds: int = SECONDS) -> tuple[str, str, int]:
    """stdout, the whole stderr, and the status."""
    main = minipy_main()
    build: Any = sys.modules["build"]
    wanted = tuple(option in options for option in ("--check-refcounts", "--sanitize", "threaded", "--verify-facts"))
    fused = int(options[options.index("--superstencils") + 1]) if "--superstencils" in options else 0
    build.build_vm(build.Variant(*wanted, fused))  # the child then finds it without asking whether it is up to date

    def action() -> int:
        sys.argv = ["minipy.py", *options, str(file)]
        return main() or 0

    return _observe(action, seconds)


def run_minipy(file: Path, *options: str) -> Outcome:
    return _outcome(*run_minipy_raw(file, *options), file)


_known: dict[tuple[str, str, bool], Outcome] = {}


def run_python(file: Path, *, checked: bool = False) -> Outcome:
    """CPython itself; `checked`: with minipy's one difference, that an int beyond 64 bits is an OverflowError.

    Each program is run once; its name belongs to it only because messages could show it.
    """
    key = (file.name, file.read_text(encoding="utf-8"), checked)
    if key not in _known:
        _known[key] = _run_python(file, checked)
    return _known[key]


def _run_python(file: Path, checked: bool) -> Outcome:

    def action() -> int:
        sys.setrecursionlimit(1000 + len(traceback.extract_stack()))  # as if nobody had called us
        names: dict[str, object] = {"__name__": "__main__", "check_64_bits": _check}
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
            if checked:
                tree = ast.fix_missing_locations(_Checked().visit(tree))
            exec(compile(tree, str(file), "exec"), names)
        except BaseException:
            traceback.print_exc()
            return 1
        return 0

    return _outcome(*_observe(action), file)


OVERFLOW = "OverflowError: int beyond 64 bits"


def _check(value: object) -> object:
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise OverflowError(OVERFLOW.partition(": ")[2])
    return value


class _Checked(ast.NodeTransformer):
    """Wrap all that can make an int larger than its operands into a call of `_check`."""

    def _wrap(self, node: ast.expr) -> ast.expr:
        call = ast.Call(ast.Name("check_64_bits", ast.Load()), [node], [])
        return ast.copy_location(call, node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        return self._wrap(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return self._wrap(node) if isinstance(node.op, ast.USub) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        arithmetic = isinstance(node.func, ast.Name) and node.func.id in ("int", "abs")
        return self._wrap(node) if arithmetic else node

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        """Checked after it is stored, where no program can see it any more; not if reading it again would call something."""
        target = ast.unparse(node.target)
        calls = [part for part in ast.walk(node.target) if isinstance(part, ast.Call)]
        self.generic_visit(node)
        if any(not (isinstance(call.func, ast.Name) and call.func.id == "len") for call in calls):
            return [node]
        loaded = ast.parse(target, mode="eval").body
        for part in ast.walk(loaded):
            ast.copy_location(part, node)
        return [node, ast.copy_location(ast.Expr(self._wrap(ast.copy_location(loaded, node))), node)]


def differences(expected: Outcome, got: Outcome) -> str:
    """In words; empty if the two show the same. Wordings of errors are CPython 3.11's: for others only the type counts."""
    messages = []
    if got.output != expected.output:
        messages.append(f"expected output:\n{expected.output}\ngot:\n{got.output}")
    kind, wanted = got.error.partition(":")[0], expected.error.partition(":")[0]
    wording_counts = sys.version_info[:2] == (3, 11) and expected.error != OVERFLOW
    if kind != wanted or (wording_counts and got.error != expected.error):
        messages.append(f"expected error: {expected.error or 'none'}\ngot: {got.error or 'none'}")
    lines = got.lines
    if expected.error.startswith("UnboundLocalError") and sys.version_info[:2] == (3, 11):
        # its STORE_FAST__LOAD_FAST, which is one instruction of two lines, names the first of them
        lines = (*got.lines[:-1], min(got.lines[-1:] + expected.lines[-1:], default=0))
    if lines != expected.lines:
        messages.append(f"expected the traceback's lines {expected.lines}, got {got.lines}")
    if got.status != expected.status:
        messages.append(f"expected status {expected.status}, got {got.status}")
    return "\n".join(messages)


def modes(number: int, long: bool) -> list[tuple[str, ...]]:
    """Every mode; in CI for each test just two: `always`, and by turns one of the others."""
    names = list(MODES) if long else ["always", ("switch", "threaded", "on", "verified")[number % 4]]
    return [MODES[name] for name in names]


def check_same(file: Path, expected: Outcome, *options: str) -> None:
    """Run `file` in minipy, with its reference counts checked, and fail with all that helps unless it shows the same."""
    got = run_minipy(file, "--check-refcounts", *options)
    if wrong := differences(expected, got):
        pytest.fail(f"minipy {' '.join(options)}\n{numbered(file.read_text())}\n{wrong}", pytrace=False)


def numbered(source: str) -> str:
    """For messages: a program with line numbers."""
    return "\n".join(f"{number:4} {line}" for number, line in enumerate(source.splitlines(), 1))


def smaller(source: str, sizes: Sequence[tuple[str, int]]) -> str:
    """A program with other values for constants at its top."""
    for name, value in sizes:
        source, count = re.subn(rf"(?m)^{name} = \d+", f"{name} = {value}", source, count=1)
        assert count == 1, name
    return source
