"""For each micro-op, and each number of entries in registers before and after it, the cheapest step.

A step is a unit with the transitions that it needs around it: entries spilled before, entries spilled after. (There are no
transitions that fill registers: a unit that needs an entry loads it itself.) So the matrix of a micro-op's costs is closed
under transitions, the planner need not know them. A unit that no entry of any matrix names is never emitted, and one that others
replace at little cost is not worth its place: both are left out of the header.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stencilgen.units.cost import INSTRUCTION

__all__ = ["Choices", "Costed", "Step", "choose"]


TOLERANCE = 2 * INSTRUCTION
"""What the library's size is worth. On the traces of bench/vm (39 micro-ops, three registers): of 340 units 216 are left, and the
traces cost 0.1 % more. At 0 it would be 302, at 3 * INSTRUCTION 192 and 0.6 %.
"""


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


def choose(units: Sequence[Costed], registers: int, tolerance: int = TOLERANCE) -> Choices:
    """The choices among these units. Those without parts are the transitions; every micro-op has a unit (0, 0), its stencil.

    A unit is dropped when steps with others cost at most `tolerance` more wherever it would be chosen.
    """
    transitions = {(unit.kin, unit.kout): unit for unit in units if not unit.parts}
    by_parts: dict[tuple[str, ...], list[Costed]] = {}
    for unit in units:
        if unit.parts:
            by_parts.setdefault(unit.parts, []).append(unit)
    matrices = {
        parts: _matrix(transitions, _pruned(transitions, found, registers + 1, tolerance), registers + 1)
        for parts, found in by_parts.items()
    }
    return Choices(registers + 1, matrices)


def _pruned(
    transitions: Mapping[tuple[int, int], Costed], units: Sequence[Costed], states: int, tolerance: int
) -> list[Costed]:
    """The units of one sequence without those that others replace at little cost; the dearest to lose stay."""
    left = list(units)
    best = _matrix(transitions, left, states)

    def loss(unit: Costed) -> int:
        """By how much some step gets dearer without it, compared with all units at hand; -1: nothing changes."""
        without = _matrix(transitions, [other for other in left if other is not unit], states)
        pairs = [
            (old, new) for row, other in zip(best, without, strict=True) for old, new in zip(row, other, strict=True)
        ]
        if any(old and not new for old, new in pairs):
            return 1 << 30
        return max((new.cost - old.cost for old, new in pairs if old and new), default=0)

    for unit in sorted(units, key=lambda unit: (loss(unit), unit.name)):
        if (len(unit.parts) > 1 or unit.kin or unit.kout) and loss(unit) <= tolerance:
            left.remove(unit)
    return left


def _matrix(
    transitions: Mapping[tuple[int, int], Costed], units: Sequence[Costed], states: int
) -> tuple[tuple[Step | None, ...], ...]:
    """[before][after] the cheapest step; of equal ones, one with fewer units of its own."""

    def best(kin: int, kout: int) -> Step | None:
        ways = [_step(transitions, unit, kin, kout) for unit in units]
        return min((way for way in ways if way), key=lambda way: (way.cost, way.before, way.unit), default=None)

    return tuple(tuple(best(kin, kout) for kout in range(states)) for kin in range(states))


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
