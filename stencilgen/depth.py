"""Static depth in emit functions: what a unit says of the stack's depth when its code is written.

Movement(goes on, -8)      ⇒    SG_DEEPER(-8)      the top is so much lower now, and the stack pointer where it was
Movement(never goes on)    ⇒    SG_NO_DEPTH()      whoever comes to what follows jumps there, with a true pointer

And all exit stubs have room for the addition that makes the pointer true.
"""

from dataclasses import replace

from dasc import Stencil, Version
from llvm_passes.static_depth import Movement

__all__ = ["with_movement"]


def with_movement(stencil: Stencil, movement: Movement) -> Stencil:
    """A finished stencil that tells the assembler, in each of its versions, what it does with the depth."""
    stencil = replace(stencil, static_depth=True)
    if movement.goes_on and movement.moves == 0:
        return stencil
    effect = f"SG_DEEPER({movement.moves})" if movement.goes_on else "SG_NO_DEPTH()"

    def extended(version: Version) -> Version:
        if version.decision is None:
            return replace(version, effects=(*version.effects, effect))
        yes, no = extended(version.decision.yes), extended(version.decision.no)
        return replace(version, decision=replace(version.decision, yes=yes, no=no))

    whole = extended(Version(decision=stencil.decision, effects=stencil.effects))
    return replace(stencil, decision=whole.decision, effects=whole.effects)
