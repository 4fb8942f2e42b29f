"""Declared last values on their way through the machine code: a write is a call of a reserved name, until lines are laid out.

The call stands for code that the emit function writes, or leaves out: to the passes it is a callee that may access all memory,
reads the register by which the place is found, and destroys r10 and the flags. Nothing of it is a call in the end: no frame is
aligned for it, no return address exists.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from dasc import InstructionLine, LastValue, Line, Stencil, Value, Version
from dasc.model import versions
from llvm_passes.last_values import REWRITE, WRITE, Exits, LastValues
from stencilgen.emit.expressions import HoleSource, render
from stencilgen.layout.code import Convention
from x86_64 import Address, Instruction, Register, Symbol, r10, rbp, rsp

__all__ = ["conventions", "is_write", "line_of", "stub_kind", "use_of", "with_effects"]

_NAME = re.compile(rf"({WRITE}|{REWRITE})(\d+)")


def conventions(last: LastValues | None) -> Mapping[str, Convention]:
    """What each of the calls reads and destroys."""
    return {
        f"{prefix}{number}": Convention(frozenset({Register.named(name), rsp, rbp}), frozenset({r10}))
        for prefix in (WRITE, REWRITE)
        for number, name in enumerate(last.registers if last else ())
    }


def is_write(instruction: Instruction) -> bool:
    """Whether it is such a call."""
    match instruction:
        case Instruction("CALL", (Address(name),)):
            return _NAME.fullmatch(name) is not None
    return False


def line_of(line: Line) -> Line:
    """A laid-out line; the write that a call of a reserved name stands for."""
    match line:
        case InstructionLine(Instruction("CALL", (Address(name),))) if match := _NAME.fullmatch(name):
            return LastValue("write" if match[1] == WRITE else "rewrite", int(match[2]))
    return line


def with_effects(stencil: Stencil, last: LastValues, sources: Mapping[str, HoleSource]) -> Stencil:
    """A finished stencil that reports, in each of its versions, what it does with the places, and says what its exits write.

    Emit functions write hot code, then the exit stub, then cold code: so what the stub is to see stands at the end of the hot
    code, all else at the end of the cold.
    """
    values: list[Value] = []
    effects: list[Line] = []
    for effect in last.effects:
        symbol = None
        if effect.value is not None:
            symbol = Symbol(f"L{len(values)}", -(1 << 63), (1 << 63) - 1)
            values.append(Value(symbol, render(effect.value, sources), 64))
        effects.append(LastValue(effect.action, effect.place, symbol))
    stub: list[Line] = []
    if last.exits is not Exits.PLAIN:
        stub.append(LastValue("exits_write" if last.exits is Exits.WRITE else "exits_rewrite", len(last.registers)))
    after_hot, after_cold = (effects, []) if last.before_exits else ([], effects)

    def extended(version: Version) -> Version:
        if version.decision is not None:
            yes, no = extended(version.decision.yes), extended(version.decision.no)
            return replace(version, decision=replace(version.decision, yes=yes, no=no))
        return replace(version, hot=(*version.hot, *after_hot), cold=(*stub, *version.cold, *after_cold))

    whole = extended(Version((*stencil.values, *values), stencil.hot, stencil.cold, stencil.decision))
    return replace(stencil, values=whole.values, hot=whole.hot, cold=whole.cold, decision=whole.decision)


def use_of(stencil: Stencil, ends: bool) -> tuple[int, int]:
    """What the planner is to know of a stencil: which places it sets, and which values from before it makes be written in any
    case, a bit for each. ends: whether it never goes on.
    """
    version = next(iter(versions(stencil)))
    sets, writes = 0, -1 if ends else 0
    for line in (*version.hot, *version.cold):
        if isinstance(line, LastValue):
            bit = 1 << line.place
            sets |= bit if line.action == "set" else 0
            writes |= bit if line.action in ("written", "forget") and not sets & bit else 0
    return sets, writes & 0xFF


_STUB_KINDS = {"exits_write": 1, "exits_rewrite": 2}


def stub_kind(stencil: Stencil) -> int:
    """What a unit's inner exit stubs write, as `sg_begin_unit` of the runtime has it: 0 nothing, 1, 2 as in `LastValue`."""
    lines = next(iter(versions(stencil))).cold
    return next(
        (_STUB_KINDS[line.action] for line in lines if isinstance(line, LastValue) and line.action in _STUB_KINDS), 0
    )
