"""Which units a VM has, by its configuration, and the pipeline's units to compile for them.

The functions come from `llvm_passes.derive`; here they get what a unit needs beyond its function: the place of the stencil
they come from, the registers that are live at their end, and what their holes stand for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from llvm_passes.checks import MAXIMUM_INTEGERS
from llvm_passes.codegen import derive
from llvm_passes.derive import DeriveRequest, States, Variant
from llvm_passes.fuse import Operands, exit_label, part_hole
from llvm_passes.last_values import Place
from llvm_passes.module import Module
from llvm_passes.sequence import micro_op
from llvm_passes.window import Height, Stack
from stencilgen.config import INTEGER_BITS, Config, Hole
from stencilgen.errors import UserError
from stencilgen.facts import Facts
from stencilgen.unit import Unit, depth_hole

__all__ = ["Derivation", "DerivedUnit", "derive_units", "operands_of", "stack_of", "standing_pointer"]


@dataclass(frozen=True, slots=True)
class DerivedUnit:
    """A unit to compile, and what it is a variant of."""

    variant: Variant
    unit: Unit


@dataclass(frozen=True, slots=True)
class Derivation:
    """module: defines the units' functions; reasons: why a sequence of stencils has no variants; heights: what one says of the
    stack's height.
    """

    module: Module
    units: tuple[DerivedUnit, ...]
    reasons: Mapping[tuple[str, ...], str]
    heights: Mapping[tuple[str, ...], Height]


def stack_of(config: Config, facts: Facts) -> Stack | None:
    """The operand stack that the configuration declares, if any. UserError when it does not fit the machine state."""
    table = config.stack
    if table is None:
        return None
    line = config.line("stack", "pointer")
    names = [parameter.name for parameter in facts.state]
    if table.pointer not in names:
        remedy = f"name one of {', '.join(names) or 'STENCIL_STATE (it is empty)'}"
        raise UserError(
            f"the state has no '{table.pointer}' that could be the stack pointer",
            remedy=remedy,
            file=config.path,
            line=line,
        )
    parameter = names.index(table.pointer)
    if "*" not in facts.state[parameter].type:
        what = f"the stack pointer '{table.pointer}' has the type {facts.state[parameter].type}"
        raise UserError(what, remedy="make it a pointer to the entries", file=config.path, line=line)
    left = max(MAXIMUM_INTEGERS - sum(parameter.kind == "i" for parameter in facts.state), 0)
    if table.registers > left:
        raise UserError(
            f"there are {left or 'no'} registers left for stack entries, not {table.registers}",
            remedy=f"set stack.registers to {left} or less" if left else "make the state smaller, or remove [stack]",
            file=config.path,
            line=config.line("stack", "registers"),
        )
    return Stack(parameter, table.registers, frozenset(table.escapes))


def require_known(config: Config, module: Module) -> None:
    """UserError for a function of `escapes` that no stencil calls: it may be another's name misspelt."""
    unknown = [name for name in (config.stack.escapes if config.stack else ()) if name not in module.declarations]
    if unknown:
        raise UserError(
            f"no stencil calls the function {unknown[0]}, which is listed in stack.escapes",
            remedy="correct its name, or remove it",
            file=config.path,
            line=config.line("stack", "escapes"),
        )


def standing_pointer(config: Config, facts: Facts, places: Sequence[Place]) -> int | None:
    """The position in the state of the pointer of a stack whose depth is static. UserError if a place of `[last]` is found
    by it.
    """
    stack = stack_of(config, facts)
    if stack is None or config.stack is None or config.stack.depth != "static":
        return None
    for place in places:
        if place.parameter == stack.parameter:
            raise UserError(
                f"[last] {place.name} is found by the stack pointer, which does not move while a trace runs",
                remedy="declare places that other state parameters lead to, or remove depth from [stack]",
                file=config.path,
                line=config.line("last", place.name),
            )
    return stack.parameter


def operands_of(config: Config, holes: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Of a stencil's holes those that count as operands, in the configuration's order, with the bits of their types."""
    used = frozenset(holes)
    names = [name for name in config.superstencils.operands if name in used]
    return tuple((name, INTEGER_BITS[config.holes[name].type or ""]) for name in names)


def derive_units(
    config: Config,
    module: Module,
    facts: Facts,
    stack: Stack | None,
    sequences: Sequence[tuple[str, ...]],
    jobs: int,
    only: Mapping[tuple[str, ...], frozenset[States]] | None = None,
    operands: Operands | None = None,
    suffix: str = "",
) -> Derivation:
    """The variants of these sequences of stencils (of the empty one: the transitions); `only`: which are wanted of a sequence;
    suffix: of their emit functions' names.
    """
    request = DeriveRequest("", tuple(sequences), stack, only or {}, operands or {})
    derived_module, derived = derive(module, request, jobs)
    units = tuple(DerivedUnit(variant, _unit(config, facts, variant, suffix)) for variant in derived.variants)
    return Derivation(derived_module, units, derived.reasons, derived.heights)


def _unit(config: Config, facts: Facts, variant: Variant, suffix: str) -> Unit:
    if variant.parts:
        position = facts.stencils[micro_op(variant.parts[0])].position
        file, line = position.file, position.line
    else:
        file, line = "", 0
    state = "".join(parameter.kind for parameter in facts.state)
    holes = _holes(config, len(variant.parts))
    entries = "i" * max(variant.kout, variant.jump)  # live where it goes on, or where it jumps
    return Unit(variant.name, file, line, entries + state, holes, suffix=suffix)


def _holes(config: Config, parts: int) -> dict[str, Hole]:
    """What the holes of a unit of so many micro-ops stand for: those of part j are read from the j-th instruction.

    The exits of all parts but the last are labels: while the unit is emitted, `as->index` is the position of its last micro-op,
    and the labels of its inner positions are the exits' stubs (`sg_begin_unit` of the runtime).
    """
    holes = {**config.holes, **depth_hole(config)}
    for part in range(1, parts):
        for name, hole in config.holes.items():
            value = re.sub(r"\binstruction\b", f"(instruction + {part})", hole.value)
            holes[part_hole(name, part)] = hole.model_copy(update={"value": value})
    for part in range(parts - 1):
        holes[exit_label(part)] = Hole(value=f"as->index - {parts - 2 - part}", kind="label")
    return holes
