"""A mask goes that keeps every bit which a constant can have.

    mov ecx, E                                       (E in 0..1, flags dead)
    ...
    and cl, 1          →      mov ecx, E

Why it is safe: between the two nothing touches the register, so it holds E, which is in 0..m for a mask of m = 2ⁿ−1,
and E & m = E. The parts of the register that a narrow `and` does not reach stay as they are; those that a 32-bit
`and` clears are zero in such an E already. The flags that `and` sets are dead.
"""

from stencilgen.layout.liveness import ALL_FLAGS
from stencilgen.peephole.constants import constant_use, high, is_low_part, low
from stencilgen.peephole.rule import Edit, Rule, Site

__all__ = ["RULE"]


def rewrite(site: Site, position: int) -> Edit | None:
    use = constant_use(site, position)
    if use is None or use.instruction.mnemonic != "AND" or not site.dead_after(use.at, ALL_FLAGS):
        return None
    load = use.load
    target, mask = use.instruction.operands
    if not isinstance(mask, int) or mask & mask + 1 or not is_low_part(target, load.register.whole):
        return None
    if low(load.constant) < 0 or high(load.constant) > mask or not defines(load.bits, 8 * target.size):
        return None
    return {use.at: ()}


def defines(loaded: int, used: int) -> bool:
    """Whether a load of `loaded` bits determines the low `used` bits of its register: a 32-bit load clears the upper
    half.
    """
    return used <= loaded or loaded == 32


RULE = Rule("redundant_mask", frozenset({"MOV"}), rewrite)
