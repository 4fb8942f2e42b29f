/* A machine with two declared places in its frames, and helpers that look at them, write them, or do neither. */
#ifndef VM_H
#define VM_H

#include <stdint.h>

enum { FRAMES = 3, DEPTH = 96, CELLS = 4 };

typedef struct Instruction {
    uint16_t opcode;
    uint16_t oparg;
    uint32_t target; /* position in the trace */
    uint64_t imm;
} Instruction;

typedef struct Frame {
    uint64_t before;
    const char *ip; /* declared */
    uint32_t line;  /* declared */
    uint32_t other;
    uint64_t after;
    struct Frame *next; /* a frame to change to */
} Frame;

typedef struct Thread {
    uint64_t coins; /* which way conditions go, bit by bit */
    uint64_t fuel;  /* how many more times this run may jump back */
    uint64_t log;   /* a digest of what helpers saw */
    uint64_t calls;
    uint64_t cells[CELLS]; /* locations of which facts are known */
    Frame frames[FRAMES];
    uint64_t stack[DEPTH];
} Thread;

void vm_look(Thread *thread, const Frame *frame);
__attribute__((cold)) void vm_look_rarely(Thread *thread, const Frame *frame);
void vm_write(Thread *thread, Frame *frame);
__attribute__((cold)) void vm_write_rarely(Thread *thread, Frame *frame);
uint64_t vm_blind(Thread *thread, uint64_t value);
uint64_t vm_copy_line(const uint32_t *line);
__attribute__((preserve_none)) uint64_t vm_tail(Frame *frame, uint64_t *sp, Thread *thread);

#endif
