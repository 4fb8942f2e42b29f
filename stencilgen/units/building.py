"""From stencils to all units of a VM: derive, compile, choose.

Everything compiled is kept in the build's cache under a key of what it is made from, as stencils are. What is chosen among
them costs little and is done anew in every build.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llvm_passes.fuse import Operands
from llvm_passes.module import Module
from llvm_passes.sequence import micro_op
from llvm_passes.window import Stack
from stencilgen.cache import Cache
from stencilgen.config import Config
from stencilgen.errors import UserError
from stencilgen.facts import Facts
from stencilgen.unit import Unit
from stencilgen.units.derivation import derive_units, operands_of, stack_of
from stencilgen.units.profile import known, read_profiles
from stencilgen.units.selection import Selection, VariantSet, choices_of, select_units, size_of
from stencilgen.units.superstencils import candidates, choose_sequences

if TYPE_CHECKING:
    from stencilgen.finish import BuiltStencil

__all__ = ["Superstencils", "Workshop", "build_selection"]

States = Mapping[tuple[str, ...], frozenset[tuple[int, int]]]
"""By sequence, which (entries in registers before, after) are wanted of it."""


@dataclass(frozen=True, slots=True)
class Superstencils:
    """Units of several micro-ops that are asked for: from these profiles at most `count`, or at most `budget` bytes of code."""

    profiles: tuple[Path, ...]
    count: int | None = None
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What units are made with.

    keys: by stencil, the key of all that it is made from; compile: the rest of the pipeline.
    """

    config: Config
    module: Module
    facts: Facts
    keys: Mapping[str, str]
    store: Cache
    jobs: int
    compile: Callable[[Module, Sequence[Unit]], Iterable["BuiltStencil"]]


def build_selection(
    shop: Workshop, stencils: Sequence["BuiltStencil"], wish: Superstencils | None
) -> tuple[Selection | None, list[str]]:
    """The units of a VM, and the keys of all that they were chosen from; no selection where there is nothing to choose."""
    stack = stack_of(shop.config, shop.facts)
    if stack is None and wish is None:
        return None, []
    if len(shop.config.cpus) > 1:
        what = "units beside the stencils are made for one level of x86-64, not for several"
        remedy = "list one in target.cpus, or do without [stack] and superstencils"
        raise UserError(what, remedy=remedy, file=shop.config.path, line=shop.config.line("target", "cpus"))
    registers = stack.registers if stack else 0
    operands = {stencil.name: operands_of(shop.config, stencil.holes) for stencil in stencils}
    variants: list[VariantSet] = []
    keys: list[str] = []
    if stack:
        singles: States = {parts: frozenset() for parts in ((), *((name,) for name in shop.keys))}
        variants, keys = _build(shop, stack, singles)
    gains: dict[tuple[str, ...], int] = {}
    if wish:
        traces = known(read_profiles(wish.profiles), {name: len(operands[name]) for name in shop.keys})
        reasons = {found.parts: found.reason for found in variants}
        fusible = {s.name for s in stencils if not s.ends and not reasons.get((s.name,), "")}
        promising = candidates(traces, choices_of(stencils, variants, registers), fusible)
        longer, longer_keys = _build(shop, stack, promising, operands)
        longer = [found for found in longer if found.units]
        keys += longer_keys
        choices = choices_of(stencils, [*variants, *longer], registers)
        sizes = {found.parts: size_of(found) for found in longer}
        gains = dict(
            choose_sequences(traces, choices.matrices, registers + 1, sizes, most=wish.count, budget=wish.budget)
        )
        variants = [*variants, *(found for found in longer if found.parts in gains)]
    return select_units(shop.config, stencils, variants, registers, gains, operands), keys


def _build(
    shop: Workshop, stack: Stack | None, wanted: States, operands: Operands | None = None
) -> tuple[list[VariantSet], list[str]]:
    """The compiled units of these sequences (of no particular states: all), from the cache where they are."""
    keys = {parts: _key(shop, parts, states) for parts, states in wanted.items()}
    missing = [parts for parts, key in keys.items() if key not in shop.store]
    if missing:
        only = {parts: wanted[parts] for parts in missing if wanted[parts]}
        derivation = derive_units(shop.config, shop.module, shop.facts, stack, missing, shop.jobs, only, operands)
        units = [derived.unit for derived in derivation.units]
        built = {unit.name: unit for unit in shop.compile(derivation.module, units)}
        for parts in missing:
            found = tuple((d.variant, built[d.unit.name]) for d in derivation.units if d.variant.parts == parts)
            shop.store[keys[parts]] = VariantSet(parts, found, derivation.reasons.get(parts, ""))
    return [shop.store[key] for key in keys.values()], list(keys.values())


def _key(shop: Workshop, parts: tuple[str, ...], states: frozenset[tuple[int, int]]) -> str:
    stack = shop.config.stack.model_dump_json() if shop.config.stack else ""
    operands = ",".join(shop.config.superstencils.operands)
    made_from = [shop.keys[micro_op(part)] for part in parts] or list(shop.keys.values())[:1]
    text = "\0".join(["units", stack, operands, str(parts), str(sorted(states)), *made_from])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
