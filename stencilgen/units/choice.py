"""For each micro-op, and each number of entries in registers before and after it, the cheapest step.

A step is a unit with the transitions that it needs around it: entries spilled before, entries spilled after. (There are no
transitions that fill registers: a unit that needs an entry loads it itself.) So the matrix of a micro-op's costs is closed
under transitions, the planner need not know them, and a unit that no entry of any matrix names is never emitted: it is
dropped from the header.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Choices", "Costed", "Step", "choose"]


@dataclass(frozen=True, slots=True)
class Costed:
    """A unit as far as its choice goes: what it does, its precondition, its postcondition and its cost."""

    name: str
    parts: tuple[str, ...]
    kin: int
    kout: int
    cost: int


@dataclass(frozen=True, slots=True)
class Step:
    """A unit and the transitions around it, by name ("" for none), and the cost of all."""

    before: str
    unit: str
    after: str
    length: int
    cost: int


@dataclass(frozen=True, slots=True)
class Choices:
    """matrices: by sequence of micro-ops, then [before][after] the step, or None where there is no way.

    used: the names of the units in any step.
    """

    states: int
    matrices: Mapping[tuple[str, ...], tuple[tuple[Step | None, ...], ...]]

    @property
    def used(self) -> frozenset[str]:
        """The units that the planner may choose."""
        steps = (step for matrix in self.matrices.values() for row in matrix for step in row if step)
        return frozenset(name for step in steps for name in (step.before, step.unit, step.after) if name)


def choose(units: Sequence[Costed], registers: int) -> Choices:
    """The choices among these units. Those without parts are the transitions; every micro-op has a unit (0, 0), its stencil."""
    transitions = {(unit.kin, unit.kout): unit for unit in units if not unit.parts}
    states = range(registers + 1)
    by_parts: dict[tuple[str, ...], list[Costed]] = {}
    for unit in units:
        if unit.parts:
            by_parts.setdefault(unit.parts, []).append(unit)

    def best(parts: tuple[str, ...], kin: int, kout: int) -> Step | None:
        ways = [_step(transitions, unit, kin, kout) for unit in by_parts[parts]]
        return min((way for way in ways if way), key=lambda way: (way.cost, way.before, way.unit), default=None)

    matrices = {parts: tuple(tuple(best(parts, kin, kout) for kout in states) for kin in states) for parts in by_parts}
    return Choices(registers + 1, matrices)


def _step(transitions: Mapping[tuple[int, int], Costed], unit: Costed, kin: int, kout: int) -> Step | None:
    """The unit between these states; None when no transitions lead there."""
    names, cost = [], unit.cost
    for here, there in ((kin, unit.kin), (unit.kout, kout)):
        if here == there:
            names.append("")
        elif (here, there) in transitions:
            transition = transitions[here, there]
            names.append(transition.name)
            cost += transition.cost
        else:
            return None
    return Step(names[0], unit.name, names[1], len(unit.parts), cost)
