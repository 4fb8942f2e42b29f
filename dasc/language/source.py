"""Statements and where they come from, through macros, definitions and included files.

The key idea: a statement that a macro made has no column of its own. Its *origin* is the line that a person wrote; an
error about a fragment points at that fragment where the line still contains it, else at the whole statement, and
quotes what the statement has become.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

from dasc.errors import DascError, Text

__all__ = ["Origin", "Statement", "suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt name; empty when nothing that is known resembles it."""
    near = get_close_matches(name, sorted(known), 5)
    if not near:
        return ""
    letters = sorted(name)
    return f"did you mean `{min(near, key=lambda other: (sorted(other) != letters, abs(len(other) - len(name))))}`?"


@dataclass(frozen=True, slots=True)
class Origin:
    """The statement as a person wrote it. macros: what it was expanded by, outermost first."""

    text: Text
    macros: tuple[str, ...] = ()

    def error(self, cause: str, remedy: str = "", fragment: str = "", became: str = "") -> DascError:
        """The error to raise about `fragment` of the statement, which became `became` by substitution."""
        written = self.text.text
        at = written.find(fragment) if fragment else -1
        place = self.text.cut(at, at + len(fragment)) if at >= 0 else self.text.strip()
        if self.macros:
            cause += f", in `{became}`" if became else ""
            cause += f" [in macro {' > '.join(self.macros)}]"
        elif became and became.strip() != written.strip():
            cause += f" [after substitution: `{became}`]"
        return DascError(cause, place, remedy)

    def within(self, macro: str) -> "Origin":
        """The origin of a line that a macro, called here, expands to."""
        return replace(self, macros=(*self.macros, macro))


@dataclass(frozen=True, slots=True)
class Statement:
    """`name parameter, parameter`, after all substitutions. text: the whole of it."""

    name: str
    parameters: tuple[str, ...]
    text: str
    origin: Origin

    def error(self, cause: str, remedy: str = "", fragment: str = "") -> DascError:
        """The error to raise about a fragment of the statement, or all of it."""
        return self.origin.error(cause, remedy, fragment, self.text.strip())
