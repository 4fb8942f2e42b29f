/* A workload: objects in a frame, a trace that loops over them, and what is left when it ends.
 *
 * Each is one file in workloads/: the locals' names, how they are set up, the trace as a table. A trace begins at the
 * loop's head, ends with the jump back to it, and leaves by a guard when the loop is done: `iterations` passes an entry.
 */
#ifndef BENCH_VM_MACHINE_H
#define BENCH_VM_MACHINE_H

#include "vm.h"

typedef struct Machine {
    Frame frame;
    Thread thread;
    uint32_t stack; /* entries on the operand stack when the trace is entered */
} Machine;

typedef struct Workload {
    const char *name;
    const Instruction *trace;
    uint32_t length;     /* micro-ops */
    uint32_t iterations; /* of one entry */
    void (*set_up)(Machine *machine); /* once */
    void (*reset)(Machine *machine);  /* before each entry: the same loop again */
} Workload;

/* A trace's elements. */
#define OP(name) {.opcode = OP_##name}
#define OP_ARG(name, argument) {.opcode = OP_##name, .oparg = (argument)}
#define OP_ADDRESS(name, address) {.opcode = OP_##name, .pointer = (address)}
#define OP_TARGET(name, position) {.opcode = OP_##name, .target = (position)}

#define LENGTH(trace) (sizeof(trace) / sizeof *(trace))

/* Bytecode that SET_IP refers to; nobody reads it. */
extern const uint8_t bytecode[256];

extern const Workload nbody, sieve, fannkuch, spectral;
extern const Workload *const workloads[];
extern const uint32_t workload_count;

const Workload *find_workload(const char *name); /* NULL: there is none */
Machine *machine_new(const Workload *workload);
void machine_free(Machine *machine);
/* Where the operand stack's top is for an entry. */
Ref *machine_entry(Machine *machine);
/* Put something else in some places: other values, kinds and counts, longer and shorter lists, a pending interrupt. The
 * same for the same seed. Guards then fail wherever there are any. */
void machine_disturb(Machine *machine, uint64_t seed);
/* All that a trace can have changed: locals, operand stack up to `sp`, counts, the instruction pointer. */
uint64_t machine_digest(const Machine *machine, const Ref *sp);

#endif
