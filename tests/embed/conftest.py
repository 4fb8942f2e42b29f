"""VMs to load: the calculator, and small ones written for one purpose."""

import ctypes
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import stencilgen

ROOT = Path(__file__).resolve().parents[2]
Write = Callable[..., Path]


class Machine(ctypes.Structure):
    """The calculator's, from its vm.h."""

    _fields_ = [
        ("variables", ctypes.c_double * 64),
        ("stack", ctypes.c_double * 256),
        ("printed", ctypes.c_double * 256),
        ("printed_count", ctypes.c_uint32),
        ("faults", ctypes.c_uint32),
    ]


@pytest.fixture(scope="session")
def calculator_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embed") / "calculator"
    shutil.copytree(ROOT / "examples" / "calculator", folder, ignore=shutil.ignore_patterns("build", "calculator"))
    return folder


@pytest.fixture(scope="session")
def vm(calculator_folder: Path) -> stencilgen.VM:
    return stencilgen.load(calculator_folder)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(header, stencils, holes="...")`: a project of these texts, in a folder of its own."""

    def write(header: str, stencils: str, *, holes: str = "", instruction: str = "", vm: str | None = None) -> Path:
        toml = '[stencils]\nsources = ["stencils.c"]\n[instruction]\ntype = "Instruction"\nheader = "vm.h"\n'
        toml += f"{instruction}\n[holes]\n{holes}\n"
        if vm is not None:
            toml += '[vm]\nsources = ["vm.c"]\n'
            (tmp_path / "vm.c").write_text(f'#include "vm.h"\n{vm}')
        (tmp_path / "stencilgen.toml").write_text(toml)
        (tmp_path / "vm.h").write_text(f"#pragma once\n#include <stdint.h>\n#include <stdbool.h>\n{header}\n")
        (tmp_path / "stencils.c").write_text(f'#include "vm.h"\n{stencils}\n')
        return tmp_path

    return write
