"""A constant factor becomes the immediate of the three-operand `imul`.

    mov  ecx, E                                    mov  ecx, E
    ...                                            ...
    imul rax, rcx      →   imul rax, rax, E        imul rcx, [m]      →   imul rcx, [m], E

Why it is safe: as in `fold_constant`; the two forms set the same flags (CF and OF from the product, the others
undefined), and a product does not depend on the order of its factors. In the second form the register is the
destination: its old value is gone after a 32- or 64-bit multiplication, and need not be dead.
"""

from dataclasses import replace

from stencilgen.peephole.constants import constant_use, immediate, is_low_part, mentions
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or use.instruction.mnemonic != "IMUL":
        return None
    whole = use.load.register.whole
    match use.instruction.operands:
        case (Register() as target, factor) if is_low_part(factor, whole) and target.whole is not whole:
            if not site.dead_after(use.at, use.held):
                return None
            factor = target
        case (Register() as target, factor) if target.whole is whole and not mentions(factor, whole):
            if use.held & ~site.usages[use.at].overwrites:
                return None
        case _:
            return None
    constant = immediate(use.load, 8 * target.size)
    if constant is None:
        return None
    return {position: (), use.at: (replace(use.instruction, operands=(target, factor, constant)),)}


RULE = Rule("multiply_constant", frozenset({"MOV"}), rewrite)
