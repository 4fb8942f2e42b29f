"""Which units a VM has, by its configuration, and the pipeline's units to compile for them.

The functions come from `llvm_passes.derive`; here they get what a unit needs beyond its function: the place of the stencil
they come from, the registers that are live at their end, and what their holes stand for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llvm_passes.checks import MAXIMUM_INTEGERS
from llvm_passes.codegen import derive
from llvm_passes.derive import Variant
from llvm_passes.module import Module
from llvm_passes.window import Stack
from stencilgen.config import Config
from stencilgen.errors import UserError
from stencilgen.facts import Facts
from stencilgen.unit import Unit

__all__ = ["Derivation", "DerivedUnit", "derive_units", "stack_of"]


@dataclass(frozen=True, slots=True)
class DerivedUnit:
    """A unit to compile, and what it is a variant of."""

    variant: Variant
    unit: Unit


@dataclass(frozen=True, slots=True)
class Derivation:
    """module: defines the units' functions; reasons: why a stencil has no variants, by its name."""

    module: Module
    units: tuple[DerivedUnit, ...]
    reasons: Mapping[str, str]


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
    left = MAXIMUM_INTEGERS - sum(parameter.kind == "i" for parameter in facts.state)
    if table.registers > left:
        raise UserError(
            f"there are {left} registers left for stack entries, not {table.registers}",
            remedy=f"set stack.registers to {left} or less" if left else "remove [stack], or make the state smaller",
            file=config.path,
            line=config.line("stack", "registers"),
        )
    return Stack(parameter, table.registers, frozenset(table.escapes))


def derive_units(
    config: Config, module: Module, facts: Facts, stack: Stack, names: Sequence[str], jobs: int
) -> Derivation:
    """The variants of these stencils, and for the name "" the transitions."""
    sequences = [(name,) if name else () for name in names]
    derived_module, derived = derive(module, sequences, stack, jobs)
    units = tuple(DerivedUnit(variant, _unit(config, facts, variant)) for variant in derived.variants)
    return Derivation(derived_module, units, {"".join(parts): reason for parts, reason in derived.reasons.items()})


def _unit(config: Config, facts: Facts, variant: Variant) -> Unit:
    if variant.parts:
        position = facts.stencils[variant.parts[0]].position
        file, line = position.file, position.line
    else:
        file, line = "", 0
    state = "".join(parameter.kind for parameter in facts.state)
    return Unit(variant.name, file, line, "i" * variant.kout + state, config.holes)
