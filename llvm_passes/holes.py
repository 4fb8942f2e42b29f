"""Which calls are holes, and what they are called.

`stencil.h` declares a hole as a const function named `__sg_hole_<kind>_<name>`: one hole may be read as several C
types, and each kind of type needs a symbol of its own. A name without one of these kinds, `__sg_hole_<name>`, is a
hole too.
"""

from __future__ import annotations

import re

from llvm_passes.expression import Hole
from llvm_passes.layout import integer_bits

HOLE_PREFIX = "__sg_hole_"
LABEL_PREFIX = "__sg_label_"
QUESTION_PREFIX = "__sg_fact_"
EFFECT_PREFIX = "__sg_effect_"
CONTINUE = "__sg_continue"
EXIT = "__sg_exit"

# kind in the symbol's name: the C type that the hole is read as
C_TYPES = {
    "b": "_Bool",
    "i8": "signed char",
    "u8": "unsigned char",
    "i16": "short",
    "u16": "unsigned short",
    "i32": "int",
    "u32": "unsigned int",
    "i64": "long",
    "u64": "unsigned long",
    "f32": "float",
    "f64": "double",
    "p": "void *",
}

_CALL = re.compile(rf"@{HOLE_PREFIX}(\w+)\(")
_KIND = re.compile(rf"({'|'.join(C_TYPES)})_(\w+)$")


def split_name(function: str) -> tuple[str, str]:
    """(kind or "", hole's name) of a hole's function name, given with or without HOLE_PREFIX."""
    rest = function.removeprefix(HOLE_PREFIX)
    match = _KIND.match(rest)
    return (match[1], match[2]) if match else ("", rest)


def holes_read(text: str) -> frozenset[str]:
    """The holes that a function's text calls."""
    return frozenset(split_name(match[1])[1] for match in _CALL.finditer(text))


def hole(function: str, return_type: str, attributes: frozenset[str] = frozenset()) -> Hole | None:
    """The hole that a call of `function` reads; None for a return type that no hole has."""
    kind, name = split_name(function)
    match return_type:
        case "ptr":
            return Hole(name, 64, kind="pointer")
        case "double":
            return Hole(name, 64, kind="double")
        case "float":
            return Hole(name, 32, kind="float")
    bits = integer_bits(return_type)
    return None if bits is None else Hole(name, bits, kind[0] == "i" if kind else "signext" in attributes)
