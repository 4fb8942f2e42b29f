"""A few stencils at every stage of the pipeline, as files to read: a change to any stage shows as a difference here.

They are made with the Clang of the ziglang wheel, so that they do not depend on what is installed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import llvmlite.binding
import pytest

from stencilgen.config import load_config
from stencilgen.pipeline import Build, BuiltStencil, build
from stencilgen.toolchain.clang import find_clang, ziglang

VM = Path(__file__).parent / "vm"
LLVM = 22

STENCILS = ("LOAD_FAST", "GUARD_BOTH_FLOAT", "BINARY_ADD_FLOAT", "COUNT", "SERIES", "JUMP_ON", "UPDATE")
STAGES: dict[str, Callable[[BuiltStencil], str]] = {
    "1.ll": lambda stencil: stencil.ir,
    "2.folded.ll": lambda stencil: stencil.folded_ir,
    "3.s": lambda stencil: stencil.assembly,
    "4.dasc": lambda stencil: stencil.dasc,
    "5.c": lambda stencil: stencil.c_source,
}


@pytest.fixture(scope="module")
def built() -> Iterator[Build]:
    if ziglang() is None:
        pytest.skip("the ziglang wheel is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STENCILGEN_CLANG", raising=False)
        patch.setattr("stencilgen.toolchain.clang.shutil.which", lambda name: None)
        if find_clang().version != LLVM or llvmlite.binding.llvm_version_info[0] != LLVM:
            pytest.skip(f"the golden files are of LLVM {LLVM}")
        yield build(load_config(VM), cache=False)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", STENCILS)
def test_a_stencil_at_a_stage(name: str, stage: str, built: Build, golden: Callable[[str, str], None]) -> None:
    (stencil,) = (stencil for stencil in built.stencils if stencil.name == name)
    golden(f"{name}.{stage}", STAGES[stage](stencil).rstrip() + "\n")


def test_the_expressions_of_all(built: Build, golden: Callable[[str, str], None]) -> None:
    lines = [f"{s.name} {symbol} = {text}" for s in built.stencils for symbol, text in s.expressions.items()]
    golden("expressions.txt", "\n".join(lines) + "\n")
