/* A stack machine that exists to be compared: what its micro-ops do is simple, how they use the stack is not. */
#ifndef VM_H
#define VM_H

#include <stdint.h>

enum { LOCALS = 8, DEPTH = 96, NUMBERS = 8 };

typedef struct Instruction {
    uint16_t opcode;
    uint16_t oparg;  /* a local, a count, a number's place */
    uint32_t target; /* position in the trace */
    int64_t imm;
    int16_t d, a;    /* locals that a micro-op writes and reads */
    uint32_t other;  /* a second position to jump to */
} Instruction;

/* All that a trace can change. */
typedef struct Machine {
    uint64_t locals[LOCALS];
    double numbers[NUMBERS];
    uint64_t *base;  /* the stack's first entry; the word below it is not the stack's, and helpers change it */
    uint64_t *saved; /* the stack pointer, where helpers look for it */
    uint64_t fuel;   /* how many more times this run may jump back */
    uint64_t log;    /* a digest of what helpers saw */
    uint64_t calls;
    uint64_t stack[DEPTH];
} Machine;

uint64_t vm_mix(Machine *machine, uint64_t value);
__attribute__((cold)) void vm_rare(Machine *machine, uint64_t value);
uint64_t vm_array(Machine *machine, uint64_t *values, uint64_t count);
void vm_walk(Machine *machine);
__attribute__((cold)) void vm_walk_rarely(Machine *machine);
void vm_look(Machine *machine);
uint64_t *vm_pushed(Machine *machine, uint64_t *sp, uint64_t value);
void vm_drop(Machine *machine, uint64_t **sp);
__attribute__((preserve_none)) uint64_t vm_tail(Machine *machine, uint64_t *sp, uint64_t acc);

#endif
