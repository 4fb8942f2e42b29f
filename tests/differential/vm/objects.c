/* What a language's VM does all day: locals, reference counts, boxed numbers, guards. */
#include "language.h"

STENCIL(LOAD_FAST)
{
    Object *object = frame->locals[SLOT];
    object->refcount++;
    *sp++ = object;
    CONTINUE();
}

STENCIL(LOAD_FAST_CHECK)
{
    Object *object = frame->optional[SLOT];
    if (UNLIKELY(object == NULL)) {
        vm_raise(thread, "unbound");
        thread->status = SLOT;
        SIDE_EXIT();
    }
    object->refcount++;
    *sp++ = object;
    CONTINUE();
}

STENCIL(STORE_FAST)
{
    Object *old = frame->optional[SLOT];
    frame->optional[SLOT] = *--sp;
    if (old != NULL)
        DECREF(old);
    CONTINUE();
}

STENCIL(LOAD_CONST)
{
    Object *object = POINTER(Object);
    object->refcount++;
    *sp++ = object;
    CONTINUE();
}

STENCIL(LOAD_NONE)
{
    vm_none->refcount++;
    *sp++ = vm_none;
    CONTINUE();
}

STENCIL(POP_TOP)
{
    sp--;
    DECREF(*sp);
    CONTINUE();
}

STENCIL(SWAP)
{
    Object *top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = top;
    CONTINUE();
}

STENCIL(COPY)
{
    Object *object = sp[-1 - (int)CHOICE];
    object->refcount++;
    *sp++ = object;
    CONTINUE();
}

STENCIL(ROTATE)
{
    Object **first = sp - CHOICE - 1;
    Object *bottom = *first;
    for (Object **slot = first; slot < sp - 1; slot++)
        slot[0] = slot[1];
    sp[-1] = bottom;
    CONTINUE();
}

STENCIL(DROP)
{
    Object **first = &sp[-(int)(CHOICE & 3)];
    thread->result = first[0];
    frame->optional[1] = first[1];
    sp = first;
    CONTINUE();
}

STENCIL(MOVE_STACK)
{
    sp += HOLE(int8_t, step);
    thread->result = sp[HOLE(int8_t, step)];
    CONTINUE();
}

STENCIL(BINARY_ADD_FLOAT)
{
    Object *left = sp[-2], *right = sp[-1];
    double sum = left->number + right->number;
    Object *object = thread->freelist;
    if (UNLIKELY(object == NULL)) {
        object = vm_float_new(thread, sum);
        if (UNLIKELY(object == NULL))
            SIDE_EXIT();
    } else {
        thread->freelist = object->next;
        thread->free_count--;
        object->refcount = 1;
        object->type = &Float_Type;
        object->number = sum;
    }
    DECREF(left);
    DECREF(right);
    sp--;
    sp[-1] = object;
    CONTINUE();
}

STENCIL(GUARD_BOTH_FLOAT)
{
    if (UNLIKELY(sp[-1]->type != &Float_Type))
        SIDE_EXIT();
    if (UNLIKELY(sp[-2]->type != &Float_Type))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(GUARD_TYPE)
{
    if (UNLIKELY(sp[-1]->type != POINTER(const Type)))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(LIST_INDEX)
{
    Object *list = sp[-1];
    uint64_t index = CHOICE;
    if (UNLIKELY(index >= list->length)) {
        vm_raise(thread, "index");
        SIDE_EXIT();
    }
    Object *item = list->items[index];
    item->refcount++;
    DECREF(list);
    sp[-1] = item;
    CONTINUE();
}

STENCIL(INT_ADD)
{
    Object *left = sp[-2], *right = sp[-1];
    if (UNLIKELY(__builtin_add_overflow(left->integer, right->integer, &left->integer)))
        SIDE_EXIT();
    DECREF(right);
    sp--;
    CONTINUE();
}

STENCIL(CALL_DEALLOC)
{
    Object *object = *--sp;
    object->type->dealloc(object);
    CONTINUE();
}

STENCIL(RETURN_VALUE)
{
    thread->result = *--sp;
    RETURN(thread->result);
}
