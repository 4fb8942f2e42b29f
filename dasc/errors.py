"""Errors in `.dasc` text, told as Clang tells them.

    stencils.dasc:12:12: error: no line `=>L(3):` in this stencil
       12 |     | jne =>L(3)
          |           ^~~~~~
      → its labels are L(1) and L(2)

The key idea: a piece of text knows where it comes from. The reader cuts `Text` into smaller `Text`, so whoever finds
a mistake, however deep, points at exactly the characters it is about.
"""

from dataclasses import dataclass, replace

__all__ = ["CompileError", "DascError", "Text"]


class DascError(Exception):
    """A mistake in a `.dasc` file. Lines and columns count from 1."""

    def __init__(self, cause: str, at: "Text", remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.at = at
        self.remedy = remedy

    def __str__(self) -> str:
        at = self.at
        margin = f"{at.line:5} | "
        # Tabs stay tabs under the caret, so that it lines up whatever a terminal makes of them.
        indent = "".join("\t" if character == "\t" else " " for character in at.source_line[: at.column - 1])
        underline = "^" + "~" * (len(at.text) - 1)
        lines = [
            f"{at.file}:{at.line}:{at.column}: error: {self.cause}",
            margin + at.source_line,
            f"      | {indent}{underline}",
        ]
        return "\n".join([*lines, f"  → {self.remedy}"] if self.remedy else lines)


class CompileError(Exception):
    """A stencil that has no code: an operand that fits no encoding, a jump that reaches no label."""

    def __init__(self, cause: str, remedy: str = "", stencil: str = "", source: str = "") -> None:
        place = f"{source}: " if source else ""
        subject = f"stencil {stencil}: " if stencil else ""
        super().__init__(f"{place}{subject}{cause}" + (f"\n  → {remedy}" if remedy else ""))
        self.cause = cause
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Text:
    """Part of one line of a file: `text` starts at `column` of `source_line`."""

    text: str
    file: str
    line: int
    source_line: str
    column: int = 1

    def cut(self, start: int, end: int | None = None) -> "Text":
        """The characters from `start` to `end`, as by a slice of non-negative bounds."""
        return replace(self, text=self.text[start:end], column=self.column + start)

    def strip(self) -> "Text":
        """The same without white space at both ends."""
        start = len(self.text) - len(self.text.lstrip())
        return self.cut(start, start + len(self.text.strip()))

    def partition(self, separator: str) -> tuple["Text", "Text | None"]:
        """The text before the first `separator` and the text after it, None when there is no separator."""
        at = self.text.find(separator)
        return (self, None) if at < 0 else (self.cut(0, at), self.cut(at + len(separator)))

    def error(self, cause: str, remedy: str = "") -> DascError:
        """The error to raise when something is wrong with this text."""
        return DascError(cause, self, remedy)
