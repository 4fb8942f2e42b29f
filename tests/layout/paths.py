"""Two layouts of one stencil do the same: along every path the same instructions, in the same order, to the same place.

The key idea is a bisimulation: both sides are walked in lockstep, through both ways of every branch, until no new pair of
places turns up. What has been walked is a proof, for loops too. Between two instructions a side may jump, pass labels, turn a
condition round, branch to two ways that are the same, or call a shared part and come back. A part may move rsp around its
calls, jump to its last callee, and do nothing else with rsp.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dasc import NEXT, DropFrame, InstructionLine, LabelLine, Line
from stencilgen.layout.placement import OPPOSITE
from stencilgen.layout.shared_cold import shared_part
from x86_64 import Address, Control, Instruction, Label, Memory, rsp

__all__ = ["NO_RETURN", "Laid", "difference"]

Place = tuple[str, Any]
"""A section (hot, cold, or a shared part's name) and a line of it; or "out" and a target."""


@dataclass(frozen=True, slots=True)
class Laid:
    """A stencil's lines, and those of the parts that it calls."""

    hot: Sequence[Line]
    cold: Sequence[Line]
    parts: Mapping[str, Sequence[Line]]


@dataclass(frozen=True, slots=True)
class _At:
    """Where a side stands: the stack of places to go on at, the innermost last."""

    stack: tuple[Place, ...]


NO_RETURN = Instruction("CALL", (Address("abort"),))
"""Control does not go on behind it."""

_Event = tuple[object, ...]
"""What is seen at a place, equal on both sides: an instruction, a condition, or how the stencil is left."""


def difference(before: Laid, after: Laid) -> str | None:
    """None if both do the same; else where they do not."""
    seen = set[tuple[_At, _At]]()
    work = [(_At((("hot", 0),)), _At((("hot", 0),)))]
    while work:
        pair = work.pop()
        if pair in seen:
            continue
        seen.add(pair)
        (one, ways), (other, other_ways) = _next(before, pair[0]), _next(after, pair[1])
        if one == other:
            work += zip(ways, other_ways, strict=True)
        elif one[0] == "if":  # it may be a branch whose ways are the same
            work += ((way, pair[1]) for way in ways)
        elif other[0] == "if":
            work += ((pair[0], way) for way in other_ways)
        else:
            return f"{one} and {other}"
    return None


def _next(laid: Laid, at: _At) -> tuple[_Event, tuple[_At, ...]]:
    """What happens first from here, and where control may go on then."""
    passed = set[_At]()
    while (at := _settled(laid, at)) not in passed:
        passed.add(at)
        *outer, (section, position) = at.stack
        if section == "out":
            return ("leave", position), ()
        line = _section(laid, section)[position]
        following = _At((*outer, (section, position + 1)))
        if isinstance(line, DropFrame):
            return ("drop frame",), (following,)
        assert isinstance(line, InstructionLine)
        instruction = line.instruction
        match instruction.effects.control, instruction.operands:
            case Control.CONDITIONAL, (Label() as target,):
                taken = _At((*outer, _find(laid, section, target)))
                if _settled(laid, taken) == _settled(laid, following):
                    at = following  # a branch that is none
                    continue
                opposite = OPPOSITE.get(instruction.mnemonic, instruction.mnemonic)
                if opposite < instruction.mnemonic:
                    return ("if", opposite), (following, taken)
                return ("if", instruction.mnemonic), (taken, following)
            case ((Control.JUMP | Control.INDIRECT_JUMP), operands) if outer:  # a part's last call
                instruction, following = Instruction("CALL", operands), _At(tuple(outer))
            case ((Control.RETURN | Control.JUMP | Control.INDIRECT_JUMP), _):
                return ("run", instruction), ()
        if instruction == NO_RETURN:
            return ("run", instruction), ()
        if outer and _uses_rsp(instruction):
            return ("run with another rsp", instruction), ()
        return ("run", instruction), (following,)
    return ("leave", "forever"), ()


def _uses_rsp(instruction: Instruction) -> bool:
    return any(o == rsp or (isinstance(o, Memory) and rsp in (o.base, o.index)) for o in instruction.operands)


def _settled(laid: Laid, at: _At) -> _At:
    """Past labels and jumps, into parts and out of them, to where something happens."""
    passed = set[_At]()
    while at not in passed:
        passed.add(at)
        *outer, (section, position) = at.stack
        if section == "out":
            return at
        lines = _section(laid, section)
        if position == len(lines):
            return _At((("out", NEXT if section == "hot" else None),))
        following = _At((*outer, (section, position + 1)))
        match lines[position]:
            case LabelLine():
                at = following
            case InstructionLine(Instruction("JMP", (Label() as target,))):
                at = _At((*outer, _find(laid, section, target)))
            case InstructionLine(Instruction("LEA", (register, Memory(base=base)))) if register == base == rsp:
                assert outer, "only a shared part moves rsp"
                at = following
            case InstructionLine(Instruction("CALL", (Address() as address,))) if part := shared_part(address):
                at = _At((*outer, (section, position + 1), (part, 0)))
            case InstructionLine(Instruction("RET")) if outer:
                at = _At(tuple(outer))
            case _:
                return at
    return _At((("out", "forever"),))


def _section(laid: Laid, name: str) -> Sequence[Line]:
    return {"hot": laid.hot, "cold": laid.cold, **laid.parts}[name]


def _find(laid: Laid, section: str, target: Label) -> Place:
    """A label of the same code (a part's labels are its own), or the place outside that it stands for."""
    for name in (section,) if section in laid.parts else ("hot", "cold"):
        for position, line in enumerate(_section(laid, name)):
            if line == LabelLine(target):
                return name, position
    return "out", target
