"""A constant shift count, or bit number, becomes an 8-bit immediate.

    mov ecx, E                                       mov ecx, E
    ...                                              ...
    shl rax, cl       →      shl rax, E              bt  rax, rcx      →      bt rax, E

Also for shr, sar, rol, ror, and bts, btr, btc on registers (a bit number beyond a memory operand addresses memory
beyond it).

Why it is safe: between the two nothing touches the register, and after them it is dead. The processor takes an
immediate count modulo 32 or 64 as it does cl, so the two agree on the result and on every flag for each value of the
byte, also on 0, which changes no flag. A bit number is taken modulo the operand's width from a register as from an
immediate; only constants in 0..255 are moved, of which the byte is all.
"""

from dataclasses import replace

from stencilgen.peephole.constants import constant_use, high, is_low_part, low, mentions
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Register

__all__ = ["RULE"]

SHIFTS = frozenset(["ROL", "ROR", "SAR", "SHL", "SHR"])
BIT_TESTS = frozenset(["BT", "BTC", "BTR", "BTS"])


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or not counts_with(use.instruction, use.load.register) or not site.dead_after(use.at, use.held):
        return None
    count = use.load.constant
    if low(count) < 0 or high(count) > 255:
        return None
    return {position: (), use.at: (replace(use.instruction, operands=(use.instruction.operands[0], count)),)}


def counts_with(use: Instruction, register: Register) -> bool:
    """Whether the instruction uses the register's content as a count or bit number, and for nothing else."""
    if len(use.operands) != 2:
        return False
    target, count = use.operands
    if not is_low_part(count, register.whole) or mentions(target, register.whole):
        return False
    return use.mnemonic in SHIFTS or (use.mnemonic in BIT_TESTS and isinstance(target, Register))


RULE = Rule("constant_count", frozenset({"MOV"}), rewrite)
