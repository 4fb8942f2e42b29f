/* A VM whose objects move whenever one is allocated. */
#ifndef VM_H
#define VM_H

#include <stdint.h>

typedef struct Object {
    struct Object *forward; /* where it was moved to, while the collector runs */
    struct Object *first, *second;
    int64_t number;
} Object;

typedef struct Thread {
    int64_t collections;
} Thread;

typedef struct Instruction {
    uint32_t opcode;
    int32_t slot;
    int64_t number;
} Instruction;

/* May move every object. */
Object *allocate(Thread *thread, int64_t number);
void collect(Thread *thread);
int64_t sum(const Object *object);

#endif
