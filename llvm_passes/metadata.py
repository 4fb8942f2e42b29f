"""Debug metadata as values: nodes read on demand, source positions, C types and structure layouts' raw material.

LLVM prints a node as `!7 = distinct !DISubprogram(name: "f", line: 3, …)`. A node is read when somebody asks for it:
most of a module's debug information is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from llvm_passes.text import split_top, unquote

_NODE = re.compile(r"(?:distinct )?!(\w*)[({](.*)[)}]$", re.S)
_ATTACHED = re.compile(r"!dbg (!\d+)")


@dataclass(frozen=True, slots=True)
class Node:
    """A metadata node: `kind` is `DILocation` and so on, empty for a plain tuple, which has `elements`."""

    reference: str
    kind: str
    fields: Mapping[str, str] = field(default_factory=dict)
    elements: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        """A string field, without quotes; empty when absent."""
        return unquote(self.fields.get(key, ""))

    def number(self, key: str) -> int:
        """An integer field; 0 when absent (LLVM leaves zeros out)."""
        return int(self.fields.get(key, "0"))


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the source; line 0 when the compiler kept none."""

    file: str
    line: int


class Metadata:
    """The metadata of a module, by reference (`!7`)."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._nodes: dict[str, Node] = {}

    def node(self, reference: str) -> Node | None:
        """The node, or None for `null` and unknown references."""
        if reference not in self._nodes:
            match = _NODE.match(self._texts.get(reference, ""))
            if match is None:
                return None
            self._nodes[reference] = _read(reference, match[1], match[2])
        return self._nodes[reference]

    def nodes(self, kind: str) -> list[Node]:
        """Every node of a kind (`DICompositeType`), in the module's order."""
        marker = f"!{kind}("
        found = (self.node(reference) for reference, text in self._texts.items() if marker in text)
        return [node for node in found if node is not None and node.kind == kind]

    def follow(self, node: Node | None, key: str) -> Node | None:
        """The node that a field refers to."""
        return self.node(node.fields.get(key, "")) if node else None

    def elements(self, node: Node | None, key: str) -> list[Node | None]:
        """The nodes of the tuple that a field refers to; None where the tuple holds `null`."""
        tuple_node = self.follow(node, key)
        return [self.node(reference) for reference in tuple_node.elements] if tuple_node else []

    def file(self, node: Node | None) -> str:
        """The path of the file in which `node` (or the nearest scope that knows) was written."""
        while node is not None and node.kind != "DIFile":
            node = self.follow(node, "file") or self.follow(node, "scope")
        if node is None:
            return ""
        return node.text("filename")

    def position(self, attached: str) -> Position:
        """Where an instruction comes from, from text that holds its `!dbg !N`: the place in the function itself.

        For inlined code that is the place of the outermost call. A subprogram or variable gives its declaration.
        """
        match = _ATTACHED.search(attached)
        node = self.node(match[1]) if match else None
        while node is not None and (outer := self.follow(node, "inlinedAt")):
            node = outer
        if node is not None and node.kind == "DIGlobalVariableExpression":
            node = self.follow(node, "var")
        return Position(self.file(node), node.number("line") if node else 0)

    def c_type(self, node: Node | None) -> str:
        """The C spelling of a type (`const Frame *`, `unsigned short`, `void (*)(int)`); `void` for None."""
        if node is None:
            return "void"
        if node.kind == "DIBasicType" or node.fields.get("tag") == "DW_TAG_typedef":
            return node.text("name")
        if node.kind == "DISubroutineType":
            return self._function_type(node, "")
        tag = node.fields.get("tag", "")
        if tag in _RECORD_TAGS:
            return f"{_RECORD_TAGS[tag]} {node.text('name')}".rstrip()
        base = self.follow(node, "baseType")
        if tag == "DW_TAG_pointer_type":
            if base is not None and base.kind == "DISubroutineType":
                return self._function_type(base, "*")
            inner = self.c_type(base)
            return f"{inner}*" if inner.endswith("*") else f"{inner} *"
        if tag in _QUALIFIERS:
            inner = self.c_type(base)
            return f"{inner}{_QUALIFIERS[tag]}" if inner.endswith("*") else f"{_QUALIFIERS[tag]} {inner}"
        if tag == "DW_TAG_array_type":
            counts = [element.fields.get("count", "") for element in self.elements(node, "elements") if element]
            return self.c_type(base) + "".join(f"[{count if count.isdigit() else ''}]" for count in counts)
        return self.c_type(base)

    def _function_type(self, node: Node, declarator: str) -> str:
        types = self.elements(node, "types")
        parameters = [self.c_type(parameter) for parameter in types[1:]] or ["void"]
        result = self.c_type(types[0]) if types else "void"
        return f"{result} ({declarator})({', '.join(parameters)})"


_RECORD_TAGS = {
    "DW_TAG_structure_type": "struct",
    "DW_TAG_union_type": "union",
    "DW_TAG_enumeration_type": "enum",
    "DW_TAG_class_type": "struct",
}
_QUALIFIERS = {
    "DW_TAG_const_type": "const",
    "DW_TAG_volatile_type": "volatile",
    "DW_TAG_restrict_type": "restrict",
    "DW_TAG_atomic_type": "_Atomic",
}


def _read(reference: str, kind: str, body: str) -> Node:
    pieces = split_top(body)
    if not kind:
        return Node(reference, kind, {}, tuple(pieces))
    fields = {}
    for piece in pieces:
        key, _, value = piece.partition(": ")
        fields[key] = value
    return Node(reference, kind, fields)
