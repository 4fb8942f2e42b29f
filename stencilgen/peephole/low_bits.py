"""Whether the lowest bits of a copy are a certain number is asked of a copy less that number: then they are all zeros.

    mov eax, esi                                     mov eax, esi
    and eax, 3               lea eax, [rsi - 1]      not eax                  lea eax, [rsi + 1]
    cmp eax, 1        →      test al, 3              test al, 3        →      test al, 3

The right one is how LLVM writes that they are all ones. Only ZF may be used afterwards.

Why it is safe: for a mask m = 2ⁿ−1 and 0 ≤ c ≤ m, x & m = c exactly where x − c is a multiple of 2ⁿ, which is where
(x − c) & m = 0; for c = m, x − c and x + 1 differ by 2ⁿ, and ~x & m = 0 there too. So ZF is the same. The flags of
the `and` are overwritten before anybody reads them, those of the comparison other than ZF are dead. Nothing else sees the
copy: between the three nothing touches the register, and after the last it is dead.
"""

from stencilgen.layout.liveness import ALL_FLAGS, flags_mask, parts
from stencilgen.peephole.constants import is_low_part
from stencilgen.peephole.rule import Edit, Rule, Site
from x86_64 import Flags, Instruction, Memory, Register

__all__ = ["RULE"]

BUT_ZERO = ALL_FLAGS & ~flags_mask(Flags.ZF)


def rewrite(site: Site, position: int) -> Edit | None:
    changed = site.instructions[position].operands[0]
    if not isinstance(changed, Register) or changed.kind not in ("r32", "r64"):
        return None
    whole = parts(changed.whole)
    copied, tested = site.last_change(position, whole), site.next_touch(position, whole)
    if copied is None or tested is None or site.next_touch(copied, whole) != position:
        return None
    if not site.dead_after(tested, whole | BUT_ZERO):
        return None
    match site.instructions[copied]:
        case Instruction("MOV", (Register() as copy, Register(kind="r32" | "r64") as original)) if copy is changed:
            asked = number_and_test(site, position, tested)
        case _:
            return None
    if asked is None:
        return None
    number, test = asked
    less = Instruction("LEA", (copy, Memory(base=original.whole, displacement=-number)))
    return {copied: (less,), position: (), tested: (test,)}


def number_and_test(site: Site, position: int, tested: int) -> tuple[int, Instruction] | None:
    """What the lowest bits are compared with, and the test that is to be made of their difference."""
    match site.instructions[position], site.instructions[tested]:
        case Instruction("NOT", (Register() as flipped,)), Instruction("TEST", (part, int() as mask)) as test:
            return (-1, test) if is_low_part(part, flipped.whole) and is_low_mask(mask) else None
        case Instruction("AND", (Register() as masked, int() as mask)), Instruction("CMP", (part, int() as number)):
            if part is not masked or not is_low_mask(mask) or not 0 < number <= mask:
                return None
            if any(site.usages[at].reads & ALL_FLAGS for at in range(position + 1, tested)):
                return None
            return number, Instruction("TEST", (masked.resize(1 if mask < 0x80 else 4), mask))
    return None


def is_low_mask(mask: int) -> bool:
    """Whether a mask is 2ⁿ−1."""
    return 0 < mask < 1 << 31 and not mask & mask + 1


RULE = Rule("low_bits", frozenset({"NOT", "AND"}), rewrite)
