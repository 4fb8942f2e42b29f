"""Which values of a function are known at JIT time: a sparse walk from its holes.

Holes are calls; from each, results spread through instructions whose operands are all JIT-time or constant. Where the
version's knowledge leaves one value only, the walk goes on with that constant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from llvm_passes.body import Body
from llvm_passes.expression import Const, JitExpr
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX, hole
from llvm_passes.instructions import Instruction, Resolve, compute, constant
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.symbols import SYMBOL_PREFIX


@dataclass(slots=True)
class JitValues:
    """The JIT-time values of a function by name, each with its type's text."""

    expressions: dict[str, JitExpr] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


def jit_values(body: Body, layout: Layout, resolve: Resolve, knowledge: Knowledge) -> JitValues:
    """Every JIT-time value: start at holes and symbols, go on through users until nothing changes."""
    found = JitValues()
    pending = [index for index, line in body.mentions(f"@{HOLE_PREFIX}")]
    pending += [index for index, line in body.mentions(f"@{SYMBOL_PREFIX}")]
    pending += [index for index, line in body.mentions(f"@{QUESTION_PREFIX}")]
    while pending:
        index = pending.pop()
        instruction = body.instruction(index)
        if instruction is None or instruction.name in found.expressions:
            continue
        expression = _value(instruction, found.expressions, layout, resolve)
        if expression is None:
            continue
        only = knowledge.value(expression)
        found.expressions[instruction.name] = expression if only is None else Const(expression.bits, only)
        found.types[instruction.name] = instruction.type
        pending.extend(body.users(instruction.name))
    return found


def holes_alone(body: Body, layout: Layout, resolve: Resolve, knowledge: Knowledge) -> JitValues:
    """The holes, and nothing that is computed from them."""
    found = JitValues()
    for index, _ in body.mentions(f"@{HOLE_PREFIX}"):
        instruction = body.instruction(index)
        expression = None if instruction is None else _value(instruction, {}, layout, resolve)
        if instruction is not None and expression is not None:
            only = knowledge.value(expression)
            found.expressions[instruction.name] = expression if only is None else Const(expression.bits, only)
            found.types[instruction.name] = instruction.type
    return found


def _value(instruction: Instruction, known: dict[str, JitExpr], layout: Layout, resolve: Resolve) -> JitExpr | None:
    if instruction.opcode == "hole":
        return hole(instruction.element, instruction.type, instruction.flags)
    operands: list[JitExpr] = []
    for type_text, token in instruction.operands:
        value = known.get(token[1:]) if token[0] == "%" else constant(type_text, token, layout, resolve)
        if value is None:
            return None
        operands.append(value)
    return compute(instruction, operands, layout)
