"""From a file to statements and lines of C: definitions, macros, conditionals and included files.

The key idea, DynASM's: a line of assembly is cut at semicolons into statements, and each statement is a name and
parameters between commas. What a name means is looked up in three places, one after the other: this module's
directives, macros, and whoever receives the statements (`Receiver`), who knows the machine.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dasc.errors import DascError, Text
from dasc.language.conditions import ConditionError, holds
from dasc.language.output import Output
from dasc.language.source import Origin, Statement, suggestion

__all__ = ["MACRO_NAME", "NAME", "Fatal", "Preprocessor", "Receiver", "split_parameters", "split_statement"]

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
MACRO_NAME = re.compile(r"[A-Za-z_][\w.]*|\.[\w.]*", re.ASCII)
_SUBSTITUTED = re.compile(r"#?\w+", re.ASCII)
_LINE = re.compile(r"(\s*)\|(.*)", re.ASCII | re.DOTALL)
_LABEL = re.compile(r"\s*(.+):\s*", re.ASCII | re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MOST_ROUNDS, _MOST_PARAMETERS, _MOST_DEPTH, _MOST_ERRORS = 100, 16, 64, 20


class Receiver(Protocol):
    """Who knows what the statements mean."""

    def statement(self, statement: Statement) -> None:
        """Translate a statement. Raises `DascError`."""

    def definition(self, name: str) -> str | None:
        """What a word stands for, unless the file defines it: `#Type` for a type's size."""

    def names(self) -> Iterable[str]:
        """Every name that a statement can have, for suggestions."""

    def flush(self) -> None:
        """C code follows: complete what was begun."""


@dataclass(slots=True)
class _Macro:
    name: str
    parameters: tuple[str, ...]
    origin: Origin
    lines: list[tuple[str, Origin]] = field(default_factory=list)
    active: bool = False


@dataclass(slots=True)
class _Condition:
    """An open `.if`. taken: some branch of it was; skipping: the present one is not."""

    origin: Origin
    taken: bool
    skipping: bool
    in_else: bool = False


class Fatal(Exception):
    """An error after which reading on makes no sense."""

    def __init__(self, error: DascError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Preprocessor:
    """Reads files, tells `receiver` their statements, and writes their C lines to `output`.

    definitions: words and what they stand for; folders: where included files are looked for, in this order.
    errors: what was found wrong, in order; at most 20 are collected.
    """

    receiver: Receiver
    output: Output
    definitions: dict[str, str] = field(default_factory=dict)
    folders: Sequence[Path] = (Path(),)
    macro_comments: bool = False
    flush_lines: bool = False
    errors: list[DascError] = field(default_factory=list)
    macros: dict[tuple[str, int], _Macro] = field(default_factory=dict)
    conditions: list[_Condition] = field(default_factory=list)
    recording: _Macro | None = None
    captured: Origin | None = None
    dumped: set[str] = field(default_factory=set)
    indent: str = ""
    depth: int = 0
    skipped: int = 0
    """How many conditionals are open within the part that is being skipped."""

    # ---- Files and lines ----

    def read(self, text: str, file: str) -> None:
        """Translate a whole file and check that nothing is left open."""
        try:
            self._file(text, file)
        except Fatal as fatal:
            self.errors.append(fatal.error)
            return
        for condition in self.conditions:
            self.errors.append(condition.origin.error("this conditional has no end", "close it by |.endif"))
        if self.recording is not None:
            cause = f"the macro `{self.recording.name}` has no end"
            self.errors.append(self.recording.origin.error(cause, "close it by |.endmacro"))
        if self.captured is not None:
            self.errors.append(self.captured.error("this capture has no end", "close it by |.endcapture"))
        elif unused := self.output.captures.keys() - self.dumped:
            place = Origin(Text("", file, 1, text.partition("\n")[0]))
            self.errors.extend(
                place.error(f"the capture `{name}` is never dumped", f"write |.dumpcapture {name}")
                for name in sorted(unused)
            )

    def _file(self, text: str, file: str) -> None:
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
            line = line.removesuffix("\r")
            self._guarded(self._line, Text(line, file, number, line))
        self.receiver.flush()

    def _guarded(self, action: Callable[[Text], None], text: Text) -> None:
        """Do it, and note an error instead of stopping at it."""
        try:
            action(text)
        except DascError as error:
            self.errors.append(error)
            if len(self.errors) >= _MOST_ERRORS:
                raise Fatal(text.error("there are too many errors; the rest is not shown")) from None

    def _line(self, text: Text) -> None:
        if self.flush_lines:
            self.receiver.flush()
        match = _LINE.fullmatch(text.text)
        if match is None:
            self.receiver.flush()
            self.output.synchronise(text.file, text.line)
            self.output.line(text.text)
            return
        self.indent = match[1]
        code = text.cut(match.start(2))
        if code.text.startswith("|"):
            if self.recording is None:
                self.output.synchronise(text.file, text.line)
            else:
                self._show(text, code.text)
            self._statement(code.text, Origin(code))
            return
        self._show(text, code.text)
        code, _ = code.partition("//")
        start = 0
        for piece in code.text.split(";"):
            part = code.cut(start, start + len(piece))
            self._guarded(lambda part: self._statement(part.text, Origin(part)), part)
            start += len(piece) + 1

    def _show(self, text: Text, code: str) -> None:
        if self.output.comments.before:
            self.output.synchronise(text.file, text.line)
            self.output.comment(self.indent, code)

    # ---- Statements ----

    def _statement(self, text: str, origin: Origin) -> None:
        if not text.strip():
            return
        if self.conditions and self.conditions[-1].skipping:
            self._skip(text, origin)
            return
        if self.recording is not None:
            self._record(self.recording, text, origin)
            return
        text = self._substitute(text, origin)
        if text.startswith("|"):
            self._c_line(text[1:])
            return
        name, parameters = split_statement(text, origin)
        statement = Statement(name, parameters, text, origin)
        macro = self.macros.get((name, len(parameters)))
        if macro is not None:
            self._expand(macro, statement)
            return
        if "" in parameters and name not in _MAY_BE_EMPTY | {known for known, _ in self.macros}:
            raise statement.error("a parameter is missing", "write one before and one after each comma")
        if handler := _DIRECTIVES.get(name):
            fewest, most, does = handler
            if not fewest <= len(parameters) <= most:
                takes = str(fewest) if fewest == most else f"{fewest} to {most}"
                cause = f"`{name}` has {len(parameters)} parameters; it takes {takes}"
                raise statement.error(cause, "commas separate parameters, except in brackets")
            does(self, statement)
        else:
            self.receiver.statement(statement)

    def unknown(self, statement: Statement) -> DascError:
        """The error about a statement whose name means nothing."""
        name = statement.name
        counts = sorted(count for known, count in self.macros if known == name)
        if counts:
            takes = " or ".join(map(str, counts))
            cause = f"the macro `{name}` takes {takes} parameters; here are {len(statement.parameters)}"
            return statement.error(cause, "commas separate parameters, except in brackets", name)
        known = {*(macro for macro, _ in self.macros), *_DIRECTIVES, *self.receiver.names()}
        return statement.error(f"unknown statement `{name}`", suggestion(name, known), name)

    def _c_line(self, code: str) -> None:
        self.receiver.flush()
        if code.startswith("//"):
            self.output.comment(self.indent, code)
        else:
            self.output.line(self.indent + code)

    def _substitute(self, text: str, origin: Origin) -> str:
        """The text with every defined word replaced, until none is left."""
        for _ in range(_MOST_ROUNDS):
            found = ""

            def replace(match: re.Match[str]) -> str:
                nonlocal found
                word = match[0]
                value = self.definitions.get(word)
                if value is None:
                    value = self.receiver.definition(word)
                if value is None:
                    return word
                found = word
                return value

            text = _SUBSTITUTED.sub(replace, text)
            if not found:
                return text
            if len(text) > 1 << 16:
                break
        raise Fatal(origin.error(f"the definition of `{found}` contains itself", "", found))

    # ---- Macros ----

    def _record(self, macro: _Macro, text: str, origin: Origin) -> None:
        if re.fullmatch(r"\s*\.endmacro\s*", text) is None:
            macro.lines.append((text, origin))
            return
        self.macros[macro.name, len(macro.parameters)] = macro
        self.recording = None

    def _expand(self, macro: _Macro, statement: Statement) -> None:
        if macro.active or self.depth >= _MOST_DEPTH:
            raise Fatal(statement.error(f"the macro `{macro.name}` calls itself", "", macro.name))
        values = dict(zip(macro.parameters, statement.parameters, strict=True))
        title = f" MACRO {macro.name} ({len(values)})"
        macro.active = True
        self.depth += 1
        if self.macro_comments:
            self.output.comment(self.indent, "{" + title)
        for line, _ in macro.lines:
            origin = statement.origin.within(macro.name)
            text = re.sub(r"\w+", lambda match: values.get(match[0], match[0]), line, flags=re.ASCII)
            text = re.sub(r"\s*\.\.\s*", "", self._substitute(text, origin), flags=re.ASCII)
            if self.macro_comments and not text.startswith("|"):
                self.output.comment(self.indent, text)
            self._guarded(lambda _, text=text, origin=origin: self._statement(text, origin), origin.text)  # type: ignore[misc]
        if self.macro_comments:
            self.output.comment(self.indent, "}" + title)
        self.depth -= 1
        macro.active = False

    def macro(self, statement: Statement) -> None:
        """`.macro name, parameter, …`"""
        if not statement.parameters:
            raise Fatal(statement.error("a macro needs a name", "write |.macro name, parameter"))
        name, *parameters = statement.parameters
        if MACRO_NAME.fullmatch(name) is None:
            raise Fatal(statement.error(f"`{name}` cannot name a macro", "use letters, digits and _", name))
        for index, parameter in enumerate(parameters):
            if NAME.fullmatch(parameter) is None:
                cause = f"`{parameter}` cannot name a parameter"
                raise Fatal(statement.error(cause, "use letters, digits and _", parameter))
            if parameter in parameters[:index]:
                raise Fatal(statement.error(f"two parameters are called `{parameter}`", "", parameter))
        if (name, len(parameters)) in self.macros or name in _DIRECTIVES:
            cause = f"`{name}` with {len(parameters)} parameters is defined already"
            raise Fatal(statement.error(cause, "choose another name", name))
        self.recording = _Macro(name, tuple(parameters), statement.origin)

    def endmacro(self, statement: Statement) -> None:
        raise Fatal(statement.error(".endmacro without .macro"))

    # ---- Definitions ----

    def define(self, statement: Statement) -> None:
        """`.define name, words`"""
        name, value = (*statement.parameters, "1")[:2]
        if NAME.fullmatch(name) is None:
            cause = f"`{name}` cannot be defined"
            raise statement.error(cause, "a definition has a name that is not defined yet", name)
        self.definitions[name] = value

    # ---- Conditionals ----

    def _skip(self, text: str, origin: Origin) -> None:
        match text.split()[0]:
            case ".if":
                self.skipped += 1
            case ".endif" if self.skipped:
                self.skipped -= 1
            case ".elif" | ".else" | ".endif" if not self.skipped:
                self.conditions[-1].skipping = False
                self._statement(text, origin)

    def _holds(self, statement: Statement) -> bool:
        condition = statement.parameters[0]
        try:
            return holds(condition)
        except ConditionError as error:
            raise Fatal(statement.error(f"bad condition: {error}", "", condition)) from None

    def if_(self, statement: Statement) -> None:
        taken = self._holds(statement)
        self.conditions.append(_Condition(statement.origin, taken, not taken))

    def elif_(self, statement: Statement) -> None:
        condition = self._open(statement)
        if condition.in_else:
            raise Fatal(statement.error(".elif after .else", "put it before"))
        condition.skipping = condition.taken or not self._holds(statement)
        condition.taken |= not condition.skipping

    def else_(self, statement: Statement) -> None:
        condition = self._open(statement)
        if condition.in_else:
            raise Fatal(statement.error(".else after .else", "there is one at most"))
        condition.skipping, condition.in_else = condition.taken, True

    def endif(self, statement: Statement) -> None:
        self._open(statement)
        self.conditions.pop()

    def _open(self, statement: Statement) -> _Condition:
        if not self.conditions:
            raise Fatal(statement.error(f"{statement.name} without .if", "open it by |.if condition"))
        return self.conditions[-1]

    # ---- Included files, captures, messages ----

    def include(self, statement: Statement) -> None:
        """`.include file`, looked for in the folders, then beside the including file."""
        name = statement.parameters[0]
        for folder in (*self.folders, Path(statement.origin.text.file).parent):
            path = folder / name
            if path.is_file():
                break
        else:
            raise Fatal(statement.error(f"the file `{name}` was not found", "name its folder by -I", name))
        if self.depth >= _MOST_DEPTH:
            raise Fatal(statement.error(f"`{name}` includes itself", "", name))
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Fatal(statement.error(f"`{name}` cannot be read: {error}", "", name)) from None
        indent, self.depth = self.indent, self.depth + 1
        self.output.unsynchronised()
        self._file(text, str(path))
        self.output.unsynchronised()
        self.indent, self.depth = indent, self.depth - 1

    def start_capture(self, statement: Statement) -> None:
        name = self._capture_name(statement)
        if self.captured is not None:
            cause = f"`{self.output.capture}` is being captured, since line {self.captured.text.line}"
            raise Fatal(statement.error(cause, "captures do not nest"))
        self.captured = statement.origin
        self.output.start_capture(name)

    def end_capture(self, statement: Statement) -> None:
        self.receiver.flush()
        if self.captured is None:
            raise Fatal(statement.error(".endcapture without .capture"))
        self.captured = None
        self.output.end_capture()

    def dump_capture(self, statement: Statement) -> None:
        name = self._capture_name(statement)
        if self.captured is not None:
            raise Fatal(statement.error("a capture cannot be dumped into a capture", "dump it after |.endcapture"))
        self.dumped.add(name)
        self.output.dump_capture(name)

    def _capture_name(self, statement: Statement) -> str:
        self.receiver.flush()
        name = statement.parameters[0]
        if NAME.fullmatch(name) is None:
            raise Fatal(statement.error(f"`{name}` cannot name a capture", "use letters, digits and _", name))
        return name

    def error(self, statement: Statement) -> None:
        raise statement.error(statement.parameters[0])

    def fatal(self, statement: Statement) -> None:
        raise Fatal(statement.error(statement.parameters[0]))

    def nothing(self, statement: Statement) -> None:
        """`.nop anything`"""


_DIRECTIVES: dict[str, tuple[int, int, Callable[[Preprocessor, Statement], None]]] = {
    ".define": (1, 2, Preprocessor.define),
    ".macro": (0, _MOST_PARAMETERS, Preprocessor.macro),
    ".endmacro": (0, 0, Preprocessor.endmacro),
    ".if": (1, 1, Preprocessor.if_),
    ".elif": (1, 1, Preprocessor.elif_),
    ".else": (0, 0, Preprocessor.else_),
    ".endif": (0, 0, Preprocessor.endif),
    ".include": (1, 1, Preprocessor.include),
    ".capture": (1, 1, Preprocessor.start_capture),
    ".endcapture": (0, 0, Preprocessor.end_capture),
    ".dumpcapture": (1, 1, Preprocessor.dump_capture),
    ".error": (1, 1, Preprocessor.error),
    ".fatal": (1, 1, Preprocessor.fatal),
    ".nop": (0, _MOST_PARAMETERS, Preprocessor.nothing),
}
"""Name: fewest and most parameters, and what to do."""

_MAY_BE_EMPTY = frozenset({".define", ".nop"})
"""Beside macros, what takes parameters that are nothing."""


def split_statement(text: str, origin: Origin) -> tuple[str, tuple[str, ...]]:
    """A statement's name and parameters; `label:` is the statement `.label label`."""
    if label := _LABEL.fullmatch(text):
        return ".label", (label[1],)
    name, *rest = text.split(maxsplit=1)
    opening = re.match(r"[^\s,]+", name)
    if opening is None:
        raise origin.error("a statement starts with its name", "", name, text)
    after = name[opening.end() :] + (" " + rest[0] if rest else "")
    parameters = split_parameters(after, origin)
    if len(parameters) > _MOST_PARAMETERS:
        raise origin.error(f"a statement has {_MOST_PARAMETERS} parameters at most", "", "", text)
    return opening[0], parameters


def split_parameters(text: str, origin: Origin) -> tuple[str, ...]:
    """What stands between commas outside of brackets, without white space around. As in DynASM it may be nothing, except
    for the first.
    """
    parts, start, open_ = [], 0, list[str]()
    for position, character in enumerate(text):
        if character in _CLOSING:
            open_.append(_CLOSING[character])
        elif character in ")]}":
            if not open_ or open_.pop() != character:
                raise origin.error(f"this `{character}` closes nothing", "", text.strip(), text)
        elif character == "," and not open_:
            parts.append(text[start:position])
            start = position + 1
    if open_:
        raise origin.error(f"a `{open_[-1]}` is missing", "", text.strip(), text)
    first, *others = (part.strip() for part in [*parts, text[start:]])
    return (first, *others) if first else tuple(others)
