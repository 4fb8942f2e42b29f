"""From machine code to calls of `dasm_put` and one table of actions.

The key idea: between two lines of C all actions are one chunk, put by one call; chunks that stand in the table already
are not added again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dasc.actionlist.actions import MOST_POSITIONS, VERSION, Action, Actions, Names
from dasc.language.machine import Code, Data, Immediate, Item, LabelHere, Section
from dasc.language.output import Output
from dasc.language.source import Statement

__all__ = ["ActionListBackend"]

_WIDTH = 75


@dataclass(slots=True)
class ActionListBackend:
    """Writes C for DynASM's engine."""

    output: Output
    x64: bool = True
    names: Names = field(default_factory=Names)
    actions: bytearray = field(default_factory=bytearray)
    chunk: bytearray = field(default_factory=bytearray)
    arguments: list[str] = field(default_factory=list)
    positions: int = 1
    indent: str = ""

    def start(self, x64: bool) -> None:
        self.x64 = x64
        self.output.line(f"#if DASM_VERSION != {VERSION}")
        self.output.line('#error "Version mismatch between DynASM and included encoding engine"')
        self.output.line("#endif")

    def put(self, item: Item, statement: Statement, indent: str) -> None:
        if isinstance(item, Data):  # the one thing after which DynASM cuts a call
            for value in item.values:
                self.append(Data((value,)), statement, indent)
                if self.positions + _MOST_OF_DATA > MOST_POSITIONS:
                    self.flush(indent)
            return
        if self.positions + _room(item) > MOST_POSITIONS:
            self.flush(indent)
        self.append(item, statement, indent)
        if isinstance(item, Section):
            self.call()

    def append(self, item: Item, statement: Statement, indent: str) -> None:
        piece = Actions(statement, self.names, self.x64)
        piece.add(item)
        self.indent = indent
        self.chunk += piece.code
        self.arguments += piece.arguments
        self.positions += piece.positions

    def flush(self, indent: str) -> None:
        self.indent = indent
        if self.chunk:
            self.chunk.append(Action.STOP)
            self.call()

    def call(self) -> None:
        """Put what was collected. It ends with an action that ends a chunk."""
        offset = self.actions.find(self.chunk)
        if offset < 0:
            offset = len(self.actions)
            self.actions += self.chunk
        self.output.line(f"{self.indent}dasm_put(Dst, {', '.join([str(offset), *self.arguments])});")
        self.chunk, self.arguments, self.positions = bytearray(), [], 1

    def sections(self, names: tuple[str, ...]) -> None:
        for number, name in enumerate(names):
            self.output.line(f"#define DASM_SECTION_{name.upper()}\t{number}")
        self.output.line(f"#define DASM_MAXSECTION\t\t{len(names)}")

    def table(self, kind: str, name: str) -> None:
        self.output.deferred(lambda: self.lines(kind, name))

    def lines(self, kind: str, name: str) -> Iterator[str]:
        yield from self.action_list(name) if kind == "actionlist" else self.names.table(kind, name)

    def action_list(self, name: str) -> Iterator[str]:
        actions = self.actions or bytes([Action.STOP])
        yield f"static const unsigned char {name}[{len(actions)}] = {{"
        row = "  "
        for byte in actions[:-1]:
            row += f"{byte},"
            if len(row) >= _WIDTH:
                yield row
                row = "  "
        yield f"{row}{actions[-1]}"
        yield "};"
        yield ""


_MOST_OF_DATA = 2


def _room(item: Item) -> int:
    """So many positions are kept free before an item, the most that it takes. Calls are cut where DynASM cuts them."""
    match item:
        case Code(immediates=(Immediate(size=8),)) | LabelHere():
            return 2
        case Code():
            return 6
    return 1
