"""A constant that is extended is the same constant, wider.

    mov   ecx, E                                  mov    eax, E
    ...                                           ...
    movzx ecx, cx      →      mov ecx, E          movsxd rcx, eax      →      mov rcx, E

Also for movsx and cdqe.

Why it is safe: between the two nothing touches the register. Zero extension leaves a constant that is not negative
and fits the narrow width as it is, sign extension one that fits as a signed number. Neither they nor `mov` set flags.
The register of the first move is dead afterwards, or is the one that the extension overwrites.
"""

from stencilgen.peephole.constants import Constant, Load, constant_use, high, immediate, is_low_part, low, signed
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Register, eax, rax

__all__ = ["RULE"]

EXTENSIONS = frozenset(["MOVZX", "MOVSX", "MOVSXD"])


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or not site.dead_after(use.at, use.held & ~site.usages[use.at].overwrites):
        return None
    mnemonic = use.instruction.mnemonic
    match use.instruction.operands:
        case () if mnemonic == "CDQE":
            target, source = rax, eax
        case (Register() as target, Register() as source) if mnemonic in EXTENSIONS:
            pass
        case _:
            return None
    if target.size < 4 or not is_low_part(source, use.load.register.whole):
        return None
    constant = extended(use.load, 8 * source.size, to_signed=mnemonic != "MOVZX")
    if constant is None or (target.size < 8 and not isinstance(constant, int) and low(constant) < 0):
        return None
    return {position: (), use.at: (Instruction("MOV", (target, constant)),)}


def extended(load: Load, bits: int, *, to_signed: bool) -> Constant | None:
    """The constant of which the register's low `bits` are a copy; None if that is not so for every value."""
    constant = immediate(load, bits)
    if isinstance(constant, int):
        return signed(constant, bits) if to_signed else constant & (1 << bits) - 1
    if constant is None:
        return None
    first, last = (-(1 << bits - 1), (1 << bits - 1) - 1) if to_signed else (0, (1 << bits) - 1)
    return constant if first <= low(constant) and high(constant) <= last else None


RULE = Rule("extend_constant", frozenset({"MOV"}), rewrite)
