"""From stencils to all units of a VM: derive, compile, choose.

Everything compiled is kept in the build's cache under a key of what it is made from, as stencils are. What is chosen among
them costs little and is done anew in every build.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llvm_passes.derive import States
from llvm_passes.fuse import Operands
from llvm_passes.module import Module
from llvm_passes.sequence import micro_op
from llvm_passes.window import Stack
from stencilgen.cache import Cache
from stencilgen.config import Config
from stencilgen.facts import Facts
from stencilgen.unit import Unit
from stencilgen.units.derivation import derive_units, operands_of, stack_of
from stencilgen.units.profile import known, read_profiles
from stencilgen.units.selection import Selection, VariantSet, choices_of, select_units, size_of
from stencilgen.units.superstencils import candidates, choose_sequences

if TYPE_CHECKING:
    from stencilgen.finish import BuiltStencil

__all__ = ["CANDIDATES", "Superstencils", "Workshop", "build_selection"]

Wanted = Mapping[tuple[str, ...], frozenset[States]]
"""By sequence, in which states it is wanted; none: in all."""

CANDIDATES = 240
"""Sequences that are compiled to choose among, unless it is said otherwise."""


@dataclass(frozen=True, slots=True)
class Superstencils:
    """Units of several micro-ops that are asked for: from these profiles at most `count`, or at most `budget` bytes of code.

    candidates: how many sequences, those that are met most, are compiled to choose among. That is what takes time.
    """

    profiles: tuple[Path, ...]
    count: int | None = None
    budget: int | None = None
    candidates: int = CANDIDATES


@dataclass(frozen=True, slots=True)
class Workshop:
    """What units are made with.

    keys: by stencil, the key of all that it is made from; compile: the rest of the pipeline; suffix: of emit functions' names,
    for a level of x86-64 that is not the lowest.
    """

    config: Config
    module: Module
    facts: Facts
    keys: Mapping[str, str]
    store: Cache
    jobs: int
    compile: Callable[[Module, Sequence[Unit]], Iterable["BuiltStencil"]]
    suffix: str = ""


def build_selection(
    shops: Sequence[Workshop], levels: Sequence[Sequence["BuiltStencil"]], wish: Superstencils | None
) -> tuple[Selection | None, list[str]]:
    """The units of a VM, and the keys of all that they were chosen from; no selection where there is nothing to choose.

    shops, levels: for each level of x86-64 what units are made with, and its stencils. The lowest, which comes first, decides
    which units there are; for the others just these are compiled.
    """
    shop, stencils = shops[0], levels[0]
    stack = stack_of(shop.config, shop.facts)
    stack = (
        stack if stack and stack.registers else None
    )  # what else is said of it concerns stencils too, not only units
    if stack is None and wish is None:
        return None, []
    registers = stack.registers if stack else 0
    operands = {stencil.name: operands_of(shop.config, stencil.holes) for stencil in stencils}
    variants: list[VariantSet] = []
    keys: list[str] = []
    if stack:
        singles: Wanted = {parts: frozenset() for parts in ((), *((name,) for name in shop.keys))}
        variants, keys = _build(shop, stack, singles)
    gains: dict[tuple[str, ...], int] = {}
    if wish:
        traces = known(read_profiles(wish.profiles), {name: len(operands[name]) for name in shop.keys})
        reasons = {found.parts: found.reason for found in variants}
        fusible = {s.name for s in stencils if not s.ends and not reasons.get((s.name,), "")}
        promising = candidates(traces, choices_of(stencils, variants, registers), fusible, wish.candidates)
        longer, longer_keys = _build(shop, stack, promising, operands)
        longer = [found for found in longer if found.units]
        keys += longer_keys
        choices = choices_of(stencils, [*variants, *longer], registers)
        sizes = {found.parts: size_of(found) for found in longer}
        gains = dict(
            choose_sequences(traces, choices.matrices, registers + 1, sizes, most=wish.count, budget=wish.budget)
        )
        variants = [*variants, *(found for found in longer if found.parts in gains)]
    higher = {
        one.suffix: {built.name: built for built in level} for one, level in zip(shops[1:], levels[1:], strict=True)
    }
    while True:
        used = choices_of(stencils, variants, registers).used
        wanted = {
            found.parts: frozenset(variant.states for variant, unit in found.units if unit.name in used)
            for found in variants
        }
        for other, built in zip(shops[1:], higher.values(), strict=True):
            again, more = _build(other, stack, {parts: states for parts, states in wanted.items() if states}, operands)
            built |= {unit.name: unit for found in again for _, unit in found.units}
            keys += more
        missing = {name for name in used if not all(name in built for built in higher.values())}
        if not missing:
            break
        variants = [_without(found, missing) for found in variants]
    return select_units(shop.config, stencils, variants, registers, gains, operands, higher), keys


def _without(found: VariantSet, names: AbstractSet[str]) -> VariantSet:
    """Without units that some level does not have: a stencil that asks what the compiler may use may access its stack in other
    ways there.
    """
    return replace(found, units=tuple((variant, unit) for variant, unit in found.units if unit.name not in names))


def _build(
    shop: Workshop, stack: Stack | None, wanted: Wanted, operands: Operands | None = None
) -> tuple[list[VariantSet], list[str]]:
    """The compiled units of these sequences (of no particular states: all), from the cache where they are."""
    keys = {parts: _key(shop, parts, states) for parts, states in wanted.items()}
    missing = [parts for parts, key in keys.items() if key not in shop.store]
    if missing:
        only = {parts: wanted[parts] for parts in missing if wanted[parts]}
        derivation = derive_units(
            shop.config, shop.module, shop.facts, stack, missing, shop.jobs, only, operands, shop.suffix
        )
        units = [derived.unit for derived in derivation.units]
        built = {unit.name: unit for unit in shop.compile(derivation.module, units)}
        for parts in missing:
            found = tuple((d.variant, built[d.unit.name]) for d in derivation.units if d.variant.parts == parts)
            reason, height = derivation.reasons.get(parts, ""), derivation.heights.get(parts)
            shop.store[keys[parts]] = VariantSet(parts, found, reason, height)
    return [shop.store[key] for key in keys.values()], list(keys.values())


def _key(shop: Workshop, parts: tuple[str, ...], states: frozenset[States]) -> str:
    stack = shop.config.stack.model_dump_json() if shop.config.stack else ""
    operands = ",".join(shop.config.superstencils.operands)
    made_from = [shop.keys[micro_op(part)] for part in parts] or list(shop.keys.values())[:1]
    text = "\0".join(["units", stack, operands, str(parts), str(sorted(states)), *made_from])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
