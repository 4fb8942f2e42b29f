"""The corpus: small programs, one idea each, in `snippets/*.txt`; a line `=== title` begins a new one.

Text files, because many of these programs are wrong on purpose. Line numbers count from the line after the title.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "snippets"


@dataclass(frozen=True, slots=True)
class Snippet:
    theme: str
    title: str
    source: str

    def __str__(self) -> str:
        return f"{self.theme}: {self.title}"

    @property
    def file_name(self) -> str:
        """Unique, and short enough for a path."""
        return f"{self.theme}-{self.title}.py".replace(" ", "-").replace("/", "-")


def read(theme: str) -> list[Snippet]:
    """All snippets of one file, in order."""
    text = (FOLDER / f"{theme}.txt").read_text(encoding="utf-8")
    snippets = []
    for part in text.split("=== ")[1:]:
        title, _, source = part.partition("\n")
        snippets.append(Snippet(theme, title, source.rstrip("\n") + "\n"))
    assert len({snippet.title for snippet in snippets}) == len(snippets), f"{theme}.txt: two snippets of one title"
    return snippets
