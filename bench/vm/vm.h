/* A stack machine as CPython's is: tagged references, reference counts, boxed floats, locals and operand stack in a frame.
 *
 * A reference is a 64-bit word whose two low bits tell what it is:
 *
 *     ..11  a small int, shifted left by two
 *     ..01  a borrowed object: somebody else keeps it alive, its count is not ours
 *     ..00  an owned object: one count of it is ours
 *
 * This machine is made to measure, not to be used: it has no interpreter. Its micro-ops are those that a tracing optimiser
 * leaves of bytecode, and its traces are written by hand (workloads/).
 */
#ifndef BENCH_VM_H
#define BENCH_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPCODES(_)                                                                                                   \
    _(LOAD_FAST) _(LOAD_FAST_BORROW) _(LOAD_FAST_CLEAR) _(STORE_FAST) _(LOAD_SMALL_INT) _(LOAD_CONST) _(POP_TOP)     \
    _(COPY_1) _(COPY_2) _(SWAP_2) _(SWAP_3)                                                                          \
    _(GUARD_TOS_INT) _(GUARD_NOS_INT) _(GUARD_TOS_FLOAT) _(GUARD_NOS_FLOAT) _(GUARD_TOS_LIST) _(GUARD_NOS_LIST)      \
    _(ADD_INT) _(SUB_INT) _(MUL_INT) _(RSHIFT_INT) _(LT_INT) _(GUARD_IS_TRUE_POP) _(GUARD_IS_FALSE_POP)              \
    _(ADD_FLOAT) _(SUB_FLOAT) _(MUL_FLOAT) _(DIV_FLOAT) _(DIV_FLOAT_INT) _(SQRT_FLOAT)                               \
    _(LIST_GET) _(LIST_SET) _(UNPACK_LIST_2) _(UNPACK_LIST_3) _(GUARD_NOT_EXHAUSTED_RANGE) _(ITER_NEXT_RANGE)        \
    _(SET_IP) _(CHECK_VALIDITY) _(CHECK_EVAL_BREAKER) _(JUMP_TO_TOP)

typedef enum Opcode {
#define OPCODE(name) OP_##name,
    OPCODES(OPCODE)
#undef OPCODE
    OP_COUNT
} Opcode;

extern const char *const opcode_names[OP_COUNT];

/* One element of a trace. */
typedef struct Instruction {
    uint16_t opcode, oparg;
    uint32_t target; /* JUMP_TO_TOP: the micro-op's position */
    union {
        uint64_t operand;
        const void *pointer;
    };
} Instruction;

typedef uint64_t Ref;

enum { TAG_BITS = 2, TAG_MASK = 3, TAG_OWNED = 0, TAG_BORROWED = 1, TAG_INT = 3 };

typedef struct Type {
    const char *name;
} Type;

typedef struct Object {
    uint32_t count; /* the highest bit set: immortal */
    uint32_t unused;
    const Type *type;
} Object;

typedef struct Float {
    Object object;
    double number;
} Float;

typedef struct List {
    Object object;
    uint64_t length;
    Ref *items; /* owned, or small ints */
} List;

typedef struct Range {
    Object object;
    int64_t next, step;
    uint64_t remaining;
} Range;

extern const Type float_type, list_type, range_type, bool_type;
extern Object true_object, false_object;

enum { FRAME_LOCALS = 32, FRAME_STACK = 32 };

typedef struct Frame {
    const void *ip; /* the bytecode instruction that runs, for tracebacks */
    Ref *sp;        /* saved where a callee may look at it */
    Ref locals[FRAME_LOCALS];
    Ref stack[FRAME_STACK];
} Frame;

typedef struct Thread {
    Float *free_floats; /* linked through `type` */
    uint64_t eval_breaker;
    uint64_t valid; /* of the trace: nothing that it was compiled for has changed */
} Thread;

static inline bool is_int(Ref ref)
{
    return (ref & TAG_MASK) == TAG_INT;
}

static inline bool is_owned(Ref ref)
{
    return (ref & TAG_BORROWED) == 0;
}

static inline int64_t to_int(Ref ref)
{
    return (int64_t)ref >> TAG_BITS;
}

static inline Ref from_int(int64_t number)
{
    return (Ref)number << TAG_BITS | TAG_INT;
}

static inline Object *to_object(Ref ref)
{
    return (Object *)(ref & ~(Ref)TAG_BORROWED);
}

static inline Ref borrow(Ref ref)
{
    return ref | TAG_BORROWED; /* an int stays what it is */
}

static inline void retain_object(Object *object)
{
    if ((int32_t)object->count >= 0) {
        object->count++;
    }
}

/* Another reference to the same, owned if the first one is. */
static inline Ref duplicate(Ref ref)
{
    if (is_owned(ref)) {
        retain_object(to_object(ref));
    }
    return ref;
}

/* vm.c: out of line, as such things are. */
__attribute__((cold)) void deallocate(Thread *thread, Object *object);
/* A box with a count of 1, from nothing. */
__attribute__((cold)) Float *allocate_float(void);

/* For workloads. */
Ref new_float(Thread *thread, double number);
Ref new_list(uint64_t length); /* of 0s */
Ref new_range(int64_t start, int64_t stop);
void list_set(Thread *thread, Ref list, uint64_t index, Ref value); /* takes the count */
void store(Thread *thread, Ref *place, Ref value);                  /* takes the count */
void set_range(Ref range, int64_t start, int64_t stop);
void release(Thread *thread, Ref ref);
/* What can be told of a value: kinds, numbers, counts, the contents of lists; no addresses. */
uint64_t digest_value(uint64_t digest, Ref ref);

#endif
