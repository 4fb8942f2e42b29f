"""What executed instructions are for, told from their disassembly and the stack machine's conventions.

r12 is the frame, r13 the operand stack's pointer, r14 the thread; only reference counts are 32 bits wide in memory. In
code that LLVM made of a whole trace these registers usually keep their meaning, but nothing forces them to: what
lies behind another register counts as an object's.
"""

from collections.abc import Callable, Iterable

from iced_x86 import FlowControl, Instruction, MemorySize, Mnemonic, OpKind, Register, RegisterExt

from bench.vm.counts import Executed

__all__ = ["CATEGORIES", "classify", "profile"]

CATEGORIES = (
    "operand stack: load",
    "operand stack: store",
    "stack pointer",
    "locals: load",
    "locals: store",
    "reference counts",
    "guards",
    "objects",
    "arithmetic and tags",
    "constants",
    "register moves",
    "calls and frame",
    "jumps",
)
_COMPARES = {Mnemonic.CMP, Mnemonic.TEST, Mnemonic.UCOMISD, Mnemonic.COMISD}
_FRAME = {Mnemonic.CALL, Mnemonic.PUSH, Mnemonic.POP, Mnemonic.RET}
_NARROW = (MemorySize.UINT32, MemorySize.INT32)
_STORES = {Mnemonic.MOV, Mnemonic.MOVSD, Mnemonic.MOVAPS, Mnemonic.MOVUPS, Mnemonic.MOVQ, Mnemonic.AND, Mnemonic.OR}


def classify(instruction: Instruction) -> str:
    """The category of one instruction."""
    flow = instruction.flow_control
    first = RegisterExt.full_register(instruction.op0_register)
    memory = any(instruction.op_kind(i) == OpKind.MEMORY for i in range(instruction.op_count))
    base = instruction.memory_base if memory else Register.NONE
    if instruction.mnemonic in _FRAME or (first == Register.RSP and not memory):
        return "calls and frame"
    if flow == FlowControl.CONDITIONAL_BRANCH:
        return "reference counts" if instruction.mnemonic in (Mnemonic.JS, Mnemonic.JNS) else "guards"
    if flow in (FlowControl.UNCONDITIONAL_BRANCH, FlowControl.INDIRECT_BRANCH):
        return "jumps"
    if memory and base == Register.R13:
        return f"operand stack: {_direction(instruction)}"
    if memory and base == Register.R12:
        return f"locals: {_direction(instruction)}"
    if first == Register.R13 and instruction.mnemonic in (Mnemonic.ADD, Mnemonic.SUB, Mnemonic.LEA, Mnemonic.MOV):
        return "stack pointer"
    if _is_count(instruction, memory):
        return "reference counts"
    if instruction.mnemonic in _COMPARES:
        return "guards"
    if instruction.is_ip_rel_memory_operand or _is_constant(instruction):
        return "constants"
    if memory and instruction.mnemonic != Mnemonic.LEA:
        return "objects"
    if instruction.mnemonic == Mnemonic.MOV:
        return "register moves"
    return "arithmetic and tags"


def profile(trace: Iterable[Executed], weight: Callable[[Executed], float] = lambda one: one.count) -> dict[str, float]:
    """By category, what executed instructions weigh: of themselves, how often they are executed in an iteration."""
    found = dict.fromkeys(CATEGORIES, 0.0)
    for executed in trace:
        if executed.count:
            found[classify(executed.instruction)] += weight(executed)
    return found


def _direction(instruction: Instruction) -> str:
    return "store" if instruction.op0_kind == OpKind.MEMORY and instruction.mnemonic in _STORES else "load"


def _is_count(instruction: Instruction, memory: bool) -> bool:
    """A 32-bit word of an object, and what is done with it."""
    if memory:
        registers = (instruction.op0_register, instruction.op1_register)
        narrow = any(RegisterExt.is_gpr32(register) for register in registers)
        in_memory = instruction.mnemonic in (Mnemonic.INC, Mnemonic.DEC, Mnemonic.ADD, Mnemonic.SUB, Mnemonic.CMP)
        return instruction.memory_displacement == 0 and (narrow or (in_memory and instruction.memory_size in _NARROW))
    if instruction.mnemonic in (Mnemonic.INC, Mnemonic.DEC):
        return bool(RegisterExt.is_gpr32(instruction.op0_register))
    is_test = instruction.mnemonic == Mnemonic.TEST and instruction.op0_register == instruction.op1_register
    return is_test and bool(RegisterExt.is_gpr32(instruction.op0_register))


def _is_constant(instruction: Instruction) -> bool:
    return instruction.mnemonic == Mnemonic.MOV and instruction.op1_kind not in (OpKind.REGISTER, OpKind.MEMORY)
