"""What can go wrong between a line of assembly and its bytes: each message says the cause and, if any, the remedy."""

from __future__ import annotations


class AssemblyError(ValueError):
    """Base of all errors raised by this package for input it cannot accept."""


class OperandError(AssemblyError):
    """The mnemonic is unknown, or has no form with these operands."""


class RangeError(AssemblyError):
    """A value lies outside every field that could hold it."""


class ParseError(AssemblyError):
    """A line of assembly text that cannot be read.

    `column` counts from 1; `token` is the piece of text there (empty at the end of the line).
    """

    def __init__(self, message: str, line: str, column: int, token: str) -> None:
        where = f"column {column}, at {token!r}" if token else f"column {column}, at the end of the line"
        super().__init__(f"{message} ({where}, in {line.strip()!r})")
        self.line = line
        self.column = column
        self.token = token
