/* Micro-ops that hold references across calls which move the objects. `top` is a reference in a register. */
#include "vm.h"
#define STENCIL_STATE Object **locals, Object *top, Thread *thread, int64_t total
#include <stencilgen/stencil.h>

STENCIL(NUMBER) /* top = a new object */
{
    COLLECTING(top = allocate(thread, HOLE(int64_t, number)));
    CONTINUE();
}

STENCIL(LOAD)
{
    top = locals[HOLE(int32_t, slot)];
    CONTINUE();
}

STENCIL(STORE)
{
    locals[HOLE(int32_t, slot)] = top;
    CONTINUE();
}

STENCIL(PAIR) /* top = (local, top), two values across one call */
{
    Object *left = locals[HOLE(int32_t, slot)], *made;
    COLLECTING(made = allocate(thread, HOLE(int64_t, number)), top, left);
    made->first = left;
    made->second = top;
    top = made;
    CONTINUE();
}

STENCIL(TREE) /* values across several calls, in a loop */
{
    Object *list = locals[HOLE(int32_t, slot)];
    for (int64_t i = 0; i < 5; i++) {
        Object *inner, *outer;
        COLLECTING(inner = allocate(thread, i), top, list);
        inner->first = list;
        COLLECTING(outer = allocate(thread, 1), top, list, inner);
        outer->first = inner;
        outer->second = top;
        list = outer;
    }
    top = list;
    CONTINUE();
}

STENCIL(MANY) /* the most that one call can keep */
{
    Object *a = top, *b = locals[0], *c = a->first, *d = a->second, *e = b->first, *f = b->second, *g = top;
    COLLECTING(collect(thread), top, a, b, c, d, e, f, g);
    total += sum(a) + 2 * sum(b) + 3 * sum(c) + 4 * sum(d) + 5 * sum(e) + 6 * sum(f) + (g == top && a == top);
    CONTINUE();
}

STENCIL(RARELY) /* a map in the cold part */
{
    if (UNLIKELY(total & 1)) {
        COLLECTING(collect(thread), top);
        total += 2 * top->number;
    }
    CONTINUE();
}

STENCIL(COUNT) /* a call that does not collect needs no map */
{
    total += sum(top);
    CONTINUE();
}

STENCIL(WIDE_FRAME) /* places beyond 128 bytes */
{
    int64_t volatile room[40];
    room[0] = 1;
    Object *old = top;
    COLLECTING(collect(thread), old, top);
    total += (old == top) + room[0] + old->number;
    CONTINUE();
}

STENCIL(EXIT_IF_NONE)
{
    if (UNLIKELY(top == 0)) {
        SIDE_EXIT();
    }
    CONTINUE();
}
