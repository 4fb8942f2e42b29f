"""From compiled units to what a header and the statistics say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llvm_passes.derive import Variant
from llvm_passes.fuse import Operands, exit_label
from llvm_passes.window import Height
from stencilgen.config import Config
from stencilgen.last import stub_kind
from stencilgen.twins import without_twins
from stencilgen.unit import depth_hole
from stencilgen.units.choice import Choices, Costed, choose
from stencilgen.units.cost import cost_of
from stencilgen.units.table import Room, Tables, Unit

if TYPE_CHECKING:
    from stencilgen.finish import BuiltStencil

__all__ = ["Selection", "VariantSet", "choices_of", "select_units", "size_of"]


@dataclass(frozen=True, slots=True)
class VariantSet:
    """All compiled units of one sequence of micro-ops, or why it has none ("" when it has); height: what it says of the stack's
    height.
    """

    parts: tuple[str, ...]
    units: tuple[tuple[Variant, "BuiltStencil"], ...]
    reason: str
    height: Height | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """units: those that the planner may choose, beside the stencils; tables: for the header; statistics: plain data."""

    units: tuple["BuiltStencil", ...]
    tables: Tables
    statistics: dict[str, Any]


def choices_of(stencils: Sequence["BuiltStencil"], variants: Sequence[VariantSet], registers: int) -> Choices:
    """The choices among stencils and variants."""
    costed = [_costed(stencil, Variant(stencil.name, (stencil.name,), 0, 0)) for stencil in stencils]
    costed += [_costed(unit, variant) for found in variants for variant, unit in found.units]
    return choose(costed, registers)


def size_of(found: VariantSet) -> int:
    """Bytes that a sequence's units emit at most, all together."""
    return sum(unit.max_hot + unit.max_cold for _, unit in found.units)


def select_units(
    config: Config,
    stencils: Sequence["BuiltStencil"],
    variants: Sequence[VariantSet],
    registers: int,
    gains: Mapping[tuple[str, ...], int],
    operands: Operands,
    higher: Mapping[str, Mapping[str, "BuiltStencil"]],
) -> Selection:
    """Choose among stencils and variants. gains: what each sequence of several micro-ops saves, for the statistics; operands:
    by micro-op, its holes that sequences are told apart by; higher: by the suffix of each further level of x86-64, its stencils
    and units.
    """
    built: dict[str, BuiltStencil] = {stencil.name: stencil for stencil in stencils}
    built |= {unit.name: unit for found in variants for _, unit in found.units}
    choices = choices_of(stencils, variants, registers)
    stencil_names = {stencil.name for stencil in stencils}
    used = tuple(built[name] for name in built if name in choices.used and name not in stencil_names)
    others = without_twins([used, *([level[unit.name] for unit in used] for level in higher.values())])
    suffixes = ["", *higher]
    alike = {found[0].name: found for found in zip(used, *others, strict=True)}
    room = {name: [unit, *(level[name] for level in higher.values() if name in level)] for name, unit in built.items()}
    tables = Tables(
        units=[
            Unit(
                name,
                {suffix: f"emit_{one.emitter}" for suffix, one in zip(suffixes, found, strict=True)},
                _exits(found),
            )
            for name, found in alike.items()
        ],
        sources=list(dict.fromkeys(one.c_source for found in alike.values() for one in found)),
        choices=choices,
        stub=_EXIT_STUB + (_SETTLE_DEPTH if depth_hole(config) else 0) + len(config.last) * _WRITE_LAST,
        room={name: _room(found) for name, found in room.items()},
        operands={name: [config.holes[hole].value for hole, _ in found] for name, found in operands.items()},
        labels=labels_of(config, stencils),
        heights={found.parts[0]: found.height for found in variants if len(found.parts) == 1 and found.height},
    )
    everything = tuple({one.emitter: one for found in alike.values() for one in found}.values())
    return Selection(everything, tables, _statistics(stencils, variants, choices, used, gains))


def labels_of(config: Config, stencils: Sequence["BuiltStencil"]) -> dict[str, list[str]]:
    """By stencil, the C expressions of the positions that it may jump to."""
    return {
        stencil.name: [config.holes[hole].value for hole in stencil.holes if config.holes[hole].kind == "label"]
        for stencil in stencils
    }


_WRITE_LAST = 18
"""SG_MAX_WRITE_LAST of runtime/include/stencilgen/emit.h."""
_SETTLE_DEPTH = 4
"""SG_MAX_SETTLE_DEPTH."""
_EXIT_STUB = 7 + 3
"""SG_MAX_EXIT_STUB of runtime/include/stencilgen/emit.h, with its padding."""


def _exits(levels: Sequence["BuiltStencil"]) -> int:
    exits = sum(1 << part for part in range(6) if any(exit_label(part) in unit.holes for unit in levels))
    return exits | max(stub_kind(unit.stencil) for unit in levels) << 6


def _room(levels: Sequence["BuiltStencil"]) -> Room:
    """What the largest needs."""
    return max(u.max_hot for u in levels), max(u.max_cold for u in levels), max(u.frame for u in levels)


def _costed(built: "BuiltStencil", variant: Variant) -> Costed:
    cost = cost_of(built.stencil, built.max_hot, len(variant.parts))
    return Costed(variant.name, variant.parts, variant.kin, variant.kout, cost, variant.jump)


def _statistics(
    stencils: Sequence["BuiltStencil"],
    variants: Sequence[VariantSet],
    choices: Choices,
    used: Sequence["BuiltStencil"],
    gains: Mapping[tuple[str, ...], int],
) -> dict[str, Any]:
    """What stack caching made of each stencil, and which superstencils there are."""
    kept: dict[str, list[str]] = {}
    for unit in used:
        kept.setdefault(unit.name.rsplit("__", 1)[0], []).append(unit.name.rsplit("__", 1)[1])
    rows = {
        found.parts[0]: {"memory_form": found.reason}
        if found.reason
        else {"variants": len(found.units), "kept": sorted(kept.get(found.parts[0], []))}
        for found in variants
        if len(found.parts) == 1
    }
    return {
        "registers": choices.states - 1,
        "stencils": rows,
        "superstencils": {" ".join(parts): {"saved_cost": gain} for parts, gain in gains.items()},
        "total": {
            "memory_form": sum(bool(found.reason) for found in variants),
            "variants": sum(len(found.units) for found in variants),
            "kept": len(used),
            "max_hot_bytes": sum(unit.max_hot for unit in used),
            "max_cold_bytes": sum(unit.max_cold for unit in used),
            "stencils_max_hot_bytes": sum(stencil.max_hot for stencil in stencils),
        },
    }
