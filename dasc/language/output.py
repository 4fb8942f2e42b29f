"""The C file that a translation writes, line by line.

The key idea, DynASM's: some lines are known only at the end (the action list, the labels' names, what was captured),
so the output is a list of lines and of functions that make lines, and a capture is another such list.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["SHOWN", "Comments", "Output"]

Entry = str | Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Comments:
    """How assembler lines are shown in the output: between `before` and `after`; not at all where before is empty."""

    before: str = "//|"
    after: str = ""


SHOWN = Comments()


@dataclass(slots=True)
class Output:
    """Lines on their way. line_numbers: keep the C compiler informed by `#line`."""

    comments: Comments = SHOWN
    line_numbers: bool = True
    entries: list[Entry] = field(default_factory=list)
    captures: dict[str, list[Entry]] = field(default_factory=dict)
    capture: str | None = None
    written_line: int = -1
    """The line number that the C compiler believes the next line of output has."""

    def line(self, text: str) -> None:
        """Write one line."""
        self._add(text)
        self.written_line += 1

    def deferred(self, make: Callable[[], Iterable[str]]) -> None:
        """Write the lines that `make` returns when the translation is complete."""
        self._add(make)
        self.written_line = -1

    def comment(self, indent: str, text: str) -> None:
        """Show a line of assembly."""
        if self.comments.before:
            shown = text.replace("*/", "* /") if self.comments.after else text.rstrip("\\")
            self.line(f"{indent}{self.comments.before}{shown}{self.comments.after}")

    def synchronise(self, file: str, line: int) -> None:
        """What is written next stands on this line of this file."""
        if self.line_numbers and self.written_line != line:
            escaped = file.replace("\\", "\\\\").replace('"', '\\"')
            self.line(f'#line {line} "{escaped}"')
            self.written_line = line

    def unsynchronised(self) -> None:
        """The line numbers are not those that the C compiler believes, from here on."""
        self.written_line = -1

    def start_capture(self, name: str) -> None:
        self.captures.setdefault(name, [])
        self.capture = name
        self.written_line = -1

    def end_capture(self) -> None:
        self.capture = None
        self.written_line = -1

    def dump_capture(self, name: str) -> None:
        self.deferred(lambda: _text(self.captures.get(name, ())))

    def text(self) -> str:
        """Everything that was written."""
        return "".join(f"{line}\n" for line in _text(self.entries))

    def _add(self, entry: Entry) -> None:
        (self.entries if self.capture is None else self.captures[self.capture]).append(entry)


def _text(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        else:
            yield from entry()
