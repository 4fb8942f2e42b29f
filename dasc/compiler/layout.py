"""Where everything lies: the places of labels and of the fields that refer to them.

The key idea: the pieces of a section fall into *segments*. Within a segment all lengths are known now; after each
piece of variable length a new one begins. The distance between two places of one segment is a constant of the
template; any other is known when the emit function runs, and then in one of three ways:

    CONSTANT    source and target in one segment: the bytes are part of the template
    KNOWN       the emit function has passed the target already, or knows where the part begins: it computes the
                distance where it stores the instruction
    DEFERRED    the target lies ahead: the field's address is kept, and the distance stored when the target is reached
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from enum import Enum, auto
from typing import Literal, TypeGuard

from dasc.compiler.pieces import Choice, Fixed, Helper, Mark, Piece, longest
from dasc.model import EXIT, NEXT, LabelHole
from x86_64 import Field, Label

__all__ = ["Layout", "Mode", "Place", "Reference", "SectionName", "at_start", "is_label"]

SectionName = Literal["hot", "cold"]


@dataclass(frozen=True, slots=True)
class Place:
    """`offset` bytes after the start of a segment."""

    section: SectionName
    segment: int
    offset: int


class Mode(Enum):
    """When the distance from a field to its label is known."""

    CONSTANT = auto()
    KNOWN = auto()
    DEFERRED = auto()


@dataclass(frozen=True, slots=True)
class Reference:
    """A field that refers to a label. number: counts the deferred references of a stencil from 1, 0 for the others."""

    source: Place
    field: Field
    mode: Mode
    number: int = 0

    @property
    def target(self) -> str:
        """The label's name."""
        assert isinstance(self.field.operand, Label)
        return self.field.operand.name


def is_label(operand: object) -> TypeGuard[Label]:
    """Whether it is a label of the stencil itself, not a position in the trace."""
    return isinstance(operand, Label) and not isinstance(operand, LabelHole)


def at_start(source: Place, target: Place) -> bool:
    """Whether the target's address is the start of a part, plus a constant, when the source's code is being emitted."""
    return target.segment == 0 and (target.section == source.section or target.section == "cold")


@dataclass(slots=True)
class Layout:
    """The places of a stencil's labels by name, and its references by the place of the field."""

    hot: Sequence[Piece]
    cold: Sequence[Piece]
    labels: dict[str, Place] = dataclass_field(default_factory=dict)
    references: dict[Place, Reference] = dataclass_field(default_factory=dict)

    def __post_init__(self) -> None:
        self.labels[EXIT.name] = Place("cold", 0, 0)
        sources = [*self._walk("hot", self.hot), *self._walk("cold", self.cold)]
        deferred = 0
        for source, hole, target in sources:
            mode = self._mode(source, self.labels[target])
            deferred += mode is Mode.DEFERRED
            self.references[source] = Reference(source, hole, mode, deferred if mode is Mode.DEFERRED else 0)

    def kept(self, label: str) -> bool:
        """Whether the emit function must remember where this label is."""
        target = self.labels[label]
        return label not in (NEXT.name, EXIT.name) and any(
            reference.target == label and reference.mode is Mode.KNOWN and not at_start(reference.source, target)
            for reference in self.references.values()
        )

    def waiting(self, label: str) -> list[Reference]:
        """The references that are resolved when this label is reached."""
        return [r for r in self.references.values() if r.target == label and r.mode is Mode.DEFERRED]

    def _walk(self, section: SectionName, pieces: Sequence[Piece]) -> Iterator[tuple[Place, Field, str]]:
        """Places all labels of a section; yields its fields that refer to labels, each with the label's name."""
        segment = offset = 0
        for piece in pieces:
            match piece:
                case Mark(label=label):
                    self.labels[label.name] = Place(section, segment, offset)
                case Fixed(encoding=encoding):
                    for hole in encoding.fields:
                        if is_label(hole.operand):
                            yield Place(section, segment, offset + hole.offset), hole, hole.operand.name
                    offset += longest(piece)
                case Choice() | Helper():
                    segment, offset = segment + 1, 0
        if section == "hot":
            self.labels[NEXT.name] = Place(section, segment, offset)

    def _mode(self, source: Place, target: Place) -> Mode:
        if source.section == target.section and source.segment == target.segment:
            return Mode.CONSTANT
        if at_start(source, target) or (source.section, target.section) == ("cold", "hot"):
            return Mode.KNOWN
        if source.section == target.section and target.segment < source.segment:
            return Mode.KNOWN
        return Mode.DEFERRED
