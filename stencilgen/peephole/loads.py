"""Loads that feed one instruction, and may move down to it."""

from dataclasses import dataclass

from stencilgen.layout.liveness import memory_mask
from stencilgen.peephole.dead_code import PURE
from stencilgen.peephole.rule import Site
from x86_64 import Instruction, Memory, Register

__all__ = ["LoadUse", "encodable_with_memory", "load_use"]


@dataclass(frozen=True, slots=True)
class LoadUse:
    """A register that is loaded from memory, and the only instruction that uses it.

    at: the instruction's position; whole: the register as a whole; memory: where it is loaded from.
    """

    memory: Memory
    whole: Register
    at: int
    instruction: Instruction


def load_use(site: Site, position: int) -> LoadUse | None:
    """The use of what the instruction at `position` loads, if the load may move there.

    Between the two nothing changes the registers of its address, and nothing but plain arithmetic happens: no memory
    access (loads must keep their order towards other threads), no fence, no call. The register is dead after the use.
    """
    match site.instructions[position]:
        case Instruction(operands=(Register() as loaded, Memory() as memory)):
            pass
        case _:
            return None
    defined = site.usages[position].changes
    at = site.next_touch(position, defined)
    if at is None or not site.dead_after(at, defined):
        return None
    address = memory_mask(memory)
    for between in range(position + 1, at):
        usage = site.usages[between]
        if usage.loads or usage.stores or usage.changes & address or site.instructions[between].mnemonic not in PURE:
            return None
    return LoadUse(memory, loaded.whole, at, site.instructions[at])


def encodable_with_memory(operand: object) -> bool:
    """ah, ch, dh and bh do not go together with r8–r15 in the address."""
    return not (isinstance(operand, Register) and operand.kind == "r8h")
