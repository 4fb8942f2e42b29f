"""What a unit costs where a trace executes it: the numbers by which the planner chooses.

Only hot instructions count. A move between registers is renamed away by the processor and counts half; an access of memory
counts more than an operation on registers, because what the stack caches is mostly the latency of storing and loading
again. Bytes break ties.
"""

from dasc import InstructionLine, Stencil
from x86_64 import Memory, Register

__all__ = ["INSTRUCTION", "cost_of"]

INSTRUCTION = 32
"""The cost of an operation on registers."""

_MOVE = 16
_ACCESS = 16
_MOST_BYTES = 15


def cost_of(stencil: Stencil, max_hot: int) -> int:
    """The cost of a unit's hot part, which emits `max_hot` bytes at most."""
    total = 0
    for line in stencil.hot:
        if isinstance(line, InstructionLine):
            operands = line.instruction.operands
            if line.instruction.mnemonic == "MOV" and all(isinstance(operand, Register) for operand in operands):
                total += _MOVE
            elif line.instruction.mnemonic != "LEA" and any(isinstance(operand, Memory) for operand in operands):
                total += INSTRUCTION + _ACCESS
            else:
                total += INSTRUCTION
    return total + min(max_hot // 4, _MOST_BYTES)
