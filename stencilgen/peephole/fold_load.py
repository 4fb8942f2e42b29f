"""A value that is loaded for one operation is its memory operand.

    mov rcx, [m]
    ...
    add rax, rcx      →      ... ; add rax, [m]

Also for adc, sub, sbb, and, or, xor, imul.

Why it is safe: the operation has the width of the load (the same bytes are read, by one access as before), and the
register is dead after it. The load moves down to the operation; `load_use` says when it may. Results and flags
depend on the operands' values, not on where they lie.
"""

from dataclasses import replace

from stencilgen.peephole.constants import is_low_part
from stencilgen.peephole.loads import LoadUse, encodable_with_memory, load_use
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Register

__all__ = ["RULE"]

TAKES_MEMORY = frozenset(["ADC", "ADD", "AND", "IMUL", "OR", "SBB", "SUB", "XOR"])


def rewrite(site: Site, position: int) -> Edit | None:
    use = load_use(site, position)
    folded = None if use is None else with_memory(use)
    return None if use is None or folded is None else {position: (), use.at: (folded,)}


def with_memory(use: LoadUse) -> Instruction | None:
    if use.instruction.mnemonic not in TAKES_MEMORY or len(use.instruction.operands) != 2:
        return None
    target, source = use.instruction.operands
    if not isinstance(target, Register) or target.whole is use.whole or not encodable_with_memory(target):
        return None
    if not is_low_part(source, use.whole) or source.size != use.memory.size:
        return None
    return replace(use.instruction, operands=(target, use.memory))


RULE = Rule("fold_load", frozenset({"MOV", "MOVZX"}), rewrite)
