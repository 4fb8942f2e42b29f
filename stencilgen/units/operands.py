"""The operands by which sequences of micro-ops are told apart (`[superstencils] operands`), as C that reads and compares them."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from llvm_passes.sequence import micro_op, operands

__all__ = ["condition", "operands_function"]

Expressions = Mapping[str, Sequence[str]]
"""By micro-op, the C expressions of its operands."""


def condition(parts: tuple[str, ...], expressions: Expressions) -> str:
    """Whether the operands from `instruction` on are as these words say: equal ones first, then those that are to differ."""
    places: dict[int, list[str]] = {}
    for number, part in enumerate(parts):
        for value, expression in zip(operands(part), expressions.get(micro_op(part), ()), strict=False):
            read = re.sub(r"\binstruction\b", f"(instruction + {number})", expression) if number else expression
            places.setdefault(value, []).append(f"(uint64_t)({read})")
    equal = [f"{found[0]} == {other}" for found in places.values() for other in found[1:]]
    differ = [f"{one[0]} != {other[0]}" for one, other in combinations(places.values(), 2)]
    return " &&\n            ".join([*equal, *differ])


_HEAD = """\
/* The operands by which sequences of micro-ops are told apart; their number. */
static uint32_t sg_operands(const void *element, uint64_t *operands)
"""

_NO_OPERANDS = f"""\
{_HEAD}{{
    (void)element;
    (void)operands;
    return 0;
}}
"""


def operands_function(opcode: Callable[[str], str], expressions: Expressions, instruction: str, read: str) -> str:
    """The C function that reads a micro-op's operands, for profiles."""
    cases: dict[tuple[str, ...], list[str]] = {}
    for name, found in expressions.items():
        if found:
            cases.setdefault(tuple(found), []).append(name)
    if not cases:
        return _NO_OPERANDS
    lines = []
    for found, names in cases.items():
        lines += [f"    case {opcode(name)}:" for name in names]
        lines += [f"        operands[{number}] = (uint64_t)({expression});" for number, expression in enumerate(found)]
        lines.append(f"        return {len(found)};")
    body = "".join(f"{line}\n" for line in lines)
    return f"""\
{_HEAD}{{
    const {instruction} *const instruction = element;
    switch ((uint32_t)({read})) {{
{body}    default:
        return 0;
    }}
}}
"""
