"""A test of a result against zero goes when the instruction that made the result has set the same flags.

    and eax, esi                                     sub rdi, rcx            (only ZF, SF and PF
    test eax, eax     →      and eax, esi            test rdi, rdi     →      sub rdi, rcx       used afterwards)

Why it is safe: `test r, r` sets ZF, SF and PF from r's value at its width, which is what these instructions do with
their result at the same width (the very same register name: `and rax, 7 ; test eax, eax` is another matter). and, or
and xor also clear CF and OF as `test` does, and like `test` leave AF undefined. After the others CF and OF must be
dead. Between the two nothing changes the register or any flag, so what reads flags there sees what it saw before.
Shifts by a constant that is not 0 (a shift by 0 sets no flags) are like these; and `sar` by 1 clears OF as `test` does:

    sar rsi, 1
    test rsi, rsi     →      sar rsi, 1
    jle ...                  jle ...
"""

from stencilgen.layout.liveness import ALL_FLAGS, flags_mask, parts
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Flags, Instruction, Register

__all__ = ["RULE"]

SAME_FLAGS = frozenset(["AND", "OR", "XOR"])
SAME_ZF_SF_PF = frozenset(["ADC", "ADD", "DEC", "INC", "NEG", "SBB", "SUB"])
SHIFTS = frozenset(["SAR", "SHL", "SHR"])
CARRY_AND_OVERFLOW = flags_mask(Flags.CF | Flags.OF)


def rewrite(site: Site, position: int) -> Edit | None:
    match site.instructions[position].operands:
        case (Register() as tested, Register() as same) if tested is same:
            at = site.last_change(position, parts(tested) | ALL_FLAGS)
        case _:
            return None
    if at is None:
        return None
    other = differing_flags(site.instructions[at], tested)
    return {position: ()} if other is not None and site.dead_after(position, other) else None


def differing_flags(setter: Instruction, tested: Register) -> int | None:
    """The flags that are not those of a test of the result, as a mask; None if all may differ."""
    if not setter.operands or setter.operands[0] is not tested:
        return None
    if setter.mnemonic in SAME_FLAGS:
        return 0
    if setter.mnemonic in SAME_ZF_SF_PF:
        return CARRY_AND_OVERFLOW
    match setter:
        case Instruction(mnemonic, (_, int() as count)) if mnemonic in SHIFTS:
            count &= 63 if tested.size == 8 else 31
            if mnemonic == "SAR" and count == 1:
                return flags_mask(Flags.CF)
            return CARRY_AND_OVERFLOW if count else None
    return None


RULE = Rule("self_test", frozenset({"TEST"}), rewrite)
