"""Two programs as people write them, `programs/*.dasc`, do the same through every back end."""

import re
import subprocess
from pathlib import Path

import pytest

from dasc import DynasmError, Options, compile_text
from dasc.dynasm import find
from tests.dasc.execute import ROOT, c_compiler

PROGRAMS = Path(__file__).parent / "programs"
HELLO = "++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+."
REGEX = [
    ("a.c", "abc ac abcd a.c", "1001"),
    ("[a-z]+[0-9]*x?", "a a1 ab12x 12x x axx", "111011"),
    ("a*a+b", "b ab aaab aaa", "0110"),
    (".*z.?", "z az azb azbc", "1110"),
]
BACK_ENDS = ("direct", "actionlist", "dynasm")


def build(name: str, backend: str, directory: Path) -> Path:
    """The program, compiled with warnings as errors but for what DynASM's own headers and output give rise to."""
    try:
        engine = find() if backend != "direct" else ROOT
    except DynasmError as error:
        pytest.skip(str(error).replace("\n  → ", ": "))
    file = PROGRAMS / f"{name}.dasc"
    options = Options(definitions=(("X64", "1"),))
    source, program = directory / f"{name}-{backend}.c", directory / f"{name}-{backend}"
    source.write_text(compile_text(file.read_text(), str(file), backend, options))
    strict = ["-Wall", "-Wextra", "-Werror", "-DDIRECT"] if backend == "direct" else ["-w"]
    includes = ["-I", str(PROGRAMS), "-I", str(ROOT / "runtime" / "include"), "-I", str(engine)]
    command = [*c_compiler(), "-O1", *strict, *includes, str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, *arguments: str, given: str = "") -> tuple[str, int]:
    """What it prints, and how many bytes its code has."""
    done = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    size = re.fullmatch(r"(\d+) bytes\n", done.stderr)
    assert size is not None, done.stderr
    return done.stdout, int(size[1])


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_a_compiler_for_a_tape_of_cells(backend: str, tmp_path: Path) -> None:
    program = build("tape", backend, tmp_path)
    assert run(program, HELLO)[0] == "Hello World!\nresult 0, 12 written, table 3, entry\n"
    assert run(program, ",[.,]", given="echo")[0] == "echo\nresult 0, 4 written, table 3, entry\n"
    assert run(program, "+<")[0].startswith("\nresult -1")
    assert run(program, "+" * 200 + "[" + "-" * 200 + "]" + "." * 3)[0].startswith("\0\0\0\nresult 0, 3")


@pytest.mark.parametrize("backend", BACK_ENDS)
def test_a_compiler_for_regular_expressions(backend: str, tmp_path: Path) -> None:
    program = build("regex", backend, tmp_path)
    for expression, texts, expected in REGEX:
        assert run(program, expression, *texts.split())[0] == f"{expected} fail\n", expression


@pytest.mark.parametrize("name", ["tape", "regex"])
def test_our_action_list_makes_the_same_code_as_dynasm_and_direct_stores_a_bit_more(name: str, tmp_path: Path) -> None:
    arguments = (HELLO,) if name == "tape" else ("[a-z]+[0-9]*x?.", "ab")
    direct, ours, theirs = (run(build(name, backend, tmp_path), *arguments)[1] for backend in BACK_ENDS)
    assert ours == theirs
    assert theirs <= direct <= theirs * 1.3
