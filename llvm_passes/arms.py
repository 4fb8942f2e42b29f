"""Moving JIT-time operations into the arms of run-time choices: (c ? A : B) + E  →  c ? A + E : B + E.

    %s = select i1 %c, i64 %a, i64 5          %t = select i1 %c, i64 <A + E>, i64 <5 + E>
    %t = add i64 %s, %e                  →

What a run-time condition chooses among JIT-time values is known up to the choice. The key idea: as long as nobody else looks
at the value in between, an operation on it with JIT-time operands may be done on each arm instead, where it costs
nothing. A chain of such operations becomes one choice; that of a comparison is one bit in each arm, which versions of the
stencil can tell apart. The same holds for a phi, whose edges are the choice.

Left alone is what would be longer: more constants that only `movabs` holds than before; and widening or cutting
off at the end of a chain, which costs nothing where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.expression import Const, JitExpr
from llvm_passes.instructions import BINARY, INTRINSICS, Instruction, Resolve, compute, constant
from llvm_passes.layout import Layout, integer_bits
from llvm_passes.spread import JitValues
from llvm_passes.symbols import SymbolTable
from llvm_passes.text import NAME, split_top, without_metadata

__all__ = ["move_into_arms"]

_PHI = re.compile(rf"^  %({NAME}) = phi (i\d+) (.*)$")
_EDGE = re.compile(rf"\[ (.*), %({NAME}) \]$")
_CASTS = frozenset({"zext", "sext", "trunc", "freeze"})
_FREE = frozenset({"zext", "trunc", "freeze"})
_MOVED = BINARY | INTRINSICS | _CASTS


@dataclass(frozen=True, slots=True)
class _Choice:
    """A value that is one of `arms`: the line that chooses, its value's name and type, and its text with {} for each arm.

    extra: how many operands that only `movabs` holds it took in.
    """

    index: int
    name: str
    type: str
    template: str
    arms: tuple[JitExpr, ...]
    extra: int = 0

    def text(self, table: SymbolTable) -> str:
        arms = (table.constant(self.type, arm) for arm in self.arms)
        return self.template.format(*arms, name=self.name, type=self.type)


def move_into_arms(body: Body, values: JitValues, table: SymbolTable, layout: Layout, resolve: Resolve) -> bool:
    """Rewrite the choices of a function among JIT-time values; whether there was something to do.

    `body` has to be read anew then.
    """
    mover = _Mover(body, values, table, layout, resolve)
    changed = False
    for choice in list(mover.choices()):
        longest, steps = mover.longest(choice)
        if longest is not choice:
            body.lines[choice.index] = longest.text(table)
            for index in steps:
                body.delete(index)
            changed = True
    return changed


def _escaped(token: str) -> str:
    """A name as a part of a template."""
    return token.replace("{", "{{").replace("}", "}}")


class _Mover:
    def __init__(self, body: Body, values: JitValues, table: SymbolTable, layout: Layout, resolve: Resolve) -> None:
        self.body = body
        self.jit = values.expressions
        self.table = table
        self.layout = layout
        self.resolve = resolve

    def choices(self) -> Iterator[_Choice]:
        """The selects and phis among JIT-time values and constants."""
        for index, line in enumerate(self.body.lines):
            if match := _PHI.match(line):
                edges = [_EDGE.match(piece) for piece in split_top(match[3])]
                pairs = [(edge[1], edge[2]) for edge in edges if edge]
                if len(pairs) == len(edges):
                    template = ", ".join(f"[ {{}}, %{_escaped(block)} ]" for _, block in pairs)
                    tokens = [token for token, _ in pairs]
                    yield from self._choice(index, match[1], match[2], f"  %{{name}} = phi {{type}} {template}", tokens)
            elif " = select i1 %" in line and (instruction := self.body.instruction(index)):
                (_, condition), (type_text, one), (_, other) = instruction.operands
                at_run_time = instruction.name not in self.jit and condition[1:] not in self.jit
                if at_run_time and type_text != "ptr" and integer_bits(type_text):
                    metadata = line[len(without_metadata(line)) :]
                    template = f"  %{{name}} = select i1 {_escaped(condition)}, {{type}} {{}}, {{type}} {{}}{metadata}"
                    yield from self._choice(index, instruction.name, type_text, template, [one, other])

    def _choice(self, index: int, name: str, type_text: str, template: str, tokens: Sequence[str]) -> Iterator[_Choice]:
        arms = [self._value(type_text, token) for token in tokens]
        known = tuple(arm for arm in arms if arm is not None)
        if len(known) == len(arms):
            yield _Choice(index, name, type_text, template, known)

    def _value(self, type_text: str, token: str) -> JitExpr | None:
        if token[0] == "%":
            return self.jit.get(token[1:])
        return constant(type_text, token, self.layout, self.resolve)

    def longest(self, choice: _Choice) -> tuple[_Choice, list[int]]:
        """The choice after all operations that are worth it, and the lines of these."""
        best, steps, taken = choice, list[int](), list[int]()
        current = choice
        while True:
            users = self.body.users(current.name)
            instruction = self.body.instruction(users[0]) if len(users) == 1 else None
            following = None if instruction is None else self._after(current, instruction)
            if following is None:
                return best, steps
            assert instruction is not None
            current = following
            taken.append(users[0])
            if instruction.opcode not in _FREE and self._wide(current.arms) <= self._wide(choice.arms) + current.extra:
                best, steps = current, list(taken)

    def _after(self, choice: _Choice, instruction: Instruction) -> _Choice | None:
        """The choice among what an operation makes of each arm; None for one that stays where it is."""
        if instruction.opcode not in _MOVED and not instruction.opcode.startswith("icmp."):
            return None
        if instruction.type == "ptr" or any(type_text == "ptr" for type_text, _ in instruction.operands):
            return None
        others = {
            token: self._value(*typed) for typed in instruction.operands if (token := typed[1]) != f"%{choice.name}"
        }
        if any(other is None for other in others.values()):
            return None
        arms = []
        for arm in choice.arms:
            operands = [others.get(token) or arm for _, token in instruction.operands]
            result = compute(instruction, operands, self.layout)
            if result is None:
                return None
            only = self.table.knowledge.value(result)
            arms.append(result if only is None else Const(result.bits, only))
        extra = choice.extra + self._wide(other for other in others.values() if other is not None)
        return _Choice(choice.index, instruction.name, instruction.type, choice.template, tuple(arms), extra)

    def _wide(self, expressions: Iterator[JitExpr] | Sequence[JitExpr]) -> int:
        """How many of them only `movabs` holds."""
        return sum(self.table.is_wide(expression) for expression in expressions)
