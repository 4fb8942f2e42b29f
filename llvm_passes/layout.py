"""Sizes of LLVM types on x86-64, enough to turn every `getelementptr` into byte arithmetic.

Why not ask llvmlite: the walk is over text (see `text.py`), and one dictionary of memoised sizes is cheaper than a
call into LLVM per type. The rules are those of the data layout `e-m:e-…-i64:64-i128:128-f80:128`: natural alignment
up to 16.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from llvm_passes.text import split_top

_SCALARS = {
    "ptr": (8, 8),
    "float": (4, 4),
    "double": (8, 8),
    "half": (2, 2),
    "bfloat": (2, 2),
    "x86_fp80": (16, 16),
    "fp128": (16, 16),
}
_INTEGER = re.compile(r"i(\d+)$")
_ARRAY = re.compile(r"\[(\d+) x (.*)\]$", re.S)
_VECTOR = re.compile(r"<(\d+) x (.*)>$", re.S)


class UnknownType(Exception):
    """A type whose size this module cannot tell; the operation then stays as it is."""


def integer_bits(type_text: str) -> int | None:
    """The width of a value the passes compute with: `iN` up to 64 bits, `ptr` as 64; None for any other type."""
    if type_text == "ptr":
        return 64
    match = _INTEGER.match(type_text)
    return int(match[1]) if match and int(match[1]) <= 64 else None


class Layout:
    """Sizes and offsets of the types in one module."""

    def __init__(self, types: Mapping[str, str]) -> None:
        """`types` maps a type's name (without `%`) to its definition line, `%T = type { … }`."""
        self._definitions = {name: line.split(" = type ", 1)[1] for name, line in types.items()}
        self._sizes: dict[str, tuple[int, int]] = {}

    def size(self, type_text: str) -> int:
        """Bytes from one array element to the next. Raises UnknownType."""
        return self._size_and_alignment(type_text)[0]

    def _size_and_alignment(self, type_text: str) -> tuple[int, int]:
        known = _SCALARS.get(type_text) or self._sizes.get(type_text)
        if known is None:
            known = self._sizes[type_text] = self._compute(type_text)
        return known

    def _compute(self, type_text: str) -> tuple[int, int]:
        if match := _INTEGER.match(type_text):
            size = 1 << max(0, (int(match[1]) - 1).bit_length() - 3)
            if size > 16:
                raise UnknownType(type_text)
            return size, size
        if match := _ARRAY.match(type_text):
            size, alignment = self._size_and_alignment(match[2])
            return int(match[1]) * size, alignment
        if match := _VECTOR.match(type_text):
            size = int(match[1]) * self.size(match[2])
            if size & (size - 1):
                raise UnknownType(type_text)
            return size, size
        fields = self._fields(type_text)
        if not fields:
            return 0, 1
        last_offset, last_type, alignment = fields[-1][0], fields[-1][1], max(field[2] for field in fields)
        size = last_offset + self.size(last_type)
        return (size + alignment - 1) // alignment * alignment, alignment

    def _fields(self, type_text: str) -> list[tuple[int, str, int]]:
        """(offset, type, alignment) of a structure's fields."""
        body = self._body(type_text)
        packed = body.startswith("<{")
        fields, offset = [], 0
        for field_type in split_top(body.strip("<{ }>") if not packed else body[2:-2].strip()):
            size, alignment = self._size_and_alignment(field_type)
            alignment = 1 if packed else alignment
            offset = (offset + alignment - 1) // alignment * alignment
            fields.append((offset, field_type, alignment))
            offset += size
        return fields

    def _body(self, type_text: str) -> str:
        body = self._definitions.get(type_text[1:]) if type_text.startswith("%") else type_text
        if body is None or not body.startswith(("{", "<{")):
            raise UnknownType(type_text)
        return body if body.startswith("<{") else "{" + body[1:-1].strip() + "}"

    def step(self, type_text: str, index: int | None) -> tuple[str, int]:
        """One index into an aggregate: (element type, byte offset); for arrays and vectors `index` None gives the
        stride.
        """
        if match := _ARRAY.match(type_text) or _VECTOR.match(type_text):
            stride = self.size(match[2])
            return match[2], stride if index is None else stride * index
        if index is None:
            raise UnknownType(type_text)
        offset, field_type, _ = self._fields(type_text)[index]
        return field_type, offset
