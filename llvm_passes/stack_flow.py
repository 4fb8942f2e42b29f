"""What is known of a stencil's stack at each line: which slots were accessed or stored on every way to it.

A forward data-flow analysis over basic blocks, of sets of slots that only shrink where ways meet (or, for what happened on
some way, grow).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from llvm_passes.text import NAME

_LABEL = re.compile(rf"^({NAME}):")
_TARGET = re.compile(rf"label %({NAME})")


class SlotAccess(Protocol):
    """An access of the slots `first` to `last`."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def writes(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Flow:
    """At the start of a line: slots accessed and stored on every way to it, slots stored on some way, and the slots that others
    may look at: those below `visible`, for a pointer into the stack has been given away on some way.
    """

    touched: frozenset[int]
    written: frozenset[int]
    perhaps: frozenset[int]
    visible: int

    @property
    def deepest(self) -> int:
        """The lowest slot that exists for certain; 0 when none is known to."""
        return min(self.touched, default=0)

    def settled(self, slot: int) -> bool:
        """Whether a slot has been stored either on every way or on none."""
        return (slot in self.perhaps) == (slot in self.written)

    def after(self, accesses: Sequence[SlotAccess], visible: int) -> Flow:
        """What is known after a line with these accesses, which makes the slots below `visible` so."""
        touched, written, perhaps = set(self.touched), set(self.written), set(self.perhaps)
        for access in accesses:
            slots = range(access.first, access.last + 1)
            touched.update(slots)
            if access.writes:
                written.update(slots)
                perhaps.update(slots)
        return Flow(frozenset(touched), frozenset(written), frozenset(perhaps), max(self.visible, visible))

    def met(self, other: Flow) -> Flow:
        """What is known where two ways meet."""
        return Flow(
            self.touched & other.touched,
            self.written & other.written,
            self.perhaps | other.perhaps,
            max(self.visible, other.visible),
        )


NOTHING, EVERYTHING = -(1 << 20), 1 << 20
"""No slot lies below the first, all below the second."""

START = Flow(frozenset(), frozenset(), frozenset(), NOTHING)


def flow_of(
    lines: Sequence[str], accesses: Mapping[int, Sequence[SlotAccess]], escapes: Mapping[int, int]
) -> dict[int, Flow]:
    """The flow at each line that control can reach. escapes: by line, below which slot the stack becomes visible."""
    blocks: dict[str, list[int]] = {}
    successors: dict[str, list[str]] = {}
    name = ""
    for index, line in enumerate(lines[1:], start=1):
        if match := _LABEL.match(line):
            name = match[1]
        blocks.setdefault(name, []).append(index)
        if line.startswith("  "):
            successors.setdefault(name, []).extend(_TARGET.findall(line) if "label %" in line else ())
    at_start = {next(iter(blocks)): START}
    flow: dict[int, Flow] = {}
    pending = list(at_start)
    while pending:
        block = pending.pop()
        state = at_start[block]
        for index in blocks[block]:
            flow[index] = state
            if index in accesses or index in escapes:
                state = state.after(accesses.get(index, ()), escapes.get(index, NOTHING))
        for successor in successors.get(block, ()):
            known = at_start.get(successor)
            new = state if known is None else known.met(state)
            if new != known:
                at_start[successor] = new
                pending.append(successor)
    return flow
