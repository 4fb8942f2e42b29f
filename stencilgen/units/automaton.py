"""Which sequences of micro-ops end at each position of a trace: the automaton of Aho and Corasick.

The key idea: after each micro-op there is one longest beginning of a sequence that the trace's last micro-ops are; it is the
automaton's node, and with the next micro-op it alone decides on the next node. So a trace is read once, with one look into a
table for each micro-op, however many sequences there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Automaton", "Parts", "automaton_of"]

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Automaton:
    """letters: the micro-ops that occur in sequences, from 1 on (0: any other); next: by node and letter; endings: by node, the
    sequences that end there, shortest first. Node 0 is the start.
    """

    letters: dict[str, int]
    next: list[list[int]]
    endings: list[list[Parts]]


def automaton_of(sequences: Sequence[Parts]) -> Automaton:
    """For these sequences, each of names."""
    letters = {
        name: number for number, name in enumerate(sorted({name for parts in sequences for name in parts}), start=1)
    }
    beginnings = sorted(
        {parts[:end] for parts in sequences for end in range(len(parts) + 1)}, key=lambda b: (len(b), b)
    )
    numbers = {parts: number for number, parts in enumerate(beginnings)}

    def longest(parts: Parts) -> int:
        return next(numbers[parts[start:]] for start in range(len(parts) + 1) if parts[start:] in numbers)

    wanted = frozenset(sequences)
    return Automaton(
        letters,
        [[0, *(longest((*parts, name)) for name in letters)] for parts in beginnings],
        [[parts[s:] for s in reversed(range(len(parts))) if parts[s:] in wanted] for parts in beginnings],
    )
