"""What is known between two parts of a fused function: what was before the first, changed by what each part before says.

    GUARD a; ADD d, a, b:    HOLDS(b, real) in ADD         →   b == a  or  HOLDS(b, real)      since GUARD has learnt it of a
    SET a, 7; ADD d, a, b:   CONSTANT(b) in ADD            →   b == a ? 7 : CONSTANT(b)        IS_CONSTANT(b) likewise

The key idea: the table of facts is asked before the whole unit. So a question of a later part becomes an expression over
questions about that time, put together by walking back through what was said in between. Where the sequence says of two operands
that they are equal or different, so are their locations, and most of the expression vanishes: a constant of an earlier part's
holes becomes an immediate of the later part.

What is said may itself depend on questions (`LEARN_CONSTANT(d, CONSTANT(a) + 1)`), and on a test of JIT-time values (`Fork`):
both are put in terms of the time before the unit when a part's words are added to those of the parts before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from llvm_passes.body import Body
from llvm_passes.effects import Effect, Fork, Said, UnknownLocation, said_at_end
from llvm_passes.expression import (
    QUESTIONS,
    Const,
    ExpressionTooLarge,
    Hole,
    JitExpr,
    Operation,
    SymbolAddress,
    operation,
)
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX, hole
from llvm_passes.instructions import global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.ranges import range_of
from llvm_passes.spread import jit_values
from llvm_passes.symbols import address_constant
from llvm_passes.text import NAME

__all__ = ["answered", "readers_of", "said_after"]

_QUESTION = re.compile(rf"^  %({NAME}) = [^@]*@{QUESTION_PREFIX}(holds|is_constant|constant)\(")
_HOLE_CALL = re.compile(r"call ((?:\w+ )*?)(\w+) @(__sg_hole_\w+)\(\)")


def said_after(
    said: Said | None, part: str, layout: Layout, rename: Callable[[str], str], different: Mapping[str, int]
) -> Said | None:
    """What was said since before the unit when this part goes on, too; None: something that cannot be told.

    said: when it begins; rename: what its holes are called in the unit; different: operands of which no two are equal, with the
    bits of their types.
    """
    if said is None:
        return None

    def before(expression: JitExpr) -> JitExpr:
        return _before(_renamed(expression, rename), said, different)

    def moved(one: Effect | Fork) -> Effect | Fork:
        if isinstance(one, Fork):
            return Fork(before(one.condition), tuple(map(moved, one.yes)), tuple(map(moved, one.no)))
        return Effect(one.kind, tuple(map(before, one.operands)))

    try:
        return (*said, *map(moved, said_at_end(part, layout)))
    except (UnknownLocation, _Unanswerable, ExpressionTooLarge):
        return None


def answered(
    part: str,
    said: Said | None,
    layout: Layout,
    readers: Mapping[Hole, str],
    different: Mapping[str, int],
) -> str:
    """A later part's text with its questions about the time before it made questions about the time before the unit.

    said: since then; None: who knows; readers: the call that reads each hole.
    """
    if f"@{QUESTION_PREFIX}" not in part:
        return part
    body = Body(part)
    values = jit_values(body, layout, global_address, Knowledge())
    names = (f"sg.asked{number}" for number in count())

    def lines(question: JitExpr | None, name: str) -> list[str] | None:
        if said is None or question is None:
            return None
        try:
            return _ir(_before(question, said, different), name, names, readers)
        except (_Unanswerable, ExpressionTooLarge):
            return None

    for index, line in list(body.mentions(f"@{QUESTION_PREFIX}")):
        match = _QUESTION.match(line)
        if match is None:
            continue
        question = values.expressions.get(match[1])
        found = lines(question, match[1])
        if isinstance(question, Operation) and question.opcode == "fact.is_constant":  # only if we can tell which
            constant = Operation("fact.constant", 64, question.operands)
            found = found if lines(constant, match[1]) else None
        unknown = "i64 0, 0" if match[2] == "constant" else "i1 false, false"
        body.lines[index] = "\n".join(found or [f"  %{match[1]} = or {unknown}"])
    return body.text()


def _renamed(expression: JitExpr, rename: Callable[[str], str]) -> JitExpr:
    match expression:
        case Hole(name):
            return replace(expression, name=rename(name))
        case Operation(opcode, bits, operands):
            return Operation(opcode, bits, tuple(_renamed(operand, rename) for operand in operands))
    return expression


# ---- Walking back ----

_YES = Const(1, 1)

_ON_STACK = 1 << 30
"""SG_ON_STACK of runtime/include/stencilgen/facts.h"""

_HAS_CONSTANT = 1 << 31
"""SG_HAS_CONSTANT of the same: no fact that has a name is this bit"""


class _Unanswerable(Exception):
    """What was known cannot be told by an expression over what was known before the unit."""


def _before(expression: JitExpr, said: Sequence[Effect | Fork], different: Mapping[str, int]) -> JitExpr:
    """An expression about the time after all that was said, as one about the time before.

    Raises _Unanswerable, ExpressionTooLarge.
    """
    if not isinstance(expression, Operation) or not said:
        return expression
    operands = tuple(_before(operand, said, different) for operand in expression.operands)
    if expression.opcode in QUESTIONS:
        return _ask(Operation(expression.opcode, expression.bits, operands), said, different)
    return operation(expression.opcode, expression.bits, *operands)


def _ask(question: Operation, said: Sequence[Effect | Fork], different: Mapping[str, int]) -> JitExpr:
    """The answer to a question after all that was said, where its location is one of the time before."""
    if not said:
        return question
    location, *rest = question.operands
    facts = rest[0].value if rest and isinstance(rest[0], Const) else _HAS_CONSTANT
    nothing = Const(question.bits, 0)
    *earlier, last = said

    def here(other: JitExpr) -> JitExpr:
        return _same(location, other, different)

    def at(where: JitExpr) -> JitExpr:
        return _ask(Operation(question.opcode, question.bits, (where, *rest)), earlier, different)

    if isinstance(last, Fork):
        yes, no = (_ask(question, (*earlier, *way), different) for way in (last.yes, last.no))
        return _choose(last.condition, yes, no)
    before = at(location)
    match last.kind, last.operands:
        case (("learn" | "learn_of_value"), (where, Const(_, learnt))) if learnt & facts == facts:
            return _choose(here(where), _YES, before)
        case "learn_constant", (where, value) if facts == _HAS_CONSTANT:
            return _choose(here(where), _YES if question.opcode == "fact.is_constant" else value, before)
        case "unlearn", (where, Const(_, lost)) if lost & facts:
            return _choose(here(where), nothing, before)
        case "forget", (where,):
            return _choose(here(where), nothing, before)
        case "copy", (to, origin):
            return _choose(here(to), at(origin), before)
        case "exchange", (one, other):
            return _choose(here(one), at(other), _choose(here(other), at(one), before))
        case "unlearn_everywhere", (Const(_, lost),) if lost & facts:
            return nothing
        case "forget_from", (where,):
            return _choose(_from_on(location, where), nothing, before)
        case "forget_all", ():
            return nothing
        case ("shift" | "shift_stack") as kind, (amount,):
            on_stack = _from_on(location, Const(32, _ON_STACK // 2))
            if not isinstance(on_stack, Const):
                raise _Unanswerable
            if on_stack.value != (kind == "shift_stack"):
                return before
            there = at(operation("add", 32, location, amount))
            above_top = _from_on(location, Const(32, _ON_STACK)) if on_stack.value else Const(1, 0)
            return _choose(above_top, nothing, there)
    return before


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
            return Const(1, 0)
    return _decided(operation("icmp.eq", 1, a, b))


def _from_on(location: JitExpr, first: JitExpr) -> JitExpr:
    """Whether a location is `first` or above."""
    return _decided(operation("icmp.sge", 1, location, first))


def _decided(condition: JitExpr) -> JitExpr:
    """The condition, or what it is whatever the operands are: of two locations one may be on the stack, the other not."""
    bounds = range_of(condition)
    return Const(1, bounds.low) if bounds.low == bounds.high else condition


def _choose(condition: JitExpr, yes: JitExpr, no: JitExpr) -> JitExpr:
    return operation("select", yes.bits, condition, yes, no)


# ---- As code ----

_BINARY = frozenset({"add", "sub", "mul", "and", "or", "xor"})
_DEFINED = frozenset({"shl", "lshr", "ashr", "udiv", "urem", "sdiv", "srem"})
"""Operations that every second operand does not have a result for in LLVM IR: with these ones they have."""


def _ir(expression: JitExpr, name: str, names: Iterator[str], readers: Mapping[Hole, str]) -> list[str] | None:
    """Instructions that compute %name; None for what no instruction of ours computes."""
    lines: list[str] = []

    def token(value: JitExpr, result: str) -> str | None:
        match value:
            case Const():
                return str(value) if value.bits > 1 else ("true" if value.value else "false")
            case SymbolAddress():
                return f"ptrtoint (ptr {address_constant(value)} to i64)"
            case Hole(kind=kind):
                text = f"call {readers[value]}()" if value in readers else None
                if text and kind != "integer":
                    read = next(names)
                    lines.append(f"  %{read} = {text}")
                    opcode, type_text = ("ptrtoint", "ptr") if kind == "pointer" else ("bitcast", kind)
                    text = f"{opcode} {type_text} %{read} to i{value.bits}"
            case Operation():
                operands = [token(operand, next(names)) for operand in value.operands]
                if any(operand is None for operand in operands):
                    return None
                text = _instruction(value, [f"i{o.bits} {t}" for o, t in zip(value.operands, operands, strict=True)])
        if text is None:
            return None
        lines.append(f"  %{result} = {text}")
        return f"%{result}"

    last = token(expression, name)
    if last is None:
        return None
    return lines if last == f"%{name}" else [f"  %{name} = or i{expression.bits} {last}, 0"]


def _instruction(node: Operation, operands: list[str]) -> str | None:
    match node.opcode, operands:
        case ("sext" | "zext" | "trunc") as opcode, [operand]:
            return f"{opcode} {operand} to i{node.bits}"
        case opcode, [first, second] if opcode in _BINARY or (opcode in _DEFINED and _is_defined(node)):
            return f"{opcode} {first}, {second.split(' ', 1)[1]}"
        case "select", [condition, yes, no]:
            return f"select {condition}, {yes}, {no}"
        case "fact.holds", [location, facts]:
            return f"call zeroext i1 @{QUESTION_PREFIX}holds({location}, {facts})"
        case "fact.is_constant", [location]:
            return f"call zeroext i1 @{QUESTION_PREFIX}is_constant({location})"
        case "fact.constant", [location]:
            return f"call i64 @{QUESTION_PREFIX}constant({location})"
        case opcode, [first, second] if opcode.startswith("icmp."):
            return f"icmp {opcode.removeprefix('icmp.')} {first}, {second.split(' ', 1)[1]}"
    return None


def _is_defined(node: Operation) -> bool:
    """Whether a shift or a division has a result in LLVM IR whatever its first operand is."""
    match node.operands:
        case (_, Const(bits, value)):
            return value < bits if node.opcode in ("shl", "lshr", "ashr") else 0 < value < (1 << bits) - 1
    return False


def readers_of(part: str) -> dict[Hole, str]:
    """The call that reads each hole of a part."""
    found: dict[Hole, str] = {}
    for match in _HOLE_CALL.finditer(part):
        value = hole(match[3].removeprefix(HOLE_PREFIX), match[2], frozenset(match[1].split()))
        if value is not None:
            found[value] = f"{match[1]}{match[2]} @{match[3]}"
    return found
