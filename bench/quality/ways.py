"""How far stencilgen goes across micro-ops, step by step: entries of the operand stack in registers, sequences fused.

A *way* is a build of the same stencils with some of these steps. Profiles are made of the very traces that are measured: what
a VM's author gets who profiles the programs that count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from stencilgen.config import Config, StackTable
from stencilgen.pipeline import Build, build
from stencilgen.units.building import Superstencils
from stencilgen.units.profile import Trace, write_profile

__all__ = ["BOTH", "WAYS", "Way", "build_way", "profile_of"]

BUILD = Path(__file__).resolve().parent / "build"
SEQUENCES = 40
"""Superstencils at most, as `stencilgen build` has by default."""


@dataclass(frozen=True, slots=True)
class Way:
    """registers: stack entries that may be in registers; longest: micro-ops of a superstencil, 1 for none of them."""

    registers: int = 0
    longest: int = 1
    count: int = SEQUENCES

    @property
    def name(self) -> str:
        steps = [f"caching {self.registers}"] if self.registers else []
        steps += [f"{self.longest}-grams"] if self.longest > 1 else []
        return ", ".join(steps)


BOTH = Way(3, 4)
WAYS = (
    *(Way(registers=registers) for registers in (1, 2, 3)),
    *(Way(longest=longest) for longest in (2, 3, 4)),
    *(Way(3, longest) for longest in (2, 3)),
    BOTH,
)


def build_way(config: Config, way: Way, stack: str, profile: str, *, cache: bool = True) -> Build:
    """Build a configuration in this way. The cache is the way's own: one build's keeps nothing for another."""
    table = StackTable(pointer=stack, registers=way.registers) if way.registers else None
    directory = BUILD / config.directory.name / f"{way.registers}-{way.longest}-{way.count}"
    directory.mkdir(parents=True, exist_ok=True)
    wish = None
    if way.longest > 1:
        (directory / "profile.txt").write_text(profile)
        wish = Superstencils((directory / "profile.txt",), way.count)
    with patch("stencilgen.units.superstencils.LONGEST", max(way.longest, 2)):
        return build(config.model_copy(update={"stack": table}), directory=directory, superstencils=wish, cache=cache)


def profile_of(traces: Iterable[Sequence[tuple[str, Mapping[str, int]]]], plain: Build) -> str:
    """A profile of these traces, each a list of micro-ops with the values of their holes; every trace counts once."""
    labels = {
        stencil.name: [hole for hole in stencil.holes if plain.config.holes[hole].kind == "label"]
        for stencil in plain.stencils
    }
    counted: Counter[Trace] = Counter()
    for trace in traces:
        targets = {values[hole] for op, values in trace for hole in labels[op]}
        counted[Trace(tuple(op for op, _ in trace), tuple(sorted(t for t in targets if 0 <= t < len(trace))))] += 1
    return write_profile(counted)
