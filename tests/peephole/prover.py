"""Proof that one straight-line program may take the place of another.

`after` may replace `before` if from every state, and for every value of the symbols within their ranges, each part of
the state that is live at the end is the same, except for flags that `before` leaves undefined; and if every constant
fits its field.
"""

from collections.abc import Sequence

import z3

from stencilgen.layout.liveness import flags_mask
from x86_64 import Flags, Instruction

from .programs import symbols_of
from .semantics import FLAGS, GENERAL, Machine, in_range

PART_BITS = ((7, 0), (15, 8), (31, 16), (63, 32))
"""What the four liveness bits of a general register stand for."""


class Products:
    """Multiplication as an unknown function that is commutative: what holds for it holds for the real one.

    Two products of 128-bit vectors are beyond a solver of bits; that equal factors have equal products is not.
    """

    def __init__(self) -> None:
        self.axioms: list[z3.BoolRef] = []

    def __call__(self, left: z3.BitVecRef, right: z3.BitVecRef) -> z3.BitVecRef:
        sort = left.sort()
        product = z3.Function(f"product{left.size()}", sort, sort, sort)
        self.axioms.append(product(left, right) == product(right, left))
        return product(left, right)


def counterexample(before: Sequence[Instruction], after: Sequence[Instruction], live: int) -> str | None:
    """None if `after` may replace `before` with `live` (a liveness mask) live at the end; else a state that shows why
    not.
    """
    products = Products()
    start = Machine.symbolic(products)
    old, new = start.copy().run(before), start.copy().run(after)
    solver = z3.Solver()
    solver.add(products.axioms)
    solver.add([in_range(symbol) for symbol in symbols_of([*before, *after])])
    solver.add(old.encodable)
    solver.add(z3.Not(z3.And(*new.encodable, old.memory == new.memory, *equal_parts(old, new, live))))
    match solver.check():
        case z3.unsat:
            return None
        case z3.sat:
            return str(solver.model())
    raise AssertionError(f"z3 gave up: {solver.reason_unknown()}")


def equal_parts(old: Machine, new: Machine, live: int) -> list[z3.BoolRef]:
    claims: list[z3.BoolRef] = []
    for number, name in enumerate(GENERAL):
        for part, (high, low) in enumerate(PART_BITS):
            if live >> 4 * number + part & 1:
                claims.append(z3.Extract(high, low, old.registers[name]) == z3.Extract(high, low, new.registers[name]))
    for name in FLAGS:
        if live & flags_mask(Flags[name]):
            one, other = old.flags[name], new.flags[name]
            claims.append(z3.Or(one.undefined, z3.And(z3.Not(other.undefined), one.value == other.value)))
    return claims
