"""stats.json: what each stencil costs and what each rule earned. Plain data, for people, scripts and `stencilgen stats`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stencilgen.emit.constants import Pool
from stencilgen.toolchain.cpu import CpuName

if TYPE_CHECKING:
    from stencilgen.finish import BuiltStencil, SharedPart

__all__ = ["level_statistics", "statistics"]


def statistics(
    stencils: Sequence["BuiltStencil"], constants: Pool, shared: Sequence["SharedPart"] = ()
) -> dict[str, Any]:
    """Bytes are upper bounds: what an emit function writes at most. Instructions are those of the hot and cold part."""
    rules: Counter[str] = Counter()
    for stencil in stencils:
        rules.update({rule: count for rule, count in stencil.rules.items() if count})
    return {
        "stencils": {
            stencil.name: {
                "source": f"{stencil.file}:{stencil.line}",
                "max_hot_bytes": stencil.max_hot,
                "max_cold_bytes": stencil.max_cold,
                "hot_instructions": stencil.hot_instructions,
                "cold_instructions": stencil.cold_instructions,
                "frame_bytes": stencil.frame,
                "jit_time_values": len(stencil.expressions),
                "rules": {rule: count for rule, count in sorted(stencil.rules.items()) if count},
                "without_versions": _bytes(stencil.without_versions),
                "versions": [
                    {"when": version.condition, **_bytes((version.max_hot, version.max_cold))}
                    for version in stencil.versions
                ],
            }
            for stencil in stencils
        },
        "total": {
            "stencils": len(stencils),
            "max_hot_bytes": sum(stencil.max_hot for stencil in stencils),
            "max_cold_bytes": sum(stencil.max_cold for stencil in stencils),
            "constant_bytes": len(constants.content),
            "shared_parts": len(shared),
            "shared_bytes": sum(part.max_size for part in shared),
            "versions": _gain([stencil for stencil in stencils if len(stencil.versions) > 1]),
            "rules": dict(sorted(rules.items())),
        },
    }


def level_statistics(levels: Mapping[CpuName, Sequence["BuiltStencil"]]) -> dict[str, Any]:
    """What the levels of x86-64 are about: how many stencils differ from the lowest one's, and the bytes of all."""
    lowest = next(iter(levels.values()))
    return {
        "cpus": {
            cpu: {
                "stencils_of_its_own": sum(s is not t for s, t in zip(stencils, lowest, strict=True)),
                "max_hot_bytes": sum(stencil.max_hot for stencil in stencils),
                "max_cold_bytes": sum(stencil.max_cold for stencil in stencils),
            }
            for cpu, stencils in levels.items()
        }
    }


def _gain(stencils: Sequence["BuiltStencil"]) -> dict[str, Any]:
    """What versions bought: of the stencils that have some, the bytes of a version on average, and without versions."""
    return {
        "stencils": len(stencils),
        "versions": sum(len(stencil.versions) for stencil in stencils),
        "average": _bytes(
            (
                round(sum(_average([version.max_hot for version in stencil.versions]) for stencil in stencils)),
                round(sum(_average([version.max_cold for version in stencil.versions]) for stencil in stencils)),
            )
        ),
        "without": _bytes(
            (
                sum(stencil.without_versions[0] for stencil in stencils),
                sum(stencil.without_versions[1] for stencil in stencils),
            )
        ),
    }


def _bytes(sizes: tuple[int, int]) -> dict[str, int]:
    return {"max_hot_bytes": sizes[0], "max_cold_bytes": sizes[1]}


def _average(values: Sequence[int]) -> float:
    return sum(values) / len(values)
