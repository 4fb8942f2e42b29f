/* Four interpreters from one source: stencils.c, included with other definitions of its macros.
 *
 *     switch     a `switch` in a loop, as any C compiler takes it
 *     threaded   each micro-op a function that ends with a jump to the next; needs `musttail`
 *     counting   switch, and counts (--stats)
 *     step       one instruction at a time: what the recorder watches
 */
#include "references.h"

#define MINIPY_INTERPRETER
#define LIKELY LIKELY_
#define UNLIKELY UNLIKELY_
#define HOLE(type, name) ((type)ip->name)

const char *const opcode_names[] = {
#define NAME(name, roles) #name,
    BYTECODE(NAME) SPECIAL(NAME)
#undef NAME
};

/* ---- In a loop ---- */

#define STENCIL(name) case OP_##name:
#define CONTINUE()  \
    do {            \
        ip++;       \
        goto next;  \
    } while (0)
#define JUMP(hole)        \
    do {                  \
        ip += ip->hole;   \
        goto next;        \
    } while (0)
#define SIDE_EXIT() goto stop
#define GO_TO(instruction)                                \
    do {                                                  \
        const Instruction *const to_ = instruction;       \
        if (UNLIKELY(to_ == NULL)) {                      \
            goto stop;                                    \
        }                                                 \
        slots = thread->slots;                            \
        ip = to_;                                         \
        goto next;                                        \
    } while (0)

const Instruction *interpret_switch(Value *slots, Thread *thread, const Instruction *ip)
{
next:
    switch (ip->opcode) {
#include "stencils.c"
    }
stop:
    thread->slots = slots;
    return ip;
}

const Instruction *interpret_counting(Value *slots, Thread *thread, const Instruction *ip)
{
next:
    thread->interpreted++;
    switch (ip->opcode) {
#include "stencils.c"
    }
stop:
    thread->slots = slots;
    return ip;
}

const Instruction *interpret_step(Value *slots, Thread *thread, const Instruction *ip)
{
    switch (ip->opcode) {
#include "stencils.c"
    }
stop:
next:
    thread->slots = slots;
    return ip;
}

#undef STENCIL
#undef CONTINUE
#undef JUMP
#undef SIDE_EXIT
#undef GO_TO

/* ---- From one function to the next ---- */

#if defined __has_attribute
#if __has_attribute(musttail) && __has_attribute(preserve_none)
#define MINIPY_THREADED
#endif
#endif

#ifdef MINIPY_THREADED

#define MICRO_OP(name) \
    static __attribute__((preserve_none)) const Instruction *run_##name(Value *slots, Thread *thread, const Instruction *ip)
typedef __attribute__((preserve_none)) const Instruction *MicroOp(Value *slots, Thread *thread, const Instruction *ip);
static MicroOp *const dispatch[FIRST_SPECIAL];

#define STENCIL(name) MICRO_OP(name)
#define TAIL_(to) __attribute__((musttail)) return dispatch[(to)->opcode](slots, thread, to)
#define CONTINUE() TAIL_(ip + 1)
#define JUMP(hole)                                     \
    do {                                               \
        const Instruction *const to_ = ip + ip->hole;  \
        TAIL_(to_);                                    \
    } while (0)
#define SIDE_EXIT()              \
    do {                         \
        thread->slots = slots;   \
        return ip;               \
    } while (0)
#define GO_TO(instruction)                                     \
    do {                                                       \
        const Instruction *const to_ = instruction;            \
        if (UNLIKELY(to_ == NULL)) {                           \
            SIDE_EXIT();                                       \
        }                                                      \
        slots = thread->slots;                                 \
        TAIL_(to_);                                            \
    } while (0)
#include "stencils.c"

static MicroOp *const dispatch[FIRST_SPECIAL] = {
#define ENTRY(name, roles) [OP_##name] = run_##name,
    BYTECODE(ENTRY)
#undef ENTRY
};

const Instruction *interpret_threaded(Value *slots, Thread *thread, const Instruction *ip)
{
    return dispatch[ip->opcode](slots, thread, ip);
}

#else

/* A compiler without tail calls: the loop will do. */
const Instruction *interpret_threaded(Value *slots, Thread *thread, const Instruction *ip)
{
    return interpret_switch(slots, thread, ip);
}

#endif
