"""How far stencilgen goes across micro-ops, step by step: entries of the operand stack in registers, sequences fused.

A *way* is a build of the same stencils with some of these steps. Profiles are made of the very traces that are measured: what
a VM's author gets who profiles the programs that count.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from unittest.mock import patch

from llvm_passes.sequence import renumbered, word
from stencilgen.config import Config, StackTable, SuperstencilTable
from stencilgen.pipeline import Build, build
from stencilgen.units.building import CANDIDATES, Superstencils
from stencilgen.units.profile import Trace, write_profile

__all__ = ["BOTH", "EVERYTHING", "SINGLE", "SLOT_WAYS", "STACK_WAYS", "Way", "build_way", "profile_of"]

BUILD = Path(__file__).resolve().parent / "build"
SEQUENCES = 40
"""Superstencils at most, as `stencilgen build` has by default."""


@dataclass(frozen=True, slots=True)
class Way:
    """registers: stack entries that may be in registers; longest: micro-ops of a superstencil, 1 for none of them; operands:
    whether sequences are told apart by which of their operands are equal; count: superstencils at most; static: whether the stack
    pointer stays where it is, since a trace knows its depth.
    """

    registers: int = 0
    longest: int = 1
    operands: bool = False
    count: int = SEQUENCES
    static: bool = False

    @property
    def name(self) -> str:
        steps = [f"caching {self.registers}"] if self.registers else []
        steps += ["static depth"] if self.static else []
        steps += [f"{self.longest}-grams"] if self.longest > 1 else []
        steps += ["by operands"] if self.operands else []
        steps += [f"{self.count} of them"] if self.count != SEQUENCES else []
        return ", ".join(steps)


SINGLE = Way()
BOTH = Way(3, 4)
EVERYTHING = Way(3, 4, operands=True)
STACK_WAYS = (
    *(Way(registers=registers) for registers in (1, 2, 3)),
    *(Way(longest=longest) for longest in (2, 3, 4)),
    *(Way(3, longest) for longest in (2, 3)),
    BOTH,
    EVERYTHING,
    Way(static=True),
    Way(longest=4, static=True),
    *(Way(registers, static=True) for registers in (1, 2, 3)),
    *(Way(3, 4, count=count) for count in (10, 20, 80)),
)
"""Of a stack machine."""
SLOT_WAYS = (
    *(Way(longest=longest, operands=True) for longest in (2, 3, 4)),
    Way(longest=4),
    *(Way(longest=4, operands=True, count=count) for count in (20, 80, 160)),
)
"""Of a register machine, whose micro-ops name slots."""


def build_way(
    config: Config,
    way: Way,
    *,
    stack: str = "",
    operands: Sequence[str] = (),
    profile: str,
    candidates: int = CANDIDATES,
    cache: bool = True,
) -> Build:
    """Build a configuration in this way. stack: its stack pointer; operands: holes that number places; candidates: sequences that
    are compiled to choose among; cache: use what was built before for this way, or for one that only differs in the count.
    """
    depth: Literal["static", "dynamic"] = "static" if way.static else "dynamic"
    has_stack = way.registers or way.static
    changed = {
        "stack": StackTable(pointer=stack, registers=way.registers, depth=depth) if has_stack else None,
        "superstencils": SuperstencilTable(operands=list(operands) if way.operands else []),
    }
    steps = {"operands": way.operands, "static": way.static, "facts": config.facts is not None}
    key = "-".join([str(way.registers), str(way.longest), *(step for step, taken in steps.items() if taken)])
    directory = BUILD / config.directory.name / key
    if not cache:
        shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
    wish = None
    if way.longest > 1:
        (directory / "profile.txt").write_text(profile)
        wish = Superstencils((directory / "profile.txt",), way.count, candidates=candidates)
    with patch("stencilgen.units.superstencils.LONGEST", max(way.longest, 2)):
        return build(config.model_copy(update=changed), directory=directory, superstencils=wish)


Values = Mapping[str, int]
"""A micro-op's operands by the holes that read them."""


def profile_of(
    traces: Iterable[tuple[int, Sequence[tuple[str, Values]]]], plain: Build, operands: Sequence[str] = ()
) -> str:
    """A profile of these traces, each a weight and a list of micro-ops with their operands."""
    holes = {stencil.name: stencil.holes for stencil in plain.stencils}
    labels = {op: [name for name in names if plain.config.holes[name].kind == "label"] for op, names in holes.items()}
    places = {op: [name for name in operands if name in names] for op, names in holes.items()}
    counted: Counter[Trace] = Counter()
    for weight, trace in traces:
        words = tuple(word(op, tuple(values[name] for name in places[op])) for op, values in trace)
        targets = {values[name] for op, values in trace for name in labels[op]}
        counted[Trace(renumbered(words), tuple(sorted(t for t in targets if 0 <= t < len(trace))))] += weight
    return write_profile(counted)
