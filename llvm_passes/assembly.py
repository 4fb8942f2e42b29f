"""Cutting LLVM's assembly output into one text per function and one per constant.

A module's functions are compiled together, so local labels carry the function's number in that module. They are renamed
here, so that a function's text does not depend on which others were compiled beside it: `.LBB7_3` becomes `.LBB_3`, and
the constant pool entry `.LCPI7_0` of F becomes `.LCPI_F_0`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_FUNCTION = re.compile(r"^\t\.section\t\.text\.([^,\n]+),[^\n]*\n.*?^\t\.size\t\1, \.Lfunc_end(\d+)-\1$", re.M | re.S)
_SECTION = re.compile(r"\t\.section\t([^,\s]+)|\t\.(text|data|bss)$")
_ALIGNMENT = re.compile(r"\t\.p2align\t(\d+)")
_LABEL = re.compile(r"([^\s:#]+):")
_NOISE = re.compile(
    r"\t\.(?:file|ident|hidden|weak|globl|type|size|addrsig\w*|local|p2align)\b|\t\.section\t\.text\.split\."
)
_NAMES = re.compile(r"[\w.$]+")


@dataclass(frozen=True, slots=True)
class DataObject:
    """A constant: `assembly` is its directives without the label; `alignment` in bytes; `section` as LLVM named it."""

    label: str
    section: str
    alignment: int
    assembly: str


def split_assembly(text: str) -> tuple[dict[str, str], dict[str, DataObject]]:
    """(function name -> its assembly with its section switches, label -> constant) of a module's assembly."""
    functions: dict[str, str] = {}
    numbers: dict[str, str] = {}
    rest: list[str] = []
    position = 0
    for match in _FUNCTION.finditer(text):
        name, number = match.groups()
        numbers[number] = name
        functions[name] = _rename_labels(match[0], number, name)
        rest.append(text[position : match.start()])
        position = match.end()
    rest.append(text[position:])
    others = re.sub(r"\.LCPI(\d+)_(\d+)", lambda match: f".LCPI_{numbers[match[1]]}_{match[2]}", "".join(rest))
    return functions, _data_objects(others)


def _rename_labels(text: str, number: str, name: str) -> str:
    text = text.replace(f".LBB{number}_", ".LBB_").replace(f".LBB_END{number}_", ".LBB_END_")
    return text.replace(f".LCPI{number}_", f".LCPI_{name}_").replace(f".Lfunc_end{number}", ".Lfunc_end")


def _data_objects(text: str) -> dict[str, DataObject]:
    """The labelled data in assembly text without functions."""
    found: dict[str, DataObject] = {}
    section, alignment, label, body = ".text", 1, "", list[str]()
    for line in [*text.split("\n"), "\t.section\t.end"]:
        starts_section = _SECTION.match(line)
        starts_object = _LABEL.match(line)
        if starts_section or starts_object:
            if label:
                found[label] = DataObject(label, section, alignment, "\n".join(body))
                alignment = 1 if starts_section else alignment
            label, body = "", []
        if starts_section:
            section, alignment = starts_section[1] or f".{starts_section[2]}", 1
        elif starts_object:
            label = starts_object[1]
        elif match := _ALIGNMENT.match(line):
            alignment = 1 << int(match[1])
        elif label and line and not _NOISE.match(line):
            body.append(line)
    return found


def data_used_by(texts: Iterable[str], data: Mapping[str, DataObject]) -> tuple[DataObject, ...]:
    """The constants that `texts` (assembly, or names) refer to, directly or through others, in order of first use."""
    used: dict[str, DataObject] = {}
    pending = list(texts)
    while pending:
        for name in _NAMES.findall(pending.pop(0)):
            if name in data and name not in used:
                used[name] = data[name]
                pending.append(data[name].assembly)
    return tuple(used.values())
