"""A module's text taken apart, so that a module with any subset of its functions can be put together again.

Why: incremental builds compile only the functions whose text changed, and parallel code generation gives each worker a
chunk; both need a module that holds a few functions and exactly what those refer to. `Module.extract` numbers
attribute groups and metadata afresh in order of first use, and private constants are named by their content, so the
text extracted for one function is canonical: equal text means equal code, whatever else the source file holds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llvm_passes.text import (
    ATTRIBUTE_GROUP,
    GLOBAL,
    LOCAL,
    METADATA_REFERENCE,
    NAME,
    global_references,
    strip_debug,
    unquote,
)

_DEFINITION = re.compile(
    rf"^(@({NAME}) = |%({NAME}) = type |(attributes) (#\d+) = |(!\d+) = |(![-a-zA-Z$._][-\w$.]*) = )"
)
_FUNCTION_NAME = re.compile(rf"@({NAME})\(")
_LINKAGE = re.compile(
    r"^define (?:(?:private|internal|available_externally|linkonce|weak|linkonce_odr|weak_odr|extern_weak|external) )?"
)
_TO_DROP_IN_DECLARATION = re.compile(r'(?: section "[^"]*"| comdat(?:\(\$[^)]*\))?| personality [^{]*| ![a-z_.]+ !\d+)')
_LOCAL_CONSTANT = re.compile(r" (?:private|internal) (?:[a-z_]+ )*constant ")
_LOCAL_LINKAGE = re.compile(r" (private|internal) ")


class UnreadableModule(Exception):
    """The text is not LLVM IR as LLVM prints it."""


@dataclass(frozen=True, slots=True)
class Module:
    """The definitions of a module, by name as written in the text (quoted where LLVM quotes). Texts end without
    newline.
    """

    header: str
    types: Mapping[str, str]
    globals: Mapping[str, str]
    declarations: Mapping[str, str]
    functions: Mapping[str, str]
    attributes: Mapping[str, str]
    metadata: Mapping[str, str]
    named_metadata: Mapping[str, str]
    file_scope_assembly: tuple[str, ...] = ()

    def extract(self, names: Iterable[str]) -> str:
        """A module that defines the functions `names`, with what they need and nothing else; no debug information.

        Raises KeyError for a function that the module does not define.
        """
        return _Extraction(self).run(names)

    def fingerprint(self, name: str) -> str:
        """A hash (64 hexadecimal digits) of the function's text and of all it refers to; debug information excluded."""
        return hashlib.sha256(self.extract([name]).encode()).hexdigest()


def split_module(text: str) -> Module:
    """Take the text of a module apart. Raises UnreadableModule with the offending line."""
    header: list[str] = []
    file_scope_assembly: list[str] = []
    types: dict[str, str] = {}
    global_values: dict[str, str] = {}
    declarations: dict[str, str] = {}
    functions: dict[str, str] = {}
    attributes: dict[str, str] = {}
    metadata: dict[str, str] = {}
    named_metadata: dict[str, str] = {}
    position, end = 0, len(text)
    while position < end:
        newline = text.find("\n", position)
        newline = end if newline < 0 else newline
        line = text[position:newline]
        if line.startswith("define "):
            close = text.find("\n}", newline - 1)
            if close < 0:
                raise UnreadableModule(f"function without an end: {line}")
            functions[_function_name(line)] = text[position : close + 2]
            newline = close + 2
        elif line.startswith("declare "):
            declarations[_function_name(line)] = line
        elif match := _DEFINITION.match(line):
            _, variable, type_name, is_attributes, group, node, named = match.groups()
            if variable:
                global_values[variable] = line
            elif type_name:
                types[type_name] = line
            elif is_attributes:
                attributes[group] = line
            elif node:
                metadata[node] = line[len(node) + 3 :]
            else:
                named_metadata[named] = line
        elif line.startswith("module asm "):
            file_scope_assembly.append(line)
        elif line.startswith(("target ", "$")):
            header.append(line)
        elif line and not line.startswith((";", "source_filename")):
            raise UnreadableModule(f"not understood in LLVM IR: {line}")
        position = newline + 1
    module = Module(
        "\n".join(header),
        types,
        global_values,
        declarations,
        functions,
        attributes,
        metadata,
        named_metadata,
        tuple(file_scope_assembly),
    )
    return _name_constants_by_content(module)


def _function_name(line: str) -> str:
    match = _FUNCTION_NAME.search(line)
    if not match:
        raise UnreadableModule(f"function without a name: {line}")
    return match[1]


def _name_constants_by_content(module: Module) -> Module:
    """Private constants are numbered in source order (`.str.7`): name them by content, so that neighbours do not
    matter.
    """
    constants = {
        name: line for name, line in module.globals.items() if _LOCAL_CONSTANT.search(line.split("=", 1)[1][:80])
    }
    if not constants:
        return module
    renamed: dict[str, str] = {}

    def new_name(name: str) -> str:
        if name not in renamed:
            renamed[name] = name  # a constant that refers to itself keeps the name inside its own hash
            content = GLOBAL.sub(rename, strip_debug(constants[name]).split("=", 1)[1])
            digest = hashlib.sha256(content.encode()).hexdigest()[:12]
            stem = re.sub(r"\.\d+$", "", unquote(name))
            renamed[name] = _quote(f"{stem}.{digest}")
        return renamed[name]

    def rename(match: re.Match[str]) -> str:
        name = match[1]
        return f"@{new_name(name)}" if name in constants else match[0]

    def renamed_text(text: str) -> str:
        return GLOBAL.sub(rename, text) if "@" in text else text

    return Module(
        module.header,
        module.types,
        {
            renamed_text(f"@{name}")[1:]: renamed_text(_visible_in_assembly(line) if name in constants else line)
            for name, line in module.globals.items()
        },
        module.declarations,
        {name: renamed_text(text) for name, text in module.functions.items()},
        module.attributes,
        module.metadata,
        module.named_metadata,
        module.file_scope_assembly,
    )


def _visible_in_assembly(line: str) -> str:
    """A private constant made internal: its label in assembly is then its name."""
    return line.replace(" private ", " internal ", 1)


def _quote(name: str) -> str:
    if re.fullmatch(r"[-a-zA-Z$._][-a-zA-Z$._0-9]*", name):
        return name
    return '"' + re.sub(r"[^ !#-\[\]-~]", lambda match: f"\\{ord(match[0]):02X}", name) + '"'


class _Extraction:
    """One walk over everything that the wanted functions refer to, numbering attributes and metadata as it goes."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.attribute_numbers: dict[str, str] = {}
        self.metadata_numbers: dict[str, str] = {}
        self.pending_globals: list[str] = []
        self.seen_globals: set[str] = set()
        self.seen_types: dict[str, None] = {}

    def run(self, names: Iterable[str]) -> str:
        bodies = []
        for name in names:
            self.seen_globals.add(name)
            bodies.append(self._copy(self.module.functions[name]))
        others = []
        for name in self.pending_globals:  # grows while it is walked
            if name not in self.seen_globals:
                self.seen_globals.add(name)
                others.append(self._copy(self._declaration(name)))
        parts = [self.module.header, *self._types(), *others, *bodies, *self._attributes(), *self._metadata()]
        return "\n".join(part for part in parts if part) + "\n"

    def _declaration(self, name: str) -> str:
        module = self.module
        if name in module.globals:
            return module.globals[name]
        if name in module.declarations:
            return module.declarations[name]
        return declaration_of(module.functions[name]) if name in module.functions else ""

    def _copy(self, text: str) -> str:
        text = strip_debug(text)
        self.pending_globals.extend(name for name in global_references(text))
        self._note_types(text)
        text = ATTRIBUTE_GROUP.sub(self._attribute_number, text) if "#" in text else text
        return METADATA_REFERENCE.sub(self._metadata_number, text) if "!" in text else text

    def _note_types(self, text: str) -> None:
        if not self.module.types:
            return
        pending = [text]
        while pending:
            for match in LOCAL.finditer(pending.pop()):
                name = match[1]
                if name in self.module.types and name not in self.seen_types:
                    self.seen_types[name] = None
                    pending.append(self.module.types[name])

    def _attribute_number(self, match: re.Match[str]) -> str:
        group = match[0]
        if group not in self.module.attributes:
            return group  # inside an inline assembly string
        return self.attribute_numbers.setdefault(group, f"#{len(self.attribute_numbers)}")

    def _metadata_number(self, match: re.Match[str]) -> str:
        if match[0] not in self.module.metadata:
            return match[0]
        return self.metadata_numbers.setdefault(match[0], f"!{len(self.metadata_numbers)}")

    def _types(self) -> list[str]:
        return [self.module.types[name] for name in self.seen_types]

    def _attributes(self) -> list[str]:
        return [
            f"attributes {number} = {self.module.attributes[old].split('=', 1)[1].strip()}"
            for old, number in self.attribute_numbers.items()
        ]

    def _metadata(self) -> list[str]:
        lines: list[str] = []
        while len(lines) < len(self.metadata_numbers):
            old = list(self.metadata_numbers)[len(lines)]
            content = METADATA_REFERENCE.sub(self._metadata_number, self.module.metadata[old])
            lines.append(f"{self.metadata_numbers[old]} = {content}")
        return lines


def declaration_of(function: str) -> str:
    """The `declare` line for a defined function's text; what was local to the module becomes hidden."""
    header = strip_debug(function.split("\n", 1)[0]).rstrip("{ ")
    was_local = header.startswith(("define internal ", "define private "))
    header = _LINKAGE.sub("declare hidden " if was_local else "declare ", header)
    return _TO_DROP_IN_DECLARATION.sub("", header)
