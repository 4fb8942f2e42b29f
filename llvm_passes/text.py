"""Reading LLVM's textual IR: the few lexical facts that every pass here shares.

llvmlite's objects are read-only and hide what a rewrite needs (a GEP's element type, no-wrap flags, attributes), while
LLVM prints every module in one canonical form: one instruction a line, two spaces of indentation, operands separated
by commas. So passes read and rewrite that text, and LLVM's own parser and verifier check what they wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

NAME = r'(?:[-a-zA-Z$._0-9]+|"[^"]*")'

LOCAL = re.compile(rf"%({NAME})")
GLOBAL = re.compile(rf'"[^"]*"|@({NAME})')
ATTRIBUTE_GROUP = re.compile(r"#\d+")
METADATA_REFERENCE = re.compile(r"!\d+")

_DEBUG_RECORD = re.compile(r"\n +#dbg_[^\n]*|\n +(?:tail )?call void @llvm\.dbg\.[^\n]*")
_ATTACHMENT = re.compile(r",? !([a-zA-Z_.]+) !(?:\d+|\{\})")
_METADATA_SUFFIX = re.compile(r"(?:, ![a-zA-Z_.]+ ![^,]*)+$")
_BRACKETS = re.compile(r'[(\[{"]')

KEPT_METADATA = frozenset(
    {"prof", "tbaa", "tbaa.struct", "range", "noalias", "alias.scope", "nonnull", "noundef", "align", "unpredictable"}
    | {"dereferenceable", "dereferenceable_or_null", "invariant.load", "invariant.group", "nontemporal"}
    | {"absolute_symbol"}
)
"""Metadata kinds that code generation uses and that refer to no source location."""


def strip_debug(text: str) -> str:
    """`text` without debug records and without metadata attachments that code generation has no use for."""
    if "#dbg_" in text or "@llvm.dbg." in text:
        text = _DEBUG_RECORD.sub("", text)
    return _ATTACHMENT.sub(lambda match: match[0] if match[1] in KEPT_METADATA else "", text)


def without_metadata(line: str) -> str:
    """An instruction without its `, !kind !N` attachments."""
    return _METADATA_SUFFIX.sub("", line) if ", !" in line else line


def unquote(name: str) -> str:
    """The name that an identifier token stands for: `"a b"` and plain tokens alike (LLVM's `\\xx` escapes, bytes of UTF-8,
    resolved).
    """
    if not name.startswith('"'):
        return name
    if "\\" not in name:
        return name[1:-1]
    pieces = re.split(r"\\([0-9A-Fa-f]{2})", name[1:-1])
    content = b"".join(
        bytes.fromhex(piece) if number % 2 else piece.encode("utf-8", "surrogateescape")
        for number, piece in enumerate(pieces)
    )
    return content.decode("utf-8", "replace")


def split_top(text: str, separator: str = ",") -> list[str]:
    """`text` split at separators that stand outside brackets and quotes; the pieces stripped."""
    if not text.strip():
        return []
    if not _BRACKETS.search(text):
        return [piece.strip() for piece in text.split(separator)]
    pieces, depth, start, quoted = [], 0, 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == separator and depth == 0:
            pieces.append(text[start:position].strip())
            start = position + 1
    pieces.append(text[start:].strip())
    return pieces


def closing(text: str, start: int) -> int:
    """The position of the bracket that closes the one at `start`; quoted strings are skipped."""
    depth, quoted = 0, False
    for position in range(start, len(text)):
        character = text[position]
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{<":
            depth += 1
        elif character in ")]}>":
            depth -= 1
            if depth == 0:
                return position
    raise ValueError(f"unbalanced brackets: {text[start : start + 60]}")


def split_words(text: str) -> list[str]:
    """`text` split at blanks that stand outside brackets and quotes: attributes, types and a value of one argument."""
    return [word for word in split_top(text, " ") if word] if _BRACKETS.search(text) else text.split()


def global_references(text: str) -> Iterator[str]:
    """The tokens (without `@`, still quoted where they were) of all globals that `text` names."""
    for match in GLOBAL.finditer(text):
        if match[1]:
            yield match[1]
