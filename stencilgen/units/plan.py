"""The planner once more, in Python: what a trace would cost with given choices.

What `runtime/src/plan.c` does when a trace is compiled, this does when a build decides which units are worth having.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llvm_passes.sequence import micro_op, renumbered
from stencilgen.units.choice import Step
from stencilgen.units.profile import Trace

__all__ = ["Matrices", "Plan", "plan"]

Matrices = Mapping[tuple[str, ...], Sequence[Sequence[Step | None]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """cost: of the whole trace; states: how many entries are in registers at each position, its end included; None inside of
    a unit.
    """

    cost: int
    states: tuple[int | None, ...]


_NEVER = 1 << 60


def plan(trace: Trace, matrices: Matrices, longer: frozenset[tuple[str, ...]], states: int) -> Plan:
    """The cheapest way through a trace with the single micro-ops of `matrices`, and of the sequences those in `longer`."""
    ops, length = trace.ops, len(trace.ops)
    targets = frozenset(trace.targets)
    lengths = sorted({1, *(len(parts) for parts in longer)})
    reached = [[_NEVER] * states for _ in range(length + 1)]
    origin: list[list[tuple[int, int]]] = [[(0, 0)] * states for _ in range(length + 1)]
    reached[0][0] = 0
    for position in range(length):
        here = reached[position]
        if position in targets:
            here[1:] = [_NEVER] * (states - 1)
        for size in lengths:
            words = ops[position : position + size]
            parts = renumbered(words) if size > 1 else (micro_op(words[0]),)
            if len(parts) < size or (size > 1 and parts not in longer):
                continue
            if size > 1 and any(inner in targets for inner in range(position + 1, position + size)):
                break
            there, came = reached[position + size], origin[position + size]
            for before, row in enumerate(matrices[parts]):
                for after, step in enumerate(row):
                    if step and here[before] + step.cost < there[after]:
                        there[after] = here[before] + step.cost
                        came[after] = (position, before)
    way: list[int | None] = [None] * (length + 1)
    position, state = length, 0
    way[length] = 0
    while position:
        position, state = origin[position][state]
        way[position] = state
    return Plan(reached[length][0], tuple(way))
