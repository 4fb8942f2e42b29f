"""The VM under AddressSanitizer and UndefinedBehaviorSanitizer: no program makes it touch what is not its own."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stencilgen.errors import UserError
from tests.minipy.generate import each_program
from tests.minipy.running import MODES, PROGRAMS, check_same, run_minipy_raw, run_python, smaller
from tests.minipy.snippets import read
from tests.minipy.test_programs import SIZES

THEMES = ("ints", "floats", "sequences", "control", "functions", "comprehensions", "traces", "errors", "classes")
ALL = [name for name in MODES if name != "threaded"]
"""That interpreter's compiler has no AddressSanitizer (`test_the_threaded_interpreter_is_refused`)."""
SOME = ("always", "switch")
"""In CI; random programs also in others that the same VM runs."""


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
    for name in ALL if long else SOME:
        check_same(file, expected, "--sanitize", *MODES[name])


@pytest.mark.parametrize("theme", THEMES)
def test_snippets(theme: str, long: bool, tmp_path: Path) -> None:
    """In CI every fourth."""
    for snippet in read(theme)[:: 1 if long else 4]:
        file = tmp_path / snippet.file_name
        file.write_text(snippet.source)
        expected = run_python(file)
        for name in ALL if long else SOME:
            check_same(file, expected, "--sanitize", *MODES[name])


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
def test_random_programs(classes: bool, long: bool, tmp_path: Path) -> None:
    file = tmp_path / "random.py"

    def check(program: str, mode: str) -> None:
        file.write_text(program)
        expected = run_python(file, checked=True)
        for name in ALL if long else {"always", mode} - {"threaded", "verified"}:
            check_same(file, expected, "--sanitize", *MODES[name])
        check_same(file, expected, "--sanitize", "--jit", "always", "--stress-exits", "3")

    each_program(check, 100 if long else 10, 3, errors=0.03, classes=classes, long=long)


def test_the_threaded_interpreter_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rather than built without AddressSanitizer."""
    monkeypatch.delenv("CC", raising=False)
    file = tmp_path / "one.py"
    file.write_text("print(1)\n")
    with pytest.raises(UserError, match="has no AddressSanitizer"):
        run_minipy_raw(file, "--check-refcounts", "--sanitize", "--interpreter", "threaded")
