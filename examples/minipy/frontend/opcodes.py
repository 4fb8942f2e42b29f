"""Numbers of micro-ops and built-ins, read from the one list of them: vm/opcodes.h."""

import math
import re
from pathlib import Path

_HEADER = Path(__file__).resolve().parent.parent / "vm" / "opcodes.h"


def _list(name: str, macro: str) -> list[tuple[str, str]]:
    """The entries `macro(NAME, second)` of the list `#define name(macro) ...`."""
    text = _HEADER.read_text(encoding="utf-8").replace("\\\n", " ")
    body = re.search(rf"^#define {name}\({macro}\)(.*)$", text, re.MULTILINE)
    assert body, f"vm/opcodes.h has no list {name}"
    return re.findall(rf"\b{macro}\((\w+), *([^)]*)\)", body[1])


OPCODES = {name: number for number, (name, _) in enumerate(_list("BYTECODE", "OP"))}
"""Instruction name → opcode."""

_functions = [*_list("BUILTINS", "X"), *_list("MATH_FUNCTIONS", "X")]
BUILTINS = {name: (number, int(count)) for number, (name, count) in enumerate(_functions)}
"""Built-in function → its number and how many arguments it takes."""

MATH = frozenset(name for name, _ in _list("MATH_FUNCTIONS", "X"))
"""Those of them that belong to the module math."""

MATH_CONSTANTS = {name: getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}

EVERYWHERE = (BUILTINS.keys() - MATH) | {"print", "range", "super"}
"""Built-in functions that need no import."""
