/* The VM whose stencils are kept as golden files, stage by stage. */
#ifndef VM_H
#define VM_H

#include <stdint.h>

typedef struct Object Object;
typedef struct Type Type;

struct Object {
    int64_t refcount;
    const Type *type;
    double number;
};

typedef struct Frame {
    void *code;
    Object *locals[64];
} Frame;

typedef struct Thread {
    Object *freelist;
    int64_t counter;
    uint32_t fuel;
    int32_t status;
    double series[4];
} Thread;

typedef struct Instruction {
    uint16_t opcode;
    uint16_t oparg;
    uint32_t target;
    uint64_t operand;
} Instruction;

extern const Type Float_Type;
Object *float_new(Thread *, double);
void object_free(Object *);
int64_t count(Thread *, int64_t, int64_t);

#endif
