"""What is known between two parts of a fused function: what was before the first, changed by what each part before says.

    GUARD a; ADD d, a, b:    HOLDS(b, real) in ADD   →   b == a  or  HOLDS(b, real)        since GUARD has learnt it of a

The key idea: the table of facts is asked before the whole unit. So a question of a later part becomes an expression over
questions about that time, put together by walking back through what was said in between. Where the sequence says of two operands
that they are equal or different, so are their locations, and most of the expression vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from llvm_passes.body import Body
from llvm_passes.effects import Effect, UnknownLocation, effects_of
from llvm_passes.expression import Const, ExpressionTooLarge, Hole, JitExpr, Operation, operation
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX, hole
from llvm_passes.instructions import argument, global_address, literal
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.ranges import range_of
from llvm_passes.spread import jit_values
from llvm_passes.text import NAME, closing, split_top

__all__ = ["answered", "readers_of", "said_by"]

_QUESTION = re.compile(rf"^  %({NAME}) = [^@]*@{QUESTION_PREFIX}(holds|is_constant)(?=\()")
_HOLE_CALL = re.compile(r"call ((?:\w+ )*?)(\w+) @(__sg_hole_\w+)\(\)")


def said_by(part: str, layout: Layout, rename: Callable[[str], str]) -> tuple[Effect, ...] | None:
    """What a part says when it goes on, about holes with other names; None: something that cannot be told."""
    try:
        said, _ = effects_of(part, layout, Knowledge())
        return tuple(Effect(e.kind, tuple(_renamed(value, rename) for value in e.operands)) for e in said)
    except UnknownLocation:
        return None


def answered(
    part: str,
    said: Sequence[Effect] | None,
    layout: Layout,
    readers: Mapping[Hole, str],
    different: Mapping[str, int],
) -> str:
    """A later part's text with its questions about the time before it made questions about the time before the unit.

    said: since then; None: who knows; readers: the call that reads each hole; different: operands of which no two are equal, with
    the bits of their types.
    """
    if f"@{QUESTION_PREFIX}" not in part:
        return part
    body = Body(part)
    values = jit_values(body, layout, global_address, Knowledge())
    names = (f"sg.asked{number}" for number in count())
    for index, line in list(body.mentions(f"@{QUESTION_PREFIX}")):
        match = _QUESTION.match(line)
        if match is None:
            continue
        lines = None
        if match[2] == "holds" and said is not None:
            where, (_, facts) = (argument(piece) for piece in split_top(_arguments(line, match.end())))
            token = where[1]
            location = values.expressions.get(token[1:]) if token[0] == "%" else literal(*where)
            answer = None if location is None else _ask(location, int(facts), said, different)
            lines = None if answer is None else _ir(answer, match[1], names, readers)
        body.lines[index] = "\n".join(lines or [f"  %{match[1]} = or i1 false, false"])
    return body.text()


def _arguments(line: str, start: int) -> str:
    return line[start + 1 : closing(line, start)]


def _renamed(expression: JitExpr, rename: Callable[[str], str]) -> JitExpr:
    match expression:
        case Hole(name):
            return replace(expression, name=rename(name))
        case Operation(opcode, bits, operands):
            return Operation(opcode, bits, tuple(_renamed(operand, rename) for operand in operands))
    return expression


# ---- Walking back ----

_NO, _YES = Const(1, 0), Const(1, 1)

_ON_STACK = 1 << 30
"""SG_ON_STACK of runtime/include/stencilgen/facts.h"""


def _ask(location: JitExpr, facts: int, said: Sequence[Effect], different: Mapping[str, int]) -> JitExpr | None:
    """Whether these facts hold after all that was said; None where the answer is too long."""

    def here(other: JitExpr) -> JitExpr:
        return _same(location, other, different)

    try:
        if not said:
            return Operation("fact.holds", 1, (location, Const(32, facts)))
        *earlier, last = said
        before = _ask(location, facts, earlier, different)
        if before is None:
            return None
        match last.kind, last.operands:
            case (("learn" | "learn_of_value"), (where, Const(_, learnt))) if learnt & facts == facts:
                return _choose(here(where), _YES, before)
            case "unlearn", (where, Const(_, lost)) if lost & facts:
                return _choose(here(where), _NO, before)
            case "forget", (where,):
                return _choose(here(where), _NO, before)
            case "copy", (to, origin):
                there = _ask(origin, facts, earlier, different)
                return None if there is None else _choose(here(to), there, before)
            case "exchange", (one, other):
                first, second = (_ask(where, facts, earlier, different) for where in (one, other))
                if first is None or second is None:
                    return None
                return _choose(here(one), second, _choose(here(other), first, before))
            case "unlearn_everywhere", (Const(_, lost),) if lost & facts:
                return _NO
            case "forget_from", (where,):
                return _choose(_from_on(location, where), _NO, before)
            case "forget_all", ():
                return _NO
            case ("shift" | "shift_stack") as kind, (amount,):
                on_stack = _from_on(location, Const(32, _ON_STACK // 2))
                if not isinstance(on_stack, Const):
                    return None
                if on_stack.value != (kind == "shift_stack"):
                    return before
                there = _ask(operation("add", 32, location, amount), facts, earlier, different)
                above_top = _from_on(location, Const(32, _ON_STACK)) if on_stack.value else _NO
                return None if there is None else _choose(above_top, _NO, there)
        return before
    except ExpressionTooLarge:
        return None


def _same(a: JitExpr, b: JitExpr, different: Mapping[str, int]) -> JitExpr:
    if a == b:
        return _YES
    match a, b:
        case Operation(("sext" | "zext") as opcode, _, (Hole() as x,)), Operation(other, _, (Hole() as y,)) if (
            opcode == other
            and x.bits == y.bits
            and x.name != y.name
            and all(hole.bits >= different.get(hole.name, 64) for hole in (x, y))
        ):
            return _NO
    return _decided(operation("icmp.eq", 1, a, b))


def _from_on(location: JitExpr, first: JitExpr) -> JitExpr:
    """Whether a location is `first` or above."""
    return _decided(operation("icmp.sge", 1, location, first))


def _decided(condition: JitExpr) -> JitExpr:
    """The condition, or what it is whatever the operands are: of two locations one may be on the stack, the other not."""
    bounds = range_of(condition)
    return Const(1, bounds.low) if bounds.low == bounds.high else condition


def _choose(condition: JitExpr, yes: JitExpr, no: JitExpr) -> JitExpr:
    return operation("select", 1, condition, yes, no)


# ---- As code ----


def _ir(expression: JitExpr, name: str, names: Iterator[str], readers: Mapping[Hole, str]) -> list[str] | None:
    """Instructions that compute %name; None for what no instruction of ours computes."""
    lines: list[str] = []

    def token(value: JitExpr, result: str) -> str | None:
        if isinstance(value, Const):
            return str(value) if value.bits > 1 else ("true" if value.value else "false")
        if isinstance(value, Hole):
            text = f"call {readers[value]}()" if value in readers else None
        elif isinstance(value, Operation):
            operands = [token(operand, next(names)) for operand in value.operands]
            if any(operand is None for operand in operands):
                return None
            text = _instruction(value, [f"i{o.bits} {t}" for o, t in zip(value.operands, operands, strict=True)])
        else:
            text = None
        if text is None:
            return None
        lines.append(f"  %{result} = {text}")
        return f"%{result}"

    last = token(expression, name)
    if last is None:
        return None
    return lines if last == f"%{name}" else [f"  %{name} = or i1 {last}, false"]


def _instruction(node: Operation, operands: list[str]) -> str | None:
    match node.opcode, operands:
        case ("sext" | "zext" | "trunc") as opcode, [operand]:
            return f"{opcode} {operand} to i{node.bits}"
        case ("add" | "sub" | "mul" | "and" | "or" | "xor") as opcode, [first, second]:
            return f"{opcode} {first}, {second.split(' ', 1)[1]}"
        case "select", [condition, yes, no]:
            return f"select {condition}, {yes}, {no}"
        case "fact.holds", [location, facts]:
            return f"call zeroext i1 @{QUESTION_PREFIX}holds({location}, {facts})"
        case opcode, [first, second] if opcode.startswith("icmp."):
            return f"icmp {opcode.removeprefix('icmp.')} {first}, {second.split(' ', 1)[1]}"
    return None


def readers_of(part: str) -> dict[Hole, str]:
    """The call that reads each hole of a part."""
    found: dict[Hole, str] = {}
    for match in _HOLE_CALL.finditer(part):
        value = hole(match[3].removeprefix(HOLE_PREFIX), match[2], frozenset(match[1].split()))
        if value is not None and value.kind == "integer":
            found[value] = f"{match[1]}{match[2]} @{match[3]}"
    return found
