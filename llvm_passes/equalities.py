"""JIT-time values where LLVM has put others that are equal there.

    if (slots[a] != HOLE(…)) SIDE_EXIT();         %c = icmp eq i64 %v, %hole
    LEARN_CONSTANT(a, HOLE(…));             →     br i1 %c, label %same, label %other
                                                  same: call void @__sg_effect_learn_constant(i32 %a, i64 %v)

The key idea: behind a comparison that has found two values equal LLVM may take either for the other. It does not know that one of
them is known when a trace is assembled, and takes the one that is there first. What is read off such code about facts would be
lost; so it is read off a copy in which the JIT-time value stands wherever control comes only by the way on which both are equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llvm_passes.body import Body
from llvm_passes.instructions import global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.spread import JitValues, jit_values
from llvm_passes.text import NAME

__all__ = ["TARGET", "blocks_of", "restored"]

TARGET = re.compile(rf"label %({NAME})")
_LABEL = re.compile(rf"^({NAME}):")
_BRANCH = re.compile(rf"^  br i1 %({NAME}), ")


def blocks_of(body: Body) -> dict[str, list[int]]:
    """The lines of each basic block, the first block's first."""
    blocks: dict[str, list[int]] = {}
    name = ""
    for index, line in enumerate(body.lines[1:], start=1):
        if match := _LABEL.match(line):
            name = match[1]
        blocks.setdefault(name, []).append(index)
    return blocks


def restored(text: str, layout: Layout, knowledge: Knowledge) -> tuple[Body, JitValues]:
    """A function with JIT-time values where LLVM has put others that are equal there, and these values.

    %c = icmp eq i64 %v, %hole;  br i1 %c, label %same, label %other        in and behind %same: %hole for %v
    """
    body = Body(text)
    values = jit_values(body, layout, global_address, knowledge)
    equalities = [equal for line in body.lines if (equal := _equality(body, values, line))]
    if not equalities:
        return body, values
    blocks = blocks_of(body)
    ends = {
        name: [
            target for index in lines if body.lines[index][:2] == "  " for target in TARGET.findall(body.lines[index])
        ]
        for name, lines in blocks.items()
    }
    for value, known, same in equalities:
        for line in (
            line for block in _behind(same, ends) for line in blocks[block] if " = phi " not in body.lines[line]
        ):
            body.lines[line] = body.replace(body.lines[line], {value: f"%{known}"}.get)
    body = Body(body.text())
    return body, jit_values(body, layout, global_address, knowledge)


def _equality(body: Body, values: JitValues, line: str) -> tuple[str, str, str] | None:
    """Of a branch on whether a value is equal to a JIT-time one: both, and the block where it is."""
    branch = _BRANCH.match(line)
    comparison = body.definition(branch[1]) if branch else None
    if comparison is None or comparison.opcode not in ("icmp.eq", "icmp.ne"):
        return None
    names = [token[1:] for _, token in comparison.operands if token[0] == "%"]
    known = [name for name in names if name in values.expressions]
    if len(names) != 2 or len(known) != 1:
        return None
    (value,) = (name for name in names if name != known[0])
    return value, known[0], TARGET.findall(line)[comparison.opcode == "icmp.ne"]


def _behind(block: str, ends: Mapping[str, Sequence[str]]) -> list[str]:
    """The blocks that control comes to only by the one way to this block."""
    arrivals = [target for targets in ends.values() for target in targets]
    behind = [block] if arrivals.count(block) == 1 else []
    for one in behind:
        within = [target for each in behind for target in ends[each]]
        behind += [
            target
            for target in dict.fromkeys(ends[one])
            if target not in behind and within.count(target) == arrivals.count(target)
        ]
    return behind
