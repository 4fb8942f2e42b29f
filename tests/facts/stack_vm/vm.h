/* A stack machine that exists to be compared: what its micro-ops know of locals and of the operand stack decides what code they
 * become, and where the stack's entries are does not matter for it.
 */
#ifndef VM_H
#define VM_H

#include <stdint.h>

enum { LOCALS = 8, DEPTH = 256, OBJECTS = 8 };

typedef struct Instruction {
    uint16_t opcode;
    int16_t d, a;    /* locals, or numbers of entries */
    uint32_t target; /* position in the trace */
    int64_t imm;
} Instruction;

/* All that a trace can change. */
typedef struct Machine {
    uint64_t locals[LOCALS];
    uint64_t counts[OBJECTS]; /* of the objects that values name by their lowest bits */
    uint64_t *base;           /* the stack's first entry */
    uint64_t *saved;          /* the stack pointer, where helpers look for it */
    uint64_t fuel;            /* how many more times this run may jump back */
    uint64_t log;             /* a digest of what helpers saw */
    uint64_t calls;
    uint64_t stack[DEPTH];
} Machine;

uint64_t vm_mix(Machine *machine, uint64_t value);
__attribute__((cold)) void vm_rare(Machine *machine, uint64_t value);
void vm_change(Machine *machine, uint64_t *from, uint64_t count);
void vm_walk(Machine *machine);
void vm_look(Machine *machine);

#endif
