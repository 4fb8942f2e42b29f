"""`.dasc` text to values: the inverse of the writer, for files that people edit.

Outside of functions stand directives, lines of C (the preamble) and the constants; a function with a `// @stencil`
comment is a stencil, within which `if` tells versions apart. Whatever cannot be carried over faithfully is an error that
says where and what to do instead.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Never, get_args

from dasc.check import is_expression, problems
from dasc.errors import Text
from dasc.lines import CLine, Directive, LabelPosition, SourceLine, Statement, read_lines
from dasc.model import (
    Constants,
    Decision,
    DropFrame,
    File,
    InstructionLine,
    LabelLine,
    LastAction,
    LastValue,
    Line,
    Relocation,
    Stencil,
    Value,
    Version,
    versions,
)
from dasc.syntax import FLAGS_DEAD, parse_address, parse_instruction, parse_label, split_commas
from x86_64 import AssemblyError, Symbol

__all__ = ["parse"]

_STENCIL = re.compile(
    r"static\s+void\s+emit_(?P<name>\w+)\s*\((?P<parameters>.*)\)\s*//\s*@stencil\s+frame\s+(?P<frame>\d+)"
    r"(?P<static_depth>,\s*static\s+depth)?(,\s*(?P<source>.*?))?\s*",
    re.ASCII,
)
_VALUE = re.compile(
    r"\s*const\s+int64_t\s+(?P<name>\w+)\s*=\s*(?P<expression>.*?)\s*;"
    r"\s*//\s*@value\s+(?P<low>-?\d+)\.\.(?P<high>-?\d+)\s+(?P<bits>\d+)(?P<checked>\s+checked)?\s*",
    re.ASCII,
)
_EFFECT = re.compile(r"\s*(?P<effect>SG_[A-Z_]+\(.*\));\s*", re.ASCII)
_IF = re.compile(r"if\s*\((?P<condition>.*)\)\s*\{")
_ELSE_IF = re.compile(r"\}\s*else\s+if\s*\((?P<condition>.*)\)\s*\{")
_ELSE = re.compile(r"\}\s*else\s*\{")
_RODATA = re.compile(r"static\s+const\s+uint8_t\s+sg_rodata\s*\[\s*\]\s*=\s*\{\s*//\s*@rodata\s*")
_RELOCATION = re.compile(r"//\s*@relocation\s+(?P<offset>\d+)\s+(?P<address>.*?)\s*")


def parse(text: str, file: str = "<text>") -> File:
    """The value of a `.dasc` file's text. `file` is what errors call it. Raises `DascError` for a mistake."""
    return _Reader(read_lines(text, file)).file()


class _Reader:
    """Reads a file from its first line to its last."""

    def __init__(self, lines: Iterator[SourceLine]) -> None:
        self.lines = lines
        self.preamble: list[str] = []
        self.data = b""
        self.relocations: list[Relocation] = []
        self.stencils: list[Stencil] = []

    def file(self) -> File:
        for line in self.lines:
            match line:
                case Directive(name=name) if handler := _DIRECTIVES.get(name):
                    handler(line, self.lines)
                case Statement(text=Text(text="")):
                    pass
                case CLine(text):
                    self.c_line(text)
                case _:
                    _unexpected(line)
        preamble = "\n".join(self.preamble).strip("\n").split("\n")
        return File(
            preamble=tuple(preamble) if preamble != [""] else (),
            rodata=Constants(self.data, tuple(self.relocations)),
            stencils=tuple(self.stencils),
        )

    def c_line(self, text: Text) -> None:
        """A line of C outside of stencils."""
        if match := _STENCIL.fullmatch(text.text):
            self.stencils.append(_StencilReader(text, match, self.lines).stencil())
        elif _RODATA.fullmatch(text.text):
            self.data = _read_data(text, self.lines)
        elif match := _RELOCATION.fullmatch(text.text):
            self.relocations.append(Relocation(int(match["offset"]), parse_address(text.cut(*match.span("address")))))
        elif "@stencil" in text.text:
            raise text.error(
                "this is not the head of a stencil",
                "write: static void emit_NAME(sg_assembler *Dst, …)  // @stencil frame 0, file.c:1",
            )
        elif not self.stencils and not self.data:
            self.preamble.append(text.text)
        elif text.text.strip() and not text.text.lstrip().startswith("//"):
            raise text.error("C code between or after stencils is not carried over", "move it above the first stencil")


def _read_data(head: Text, lines: Iterator[SourceLine]) -> bytes:
    data = bytearray()
    for line in lines:
        text = line.text.strip()
        if text.text == "};":
            return bytes(data)
        for byte in split_commas(text):
            if byte.text and not re.fullmatch(r"0x[0-9a-fA-F]{1,2}", byte.text):
                raise byte.error(f"`{byte.text}` is not a byte", "write it as 0x00 to 0xff")
            data += bytes([int(byte.text, 16)]) if byte.text else b""
    raise head.error("these constants have no end", "close them by a line `};`")


@dataclass(slots=True)
class _Scope:
    """What stands between two braces, as it is read; `places` tells where, for the sake of errors."""

    outer: "_Scope | None" = None
    values: list[Value] = field(default_factory=list)
    code: dict[str, list[Line]] = field(default_factory=lambda: {"hot": [], "cold": []})
    section: str = ""
    decision: Decision | None = None
    effects: list[str] = field(default_factory=list)
    inner: list["_Scope"] = field(default_factory=list)
    places: dict[str, list[Text]] = field(default_factory=lambda: {"values": [], "hot": [], "cold": []})

    def symbols(self) -> dict[str, Symbol]:
        """The values in sight, by name."""
        known = self.outer.symbols() if self.outer else {}
        return known | {value.symbol.name: value.symbol for value in self.values}

    def version(self) -> Version:
        code = tuple(self.code["hot"]), tuple(self.code["cold"])
        return Version(tuple(self.values), *code, self.decision, tuple(self.effects))

    def leaves(self) -> "Iterator[_Scope]":
        """The scopes that hold code, in the order of the text."""
        if not self.inner:
            yield self
        for scope in self.inner:
            yield from scope.leaves()

    def all_places(self) -> dict[str, list[Text]]:
        """Where a version's parts stand: its values are also those of the scopes around it."""
        around = self.outer.all_places()["values"] if self.outer else []
        return {**self.places, "values": [*around, *self.places["values"]]}


class _StencilReader:
    """Reads one stencil."""

    def __init__(self, head: Text, match: re.Match[str], lines: Iterator[SourceLine]) -> None:
        self.head = head
        self.lines = lines
        self.match = match
        self.places: dict[str, list[Text]] = {
            "name": [head.cut(*match.span("name"))],
            "frame": [head.cut(*match.span("frame"))],
            "source": [head.cut(*match.span("source"))] if match["source"] else [head],
            "parameters": split_commas(head.cut(*match.span("parameters"))),
        }

    def stencil(self) -> Stencil:
        assembler, *parameters = self.places["parameters"] or [self.head]
        if re.fullmatch(r"sg_assembler\s*\*\s*Dst", assembler.text) is None:
            raise assembler.error("the first parameter must be the assembler", "write: sg_assembler *Dst")
        self.places["parameters"] = parameters
        whole = _Scope()
        self.open()
        self.close(self.scope(whole))
        top = whole.version()
        stencil = Stencil(
            name=self.match["name"],
            source=self.match["source"] or "",
            frame=int(self.match["frame"]),
            static_depth=self.match["static_depth"] is not None,
            parameters=tuple(parameter.text for parameter in parameters),
            values=top.values,
            hot=top.hot,
            cold=top.cold,
            decision=top.decision,
            effects=top.effects,
        )
        for version, scope in zip(versions(stencil), whole.leaves(), strict=True):
            places = self.places | scope.all_places()
            for problem in problems(version):
                raise places[problem.part][problem.index].error(problem.cause, problem.remedy)
        return stencil

    def open(self) -> None:
        """Read up to the brace that opens the function."""
        for line in self.lines:
            text = line.text.strip()
            if text.text == "{":
                return
            if text.text and not text.text.startswith("//"):
                raise text.error("the function's opening brace was expected here", "write a line `{`")
        raise self.head.error("this stencil has no end", "close it by a line `}`")

    def scope(self, scope: _Scope) -> Text:
        """Read up to the line with the brace that closes this scope, and return that line."""
        for line in self.lines:
            text = line.text.strip()
            if text.text.startswith("}"):
                return text
            if not text.text or text.text.startswith("//"):
                continue
            if scope.decision is not None:
                raise text.error("code after an if", "write it in each of the versions")
            if match := _IF.fullmatch(text.text):
                self.decide(scope, text, match)
            else:
                self.line(line, scope)
        raise self.head.error("this stencil has no end", "close it by a line `}`")

    def close(self, end: Text) -> None:
        if end.text != "}":
            raise end.error("what does this `else` belong to?", "close the function by a line `}`")

    def decide(self, scope: _Scope, head: Text, match: re.Match[str]) -> None:
        """Read both sides of an if whose head was just read, and its last brace."""
        if scope.code["hot"] or scope.code["cold"] or scope.effects:
            raise head.error("code before an if", "write it in each of the versions")
        condition = head.cut(*match.span("condition"))
        if not is_expression(condition.text):
            raise condition.error(f"`{condition.text}` is not an expression on one line", "balance its brackets")
        yes, no = _Scope(scope), _Scope(scope)
        end = self.scope(yes)
        if chained := _ELSE_IF.fullmatch(end.text):
            self.decide(no, end, chained)
        elif _ELSE.fullmatch(end.text):
            self.close(self.scope(no))
        else:
            raise end.error("this `if` has no `else`", "every case needs code: write } else { … }")
        scope.decision = Decision(condition.text, yes.version(), no.version())
        scope.inner = [yes, no]

    def line(self, line: SourceLine, scope: _Scope) -> None:
        match line:
            case Directive(name="hot" | "cold", arguments=Text(text="")):
                scope.section = line.name
            case CLine(text) if (match := _EFFECT.fullmatch(text.text)) and is_expression(match["effect"]):
                scope.effects.append(match["effect"])
            case CLine(text):
                self.value(text, scope)
            case LabelPosition(text, target):
                self.place(text, LabelLine(parse_label(target)), scope)
            case Statement(text=Text(text="drop_frame") as text):
                self.place(text, DropFrame(), scope)
            case Statement(text=text) if match := _LAST.fullmatch(text.text):
                self.place(text, _last_value(text, match, scope.symbols()), scope)
            case Statement(text=text, comment=comment):
                flags_dead = FLAGS_DEAD in comment.split()
                self.place(text, self.instruction(text, flags_dead, scope.symbols()), scope)
            case _:
                _unexpected(line)

    def value(self, text: Text, scope: _Scope) -> None:
        match = _VALUE.fullmatch(text.text)
        if match is None:
            remedy = "a stencil computes values and decides only: const int64_t E0 = …;  // @value LOW..HIGH BITS"
            raise text.strip().error("this line of C cannot be compiled", remedy)
        try:
            symbol = Symbol(match["name"], int(match["low"]), int(match["high"]))
        except AssemblyError as error:
            raise text.cut(match.start("low"), match.end("high")).error(str(error), "write it as LOW..HIGH") from None
        scope.values.append(Value(symbol, match["expression"], int(match["bits"]), match["checked"] is not None))
        scope.places["values"].append(text.strip())

    def place(self, text: Text, line: Line, scope: _Scope) -> None:
        if not scope.section:
            raise text.error("is this code hot or cold?", "write |.hot or |.cold before it")
        scope.code[scope.section].append(line)
        scope.places[scope.section].append(text)

    def instruction(self, text: Text, flags_dead: bool, symbols: dict[str, Symbol]) -> InstructionLine:
        try:
            instruction = parse_instruction(text, symbols)
            instruction.encodings()
        except AssemblyError as error:
            raise text.error(str(error)) from None
        return InstructionLine(instruction, flags_dead)


_ACTIONS: Mapping[str, LastAction] = {action: action for action in get_args(LastAction)}
_LAST = re.compile(r"last (?P<action>\w+) (?P<place>\d+)(?:, *(?P<value>\w+))?", re.ASCII)


def _last_value(text: Text, match: re.Match[str], symbols: Mapping[str, Symbol]) -> LastValue:
    action, value = _ACTIONS.get(match["action"]), match["value"]
    if action is None:
        known = ", ".join(_ACTIONS)
        raise text.cut(*match.span("action")).error(
            f"`{match['action']}` happens to no last value", f"write one of {known}"
        )
    if value is not None and value not in symbols:
        raise text.cut(*match.span("value")).error(f"`{value}` is not a value of the stencil", "declare it before")
    return LastValue(action, int(match["place"]), symbols[value] if value is not None else None)


# ---- Directives outside of stencils ----


def _arch(line: Directive, lines: Iterator[SourceLine]) -> None:
    if line.arguments.text != "x64":
        raise line.arguments.error(f"architecture `{line.arguments.text}` is not supported", "write |.arch x64")


def _section(line: Directive, lines: Iterator[SourceLine]) -> None:
    if [name.text for name in split_commas(line.arguments)] != ["hot", "cold"]:
        raise line.arguments.error("a stencil has a hot and a cold section", "write |.section hot, cold")


def _actionlist(line: Directive, lines: Iterator[SourceLine]) -> None:
    """Names a table of DynASM's own encoding engine: nothing to do here."""


def _define(line: Directive, lines: Iterator[SourceLine]) -> None:
    """DynASM calls these registers by numbers only; we know them by name."""
    if [name.text for name in split_commas(line.arguments)] not in _BYTE_REGISTERS:
        known = ", ".join(new for new, _ in _BYTE_REGISTERS)
        raise line.arguments.error(f"the only definitions are those of {known}", "write out what this one stands for")


_BYTE_REGISTERS = [["spl", "r4b"], ["bpl", "r5b"], ["sil", "r6b"], ["dil", "r7b"]]


def _macro(line: Directive, lines: Iterator[SourceLine]) -> None:
    if line.arguments.text != "drop_frame":
        raise line.arguments.error("the only macro is drop_frame", "write out what this macro stands for")
    for inner in lines:
        if isinstance(inner, Directive) and inner.name == "endmacro":
            return
    raise line.text.error("this macro has no end", "close it by |.endmacro")


_DIRECTIVES: dict[str, Callable[[Directive, Iterator[SourceLine]], None]] = {
    "arch": _arch,
    "section": _section,
    "actionlist": _actionlist,
    "define": _define,
    "macro": _macro,
}


def _unexpected(line: SourceLine) -> Never:
    match line:
        case Directive(name=name) if name in (*_DIRECTIVES, "hot", "cold"):
            raise line.text.error(f"`.{name}` cannot stand here", _PLACES)
        case Directive(name=name):
            raise line.text.error(f"unknown directive `.{name}`", _PLACES)
        case _:
            raise line.text.error(
                "this line stands in the wrong place", "code belongs into a function with a // @stencil comment"
            )


_PLACES = f".hot and .cold stand in a stencil, by themselves; {', '.join(f'.{name}' for name in _DIRECTIVES)} outside"
