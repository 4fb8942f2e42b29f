"""A constant goes into the only instruction that uses it.

    mov  ecx, E
    ...
    add  rax, rcx      →      ... ; add rax, E

Also for adc, sub, sbb, and, or, xor, cmp, test, mov, and for memory as the destination (`add [m], rcx`).

Why it is safe: between the two nothing touches the register (that would be its next use), and control does not leave.
`mov` sets no flags, and the use sets the same flags from the same numbers. After the use the register is dead. The
immediate has the use's width, at which the register's content must be the constant for every value in its range: `mov
ecx, E` defines 64 bits, but E must not be negative then; a 64-bit operation sign-extends an immediate of 32 bits; of
a wider constant, a narrow use may see only values that fit it.
"""

from dataclasses import replace

from stencilgen.peephole.constants import Load, constant_use, immediate, is_low_part, mentions
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register

__all__ = ["RULE"]

TAKES_IMMEDIATE = frozenset(["ADC", "ADD", "AND", "CMP", "MOV", "OR", "SBB", "SUB", "TEST", "XOR"])
"""Two operands of one width, the second of which may be an immediate."""


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or use.instruction.mnemonic not in TAKES_IMMEDIATE or not site.dead_after(use.at, use.held):
        return None
    folded = with_immediate(use.instruction, use.load)
    return None if folded is None else {position: (), use.at: (folded,)}


def with_immediate(use: Instruction, load: Load) -> Instruction | None:
    target, source = use.operands
    whole = load.register.whole
    if use.mnemonic == "TEST" and is_low_part(target, whole):
        target, source = source, target  # a & b has the flags of b & a
    if not isinstance(target, Register | Memory) or mentions(target, whole) or not is_low_part(source, whole):
        return None
    if isinstance(target, Register) and target.kind == "sreg":
        return None
    bits = 8 * source.size
    widest = 64 if use.mnemonic == "MOV" and isinstance(target, Register) else 32
    constant = immediate(load, bits, widest=widest)
    return None if constant is None else replace(use, operands=(target, constant))


RULE = Rule("fold_constant", frozenset({"MOV"}), rewrite)
