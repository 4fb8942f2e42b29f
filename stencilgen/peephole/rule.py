"""What a peephole rule is: a function that looks at one place of a block and may propose an edit.

The key idea: a rule never guesses. Whatever it wants to know about an instruction comes from its effects, and
whatever it wants to know about the code around it from liveness; both stand ready in the `Site` as bit masks (see
`layout/liveness.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stencilgen.layout.liveness import Usage
from x86_64 import Instruction

__all__ = ["REACH", "Edit", "Rule", "Site"]

REACH = 32
"""How many instructions ahead or back a rule looks."""

Edit = Mapping[int, tuple[Instruction, ...]]
"""Positions in the block → the instructions that take their place; an empty tuple removes."""


@dataclass(slots=True)
class Site:
    """A block's instructions with what each of them uses and what is live after each (three lists of one length)."""

    instructions: list[Instruction]
    usages: list[Usage]
    live_after: list[int]

    def dead_after(self, position: int, mask: int) -> bool:
        """Whether nothing reads any part in `mask` after the instruction at `position`, before it is overwritten."""
        return not self.live_after[position] & mask

    def next_touch(self, start: int, mask: int) -> int | None:
        """The first instruction after `start` that reads or changes a part in `mask`.

        None if it is out of reach, or if control may leave the straight line before.
        """
        for position in range(start + 1, min(start + 1 + REACH, len(self.usages))):
            usage = self.usages[position]
            if not usage.straight:
                return None
            if (usage.reads | usage.changes) & mask:
                return position
        return None

    def last_change(self, end: int, mask: int) -> int | None:
        """The last instruction before `end` that changes a part in `mask`; None as for `next_touch`."""
        for position in range(end - 1, max(end - 1 - REACH, -1), -1):
            usage = self.usages[position]
            if not usage.straight:
                return None
            if usage.changes & mask:
                return position
        return None


@dataclass(frozen=True, slots=True)
class Rule:
    """`rewrite(site, position)` is called for every instruction whose mnemonic is one of `heads`.

    It must make the code shorter, or leave its length and turn one instruction into a form that no rule turns back.
    It must not make a register live at the start of the block that was not live there before. Both keep the driver
    simple.
    """

    name: str
    heads: frozenset[str]
    rewrite: Callable[[Site, int], Edit | None]
