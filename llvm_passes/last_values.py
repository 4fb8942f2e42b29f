"""Declared last values: a place like `frame->ip`, whose stores are put off until somebody may look.

    frame->ip = a;              last value := a            what follows writes a where control leaves, and before a
    CONTINUE();                 CONTINUE();                call that may look; most often nobody does before the next store

The key idea: all that a trace stores there is known when it is assembled, so the assembler can remember it in place of the
memory. Here is found out what a function does with that: a store of a JIT-time value is taken out, and becomes an *effect*
that the emit function reports; before whatever may look stands a *write*, inline assembly that calls a reserved name, in
whose place the assembler writes what memory lacks. Two values are followed through the function: the one that its author sees
in the place, and the one that memory holds.

The VM's author promises (`[last]`) that stencils access the place by its name only, through a state parameter; that nobody looks
at it from a signal handler or another thread; and what functions do with it. All else is treated as if it could look and write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from llvm_passes.body import Body
from llvm_passes.checks import Problem
from llvm_passes.expression import QUESTIONS, Const, JitExpr, Operation, SymbolAddress, walk
from llvm_passes.fuse import EXIT_LABEL
from llvm_passes.holes import CONTINUE, EFFECT_PREFIX, EXIT, HOLE_PREFIX, LABEL_PREFIX, QUESTION_PREFIX
from llvm_passes.instructions import Instruction, constant, global_address, strides
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout, UnknownType
from llvm_passes.metadata import Metadata
from llvm_passes.module import Module
from llvm_passes.spread import jit_values
from llvm_passes.text import NAME, closing, split_top, unquote, without_metadata

__all__ = [
    "REWRITE",
    "WRITE",
    "Action",
    "Effect",
    "Exits",
    "LastValues",
    "Place",
    "defer",
    "escapes",
    "is_write",
    "place_of",
]

WRITE, REWRITE = "__sg_write_last_", "__sg_rewrite_last_"
"""What the inline assembly calls, with the place's number after it: memory holds what it held at the function's start; or
perhaps what is to be written already.
"""


@dataclass(frozen=True, slots=True)
class _Span:
    """A distance in bytes of at least `low` and at most `high`."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Place:
    """`size` bytes at `offset` from the pointer that is a function's parameter number `parameter`.

    register: the one that carries the parameter; blind: functions that neither read nor write the place; writers: the only
    ones that write it, or None if any may.
    """

    name: str
    parameter: int
    register: str
    offset: int
    size: int
    blind: frozenset[str] = frozenset()
    writers: frozenset[str] | None = None

    def overlaps(self, span: _Span, size: int) -> bool:
        """Whether `size` bytes at one of these distances from the same pointer may be the place's."""
        return span.low < self.offset + self.size and self.offset < span.high + size


Action = Literal["set", "written", "unsure", "forget"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a function's end reports of a place.

    set: its last value is now `value`, of its width; written: memory holds the last value; unsure: perhaps it does;
    forget: memory holds a value that nobody knows.
    """

    place: int
    action: Action
    value: JitExpr | None = None


class Exits(Enum):
    """What exit stubs write: what memory lacks; all that it perhaps lacks; nothing, the code has done it."""

    WRITE = "write"
    REWRITE = "rewrite"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class LastValues:
    """What a function does with the places. registers: by which each is found; before_exits: the stubs see the effects; else
    what was before the function.
    """

    registers: tuple[str, ...]
    exits: Exits
    before_exits: bool
    effects: tuple[Effect, ...]


_RESERVED = re.compile(rf"(?:{WRITE}|{REWRITE})\d+")


def is_write(name: str) -> bool:
    """Whether a callee's name stands for a write."""
    return _RESERVED.fullmatch(name) is not None


# ---- Where a place is, and who gets at it ----

_ADDRESS_FUNCTION = re.compile(rf"^  ret ptr %({NAME})$", re.M)


def place_of(function: str, layout: Layout) -> tuple[int, int] | None:
    """(parameter, offset) of the address that a function returns; None when it is computed in any other way."""
    body = Body("\n".join(without_metadata(line) for line in function.split("\n")))
    returned = _ADDRESS_FUNCTION.search(body.text())
    if returned is None:
        return None
    for number, parameter in enumerate(_parameters(body.lines[0])):
        if parameter.startswith("ptr "):
            span = _spans(body, parameter.rsplit("%", 1)[1], layout).get(returned[1])
            if span is not None and span.low == span.high:
                return number, span.low
    return None


def escapes(module: Module, names: Iterable[str], places: Sequence[Place], layout: Layout) -> Iterator[Problem]:
    """Stencils that store or return the address of a place, by which anybody could access it later."""
    metadata = Metadata(module.metadata)
    for name in names:
        body = Body(module.functions[name])
        for place in places:
            spans = _spans(body, _base(body, place), layout)
            inside = [pointer for pointer, span in spans.items() if span.low == span.high and place.overlaps(span, 1)]
            for pointer in sorted(set(inside) - {_base(body, place)}):
                for text in _given_away(body, pointer):
                    position = metadata.position(text)
                    yield Problem(
                        position.file,
                        position.line,
                        unquote(name),
                        f"gives away the address of '{place.name}', a place whose stores are put off",
                        f"store the pointer that it is found by, or remove {place.name} from [last]",
                    )


def _given_away(body: Body, pointer: str) -> Iterator[str]:
    """The lines that store or return a pointer, as it is or as a number."""
    names = [pointer]
    for name in names:
        for line in body.users(name):
            text = body.lines[line]
            if re.match(rf"  (?:store (?:volatile )?|ret )(?:ptr|i64) %{re.escape(name)}(?:,|$)", text):
                yield text
            elif number := re.match(rf"  %({NAME}) = ptrtoint ptr %{re.escape(name)} to i64", text):
                names.append(number[1])


def _parameters(header: str) -> list[str]:
    start = header.index("(", header.index("@"))
    return split_top(header[start + 1 : closing(header, start)])


def _base(body: Body, place: Place) -> str:
    return _parameters(body.lines[0])[place.parameter].rsplit("%", 1)[1]


def _spans(
    body: Body, base: str, layout: Layout, jit: Mapping[str, JitExpr] | None = None, knowledge: Knowledge | None = None
) -> dict[str, _Span]:
    """The pointers that are computed from %base alone, and how far each may be from it."""
    spans = {base: _Span(0, 0)}
    pending = [base]
    while pending:
        name = pending.pop()
        for line in body.users(name):
            instruction = body.instruction(line) if " getelementptr " in body.lines[line] else None
            if instruction is None or instruction.name in spans or instruction.operands[0][1] != f"%{name}":
                continue
            distance = _distance(instruction, layout, jit or {}, knowledge)
            if distance is not None:
                spans[instruction.name] = _Span(spans[name].low + distance.low, spans[name].high + distance.high)
                pending.append(instruction.name)
    return spans


_FAR = 1 << 62


def _distance(
    instruction: Instruction, layout: Layout, jit: Mapping[str, JitExpr], knowledge: Knowledge | None
) -> _Span | None:
    """How far a getelementptr's result is from its base; None for what may lie anywhere.

    An index of run time is one into an array that is a member, and so not negative. Bytes are different: what LLVM makes of a
    choice between two members is an index of bytes.
    """
    spans: list[_Span] = []
    constants: list[int | None] = []
    for type_text, token in instruction.operands[1:]:
        known = (token[0] == "%" and jit.get(token[1:])) or constant(type_text, token, layout, global_address)
        if isinstance(known, Const):
            number = known.value - (1 << known.bits) if known.value >> (known.bits - 1) else known.value
            spans.append(_Span(number, number))
            constants.append(number)
            continue
        constants.append(None)
        if known and knowledge is not None:
            bounds = knowledge.range(known)
            spans.append(_Span(bounds.signed_low, bounds.signed_high))
        elif instruction.element == "i8" and "nuw" not in instruction.flags:
            return None
        else:
            spans.append(_Span(0, _FAR))
    try:
        steps = strides(instruction, layout, constants)
    except UnknownType:
        return None
    low = high = 0
    for span, (amount, is_stride) in zip(spans, steps, strict=True):
        low += amount * span.low if is_stride else amount
        high += amount * span.high if is_stride else amount
    return _Span(low, high)


# ---- What happens at a line ----


class _Event(Enum):
    STORE = "a JIT-time value is stored"
    CLOBBER = "the place is overwritten by a value of run time"
    READ = "somebody may look"
    ACCESS = "somebody may look and write"
    CONTINUE = "the next micro-op is next"
    EXIT = "the trace is left"
    INNER_EXIT = "the trace is left at a micro-op that is not the unit's last"
    JUMP = "another micro-op is next"


_ENDS = {CONTINUE: _Event.CONTINUE, EXIT: _Event.EXIT}
_CALL = re.compile(rf"^  (?:%{NAME} = )?(?:(musttail|tail|notail) )?call (.*)$")
_CALLEE = re.compile(rf"([@%])({NAME})\(")
_ACCESS = re.compile(r"^  (?:%\S+ = )?(load|store) (volatile |atomic )?(.*)$")
_POINTER = re.compile(rf"ptr (?:\w+ |\w+\(\d+\) )*%({NAME})")
_NO_MEMORY = re.compile(r"\bmemory\(none\)|\breadnone\b")
_READS_ONLY = re.compile(r"\bmemory\((?:argmem: )?read\)|\breadonly\b")


@dataclass(frozen=True, slots=True)
class _Happening:
    """value: what is stored, and as the IR writes it with its type; moved: the end hands on another pointer."""

    event: _Event
    value: JitExpr | None = None
    text: str = ""
    moved: bool = False


class _Reading:
    """What each line of a function does with one place."""

    def __init__(
        self,
        body: Body,
        place: Place,
        layout: Layout,
        jit: Mapping[str, JitExpr],
        knowledge: Knowledge,
        groups: Mapping[str, str],
    ) -> None:
        self.body = body
        self.place = place
        self.layout = layout
        self.jit = jit
        self.groups = groups
        self.base = _base(body, place)
        self.spans = _spans(body, self.base, layout, jit, knowledge)
        self.mixed = self._mixed()

    def happenings(self) -> dict[int, _Happening]:
        found = {}
        for index, line in enumerate(self.body.lines):
            happening = self._line(index, without_metadata(line)) if line.startswith("  ") else None
            if happening is not None:
                found[index] = happening
        return found

    def _mixed(self) -> frozenset[str]:
        """Values computed from the pointers in any other way (a phi, a select, as numbers): they may be the place's address."""
        found: set[str] = set()
        pending = list(self.spans)
        while pending:
            for line in self.body.users(pending.pop()):
                match = re.match(rf"^  %({NAME}) = (\S+)", self.body.lines[line])
                if not match or match[1] in found or match[1] in self.spans:
                    continue
                if match[2] in ("load", "icmp", "call", "tail", "notail", "musttail"):
                    continue
                found.add(match[1])
                pending.append(match[1])
        return frozenset(found)

    def _line(self, index: int, line: str) -> _Happening | None:
        if line.startswith("  ret "):
            is_return = not re.match(r"  (?:%\S+ = )?musttail ", self.body.lines[index - 1])
            return _Happening(_Event.READ) if is_return else None
        if match := _ACCESS.match(line):
            return self._access(match[1], bool(match[2]), split_top(match[3]))
        if match := _CALL.match(line):
            return self._call(line, match[1], match[2])
        touched = self.mixed.union(self.spans)
        is_atomic = re.match(r"  (?:%\S+ = )?(?:cmpxchg|atomicrmw) ", line)
        if is_atomic and any(name in touched for name in re.findall(rf"%({NAME})", line)):
            return _Happening(_Event.ACCESS)
        return None

    def _access(self, opcode: str, special: bool, pieces: list[str]) -> _Happening | None:
        pointer = pieces[1].rsplit("%", 1)[-1] if "%" in pieces[1] else ""
        if pointer in self.mixed:
            return _Happening(_Event.ACCESS)
        if pointer not in self.spans:
            return None
        span = self.spans[pointer]
        type_text, _, token = pieces[0].partition(" ")
        if pieces[0][0] in "[{<":
            end = closing(pieces[0], 0) + 1
            type_text, token = pieces[0][:end], pieces[0][end:].strip()
        try:
            size = self.layout.size(type_text)
        except UnknownType:
            return _Happening(_Event.ACCESS)
        if not self.place.overlaps(span, size):
            return None
        exact = span.low == span.high == self.place.offset and size == self.place.size and not special
        if opcode == "load":
            return _Happening(_Event.ACCESS if special else _Event.READ)
        if not exact:
            return _Happening(_Event.ACCESS)
        value = self.jit.get(token[1:]) if token[0] == "%" else constant(type_text, token, self.layout, global_address)
        if value is None or any(map(_moves, walk(value))):
            return _Happening(_Event.CLOBBER)
        return _Happening(_Event.STORE, value, pieces[0])

    def _call(self, line: str, kind: str | None, call: str) -> _Happening | None:
        if re.match(r'[^"(@]*\basm ', call):
            return _Happening(_Event.ACCESS) if "~{memory}" in call or "*m" in call else None
        target = _CALLEE.search(call)
        if target is None:
            return _Happening(_Event.ACCESS)
        callee = unquote(target[2]) if target[1] == "@" else ""
        if kind == "musttail":
            open_ = target.end() - 1
            arguments = split_top(call[open_ + 1 : closing(call, open_)])
            moved = not arguments[self.place.parameter].endswith(f" %{self.base}")
            event = _ENDS.get(callee, _Event.READ)
            if callee.startswith(f"{LABEL_PREFIX}{EXIT_LABEL}"):
                event = _Event.INNER_EXIT
            elif callee.startswith(LABEL_PREFIX):
                event = _Event.JUMP
            return _Happening(event, moved=moved)
        if callee.startswith((HOLE_PREFIX, QUESTION_PREFIX, EFFECT_PREFIX)) or callee in self.place.blind:
            return None
        if callee.startswith("llvm."):
            return self._intrinsic(line, callee)
        attributes = self._attributes(line, target[2])
        if _NO_MEMORY.search(attributes):
            return None
        writers = self.place.writers
        reads_only = _READS_ONLY.search(attributes) or (writers is not None and callee and callee not in writers)
        return _Happening(_Event.READ if reads_only else _Event.ACCESS)

    def _intrinsic(self, line: str, callee: str) -> _Happening | None:
        if not callee.startswith(("llvm.mem", "llvm.masked", "llvm.va")):
            return None
        length = re.search(r"i64 (\d+)", line)
        for name in _POINTER.findall(line):
            if name in self.mixed:
                return _Happening(_Event.ACCESS)
            size = int(length[1]) if length and callee.startswith("llvm.mem") else 1 << 40
            if name in self.spans and self.place.overlaps(self.spans[name], size):
                return _Happening(_Event.ACCESS)
        return None

    def _attributes(self, line: str, token: str) -> str:
        """What is known of a call and of its callee, written out."""
        words = [self.groups.get(word, "") for word in re.findall(r"#\d+", line)]
        return " ".join([line, *words, self.groups.get(f"@{token}", "")])


def _moves(node: JitExpr) -> bool:
    """Whether it is an address, or depends on where in a trace it is evaluated: such values are not put off."""
    return isinstance(node, SymbolAddress) or (isinstance(node, Operation) and node.opcode in QUESTIONS)


# ---- The two values, followed through the function ----

_BEFORE, _MEMORY_BEFORE, _UNSURE, _UNKNOWN = -1, -2, -3, -4
"""Values that are not the line of a store: the last value at the function's start, what memory held then, one of two, and
what nobody knows, memory's value being the one that counts.
"""


@dataclass(frozen=True, slots=True)
class _State:
    """last: what the place holds as the author sees it; memory: what it really holds."""

    last: int
    memory: int

    @property
    def clean(self) -> bool:
        return self.last == self.memory


_START = _State(_BEFORE, _MEMORY_BEFORE)
_FORGOTTEN = _State(_UNKNOWN, _UNKNOWN)


class _Conflict(Exception):
    """Two ways meet with different last values."""


def _join(a: _State, b: _State) -> _State:
    if a == b:
        return a
    if a.last == b.last:
        return _State(a.last, _UNSURE)
    if a.clean and b.clean:
        return _FORGOTTEN
    raise _Conflict


@dataclass(slots=True)
class _Flow:
    """The states of one place. before: at each line that something happens at; ends: where control leaves."""

    happenings: Mapping[int, _Happening]
    eager: bool
    """All stores stay, after the value from before has been written: then memory is always right."""
    before: dict[int, _State]

    def at(self, *events: _Event) -> list[tuple[int, _State]]:
        return [(line, self.before[line]) for line in self.before if self.happenings[line].event in events]

    @property
    def after(self) -> _State | None:
        """Where the next micro-op begins; None if it never does."""
        result = None
        for line, state in self.at(_Event.CONTINUE):
            state = _FORGOTTEN if self.happenings[line].moved else state
            result = state if result is None else _join(result, state)
        return result

    def looks(self, exits_look: bool) -> Iterator[tuple[int, _State]]:
        """The lines before which memory must be right."""
        for line, state in self.before.items():
            happening = self.happenings[line]
            exits = happening.event in (_Event.EXIT, _Event.INNER_EXIT)
            if (
                happening.event in (_Event.READ, _Event.ACCESS, _Event.JUMP)
                or happening.moved
                or (exits and exits_look)
            ):
                yield line, state


def _followed(body: Body, happenings: Mapping[int, _Happening], eager: bool) -> _Flow:
    """Raises _Conflict."""
    starts, successors = _blocks(body)
    entry = _State(_BEFORE, _BEFORE) if eager else _START
    states = {1: entry}
    before: dict[int, _State] = {}
    pending = [1]
    while pending:
        block = pending.pop()
        state = states[block]
        end = starts[block]
        for line in range(block, end):
            if line not in happenings:
                continue
            before[line] = state
            state = _after(happenings[line], line, state, eager)
        for successor in successors[block]:
            new = _join(states[successor], state) if successor in states else state
            if states.get(successor) != new:
                states[successor] = new
                pending.append(successor)
    return _Flow(happenings, eager, dict(sorted(before.items())))


def _after(happening: _Happening, line: int, state: _State, eager: bool) -> _State:
    match happening.event:
        case _Event.STORE:
            return _State(line, line if eager else state.memory)
        case _Event.READ:
            return _State(state.last, state.last)
        case _Event.CLOBBER | _Event.ACCESS:
            return _FORGOTTEN
    return state


def _blocks(body: Body) -> tuple[dict[int, int], dict[int, list[int]]]:
    """By the first line of each block: the line after its last one, and the first lines of its successors."""
    labels: dict[str, int] = {}
    firsts = [1]
    for index, line in enumerate(body.lines[1:], start=1):
        if match := re.match(rf"^({NAME}):", line):
            labels[match[1]] = index
            if index != 1:
                firsts.append(index)
    ends = dict(zip(firsts, [*firsts[1:], len(body.lines)], strict=True))
    successors = {
        first: [
            labels[name]
            for line in body.lines[first:end]
            for name in re.findall(rf"label %({NAME})", line)
            if name in labels
        ]
        for first, end in ends.items()
    }
    return ends, successors


# ---- Rewriting ----


def defer(text: str, layout: Layout, places: Sequence[Place], groups: Mapping[str, str]) -> tuple[str, LastValues]:
    """A function (with named values, without debug information) whose stores to the places are put off; what it does to them.

    groups: the module's attribute groups by name (`#0`), and those of declared functions (`@name`).
    """
    body = Body(text)
    knowledge = (
        Knowledge()
    )  # what is promised of a hole does not replace it: so its value shows that the promise is relied on
    jit = jit_values(body, layout, global_address, knowledge).expressions
    readings = [_Reading(body, place, layout, jit, knowledge, groups) for place in places]
    flows = [_flow(body, reading.happenings()) for reading in readings]
    exits, before_exits = _exits(flows)
    for number, (reading, flow) in enumerate(zip(readings, flows, strict=True)):
        _rewrite(body, number, reading, flow, exits is Exits.PLAIN)
    effects = tuple(effect for number, flow in enumerate(flows) for effect in _effects(number, flow))
    return body.text(), LastValues(tuple(place.register for place in places), exits, before_exits, effects)


def _flow(body: Body, happenings: Mapping[int, _Happening]) -> _Flow:
    events = {happening.event for happening in happenings.values()}
    if not events >= {
        _Event.JUMP,
        _Event.CONTINUE,
    }:  # a write just before the jump would keep the branch from jumping there
        try:
            flow = _followed(body, happenings, eager=False)
            _ = flow.after
            return flow
        except _Conflict:
            pass
    return _followed(body, happenings, eager=True)


def _exits(flows: Sequence[_Flow]) -> tuple[Exits, bool]:
    """Who writes at exits. The stubs do, if the value is the same at all of them, the one before the function or after it."""
    found = [(flow, line, state) for flow in flows for line, state in flow.at(_Event.EXIT, _Event.INNER_EXIT)]
    if any(flow.happenings[line].moved for flow, line, _ in found):
        return Exits.PLAIN, False
    if all(state == _START for _, _, state in found):
        return Exits.WRITE, False
    inner = any(flow.happenings[line].event is _Event.INNER_EXIT for flow, line, _ in found)
    if not inner and not any(map(_writes_what_was, flows)) and all(state == flow.after for flow, _, state in found):
        return Exits.WRITE, True
    if all(state.clean for _, _, state in found):
        return Exits.PLAIN, False
    if all(state.last == _BEFORE for _, _, state in found):
        return Exits.REWRITE, False
    return Exits.PLAIN, False


def _writes_what_was(flow: _Flow) -> bool:
    """Whether some code, perhaps cold, writes the value from before the function: that must not be replaced by then."""
    return any(state.last == _BEFORE and not state.clean for _, state in flow.looks(exits_look=False))


def _rewrite(body: Body, number: int, reading: _Reading, flow: _Flow, exits_look: bool) -> None:
    place, happenings = reading.place, flow.happenings

    def assembly(name: str) -> str:
        constraints = f"{{{place.register}}},~{{r10}},~{{memory}},~{{dirflag}},~{{fpsr}},~{{flags}}"
        return f'  call void asm sideeffect "call {name}{number}", "{constraints}"(ptr %{reading.base})'

    touched = False
    for line, state in flow.looks(exits_look):
        if state.clean:
            continue
        touched, at = True, line
        if state.last == _BEFORE:
            new = assembly(WRITE if state.memory == _MEMORY_BEFORE else REWRITE)
            at = _earliest(body, happenings, line)
        else:
            pointer = body.fresh()
            new = (
                f"  %{pointer} = getelementptr i8, ptr %{reading.base}, i64 {place.offset}\n"
                f"  store {happenings[state.last].text}, ptr %{pointer}, align {place.size}"
            )
        body.lines[at] = f"{new}\n{body.lines[at]}"
    if flow.eager:
        touched = True
        first = next(index for index, line in enumerate(body.lines) if line.startswith("  "))
        body.lines[first] = f"{assembly(WRITE)}\n{body.lines[first]}"
    if not flow.eager:
        for line in [line for line, happening in happenings.items() if happening.event is _Event.STORE]:
            body.lines[line] = _without_last_line(body.lines[line])
    if touched:
        _forget_attributes(body, place)


def _without_last_line(text: str) -> str:
    return text.rpartition("\n")[0]


def _earliest(body: Body, happenings: Mapping[int, _Happening], line: int) -> int:
    """The first line of the same block from which on nothing happens to the place: what follows a write in cold code can be
    shared with other stencils.
    """
    while not re.match(rf"{NAME}:|define |  %\S+ = phi ", body.lines[line - 1]) and line - 1 not in happenings:
        line -= 1
    return line


def _forget_attributes(body: Body, place: Place) -> None:
    """What was known of the pointer (readonly, …) is no longer so."""
    header = body.lines[0]
    start = header.index("(", header.index("@"))
    end = closing(header, start)
    own = split_top(header[start + 1 : end])
    own[place.parameter] = f"ptr noundef %{own[place.parameter].rsplit('%', 1)[1]}"
    body.lines[0] = f"{header[: start + 1]}{', '.join(own)}{header[end:]}"


def _effects(number: int, flow: _Flow) -> Iterator[Effect]:
    """What the end reports: first what became of memory, then of the last value."""
    state = flow.after
    if state is None:
        yield Effect(number, "forget")
        return
    if state.memory == _BEFORE:
        yield Effect(number, "written")
    elif state.memory == _UNSURE and state.last == _BEFORE:
        yield Effect(number, "unsure")
    elif state.memory in (_UNKNOWN, _UNSURE):
        yield Effect(number, "forget")
    elif state.memory >= 0:
        yield Effect(number, "set", flow.happenings[state.memory].value)
        yield Effect(number, "written")
    if state.last >= 0 and not state.clean:
        yield Effect(number, "set", flow.happenings[state.last].value)
