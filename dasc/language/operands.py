"""Operands of hand-written assembly: registers, addresses, C expressions, labels.

    text                                what it is
    rax, r0d, RB(expr) after .define    Reg; Rq(expr), Rd, Rw, Rb, Ra, Rf, xmm, ymm: its number is a C expression
    L:RB, L                             a register that points to a type, or the type's own register
    dword [rax+rcx*4+16], [rax+expr]    Mem
    L->field, L:RB->field, L[i].field   Mem: the type's register plus the offset that the C compiler knows
    [->name], [extern f], [&expr]       Mem, rip-relative
    qword fs:[40], dword [rax]{1to8}    Mem, of a segment; one element for all
    zmm1{k1}{z}, [rax]{k2}              Reg, Mem: under a mask
    {rn-sae}, {sae}                     Round
    5, -dword*4, expr                   Imm: a number now, or a C expression's value when the code is emitted
    <1, >1, ->name, =>expr              Place
    extern f, &expr                     Place

The key idea, DynASM's: whatever is not a register, a label or a number is C, and the C compiler will say whether it
makes sense.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dasc.language.registers import OPERAND_SIZES, Reg, register_names
from dasc.language.source import Statement

__all__ = ["Imm", "Mem", "Operand", "Parser", "Place", "Round", "Type", "number"]


@dataclass(frozen=True, slots=True)
class Place:
    """An address that the assembler or the linker knows.

    kind "local":   `<1` or `>1`: number 1 to 9, and whether it lies ahead
    kind "global":  `->name`
    kind "pc":      `=>expression`
    kind "extern":  `extern name`
    kind "pointer": `&expression`, the value of a C expression of pointer type
    """

    kind: str
    name: str
    ahead: bool = False

    def __str__(self) -> str:
        before = {"local": ">" if self.ahead else "<", "global": "->", "pc": "=>", "extern": "extern ", "pointer": "&"}
        return before[self.kind] + self.name


@dataclass(frozen=True, slots=True)
class Imm:
    """A number, or a C expression of type int."""

    value: int | str


@dataclass(frozen=True, slots=True)
class Mem:
    """size: bytes accessed, None when it is for the instruction to know. displacement: a str is a C expression.

    segment: "fs", … of an override. broadcast: the elements that one is repeated to, 0 when it is not. mask, zeroing: as
    registers have them.
    """

    size: int | None
    base: Reg | None = None
    index: Reg | None = None
    scale: int = 1
    displacement: int | str | Place = 0
    segment: str = ""
    broadcast: int = 0
    mask: str = ""
    zeroing: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """The rounding of AVX-512, or only that no exception is raised: "rn-sae", …, "sae"."""

    name: str


Operand = Reg | Mem | Imm | Place | Round


@dataclass(frozen=True, slots=True)
class Type:
    """What `.type name, ctype, register` declares. number: of the macro `Dt<number>` that computes offsets."""

    ctype: str
    register: Reg | None
    number: int


_NUMBER = re.compile(r"\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+)\s*", re.ASCII)
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_SIZED = re.compile(r"(\w+)\b\s*(.+)", re.ASCII | re.DOTALL)
_BRACKETS = re.compile(r"\[\s*(.*?)\s*\]", re.ASCII | re.DOTALL)
_ADDRESS = re.compile(r"(?:([c-gs]s)\s*:\s*)?(\[.*\])(?:\s*\{\s*1to(\d+)\s*\})?", re.ASCII | re.DOTALL)
_MASKED = re.compile(r"(.*\S)\s*\{\s*(k[1-7])\s*\}(\s*\{\s*z\s*\})?", re.ASCII | re.DOTALL)
_ROUND = re.compile(r"\{\s*((?:r[nduz]-)?sae)\s*\}", re.ASCII)
_FIRST = re.compile(r"([\w:]+)\s*(.*)", re.ASCII | re.DOTALL)
_SCALED = re.compile(r"\*\s*([1248])\b\s*(.*)", re.ASCII | re.DOTALL)
_SECOND = re.compile(r"\+\s*([\w:]+)\s*(.*)", re.ASCII | re.DOTALL)
_MULTIPLE = re.compile(r"(\w+)\s*\*\s*(.+)", re.ASCII | re.DOTALL)
_LOCAL = re.compile(r"([<>])([1-9])", re.ASCII)
_EXTERN = re.compile(r"extern\s+(\S+)", re.ASCII)
_GLOBAL_NAME = re.compile(r"[A-Za-z_][\w@]*", re.ASCII)


def number(text: str) -> int | None:
    """The value of a decimal or hexadecimal number; None when it is something else."""
    if match := _NUMBER.fullmatch(text):
        value = int(match[2], 16 if match[2][:2] in ("0x", "0X") else 10)
        return -value if match[1] == "-" else value
    if _FLOAT.fullmatch(text):
        value_ = float(text)
        if value_.is_integer():
            return int(value_)
    return None


class Parser:
    """Reads the operands of one file. x64: 64-bit code; else 32-bit. types: what `.type` has declared so far."""

    def __init__(self, x64: bool) -> None:
        self.x64 = x64
        self.registers: Mapping[str, Reg] = register_names(x64)
        self.types: dict[str, Type] = {}
        self.address_size = 8 if x64 else 4

    def size_of(self, name: str) -> int | None:
        """Bytes of `byte`, `word`, … `aword`, which is an address's size."""
        return self.address_size if name == "aword" else OPERAND_SIZES.get(name)

    def parse(self, text: str, statement: Statement) -> Operand:
        """One operand of a statement. Raises `DascError`."""
        if self.x64 and (rounding := _ROUND.fullmatch(text)):
            return Round(rounding[1])
        if self.x64 and (masked := _MASKED.fullmatch(text)):
            return self._masked(masked, statement)
        size, rest = None, text
        if (match := _SIZED.fullmatch(text)) and self.size_of(match[1]) is not None:
            size, rest = self.size_of(match[1]), match[2]
        if (address := _ADDRESS.fullmatch(rest)) and (brackets := _BRACKETS.fullmatch(address[2])):
            memory = self._memory(brackets[1], size, statement)
            return replace(memory, segment=address[1] or "", broadcast=int(address[3] or 0))
        if size is not None and rest.startswith("*"):
            factor = number(rest[1:])
            if factor is not None:
                return Imm(self._checked(factor * size, statement, text))
        value = number(rest)
        if value is None and _FLOAT.fullmatch(rest):
            raise statement.error(f"`{rest}` is not an integer", "", rest)
        if value is not None:
            if size is not None:
                raise statement.error("a number has no size", "leave out the size", text)
            return Imm(self._checked(value, statement, rest))
        if register := self._register(rest, statement):
            return self._registered(register, size, rest, statement, text)
        place = self.place(rest, statement)
        if place is not None:
            if size not in (None, self.address_size):
                raise statement.error("a label has the size of an address", "leave out the size", text)
            return place
        if size is not None:
            cause = f"`{rest}` is an immediate: its size is the other operand's"
            raise statement.error(cause, "leave out the size, or write memory in brackets", text)
        return Imm(self._expression(rest, statement))

    def _masked(self, match: re.Match[str], statement: Statement) -> Operand:
        operand = self.parse(match[1], statement)
        if not isinstance(operand, Reg | Mem):
            raise statement.error("only registers and memory can be under a mask", "", match[0])
        return replace(operand, mask=match[2], zeroing=match[3] is not None)

    def parse_wide(self, text: str, statement: Statement) -> Operand:
        """The same where numbers of 64 bits can stand, by themselves or as absolute addresses."""
        brackets = _BRACKETS.fullmatch(text)
        value = number(brackets[1] if brackets else text)
        if value is None:
            return self.parse(text, statement)
        if not -(1 << 63) <= value < 1 << 64:
            raise statement.error(f"{value} is wider than 64 bits", "", text)
        return Mem(None, displacement=value) if brackets else Imm(value)

    def place(self, text: str, statement: Statement) -> Place | None:
        """A label or an address; None when the text is a C expression."""
        if text.startswith("&"):
            return Place("pointer", self._expression(text[1:].strip(), statement))
        if text.startswith("=>"):
            return Place("pc", self._expression(text[2:].strip(), statement))
        if text.startswith("->"):
            if _GLOBAL_NAME.fullmatch(text[2:]) is None:
                raise statement.error(f"`{text[2:]}` cannot name a global label", "use letters, digits and _", text)
            return Place("global", text[2:])
        if local := _LOCAL.fullmatch(text):
            return Place("local", local[2], local[1] == ">")
        if extern := _EXTERN.fullmatch(text):
            return Place("extern", extern[1])
        return None

    # ---- Registers ----

    def _register(self, text: str, statement: Statement) -> tuple[Reg, str, Type | None] | None:
        """The register that the text starts with, what follows it, and the type it points to."""
        match = _FIRST.fullmatch(text)
        if match is None:
            return None
        name, rest = match[1], match[2]
        type_name, colon, override = name.partition(":")
        type_ = self.types.get(type_name)
        if type_ is not None:
            register = self.registers.get(override) if colon else type_.register
            if register is None:
                cause = f"the type `{type_name}` has no register" if not colon else f"`{override}` is not a register"
                raise statement.error(cause, f"write {type_name}:register", name)
            if not register.is_address:
                raise statement.error(f"`{register.name}` cannot hold an address", "", name)
        elif found := self.registers.get(name):
            register = found
        else:
            return None
        if register.variable:
            expression, rest = self._parenthesised(rest, register, statement)
            register = register.numbered(expression)
        return register, rest, type_

    def _parenthesised(self, rest: str, register: Reg, statement: Statement) -> tuple[str, str]:
        depth = 0
        for position, character in enumerate(rest):
            depth += (character == "(") - (character == ")")
            if depth == 0:
                if position == 0:
                    break
                return rest[: position + 1], rest[position + 1 :].strip()
        remedy = f"write {register.name}(expression)"
        raise statement.error(f"`{register.name}` needs its number in parentheses", remedy, register.name)

    def _registered(
        self, found: tuple[Reg, str, Type | None], size: int | None, rest: str, statement: Statement, text: str
    ) -> Reg | Mem:
        """A register by itself, or a member of what it points to."""
        register, tail, type_ = found
        if not tail:
            if size is not None:
                raise statement.error(f"`{register.name}` has a size of its own", "leave out the size", text)
            return register
        if type_ is None:
            raise statement.error(f"`{rest}` is not an operand", "write an address in brackets", text)
        return Mem(size, register, displacement=f"Dt{type_.number:X}({tail})")

    # ---- Addresses ----

    def _memory(self, inside: str, size: int | None, statement: Statement) -> Mem:
        value = number(inside)
        if value is not None:
            return Mem(size, displacement=self._checked(value, statement, inside))
        found = self._register(inside, statement)
        if found is None:
            return Mem(size, displacement=self._displacement("+" + inside, statement))
        base, tail, _ = found
        if scaled := _SCALED.fullmatch(tail):
            self._require_index(base, statement)
            return Mem(size, None, base, int(scaled[1]), self._displacement(scaled[2], statement))
        if not base.is_address:
            raise statement.error(f"`{base.name}` cannot be a base register", self._bases, base.name)
        index, scale = None, 1
        value = number(tail)
        second = _SECOND.fullmatch(tail) if value is None else None
        if second and (found := self._register(second[1] + second[2], statement)):
            index, tail, _ = found
            self._require_index(index, statement)
            if scaled := _SCALED.fullmatch(tail):
                scale, tail = int(scaled[1]), scaled[2]
        return Mem(size, base, index, scale, self._displacement(tail, statement))

    @property
    def _bases(self) -> str:
        return "use a 64-bit register" if self.x64 else "use a 32-bit register"

    def _require_index(self, register: Reg, statement: Statement) -> None:
        if not register.is_index:
            raise statement.error(f"`{register.name}` cannot be an index register", self._bases, register.name)

    def _displacement(self, text: str, statement: Statement) -> int | str | Place:
        """What is added to an address: a number, a multiple of a size, a C expression, or a label."""
        value = 0 if not text else number(text)
        if value is not None:
            return self._checked(value, statement, text)
        sign, rest = text[0], text[1:].strip()
        if sign not in "+-" or not rest:
            raise statement.error(f"`{text}` cannot be added to an address", "write + or - before it", text)
        if (match := _MULTIPLE.fullmatch(rest)) and (size := self.size_of(match[1])) is not None:
            factor = number(match[2])
            if factor is not None:
                return self._checked(factor * size * (-1 if sign == "-" else 1), statement, text)
        place = self.place(rest, statement)
        if place is None:
            return self._expression(rest if sign == "+" else text, statement)
        if sign == "-":
            raise statement.error("a label cannot be subtracted", "", text)
        return place

    # ---- Values ----

    def _expression(self, text: str, statement: Statement) -> str:
        """A C expression. Registers are no part of C."""
        if not text:
            raise statement.error("an expression is missing", "", statement.text.strip())
        for match in re.finditer(r"(?<![\w.>])[A-Za-z]\w*", re.sub(r"\"[^\"]*\"|'[^']*'", "", text), re.ASCII):
            register = self.registers.get(match[0])
            if register is not None and not register.variable:
                if register.kind == "sreg":
                    raise statement.error("a segment is a prefix", f"write {match[0]}:[address]", match[0])
                cause = f"the register `{match[0]}` cannot be part of the expression `{text}`"
                raise statement.error(cause, "an address is written [base+index*scale+expression]", match[0])
        return text

    def _checked(self, value: int, statement: Statement, text: str) -> int:
        if not -(1 << 31) <= value < 1 << 32:
            raise statement.error(f"{value} is wider than 32 bits", "mov64 loads constants of 64 bits", text.strip())
        return value
