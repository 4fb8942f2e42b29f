"""A value that is loaded only to be compared is compared in memory.

    mov rax, [m]                                    movzx eax, byte [m]
    ...                                             ...
    test rax, rax     →      cmp qword [m], 0       cmp   al, dl          →      cmp byte [m], dl

Also `cmp rax, 5` → `cmp [m], 5`, `cmp rdx, rax` → `cmp rdx, [m]`, `test rax, rdx` → `test [m], rdx`.

Why it is safe: the comparison has the width of the load (the same bytes are read, by one access as before), and the
register is dead after it. `cmp x, 0` sets the flags of `test x, x`, and AF which the latter leaves undefined. The
load moves down to the comparison; `load_use` says when it may.
"""

from dataclasses import replace

from stencilgen.peephole.constants import is_low_part
from stencilgen.peephole.loads import encodable_with_memory, load_use
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    use = load_use(site, position)
    compare = None if use is None else in_memory(use.instruction, use.whole, use.memory)
    return None if use is None or compare is None else {position: (), use.at: (compare,)}


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


RULE = Rule("compare_memory", frozenset({"MOV", "MOVZX"}), rewrite)
