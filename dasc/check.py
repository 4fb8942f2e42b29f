"""What every stencil must obey, whoever made it: a person who edits text, or a program that builds values.

The reader turns a problem into an error at the line it is about, the writer and the compiler into a `CompileError`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from dasc.errors import CompileError
from dasc.model import (
    EXIT,
    NEXT,
    InstructionLine,
    LabelHole,
    LabelLine,
    LastValue,
    Line,
    Stencil,
    Version,
    is_identifier,
    versions,
)
from x86_64 import REGISTERS, Address, Instruction, Label, Masked, Memory, Symbol, Symbolic

__all__ = [
    "Problem",
    "decision_problems",
    "is_expression",
    "names_in",
    "problems",
    "references",
    "require_sound",
    "require_sound_preamble",
]

RESERVED = {register.name for register in REGISTERS} | {
    "as",
    "Dst",
    "hot",
    "cold",
    "extern",
    "mov64",
    "drop_frame",
    "last",
}
"""Names that a value cannot have: they mean something else in the text, or in the emit function."""

_GENERATED = re.compile(r"(label|jump)_\w+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a stencil, and where: `part` of it and the index therein."""

    cause: str
    remedy: str = ""
    part: Literal["name", "source", "frame", "parameters", "values", "hot", "cold", "condition"] = "name"
    index: int = 0


def require_sound(stencil: Stencil) -> None:
    """Raise a `CompileError` for the first problem, if there is one, of any version."""
    found = [*decision_problems(stencil), *(problem for version in versions(stencil) for problem in problems(version))]
    for problem in found:
        raise CompileError(problem.cause, problem.remedy, stencil.name, stencil.source)


def decision_problems(version: Stencil | Version) -> Iterator[Problem]:
    """What is wrong with a stencil's decisions."""
    decision = version.decision
    if decision is None:
        return
    if version.hot or version.cold or version.effects:
        yield Problem("code before an if", "write it in each of the versions", "hot" if version.hot else "cold")
    if not is_expression(decision.condition):
        yield Problem(f"`{decision.condition}` is not an expression on one line", part="condition")
    yield from decision_problems(decision.yes)
    yield from decision_problems(decision.no)


def require_sound_preamble(lines: Sequence[str]) -> None:
    """Raise a `CompileError` for a preamble that the reader would take for something else."""
    blank_edge = bool(lines) and not (lines[0] and lines[-1])
    for line in lines:
        if blank_edge or line.lstrip().startswith("|") or re.search(r"[\n\r]|//\s*@", line):
            remedy = "it holds lines of C, neither blank at its ends nor with // @… comments"
            raise CompileError(f"the preamble cannot hold the line {line!r}", remedy)


def problems(stencil: Stencil) -> Iterator[Problem]:
    """Everything that is wrong with a stencil that has no decisions."""
    yield from _head_problems(stencil)
    yield from _value_problems(stencil)
    yield from _label_problems(stencil)
    yield from _instruction_problems(stencil)
    for effect in stencil.effects:
        if not re.fullmatch(r"SG_[A-Z_]+\(.*\)", effect, re.ASCII) or not is_expression(effect):
            yield Problem(f"`{effect}` is no call of one of the runtime's macros", "write it as SG_NAME(…)")


def _head_problems(stencil: Stencil) -> Iterator[Problem]:
    if not is_identifier(stencil.name):
        yield Problem(f"`{stencil.name}` is not an identifier", "name stencils by letters, digits and underscores")
    if stencil.source != stencil.source.strip() or "\n" in stencil.source:
        yield Problem("its source must be one line without white space around it", part="source")
    if stencil.frame < 0:
        yield Problem(f"a frame of {stencil.frame} bytes", "0 means no frame", "frame")
    for index, parameter in enumerate(stencil.parameters):
        if not is_expression(parameter) or not names_in(parameter):
            yield Problem(f"`{parameter}` does not declare a parameter", "write it as in C", "parameters", index)


def _value_problems(stencil: Stencil) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(stencil.values):
        name = value.symbol.name
        if not is_identifier(name) or name in RESERVED or _GENERATED.fullmatch(name):
            yield Problem(f"a value cannot be called `{name}`", "name values E0, E1 and so on", "values", index)
        if name in seen:
            yield Problem(f"`{name}` is declared twice", "each value needs a name of its own", "values", index)
        if not is_expression(value.expression):
            yield Problem(f"`{value.expression}` is not an expression on one line", part="values", index=index)
        if value.bits not in (8, 16, 32, 64):
            yield Problem(f"a value of {value.bits} bits", "the widths are 8, 16, 32 and 64", "values", index)
        seen.add(name)


def _label_problems(stencil: Stencil) -> Iterator[Problem]:
    seen: set[str] = set()
    for part, index, line in _lines(stencil):
        if not isinstance(line, LabelLine):
            continue
        name = line.label.name
        if isinstance(line.label, LabelHole) or line.label.addend or not re.fullmatch(r"\w+", name, re.ASCII):
            yield Problem(f"`{name}` cannot name a line", "name lines by numbers: =>L(1):", part, index)
        elif line.label in (NEXT, EXIT):
            yield Problem(f"{name} is not a line of the stencil", "the runtime knows where it is", part, index)
        elif name in seen:
            yield Problem(f"two lines are called =>L({name}):", "give one of them another number", part, index)
        seen.add(name)


def _instruction_problems(stencil: Stencil) -> Iterator[Problem]:
    symbols = {value.symbol.name: value.symbol for value in stencil.values}
    labels = {line.label.name for _, _, line in _lines(stencil) if isinstance(line, LabelLine)}
    for part, index, line in _lines(stencil):
        if isinstance(line, LastValue):
            if (line.action == "set") != (line.value is not None):
                yield Problem(
                    f"`{line.action}` and a value", "`last set` needs a value, all others have none", part, index
                )
            elif line.value is not None and symbols.get(line.value.name) != line.value:
                yield Problem(f"`{line.value.name}` is not a value of the stencil", "declare it", part, index)
            continue
        if not isinstance(line, InstructionLine):
            continue
        for operand in references(line.instruction):
            if problem := _reference_problem(operand, symbols, labels):
                yield Problem(*problem, part, index)


def _reference_problem(
    operand: Symbol | Address | Label, symbols: dict[str, Symbol], labels: set[str]
) -> tuple[str, str] | None:
    match operand:
        case Symbol(name=name) if symbols.get(name) != operand:
            return (
                f"`{name}` with this range is not a value of the stencil",
                "declare each value once, and use it as declared",
            )
        case Address(name=name) if not is_expression(name) or re.search(r"[+-]\s*\d+$", name):
            return f"`{name}` is not an lvalue on one line", "put what is added to an address into its addend"
        case LabelHole(name=name) if not is_expression(name):
            return f"`{name}` is not an expression on one line", ""
        case Label(name=name) if (
            not isinstance(operand, LabelHole) and name not in labels and operand not in (NEXT, EXIT)
        ):
            known = ", ".join(f"L({label})" for label in sorted(labels))
            return (
                f"no line of this stencil is called =>L({name}):",
                f"its labels are {known}" if labels else "it has no labels",
            )
    return None


def references(instruction: Instruction) -> Iterator[Symbol | Address | Label]:
    """The symbols, addresses and labels in an instruction's operands."""
    for operand in instruction.operands:
        if isinstance(operand, Masked):
            operand = operand.operand
        places = (operand.target, operand.displacement) if isinstance(operand, Memory) else (operand,)
        for place in places:
            if isinstance(place, Symbolic):
                yield place.symbol
            elif isinstance(place, Address | Label):
                yield place


def _lines(stencil: Stencil) -> Iterator[tuple[Literal["hot", "cold"], int, Line]]:
    for index, line in enumerate(stencil.hot):
        yield "hot", index, line
    for index, line in enumerate(stencil.cold):
        yield "cold", index, line


def is_expression(text: str) -> bool:
    """One line of C without comments and statements, its brackets balanced."""
    depths = list(accumulate((character in "([{") - (character in ")]}") for character in text))
    balanced = not depths or (min(depths) >= 0 and depths[-1] == 0)
    return balanced and text == text.strip() != "" and not re.search(r"//|/\*|[;\n\r]|\\$", text)


def names_in(text: str) -> list[str]:
    """The identifiers in a piece of C, in order."""
    return re.findall(r"(?<![\w.])[A-Za-z_]\w*", text, re.ASCII)
