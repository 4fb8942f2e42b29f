"""Whether the lowest bits of a copy are all ones is asked of the copy plus one: then they are all zeros.

    mov eax, esi
    not eax                  lea eax, [rsi + 1]
    test al, 3        →      test al, 3              (SF and PF not used afterwards)

LLVM turns `(x & 3) == 3`, how tests for a tagged integer often read, into `(~x & 3) == 0`, which needs a copy first.

Why it is safe: for a mask m = 2ⁿ−1, ~x & m = 0 where all n bits of x are ones, and x + 1 carries out of n bits and leaves
zeros exactly there, so ZF is the same. SF and PF may differ and must be dead; CF and OF are 0 in both. Nothing
else sees the complement: between the three nothing touches the register, and after the test it is dead.
"""

from stencilgen.layout.liveness import flags_mask, parts
from stencilgen.peephole.constants import is_low_part
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Flags, Instruction, Memory, Register

__all__ = ["RULE"]

SIGN_AND_PARITY = flags_mask(Flags.SF | Flags.PF)


def rewrite(site: Site, position: int) -> Edit | None:
    match site.instructions[position].operands:
        case (Register(size=4 | 8) as flipped,):
            whole = parts(flipped.whole)
        case _:
            return None
    copied = site.last_change(position, whole)
    tested = site.next_touch(position, whole)
    if copied is None or tested is None or site.next_touch(copied, whole) != position:
        return None
    match site.instructions[copied], site.instructions[tested]:
        case (
            Instruction("MOV", (Register() as copy, Register(kind="r32" | "r64") as original)),
            Instruction("TEST", (Register() as part, int() as mask)),
        ) if copy is flipped and is_low_part(part, flipped.whole) and mask > 0 and not mask & mask + 1:
            if not site.dead_after(tested, whole | SIGN_AND_PARITY):
                return None
            return {copied: (Instruction("LEA", (copy, Memory(base=original.whole, displacement=1))),), position: ()}
    return None


RULE = Rule("low_ones", frozenset({"NOT"}), rewrite)
