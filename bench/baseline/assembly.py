"""Assembly text of a stencil, made fit to be laid end to end with others: jumps to what follows vanish, hot code falls through.

What CPython's build does to the compiler's text, here on blocks of one function:

    je   HOT             jne  COLD
    jmp  COLD       →    (falls through)
    HOT: …               HOT: …

A block is *hot* if the next micro-op can be reached from it. The next micro-op is a label at the function's end, so a
jump to it at the end is nothing at all, and elsewhere two bytes if it is near.
"""

import itertools
import re
from dataclasses import dataclass, field

__all__ = ["CONTINUE", "Block", "tidy"]

CONTINUE = "__sg_continue"
_LABEL = re.compile(r"^([.\w$]+):")
_JUMP = re.compile(r"^\t(j[a-z]+)\t([.\w$@]+)$")
_ENDS = re.compile(r"^\t(?:jmp\w*|ret\w*|ud2)\b")
_INVERSE = dict(
    pair
    for a, b in (
        *(("je", "jne"), ("jl", "jge"), ("jg", "jle"), ("jb", "jae"), ("ja", "jbe")),
        *(("js", "jns"), ("jo", "jno"), ("jp", "jnp")),
    )
    for pair in ((a, b), (b, a))
)


@dataclass(slots=True, eq=False)
class Block:
    """labels: what it may be called; lines: instructions; jump: mnemonic and target of the jump that ends it."""

    labels: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    jump: tuple[str, str] | None = None
    stops: bool = False
    """It ends in `ret`, an indirect jump or a trap."""

    @property
    def falls_through(self) -> bool:
        return not self.stops and (self.jump is None or self.jump[0] != "jmp")

    @property
    def is_jump_only(self) -> bool:
        return not self.lines and self.jump is not None and self.jump[0] == "jmp"


def tidy(name: str, body: list[str]) -> tuple[list[str], bool]:
    """The function's instructions and labels in a better order of jumps; and whether it may fall through at its end."""
    end = f".Lsg_next_{name}"
    blocks = _blocks(name, body, end)
    while _thread(blocks) or _invert(blocks, end) or _drop_jumps(blocks, end) or _drop_unreachable(blocks, name):
        pass
    lines = [line for block in blocks for line in _text(block)]
    continues = blocks[-1].falls_through or any(b.jump and b.jump[1] == end for b in blocks)
    return [*lines, f"{end}:"], continues


def _blocks(name: str, body: list[str], end: str) -> list[Block]:
    block = Block([name])
    blocks = [block]
    for raw in body:
        line = re.sub(r"\s*#.*$", "", raw).replace("@PLT", "")
        if not line.strip():
            continue
        if match := _LABEL.match(line):
            if block.lines or block.jump or block.stops:
                block = Block()
                blocks.append(block)
            block.labels.append(match[1])
            continue
        if line.startswith("\t."):  # directives: alignment within code laid end to end has no sense
            continue
        if block.jump or block.stops:
            block = Block()
            blocks.append(block)
        if match := _JUMP.match(line):
            target = end if match[2] == CONTINUE else match[2]
            block.jump = (match[1], target)
        else:
            block.lines.append(line)
            block.stops = bool(_ENDS.match(line))
    return blocks


def _text(block: Block) -> list[str]:
    lines = [f"{label}:" for label in block.labels] + block.lines
    return [*lines, f"\t{block.jump[0]}\t{block.jump[1]}"] if block.jump else lines


def _by_label(blocks: list[Block]) -> dict[str, int]:
    return {label: index for index, block in enumerate(blocks) for label in block.labels}


def _thread(blocks: list[Block]) -> bool:
    """A jump to a jump goes where that one goes."""
    places, changed = _by_label(blocks), False
    for block in blocks:
        if block.jump and block.jump[1] in places:
            target = blocks[places[block.jump[1]]]
            if target.is_jump_only and target is not block and target.jump and target.jump[1] != block.jump[1]:
                block.jump = (block.jump[0], target.jump[1])
                changed = True
    return changed


def _hot(blocks: list[Block], end: str) -> set[int]:
    """Indices of the blocks from which the next micro-op can be reached."""
    places = _by_label(blocks)
    hot: set[int] = set()
    while True:
        found = {
            index
            for index, block in enumerate(blocks)
            if (block.jump and (block.jump[1] == end or places.get(block.jump[1]) in hot))
            or (block.falls_through and (index + 1 == len(blocks) or index + 1 in hot))
        }
        if found == hot:
            return hot
        hot = found


def _invert(blocks: list[Block], end: str) -> bool:
    hot, places = _hot(blocks, end), _by_label(blocks)
    for block, following in itertools.pairwise(blocks):
        if not block.jump or block.jump[0] not in _INVERSE or not following.is_jump_only or following.labels:
            continue
        assert following.jump
        warm, cold = (target == end or places.get(target) in hot for target in (block.jump[1], following.jump[1]))
        if warm and not cold:
            block.jump, following.jump = (_INVERSE[block.jump[0]], following.jump[1]), ("jmp", block.jump[1])
            return True
    return False


def _drop_jumps(blocks: list[Block], end: str) -> bool:
    """A jump to what follows is nothing, conditional or not."""
    changed = False
    for index, block in enumerate(blocks):
        following = [end] if index + 1 == len(blocks) else blocks[index + 1].labels
        if block.jump and block.jump[1] in following:
            block.jump = None
            changed = True
    return changed


def _drop_unreachable(blocks: list[Block], name: str) -> bool:
    places = _by_label(blocks)
    reached: set[int] = set()
    work = [places[name]]
    while work:
        index = work.pop()
        if index in reached or index >= len(blocks):
            continue
        reached.add(index)
        block = blocks[index]
        if block.falls_through:
            work.append(index + 1)
        if block.jump and block.jump[1] in places:
            work.append(places[block.jump[1]])
    dead = [index for index in range(len(blocks)) if index not in reached]
    for index in reversed(dead):
        del blocks[index]
    return bool(dead)
