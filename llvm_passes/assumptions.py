"""Assumptions: what a stencil's author promises of its holes, by `__builtin_assume` and the like.

    __builtin_assume(oparg < 8)                   call void @llvm.assume(i1 %c)
    __builtin_assume_aligned(pointer, 16)         call void @llvm.assume(i1 true) [ "align"(ptr %p, i64 16) ]
    if (oparg >= 8) __builtin_unreachable();      Clang makes the first of it

The key idea: where the condition is known at JIT time, such a promise is one more thing that is known about holes, and one
that the emit function can verify. That is so for what stands in front of the first branch: it is promised whenever the
micro-op is in a trace. Behind a branch that run-time values decide, nothing is known unless control comes there.
Assumptions about run-time values are LLVM's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llvm_passes.body import Body
from llvm_passes.expression import (
    QUESTIONS,
    Const,
    ExpressionTooLarge,
    JitExpr,
    Operation,
    SymbolAddress,
    operation,
    walk,
)
from llvm_passes.instructions import global_address
from llvm_passes.knowledge import Knowledge
from llvm_passes.layout import Layout
from llvm_passes.spread import JitValues, jit_values
from llvm_passes.text import LOCAL, NAME

__all__ = ["Assumptions", "asks_facts", "has_assumptions", "hoisted", "take_assumptions"]

_ASSUME = re.compile(
    rf"^  (?:(?:tail|notail) )?call void @llvm\.assume\(i1 (?:noundef )?(true|%({NAME}))\)(?: \[ (.*?) \])?"
)
_BUNDLE = re.compile(r'"([\w.]+)"\(([^)]*)\)')
_ALIGNED = re.compile(rf"ptr %({NAME}), i64 (\d+)$")
_NOT_NULL = re.compile(rf"ptr %({NAME})$")
_TERMINATOR = re.compile(r"^  (?:br|switch|indirectbr|ret|unreachable)\b")


def has_assumptions(text: str) -> bool:
    """Whether there may be something to take."""
    return "@llvm.assume(" in text


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a function assumes of JIT-time values.

    promises: what holds whenever the function is used, expressions of one bit that is 1; text: the function without
    these; bare: without those behind branches too, which may be promises in a version of it.
    """

    promises: tuple[JitExpr, ...]
    text: str
    bare: str


def take_assumptions(text: str, layout: Layout) -> Assumptions:
    """The assumptions of a function's text."""
    body = Body(text)
    values = jit_values(body, layout, global_address, Knowledge())
    promises: list[JitExpr] = []
    behind_branches: list[int] = []
    first_block = True
    for index, line in enumerate(body.lines):
        first_block = first_block and not _TERMINATOR.match(line)
        if not (match := _ASSUME.match(line)):
            continue
        found = list(_promised(match, values))
        if any(promise is None or asks_facts(promise) for promise in found):
            continue  # a run-time value, a kind that only LLVM has a use for, or true of what runs only
        if first_block:
            promises += (promise for promise in found if promise is not None and not _mentions_address(promise))
            body.delete(index)
        else:
            behind_branches.append(index)
    rest = body.text()
    for index in behind_branches:
        body.delete(index)
    return Assumptions(tuple(promises), rest, body.text())


def hoisted(text: str, prefix: str) -> tuple[str, list[str]]:
    """A function's text without what it assumes of holes in its first block, and the lines that say it elsewhere: at the start
    of the function that it becomes a part of, where it is promised as well. `prefix` makes their names different.
    """
    if not has_assumptions(text):
        return text, []
    body = Body(text)
    values = jit_values(body, Layout({}), global_address, Knowledge())
    needed: set[int] = set()
    taken: list[int] = []
    for index, line in enumerate(body.lines):
        if _TERMINATOR.match(line):
            break
        match = _ASSUME.match(line)
        promises = list(_promised(match, values)) if match else []
        if match and promises and not any(promise is None or asks_facts(promise) for promise in promises):
            needed |= _slice(body, index)
            taken.append(index)

    def renamed(name: str) -> str | None:
        if name not in body.definitions:
            return None  # a type
        return f'%"{prefix}{name[1:]}' if name[0] == '"' else f"%{prefix}{name}"

    lines = [body.replace(body.lines[index], renamed) for index in sorted(needed)]
    for index in taken:
        body.delete(index)
    return body.text(), lines


def _slice(body: Body, index: int) -> set[int]:
    """The line and all that it is computed from."""
    found, pending = {index}, [index]
    while pending:
        for name in LOCAL.findall(body.lines[pending.pop()]):
            line = body.definitions.get(name)
            if line is not None and line not in found:
                found.add(line)
                pending.append(line)
    return found


def asks_facts(expression: JitExpr) -> bool:
    """Whether it depends on the table of facts. Where a trace contradicts itself nothing is true of these, and nothing is wrong:
    control does not come there.
    """
    return any(isinstance(node, Operation) and node.opcode in QUESTIONS for node in walk(expression))


def _promised(assume: re.Match[str], values: JitValues) -> Iterator[JitExpr | None]:
    """All that one call assumes; None for what is not about JIT-time values."""
    if assume[2]:
        yield values.expressions.get(assume[2])
    for kind, operands in _BUNDLE.findall(assume[3] or ""):
        match = (
            {"align": _ALIGNED, "nonnull": _NOT_NULL}[kind].match(operands) if kind in ("align", "nonnull") else None
        )
        value = values.expressions.get(match[1]) if match else None
        if match is None or value is None:
            yield None
            continue
        zero = Const(64, 0)
        try:
            if kind == "nonnull":
                yield operation("icmp.ne", 1, value, zero)
            else:
                low = operation("and", 64, value, Const(64, int(match[2]) - 1))
                yield operation("icmp.eq", 1, low, zero)
        except ExpressionTooLarge:
            yield None


def _mentions_address(promise: JitExpr) -> bool:
    """Whether it is about where something lies in the VM."""
    return any(isinstance(node, SymbolAddress) for node in walk(promise))
