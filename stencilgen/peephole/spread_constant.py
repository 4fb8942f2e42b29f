"""A constant that a register keeps for several uses goes into each of them.

    mov ecx, E                     ...
    ...                      →
    add rax, rcx                   add rax, E
    ...                            ...
    mov rdx, [rsi + rcx]           mov rdx, [rsi + E]

Why it is safe: at the use the register holds the constant (`known_value.py`). As an operand it becomes an immediate as in
`fold_constant`, with the same conditions on its width. As a part of an address it is added to the displacement, if the
sum fits for every value: a constant loaded into 32 bits must not be negative then, since the load clears the rest.
"""

from dataclasses import replace

from stencilgen.peephole.constants import Constant, constant_load, fits_displacement, immediate, mentions
from stencilgen.peephole.fold_address import total
from stencilgen.peephole.fold_constant import TAKES_IMMEDIATE, with_immediate
from stencilgen.peephole.known_value import ValueRule
from x86_64 import Instruction, Memory, Operand, Register, Symbolic

__all__ = ["RULE"]


def rewrite(definition: Instruction, use: Instruction) -> Instruction | None:
    load = constant_load(definition)
    if load is None:
        return None
    whole = load.register.whole
    if any(isinstance(operand, Memory) and mentions(operand, whole) for operand in use.operands):
        address = immediate(load, 64)
        return None if address is None else with_displacement(use, whole, address)
    if use.mnemonic in TAKES_IMMEDIATE and len(use.operands) == 2:
        return with_immediate(use, load)
    return None


def with_displacement(use: Instruction, whole: Register, constant: Constant) -> Instruction | None:
    """The use with the constant in place of the register wherever an address is made with it."""
    operands: list[Operand] = []
    for operand in use.operands:
        if isinstance(operand, Memory) and operand.target is None:
            if operand.base is whole:
                displacement = total(operand.displacement, constant)
                if displacement is None:
                    return None
                operand = replace(operand, base=None, displacement=displacement)
            if operand.index is whole:
                part = scaled(constant, operand.scale)
                displacement = None if part is None else total(operand.displacement, part)
                if displacement is None:
                    return None
                operand = replace(operand, index=None, scale=1, displacement=displacement)
            if not fits_displacement(operand.displacement):
                return None
        operands.append(operand)
    return replace(use, operands=tuple(operands))


def scaled(constant: Constant, scale: int) -> Constant | None:
    if isinstance(constant, Symbolic):
        return constant if scale == 1 else None
    return constant * scale


RULE = ValueRule("spread_constant", frozenset({"MOV"}), rewrite)
