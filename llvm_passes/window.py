"""Stack caching: a stencil's variant that finds the topmost stack entries in registers and leaves some there.

    ADD(frame, sp):            x = sp[-2] + sp[-1]; sp[-2] = x; continue(frame, sp - 8)
    ADD in 2, out 1:           ADD(frame, sp, r0, r1):  continue(frame, sp, r0 + r1)

The key idea is a *shadow window*. Every use of the stack pointer in a stencil is the pointer plus a constant, so every
access names one entry: slot -1 is the top at the stencil's start, slot 0 the first free one. A variant keeps the slots from
-kin upwards in a local array, filled from the registers at its start; deeper slots stay in memory, except that a slot which is
to end in a register moves into the array when it is stored. Where control goes on, the topmost kout entries are handed over in
registers and the others of the array are written back; where it jumps, the topmost `jump` entries are; where it leaves (exits,
calls that may look at the stack) all are written back, and the true stack pointer is restored. LLVM's scalar replacement then
makes values of the array's elements, and nothing is left of it.

Between units the stack pointer counts the entries in memory only: those in registers lie above it. The VM author promises
(`[stack]`) that what lies above the top is dead; that entries are accessed through the stack pointer alone; and that a
pointer into the stack which a stencil stores in memory is where a callee finds the top: it may look at what lies below. A
callee that is handed a pointer may look at all.
A register is only ever filled from an entry that is known to exist, because the stencil itself accesses it or a deeper
one on every way to that point: what lies below the stack's first entry is never read and written back. Before a jump, and in
a transition that fills registers, the planner knows it from what the trace does where the jump arrives (`Height`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.holes import CONTINUE, EFFECT_PREFIX, HOLE_PREFIX, LABEL_PREFIX, QUESTION_PREFIX
from llvm_passes.instructions import Instruction, constant_distance
from llvm_passes.layout import Layout, UnknownType
from llvm_passes.stack_flow import EVERYTHING, NOTHING, Flow, flow_of
from llvm_passes.text import NAME, closing, split_top, unquote

SLOT = 8
"""Bytes of an entry."""
FARTHEST = 1 << 10
"""How far from the top a stencil may access entries and move it, in entries, to have variants."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The operand stack, which grows upwards in entries of 8 bytes; its pointer points at the first free one.

    parameter: the pointer's position among a stencil's parameters; registers: how many entries at most travel in
    registers; escapes: functions that look at the stack without being handed a pointer into it.
    """

    parameter: int
    registers: int
    escapes: frozenset[str] = frozenset()


class MemoryForm(Exception):
    """A stencil whose entries must all be in memory; the text says what it does with the stack pointer."""


@dataclass(frozen=True, slots=True)
class Access:
    """A line that loads from or stores to `size` bytes through `pointer`, which is `offset` bytes from the start."""

    pointer: str
    offset: int
    size: int
    reads: bool
    writes: bool

    @property
    def first(self) -> int:
        """The slot of its first byte."""
        return self.offset // SLOT

    @property
    def last(self) -> int:
        """The slot of its last byte."""
        return (self.offset + self.size - 1) // SLOT

    @property
    def whole(self) -> bool:
        """Whether it concerns all of its slots' bytes."""
        return self.offset % SLOT == 0 and self.size % SLOT == 0


@dataclass(frozen=True, slots=True)
class End:
    """A tail call that hands on the stack pointer, moved by `top` slots. `goes_on`: to the next micro-op; `label`: the function
    that stands for a jump, if it is one.
    """

    top: int
    goes_on: bool
    label: str = ""

    @property
    def jumps(self) -> bool:
        """Whether it goes to a micro-op that the trace names."""
        return self.label != ""


@dataclass(frozen=True, slots=True)
class Height:
    """What a trace that goes on behind a stencil says of its stack's height.

    needs: so many entries there are at its start, since it accesses them on every way that goes on or jumps; moves: by how many
    entries the top is then moved where it goes on; None when it does not, or not always alike.
    """

    needs: int
    moves: int | None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a stencil does with its stack, by line of its body.

    escapes: pointers into the stack that a line gives away, with their offsets in bytes; exposed: by line, below which slot the
    stack must be in memory then; flow: what is known at each line. Valid for the text it was made from.
    """

    text: str
    pointer: str
    accesses: Mapping[int, tuple[Access, ...]]
    ends: Mapping[int, End]
    returns: tuple[int, ...]
    escapes: Mapping[int, Mapping[str, int]]
    exposed: Mapping[int, int]
    flow: Mapping[int, Flow]

    @property
    def height(self) -> Height:
        """What is known of the stack's height where it goes on."""
        ahead = [(line, end) for line, end in self.ends.items() if end.goes_on or end.jumps]
        moves = {end.top for _, end in ahead if end.goes_on}
        needs = min((max(-self.flow[line].deepest, -end.top, 0) for line, end in ahead), default=0)
        return Height(needs, moves.pop() if len(moves) == 1 else None)

    @property
    def jumps(self) -> bool:
        """Whether it may jump, to one place only: of several, each may have other entries in registers."""
        return len({end.label for end in self.ends.values() if end.jumps}) == 1

    def outs(self, kin: int, registers: int, jump: int = 0) -> list[int]:
        """How many entries may be left in registers when `kin` came in them; none when `kin` cannot. jump: how many are where
        it jumps.
        """
        most = registers if any(end.goes_on for end in self.ends.values()) else 0
        for line, end in self.ends.items():
            if end.goes_on:
                most = min(most, end.top - min(-kin, self.flow[line].deepest))
        return [kout for kout in range(most + 1) if self._possible(kin, self.base(kin, kout, jump))]

    def natural_out(self, kin: int, registers: int, jump: int) -> int | None:
        """Of `outs`, for a jump that leaves `jump` entries, the one by which both ways keep the same entries, or the next lower
        one; None: it cannot be.
        """
        tops = {False: 0, True: 0} | {end.goes_on: end.top for end in self.ends.values() if end.goes_on or end.jumps}
        alike = max(jump + tops[True] - tops[False], 0)
        return max((kout for kout in self.outs(kin, registers, jump) if kout <= alike), default=None)

    def base(self, kin: int, kout: int, jump: int = 0) -> int:
        """The lowest slot of the window."""
        left = [end.top - kout for end in self.ends.values() if end.goes_on]
        left += [end.top - jump for end in self.ends.values() if end.jumps and jump]
        return min([-kin, *left])

    def _possible(self, kin: int, base: int) -> bool:
        """Whether it is clear of each slot, wherever it is accessed, that it is in the window or that it is in memory."""
        pulled = range(base, -kin)
        points = (*self.ends, *self.returns, *self.exposed)  # where slots are written back
        if any(not self.flow[line].settled(slot) for line in points for slot in pulled):
            return False
        for line, accesses in self.accesses.items():
            for access in accesses:
                slots = range(access.first, access.last + 1)
                if access.writes and not access.whole and any(slot in pulled for slot in slots):
                    return False
                if len({self.in_window(slot, line, access.writes, kin, base) for slot in slots}) != 1:
                    return False
                if access.reads and any(not self.flow[line].settled(slot) for slot in slots if slot in pulled):
                    return False
        return True

    def in_window(self, slot: int, line: int, writes: bool, kin: int, base: int) -> bool:
        """Whether an access at this line finds the slot in the window: it came in a register, or has been stored."""
        return slot >= -kin or (slot >= base and (writes or slot in self.flow[line].written))


# ---- Analysis ----


def usage_of(text: str, stack: Stack, layout: Layout) -> Usage:
    """How a stencil (named values, no debug information) uses its stack. Raises MemoryForm."""
    return _Analysis(Body(text), stack, layout).run()


_MEMORY = re.compile(r"^  (?:%\S+ = )?(load|store) (.*)$")
_CALL = re.compile(rf"^  (?:%({NAME}) = )?((?:musttail|tail|notail) )?call ([^@%]*)([@%])({NAME})\(")
_NO_CODE = ("llvm.", HOLE_PREFIX, QUESTION_PREFIX, EFFECT_PREFIX)
_BULK = re.compile(r"llvm\.(memcpy|memmove|memset)(?:\.inline)?\.p0")


class _Analysis:
    def __init__(self, body: Body, stack: Stack, layout: Layout) -> None:
        self.body = body
        self.stack = stack
        self.layout = layout
        self.offsets: dict[str, int] = {}
        self.accesses: dict[int, list[Access]] = {}
        self.ends: dict[int, End] = {}
        self.escapes: dict[int, dict[str, int]] = {}

    def run(self) -> Usage:
        body = self.body
        pointer = parameters(body.lines[0])[self.stack.parameter].rsplit("%", 1)[1]
        pending = [(pointer, 0)]
        while pending:
            name, offset = pending.pop()
            self.offsets[name] = offset
            for line in dict.fromkeys(body.users(name)):
                if line and (derived := self._use(line, name, offset)) is not None:
                    pending.append(derived)
        if any(" musttail call " in line and index not in self.ends for index, line in enumerate(body.lines)):
            raise MemoryForm("hands on a stack pointer that it has from elsewhere")
        calls = {line: unquote(match[5]) for line, match in self._calls()}
        given = {
            line: EVERYTHING if line in calls else max(offsets.values()) // SLOT
            for line, offsets in self.escapes.items()
        }
        flow = flow_of(body.lines, self.accesses, given)
        exposed = {line: max(given.get(line, NOTHING), flow[line].visible) for line in (*calls, *given)}
        exposed |= {line: EVERYTHING for line, callee in calls.items() if callee in self.stack.escapes}
        exposed = {line: limit for line, limit in exposed.items() if limit != NOTHING and line not in self.ends}
        returns = tuple(
            index
            for index, line in enumerate(body.lines)
            if line.startswith("  ret ") and " musttail call " not in body.lines[index - 1]
        )
        usage = Usage(
            "\n".join(body.lines),
            pointer,
            {line: tuple(found) for line, found in self.accesses.items()},
            self.ends,
            returns,
            self.escapes,
            exposed,
            flow,
        )
        _require_told(usage)
        return usage

    def _calls(self) -> Iterator[tuple[int, re.Match[str]]]:
        """Calls that run code of the VM's, other than the ends: not what is only asked and said while a trace is assembled."""
        for index, line in enumerate(self.body.lines):
            match = _CALL.match(line) if " call " in line or line.startswith("  call ") else None
            if match and index not in self.ends and not match[5].startswith(_NO_CODE):
                yield index, match

    def _use(self, line: int, name: str, offset: int) -> tuple[str, int] | None:
        """Note one use; (name, offset) of a pointer that it derives."""
        text = self.body.lines[line]
        if memory := _MEMORY.match(text):
            self._memory(line, memory[1], memory[2], name, offset)
            return None
        if match := _CALL.match(text):
            self._call(line, match, name, offset)
            return None
        instruction = self.body.instruction(line)
        if (
            instruction is not None
            and instruction.opcode == "getelementptr"
            and instruction.operands[0][1] == f"%{name}"
        ):
            return instruction.name, offset + self._distance(instruction)
        if instruction is not None and instruction.opcode.startswith("icmp"):
            raise MemoryForm("compares the stack pointer")
        if instruction is not None and instruction.opcode == "ptrtoint":
            raise MemoryForm("computes with the stack pointer as a number")
        if " phi " in text or " select " in text:
            raise MemoryForm("chooses among pointers into the stack at run time")
        raise MemoryForm(f"uses the stack pointer in `{text.strip()}`")

    def _distance(self, instruction: Instruction) -> int:
        """Bytes that a getelementptr adds, if they are constant."""
        try:
            distance = constant_distance(instruction, self.layout)
        except UnknownType as error:
            raise MemoryForm(f"accesses the stack as {error}, a type of unknown size") from None
        if distance is None:
            raise MemoryForm("accesses the stack at a distance from the top that is not constant")
        return distance

    def _memory(self, line: int, opcode: str, rest: str, name: str, offset: int) -> None:
        if rest.startswith(("volatile ", "atomic ")):
            raise MemoryForm("accesses the stack volatile or atomically")
        pieces = split_top(rest)
        if opcode == "store" and pieces[0].endswith(f" %{name}"):
            self.escapes.setdefault(line, {})[name] = offset
            if pieces[1].endswith(f" %{name}"):
                raise MemoryForm("stores the stack pointer on the stack itself")
            return
        type_text = pieces[0] if opcode == "load" else _type_of(pieces[0])
        try:
            size = self.layout.size(type_text)
        except UnknownType:
            raise MemoryForm(f"accesses the stack as {type_text}, a type of unknown size") from None
        self._access(line, name, offset, size, opcode == "load", opcode == "store")

    def _access(self, line: int, name: str, offset: int, size: int, reads: bool, writes: bool) -> None:
        if size > FARTHEST * SLOT or abs(offset) > FARTHEST * SLOT:
            raise MemoryForm(f"accesses entries that are more than {FARTHEST} from the top, or apart")
        if size:
            self.accesses.setdefault(line, []).append(Access(name, offset, size, reads, writes))

    def _call(self, line: int, match: re.Match[str], name: str, offset: int) -> None:
        text = self.body.lines[line]
        arguments = split_top(text[match.end() : closing(text, match.end() - 1)])
        callee = unquote(match[5]) if match[4] == "@" else ""
        positions = [number for number, argument in enumerate(arguments) if argument.endswith(f" %{name}")]
        if match[2] == "musttail ":
            if positions != [self.stack.parameter]:
                raise MemoryForm("hands the stack pointer on as another part of the state")
            if offset % SLOT:
                raise MemoryForm("moves the stack pointer by less than an entry")
            if abs(offset) > FARTHEST * SLOT:
                raise MemoryForm(f"moves the stack pointer by more than {FARTHEST} entries")
            self.ends[line] = End(offset // SLOT, callee == CONTINUE, callee if callee.startswith(LABEL_PREFIX) else "")
        elif bulk := _BULK.match(callee):
            length = re.fullmatch(r"i64 (\d+)", arguments[2])
            if not length:
                raise MemoryForm("copies a number of entries that is not constant")
            for position in positions:
                self._access(line, name, offset, int(length[1]), position == 1, position == 0)
            assert bulk[1] != "memset" or positions == [0]
        elif callee.startswith("llvm.") or not positions or "asm" in match[3].split():
            raise MemoryForm(f"uses the stack pointer in `{text.strip()}`")
        else:
            self.escapes.setdefault(line, {})[name] = offset


def _require_told(usage: Usage) -> None:
    """MemoryForm for a stencil whose slots are not known well enough at some point."""
    for line, accesses in usage.accesses.items():
        for access in accesses:
            if access.reads and not usage.flow[line].written >= set(range(max(access.first, 0), access.last + 1)):
                raise MemoryForm("reads above the top of the stack")
    for line, end in usage.ends.items():
        if not usage.flow[line].written >= set(range(0, end.top)):
            raise MemoryForm("moves the stack pointer over entries that it does not store")
    for line in (*usage.exposed, *usage.returns):
        flow = usage.flow[line]
        limit = usage.exposed.get(line, EVERYTHING)
        if not all(flow.settled(slot) for slot in flow.perhaps if 0 <= slot < limit):
            raise MemoryForm("pushes on some ways only before its stack is looked at")


def _type_of(piece: str) -> str:
    """The type in `type value`; a type that holds blanks is in brackets."""
    return piece[: closing(piece, 0) + 1] if piece[0] in "[{<" else piece.split(" ", 1)[0]


def parameters(header: str) -> list[str]:
    """The parameters of a `define` line, each with type, attributes and name."""
    start = header.index("(", header.index("@"))
    return split_top(header[start + 1 : closing(header, start)])


# ---- Rewriting ----


def variant(usage: Usage, stack: Stack, name: str, kin: int, kout: int, jump: int = 0) -> str:
    """The text of the function `name`: the stencil with `kin` entries in registers at its start and `kout` at its end, `jump`
    where it jumps.

    `kout` must be one of `usage.outs(kin, …, jump)`. All variants have the same parameters, those of the stencil and one i64 a
    register; which of them hold entries is what `kin` and `kout` say.
    """
    return _Variant(usage, stack, kin, kout, jump).run(name)


_OPAQUE = "poison"


class _Variant:
    def __init__(self, usage: Usage, stack: Stack, kin: int, kout: int, jump: int) -> None:
        self.usage = usage
        self.stack = stack
        self.kin = kin
        self.kout = kout
        self.jump = jump
        self.lines = usage.text.split("\n")
        self.out: list[str] = []
        self.count = 0
        self.base = usage.base(kin, kout, jump)
        self.size = max([0, *(access.last for found in usage.accesses.values() for access in found)]) + 1 - self.base

    def run(self, name: str) -> str:
        self.out.append(self._header(name))
        started = False
        for index, line in enumerate(self.lines[1:], start=1):
            if not started and line.startswith("  "):
                self._start()
                started = True
            self._line(index, line)
        return "\n".join(self.out)

    def _header(self, name: str) -> str:
        header = self.lines[0]
        start = header.index("(", header.index("@"))
        end = closing(header, start)
        own = parameters(header)
        own[self.stack.parameter] = (
            f"ptr noundef %{self.usage.pointer}"  # what was known of it (readonly, …) is no longer so
        )
        own += [f"i64 %sg.r{number}" for number in range(self.stack.registers)]
        before = re.sub(rf"@{NAME}$", f"@{name}", header[:start])
        return f"{before}({', '.join(own)}){header[end + 1 :]}"

    def _start(self) -> None:
        self.out.append(f"  %sg.window = alloca [{self.size} x i64], align 16")
        for number in range(self.kin):
            self.out.append(f"  store i64 %sg.r{number}, ptr {self._window(-self.kin + number)}, align 8")

    def _line(self, index: int, line: str) -> None:
        usage = self.usage
        for access in usage.accesses.get(index, ()):
            shadowed = usage.in_window(access.first, index, access.writes, self.kin, self.base)
            place = self._window if shadowed else self._memory
            pointer = place(access.first, access.offset - access.first * SLOT)
            line = _replace_pointer(line, access.pointer, pointer)
        if end := usage.ends.get(index):
            line = self._end(index, line, end)
        for name, offset in usage.escapes.get(index, {}).items():
            line = _replace_pointer(line, name, self._memory(0, offset))
        if index in usage.returns or index in usage.exposed:
            limit = usage.exposed.get(index, EVERYTHING)
            slots = [slot for slot in self._shadowed(index) if slot < limit]
            self._write_back(slots)
            self.out.append(line)
            if index in usage.exposed and _CALL.match(line):
                for slot in slots:
                    self.out.append(f"  store i64 {self._load(self._memory(slot))}, ptr {self._window(slot)}, align 8")
            return
        self.out.append(line)

    def _end(self, index: int, line: str, end: End) -> str:
        kept = self.kout if end.goes_on else self.jump if end.jumps else 0
        shadowed = self._shadowed(index)
        self._write_back([slot for slot in shadowed if slot < end.top - kept])
        values = [
            self._load(self._window(slot) if slot in shadowed else self._memory(slot))
            for slot in range(end.top - kept, end.top)
        ]
        values += [_OPAQUE] * (self.stack.registers - kept)
        match = _CALL.match(line)
        assert match is not None
        close = closing(line, match.end() - 1)
        arguments = split_top(line[match.end() : close])
        arguments[self.stack.parameter] = f"ptr noundef {self._memory(end.top - kept)}"
        arguments += [f"i64 {value}" for value in values]
        return f"{line[: match.end()]}{', '.join(arguments)}{line[close:]}"

    def _shadowed(self, index: int) -> list[int]:
        """The slots that the window holds at a line."""
        stored = {slot for slot in self.usage.flow[index].written if slot >= self.base}
        return sorted({*range(-self.kin, 0), *stored})

    def _write_back(self, slots: list[int]) -> None:
        for slot in slots:
            value = self._load(self._window(slot))
            self.out.append(f"  store i64 {value}, ptr {self._memory(slot)}, align 8")

    def _load(self, pointer: str) -> str:
        return self._define(f"load i64, ptr {pointer}, align 8")

    def _window(self, slot: int, within: int = 0) -> str:
        return self._define(f"getelementptr i8, ptr %sg.window, i64 {(slot - self.base) * SLOT + within}")

    def _memory(self, slot: int, within: int = 0) -> str:
        return self._define(f"getelementptr i8, ptr %{self.usage.pointer}, i64 {(slot + self.kin) * SLOT + within}")

    def _define(self, text: str) -> str:
        self.count += 1
        self.out.append(f"  %sg.w{self.count} = {text}")
        return f"%sg.w{self.count}"


def _replace_pointer(line: str, name: str, pointer: str) -> str:
    """`line` with %name replaced where it is used, not where a name only begins alike."""
    return Body.replace(line, lambda found: pointer if found == name else None)
