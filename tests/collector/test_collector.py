"""A precise, moving collector finds and updates every value that a trace's frame holds."""

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from stencilgen import paths
from stencilgen.config import load_config
from stencilgen.pipeline import Build, build
from stencilgen.toolchain.clang import ziglang

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def built() -> Build:
    return build(load_config(HERE), cache=False)


def compiler() -> list[str]:
    found = shutil.which("gcc") or shutil.which("clang")
    if found:
        return [found]
    if ziglang() is None:
        pytest.skip("no C compiler")
    return [sys.executable, "-m", "ziglang", "cc"]


def run(header: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "jit_stencils.h").write_text(header)
    runtime = paths.runtime()
    command = [
        *(*compiler(), "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-fno-omit-frame-pointer"),
        *(f"-I{directory}" for directory in (folder, HERE, runtime / "include")),
        *map(str, [HERE / "main.c", *sorted((runtime / "src").glob("*.c"))]),
        *("-o", str(folder / "main")),
    ]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return subprocess.run([folder / "main"], capture_output=True, text=True, timeout=120)


def test_objects_that_move_at_every_allocation_change_nothing(built: Build, tmp_path: Path) -> None:
    finished = run(built.header, tmp_path)
    assert finished.returncode == 0, finished.stderr
    maps, places = map(int, re.findall(r"\d+", finished.stdout))
    assert maps > 5000
    assert places > maps


def test_a_missing_place_is_detected(built: Build, tmp_path: Path) -> None:
    """The check can fail: one place less in one stencil's map, and some object is not updated."""
    stencil = next(s for s in built.stencils if s.name == "PAIR")
    place = r"\x0f\x1f\x44\x24"
    assert stencil.c_source.count(place) >= 2
    changed = stencil.c_source.replace(place, r"\x0f\x1f\x44\x21")
    finished = run(built.header.replace(stencil.c_source, changed), tmp_path)
    assert finished.returncode != 0


def test_maps_lie_right_behind_their_calls(built: Build) -> None:
    for stencil in built.stencils:
        lines = [line.strip(" |") for line in stencil.dasc.splitlines()]
        for line, following in pairwise(lines):
            assert ("nop dword [rbx]" in following) <= line.startswith("call"), stencil.dasc
        expected = {"NUMBER": 1, "PAIR": 1, "TREE": 2, "MANY": 1, "RARELY": 1, "WIDE_FRAME": 1}.get(stencil.name, 0)
        assert stencil.dasc.count("nop dword [rbx]") >= expected
        assert ("nop" in stencil.dasc) == bool(expected)
