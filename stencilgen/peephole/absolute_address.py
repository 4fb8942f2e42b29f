"""The address of nothing but a constant is the constant.

    lea rax, [E]      →      mov rax, E

Why it is safe: `lea` accesses no memory and ignores segments, and neither instruction sets flags. A displacement is
sign-extended to 64 bits, as is `mov`'s shorter immediate; all values of a symbol that is a displacement fit. A 32-bit
destination holds the low half of it: only symbols that cannot be negative are moved there, since a symbol's range is
unsigned in 32-bit operations.
"""

from stencilgen.peephole.constants import low, signed
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    match site.instructions[position].operands:
        case (
            Register(kind="r32" | "r64") as target,
            Memory(base=None, index=None, target=None, displacement=constant),
        ):
            if isinstance(constant, int):
                constant = signed(constant, 8 * target.size)
            elif target.size < 8 and low(constant) < 0:
                return None
            return {position: (Instruction("MOV", (target, constant)),)}
    return None


RULE = Rule("absolute_address", frozenset({"LEA"}), rewrite)
