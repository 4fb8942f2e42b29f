"""One emit function where a stencil's code is the same for two levels of x86-64."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stencilgen.finish import BuiltStencil

__all__ = ["without_twins"]


def without_twins(levels: Sequence[Sequence["BuiltStencil"]]) -> list[tuple["BuiltStencil", ...]]:
    """What was built for all levels but the lowest, which comes first; what is the same for a level below is that level's."""
    known = {built.name: [built] for built in levels[0]}

    def kept(built: "BuiltStencil") -> "BuiltStencil":
        for other in known[built.name]:
            if re.sub(rf"\b(emit_)?{built.emitter}\b", rf"\1{other.emitter}", built.c_source) == other.c_source:
                return other
        known[built.name].append(built)
        return built

    return [tuple(map(kept, level)) for level in levels[1:]]
