"""One function's text as a list of lines with definitions and uses: what a rewriting pass needs to find its way.

A line is an instruction (a `switch` and its cases are several lines). Lines are rewritten in place; a rewrite may put
several instructions on one entry of `lines`, separated by newlines, so that positions stay valid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from llvm_passes.instructions import Instruction, parse
from llvm_passes.text import NAME

_LOCAL_NAME = re.compile(rf'%({NAME})|"[^"]*"')
_DEFINED = re.compile(rf"^  %({NAME}) = ")


class Body:
    """A function being rewritten."""

    def __init__(self, text: str) -> None:
        self.lines = [
            line.split(";", 1)[0].rstrip() if line and line[0] not in " }d" else line for line in text.split("\n")
        ]
        self.definitions: dict[str, int] = {}
        self.has_inttoptr = " = inttoptr " in text
        self._users: dict[str, list[int]] = {}
        self._parsed: dict[int, Instruction | None] = {}
        self._fresh = 0
        for index, line in enumerate(self.lines):
            names = [match[1] for match in _LOCAL_NAME.finditer(line)]
            if names and _DEFINED.match(line):
                self.definitions[names[0]] = index
                del names[0]
            for name in names:
                if name is not None:
                    self._users.setdefault(name, []).append(index)

    def text(self) -> str:
        """The function's text; deleted lines are gone."""
        return "\n".join(line for line in self.lines if line)

    def instruction(self, index: int) -> Instruction | None:
        """The instruction as it was when first asked for; None for opaque lines."""
        if index not in self._parsed:
            self._parsed[index] = parse(self.lines[index])
        return self._parsed[index]

    def definition(self, name: str) -> Instruction | None:
        """The instruction that defines %name, unless it is an argument or opaque."""
        index = self.definitions.get(name)
        return None if index is None else self.instruction(index)

    def users(self, name: str) -> list[int]:
        """The lines that use %name, once for each use."""
        return self._users.get(name, [])

    def users_of_any(self, names: Iterable[str]) -> list[int]:
        """The lines that use any of `names`, in order."""
        return sorted({index for name in names for index in self.users(name)})

    def mentions(self, text: str) -> Iterator[tuple[int, str]]:
        """The lines that hold `text`."""
        return ((index, line) for index, line in enumerate(self.lines) if text in line)

    def fresh(self) -> str:
        """A name that no value has."""
        self._fresh += 1
        while f"sg.{self._fresh}" in self.definitions:
            self._fresh += 1
        return f"sg.{self._fresh}"

    def delete(self, index: int) -> None:
        """Remove a line (its value must have no use left)."""
        self.lines[index] = ""

    @staticmethod
    def replace(line: str, replacement: Callable[[str], str | None]) -> str:
        """`line` with each %name replaced where `replacement(name)` is not None."""

        def substitute(match: re.Match[str]) -> str:
            new = replacement(match[1]) if match[1] else None
            return match[0] if new is None else new

        return _LOCAL_NAME.sub(substitute, line)
