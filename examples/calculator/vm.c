/* The calculator without a JIT: an interpreter as everybody writes it first. */
#include "vm.h"

#include <math.h>

void machine_print(Machine *machine, Value value)
{
    machine->printed[machine->printed_count++ % PRINTED] = value;
}

static Value fault(Machine *machine)
{
    machine->faults++;
    return 0;
}

Value interpret(Machine *machine, const Instruction *program, uint32_t pc, Value *sp, Value top)
{
    for (;;) {
        const Instruction *const instruction = &program[pc++];
        Value below;
        switch ((Opcode)instruction->opcode) {
        case OP_PUSH: *sp++ = top; top = instruction->number; break;
        case OP_ADD: top = *--sp + top; break;
        case OP_SUB: top = *--sp - top; break;
        case OP_MUL: top = *--sp * top; break;
        case OP_DIV: below = *--sp; top = top == 0 ? fault(machine) : below / top; break;
        case OP_POW: top = pow(*--sp, top); break;
        case OP_SQRT: top = top < 0 ? fault(machine) : sqrt(top); break;
        case OP_SIN: top = sin(top); break;
        case OP_DUP: *sp++ = top; break;
        case OP_SWAP: below = sp[-1]; sp[-1] = top; top = below; break;
        case OP_LOAD: *sp++ = top; top = machine->variables[instruction->slot]; break;
        case OP_STORE: machine->variables[instruction->slot] = top; top = *--sp; break;
        case OP_PRINT: machine_print(machine, top); top = *--sp; break;
        case OP_JUMP: pc = instruction->target; break;
        case OP_JUMP_UNLESS:
            if (top == 0) {
                pc = instruction->target;
            }
            top = *--sp;
            break;
        case OP_END: return top;
        }
    }
}
