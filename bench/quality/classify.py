"""What executed instructions are for, told from their disassembly and a machine's conventions.

A state register says what lies behind it; only reference counts are 32 bits wide in memory, at an object's start. In
code that LLVM made of a whole trace these registers usually keep their meaning, but nothing forces them to: what
lies behind another register counts as an object's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from iced_x86 import FlowControl, Instruction, MemorySize, Mnemonic, OpKind, Register, RegisterExt

from bench.vm.counts import Executed

__all__ = ["CATEGORIES", "REGISTER_MACHINE", "STACK_MACHINE", "Machine", "classify", "profile", "reloads"]


@dataclass(frozen=True, slots=True)
class Machine:
    """behind: by state register what it points to; moving: the one that micro-ops move, and what moving it is called."""

    behind: Mapping[int, str]
    moving: tuple[int, str]

    @property
    def categories(self) -> tuple[str, ...]:
        """All of them, in the order of tables."""
        places = (f"{what}: {direction}" for what in self.behind.values() for direction in ("load", "store"))
        return (*places, self.moving[1], *_OF_ANY)


_OF_ANY = (
    "reference counts",
    "guards",
    "objects",
    "arithmetic and tags",
    "constants",
    "register moves",
    "calls and frame",
    "jumps",
)
STACK_MACHINE = Machine({Register.R13: "operand stack", Register.R12: "locals"}, (Register.R13, "stack pointer"))
"""bench/vm: r12 is the frame, r13 the operand stack's pointer, r14 the thread."""
REGISTER_MACHINE = Machine({Register.R12: "slots", Register.R13: "thread"}, (Register.R12, "slot pointer"))
"""minipy."""
CATEGORIES = STACK_MACHINE.categories
_COMPARES = {Mnemonic.CMP, Mnemonic.TEST, Mnemonic.UCOMISD, Mnemonic.COMISD}
_FRAME = {Mnemonic.CALL, Mnemonic.PUSH, Mnemonic.POP, Mnemonic.RET}
_NARROW = (MemorySize.UINT32, MemorySize.INT32)
_STORES = {Mnemonic.MOV, Mnemonic.MOVSD, Mnemonic.MOVAPS, Mnemonic.MOVUPS, Mnemonic.MOVQ, Mnemonic.AND, Mnemonic.OR}


def classify(instruction: Instruction, machine: Machine = STACK_MACHINE) -> str:
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
    if memory and base in machine.behind and instruction.mnemonic != Mnemonic.LEA:
        return f"{machine.behind[base]}: {_direction(instruction)}"
    moved, called = machine.moving
    if first == moved and instruction.mnemonic in (Mnemonic.ADD, Mnemonic.SUB, Mnemonic.LEA, Mnemonic.MOV):
        return called
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


def profile(
    trace: Iterable[Executed],
    weight: Callable[[Executed], float] = lambda one: one.count,
    machine: Machine = STACK_MACHINE,
) -> dict[str, float]:
    """By category, what executed instructions weigh: of themselves, how often they are executed."""
    found = dict.fromkeys(machine.categories, 0.0)
    for executed in trace:
        if executed.count:
            found[classify(executed.instruction, machine)] += weight(executed)
    return found


def reloads(trace: Iterable[Executed], machine: Machine) -> float:
    """Executions of loads, by the register that micro-ops move, of places that the same trace has loaded or stored before,
    without a call between: what a value that stayed in a register would save. In the order of addresses, hot code only.
    """
    known: set[int] = set()
    index, moved_by, total = -1, 0, 0.0
    for one in sorted(trace, key=lambda one: (one.index, one.instruction.ip)):
        instruction = one.instruction
        if not one.is_hot:
            continue
        if one.index != index:
            index, moved_by, known = one.index, 0, set()
        if instruction.mnemonic == Mnemonic.CALL:
            known.clear()
        elif classify(instruction, machine) == machine.moving[1]:
            moved_by += _movement(instruction)
        elif instruction.memory_base == machine.moving[0] and instruction.mnemonic != Mnemonic.LEA:
            place = _signed(instruction.memory_displacement) + moved_by
            if place in known and _direction(instruction) == "load":
                total += one.count
            known.add(place)
    return total


def _movement(instruction: Instruction) -> int:
    """By how much a register is moved; far away if that is not in the instruction."""
    if instruction.mnemonic == Mnemonic.LEA:
        return _signed(instruction.memory_displacement)
    if instruction.op1_kind in (OpKind.REGISTER, OpKind.MEMORY):
        return 1 << 40
    amount = _signed(instruction.immediate(1))
    return -amount if instruction.mnemonic == Mnemonic.SUB else amount


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


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
