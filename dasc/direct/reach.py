"""Which branches ahead are short: those whose target is near, however long everything between becomes.

The key idea: between two lines of C nothing is skipped and nothing repeated, so the distance from a branch to a label
in the same run of items has a bound. All branches ahead are long at first; one that is bound to reach becomes short,
which may bring others within reach, until nothing changes.
"""

from collections.abc import Sequence

from dasc.language.machine import Align, Code, Data, Item, LabelHere, Section, Space
from dasc.language.operands import Place

__all__ = ["is_branch", "longest", "short_branches"]

_FARTHEST = 127
_MOST_BRANCH = 6


def is_branch(item: Item) -> bool:
    """Whether it is a jump that has a short form, or no other."""
    if not isinstance(item, Code) or item.target is None:
        return False
    opcode = item.code[-1]
    return item.near or item.code == b"\xe9" or (len(item.code) == 2 and item.code[0] == 0x0F and opcode >> 4 == 8)


def longest(item: Item) -> int:
    """Bytes of the item at most; those of `Space` are not counted."""
    match item:
        case Code():
            displacement = item.displacement.size if item.displacement is not None else 0
            immediates = sum(immediate.size for immediate in item.immediates)
            sib = any(variable.field == "address" for variable in item.variables)
            return len(item.code) + displacement + immediates + sib + _target(item)
        case Data(values):
            return sum(value.size for value in values)
        case Align(size):
            return size - 1
    return 0


def _target(item: Code) -> int:
    return 0 if item.target is None else 1 if item.near else 4


def _short(item: Item) -> int:
    return longest(item) if isinstance(item, Code) and item.near else 2


def short_branches(items: Sequence[Item]) -> dict[int, int]:
    """For each branch that is short: its index, and that of the label it goes to."""
    targets = {
        index: target
        for index, item in enumerate(items)
        if is_branch(item) and isinstance(item, Code) and item.target is not None
        for target in _ahead(items, index, item.target)
    }
    short: dict[int, int] = {}
    while True:
        near = {
            index: target
            for index, target in targets.items()
            if sum(_short(items[at]) if at in short else longest(items[at]) for at in range(index + 1, target))
            <= _FARTHEST
        }
        if near == short:
            return short
        short = near


def _ahead(items: Sequence[Item], start: int, place: Place) -> list[int]:
    """The label's index, if it comes in the same section before anything of unknown length."""
    if place.kind not in ("local", "global") or (place.kind == "local" and not place.ahead):
        return []
    for index in range(start + 1, len(items)):
        match items[index]:
            case LabelHere(place=Place(kind=place.kind, name=place.name), address=""):
                return [index]
            case Section() | Space():
                return []
    return []
