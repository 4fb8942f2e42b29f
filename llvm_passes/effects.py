"""What a micro-op says about facts: read off its code, taken out of it, and left to the emit function.

    call void @__sg_effect_forget(i32 %d)               →    SG_FORGET(instruction->d);      in the emit function,
    call void @__sg_effect_learn(i32 %d, i32 2)              SG_LEARN(instruction->d, 2);    after the micro-op's code

The key idea: the table of facts changes while a trace is *assembled*, so only what happens on every way that a run may take
to CONTINUE() can be written into it. Ways are followed through the control-flow graph, each with the list of what was said.
Where two meet whose lists differ, what one of them *lost* is lost, and what only one of them learned was never said: less is
known then than is true, never more. Branches on JIT-time values are no such ways: where what is said depends on one, each
side gets a version of its own.

Questions (`@__sg_fact_…`) are JIT-time values like holes, with the location as their operand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.equalities import TARGET, blocks_of, restored
from llvm_passes.expression import Const, JitExpr, Operation
from llvm_passes.holes import CONTINUE, EFFECT_PREFIX, LABEL_PREFIX, QUESTION_PREFIX
from llvm_passes.instructions import argument, constant, global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.spread import JitValues
from llvm_passes.text import NAME, closing, split_top

__all__ = [
    "ASSUME",
    "Effect",
    "Effects",
    "Fork",
    "Reading",
    "Said",
    "UnknownLocation",
    "mentions_facts",
    "quiet",
    "read",
    "said_at_end",
    "trusted",
    "unknown_operands",
    "without_facts",
]

TRUST = f"{QUESTION_PREFIX}trust"
ASSUME = "declare void @llvm.assume(i1 noundef)"

_EFFECT = re.compile(rf"^  (?:(?:tail|notail) )?call void @{EFFECT_PREFIX}(\w+)\(")
_ASKED = re.compile(rf"^  %({NAME}) = (?:(?:tail|notail) )?call [^@]*@{QUESTION_PREFIX}(\w+)\(")
_BRANCH = re.compile(rf"^  br i1 %({NAME}), ")
_END = re.compile(rf" musttail call [^@]*@(?:({CONTINUE})|{LABEL_PREFIX}\w+)\(")

# by kind of effect: what is lost at which operands when only some ways have it; nothing where it only adds
_LOSSES: dict[str, tuple[tuple[str, tuple[int, ...]], ...]] = {
    "learn": (),
    "learn_of_value": (),
    "learn_constant": (),
    "unlearn": (("unlearn", (0, 1)),),
    "forget": (("forget", (0,)),),
    "copy": (("forget", (0,)),),
    "exchange": (("forget", (0,)), ("forget", (1,))),
    "unlearn_everywhere": (("unlearn_everywhere", (0,)),),
    "forget_from": (("forget_from", (0,)),),
    "forget_all": (("forget_all", ()),),
    "shift": (("forget_all", ()),),
    "shift_stack": (("forget_all", ()),),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What changes in the table of facts. kind: the effect's name in `stencil.h`; operands: locations, facts, a value."""

    kind: str
    operands: tuple[JitExpr, ...]

    def losses(self) -> Iterator[Effect]:
        """What is lost at least, whatever else becomes known."""
        for kind, operands in _LOSSES[self.kind]:
            yield Effect(kind, tuple(self.operands[number] for number in operands))


Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Fork:
    """What is said depends on a JIT-time value: a condition of one bit, and what is said where it is 1 and where it is 0."""

    condition: JitExpr
    yes: Said
    no: Said


Said = tuple[Effect | Fork, ...]


class UnknownLocation(Exception):
    """Something is said about a location, or asked, that is not known when a trace is assembled."""


def mentions_facts(text: str) -> bool:
    """Whether the text asks or says anything."""
    return f"@{QUESTION_PREFIX}" in text or f"@{EFFECT_PREFIX}" in text


@dataclass(frozen=True, slots=True)
class Reading:
    """A function that says something, and its JIT-time values."""

    body: Body
    values: JitValues
    layout: Layout

    def effects(self) -> tuple[Effects, Effects]:
        """What it has said wherever it ends with CONTINUE(), and what it has lost wherever it jumps.

        Raises UnknownLocation.
        """
        return _effects(self.body, self.values, self.layout, {})

    def condition(self) -> JitExpr | None:
        """A JIT-time condition on which what the function says depends, though perhaps not what it does; None: there is none."""
        found = _fork(self.body, self.values, self.layout, {})
        return found[1] if found else None


def read(text: str, layout: Layout, knowledge: Knowledge) -> Reading | None:
    """A function's effects, to be asked for; None where it says nothing."""
    return Reading(*restored(text, layout, knowledge), layout) if f"@{EFFECT_PREFIX}" in text else None


def said_at_end(text: str, layout: Layout) -> Said:
    """What a function says wherever it ends with CONTINUE(), told apart by the JIT-time conditions on which it depends.

    Raises UnknownLocation.
    """
    if f"@{EFFECT_PREFIX}" not in text:
        return ()
    body, values = restored(text, layout, Knowledge())

    def said(taken: Mapping[int, int]) -> Said:
        found = _fork(body, values, layout, taken) if len(taken) < _MOST_CONDITIONS else None
        if found is None:
            return _effects(body, values, layout, taken)[0]
        index, condition = found
        yes, no = (said({**taken, index: outcome}) for outcome in (1, 0))
        return (Fork(condition, yes, no),)

    return said({})


_MOST_CONDITIONS = 3


def _fork(body: Body, values: JitValues, layout: Layout, taken: Mapping[int, int]) -> tuple[int, JitExpr] | None:
    """The line of a branch on a JIT-time condition on which it depends what is said, and the condition.

    taken: branches, by line, of which one side only is followed.
    """
    whole = _effects(body, values, layout, taken)
    for index, line in enumerate(body.lines):
        branch = _BRANCH.match(line)
        condition = values.expressions.get(branch[1]) if branch and index not in taken else None
        if condition is None or isinstance(condition, Const):
            continue
        if any(_effects(body, values, layout, {**taken, index: outcome}) != whole for outcome in (1, 0)):
            return index, condition
    return None


def _effects(body: Body, values: JitValues, layout: Layout, taken: Mapping[int, int]) -> tuple[Effects, Effects]:
    continues: Effects | None = None
    jumps: Effects | None = None
    for is_jump, said in _at_ends(body, values, layout, taken):
        if is_jump:
            jumps = said if jumps is None else _met(jumps, said)
        else:
            continues = said if continues is None else _met(continues, said)
    return continues or (), tuple(_losses(jumps or ()))


def _at_ends(body: Body, values: JitValues, layout: Layout, taken: Mapping[int, int]) -> Iterator[tuple[bool, Effects]]:
    """What was said on all ways to each tail call that goes on within the trace, and whether that is a jump.

    taken: branches, by line, of which one side only is followed.
    """
    blocks = blocks_of(body)
    first = next(iter(blocks))
    at_start: dict[str, Effects] = {first: ()}
    ends: dict[int, tuple[bool, Effects]] = {}
    pending = [first]
    while pending:
        block = pending.pop()
        said = at_start[block]
        for index in blocks[block]:
            line = body.lines[index]
            if effect := _effect(line, values, layout):
                said = (*said, effect)
            elif match := _END.search(line):
                ends[index] = (match[1] is None, said)
            elif line.startswith("  ") and "label %" in line:
                successors = TARGET.findall(line)
                outcome = taken.get(index, _outcome(line, values))
                for successor in successors if outcome is None else [successors[1 - outcome]]:
                    known = at_start.get(successor)
                    new = said if known is None else _met(known, said)
                    if new != known:
                        at_start[successor] = new
                        pending.append(successor)
    yield from ends.values()


def _outcome(line: str, values: JitValues) -> int | None:
    """What a branch's condition is, where it is known to be always the same."""
    branch = _BRANCH.match(line)
    condition = values.expressions.get(branch[1]) if branch else None
    return condition.value if isinstance(condition, Const) else None


def _met(one: Effects, other: Effects) -> Effects:
    """What holds where two ways meet: what both have said, then what either has lost."""
    if one == other:
        return one
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    last = same  # what is lost there already need not be lost again: so the walk comes to an end
    while last and tuple(one[last - 1].losses()) == (one[last - 1],):
        last -= 1
    lost = {*_losses(one[same:]), *_losses(other[same:])} - {*one[last:same]}
    return (*one[:same], *sorted(lost, key=str))


def _losses(said: Sequence[Effect]) -> list[Effect]:
    return list(dict.fromkeys(loss for effect in said for loss in effect.losses()))


def _effect(line: str, values: JitValues, layout: Layout) -> Effect | None:
    match = _EFFECT.match(line)
    if match is None:
        return None
    operands = []
    for type_text, token in _arguments(line, match.end() - 1):
        value = _value(type_text, token, values, layout)
        if value is None:
            raise UnknownLocation(f"{match[1]} of {token}")
        operands.append(value)
    return Effect(match[1], tuple(operands))


def _value(type_text: str, token: str, values: JitValues, layout: Layout) -> JitExpr | None:
    if token[0] == "%":
        return values.expressions.get(token[1:])
    return constant(type_text, token, layout, global_address)


def _arguments(line: str, start: int) -> list[tuple[str, str]]:
    """The type and the token of each argument of the call whose parenthesis opens at `start`."""
    return [argument(piece) for piece in split_top(line[start + 1 : closing(line, start)])]


def unknown_operands(text: str, layout: Layout) -> Iterator[tuple[str, str]]:
    """The lines that ask or say something about what is no JIT-time value, and the word for what they do."""
    if not mentions_facts(text):
        return
    body, values = restored(text, layout, Knowledge())
    for line in body.lines:
        match = _EFFECT.match(line)
        asked = _ASKED.match(line)
        if match is None and asked is None:
            continue
        found = match or asked
        assert found is not None
        arguments = _arguments(line, found.end() - 1)
        if asked is not None:
            arguments = arguments[:1]
        if any(_value(type_text, token, values, layout) is None for type_text, token in arguments):
            yield line, (match[1] if match else found[2])


_DECLARED = re.compile(rf"^(declare [^\n]*@{EFFECT_PREFIX}\w+\([^\n]*?\))[^)\n]*$", re.M)


def quiet(text: str) -> str:
    """A module's text in which effects are declared to touch no memory of the program's, for LLVM's passes over several
    micro-ops. To Clang they are functions like any other.
    """
    return _DECLARED.sub(r"\1 nounwind willreturn nomerge memory(inaccessiblemem: readwrite)", text)


# ---- Code without them ----


def without_facts(text: str) -> str:
    """A function's text without effects. What is known is taken for true."""
    if not mentions_facts(text):
        return text
    body = Body(text)
    truths: dict[str, str] = {}
    for index, line in enumerate(body.lines):
        if _EFFECT.match(line):
            body.delete(index)
        elif (asked := _ASKED.match(line)) and asked[2] == "trust":
            truths[asked[1]] = "true"
            body.delete(index)
    for index in body.users_of_any(truths):
        body.lines[index] = body.replace(body.lines[index], truths.get)
    return body.text()


def trusted(body: Body, values: JitValues, layout: Layout, knowledge: Knowledge) -> dict[str, str]:
    """The predicates that a version's knowledge makes true: the name of each question, and the line to stand in its place."""
    found = {}
    for _, line in body.mentions(f"@{TRUST}("):
        asked = _ASKED.match(line)
        if asked is None:
            continue
        location, (_, facts), (_, predicate) = _arguments(line, asked.end() - 1)
        where = _value(*location, values, layout)
        if where is None:
            continue
        question = Operation("fact.holds", 1, (where, Const(32, int(facts))))
        if knowledge.value(question) == 1:
            found[asked[1]] = f"  call void @llvm.assume(i1 {predicate})"
    return found
