"""What the front end hands to a back end: machine code whose gaps are C expressions.

The key idea: an instruction is its bytes up to the address (prefixes, opcode, ModRM, SIB), which are known but for
registers' numbers, and then its displacement and immediates, whose widths may depend on values. Where each byte stands
is known too, because engines that run when the code is emitted have to go back and change some: a REX prefix that no
register needs after all, a ModRM byte that promised a longer displacement, an opcode that has a short form.
"""

from dataclasses import dataclass

from dasc.language.operands import Place

__all__ = ["Align", "Code", "Data", "Displacement", "Immediate", "Item", "LabelHere", "Section", "Space", "Variable"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A register whose number is a C expression.

    field: "reg", "rm" (ModRM), "address" (ModRM.rm as a base), "base", "index" (SIB), "opcode", "vvvv".
    at: the index of the byte that holds its low three bits (four in vvvv).
    """

    field: str
    at: int
    expression: str


@dataclass(frozen=True, slots=True)
class Displacement:
    """size: bytes. elastic: ModRM says 32 bits, but the shortest form is to be used for the value."""

    value: int | str | Place
    size: int
    elastic: bool = False


@dataclass(frozen=True, slots=True)
class Immediate:
    """size: bytes.

    kind "plain":    the low bytes of the value; what fits neither as signed nor as unsigned is an error
    kind "signed":   must fit as a signed number
    kind "shrinks":  one byte, and 2 added to the opcode, when the value fits a signed byte
    kind "register": a register's number in the upper half of the byte
    """

    value: int | str | Place
    size: int
    kind: str = "plain"


_VEX_LENGTHS = {0xC5: 2, 0xC4: 3, 0x8F: 3}


@dataclass(frozen=True, slots=True)
class Code:
    """An instruction.

    code: bytes up to and with ModRM and SIB; variable registers count as 0, and prefixes have room for any number.
    prefix, prefix_at: where there are variable registers, what extends their numbers: "rex", "vex" or nothing, and the index
    of its first byte.
    shrinks: the REX prefix can be left out, or the VEX prefix have two bytes for three, when those numbers are below 8.
    modrm_at: the index of the ModRM byte, -1 when there is none. target: where a branch goes: 4 bytes, relative; near: 1 byte.
    """

    code: bytes
    prefix: str = ""
    prefix_at: int = 0
    shrinks: bool = False
    modrm_at: int = -1
    variables: tuple[Variable, ...] = ()
    displacement: Displacement | None = None
    immediates: tuple[Immediate, ...] = ()
    target: Place | None = None
    near: bool = False

    @property
    def prefix_end(self) -> int:
        """The index of the first byte after the prefix that may shrink; 0 when there is none."""
        if not self.prefix:
            return 0
        length = 1 if self.prefix == "rex" else _VEX_LENGTHS[self.code[self.prefix_at]]
        return self.prefix_at + length

    @property
    def rip_relative(self) -> bool:
        return self.displacement is not None and isinstance(self.displacement.value, Place)


@dataclass(frozen=True, slots=True)
class LabelHere:
    """A label's position. address: C expression of the pointer that the label is instead."""

    place: Place
    address: str = ""


@dataclass(frozen=True, slots=True)
class Align:
    """Go on at a multiple of so many bytes: a power of two, 2 to 256."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Space:
    """So many bytes (a C expression) of the filler."""

    count: str
    filler: int


@dataclass(frozen=True, slots=True)
class Data:
    """Constants in the code; a Place is its absolute address."""

    values: tuple[Immediate, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Go on in the section of this number."""

    number: int


Item = Code | LabelHere | Align | Space | Data | Section
