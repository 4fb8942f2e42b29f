"""What uses a copy uses the original.

    mov eax, ecx               ...
    ...                 →
    test al, 1                 test cl, 1

Why it is safe: at the use both registers hold the same (`known_value.py`), a copy of 32 bits in its low half. The use
only reads the copy, in operands that name it: what it changes is the same before and after, which is checked.
"""

from dataclasses import replace

from stencilgen.layout.liveness import usage_of
from stencilgen.peephole.known_value import ValueRule
from x86_64 import Instruction, Memory, Operand, OperandError, Register

__all__ = ["RULE"]


def rewrite(definition: Instruction, use: Instruction) -> Instruction | None:
    copy, original = definition.operands
    if not isinstance(copy, Register) or not isinstance(original, Register) or original.kind not in ("r32", "r64"):
        return None
    if any(isinstance(operand, Register) and operand.kind == "r8h" for operand in use.operands):
        return None  # not encodable beside every register
    written = {register.whole for register in use.effects.writes}
    operands: list[Operand] = []
    for place, operand in enumerate(use.operands):
        match operand:
            case Register() if operand.whole is copy.whole and not (place == 0 and copy.whole in written):
                if operand.size > copy.size:
                    return None
                operand = original.whole.resize(operand.size)
            case Memory() if copy.whole in (operand.base, operand.index):
                if copy.size < 8 or (operand.index is copy and original.name == "rsp"):
                    return None
                base = original if operand.base is copy else operand.base
                index = original if operand.index is copy else operand.index
                operand = replace(operand, base=base, index=index)
            case Memory() if any(r is not None and r.whole is copy.whole for r in (operand.base, operand.index)):
                return None
        operands.append(operand)
    try:
        new = replace(use, operands=tuple(operands))
    except OperandError:
        return None  # there is no such form: a shift count is cl and no other register
    return new if usage_of(new).changes == usage_of(use).changes else None


RULE = ValueRule("forward_copy", frozenset({"MOV"}), rewrite)
