"""Static depth: a stack whose pointer does not move, since the trace knows how far it would have.

    ADD(frame, sp):     x = sp[-2] + sp[-1]; sp[-2] = x; continue(frame, sp - 8)
    with static depth:  x = (sp + D)[-2] + …;  (sp + D)[-2] = x; continue(frame, sp)        and D -= 8, as it is assembled

The key idea: nearly every micro-op moves the stack pointer by a constant. So how far it is from where it was when a jump last
arrived (the *depth* D, in bytes) is a JIT-time value, a hole that the assembler fills itself; every address of an entry is the
register plus a displacement, as before, and nothing moves the register. The true pointer is made where somebody wants it:

    CONTINUE()           hands on the register as it came
    SIDE_EXIT()          hands it on moved by what this micro-op moves it; the exit's stub adds the depth
    JUMP(target)         hands on the true pointer: where jumps arrive the depth is 0. If it is 0 here too (a loop that leaves the
                         stack as it was), nothing has to be added
    all else             (a call that is handed the pointer, a store of it, a comparison) sees the true pointer

A micro-op that moves the pointer by what is not constant, or far, moves the register: the depth behind it is the one before
it, and it hands on what the true pointer is less that. The pass comes after stack caching and fusing, so it serves all units
alike; what moves then is the top of the entries in memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.fuse import EXIT_LABEL
from llvm_passes.holes import CONTINUE, EXIT, HOLE_PREFIX, LABEL_PREFIX
from llvm_passes.instructions import Instruction, constant_distance
from llvm_passes.layout import Layout, UnknownType
from llvm_passes.text import NAME, closing, split_top, unquote
from llvm_passes.window import SLOT, parameters

__all__ = ["DECLARATION", "DEPTH", "FARTHEST", "MOST_MOVED", "Movement", "with_static_depth"]

DEPTH = "sg_depth"
"""The hole that the assembler fills."""

FARTHEST = 64
"""How far the depth may be from 0 where a unit begins, in bytes either way: so most displacements fit 8 bits. SG_DEPTH_LIMIT of
runtime/include/stencilgen/emit.h.
"""
MOST_MOVED = 56
"""How far a unit changes the depth at most: then the addition that makes the pointer true has an 8-bit immediate."""

_READER = f"{HOLE_PREFIX}i64_{DEPTH}"
DECLARATION = f"declare i64 @{_READER}() nounwind willreturn memory(none)\n"

_END = re.compile(rf"^  %(?:{NAME}) = musttail call [^@%]*(?:@({NAME})|%{NAME})\(")
_FLAGS = re.compile(r"(?<== getelementptr)(?: inbounds| nusw| nuw)+")
"""They speak of the true pointer: what is so far from it may lie outside of the stack."""
_EXITS = (EXIT, f"{LABEL_PREFIX}{EXIT_LABEL}")


@dataclass(frozen=True, slots=True)
class Movement:
    """What a unit does with the depth. goes_on: not on every way it jumps or leaves; moves: bytes that it adds."""

    goes_on: bool
    moves: int


def with_static_depth(text: str, parameter: int, layout: Layout) -> tuple[str, Movement]:
    """A function (named values, no debug information) whose `parameter` is the stack pointer, rewritten. The module needs
    `DECLARATION` then.
    """
    return _Pass(text, parameter, layout).run()


@dataclass(frozen=True, slots=True)
class _End:
    """A tail call. callee: its name, "" through a pointer; token: the stack pointer that it hands on."""

    callee: str
    token: str

    @property
    def goes_on(self) -> bool:
        return self.callee == CONTINUE

    @property
    def leaves(self) -> bool:
        """Whether the way leads to an exit stub."""
        return self.callee.startswith(_EXITS)


class _Pass:
    def __init__(self, text: str, parameter: int, layout: Layout) -> None:
        self.body = Body(text)
        self.parameter = parameter
        self.layout = layout
        self.pointer = parameters(self.body.lines[0])[parameter].rsplit("%", 1)[1]

    def run(self) -> tuple[str, Movement]:
        offsets = self._offsets()
        ends = dict(self._ends())
        tops = {offsets.get(end.token) for end in ends.values() if end.goes_on}
        top = next(iter(tops), 0) if len(tops) < 2 else None
        self.moves = top if top is not None and top % SLOT == 0 and abs(top) <= MOST_MOVED else 0
        ending = {index: self._ending(index, end, offsets) for index, end in ends.items()}
        for index, line in enumerate(self.body.lines[1:], start=1):
            self.body.lines[index] = ending.get(index) or self._with_true_pointer(line)
        self._begin()
        return "\n".join(self.body.lines), Movement(goes_on=bool(tops), moves=self.moves)

    def _offsets(self) -> Mapping[str, int]:
        """The pointers that are a constant distance from the stack pointer, with that distance in bytes."""
        offsets = {f"%{self.pointer}": 0}
        pending = [self.pointer]
        while pending:
            name = pending.pop()
            for index in dict.fromkeys(self.body.users(name)):
                instruction = self.body.instruction(index)
                if instruction is None or instruction.opcode != "getelementptr":
                    continue
                is_base = instruction.operands[0][1] == f"%{name}"
                distance = self._distance(instruction) if is_base else None
                if distance is not None:
                    offsets[f"%{instruction.name}"] = offsets[f"%{name}"] + distance
                    pending.append(instruction.name)
        return offsets

    def _distance(self, instruction: Instruction) -> int | None:
        try:
            return constant_distance(instruction, self.layout)
        except UnknownType:
            return None

    def _ends(self) -> list[tuple[int, _End]]:
        """The tail calls, by line."""
        found = []
        for index, line in self.body.mentions(" musttail call "):
            match = _END.match(line)
            assert match is not None, line
            argument = split_top(line[match.end() : closing(line, match.end() - 1)])[self.parameter]
            found.append((index, _End(unquote(match[1] or ""), argument.rsplit(" ", 1)[1])))
        return found

    def _ending(self, index: int, end: _End, offsets: Mapping[str, int]) -> str:
        line = self.body.lines[index]
        if not end.goes_on and not end.leaves:
            return self._with_true_pointer(line)
        match = _END.match(line)
        assert match is not None
        stop = closing(line, match.end() - 1)
        before: list[str] = []
        arguments = [self._with_true_pointer(argument) for argument in split_top(line[match.end() : stop])]
        arguments[self.parameter] = f"ptr noundef {self._handed_on(index, end, offsets, before)}"
        return "\n".join(
            [*before, f"{self._with_true_pointer(line[: match.end()])}{', '.join(arguments)}{line[stop:]}"]
        )

    def _handed_on(self, index: int, end: _End, offsets: Mapping[str, int], before: list[str]) -> str:
        """What an end hands on in the register: the pointer less the depth. Instructions for it are added to `before`."""
        name = f"%sg.handed{index}"
        moved = self.moves if end.goes_on else 0
        if end.token in offsets:
            before.append(f"  {name} = getelementptr i8, ptr %{self.pointer}, i64 {offsets[end.token] - moved}")
            return name
        definition = self.body.definition(end.token[1:]) if end.token.startswith("%") else None
        base = definition.operands[0][1] if definition is not None and definition.opcode == "getelementptr" else ""
        if base in offsets:  # by a distance that is not constant: not by way of the true pointer
            assert definition is not None
            written = self.body.lines[self.body.definitions[definition.name]]
            before.append(f"  {name}.base = getelementptr i8, ptr %{self.pointer}, i64 {offsets[base]}")
            names = {definition.name: name, base[1:]: f"{name}.base"}
            before.append(_FLAGS.sub("", Body.replace(written, names.get)))
            return name
        before.append(f"  {name}.less = sub i64 0, %sg.depth")
        before.append(f"  {name} = getelementptr i8, ptr {end.token}, i64 {name}.less")
        return name

    def _with_true_pointer(self, line: str) -> str:
        return Body.replace(line, lambda name: "%sg.true" if name == self.pointer else None)

    def _begin(self) -> None:
        """The true pointer, before all else; what was known of the parameter (nonnull, dereferenceable, …) is true of that."""
        lines = self.body.lines
        start = lines[0].index("(", lines[0].index("@"))
        end = closing(lines[0], start)
        own = parameters(lines[0])
        own[self.parameter] = f"ptr noundef %{self.pointer}"
        lines[0] = f"{lines[0][:start]}({', '.join(own)}){lines[0][end + 1 :]}"
        first = next(index for index, line in enumerate(lines) if line.startswith("  "))
        lines[first] = "\n".join(
            [
                f"  %sg.depth = call i64 @{_READER}()",
                f"  %sg.true = getelementptr i8, ptr %{self.pointer}, i64 %sg.depth",
                lines[first],
            ]
        )
