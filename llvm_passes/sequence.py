"""Sequences of micro-ops, told apart by which of their operands are equal.

    GET_LIST:5,1,2 ADD_INT:3,3,5   →   GET_LIST:0,1,2 ADD_INT:3,3,0

The key idea: a micro-op that reads the slot which the one before it has written can take the value from a register, but only
where a trace's slot numbers say so. So what is fused is not two micro-ops but two *words*: each the micro-op's name, and behind
a colon its operands, numbered anew in the order in which different ones come. Equal numbers are equal operands, different
numbers are different ones. A word without operands says nothing about them.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["micro_op", "operands", "pattern", "renumbered", "word"]


def word(name: str, values: tuple[int, ...] = ()) -> str:
    """The micro-op `name` with these operands."""
    return f"{name}:{','.join(map(str, values))}" if values else name


def micro_op(text: str) -> str:
    """The micro-op of a word."""
    return text.partition(":")[0]


def operands(text: str) -> tuple[int, ...]:
    """The operands of a word; none when it says nothing about them."""
    values = text.partition(":")[2]
    return tuple(map(int, values.split(","))) if values else ()


@lru_cache(maxsize=1 << 16)
def renumbered(words: tuple[str, ...]) -> tuple[str, ...]:
    """The same words with their operands numbered from 0, in the order in which different ones come."""
    numbers: dict[int, int] = {}
    return tuple(word(micro_op(w), tuple(numbers.setdefault(n, len(numbers)) for n in operands(w))) for w in words)


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def pattern(words: tuple[str, ...]) -> str:
    """The operands of all words as part of a C identifier; "" when there are none."""
    texts = ["".join(_DIGITS[number] for number in operands(w)) for w in words]
    return f"p{'_'.join(texts)}" if any(texts) else ""
