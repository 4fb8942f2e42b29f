"""What C knows and IR does not: structure layouts, where stencils stand in the source, types and names of the state.

Read from the debug information that `clang -g` leaves in the IR, so that the VM's headers need no second parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from llvm_passes.holes import HOLE_PREFIX
from llvm_passes.metadata import Metadata, Node, Position
from llvm_passes.module import Module
from llvm_passes.text import unquote


@dataclass(frozen=True, slots=True)
class Member:
    """A field of a structure or union: offset and size in bytes; members of anonymous members are listed as C names
    them.
    """

    name: str
    offset: int
    size: int
    type: str


@dataclass(frozen=True, slots=True)
class Structure:
    """A complete structure or union. `name` as C spells the type: `struct Frame`, or the typedef's name if it has no
    tag.
    """

    name: str
    typedefs: tuple[str, ...]
    size: int
    members: tuple[Member, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a stencil: its C type and name (empty where the compiler kept none)."""

    type: str
    name: str


@dataclass(frozen=True, slots=True)
class StencilSource:
    """Where a stencil is written, and its parameters: the machine state."""

    name: str
    position: Position
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class DebugInfo:
    """Everything read at once. `holes` maps a hole function's name after `__sg_hole_` to its C type."""

    structures: tuple[Structure, ...]
    stencils: dict[str, StencilSource]
    holes: dict[str, str]


def read_debug_info(module: Module) -> DebugInfo:
    """Read a module compiled with -g. A module without debug information gives an empty result."""
    metadata = Metadata(module.metadata)
    stencils = {}
    for name, text in module.functions.items():
        source = _stencil(metadata, unquote(name), text.split("\n", 1)[0])
        if source:
            stencils[unquote(name)] = source
    holes = {}
    for name, line in module.declarations.items():
        if name.startswith(HOLE_PREFIX):
            subprogram = metadata.node(line.partition("!dbg ")[2].partition(" ")[0])
            types = metadata.elements(metadata.follow(subprogram, "type"), "types")
            if types:
                holes[name.removeprefix(HOLE_PREFIX)] = metadata.c_type(types[0])
    return DebugInfo(tuple(_structures(metadata)), stencils, holes)


def _stencil(metadata: Metadata, name: str, header: str) -> StencilSource | None:
    subprogram = metadata.node(header.rpartition("!dbg ")[2].partition(" ")[0])
    if subprogram is None:
        return None
    types = metadata.elements(metadata.follow(subprogram, "type"), "types")[1:]
    names = {
        variable.number("arg"): variable.text("name")
        for variable in metadata.elements(subprogram, "retainedNodes")
        if variable and "arg" in variable.fields
    }
    parameters = tuple(
        Parameter(metadata.c_type(node), names.get(number, "")) for number, node in enumerate(types, start=1)
    )
    return StencilSource(name, Position(metadata.file(subprogram), subprogram.number("line")), parameters)


def _structures(metadata: Metadata) -> Iterator[Structure]:
    typedefs: dict[str, list[str]] = {}
    for node in metadata.nodes("DIDerivedType"):
        if node.fields.get("tag") == "DW_TAG_typedef":
            typedefs.setdefault(node.fields.get("baseType", ""), []).append(node.text("name"))
    for node in metadata.nodes("DICompositeType"):
        tag = node.fields.get("tag")
        if tag not in ("DW_TAG_structure_type", "DW_TAG_union_type") or not _is_complete(node):
            continue
        names = tuple(typedefs.get(node.reference, ()))
        name = metadata.c_type(node) if node.text("name") else next(iter(names), "")
        if name:
            position = Position(metadata.file(node), node.number("line"))
            yield Structure(name, names, node.number("size") // 8, tuple(_members(metadata, node, 0)), position)


def _is_complete(node: Node) -> bool:
    return "DIFlagFwdDecl" not in node.fields.get("flags", "") and "elements" in node.fields


def _members(metadata: Metadata, node: Node, base: int) -> Iterator[Member]:
    """The addressable members (bit-fields have no offset), those of anonymous structures and unions in their place."""
    for member in metadata.elements(node, "elements"):
        if member is None or "DIFlagBitField" in member.fields.get("flags", ""):
            continue
        offset = base + member.number("offset") // 8
        type_node = metadata.follow(member, "baseType")
        if member.text("name"):
            yield Member(member.text("name"), offset, member.number("size") // 8, metadata.c_type(type_node))
        elif type_node is not None and type_node.kind == "DICompositeType":
            yield from _members(metadata, type_node, offset)
