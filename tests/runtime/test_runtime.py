"""The runtime is C, so its tests are C programs: each is built with every compiler at hand, and run.

A program names each of its tests as it passes (`ok name`) and stops at the first that fails. The sanitizers watch the
runtime's own C; they do not see the machine code it writes, which the programs check by running it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RUNTIME = HERE.parents[1] / "runtime"
WARNINGS = ("-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror")
PROGRAMS = sorted(path.stem for path in HERE.glob("*.c"))


@dataclass(frozen=True, slots=True)
class Compiler:
    name: str
    command: tuple[str, ...]
    options: tuple[str, ...]

    def run(self, *arguments: str | Path) -> None:
        command = [*self.command, *WARNINGS, *self.options, "-I", str(RUNTIME / "include"), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"


def sanitizers_work(command: str) -> bool:
    """Whether this compiler can build and run a program under the sanitizers (their libraries may be missing)."""
    probe = [command, "-x", "c", "-fsanitize=address,undefined", "-o", os.devnull, "-"]
    return subprocess.run(probe, input="int main(void) { return 0; }", capture_output=True, text=True).returncode == 0


def compilers() -> list[Compiler]:
    found = []
    gnu = shutil.which("gcc") or shutil.which("cc")
    clang = shutil.which("clang")
    sanitized = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    if gnu:
        found.append(Compiler("cc", (gnu,), ("-O2",)))
    if clang:
        found.append(Compiler("clang", (clang,), ("-O2",)))
    if gnu and sanitizers_work(gnu):
        found.append(Compiler("cc-sanitized", (gnu,), sanitized))
    if importlib.util.find_spec("ziglang"):
        # Undefined behaviour traps here by default.
        found.append(Compiler("zig", (sys.executable, "-m", "ziglang", "cc"), ("-O1",)))
    return found


COMPILERS = compilers()
each_compiler = pytest.mark.parametrize("compiler", COMPILERS, ids=[compiler.name for compiler in COMPILERS])


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The compiled runtime, by compiler; filled as the tests ask for it."""
    return {}


def build_runtime(compiler: Compiler, objects: dict[str, list[Path]], folder: Path) -> list[Path]:
    if compiler.name not in objects:
        built = []
        for source in sorted((RUNTIME / "src").glob("*.c")):
            built.append(folder / f"{compiler.name}-{source.stem}.o")
            compiler.run("-c", source, "-o", built[-1])
        objects[compiler.name] = built
    return objects[compiler.name]


def test_some_compiler_is_here() -> None:
    if not COMPILERS:
        pytest.skip("no C compiler: install gcc or clang, or pip install 'stencilgen[clang]'")


@each_compiler
@pytest.mark.parametrize("program", PROGRAMS)
def test_program(
    compiler: Compiler,
    program: str,
    objects: dict[str, list[Path]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp(program)
    executable = folder / program
    runtime = build_runtime(compiler, objects, tmp_path_factory.mktemp("objects"))
    compiler.run(HERE / f"{program}.c", *runtime, "-pthread", "-o", executable)
    result = subprocess.run([executable], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    expected = re.findall(r"^    RUN\((\w+)\);$", (HERE / f"{program}.c").read_text(), re.MULTILINE)
    assert expected
    assert re.findall(r"^ok (\w+)$", result.stdout, re.MULTILINE) == expected


@each_compiler
def test_all_sources_together_are_one_translation_unit(compiler: Compiler, tmp_path: Path) -> None:
    sources = sorted((RUNTIME / "src").glob("*.c"))
    together = tmp_path / "together.c"
    together.write_text("".join(f'#include "{source}"\n' for source in sources))
    compiler.run("-c", together, "-o", tmp_path / "together.o")


def test_the_headers_are_also_cplusplus(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    source = tmp_path / "headers.cpp"
    source.write_text("#include <stencilgen/jit.h>\n#include <stencilgen/emit.h>\n")
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-I", str(RUNTIME / "include"), "-fsyntax-only", str(source)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("header", ["emit.h", "jit.h"])
@each_compiler
def test_each_header_stands_alone(compiler: Compiler, header: str, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f"#include <stencilgen/{header}>\n#include <stencilgen/{header}>\n")
    compiler.run("-c", source, "-o", tmp_path / "alone.o")


@each_compiler
def test_every_symbol_of_the_runtime_has_its_prefix(
    compiler: Compiler, objects: dict[str, list[Path]], tmp_path: Path
) -> None:
    tool = shutil.which("nm")
    if tool is None:
        pytest.skip("no nm")
    built = build_runtime(compiler, objects, tmp_path)
    listing = subprocess.run([tool, "-g", "--defined-only", *built], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^[0-9a-f]+ [A-Z] (\w+)$", listing, re.MULTILINE)
    assert names
    assert [name for name in names if not name.startswith("sg_")] == []
