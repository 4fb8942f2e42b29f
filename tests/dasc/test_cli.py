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
from tests.dasc.upstream import folder


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


# ---- Hand-written files ----

HAND_WRITTEN = """\
|.arch x64
|.actionlist actions
|.include part.inc
static void build(dasm_State **Dst, int n)
{
  | mov eax, VALUE
  | twice eax
}
"""
PART = "|.macro twice, reg\n| add reg, reg\n|.endmacro\n"


@pytest.fixture
def hand_written(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part.inc").write_text(PART)
    path = tmp_path / "hand.dasc"
    path.write_text(HAND_WRITTEN)
    return path


def test_hand_written_files_become_direct_stores(hand_written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(hand_written), "-I", str(hand_written.parent / "parts"), "-DVALUE=n", "-NL"]) == 0
    output = capsys.readouterr().out
    assert r'memcpy(sg_p, "\xb8\x00\x00\x00\x00\x01\xc0", 7);' in output
    assert "sg_dasm_put32(sg_p + 1, (uint32_t)SG_DASM_FIT(n, 4, " in output
    assert "#line" not in output and "//|" not in output


def test_or_action_lists(hand_written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["-I", str(hand_written.parent / "parts"), "-D", "VALUE=7", "-U", "VALUE", "-D", "VALUE=n"]
    assert main([str(hand_written), "--backend", "actionlist", "-c", "-M", *arguments]) == 0
    output = capsys.readouterr().out
    assert "dasm_put(Dst, 0, n);" in output
    assert "/*|{ MACRO twice (1) */" in output
    assert f'#line 4 "{hand_written}"' in output


def test_mistakes_are_exit_code_2(hand_written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(hand_written)]) == 2
    assert f"{hand_written}:3:11: error: the file `part.inc` was not found" in capsys.readouterr().err


def test_definitions_can_be_listed(hand_written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(hand_written), "-I", str(hand_written.parent / "parts"), "-D", "VALUE=n", "-PP"]) == 0
    listing = capsys.readouterr().err
    assert "  VALUE                n\n" in listing
    assert "  twice                reg\n    | add reg, reg\n" in listing


def test_architectures_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-A", "x64"]) == 0
    assert "  vfmadd231pd\n" in capsys.readouterr().out


def test_dynasm_is_asked_for_in_words_when_it_is_missing(
    hand_written: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("DYNASM", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main([str(hand_written), "--backend", "dynasm"]) == 2
    assert "DynASM is not here\n  → name LuaJIT's folder dynasm/ by --dynasm" in capsys.readouterr().err
    assert main([str(hand_written), "--backend", "dynasm", "--dynasm", str(tmp_path)]) == 2
    assert "there is no dynasm.lua" in capsys.readouterr().err


def test_dynasm_itself_is_a_back_end(hand_written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["-I", str(hand_written.parent / "parts"), "-D", "VALUE=n", "--dynasm", str(folder())]
    assert main([str(hand_written), "--backend", "dynasm", *arguments]) == 0
    assert "DynASM version" in capsys.readouterr().out
    assert main([str(hand_written), "--backend", "dynasm", *arguments[2:]]) == 2
    assert "include file `part.inc' not found" in capsys.readouterr().err
