"""Intel syntax, as DynASM writes it: `mov rdi, qword [r12+rax*8+E0]`.

    E0, E0+80                   a JIT-time value, from resolve("E0")
    extern name, &expression    an Address, named `name` or `&expression`; `[extern name]` is rip-relative memory
    =>place                     a position in the code, from resolve("=>place"); by default Label("place")
    rip+5 (branch target)       5 bytes after the branch
    zmm1{k1}{z}, dword [rax]{1to16}, {rn-sae}     AVX-512 masks, broadcasts, rounding

`parse_intel(format_intel(x), resolve) == x` for every instruction x whose names resolve to what they came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn, TypeAlias

from x86_64.errors import AssemblyError, OperandError, ParseError
from x86_64.instruction import Instruction
from x86_64.operands import (
    SIZE_KEYWORDS,
    Address,
    DefaultFlags,
    Label,
    Masked,
    Memory,
    Operand,
    Rounding,
    Symbol,
    Symbolic,
    address,
    dfv,
    in_text_order,
)
from x86_64.registers import Register
from x86_64.selection import REQUESTS

Resolve: TypeAlias = Callable[[str], Symbol | Address | Label]

PREFIXES = {
    "lock": "LOCK", "rep": "REP", "repe": "REP", "repz": "REP", "repne": "REPNE", "repnz": "REPNE", "notrack": "NOTRACK",
    "addr32": "ADDR32", **{f"{{{name.lower()}}}": name for name in REQUESTS},
}  # fmt: skip
_PREFIX_TEXTS = {name: text for text, name in reversed(PREFIXES.items())}
_KEYWORDS = {k.size: "tword" if k.name == "tbyte" else k.name for k in SIZE_KEYWORDS.values()}
_SIZES = {name: size for size, name in _KEYWORDS.items()} | {"tbyte": 10}


# --- writing


def signed_text(value: int) -> str:
    """`+5`, `-5`, or nothing for zero: an addend."""
    return f"{value:+d}" if value else ""


def _place(value: Address | Label) -> str:
    if isinstance(value, Label):
        return f"=>{value.name}{signed_text(value.addend)}"
    return f"{'' if value.name.startswith('&') else 'extern '}{value.name}{signed_text(value.addend)}"


def _symbolic(value: Symbolic) -> str:
    return f"{value.symbol.name}{signed_text(value.addend)}"


def _memory(memory: Memory) -> str:
    terms = [memory.base.name] if memory.base else []
    if memory.index is not None:
        terms.append(f"{memory.index.name}*{memory.scale}")
    if memory.target is not None:
        terms.append(_place(memory.target))
    if isinstance(memory.displacement, Symbolic):
        terms.append(_symbolic(memory.displacement))
    text = "+".join(terms)
    if isinstance(memory.displacement, int):
        text += signed_text(memory.displacement) if terms else str(memory.displacement)
    keyword = f"{_KEYWORDS[memory.size]} " if memory.size is not None else ""
    segment = f"{memory.segment.name}:" if memory.segment is not None else ""
    broadcast = f"{{1to{memory.broadcast}}}" if memory.broadcast else ""
    return f"{keyword}{segment}[{text}]{broadcast}"


def _operand_text(operand: Operand, branch: bool) -> str:
    match operand:
        case Register():
            return operand.name
        case Memory():
            return _memory(operand)
        case Symbolic():
            return _symbolic(operand)
        case Address() | Label():
            return _place(operand)
        case Masked():
            return f"{_operand_text(operand.operand, branch)}{{{operand.mask.name}}}{'{z}' if operand.zeroing else ''}"
        case Rounding():
            return f"{{{operand.value}}}"
        case DefaultFlags():
            return default_flags_text(operand)
    return f"rip{operand:+d}" if branch else str(operand)


def default_flags_text(flags: DefaultFlags) -> str:
    return f"{{dfv={','.join(flags.names)}}}"


def start_of_line(instruction: Instruction, mnemonic: str) -> str:
    """Prefixes, mnemonic, and the default flags, which no comma separates from the other operands."""
    first = [default_flags_text(o) for o in instruction.operands[:1] if isinstance(o, DefaultFlags)]
    return " ".join([*(_PREFIX_TEXTS[p] for p in instruction.prefixes), mnemonic, *first])


def take_default_flags(text: str) -> tuple[DefaultFlags | None, str]:
    """The `{dfv=zf,cf}` that operands may begin with, and the text with spaces in its place."""
    match = _DEFAULT_FLAGS.match(text)
    if match is None:
        return None, text
    names = match[1].replace(" ", "")
    return dfv(*names.split(",") if names else ()), " " * match.end() + text[match.end() :]


_DEFAULT_FLAGS = re.compile(r"\s*\{dfv=([\w, ]*)\}")


def format_intel(instruction: Instruction) -> str:
    """One line of Intel syntax, in lower case, without indentation."""
    branch = any(kind.startswith("rel") for kind in instruction.forms[0].kinds)
    start = start_of_line(instruction, instruction.mnemonic.lower())
    shown = (o for o in in_text_order(instruction.operands) if not isinstance(o, DefaultFlags))
    operands = ", ".join(_operand_text(o, branch) for o in shown)
    return f"{start} {operands}" if operands else start


# --- reading


def unresolved(name: str) -> NoReturn:
    raise OperandError(f"{name}: unknown name")


def _default(name: str) -> Symbol | Address | Label:
    if name.startswith("=>"):
        return Label(name[2:])
    unresolved(name)


_FAR = re.compile(r"\s+far\b")
_WORD = re.compile(r"\s*([A-Za-z_][\w.]*|\{\w+\})")
_NUMBER = re.compile(r"(?:0x[0-9a-fA-F]+|0|[1-9]\d*)\Z")
_NAME = re.compile(r"[A-Za-z_.$][\w.$@]*\Z")
_DECORATIONS = re.compile(r"\s*\{([^}]*)\}\s*\Z")
_ADDRESS = re.compile(
    r"(?:(byte|word|dword|fword|qword|tbyte|tword|oword|yword|zword)\s*)?(?:([c-gs]s):)?\[(.*)\]\Z", re.DOTALL
)


def _split(text: str, separators: str) -> list[tuple[int, str]]:
    """(offset, piece) of text cut before separators that stand outside brackets; a comma is dropped, a sign kept."""
    pieces, depth, start = [], 0, 0
    for position, character in enumerate(text):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif (
            character in separators and not depth and not (character in "+-" and not text[start:position].strip(" +-*"))
        ):
            pieces.append((start, text[start:position]))
            start = position + (character == ",")
    pieces.append((start, text[start:]))
    return pieces


class _Reader:
    def __init__(self, line: str, resolve: Resolve) -> None:
        self.line = line
        self.resolve = resolve

    def fail(self, message: str, offset: int, token: str) -> NoReturn:
        stripped = token.strip()
        raise ParseError(message, self.line, offset + len(token) - len(token.lstrip()) + 1, stripped)

    def name(self, text: str, offset: int) -> Symbol | Address | Label:
        try:
            return self.resolve(text)
        except KeyError:
            self.fail("unknown name", offset, text)
        except AssemblyError as error:
            self.fail(str(error), offset, text)

    def place(self, text: str, offset: int) -> Symbol | Address | Label | None:
        """`extern name+8`, `&expression+8`, `=>label+8`; None if the text is none of these."""
        plain = text.strip()
        if not plain.startswith(("extern ", "&", "=>")):
            return None
        addend = 0
        if match := re.search(r"([+-]\d+)\Z", plain):
            plain, addend = plain[: match.start()], int(match[1])
        is_label = plain.startswith("=>")
        found = self.name(plain, offset) if is_label else Address(plain.removeprefix("extern ").strip())
        return found + addend if addend else found  # type: ignore[return-value]  # Symbol + int never gets here

    def value(self, text: str, offset: int) -> Register | int | Symbolic | Address | Label | Memory:
        """A term of an address or an operand that is not memory."""
        sign = 1
        plain = text.strip()
        while plain[:1] in ("+", "-"):
            sign = -sign if plain[0] == "-" else sign
            plain = plain[1:].strip()
        if not plain:
            self.fail("an operand is missing", offset, text)
        if _NUMBER.match(plain):
            return sign * int(plain, 0)
        left, star, right = (part.strip() for part in plain.partition("*"))
        if star:
            register, factor = (right, left) if _NUMBER.match(left) else (left, right)
            if not _NUMBER.match(factor) or not self.is_register(register) or sign < 0:
                self.fail("expected register*scale", offset, text)
            try:
                return Register.named(register) * int(factor, 0)
            except OperandError as error:
                self.fail(str(error), offset, text)
        if sign < 0:
            self.fail("only numbers can be subtracted", offset, text)
        if self.is_register(plain):
            return Register.named(plain)
        if not _NAME.match(plain):
            self.fail("not an operand", offset, text)
        found = self.name(plain, offset)
        return Symbolic(found) if isinstance(found, Symbol) else found

    @staticmethod
    def is_register(text: str) -> bool:
        try:
            Register.named(text)
        except KeyError:
            return False
        return True

    def memory(self, match: re.Match[str], offset: int) -> Memory:
        size, segment, inside = match.groups()
        start = offset + match.start(3)
        place = self.place(inside, start)
        try:
            if place is not None:
                result = address(place)
            else:
                terms = [address(self.value(text, start + at)) for at, text in _split(inside, "+-")]
                result = terms[0]
                for term in terms[1:]:
                    result = result + term
        except OperandError as error:
            self.fail(str(error), start, inside)
        return replace(result, size=_SIZES.get(size), segment=Register.named(segment) if segment else None)

    def operand(self, text: str, offset: int) -> Operand:
        mask, zeroing, broadcast = None, False, 0
        plain = text.strip()
        start = offset + len(text) - len(text.lstrip())
        while match := _DECORATIONS.search(plain):
            word = match[1].strip()
            if match.start() == 0:
                try:
                    return Rounding(word)
                except ValueError:
                    self.fail("unknown rounding mode", offset, text)
            if word == "z":
                zeroing = True
            elif word.startswith("1to") and word[3:].isdigit():
                broadcast = int(word[3:])
            elif word[:1] == "k" and self.is_register(word):
                mask = Register.named(word)
            else:
                self.fail("unknown decoration", start + match.start(), match[0])
            plain = plain[: match.start()]
        result: Operand
        if match := _ADDRESS.match(plain):
            result = self.memory(match, start)
            if broadcast:
                result = replace(result, broadcast=broadcast)
        else:
            result = self.plain(plain, start)
        if mask is None:
            return result
        if not isinstance(result, Register | Memory):
            self.fail("only registers and memory can be masked", offset, text)
        try:
            return Masked(result, mask, zeroing)
        except OperandError as error:
            self.fail(str(error), offset, text)

    def plain(self, text: str, offset: int) -> Operand:
        place = self.place(text, offset)
        if place is not None:
            return Symbolic(place) if isinstance(place, Symbol) else place
        terms = [self.value(piece, offset + at) for at, piece in _split(text, "+-")]
        if len(terms) == 1 and not isinstance(terms[0], Memory):
            return terms[0]
        if len(terms) == 2 and isinstance(terms[1], int):
            match terms[0]:
                case Symbolic() | Address() | Label() as base:
                    return base + terms[1]
                case Register(kind="rip"):
                    return terms[1]
        self.fail("not an operand: memory is written [...]", offset, text)


def parse_intel(line: str, resolve: Resolve = _default) -> Instruction:
    """Read one instruction. ParseError, with the column and token, when there is no such instruction."""
    reader = _Reader(line, resolve)
    prefixes: list[str] = []
    position = 0
    while match := _WORD.match(line, position):
        position = match.end()
        word = match[1]
        if word.lower() not in PREFIXES:
            break
        prefixes.append(PREFIXES[word.lower()])
    else:
        reader.fail("expected a mnemonic", position, line[position:])
    if word.lower() in ("jmp", "call") and (far := _FAR.match(line, position)):
        word, position = f"l{word}", far.end()
    try:
        flags, rest = take_default_flags(line[position:])
    except AssemblyError as error:
        reader.fail(str(error), position, line[position:])
    operands = [reader.operand(text, position + at) for at, text in _split(rest, ",")] if rest.strip() else []
    try:
        return Instruction(word.upper(), tuple(operands) if flags is None else (flags, *operands), tuple(prefixes))
    except AssemblyError as error:
        raise ParseError(str(error), line, match.start(1) + 1, word) from None
