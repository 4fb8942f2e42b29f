"""An address that a register keeps for a few accesses becomes their own.

    lea rcx, [r12 + E]             ...
    ...                      →
    mov rsi, [rcx + 8]             mov rsi, [r12 + E + 8]

Why it is safe: the register holds r12 + E at the access, and r12 is unchanged (`known_value.py`); addresses are sums
modulo 2⁶⁴ in whatever order they are added. The sum of the displacements fits its field for every value in E's range.
Segments: `lea` ignores them, and an access through another base register uses the same one in 64-bit mode unless it
names it.
"""

from dataclasses import replace

from stencilgen.peephole.constants import fits_displacement
from stencilgen.peephole.known_value import ValueRule
from stencilgen.peephole.loads import encodable_with_memory
from x86_64 import Instruction, Memory, Operand, Register, Symbolic

__all__ = ["RULE"]


def rewrite(definition: Instruction, use: Instruction) -> Instruction | None:
    target, value = definition.operands
    if not isinstance(target, Register) or target.size != 8 or not isinstance(value, Memory) or not plain(value):
        return None
    if use.mnemonic == "MOV" and len(use.operands) == 2 and use.operands[1] is target:
        (copy, _) = use.operands
        return Instruction("LEA", (copy, value)) if isinstance(copy, Register) else None
    operands: list[Operand] = []
    for operand in use.operands:
        if not encodable_with_memory(operand):
            return None
        if isinstance(operand, Memory):
            folded = combined(operand, target, value)
            if folded is None:
                return None
            operand = folded
        operands.append(operand)
    return replace(use, operands=tuple(operands))


def plain(address: Memory) -> bool:
    """Whether it is made of 64-bit registers only, and not relative to the instruction."""
    return address.target is None and all(r is None or r.kind == "r64" for r in (address.base, address.index))


def combined(memory: Memory, register: Register, value: Memory) -> Memory | None:
    """The memory operand with the address `value` in place of the register that holds it."""
    if memory.index is register and memory.scale == 1 and memory.base is not None and memory.base is not register:
        memory = replace(memory, base=memory.index, index=memory.base)
    if memory.base is not register:
        return memory
    if memory.index is register or (memory.index is not None and value.index is not None):
        return None
    displacement = total(memory.displacement, value.displacement)
    if displacement is None or not fits_displacement(displacement):
        return None
    index, scale = (memory.index, memory.scale) if memory.index is not None else (value.index, value.scale)
    base = value.base
    if index is not None and index.name == "rsp":  # cannot be one; as a base it can
        if scale != 1 or base is None or base.name == "rsp":
            return None
        base, index = index, base
    return replace(memory, base=base, index=index, scale=scale, displacement=displacement)


def total(one: int | Symbolic, other: int | Symbolic) -> int | Symbolic | None:
    """The sum, None if it is one of two symbols."""
    match one, other:
        case int(), int():
            return one + other
        case Symbolic(), int():
            return one + other
        case int(), Symbolic():
            return other + one
    return None


RULE = ValueRule("fold_address", frozenset({"LEA"}), rewrite)
