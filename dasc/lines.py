"""The line classes of a `.dasc` file.

The key idea, DynASM's own: a line is C unless its first visible character is `|`. What follows the `|` is a directive
(`.section hot, cold`), the position of a label (`=>L(1):`) or a statement (`mov rax, rdi`). So a file is cut into
classified lines before anything is understood, and every later step sees one line at a time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dasc.errors import Text

__all__ = ["CLine", "Directive", "LabelPosition", "SourceLine", "Statement", "classify", "read_lines"]


@dataclass(frozen=True, slots=True)
class CLine:
    """A line of C, blank ones included."""

    text: Text


@dataclass(frozen=True, slots=True)
class Directive:
    """`|.name arguments`."""

    text: Text
    name: str
    arguments: Text


@dataclass(frozen=True, slots=True)
class LabelPosition:
    """`|=>target:`; `target` has the arrow."""

    text: Text
    target: Text


@dataclass(frozen=True, slots=True)
class Statement:
    """`| statement  // comment`; empty for a line that holds a comment only."""

    text: Text
    comment: str = ""


SourceLine = CLine | Directive | LabelPosition | Statement


def read_lines(text: str, file: str) -> Iterator[SourceLine]:
    """The lines of a file; `file` is what errors call it."""
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        line = line.removesuffix("\r")
        yield classify(Text(line, file, number, line))


def classify(text: Text) -> SourceLine:
    """Which class a line is of."""
    bar = re.match(r"\s*\|", text.text)
    if bar is None:
        return CLine(text)
    code, comment = text.cut(bar.end()).partition("//")
    code = code.strip()
    if directive := re.match(r"\.(\w+)", code.text):
        return Directive(code, directive[1], code.cut(directive.end()).strip())
    if code.text.startswith("=>") and code.text.endswith(":"):
        return LabelPosition(code, code.cut(0, len(code.text) - 1).strip())
    return Statement(code, "" if comment is None else comment.text.strip())
