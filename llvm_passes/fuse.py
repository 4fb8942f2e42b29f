"""Several stencils made one function: what the first hands on, the second takes.

    LOAD; ADD   →   LOAD__ADD:  ... musttail call @LOAD__ADD.1(state)     @LOAD__ADD.1: ADD's body, always inlined

The key idea: `CONTINUE()` is a tail call with the whole machine state, so the next micro-op's body can take its place, and
LLVM's inliner does just that. Everything else only needs names that tell the parts apart: the holes of part j read
another instruction (`oparg__1`), and the exits of all parts but the last are labels of their own, since an exit tells
which micro-op was left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llvm_passes.holes import CONTINUE, EXIT, HOLE_PREFIX, LABEL_PREFIX
from llvm_passes.text import NAME

__all__ = ["EXIT_LABEL", "exit_label", "fused", "part_hole"]

EXIT_LABEL = "exit__"
"""What the label holes are called that stand for exits of a fused function's parts."""

_BOUNDARY = re.compile(rf"@({CONTINUE}|{EXIT}|{LABEL_PREFIX}\w+|{HOLE_PREFIX}\w+)\(")


def part_hole(hole: str, part: int) -> str:
    """The name under which part number `part` reads a hole."""
    return f"{hole}__{part}" if part else hole


def exit_label(part: int) -> str:
    """The label hole that stands for the exit of part number `part`, which is not the last one."""
    return f"{EXIT_LABEL}{part}"


def fused(name: str, parts: Sequence[str], functions: Mapping[str, str], declarations: Mapping[str, str]) -> str:
    """The function `name` and those that are to be inlined into it, with the declarations that they need beyond `declarations`.

    functions: the stencils' texts; declarations: the lines `declare …`, by name.
    """
    needed: dict[str, str] = {}
    texts = []
    for number, part in enumerate(parts):
        last = number == len(parts) - 1

        def renamed(match: re.Match[str], number: int = number, last: bool = last) -> str:
            old = match[1]
            if old == CONTINUE:
                new = old if last else f"{name}.{number + 1}"
            elif old == EXIT:
                new = old if last else f"{LABEL_PREFIX}{exit_label(number)}"
            else:
                new = part_hole(old, number)
            if new not in declarations and new != f"{name}.{number + 1}":
                needed[new] = declarations[old].replace(f"@{old}(", f"@{new}(", 1)
            return f"@{new}("

        header, body = functions[part].split("\n", 1)
        own = f"{name}.{number}" if number else name
        header = re.sub(rf"@{NAME}\(", f"@{own}(", header, count=1)
        if number:
            header = re.sub(r"^define (?:dso_local )?", "define internal ", header)
            header = re.sub(r" (#\d+)?( \{)$", r" \1 alwaysinline\2", header)
        texts.append(f"{header}\n{_BOUNDARY.sub(renamed, body)}")
    return "\n".join([*needed.values(), *texts])
