"""Assembly text as LLVM prints it → a control-flow graph, for tests of the passes over it."""

from collections.abc import Callable

import pytest

from dasc import EXIT, NEXT, DropFrame, InstructionLine, LabelHole, LabelLine, Line
from dasc.syntax import format_line
from stencilgen.assembly import read_function
from stencilgen.layout.blocks import build_code
from stencilgen.layout.code import Code, Convention
from stencilgen.layout.conventions import INDIRECT, LIBCALL, state_registers
from x86_64 import Address, Label, Symbol

TARGET = LabelHole("instruction->target")
STATE = state_registers("iiid")


def resolve(name: str) -> Symbol | Address | Label:
    match name:
        case "__sg_continue":
            return NEXT
        case "__sg_exit":
            return EXIT
        case _ if name.startswith((".LBB", "S.cold", "__sg_label_")):
            return Label(name)
        case _ if name.startswith("E"):
            return Symbol(name, 0, 1000)
    return Address(name)


@pytest.fixture
def code() -> Callable[[str], Code]:
    """code(assembly): the graph of a stencil S. `vm_abort` does not return; every other callee is a C function."""

    def make(assembly: str) -> Code:
        function = read_function("S", assembly, resolve)
        conventions = {"vm_abort": Convention(LIBCALL.reads, LIBCALL.clobbers, returns=False), "slow": LIBCALL}
        return build_code(function, STATE, conventions, INDIRECT, {"__sg_label_target": TARGET})

    return make


def shown(lines: tuple[Line, ...]) -> list[str]:
    """Lines of code as a `.dasc` file has them, without the bar."""
    assert all(isinstance(line, InstructionLine | LabelLine | DropFrame) for line in lines)
    return [format_line(line).removeprefix("|").strip() for line in lines]
