"""What the clean-up after folding leaves over: symbols combined with constants, and symbols that became memory bases.

Folding puts constants in the place of values, and the optimiser concludes more: it merges `symbol - 8` into a constant
expression, or forwards a stored integer to the load of a pointer, so that memory is accessed *through* the symbol, the
one use that a symbol must never have (LLVM takes for granted that distinct globals do not overlap). Both are put right
here, on the cleaned text, at the start of a further round of folding.
"""

from __future__ import annotations

import re

from llvm_passes.body import Body
from llvm_passes.expression import Const, JitExpr, operation
from llvm_passes.instructions import Resolve, constant, parse
from llvm_passes.layout import Layout
from llvm_passes.symbols import SYMBOL_PREFIX, SymbolTable, literal_text, marker_call
from llvm_passes.text import NAME, closing

_WITH_SYMBOL = re.compile(rf"^  .*@{SYMBOL_PREFIX}.*$", re.M)
_INTEGER = re.compile(rf"ptrtoint \(ptr @({SYMBOL_PREFIX}\w+) to i(\d+)\)")
_NESTED = re.compile(r"\b(add|sub|xor|trunc|inttoptr|getelementptr)(?: (?:nuw|nsw|inbounds|nusw))* \(")
_POINTER = re.compile(rf"(?:(?<!ptrtoint \()\bptr (?:[\w()]+ )*|\[ )@({SYMBOL_PREFIX}\w+)")
_CALLED = re.compile(rf"@({SYMBOL_PREFIX}\w+)\(")
_CALL = re.compile(r"^  (?:%\S+ = )?(?:(?:musttail|tail|notail) )?call ")
_VALUE_USE = re.compile(r"^  (?:ret |%\S+ = icmp )")
_TERMINATOR = re.compile(r"^  (?:br|switch|indirectbr) ")


def is_plain_use(line: str, name: str) -> bool:
    """Whether `line` uses the pointer %name as a value only: compares it, returns it, passes it to a real function.

    A stored pointer may be loaded again, and the optimiser sees through that: storing is no plain use.
    """
    if _CALL.match(line):
        callee = re.search(rf"[@%]({NAME})\(", line)
        return callee is not None and callee[0][0] == "@" and not callee[1].startswith("llvm.")
    return bool(_VALUE_USE.match(line))


def has_leftovers(text: str) -> bool:
    """Whether a cleaned module's text needs a second round of folding."""
    return any(_is_leftover(match[0]) for match in _WITH_SYMBOL.finditer(text))


def has_decided(text: str, table: SymbolTable) -> bool:
    """Whether the text still uses a value that the version's knowledge decides."""
    return bool(table.knowledge.known) and any(_decided(match, table) is not None for match in _INTEGER.finditer(text))


def _decided(use: re.Match[str], table: SymbolTable) -> Const | None:
    """The only possible value of a symbol as it is used."""
    value, bits = table.value(use[1]), int(use[2])
    if value is None:
        return None
    only = table.knowledge.value(operation("trunc", bits, value))
    return None if only is None else Const(bits, only)


def _replace_decided(line: str, table: SymbolTable) -> str:
    """`line` with constants for the values that are decided."""
    if not table.knowledge.known:
        return line

    def constant_for(use: re.Match[str]) -> str:
        only = _decided(use, table)
        return use[0] if only is None else literal_text(f"i{only.bits}", only)

    return _INTEGER.sub(constant_for, line)


def _is_leftover(line: str) -> bool:
    if ' asm "' in line:
        return False
    if any(SYMBOL_PREFIX in line[match.start() : _end(line, match)] for match in _NESTED.finditer(line)):
        return True
    if _base(line):
        return True
    instruction = parse(line)
    return instruction is not None and all(token[0] != "%" for _, token in instruction.operands)


def has_memory_base(text: str) -> bool:
    """Whether memory is accessed through a symbol."""
    return any(_base(match[0]) for match in _WITH_SYMBOL.finditer(text) if ' asm "' not in match[0])


def put_right(body: Body, table: SymbolTable, layout: Layout, resolve: Resolve) -> None:
    """Give each constant expression over symbols a symbol of its own, and each symbol that is a memory base a marker."""
    for index, line in list(body.mentions(f"@{SYMBOL_PREFIX}")):
        if ' asm "' in line:
            continue
        line = _replace_constants(_replace_decided(line, table), table, layout, resolve)
        markers = []
        while match := _base(line):
            name = body.fresh()
            line = f"{line[: match.start(1) - 1]}%{name}{line[match.end(1) :]}"
            marker = marker_call(name, "ptr", match[1])
            if " = phi " in line:
                _insert_before_terminator(body, re.split(rf"%{re.escape(name)}, %", line)[1].split(" ", 1)[0], marker)
            else:
                markers.append(marker)
        body.lines[index] = "\n".join([*markers, line])


def _end(line: str, match: re.Match[str]) -> int:
    return closing(line, match.end() - 1) + 1


def _base(line: str) -> re.Match[str] | None:
    """The first symbol (group 1) in `line` that memory is accessed through, or may be later on."""
    if match := _CALLED.search(line):
        return match
    for match in _POINTER.finditer(line):
        if not is_plain_use(f"{line[: match.start(1) - 1]}%sg.base{line[match.end(1) :]}", "sg.base"):
            return match
    return None


def _insert_before_terminator(body: Body, block: str, marker: str) -> None:
    start = next(index for index, line in enumerate(body.lines) if line.startswith(f"{block}:"))
    index = next(i for i in range(start, len(body.lines)) if _TERMINATOR.match(body.lines[i].rpartition("\n")[2]))
    body.lines[index] = f"{marker}\n{body.lines[index]}"


def _replace_constants(line: str, table: SymbolTable, layout: Layout, resolve: Resolve) -> str:
    """`line` with each outermost constant expression over symbols replaced by one symbol's constant."""
    pieces, position = [], 0
    while match := _NESTED.search(line, position):
        end = _end(line, match)
        text = line[match.start() : end]
        type_text = _type_of(match[1], line[match.end() : end - 1])
        value: JitExpr | None = None
        if SYMBOL_PREFIX in text:
            value = constant(type_text, text, layout, resolve)
        pieces.append(line[position : match.start()])
        pieces.append(text if value is None else table.constant(type_text, value))
        position = end
    return "".join(pieces) + line[position:]


def _type_of(opcode: str, body: str) -> str:
    match opcode:
        case "getelementptr":
            return "ptr"
        case "trunc" | "inttoptr":
            return body.rpartition(" to ")[2]
    return body.partition(" ")[0]
