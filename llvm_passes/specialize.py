"""One version of a function: what its knowledge decides is written into the text, before anything is folded.

    %c = icmp eq i16 %oparg, 0
    br i1 %c, label %zero, label %other       →       br i1 true, label %zero, label %other

The key idea is the order. As long as holes are calls of functions that the optimiser knows nothing of, it may do whatever
it likes with the constants written here; only afterwards do the values that are still unknown become symbols.
"""

from __future__ import annotations

import re

from llvm_passes.body import Body
from llvm_passes.effects import trusted
from llvm_passes.expression import Const, JitExpr, operation
from llvm_passes.instructions import global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.spread import JitValues, jit_values
from llvm_passes.symbols import literal_text
from llvm_passes.text import NAME

_SWITCH = re.compile(rf"^  switch i(\d+) %({NAME}), label %{NAME} \[$")
_CASE = re.compile(rf"^    i\d+ (-?\d+), label %({NAME})$")
_WEIGHTS = re.compile(r", !prof !\d+")
_LABEL = re.compile(rf"^({NAME}):")


def specialize(text: str, layout: Layout, knowledge: Knowledge) -> str:
    """A function's text under `knowledge`."""
    body = Body(text)
    values = jit_values(body, layout, global_address, knowledge)
    _drop_cases(body, values, knowledge)
    literals = {
        name: literal_text(values.types[name], expression)
        for name, expression in values.expressions.items()
        if isinstance(expression, Const)
    }
    literals |= _decided_flag_tests(body, values, knowledge)
    assumptions = trusted(body, values, layout, knowledge)
    literals |= dict.fromkeys(assumptions, "true")
    own = {body.definitions[name] for name in literals}
    for index in body.users_of_any(literals):
        if index not in own:
            body.lines[index] = body.replace(body.lines[index], literals.get)
    for index in own:
        body.delete(index)
    for name, line in assumptions.items():
        body.lines[body.definitions[name]] = body.replace(line, literals.get)
    return body.text()


def _decided_flag_tests(body: Body, values: JitValues, knowledge: Knowledge) -> dict[str, str]:
    """Comparisons of a run-time bit, made a number, with a value that is neither 0 nor 1: the name of each, and its result."""
    decided = {}
    others = [
        name
        for name, expression in values.expressions.items()
        if knowledge.excluded
        and expression.bits > 1
        and all(knowledge.value(_equals(expression, value)) == 0 for value in (0, 1))
    ]
    for index in body.users_of_any(others):
        comparison = body.instruction(index)
        if comparison is None or comparison.opcode not in ("icmp.eq", "icmp.ne"):
            continue
        for _, token in comparison.operands:
            widening = body.definition(token[1:]) if token[0] == "%" else None
            if widening is not None and widening.opcode == "zext" and widening.operands[0][0] == "i1":
                decided[comparison.name] = "false" if comparison.opcode == "icmp.eq" else "true"
    return decided


def _equals(expression: JitExpr, value: int) -> JitExpr:
    return operation("icmp.eq", 1, expression, Const(expression.bits, value))


def _drop_cases(body: Body, values: JitValues, knowledge: Knowledge) -> None:
    """Take the cases that cannot be out of switches. Their edges stay, from blocks that nothing leads to."""
    block, edges = "", 0
    for index, line in enumerate(body.lines):
        if match := _LABEL.match(line):
            block = match[1]
        if not (switch := _SWITCH.match(line)):
            continue
        expression = values.expressions.get(switch[2])
        excluded = knowledge.excluded.get(expression, frozenset()) if expression is not None else frozenset()
        position, count = index + 1, edges
        while case := _CASE.match(body.lines[position]):
            if int(case[1]) % (1 << int(switch[1])) in excluded:
                edge = f"sg.edge.{edges}"
                edges += 1
                body.delete(position)
                _move_edge(body, block, case[2], edge)
                body.lines[-1] = f"{edge}:\n  br label %{case[2]}\n{body.lines[-1]}"
            position += 1
        if edges > count:  # weights are one for each case
            body.lines[position] = _WEIGHTS.sub("", body.lines[position])


def _move_edge(body: Body, source: str, target: str, edge: str) -> None:
    """In the phis of block `target`, one entry for `source` becomes one for `edge`."""
    start = next(index for index, line in enumerate(body.lines) if line.startswith(f"{target}:"))
    for index in range(start + 1, len(body.lines)):
        if " = phi " not in body.lines[index]:
            break
        body.lines[index] = body.lines[index].replace(f", %{source} ]", f", %{edge} ]", 1)
