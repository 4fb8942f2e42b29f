"""stats.json: what each stencil costs and what each rule earned. Plain data, for people, scripts and `stencilgen stats`."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stencilgen.emit.constants import Pool

if TYPE_CHECKING:
    from stencilgen.pipeline import BuiltStencil

__all__ = ["statistics"]


def statistics(stencils: Sequence["BuiltStencil"], constants: Pool) -> dict[str, Any]:
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
            }
            for stencil in stencils
        },
        "total": {
            "stencils": len(stencils),
            "max_hot_bytes": sum(stencil.max_hot for stencil in stencils),
            "max_cold_bytes": sum(stencil.max_cold for stencil in stencils),
            "constant_bytes": len(constants.content),
            "rules": dict(sorted(rules.items())),
        },
    }
