"""A constant factor becomes the immediate of the three-operand `imul`.

    mov  ecx, E                                    mov  ecx, E
    ...                                            ...
    imul rax, rcx      →   imul rax, rax, E        imul rcx, [m]      →   imul rcx, [m], E

Why it is safe: as in `fold_constant`; the two forms set the same flags (CF and OF from the product, the others
undefined), and a product does not depend on the order of its factors. In the second form the register is the
destination: its old value is gone after a 32- or 64-bit multiplication, and need not be dead.
"""

from dataclasses import replace

from stencilgen.peephole.constants import constant_load, immediate, is_low_part, mentions
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Register

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    load = constant_load(site.instructions[position])
    if load is None:
        return None
    defined = site.usages[position].changes
    at = site.next_touch(position, defined)
    if at is None or site.instructions[at].mnemonic != "IMUL":
        return None
    use = site.instructions[at]
    whole = load.register.whole
    match use.operands:
        case (Register() as target, factor) if is_low_part(factor, whole) and target.whole is not whole:
            if not site.dead_after(at, defined):
                return None
            factor = target
        case (Register() as target, factor) if target.whole is whole and not mentions(factor, whole):
            if site.usages[at].overwrites & defined != defined:
                return None
        case _:
            return None
    constant = immediate(load, 8 * target.size)
    return None if constant is None else {position: (), at: (replace(use, operands=(target, factor, constant)),)}


RULE = Rule("multiply_constant", frozenset({"MOV"}), rewrite)
