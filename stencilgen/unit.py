"""What one emit function is made from: the value that the pipeline maps over.

The key idea: a stencil as its author wrote it is only the simplest case. A register variant of it, or several micro-ops
fused into one, is a function of the same module too, with other names for what is known at emit time. So a unit says what
these names stand for, and nothing behind it asks the configuration about holes again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dasc import EXIT, NEXT
from llvm_passes.debug_info import StencilSource
from llvm_passes.static_depth import DEPTH, FARTHEST
from stencilgen.config import Config, Hole
from x86_64 import Label

__all__ = ["BOUNDARIES", "Unit", "depth_hole", "unit_of"]

BOUNDARIES: Mapping[str, Label] = {"__sg_continue": NEXT, "__sg_exit": EXIT}
"""The functions by whose tail calls a micro-op goes on or leaves the trace."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One emit function to be made.

    name: of the function in the module; suffix: what the emit function's name has after it; file, line: where the author
    wrote it; state: a letter for each register of machine state that is live at its end (`i`, `d`, `f`; see
    `StateParameter`); holes: what each hole's name stands for, in C; boundaries: what a tail call of each of these functions
    goes to.
    """

    name: str
    file: str
    line: int
    state: str
    holes: Mapping[str, Hole]
    boundaries: Mapping[str, Label] = field(default_factory=lambda: BOUNDARIES)
    suffix: str = ""


def depth_hole(config: Config) -> dict[str, Hole]:
    """The hole that the assembler fills, where the depth of the stack is static."""
    if config.stack is None or config.stack.depth != "static":
        return {}
    return {DEPTH: Hole(value="as->depth", type="int64_t", range=[-FARTHEST, FARTHEST], multiple_of=8)}


def unit_of(stencil: StencilSource, state: str, config: Config, suffix: str = "") -> Unit:
    """The unit that a stencil is by itself: its holes are those of the configuration."""
    return Unit(
        stencil.name,
        stencil.position.file,
        stencil.position.line,
        state,
        {**config.holes, **depth_hole(config)},
        suffix=suffix,
    )
