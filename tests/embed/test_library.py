"""The shared library: made once, made anew when anything it consists of changes."""

from pathlib import Path

import pytest

import stencilgen
from stencilgen import UserError
from stencilgen.embed.library import KEPT
from tests.embed.conftest import Write

HEADER = """
#include "scale.h"
typedef struct Instruction { uint32_t opcode; } Instruction;
uint64_t scale(uint64_t x);
"""
STENCILS = "#define STENCIL_STATE uint64_t x\n#include <stencilgen/stencil.h>\nSTENCIL(SCALE) { RETURN(scale(x)); }\n"
VM = "uint64_t scale(uint64_t x) { return x * FACTOR; }\n"


def project(write: Write, factor: int) -> Path:
    folder = write(HEADER, STENCILS, vm=VM)
    (folder / "scale.h").write_text(f"#define FACTOR {factor}\n")
    return folder


def result(folder: Path) -> int:
    vm = stencilgen.load(folder)
    return vm.compile([vm.SCALE()])(5).value


def libraries(folder: Path) -> set[Path]:
    return set((folder / "build" / "x86_64-linux" / "embed").glob("vm-*.so"))


def test_it_is_compiled_once(write: Write) -> None:
    folder = project(write, 3)
    stages: list[str] = []
    stencilgen.load(folder, progress=lambda stage, done, total: stages.append(stage))
    assert "compile the VM" in stages
    stages.clear()
    vm = stencilgen.load(folder, progress=lambda stage, done, total: stages.append(stage))
    assert "compile the VM" not in stages
    assert vm.compile([vm.SCALE()])(5).value == 15


def test_a_change_in_any_header_makes_a_new_one(write: Write) -> None:
    folder = project(write, 3)
    assert result(folder) == 15
    (folder / "scale.h").write_text("#define FACTOR 4\n")
    assert result(folder) == 20


def test_a_change_in_a_source_makes_a_new_one(write: Write) -> None:
    folder = project(write, 3)
    assert result(folder) == 15
    (folder / "vm.c").write_text('#include "vm.h"\nuint64_t scale(uint64_t x) { return x + FACTOR; }\n')
    assert result(folder) == 8


def test_two_versions_live_side_by_side(write: Write) -> None:
    folder = project(write, 3)
    old = stencilgen.load(folder)
    code = old.compile([old.SCALE()])
    (folder / "scale.h").write_text("#define FACTOR 4\n")
    assert result(folder) == 20
    assert code(5).value == 15


def test_old_ones_are_removed(write: Write) -> None:
    folder = project(write, 1)
    stencilgen.load(folder)
    (library,) = libraries(folder)
    for index in range(KEPT + 3):
        (library.parent / f"vm-{index:020}.so").write_bytes(library.read_bytes())
    (folder / "stencils.c").write_text((folder / "stencils.c").read_text().replace("scale(x)", "scale(x) + 1"))
    assert result(folder) == 6
    assert len(libraries(folder)) == KEPT


def test_a_compilers_complaint_is_passed_on(write: Write) -> None:
    folder = project(write, 3)
    (folder / "vm.c").write_text('#include "vm.h"\nuint64_t scale(uint64_t x) { return y; }\n')
    with pytest.raises(UserError, match=r"rejects the VM:(.|\n)*vm\.c:2:(.|\n)*y"):
        stencilgen.load(folder)
    assert not libraries(folder)


def test_a_function_that_is_nowhere_is_named(write: Write) -> None:
    folder = project(write, 3)
    (folder / "vm.c").write_text('#include "vm.h"\n')
    with pytest.raises(UserError, match=r"cannot load the VM: .*scale(.|\n)*→ add the library or source"):
        stencilgen.load(folder)
