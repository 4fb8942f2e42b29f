"""What is installed: a wheel that works from any folder, with all that is not Python in it, and nothing else."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git would put into a clone: build folders and caches of this checkout must not matter."""
    folder = tmp_path_factory.mktemp("wheel")
    process = subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return folder / process.stdout.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked, as in a site-packages of its own."""
    folder = tmp_path_factory.mktemp("site-packages")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_it_holds_the_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {
        "stencilgen",
        "dasc",
        "llvm_passes",
        "x86_64",
    }
    for name in (
        "stencilgen/py.typed",
        "stencilgen/include/stencilgen/stencil.h",
        "stencilgen/data/runtime/include/stencilgen/jit.h",
        "stencilgen/data/runtime/src/jit.c",
        "stencilgen/data/examples/calculator/stencils.c",
        "x86_64/table.txt",
    ):
        assert name in names


def test_it_holds_nothing_that_was_built(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "/build/" in name or "__pycache__" in name or name.endswith((".so", ".o"))]
    assert "stencilgen/data/examples/calculator/calculator" not in names


def test_every_file_of_the_checkout_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("stencilgen", "dasc", "llvm_passes", "x86_64"):
        for path in (ROOT / package).rglob("*.py"):
            assert path.relative_to(ROOT).as_posix() in names
    for folder in ("runtime", "examples/calculator"):
        for path in (ROOT / folder).rglob("*.[ch]"):
            if "build" not in path.parts:
                assert f"stencilgen/data/{path.relative_to(ROOT).as_posix()}" in names


def test_it_is_what_runs(installed: Path, tmp_path: Path) -> None:
    script = (
        "import stencilgen, stencilgen.paths as p; print(stencilgen.__file__, p.runtime(), p.example('calculator'))"
    )
    result = run(installed, tmp_path, "-c", script)
    assert all(path.startswith(str(installed)) for path in result.stdout.split()), result.stdout + result.stderr


def test_the_demo_runs_from_a_foreign_folder(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "-m", "stencilgen", "demo")
    assert result.returncode == 0, result.stderr
    assert "interpreter and trace agree" in result.stdout


def test_a_project_is_built_from_a_foreign_folder(installed: Path, tmp_path: Path) -> None:
    assert run(installed, tmp_path, "-m", "stencilgen", "demo", "--keep", "calculator").returncode == 0
    script = "import stencilgen; vm = stencilgen.load('calculator'); print(vm.compile([vm.END()])(0, 0, 2.5).double)"
    result = run(installed, tmp_path, "-c", script)
    assert result.stdout == "2.5\n", result.stderr


def test_the_command_is_declared(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (entry_points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "stencilgen = stencilgen.cli:main" in archive.read(entry_points).decode()


def test_the_licence_of_the_table_goes_along(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    texts = [archive.read(name).decode() for name in archive.namelist() if "/licenses/" in name]
    assert any("iced-x86" in text for text in texts)


def test_an_editable_install_finds_the_packages_and_data_where_they_are_written(tmp_path: Path) -> None:
    build = BUILD.replace("build_wheel", "build_editable")
    process = subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    contents = zipfile.ZipFile(tmp_path / process.stdout.split()[-1])
    (link,) = (name for name in contents.namelist() if name.endswith(".pth"))
    assert contents.read(link).decode().split() == [str(ROOT)]
    program = "from stencilgen import paths; print(paths.runtime())"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == str(ROOT / "runtime"), found.stderr
