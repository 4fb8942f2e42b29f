"""A `.dasc` file as values: what the writer prints, the reader returns and the compiler turns into C.

The key idea: text and value carry the same facts, `parse(write(file)) == file`, so there is no side channel between
the stages that make a stencil and the one that compiles it; a person may edit the text in between.

A stencil is one version of code, or decides among several by its values. Code is two lists of lines, `hot` and `cold`,
which the runtime assembler lays out in different arenas. Four kinds of jump targets lead out of these lists, or between them:

    Label("3")              another line of this stencil, hot or cold
    NEXT                    the start of the next micro-op: where this one's hot code ends
    EXIT                    this micro-op's exit stub
    LabelHole("C expr")     the micro-op whose position in the trace is the expression's value
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from x86_64 import Address, Instruction, Label, Symbol

__all__ = [
    "EXIT",
    "NEXT",
    "Constants",
    "Decision",
    "DropFrame",
    "File",
    "InstructionLine",
    "LabelHole",
    "LabelLine",
    "LastAction",
    "LastValue",
    "Line",
    "Relocation",
    "Stencil",
    "Value",
    "Version",
    "is_identifier",
    "versions",
]

NEXT = Label("NEXT")
"""Where a stencil's hot code ends, and the next micro-op's begins."""

EXIT = Label("EXIT")
"""The micro-op's exit stub: leaves the trace and tells which micro-op it was."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def is_identifier(text: str) -> bool:
    """Whether `text` is an identifier of C."""
    return _IDENTIFIER.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class LabelHole(Label):
    """A jump target known at emit time: the micro-op whose position in the trace is the value of a C expression.

    It is a `Label` whose name is the expression, so that it may be the operand of an `Instruction`.
    """

    @property
    def expression(self) -> str:
        """The C expression, of an integer type."""
        return self.name


@dataclass(frozen=True, slots=True)
class Value:
    """A JIT-time value: the constant `symbol` has the value of a C expression, which is within the symbol's range.

    bits: the width (8, 16, 32 or 64) at which the stencil uses it.
    checked: the range does not follow from the expression's types, it was promised: the emit function verifies it, and
    refuses other values in words.
    """

    symbol: Symbol
    expression: str
    bits: int = 64
    checked: bool = False


@dataclass(frozen=True, slots=True)
class InstructionLine:
    """One instruction. flags_dead: nothing reads a flag after it, so `mov reg, 0` may become `xor reg, reg`."""

    instruction: Instruction
    flags_dead: bool = False


@dataclass(frozen=True, slots=True)
class LabelLine:
    """The position of a label: `=>L(3):`."""

    label: Label


@dataclass(frozen=True, slots=True)
class DropFrame:
    """Add the trace's frame back to rsp: no code at all when the trace has none. Overwrites the flags."""


LastAction = Literal["write", "rewrite", "set", "written", "unsure", "forget", "exits_write", "exits_rewrite"]


@dataclass(frozen=True, slots=True)
class LastValue:
    """What happens to place number `place`, a declared one whose stores are put off; nothing else is said by these lines.

    write, rewrite: store its last value here, if memory lacks it (rewrite: or perhaps lacks it). These two may change r10 and
    the flags; they need the state register by which the place is found.
    set: its last value is `value` from now on, for what is emitted after this line; written, unsure, forget: memory holds the
    last value; perhaps it does; it holds what nobody knows.
    exits_write, exits_rewrite: exit stubs do that with all places, of which there are `place`.
    """

    action: LastAction
    place: int = 0
    value: Symbol | None = None

    @property
    def emits(self) -> bool:
        """Whether there may be code in its place."""
        return self.action in ("write", "rewrite")


Line = InstructionLine | LabelLine | DropFrame | LastValue


@dataclass(frozen=True, slots=True)
class Version:
    """What an emit function does in one case: compute values, then emit code or decide further.

    values: besides those computed before; hot, cold, effects: empty where there is a decision.
    """

    values: tuple[Value, ...] = ()
    hot: tuple[Line, ...] = ()
    cold: tuple[Line, ...] = ()
    decision: "Decision | None" = None
    effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`if (condition) { yes } else { no }`, where the condition is a C expression that may use the values before it."""

    condition: str
    yes: Version
    no: Version


@dataclass(frozen=True, slots=True)
class Stencil:
    """One emit function's worth of machine code. Which code may depend on its values: then `hot` and `cold` are empty, and
    `decision` leads to the versions.

    name:       an identifier of C; the emit function is `emit_NAME`
    source:     where the author wrote it, "stencils.c:12"; may be empty
    frame:      bytes of stack it needs below the return address; 0 when it needs no frame
    parameters: C declarations of the emit function's parameters after the assembler
    values:     in the order in which they are computed: an expression may use the values before it
    effects:    calls of the runtime's macros, `SG_LEARN(instruction->a, 2)`, that come when the code is written
    static_depth: the exit stub may have to add the depth of a stack to its pointer
    """

    name: str
    source: str = ""
    frame: int = 0
    parameters: tuple[str, ...] = ("const Instruction *instruction",)
    values: tuple[Value, ...] = ()
    hot: tuple[Line, ...] = ()
    cold: tuple[Line, ...] = ()
    decision: Decision | None = None
    effects: tuple[str, ...] = ()
    static_depth: bool = False


def versions(stencil: Stencil) -> Iterator[Stencil]:
    """Each version as a stencil without decisions, which computes all values on the way to it; in the text's order."""
    if stencil.decision is None:
        yield stencil
        return
    for version in (stencil.decision.yes, stencil.decision.no):
        values = (*stencil.values, *version.values)
        yield from versions(
            replace(
                stencil,
                values=values,
                hot=version.hot,
                cold=version.cold,
                decision=version.decision,
                effects=version.effects,
            )
        )


@dataclass(frozen=True, slots=True)
class Relocation:
    """Eight bytes of the constants, at `offset`, that hold an address known only when the program is linked."""

    offset: int
    address: Address


@dataclass(frozen=True, slots=True)
class Constants:
    """Read-only data that the stencils refer to as `SG_RODATA(offset)`; its alignment is 64 bytes."""

    data: bytes = b""
    relocations: tuple[Relocation, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """A whole `.dasc` file. preamble: lines of C before everything else, such as `#include "vm.h"`."""

    preamble: tuple[str, ...] = ()
    rodata: Constants = Constants()
    stencils: tuple[Stencil, ...] = ()
