#include "vm.h"

#define STENCIL_STATE Frame *frame, Object **sp, Thread *thread
#include <stencilgen/stencil.h>

static inline void release(Object *object)
{
    if (UNLIKELY(--object->refcount == 0))
        object_free(object);
}

/* A hole in an address. */
STENCIL(LOAD_FAST)
{
    Object *object = frame->locals[HOLE(uint16_t, oparg)];
    object->refcount++;
    *sp++ = object;
    CONTINUE();
}

/* Side exits, and the address of a VM's variable. */
STENCIL(GUARD_BOTH_FLOAT)
{
    if (UNLIKELY(sp[-1]->type != &Float_Type))
        SIDE_EXIT();
    if (UNLIKELY(sp[-2]->type != &Float_Type))
        SIDE_EXIT();
    CONTINUE();
}

/* Cold calls that keep values on the stack. */
STENCIL(BINARY_ADD_FLOAT)
{
    Object *left = sp[-2], *right = sp[-1];
    double sum = left->number + right->number;
    Object *object = thread->freelist;
    if (UNLIKELY(object == 0)) {
        object = float_new(thread, sum);
        if (UNLIKELY(object == 0))
            SIDE_EXIT();
    } else {
        thread->freelist = (Object *)object->type;
        object->refcount = 1;
        object->type = &Float_Type;
        object->number = sum;
    }
    release(left);
    release(right);
    sp--;
    sp[-1] = object;
    CONTINUE();
}

/* A call in the hot part, across which values are kept; a wide hole. */
STENCIL(COUNT)
{
    double first = thread->series[0];
    int64_t before = thread->counter;
    thread->counter = count(thread, before, HOLE(int64_t, operand));
    thread->series[0] = first + (double)before;
    CONTINUE();
}

/* Constants of its own. */
STENCIL(SERIES)
{
    static const int32_t steps[4] = {7, 77, 777, 7777};
    double x = thread->series[1];
    thread->series[2] = (x * 0.25 + 1.5) * x - 3.75;
    thread->status = steps[thread->counter & 3];
    CONTINUE();
}

/* A condition on a hole, and a label. */
STENCIL(JUMP_ON)
{
    if (UNLIKELY(thread->fuel-- == 0))
        SIDE_EXIT();
    if (HOLE(uint16_t, oparg) & 1 ? thread->status < 0 : thread->status >= 0)
        JUMP(target);
    thread->status = HOLE(uint16_t, oparg) * 3 + 5;
    CONTINUE();
}

/* Versions: a switch on a hole, and a wide hole that is small as a rule. */
STENCIL(UPDATE)
{
    switch (HOLE(uint16_t, oparg)) {
    case 0: thread->counter += HOLE(int64_t, operand); break;
    case 1: thread->counter = HOLE(int64_t, operand); break;
    default: SIDE_EXIT();
    }
    CONTINUE();
}
