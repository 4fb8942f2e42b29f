"""The VM under AddressSanitizer and UndefinedBehaviorSanitizer: no program makes it touch what is not its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.minipy.generate import each_program
from tests.minipy.running import MODES, PROGRAMS, check_same, modes, run_minipy_raw, run_python, smaller
from tests.minipy.snippets import read
from tests.minipy.test_programs import SIZES

THEMES = ("ints", "floats", "sequences", "control", "functions", "comprehensions", "traces", "errors", "classes")


@pytest.fixture(scope="module", autouse=True)
def sanitizers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Build that VM, unless the system's compiler lacks the sanitizers."""
    folder = tmp_path_factory.mktemp("sanitized")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    (folder / "one.py").write_text("print(1)\n")
    compiler = shutil.which("cc")
    command = [str(compiler), "-fsanitize=address,undefined", str(folder / "empty.c"), "-o", str(folder / "empty")]
    if compiler is None or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("the system's compiler has no sanitizers")
    output, errors, status = run_minipy_raw(folder / "one.py", "--check-refcounts", "--sanitize", seconds=600)
    assert (output, status) == ("1\n", 0), errors


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_programs(program: Path, long: bool, tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
    expected = run_python(file)
    for options in modes(0, long):
        check_same(file, expected, "--sanitize", *options)


@pytest.mark.parametrize("theme", THEMES)
def test_snippets(theme: str, long: bool, tmp_path: Path) -> None:
    """In CI every fourth."""
    for snippet in read(theme)[:: 1 if long else 4]:
        file = tmp_path / snippet.file_name
        file.write_text(snippet.source)
        expected = run_python(file)
        for options in modes(0, long):
            check_same(file, expected, "--sanitize", *options)


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
def test_random_programs(classes: bool, long: bool, tmp_path: Path) -> None:
    file = tmp_path / "random.py"

    def check(program: str, mode: str) -> None:
        file.write_text(program)
        expected = run_python(file, checked=True)
        for name in MODES if long else {"always", mode}:
            check_same(file, expected, "--sanitize", *MODES[name])
        check_same(file, expected, "--sanitize", "--jit", "always", "--stress-exits", "3")

    each_program(check, 100 if long else 10, 3, errors=0.03, classes=classes, long=long)
