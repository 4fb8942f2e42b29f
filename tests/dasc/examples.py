"""Stencils as a compiler would make them, one for each kind of thing that can be in them."""

from dasc import (
    EXIT,
    NEXT,
    Constants,
    DropFrame,
    File,
    InstructionLine,
    LabelHole,
    LabelLine,
    Relocation,
    Stencil,
    Value,
)
from x86_64 import (
    Address,
    Instruction,
    Label,
    Memory,
    Operand,
    Register,
    Symbol,
    Symbolic,
    dil,
    dword,
    eax,
    esi,
    qword,
    r12,
    r13,
    r14,
    rax,
    rcx,
    rdi,
    rsi,
    rsp,
    xmm0,
    xmm1,
)


def line(mnemonic: str, *operands: Operand, flags_dead: bool = False, lock: bool = False) -> InstructionLine:
    return InstructionLine(Instruction(mnemonic, operands, ("LOCK",) if lock else ()), flags_dead)


def at(register: Register, displacement: int | Symbolic, size: int | None = 8) -> Memory:
    return Memory(register, displacement=displacement, size=size)


def label(name: str) -> LabelLine:
    return LabelLine(Label(name))


OFFSET = Symbol("E0", 80, 524360)
COUNT = Symbol("E1", 0, (1 << 32) - 1)
OPERAND = Symbol("E2", -(1 << 63), (1 << 63) - 1)

LOAD_FAST = Stencil(
    "LOAD_FAST",
    "stencils.c:12",
    values=(Value(OFFSET, "instruction->oparg * 8 + 80"),),
    hot=(
        line("MOV", rdi, at(r12, Symbolic(OFFSET))),
        line("TEST", dil, 1),
        line("JNE", Label("1")),
        line("INC", dword[rdi]),
        label("1"),
        line("MOV", qword[r13], rdi),
        line("ADD", r13, 8),
    ),
)
"""A displacement in two widths; a branch over code of fixed length."""

CALL_COLD = Stencil(
    "BINARY_ADD_FLOAT",
    "stencils.c:31",
    frame=24,
    hot=(
        line("MOV", rdi, at(r13, -8)),
        line("LEA", rax, Memory(target=Address("Float_Type"))),
        line("CMP", at(rdi, 8), rax),
        line("JNE", EXIT),
        line("MOVSD", xmm0, at(rdi, 16)),
        line("ADDSD", xmm0, Memory(target=Address("SG_RODATA(16)"), size=8)),
        line("DEC", qword[rdi], lock=True),
        line("JE", Label("2")),
        label("1"),
        line("CALL", Address("float_new")),
        line("MOV", at(r13, -8), rax),
    ),
    cold=(
        label("2"),
        line("MOV", qword[rsp], rdi),
        line("CALL", Address("object_free")),
        line("JMP", Label("1")),
    ),
)
"""An exit stub, a constant, and cold code that goes back into the hot code."""

LOOP = Stencil(
    "SUM",
    parameters=("const Instruction *instruction", "unsigned depth"),
    values=(
        Value(COUNT, "instruction->count", 32),
        Value(OPERAND, "(int64_t)instruction->operand + depth"),
    ),
    hot=(
        line("MOV", eax, Symbolic(COUNT), flags_dead=True),
        label("1"),
        line("MOV", rcx, Symbolic(OPERAND, 1)),
        line("CALL", qword[rcx]),
        line("SUB", at(r14, 4, 4), Symbolic(COUNT, -1)),
        line("JNE", Label("1")),
        line("JE", Label("3")),
        line("CMP", esi, Symbolic(COUNT)),
        line("CALL", Address("table[3]", 16)),
        label("3"),
        line("MOVSD", xmm1, xmm0),
        line("JMP", LabelHole("instruction->target")),
    ),
)
"""Constants that are loaded, jumps over code of varying length, a jump to another micro-op."""

RETURN = Stencil(
    "RETURN_VALUE",
    "stencils.c:77",
    frame=8,
    values=(Value(Symbol("E0", 0, 0xFFFF), "instruction->oparg", 16),),
    hot=(line("MOV", rax, rsi), line("JE", NEXT), DropFrame(), line("RET")),
    cold=(line("JE", LabelHole("instruction->target + 1")), DropFrame(), line("JMP", Address("vm_unwind"))),
)
"""Ways out of the trace; a value that nothing uses."""

FILE = File(
    preamble=('#include "vm.h"', "", "/* Locals follow the frame's header. */", "#define HEADER 80"),
    rodata=Constants(
        bytes(range(32)), (Relocation(8, Address("Float_Type", 8)), Relocation(16, Address("SG_RODATA(4)")))
    ),
    stencils=(LOAD_FAST, CALL_COLD, LOOP, RETURN),
)
