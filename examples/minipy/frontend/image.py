"""The compiled program, and the bytes that vm/load.c reads: 64-bit numbers, texts, instructions."""

import struct
from dataclasses import dataclass, field

EMPTY, NONE, FALSE, TRUE = 2, 6, 10, 14
"""Immediates, as vm/values.h defines them."""

Constant = None | bool | int | float | str
"""What a constant can be. `Ellipsis` stands for EMPTY."""


@dataclass(slots=True)
class Instruction:
    """One instruction; `target` is a distance in instructions."""

    opcode: int
    d: int = 0
    a: int = 0
    b: int = 0
    operand: int = 0
    target: int = 0
    line: int = 0

    def pack(self) -> bytes:
        return struct.pack("<HhhhQiI", self.opcode, self.d, self.a, self.b, self.operand, self.target, self.line)


@dataclass(slots=True)
class Code:
    """One function."""

    name: str
    qualified_name: str
    parameters: list[str]
    slots: int = 0
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(slots=True)
class ClassPlan:
    """One class: names of the attributes that its instances can have, and of its members."""

    name: str
    attributes: list[int]
    members: list[int]


@dataclass(slots=True)
class Program:
    """Everything that the VM needs of a program. names: those of attributes first."""

    file: str
    names: list[str] = field(default_factory=list)
    attribute_names: int = 0
    constants: dict[tuple[type, str], object] = field(default_factory=dict)
    loops: int = 0
    classes: list[ClassPlan] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)

    def constant(self, value: object) -> int:
        """The operand for a constant: ~index. 0.0 and -0.0, 1 and 1.0 and True are different."""
        key = (type(value), repr(value))
        if key not in self.constants:
            self.constants[key] = value
        return ~list(self.constants).index(key)

    def name(self, name: str) -> int:
        """The number of a name."""
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def image(self) -> bytes:
        """The bytes of the whole program."""
        parts = [_text(self.file), _numbers(len(self.names), self.attribute_names, self._init())]
        parts += [_text(name) for name in self.names]
        parts += [_numbers(len(self.constants)), *map(_constant, self.constants.values())]
        parts += [_numbers(self.loops, len(self.classes))]
        for plan in self.classes:
            parts += [_text(plan.name), _numbers(len(plan.attributes), len(plan.members))]
            parts += [_numbers(*plan.attributes, *plan.members)]
        parts += [_numbers(len(self.codes))]
        for code in self.codes:
            parts += [_text(code.name), _text(code.qualified_name), _numbers(code.slots, len(code.parameters))]
            parts += [*map(_text, code.parameters), _numbers(len(code.instructions))]
            parts += [instruction.pack() for instruction in code.instructions]
        return b"".join(parts)

    def _init(self) -> int:
        known = self.names[: self.attribute_names]
        return known.index("__init__") if "__init__" in known else -1


def _numbers(*values: int) -> bytes:
    return b"".join(struct.pack("<Q", value & (2**64 - 1)) for value in values)


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")  # file names
    return _numbers(len(data)) + data + b"\0"


def _constant(value: object) -> bytes:
    match value:
        case None:
            return _numbers(ord("v"), NONE)
        case bool():
            return _numbers(ord("v"), TRUE if value else FALSE)
        case int():
            return _numbers(ord("i"), value)
        case float():
            return _numbers(ord("f")) + struct.pack("<d", value)
        case str():
            return _numbers(ord("s")) + _text(value)
        case _:
            return _numbers(ord("v"), EMPTY)
