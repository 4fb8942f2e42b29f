"""Machine code as actions of DynASM's engine, version 1.5.

An action list is machine code in which the bytes from 233 on are *actions*: do something with the next argument of the
call, or with the bytes just written. The key idea of the engine: it runs three times over the same list. The first pass
measures, and stores arguments; the second shortens branches; the third writes the bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from dasc.language.machine import Align, Code, Data, Displacement, Immediate, Item, LabelHere, Section, Space
from dasc.language.operands import Place
from dasc.language.source import Statement

__all__ = ["MOST_POSITIONS", "VERSION", "Action", "Actions", "Names"]

VERSION = 10500
"""The engine's version, as its header has it."""

MOST_POSITIONS = 25
"""A call of `dasm_put` may use so many places in the engine's buffer, its own offset included."""


class Action(IntEnum):
    """The actions, and what follows each in the list and among the arguments."""

    DISPLACEMENT = 233
    IMMEDIATE_SIGNED_BYTE = 234
    IMMEDIATE_BYTE = 235
    IMMEDIATE_WORD = 236
    IMMEDIATE_DWORD = 237
    IMMEDIATE_WORD_OR_BYTE = 238
    IMMEDIATE_DWORD_OR_BYTE = 239
    VARIABLE_REGISTER = 240
    SPACE = 241
    SET_LABEL = 242
    RELATIVE_ADDRESS = 243
    RELATIVE_LABEL = 244
    RELATIVE_PC = 245
    ADDRESS_OF_LABEL = 246
    ADDRESS_OF_PC = 247
    LABEL = 248
    PC = 249
    ALIGN = 250
    EXTERN = 251
    ESCAPE = 252
    MARK = 253
    SECTION = 254
    STOP = 255


_FIELDS = {"address": 0x00, "rm": 0x20, "opcode": 0x20, "base": 0x20, "index": 0x40, "reg": 0x80, "vvvv": 0xA0}
_IN_IMMEDIATE = 0xC0
_FIRST_GLOBAL, _LAST_GLOBAL, _AHEAD, _MOST_EXTERNS = 10, 246, 246, 256


@dataclass(slots=True)
class Names:
    """Global and external labels, numbered in the order in which they are met."""

    globals: dict[str, int] = field(default_factory=dict)
    externs: dict[str, int] = field(default_factory=dict)

    def of_global(self, name: str, statement: Statement) -> int:
        if name not in self.globals and _FIRST_GLOBAL + len(self.globals) > _LAST_GLOBAL:
            raise statement.error(
                "there are too many global labels", f"{_LAST_GLOBAL - _FIRST_GLOBAL + 1} are possible"
            )
        return self.globals.setdefault(name, _FIRST_GLOBAL + len(self.globals))

    def of_extern(self, name: str, statement: Statement) -> int:
        if name not in self.externs and len(self.externs) == _MOST_EXTERNS:
            raise statement.error("there are too many external labels", f"{_MOST_EXTERNS} are possible")
        return self.externs.setdefault(name, len(self.externs))

    def table(self, kind: str, name: str) -> Iterator[str]:
        """The C of a table: "globals", an enumeration; "globalnames", "externnames", arrays of strings."""
        if kind == "globals":
            yield "enum {"
            for label in self.globals:
                yield f"  {name}{label.partition('@')[0]},"
            yield f"  {name}_MAX"
        else:
            yield f"static const char *const {name}[] = {{"
            for label in self.globals if kind == "globalnames" else self.externs:
                yield f'  "{label}",'
            yield "  (const char *)0"
        yield "};"


@dataclass(slots=True)
class Actions:
    """One item as actions. positions: how many places in the engine's buffer they take."""

    statement: Statement
    names: Names
    x64: bool
    code: bytearray = field(default_factory=bytearray)
    arguments: list[str] = field(default_factory=list)
    positions: int = 0

    def add(self, item: Item) -> None:
        """Append an item. Raises `DascError` when the engine has no way to do it."""
        match item:
            case Code():
                self.instruction(item)
            case LabelHere(place, address):
                self.label(place, address)
            case Align(size):
                self.action(Action.ALIGN, positions=1)
                self.code.append(size - 1)
            case Space(count, filler):
                self.action(Action.SPACE, count)
                self.code.append(filler)
            case Data(values):
                for value in values:
                    self.immediate(value)
            case Section(number):
                self.action(Action.SECTION)
                self.code.append(number)

    def action(self, action: Action, argument: str | None = None, positions: int = 0) -> None:
        self.code.append(action)
        if argument is not None:
            self.arguments.append(argument)
            positions = positions or 1
        self.positions += positions

    def bytes(self, code: bytes) -> None:
        for byte in code:
            if byte >= Action.DISPLACEMENT:
                self.code.append(Action.ESCAPE)
            self.code.append(byte)

    # ---- Instructions ----

    def instruction(self, item: Code) -> None:
        if item.rip_relative and item.immediates and self.x64:
            cause = "DynASM's engine cannot combine a label's address and an immediate"
            raise self.statement.error(cause, "load the address by a lea first")
        if item.near:
            cause = f"DynASM's engine has no branch of one byte, and `{self.statement.name}` no other"
            raise self.statement.error(cause, "jump over a jmp instead, or use the back end direct")
        following = sorted({variable.at for variable in item.variables})
        marked = _needs_mark(item)
        counted = 0
        start = 0
        for at in range(len(item.code)):
            if at in following or (marked and at == item.modrm_at):
                self.bytes(item.code[start : at + 1])
                start = at + 1
                if marked and at == item.modrm_at:
                    self.action(Action.MARK)
                counted = self.variables(item, at, counted)
        self.bytes(item.code[start:])
        if item.displacement is not None:
            self.displacement(item.displacement)
        for immediate in item.immediates:
            self.immediate(immediate)
        if item.target is not None and not item.rip_relative:
            self.relative(item.target)

    def variables(self, item: Code, at: int, counted: int) -> int:
        """The numbers of the registers in the byte just written.

        The last one of an instruction also decides whether the prefix shrinks, for as many as were counted.
        """
        limit = (_FIELDS["vvvv"] if item.prefix == "rex" else _FIELDS["reg"]) if item.shrinks else 0
        here = [variable for variable in item.variables if variable.at == at]
        for variable in here:
            kind = _FIELDS[variable.field]
            counted += kind < limit
            last = variable is item.variables[-1]
            distance = 0 if variable.field == "vvvv" or not item.prefix else at + 1 - item.prefix_at
            self.action(Action.VARIABLE_REGISTER, variable.expression)
            self.code.append(kind + (counted * 8 if last else 0) + distance)
        return counted

    def displacement(self, displacement: Displacement) -> None:
        match displacement.value:
            case Place() as place:
                if self.x64:
                    self.relative(place)
                else:
                    self.address(place)
            case str() as expression:
                elastic = Action.DISPLACEMENT if displacement.elastic else Action.IMMEDIATE_DWORD
                self.action(elastic, expression)
            case int() as number if displacement.elastic:
                self.action(Action.DISPLACEMENT, str(number))
            case int() as number:
                self.bytes((number & 0xFFFFFFFF).to_bytes(4, "little")[: displacement.size])

    def immediate(self, immediate: Immediate) -> None:
        match immediate.value:
            case Place() as place:
                self.address(place)
            case int() as number:
                self.bytes((number & (1 << immediate.size * 8) - 1).to_bytes(immediate.size, "little"))
            case str() as expression if immediate.kind == "register":
                self.bytes(b"\0")
                self.action(Action.VARIABLE_REGISTER, expression)
                self.code.append(_IN_IMMEDIATE)
            case str() as expression if immediate.size == 8:
                self.action(Action.IMMEDIATE_DWORD, f"(unsigned int)({expression})")
                self.action(Action.IMMEDIATE_DWORD, f"(unsigned int)((unsigned long long)({expression})>>32)")
            case str() as expression:
                self.action(_IMMEDIATES[immediate.size, immediate.kind], expression)

    # ---- Labels ----

    def label(self, place: Place, address: str) -> None:
        if place.kind == "pc":
            self.action(Action.PC, place.name)
        else:
            self.action(Action.LABEL, positions=1)
            self.code.append(self.number(place))
        if address:
            self.action(Action.SET_LABEL, f"(ptrdiff_t)({address})")

    def number(self, place: Place) -> int:
        if place.kind == "global":
            return self.names.of_global(place.name, self.statement)
        return int(place.name) + (_AHEAD if place.ahead else 0)

    def relative(self, place: Place) -> None:
        """Four bytes: the distance to the place."""
        match place.kind:
            case "pointer":
                self.action(Action.RELATIVE_ADDRESS, f"(ptrdiff_t)({place.name})")
            case "pc":
                self.action(Action.RELATIVE_PC, place.name, 2)
            case "extern":
                self.extern(place, 1)
            case _:
                self.action(Action.RELATIVE_LABEL, positions=2)
                self.code.append(self.number(place))

    def address(self, place: Place) -> None:
        """The address of the place: 8 bytes, or 4 in 32-bit code."""
        match place.kind:
            case "pointer":
                self.action(Action.IMMEDIATE_DWORD, f"(ptrdiff_t)({place.name})")
            case "pc":
                self.action(Action.ADDRESS_OF_PC, place.name)
            case "extern":
                self.extern(place, 0)
            case _:
                self.action(Action.ADDRESS_OF_LABEL, positions=1)
                self.code.append(self.number(place))

    def extern(self, place: Place, relative: int) -> None:
        self.action(Action.EXTERN)
        self.code += bytes([relative, self.names.of_extern(place.name, self.statement)])


_IMMEDIATES = {
    (1, "plain"): Action.IMMEDIATE_BYTE,
    (1, "signed"): Action.IMMEDIATE_SIGNED_BYTE,
    (2, "plain"): Action.IMMEDIATE_WORD,
    (4, "plain"): Action.IMMEDIATE_DWORD,
    (2, "shrinks"): Action.IMMEDIATE_WORD_OR_BYTE,
    (4, "shrinks"): Action.IMMEDIATE_DWORD_OR_BYTE,
}


def _needs_mark(item: Code) -> bool:
    """Whether the engine must be told where ModRM is, because other bytes come between it and what depends on it."""
    if item.modrm_at < 0:
        return False
    displacement = item.displacement
    elastic = displacement is not None and displacement.elastic
    sib = len(item.code) > item.modrm_at + 1
    registers = any(variable.field in ("reg", "address") for variable in item.variables)
    between = sib or registers if elastic else sib or (displacement is not None and displacement.size > 0)
    shrinks = any(immediate.kind == "shrinks" for immediate in item.immediates)
    return between and (elastic or shrinks)
