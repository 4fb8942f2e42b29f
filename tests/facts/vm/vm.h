/* A register machine that exists to be compared: what its micro-ops know of the slots decides what code they become. */
#ifndef VM_H
#define VM_H

#include <stdbool.h>
#include <stdint.h>

enum { SLOTS = 96, FIRST = 40 }; /* slots below the first of a trace are reached after RETURN_ */

typedef struct Instruction {
    uint16_t opcode;
    int16_t d, a, b;
    uint32_t target; /* position in the trace */
    union {
        int64_t imm;
        double real;
        void *pointer;
    };
} Instruction;

/* All that a trace can change. A mark says something of a slot that its value does not show. */
typedef struct Machine {
    uint64_t slots[SLOTS];
    bool marks[SLOTS];
    uint64_t fuel; /* how many more times this run may jump */
    uint64_t calls;
} Machine;

void vm_change(Machine *machine, uint64_t *from);
void vm_unmark(Machine *machine);

#endif
