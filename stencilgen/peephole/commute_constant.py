"""A constant on the left of a commutative operation moves to the right, where it is an immediate.

    mov eax, E                                       mov eax, E
    ...                                              ...
    add eax, esi      →      lea eax, [rsi + E]      xor eax, esi      →      mov eax, esi ; xor eax, E

Also for and, or; `lea` only where the flags of the addition are dead and E fits a displacement; the other form only
if it is no longer than what it replaces (with E in its widest field).

Why it is safe: between the two nothing touches the register. The operation overwrites all of it (32- and 64-bit forms
only), so only E's value at the operation's width counts. a + b, a & b, a | b, a ^ b and their flags are the same in
either order. `lea` adds modulo 2⁶⁴; of that a 32-bit destination keeps, and clears, the same bits as a 32-bit
addition.
"""

from dataclasses import replace
from typing import TypeGuard

from stencilgen.layout.liveness import ALL_FLAGS
from stencilgen.peephole.constants import Constant, constant_use, fits_displacement, immediate, longest, mentions
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register

__all__ = ["RULE"]

COMMUTES = frozenset(["ADD", "AND", "OR", "XOR"])


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or use.instruction.mnemonic not in COMMUTES or use.held & ~site.usages[use.at].overwrites:
        return None
    target, source = use.instruction.operands
    assert isinstance(target, Register)
    if target.size < 4 or not isinstance(source, Register | Memory) or mentions(source, use.load.register.whole):
        return None
    constant = immediate(use.load, 8 * target.size)
    if constant is None:
        return None
    after: tuple[Instruction, ...]
    if use.instruction.mnemonic == "ADD" and takes_lea(source, constant) and site.dead_after(use.at, ALL_FLAGS):
        after = (Instruction("LEA", (target, Memory(base=source.whole, displacement=constant))),)
    else:
        after = (Instruction("MOV", (target, source)), replace(use.instruction, operands=(target, constant)))
    before = (site.instructions[position], use.instruction)
    if sum(map(longest, after)) > sum(map(longest, before)):
        return None
    return {position: (), use.at: after}


def takes_lea(source: object, constant: Constant) -> TypeGuard[Register]:
    """Whether source + constant is an address."""
    return isinstance(source, Register) and fits_displacement(constant)


RULE = Rule("commute_constant", frozenset({"MOV"}), rewrite)
