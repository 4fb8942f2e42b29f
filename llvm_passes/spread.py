"""Which values of a function are known at JIT time: a sparse walk from its holes.

Holes are calls; from each, results spread through instructions whose operands are all JIT-time or constant, and through phis
whose operands are all the same. Where the
version's knowledge leaves one value only, the walk goes on with that constant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from llvm_passes.body import Body
from llvm_passes.expression import Const, JitExpr
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX, hole
from llvm_passes.instructions import Instruction, Resolve, compute, constant
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.symbols import SYMBOL_PREFIX
from llvm_passes.text import NAME, without_metadata


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
        instruction = body.instruction(index) or _phi(body.lines[index])
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
    """The holes and the answers to questions about facts, and nothing that is computed from them."""
    every = jit_values(body, layout, resolve, knowledge)
    found = JitValues()
    for name, expression in every.expressions.items():
        instruction = body.definition(name)
        if instruction is not None and (instruction.opcode == "hole" or instruction.opcode.startswith("fact.")):
            found.expressions[name] = expression
            found.types[name] = every.types[name]
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
    if instruction.opcode == "phi":
        return operands[0] if all(operand == operands[0] for operand in operands) else None
    return compute(instruction, operands, layout)


_PHI = re.compile(rf"^  %({NAME}) = phi (i(?:1|8|16|32)) (\[.*\])$")
_INCOMING = re.compile(rf"\[ ([^,]*), %{NAME} \]")


def _phi(line: str) -> Instruction | None:
    """Where ways meet that all have the same value: a hole that each of them reads. Of integers that become no pointers."""
    match = _PHI.match(without_metadata(line)) if " = phi i" in line else None
    if match is None or "undef" in line or "poison" in line:
        return None
    return Instruction(match[1], "phi", match[2], tuple((match[2], token) for token in _INCOMING.findall(match[3])))
