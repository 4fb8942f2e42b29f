"""What a unit costs where a trace executes it: the numbers by which the planner chooses.

Only hot instructions count. A move between registers is renamed away by the processor and counts half; an access of memory
counts more than an operation on registers, because what the stack caches is mostly the latency of storing and loading
again. Bytes break ties.
"""

from dasc import InstructionLine, Line, Stencil
from dasc.model import versions
from x86_64 import Memory, Register

__all__ = ["INSTRUCTION", "cost_of"]

INSTRUCTION = 16
"""The cost of an operation on registers."""

_MOVE = 8
_ACCESS = 8
_MOST_BYTES = 7


def cost_of(stencil: Stencil, max_hot: int) -> int:
    """The cost of a unit's hot part, which emits `max_hot` bytes at most; of several versions, their mean."""
    totals = [sum(map(_cost_of_line, version.hot)) for version in versions(stencil)]
    return sum(totals) // len(totals) + min(max_hot // 8, _MOST_BYTES)


def _cost_of_line(line: Line) -> int:
    if not isinstance(line, InstructionLine):
        return 0
    operands = line.instruction.operands
    if line.instruction.mnemonic == "MOV" and all(isinstance(operand, Register) for operand in operands):
        return _MOVE
    accesses = line.instruction.mnemonic != "LEA" and any(isinstance(operand, Memory) for operand in operands)
    return INSTRUCTION + _ACCESS if accesses else INSTRUCTION
