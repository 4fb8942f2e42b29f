"""Units: further emit functions for a micro-op, or for several at once, among which a trace chooses.

A unit has a precondition (so many of the topmost stack entries are in registers) and a postcondition. The way of a VM that
declares an operand stack:

    derivation   which units there are: variants of each stencil, made by `llvm_passes.derive`
    cost         what a unit costs where it is executed
    choice       for each micro-op and each pair of states the cheapest step; what is never chosen is dropped
    selection    what a header and the statistics say of them
    table        the choices as C, for the planner in the runtime
"""
