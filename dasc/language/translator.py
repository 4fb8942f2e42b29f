"""From the statements of a `.dasc` file to machine code for a back end.

The key idea: the directives that mean something to the machine (`.section`, `.type`, `.byte`, …) are a table of
functions, everything else is an instruction. What comes out are `Item`s, in the order of the file; a `Backend` turns
them into C, and is told when lines of C come between them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dasc.errors import DascError
from dasc.language.instructions import assemble, is_instruction, load64, mnemonic_names
from dasc.language.machine import Align, Data, Immediate, Item, LabelHere, Section, Space
from dasc.language.operands import Imm, Parser, Place, Type, number
from dasc.language.output import SHOWN, Comments, Output
from dasc.language.preprocessor import NAME, Fatal, Preprocessor
from dasc.language.registers import Reg
from dasc.language.source import Statement
from dasc.language.spelling import PREFIXES

__all__ = ["Backend", "Options", "TranslationError", "Translator", "translate"]


class TranslationError(Exception):
    """What is wrong with a file: one or more `DascError`s, in the file's order."""

    def __init__(self, errors: list[DascError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is translated, as dynasm.lua's options say.

    definitions: words and what they stand for. folders: where included files are looked for, in this order.
    comments: how lines of assembly are shown. line_numbers: write `#line`. macro_comments: show what macros expand to.
    flush_lines: every line of assembly becomes C by itself.
    """

    definitions: tuple[tuple[str, str], ...] = ()
    folders: tuple[Path, ...] = (Path(),)
    comments: Comments = SHOWN
    line_numbers: bool = True
    macro_comments: bool = False
    flush_lines: bool = False


class Backend(Protocol):
    """Who turns machine code into C."""

    output: Output

    def start(self, x64: bool) -> None:
        """The architecture is known: write what the C code needs before everything else."""

    def put(self, item: Item, statement: Statement, indent: str) -> None:
        """The next piece of machine code. Raises `DascError`."""

    def flush(self, indent: str) -> None:
        """C code follows: write the C for all that was put. indent: of the line of assembly that was read last."""

    def sections(self, names: tuple[str, ...]) -> None:
        """The sections' names, in the order in which they lie in memory."""

    def table(self, kind: str, name: str) -> None:
        """Write, here, a table: "actionlist", "globals", "globalnames" or "externnames"."""


def translate(text: str, file: str, backend: Backend, options: Options = Options()) -> str:
    """The C of a `.dasc` file. Raises `TranslationError`."""
    translator = Translator(backend)
    preprocessor = Preprocessor(
        translator,
        backend.output,
        dict(options.definitions),
        options.folders,
        options.macro_comments,
        options.flush_lines,
    )
    translator.preprocessor = preprocessor
    preprocessor.read(text, file)
    if preprocessor.errors:
        raise TranslationError(preprocessor.errors)
    return backend.output.text()


_DATA = {".byte": 1, ".sbyte": 1, ".word": 2, ".dword": 4, ".long": 4, ".qword": 8, ".quad": 8, ".aword": 0, ".addr": 0}
_TABLES = {".actionlist", ".globals", ".globalnames", ".externnames"}


@dataclass(slots=True)
class Translator:
    """Knows what the statements of one file mean."""

    backend: Backend
    preprocessor: Preprocessor = field(init=False)
    parser: Parser | None = None
    section_names: tuple[str, ...] = ()
    sizes: dict[str, str] = field(default_factory=dict)

    # ---- What the preprocessor asks ----

    def definition(self, name: str) -> str | None:
        return self.sizes.get(name)

    def names(self) -> Iterable[str]:
        return {*_DIRECTIVES, *_DATA, *_TABLES, *(f".{name}" for name in self.section_names), *mnemonic_names()}

    def flush(self) -> None:
        self.backend.flush(self.preprocessor.indent)

    def statement(self, statement: Statement) -> None:
        if statement.name == ".arch":
            self.arch(statement)
            return
        if self.parser is None:
            raise Fatal(statement.error("the architecture is not known yet", "write |.arch x64 first", statement.name))
        if handler := _DIRECTIVES.get(statement.name):
            handler(self, statement, self.parser)
        elif statement.name in _TABLES:
            self.backend.table(statement.name[1:], _only(statement))
        elif statement.name in _DATA:
            self.data(statement, self.parser)
        elif statement.name[1:] in self.section_names and statement.name[0] == ".":
            _none(statement)
            self.put(Section(self.section_names.index(statement.name[1:])), statement)
        elif is_instruction(statement.name):
            self.instruction(statement, self.parser)
        else:
            raise self.preprocessor.unknown(statement)

    def put(self, item: Item, statement: Statement) -> None:
        self.backend.put(item, statement, self.preprocessor.indent)

    # ---- Code ----

    def instruction(self, statement: Statement, parser: Parser) -> None:
        if statement.name in PREFIXES and not statement.parameters:
            self.put(assemble(statement, (), parser.x64), statement)
            return
        if statement.name == "mov64" and parser.x64:
            wide = [parser.parse_wide(text, statement) for text in statement.parameters]
            self.put(load64(statement, wide), statement)
        else:
            operands = [parser.parse(text, statement) for text in statement.parameters]
            self.put(assemble(statement, operands, parser.x64), statement)

    def label(self, statement: Statement, parser: Parser) -> None:
        """`1:`, `->name:`, `=>expr:`, and `.label place, &address`"""
        if len(statement.parameters) not in (1, 2):
            raise statement.error("a label has a name, and an address at most", "write .label ->name, &address")
        operand = parser.parse(statement.parameters[0], statement)
        address = ""
        if isinstance(operand, Imm) and isinstance(operand.value, int) and 1 <= operand.value <= 9:
            operand = Place("local", str(operand.value))
        if not isinstance(operand, Place) or operand.kind not in ("local", "global", "pc") or operand.ahead:
            cause = f"`{statement.parameters[0]}` cannot name a place"
            raise statement.error(cause, "write 1: to 9:, ->name: or =>expression:", statement.parameters[0])
        if len(statement.parameters) == 2:
            pointer = parser.parse(statement.parameters[1], statement)
            if not isinstance(pointer, Place) or pointer.kind != "pointer":
                raise statement.error("a label can be set to an address only", "write &expression")
            address = pointer.name
        self.put(LabelHere(operand, address), statement)

    def align(self, statement: Statement, parser: Parser) -> None:
        """`.align bytes`"""
        text = _only(statement)
        size = parser.size_of(text) or number(text)
        if size not in (2, 4, 8, 16, 32, 64, 128, 256):
            raise statement.error(f"`{text}` is not an alignment", "it is a power of two, from 2 to 256", text)
        self.put(Align(size), statement)

    def space(self, statement: Statement, parser: Parser) -> None:
        """`.space count, filler`"""
        if len(statement.parameters) not in (1, 2):
            raise statement.error(".space has a count and a filler", "write .space count, 0xcc")
        filler = number(statement.parameters[1]) if len(statement.parameters) == 2 else 0
        if filler is None or not 0 <= filler <= 255:
            raise statement.error("the filler is not a byte", "write 0 to 255", statement.parameters[1])
        self.put(Space(statement.parameters[0], filler), statement)

    def data(self, statement: Statement, parser: Parser) -> None:
        """`.byte value, …` and the like"""
        size = _DATA[statement.name] or parser.address_size
        for text in statement.parameters:
            value = parser.parse_wide(text, statement) if size == 8 else parser.parse(text, statement)
            match value:
                case Place() if size == parser.address_size and value.kind != "pointer":
                    self.put(Data((Immediate(value, size),)), statement)
                case Imm(int() as number_) if not -(1 << size * 8 - 1) <= number_ < 1 << size * 8:
                    raise statement.error(f"{number_} does not fit {size} bytes", "", text)
                case Imm(value=known):
                    self.put(
                        Data((Immediate(known, size, "signed" if statement.name == ".sbyte" else "plain"),)), statement
                    )
                case _:
                    raise statement.error(f"`{text}` is not a constant of {size} bytes", "", text)

    # ---- Declarations ----

    def arch(self, statement: Statement) -> None:
        name = _only(statement)
        if self.parser is not None:
            raise Fatal(statement.error("the architecture is given twice", "leave out the second .arch"))
        if name not in ("x64", "x86"):
            raise Fatal(statement.error(f"architecture `{name}` is not supported", "write |.arch x64", name))
        self.parser = Parser(name == "x64")
        self.backend.start(self.parser.x64)

    def section(self, statement: Statement, parser: Parser) -> None:
        """`.section name, …`"""
        if self.section_names:
            raise statement.error("the sections are given twice", "name all of them in one .section")
        for index, name in enumerate(statement.parameters):
            taken = {*_DIRECTIVES, *_DATA, *_TABLES}
            if (
                NAME.fullmatch(name) is None
                or name[0] == "_"
                or f".{name}" in taken
                or name in statement.parameters[:index]
            ):
                raise statement.error(f"`{name}` cannot name a section", "choose another name", name)
        self.backend.flush(self.preprocessor.indent)
        self.section_names = statement.parameters
        self.backend.sections(statement.parameters)

    def type(self, statement: Statement, parser: Parser) -> None:
        """`.type name, ctype, register`"""
        if len(statement.parameters) not in (2, 3):
            raise statement.error("a type has a name and a C type", "write .type name, ctype, register")
        name, ctype = statement.parameters[:2]
        if NAME.fullmatch(name) is None or name in parser.registers:
            raise statement.error(f"`{name}` cannot name a type", "use letters, digits and _", name)
        if name in parser.types:
            raise statement.error(f"the type `{name}` is declared twice", "", name)
        register: Reg | None = None
        if len(statement.parameters) == 3:
            register = parser.registers.get(statement.parameters[2])
            if register is None or not register.is_address or register.variable:
                raise statement.error("a type's register must hold an address", "", statement.parameters[2])
        type_ = Type(ctype, register, len(parser.types) + 1)
        parser.types[name] = type_
        self.sizes[f"#{name}"] = f"sizeof({ctype})"
        self.backend.output.line(f"#define Dt{type_.number:X}(_V) (int)(ptrdiff_t)&((({ctype} *)0)_V)")


_DIRECTIVES: dict[str, Callable[[Translator, Statement, Parser], None]] = {
    ".label": Translator.label,
    ".align": Translator.align,
    ".space": Translator.space,
    ".section": Translator.section,
    ".type": Translator.type,
}


def _only(statement: Statement) -> str:
    if len(statement.parameters) != 1:
        raise statement.error(f"`{statement.name}` takes one parameter")
    return statement.parameters[0]


def _none(statement: Statement) -> None:
    if statement.parameters:
        raise statement.error(f"`{statement.name}` takes no parameters")
