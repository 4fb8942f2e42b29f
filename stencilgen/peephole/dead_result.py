"""An `and` or `sub` whose result nobody reads only compares.

    and eax, 3     (eax dead)      →      test al, 3
    sub rax, rdx   (rax dead)      →      cmp rax, rdx

Also `and rax, [m]` → `test [m], rax`.

Why it is safe: `test` sets the flags of `and`, and `cmp` those of `sub`, at the same width. A mask of at most 7 bits is
tested on the lowest byte: the result's upper bits are 0 at any width, so ZF and PF are the same, and SF is 0 at both.
The new form is never longer: `and` has a short form for immediates of 8 bits that `test` lacks, and stays where only
that one would do.
"""

from stencilgen.layout.liveness import ALL_FLAGS
from stencilgen.peephole.constants import high, longest, low
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Instruction, Memory, Register, Symbolic

__all__ = ["RULE"]

SHORT = 127
"""The widest mask whose test does not depend on the width."""


def rewrite(site: Site, position: int) -> Edit | None:
    instruction = site.instructions[position]
    result = site.usages[position].changes & ~ALL_FLAGS
    if site.dead_after(position, ALL_FLAGS) or not site.dead_after(position, result):
        return None
    match instruction.operands:
        case (Register() as target, source):
            pass
        case _:
            return None
    compare = tested(target, source) if instruction.mnemonic == "AND" else Instruction("CMP", (target, source))
    return {position: (compare,)} if longest(compare) <= longest(instruction) else None


def tested(target: Register, source: object) -> Instruction:
    if isinstance(source, Memory):
        return Instruction("TEST", (source, target))
    if isinstance(source, int | Symbolic) and low(source) >= 0 and high(source) <= SHORT:
        target = target if target.size == 1 else target.resize(1)
    assert isinstance(source, int | Symbolic | Register)
    return Instruction("TEST", (target, source))


RULE = Rule("dead_result", frozenset({"AND", "SUB"}), rewrite)
