"""The two kinds of failure: the user's mistake, told in words, and ours; and what may be a mistake.

A `UserError` always says where (file and line when there is one), what is wrong, and what to do. The command line
prints it and leaves with exit code 2; everything else that escapes is a defect of stencilgen and exit code 1.
"""

from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["BuildWarning", "ClangWarning", "Diagnostic", "UserError", "VersionWarning"]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong: `line` counts from 1, 0 means the file as a whole."""

    what: str
    remedy: str = ""
    file: Path | str | None = None
    line: int = 0

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        remedy = f"\n  → {self.remedy}" if self.remedy else ""
        return f"{place}{self.what}{remedy}"


class UserError(Exception):
    """Something that the user can put right. Holds at least one diagnostic."""

    def __init__(
        self, what: str | list[Diagnostic], *, remedy: str = "", file: Path | str | None = None, line: int = 0
    ) -> None:
        self.diagnostics = [Diagnostic(what, remedy, file, line)] if isinstance(what, str) else list(what)
        super().__init__("\n".join(map(str, self.diagnostics)))

    def at(self, file: Path | str, line: int) -> "UserError":
        """The same, with this place wherever a diagnostic names none."""
        return UserError([d if d.file else replace(d, file=file, line=line) for d in self.diagnostics])

    def __reduce__(self) -> tuple[type["UserError"], tuple[list[Diagnostic]]]:
        return UserError, (self.diagnostics,)  # so that it can come from another process


class BuildWarning(UserWarning):
    """What the author of stencils should know of a build that succeeds; it names file and line."""


class VersionWarning(BuildWarning):
    """A stencil would have more versions than the configuration allows."""


class ClangWarning(BuildWarning):
    """What Clang has to say about stencils that it compiles all the same, in its own words, with file and line."""
