"""JIT-time conditions → C as a person would write it in an `if`.

    (icmp.sgt1 a -1)                        ⇒    instruction->a >= 0
    (icmp.eq1 (sext32 d) 1)                 ⇒    instruction->d == 1
    (and1 flag (icmp.ult1 oparg 8))         ⇒    instruction->flag && instruction->oparg < 8

The key idea: a hole whose C type is declared compares in C just as in the IR, as long as the other side is a constant of
that type. Everything else is compared in 64 bits, as `expressions` renders it.
"""

import re
from collections.abc import Callable, Mapping

from llvm_passes.decisions import tested_for_narrowness
from llvm_passes.expression import Const, Hole, JitExpr, Operation, to_signed
from stencilgen.emit.expressions import COMPARISONS, HoleSource, is_postfix, literal, render

__all__ = ["both", "either", "grouped", "negated", "render_condition"]

_TYPES = {
    **{f"uint{bits}_t": (bits, False) for bits in (8, 16, 32, 64)},
    **{f"int{bits}_t": (bits, True) for bits in (8, 16, 32, 64)},
}
_STEPPED = {"sgt": "sge", "sle": "slt", "ugt": "uge", "ule": "ult"}
"""x > c is x >= c + 1, and likewise: the constant becomes the one that the author wrote, more often than not."""


def render_condition(
    test: JitExpr, sources: Mapping[str, HoleSource], place: Callable[[str], str] = "SG_EXTERN({})".format
) -> str:
    """C text of an expression of one bit, to stand in an `if`; without parentheses around it."""
    value = tested_for_narrowness(test)
    if value is not None:
        return f"sg_narrow({render(value, sources, place)})"
    match test:
        case Operation("fact.holds" | "fact.is_constant", 1, _):
            return render(test, sources, place).removeprefix("(uint64_t)")
        case Operation("xor", 1, (operand, Const(1, 1))):
            return negated(render_condition(operand, sources, place))
        case Operation("and", 1, (a, b)) | Operation("select", 1, (a, b, Const(1, 0))):
            return both(render_condition(a, sources, place), render_condition(b, sources, place))
        case Operation("or", 1, (a, b)) | Operation("select", 1, (a, Const(1, 1), b)):
            return either(render_condition(a, sources, place), render_condition(b, sources, place))
        case Operation(opcode, 1, (left, Const() as constant)) if opcode.startswith("icmp."):
            plain = _plain_comparison(opcode.removeprefix("icmp."), left, constant, sources)
            if plain is not None:
                return plain
            return render(test, sources, place).removeprefix("(uint64_t)")[
                1:-1
            ]  # a comparison, made a number by a cast
    return render(test, sources, place)


def negated(condition: str) -> str:
    """The opposite."""
    if condition.startswith("!SG_") and condition.count("SG_") == 1 and condition.endswith(")"):
        return condition[1:]
    if re.fullmatch(r"SG_(HOLDS|IS_CONSTANT)\([^&|?]*\)", condition) and condition.count("SG_") == 1:
        return f"!{condition}"
    for symbol, opposite in (" == ", " != "), (" != ", " == "), (" < ", " >= "), (" >= ", " < "):
        if condition.count(symbol) == 1 and not any(mark in condition for mark in ("&&", "||", "?", "!(", "SG_", "(")):
            return condition.replace(symbol, opposite)
    return f"!({condition})"


def both(a: str, b: str) -> str:
    """a && b"""
    return f"{grouped(a, '||')} && {grouped(b, '||')}"


def either(a: str, b: str) -> str:
    """a || b"""
    return f"{grouped(a, '&&')} || {grouped(b, '&&')}"


def grouped(condition: str, other: str) -> str:
    """The condition as an operand: compilers want parentheses around the other operator, and around a conditional."""
    return f"({condition})" if other in condition or "?" in condition or " ^ " in condition else condition


def _plain_comparison(predicate: str, left: JitExpr, constant: Const, sources: Mapping[str, HoleSource]) -> str | None:
    """The comparison of a hole with a constant in the hole's own type; None where C might see it differently."""
    value = to_signed(constant.value, constant.bits)
    widened = None
    while isinstance(left, Operation) and left.opcode in ("zext", "sext"):
        widened, left = left.opcode, left.operands[0]
    if not isinstance(left, Hole) or left.kind != "integer" or left.name not in sources:
        return None
    source = sources[left.name]
    declared = _TYPES.get(source.type or "")
    if declared is None or declared[0] != left.bits or not is_postfix(source.value):
        return None
    bits, signed = declared
    if widened is not None and (widened == "sext") != signed:
        return None
    if predicate not in ("eq", "ne") and (predicate[0] == "s") != signed:
        return None
    if not signed:
        value = constant.value
    if predicate in _STEPPED:
        predicate, value = _STEPPED[predicate], value + 1
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= value <= high:
        return None
    number = literal(value, "INT64_C" if signed else "UINT64_C")
    return f"{source.value} {COMPARISONS[predicate]} {number.strip('()') if number.startswith('(') else number}"
