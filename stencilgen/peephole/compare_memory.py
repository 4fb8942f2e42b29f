"""A value that is loaded only to be compared is compared in memory.

    mov rax, [m]                                    movzx eax, byte [m]
    ...                                             ...
    test rax, rax     →      cmp qword [m], 0       cmp   al, dl          →      cmp byte [m], dl

Also `cmp rax, 5` → `cmp [m], 5`, `cmp rdx, rax` → `cmp rdx, [m]`, `test rax, rdx` → `test [m], rdx`.

Why it is safe: the comparison has the width of the load (the same bytes are read, by one access as before), and the
register is dead after it. `cmp x, 0` sets the flags of `test x, x`, and AF which the latter leaves undefined. The
load moves down to the comparison: between the two nothing changes the registers of its address, and nothing but plain
arithmetic happens, no memory access (loads must keep their order towards other threads), no fence, no call.
"""

from dataclasses import replace

from stencilgen.layout.liveness import memory_mask
from stencilgen.peephole.constants import is_low_part
from stencilgen.peephole.dead_code import PURE
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
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
    compare = in_memory(site.instructions[at], loaded.whole, memory)
    return None if compare is None else {position: (), at: (compare,)}


def in_memory(use: Instruction, whole: Register, memory: Memory) -> Instruction | None:
    """The comparison with the memory operand in place of the register `whole`."""
    if use.mnemonic not in ("CMP", "TEST"):
        return None
    left, right = use.operands

    def loaded(operand: object) -> bool:
        return is_low_part(operand, whole) and operand.size == memory.size

    if loaded(left) and left is right:
        return Instruction("CMP", (memory, 0)) if use.mnemonic == "TEST" else None
    if loaded(left) and not isinstance(right, Memory):
        return replace(use, operands=(memory, right)) if encodable_with_memory(right) else None
    if loaded(right) and isinstance(left, Register) and left.whole is not whole and encodable_with_memory(left):
        return replace(use, operands=(memory, left) if use.mnemonic == "TEST" else (left, memory))
    return None


def encodable_with_memory(operand: object) -> bool:
    """ah, ch, dh and bh do not go together with r8–r15 in the address."""
    return not (isinstance(operand, Register) and operand.kind == "r8h")


RULE = Rule("compare_memory", frozenset({"MOV", "MOVZX"}), rewrite)
