"""How wide each jump within a section is: rel8 or rel32, decided once and for all.

The key idea: every piece has a largest length, so the distance between two places is bounded, and a jump whose bound
fits a rel8 is always short. Widening one jump may push another out of reach: start with all short, and widen until
nothing changes.
"""

from collections.abc import Mapping, Sequence

from dasc.compiler.pieces import Branch, Fixed, Mark, Piece, longest
from x86_64 import Label

__all__ = ["OutOfReach", "settle"]

_BACKWARD, _FORWARD = -128, 127


class OutOfReach(Exception):
    """A jump that exists with rel8 only may have to go further."""

    def __init__(self, branch: Branch) -> None:
        super().__init__(branch.text)
        self.branch = branch


def settle(pieces: Sequence[Piece], edges: Mapping[Label, bool]) -> list[Piece]:
    """The pieces with every `Branch` replaced by a `Fixed`, or left out where it jumps to where it falls through.

    edges: labels at the section's start (False) and end (True) that have no mark of their own.
    Raises `OutOfReach`.
    """
    kept = [piece for index, piece in enumerate(pieces) if not _falls_through(piece, pieces[index + 1 :], edges)]
    wide = {index for index, piece in enumerate(kept) if isinstance(piece, Branch) and piece.short is None}
    while grown := _too_far(kept, wide, edges):
        for index in grown:
            branch = kept[index]
            if isinstance(branch, Branch) and branch.long is None:
                raise OutOfReach(branch)
        wide |= grown
    return [_settled(piece, index in wide) for index, piece in enumerate(kept)]


def _falls_through(piece: Piece, rest: Sequence[Piece], edges: Mapping[Label, bool]) -> bool:
    if not isinstance(piece, Branch) or piece.conditional:
        return False
    for follower in rest:
        if not isinstance(follower, Mark):
            return False
        if follower.label == piece.target:
            return True
    return edges.get(piece.target, False)


def _settled(piece: Piece, is_wide: bool) -> Piece:
    if not isinstance(piece, Branch):
        return piece
    encoding = piece.long if is_wide else piece.short
    assert encoding is not None
    return Fixed(piece.text, encoding)


def _too_far(pieces: Sequence[Piece], wide: set[int], edges: Mapping[Label, bool]) -> set[int]:
    """The short branches whose target may lie beyond a rel8."""
    settled = [_settled(piece, index in wide) for index, piece in enumerate(pieces)]
    starts = [0]
    for piece in settled:
        starts.append(starts[-1] + longest(piece))
    places = {label: starts[-1] if at_end else 0 for label, at_end in edges.items()}
    places |= {piece.label: starts[index] for index, piece in enumerate(pieces) if isinstance(piece, Mark)}
    return {
        index
        for index, piece in enumerate(pieces)
        if isinstance(piece, Branch)
        and index not in wide
        and not _BACKWARD <= places[piece.target] - starts[index + 1] <= _FORWARD
    }
