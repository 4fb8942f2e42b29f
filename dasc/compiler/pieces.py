"""What a stencil's code consists of for the compiler: pieces of known or bounded length.

    Fixed     bytes that are all known now, but for patches at known places
    Choice    the same in several widths; the emit function chooses by the values
    Branch    a jump to a label of the same section, whose width depends on the distance (`branches` decides it)
    Helper    a function of the runtime that emits up to so many bytes
    Mark      the position of a label

Every piece carries the line of assembly it stands for, which ends up as a comment in the generated C.
"""

from dataclasses import dataclass

from x86_64 import Encoding, Label

__all__ = ["Alternative", "Branch", "Choice", "Fixed", "Helper", "Mark", "Piece", "longest"]


@dataclass(frozen=True, slots=True)
class Fixed:
    """One encoding. checks: statements of C that refuse values which no encoding holds."""

    text: str
    encoding: Encoding
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """An encoding and the C condition under which it is used; None: always, when the ones before it are not."""

    condition: str | None
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class Choice:
    """At least two encodings; the last one has no condition."""

    text: str
    alternatives: tuple[Alternative, ...]
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Branch:
    """A jump within the section: `short` has a rel8, `long` a rel32; one of them may not exist."""

    text: str
    target: Label
    short: Encoding | None
    long: Encoding | None
    conditional: bool = True


@dataclass(frozen=True, slots=True)
class Helper:
    """A call that advances the cursor by at most `most` bytes. In `call`, `{p}` stands for the cursor."""

    text: str
    call: str
    most: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Here is `label`."""

    text: str
    label: Label


Piece = Fixed | Choice | Branch | Helper | Mark


def longest(piece: Piece) -> int:
    """Bytes that the piece emits at most."""
    match piece:
        case Fixed():
            return len(piece.encoding.code)
        case Choice():
            return max(len(alternative.encoding.code) for alternative in piece.alternatives)
        case Branch():
            encoding = piece.long or piece.short
            return len(encoding.code) if encoding is not None else 0
        case Helper():
            return piece.most
        case Mark():
            return 0
