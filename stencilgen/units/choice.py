"""For each micro-op, and each number of entries in registers before and after it, the cheapest step.

A step is a unit with the transitions that it needs around it: entries spilled before, entries spilled after. (It fills no
registers: a unit that needs an entry loads it itself.) So the matrix of a micro-op's costs is closed under transitions, the
planner need not know them. A unit that no entry of any matrix names is never emitted, and one that others replace at little
cost is not worth its place: both are left out of the header.

Where jumps arrive there is one state, in which all ways must meet. The key idea: a micro-op that jumps to where two entries are
in registers is, to whoever chooses, another micro-op than the one that jumps to where all are in memory: a word of its own,
`LOOP>2`, with a matrix of its own. What falls through to such a place may have fewer entries in registers; then a transition
fills the others, before the place. So both ways there are possible, whatever the state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stencilgen.units.cost import INSTRUCTION

__all__ = ["Choices", "Costed", "Step", "choose", "jumping"]


TOLERANCE = 2 * INSTRUCTION
"""What the library's size is worth. On the traces of bench/vm (39 micro-ops, three registers): of 340 units 216 are left, and the
traces cost 0.1 % more. At 0 it would be 302, at 3 * INSTRUCTION 192 and 0.6 %.
"""


@dataclass(frozen=True, slots=True)
class Costed:
    """A unit as far as its choice goes: what it does, its precondition, its postconditions and its cost."""

    name: str
    parts: tuple[str, ...]
    kin: int
    kout: int
    cost: int
    jump: int = 0


def jumping(name: str, state: int) -> str:
    """The word for a micro-op that jumps to where so many entries are in registers."""
    return f"{name}>{state}" if state else name


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
    """matrices: by sequence of micro-ops, then [before][after] the step, or None where there is no way; jumps: by micro-op that
    may jump, the most entries in registers where it arrives; fills: [before][after] the transition that fills registers,
    if any place where jumps arrive may need it.

    used: the names of the units in any step.
    """

    states: int
    matrices: Mapping[tuple[str, ...], tuple[tuple[Step | None, ...], ...]]
    jumps: Mapping[str, int] = field(default_factory=dict)
    fills: Mapping[tuple[int, int], Costed] = field(default_factory=dict)

    @property
    def used(self) -> frozenset[str]:
        """The units that the planner may choose."""
        steps = (step for matrix in self.matrices.values() for row in matrix for step in row if step)
        names = frozenset(name for step in steps for name in (step.before, step.unit, step.after) if name)
        return names | {fill.name for fill in self.fills.values()}


def choose(units: Sequence[Costed], registers: int, tolerance: int = TOLERANCE) -> Choices:
    """The choices among these units. Those without parts are the transitions; every micro-op has a unit (0, 0), its stencil.

    A unit is dropped when steps with others cost at most `tolerance` more wherever it would be chosen.
    """
    transitions = {(unit.kin, unit.kout): unit for unit in units if not unit.parts and unit.kin > unit.kout}
    fills = {(unit.kin, unit.kout): unit for unit in units if not unit.parts and unit.kin < unit.kout}
    by_parts: dict[tuple[str, ...], list[Costed]] = {}
    for unit in units:
        if unit.parts:
            parts = (jumping(unit.parts[0], unit.jump),) if len(unit.parts) == 1 else unit.parts
            by_parts.setdefault(parts, []).append(unit)
    matrices = {
        parts: _matrix(transitions, _pruned(transitions, found, registers + 1, tolerance), registers + 1)
        for parts, found in by_parts.items()
    }
    jumps = _jumps(matrices, registers) if fills else {}
    beyond = {
        (jumping(name, state),) for name in _names(units) for state in range(jumps.get(name, 0) + 1, registers + 1)
    }
    matrices = {parts: matrix for parts, matrix in matrices.items() if parts not in beyond}
    return Choices(registers + 1, matrices, jumps, fills if jumps else {})


def _names(units: Sequence[Costed]) -> frozenset[str]:
    """The micro-ops that have units of their own."""
    return frozenset(unit.parts[0] for unit in units if len(unit.parts) == 1)


def _jumps(matrices: Mapping[tuple[str, ...], tuple[tuple[Step | None, ...], ...]], registers: int) -> dict[str, int]:
    """Up to how many entries in registers a micro-op may jump to whatever the state before it. From that in memory all others
    are reached, so it must be possible from there.
    """
    found: dict[str, int] = {}
    for name, *others in matrices:
        most = 0
        while not others and most < registers:
            matrix = matrices.get((jumping(name, most + 1),))
            if matrix is None or matrix[0][0] is None:
                break
            most += 1
        if most:
            found[name] = most
    return found


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
