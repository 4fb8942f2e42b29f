"""Assembly text as LLVM prints it → lines with meaning: labels, typed instructions, constant data.

The key idea: text is understood here, once, and completely. An instruction becomes an `x86_64.Instruction` or the build
fails; a directive is known to be harmless, known to be data, or the build fails. Nothing passes through as text.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from llvm_passes.assembly import DataObject
from stencilgen.errors import UserError
from stencilgen.last import is_write
from x86_64 import Address, AssemblyError, Instruction, Label, Symbol, parse_att, rsp

__all__ = ["Data", "DataRelocation", "Function", "Part", "Place", "Statement", "read_data", "read_function"]


class Part(Enum):
    """Which part of a stencil a line belongs to; LLVM moves cold blocks to a section of their own."""

    HOT = "hot"
    COLD = "cold"


@dataclass(frozen=True, slots=True)
class Place:
    """A label: the code after it can be jumped to by this name."""

    name: str


Statement = Place | Instruction


@dataclass(frozen=True, slots=True)
class Function:
    """One stencil's statements in LLVM's order, hot and cold."""

    name: str
    hot: tuple[Statement, ...]
    cold: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class DataRelocation:
    """Eight bytes of constant data at `offset` that hold the address `symbol + addend`."""

    offset: int
    symbol: str
    addend: int


@dataclass(frozen=True, slots=True)
class Data:
    """A constant: its bytes, its alignment in bytes (a power of two), and the addresses inside it."""

    name: str
    alignment: int
    content: bytes
    relocations: tuple[DataRelocation, ...] = ()


# Directives that say nothing about the code itself.
_HARMLESS = frozenset(
    [
        ".addrsig",
        ".addrsig_sym",
        ".att_syntax",
        ".cfi_adjust_cfa_offset",
        ".cfi_def_cfa",
        ".cfi_def_cfa_offset",
        ".cfi_def_cfa_register",
        ".cfi_endproc",
        ".cfi_offset",
        ".cfi_personality",
        ".cfi_restore",
        ".cfi_restore_state",
        ".cfi_remember_state",
        ".cfi_sections",
        ".cfi_startproc",
        ".file",
        ".globl",
        ".hidden",
        ".ident",
        ".loc",
        ".p2align",
        ".set",
        ".size",
        ".type",
        ".weak",
        ".protected",
        ".local",
    ]
)
# These stand on lines of their own and belong to the next instruction.
_LONE_PREFIXES = frozenset({"lock", "rep", "repe", "repz", "repne", "repnz"})

_LABEL = re.compile(r'^("[^"]+"|[\w.$@]+):')
_SECTION = re.compile(r"\.section\s+([^\s,]+)|(\.text|\.data|\.bss)\b")


_INLINE_BEGINS, _INLINE_ENDS = "#APP", "#NO_APP"


def _lines(text: str) -> Iterator[str]:
    """Lines without comments and space; several statements on one line (inline assembly) come one by one."""
    for raw in text.splitlines():
        line = raw.strip()
        if line in (_INLINE_BEGINS, _INLINE_ENDS):
            yield line
        if not line or line[0] in "#/":
            continue
        if "#" in line and '"' not in line:
            line = line.split("#", 1)[0].rstrip()
        if ";" in line and '"' not in line:
            yield from (part for piece in line.split(";") if (part := piece.strip()))
        else:
            yield line


def read_function(name: str, text: str, resolve: Callable[[str], Symbol | Address | Label]) -> Function:
    """Read one function. `resolve` says what a symbol name stands for.

    Raises UserError for an instruction that the table does not know: it can only come from the user's inline assembly
    or from a target feature that the table lacks, and the message names both.
    """
    parts: dict[Part, list[Statement]] = {Part.HOT: [], Part.COLD: []}
    part: Part | None = Part.HOT
    prefix, inline = "", False
    for line in _lines(text):
        if line in (_INLINE_BEGINS, _INLINE_ENDS):
            inline = line == _INLINE_BEGINS
            continue
        if section := _SECTION.match(line):
            if inline:
                raise UserError(
                    f"stencil {name}: its inline assembly leaves the stencil's section: '{line}'",
                    remedy="move what belongs elsewhere into the VM",
                )
            section_name = section[1] or section[2]
            if section_name.startswith(".text.split."):
                part = Part.COLD
            else:
                part = Part.HOT if section_name.startswith(".text") else None
            continue
        while label := _LABEL.match(line):
            place = Place(label[1].strip('"'))
            # a stencil's own name is no place in it: nothing jumps there, and it may be called NEXT or EXIT
            if part is not None and place.name != name:
                parts[part].append(place)
            line = line[label.end() :].strip()
        if not line or part is None:
            continue
        if line.startswith("."):
            directive = line.split(None, 1)[0]
            if directive not in _HARMLESS:
                raise UserError(
                    f"stencil {name}: cannot understand the directive '{line}'",
                    remedy="remove it from the inline assembly",
                )
            continue
        if line in _LONE_PREFIXES:
            prefix = line + " "
            continue
        try:
            instruction = parse_att(prefix + line, resolve)
        except AssemblyError as error:
            raise UserError(
                f"stencil {name}: cannot understand the instruction '{prefix}{line}': {error}",
                remedy="a stencil's inline assembly, and what its -m flags let Clang use, must be in the instruction table",
            ) from None
        if inline and rsp in instruction.effects.writes and not is_write(instruction):
            raise UserError(
                f"stencil {name}: its inline assembly moves the stack pointer: '{prefix}{line}'",
                remedy="leave rsp as it is: all stencils of a trace share one frame",
            )
        parts[part].append(instruction)
        prefix = ""
    return Function(name, tuple(parts[Part.HOT]), tuple(parts[Part.COLD]))


_WIDTHS = {
    ".byte": 1,
    ".short": 2,
    ".value": 2,
    ".2byte": 2,
    ".long": 4,
    ".int": 4,
    ".4byte": 4,
    ".quad": 8,
    ".8byte": 8,
}
LARGEST_ALIGNMENT = 4096
"""Bytes: each context copies the constants to the start of a page."""
_ESCAPES = {"n": 10, "t": 9, "r": 13, "b": 8, "f": 12, '"': 34, "\\": 92}


def read_data(item: DataObject) -> Data:
    """One constant: a literal, a string, a `static const` table.

    It may hold addresses of other constants and of VM symbols, but not of code inside a stencil.
    """
    if not item.section.startswith((".rodata", ".data.rel.ro")):
        raise UserError(
            f"'{item.label}' lies in {item.section}, which a stencil cannot carry",
            remedy="make it const, or move it to the VM",
        )
    if item.alignment > LARGEST_ALIGNMENT:
        raise UserError(
            f"constant {item.label} is aligned to {item.alignment:,} bytes; a stencil's constants can have {LARGEST_ALIGNMENT:,}",
            remedy="align it less, or define it in the VM",
        )
    content, relocations = bytearray(), list[DataRelocation]()
    for line in _lines(item.assembly):
        directive, _, operand = line.replace("\t", " ").partition(" ")
        operand = operand.strip()
        if directive in _WIDTHS:
            for value in operand.split(","):
                _append_value(item.label, value.strip(), _WIDTHS[directive], content, relocations)
        elif directive in (".zero", ".skip", ".space"):
            content += bytes(int(operand.split(",")[0], 0))
        elif directive in (".ascii", ".asciz", ".string"):
            content += _unquote(line.partition("\t")[2].strip()) + (b"" if directive == ".ascii" else b"\0")
        elif directive not in _HARMLESS:
            raise UserError(f"constant {item.label}: cannot understand the directive '{line}'")
    return Data(item.label, item.alignment, bytes(content), tuple(relocations))


def _append_value(name: str, item: str, size: int, content: bytearray, relocations: list[DataRelocation]) -> None:
    try:
        content += (int(item, 0) & (1 << 8 * size) - 1).to_bytes(size, "little")
        return
    except ValueError:
        pass
    match = re.fullmatch(r"([\w.$]+)\s*([+-]\s*\d+)?", item)
    if not match or size != 8 or match[1].startswith((".LBB", ".Ltmp")):
        raise UserError(
            f"constant {name}: cannot carry '{item}' of {size} bytes",
            remedy="constants of stencils may hold numbers and whole addresses of VM functions, data and other constants",
        )
    relocations.append(DataRelocation(len(content), match[1], int((match[2] or "0").replace(" ", ""))))
    content += bytes(8)


def _unquote(operand: str) -> bytes:
    """The bytes of an assembler string: octal escapes and the usual letters."""
    if len(operand) < 2 or operand[0] != '"' or operand[-1] != '"':
        raise UserError(f"cannot understand the string {operand}")
    result, body, position = bytearray(), operand[1:-1], 0
    while position < len(body):
        character = body[position]
        if character != "\\":
            result += character.encode()
            position += 1
        elif octal := re.match(r"[0-7]{1,3}", body[position + 1 :]):
            result.append(int(octal[0], 8))
            position += 1 + octal.end()
        else:
            result.append(_ESCAPES[body[position + 1]])
            position += 2
    return bytes(result)
