"""Units: further emit functions for a micro-op, or for several at once, among which a trace chooses.

A unit has a precondition (so many of the topmost stack entries are in registers) and a postcondition. The way of a VM that
declares an operand stack:

    derivation   which units there are: variants of each stencil, made by `llvm_passes.derive`
    cost         what a unit costs where it is executed
    choice       for each micro-op and each pair of states the cheapest step; what is never chosen is dropped
    table        the choices as C, for the planner in the runtime
"""

from stencilgen.units.choice import Choices, choose
from stencilgen.units.derivation import Derivation, DerivedUnit, derive_units, stack_of
from stencilgen.units.table import Tables, render_tables

__all__ = [
    "Choices",
    "Derivation",
    "DerivedUnit",
    "Tables",
    "choose",
    "derive_units",
    "render_tables",
    "stack_of",
]
