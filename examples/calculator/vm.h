/* The calculator's machine: what the interpreter, the stencils and the parser share.
 *
 * A program is an array of instructions. Values are doubles on a stack whose topmost value is kept apart, in `top`: a
 * variable of the interpreter, a register in a trace.
 */
#ifndef VM_H
#define VM_H

#include <stdint.h>

typedef double Value;

typedef enum Opcode {
    OP_PUSH, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_POW, OP_SQRT, OP_SIN, OP_DUP, OP_SWAP,
    OP_LOAD, OP_STORE, OP_PRINT, OP_JUMP, OP_JUMP_UNLESS, OP_END,
} Opcode;

/* Each opcode uses at most one of the last three. */
typedef struct Instruction {
    uint16_t opcode;
    uint16_t slot;   /* LOAD, STORE: which variable */
    uint32_t target; /* JUMP, JUMP_UNLESS: position of the instruction to go on with */
    Value number;    /* PUSH */
} Instruction;

enum { VARIABLES = 64, STACK = 256, PRINTED = 256 };

typedef struct Machine {
    Value variables[VARIABLES];
    Value stack[STACK];
    Value printed[PRINTED];
    uint32_t printed_count;
    uint32_t faults; /* divisions by zero, roots of negative numbers: they yield 0 */
} Machine;

/* Interpret from position `pc`; the value on top of the stack at END. */
Value interpret(Machine *machine, const Instruction *program, uint32_t pc, Value *sp, Value top);

void machine_print(Machine *machine, Value value);

#endif
