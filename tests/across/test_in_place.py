"""An operand in a register that only an exit may ask for is overwritten: nothing is moved out of the way before."""

from dasc import InstructionLine
from dasc.model import versions
from tests.across.harness import StackVM
from x86_64 import format_intel


def hot(vm: StackVM, name: str) -> list[str]:
    """A unit's instructions on the way where control goes on."""
    (version,) = versions(next(unit for unit in vm.build.units if unit.name == name).stencil)
    return [format_intel(line.instruction) for line in version.hot if isinstance(line, InstructionLine)]


def test_a_checked_addition_of_two_registers_is_an_addition_and_a_jump(vm: StackVM) -> None:
    add, jump = hot(vm, "ADD_CHECKED__2_1")
    assert add == "add r15, rdi"
    assert jump.startswith("jo ")
