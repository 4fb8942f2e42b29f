"""`stencilgen build`: what it writes, and where."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

OUTPUTS = {"jit_stencils.h", "stencils.dasc", "listing.txt", "stats.json"}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and path.name != "cache.pickle"}


def test_writes_its_outputs_beside_the_configuration(project: Path, run: Run) -> None:
    result = run("build")
    assert (result.code, result.err) == (0, "")
    folder = project / "build" / "x86_64-linux"
    assert files(folder) == OUTPUTS
    assert (project / "build" / "compile_commands.json").is_file()
    assert result.out.startswith("16 stencils in ")
    assert "  build/x86_64-linux/jit_stencils.h\n" in result.out
    assert "emit_JUMP_UNLESS" in (folder / "jit_stencils.h").read_text()
    assert len(json.loads((folder / "stats.json").read_text())["stencils"]) == 16


def test_the_output_folder_can_be_chosen(project: Path, run: Run, tmp_path: Path) -> None:
    assert run("build", "-o", tmp_path / "a" / "b").code == 0
    assert files(tmp_path / "a" / "b") == OUTPUTS | {"compile_commands.json"}
    assert not (project / "build").exists()


@pytest.mark.parametrize(
    "config", [".", "stencilgen.toml", "../calculator project", "../calculator project/stencilgen.toml"]
)
def test_the_configuration_is_a_file_or_its_folder(project: Path, run: Run, config: str) -> None:
    assert run("build", "--config", config).code == 0
    assert files(project / "build" / "x86_64-linux") == OUTPUTS


def test_building_again_does_only_what_changed(project: Path, run: Run) -> None:
    assert "(16 built, 0 as before)" in run("build").out
    assert "(0 built, 16 as before)" in run("build").out
    source = project / "stencils.c"
    source.write_text(source.read_text().replace("top = *--sp + top;", "top = top + *--sp + 1;"))
    assert "(1 built, 15 as before)" in run("build").out
    assert "(16 built, 0 as before)" in run("build", "--no-cache").out


def test_what_did_not_change_is_not_written_again(project: Path, run: Run) -> None:
    """So that make has nothing to do."""
    run("build")
    header = project / "build" / "x86_64-linux" / "jit_stencils.h"
    before = header.stat().st_mtime_ns
    run("build")
    assert header.stat().st_mtime_ns == before


def test_intermediates_are_written_for_each_stencil(project: Path, run: Run) -> None:
    assert run("build", "--emit", "ir,folded,asm,dasc,c").code == 0
    folder = project / "build" / "x86_64-linux" / "stencils"
    assert len(files(folder)) == 16 * 5
    assert "@__sg_hole_u16_slot" in (folder / "LOAD.ll").read_text()
    assert "@__sg_hole_u16_slot" not in (folder / "LOAD.folded.ll").read_text()
    assert "(%r12)" in (folder / "LOAD.s").read_text()
    assert "| movsd" in (folder / "LOAD.dasc").read_text()
    assert "static void emit_LOAD" in (folder / "LOAD.c").read_text()


def test_only_the_intermediates_asked_for_are_written(project: Path, run: Run) -> None:
    run("build", "--emit", "asm, c")
    folder = project / "build" / "x86_64-linux" / "stencils"
    assert {path.suffix for path in folder.iterdir()} == {".s", ".c"}


def test_output_in_a_pipe_is_plain(project: Path, run: Run) -> None:
    result = run("build")
    assert "\x1b" not in result.out
    assert result.err == ""


def test_clangs_warnings_are_shown_as_it_wrote_them(project: Path, run: Run) -> None:
    source = project / "stencils.c"
    source.write_text(source.read_text() + "#warning look here\n")
    result = run("build")
    assert result.code == 0
    assert result.err.startswith("stencils.c:")
    assert "warning: look here" in result.err
