"""`python -m dasc in.dasc -o out.c`."""

import subprocess
import sys
from pathlib import Path

import pytest

import dasc.__main__
from dasc import compile_file, write
from dasc.__main__ import main
from tests.dasc import examples
from tests.dasc.execute import ROOT


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.dasc"
    path.write_text(write(examples.FILE))
    return path


def test_it_compiles_a_file(source: Path) -> None:
    output = source.with_suffix(".c")
    done = subprocess.run(
        [sys.executable, "-m", "dasc", source, "-o", output], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert output.read_text() == compile_file(examples.FILE, "in.dasc")


def test_it_writes_to_standard_output_by_default(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source)]) == 0
    assert capsys.readouterr().out == compile_file(examples.FILE, "in.dasc")


def test_a_mistake_in_the_file_is_exit_code_2_and_writes_nothing(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.write_text(source.read_text().replace("[r12+E0]", "[r12+E7]"))
    output = source.with_suffix(".c")
    assert main([str(source), "-o", str(output)]) == 2
    assert f"{source}:31:27: error: `E7` is neither" in capsys.readouterr().err
    assert not output.exists()


def test_a_stencil_that_cannot_be_compiled_is_exit_code_2(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_text(source.read_text().replace("je =>NEXT", "jrcxz =>EXIT"))
    assert main([str(source)]) == 2
    assert "stencils.c:77: stencil RETURN_VALUE: `jrcxz =>EXIT` can jump no further" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_exit_code_2(
    tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "absent.dasc"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_a_wrong_command_line_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


def test_a_defect_of_ours_is_exit_code_1(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(dasc.__main__, "compile_text", broken)
    assert main([str(source)]) == 1
    assert "internal error: KeyError" in capsys.readouterr().err
