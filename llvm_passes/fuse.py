"""Several stencils made one function: what the first hands on, the second takes.

    LOAD; ADD   →   LOAD__ADD:  ... musttail call @LOAD__ADD.1(state)     @LOAD__ADD.1: ADD's body, always inlined

The key idea: `CONTINUE()` is a tail call with the whole machine state, so the next micro-op's body can take its place, and
LLVM's inliner does just that. Everything else only needs names that tell the parts apart: the holes of part j read
another instruction (`oparg__1`), and the exits of all parts but the last are labels of their own, since an exit tells
which micro-op was left; and what the parts know of values is worked out from what was known before the first (`between`).

Where the sequence says that two parts' operands are equal (`sequence`), both read the same hole, so LLVM sees that the second
part's slot is the first one's. Of different operands it is told that they differ: then their slots are different memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from llvm_passes.assumptions import hoisted
from llvm_passes.between import answered, readers_of, said_after
from llvm_passes.effects import Said
from llvm_passes.expression import Hole
from llvm_passes.holes import CONTINUE, EXIT, HOLE_PREFIX, LABEL_PREFIX, split_name
from llvm_passes.layout import Layout, integer_bits
from llvm_passes.sequence import micro_op, operands
from llvm_passes.text import NAME

__all__ = ["EXIT_LABEL", "Operands", "exit_label", "fused", "hole_names", "part_hole", "without_assumptions"]

Operands = Mapping[str, Sequence[tuple[str, int]]]
"""By micro-op, its holes that count as operands, in the order in which a word gives them, with the bits of their type."""

EXIT_LABEL = "exit__"
"""What the label holes are called that stand for exits of a fused function's parts."""

_BOUNDARY = re.compile(rf"@({CONTINUE}|{EXIT}|{LABEL_PREFIX}\w+|{HOLE_PREFIX}\w+)\(")


def part_hole(hole: str, part: int) -> str:
    """The name under which part number `part` reads a hole."""
    return f"{hole}__{part}" if part else hole


def exit_label(part: int) -> str:
    """The label hole that stands for the exit of part number `part`, which is not the last one."""
    return f"{EXIT_LABEL}{part}"


def hole_names(parts: Sequence[str], holes: Operands) -> list[dict[str, str]]:
    """For each part, by operand hole the name under which it reads it: that of the first operand which is equal to it."""
    first: dict[int, str] = {}
    return [
        {
            hole: first.setdefault(value, part_hole(hole, number))
            for (hole, _), value in zip(holes.get(micro_op(part), ()), operands(part), strict=False)
        }
        for number, part in enumerate(parts)
    ]


def fused(
    name: str,
    parts: Sequence[str],
    functions: Mapping[str, str],
    declarations: Mapping[str, str],
    holes: Operands,
    layout: Layout,
) -> str:
    """The function `name` and those that are to be inlined into it, with the declarations that they need beyond `declarations`.

    functions: the stencils' texts; declarations: the lines `declare …`, by name; holes: which of them are operands; layout: of
    the module.
    """
    needed: dict[str, str] = {}
    texts: list[str] = []
    promised: list[str] = []
    names = hole_names(parts, holes)
    read: dict[str, dict[str, None]] = {}  # by the name of an operand, the functions that read it
    widths = {
        names[number][hole]: bits
        for number, part in enumerate(parts)
        for hole, bits in holes.get(micro_op(part), ())
        if hole in names[number]
    }
    said: Said | None = ()
    readers: dict[Hole, str] = {}
    for number, part in enumerate(parts):
        last = number == len(parts) - 1

        def renamed(match: re.Match[str], number: int = number, last: bool = last) -> str:
            old = match[1]
            kind, hole = split_name(old) if old.startswith(HOLE_PREFIX) else ("", "")
            if old == CONTINUE:
                new = old if last else f"{name}.{number + 1}"
            elif old == EXIT:
                new = old if last else f"{LABEL_PREFIX}{exit_label(number)}"
            elif hole in names[number]:
                operand = names[number][hole]
                new = f"{HOLE_PREFIX}{kind}_{operand}" if kind else f"{HOLE_PREFIX}{operand}"
                read.setdefault(operand, {})[new] = None
            else:
                new = part_hole(old, number)
            if new not in declarations and new != f"{name}.{number + 1}":
                needed[new] = declarations[old].replace(f"@{old}(", f"@{new}(", 1)
            return f"@{new}("

        header, body = functions[micro_op(part)].split("\n", 1)
        own = f"{name}.{number}" if number else name
        header = re.sub(rf"@{NAME}\(", f"@{own}(", header, count=1)
        if number:
            header = re.sub(r"^define (?:dso_local )?", "define internal ", header)
            header = re.sub(r" (#\d+)?( \{)$", r" \1 alwaysinline\2", header)
        text = f"{header}\n{_BOUNDARY.sub(renamed, body)}"
        readers.update(readers_of(text))
        if number:
            text, lines = hoisted(text, f"sg.part{number}.")
            promised += lines
            text = answered(text, said, layout, readers, widths)
        texts.append(text)
        said = said_after(said, functions[micro_op(part)], layout, partial(_name, names, number), widths)
    texts[0] = _different(_at_start(texts[0], promised), read, widths, {**declarations, **needed})
    return "\n".join([*needed.values(), *texts])


def _name(names: Sequence[Mapping[str, str]], number: int, hole: str) -> str:
    """What a hole of part `number` is called in the fused function."""
    return names[number].get(hole) or part_hole(hole, number)


_ASSUME = "sg.differ"
_ASSUMPTION = re.compile(rf"^ +(?:tail )?call void @llvm\.assume\(i1 %{_ASSUME}[^\n]*\n", re.M)
_FIRST = re.compile(rf"(?:\n{NAME}:[^\n]*)?\n")


def _different(
    text: str, read: Mapping[str, Iterable[str]], widths: Mapping[str, int], declarations: Mapping[str, str]
) -> str:
    """The function with what LLVM may assume at its start: the operands in `read` are different, all of them.

    As values of their own types they are; so only readers that lose no bits of those are compared.
    """
    values: dict[str, list[tuple[str, str]]] = {}  # by type, the operands read as such, with what holds them
    lines: list[str] = []
    for operand, readers in read.items():
        for reader in readers:
            match = re.match(rf"declare (?:dso_local )?((?:\w+ )*?)(\w+) @{reader}\(", declarations[reader])
            bits = integer_bits(match[2]) if match else None
            if match and bits and bits >= widths[operand]:
                value = f"%sg.operand{len(lines)}"
                lines.append(f"  {value} = call {match[1]}{match[2]} @{reader}()")
                values.setdefault(match[2], []).append((operand, value))
    for type_, found in values.items():
        for number, (operand, value) in enumerate(found):
            for other, other_value in found[number + 1 :]:
                if other != operand:
                    result = f"%{_ASSUME}{len(lines)}"
                    lines.append(f"  {result} = icmp ne {type_} {value}, {other_value}")
                    lines.append(f"  call void @llvm.assume(i1 {result})")
    return _at_start(text, lines)


def _at_start(text: str, lines: Iterable[str]) -> str:
    """The function with these lines before all others."""
    place = _FIRST.search(text)
    assert place is not None
    return text[: place.end()] + "".join(f"{line}\n" for line in lines) + text[place.end() :]


def without_assumptions(text: str) -> str:
    """A module's text without what was assumed of operands, which has done its work."""
    return _ASSUMPTION.sub("", text)
