/* Reference counts and boxes for floats, inlined into micro-ops: the usual case is a few instructions, the rare ones
 * are calls out of line. */
#ifndef MINIPY_REFERENCES_H
#define MINIPY_REFERENCES_H

#include "vm.h"

INLINE void retain_object(Object *object)
{
    object->references++;
}

INLINE Value retain(Value value)
{
    if (is_object(value)) {
        retain_object(to_object(value));
    }
    return value;
}

INLINE void free_float(Thread *thread, Float *box)
{
    box->object.kind = KIND_FREE;
    box->next = thread->free_floats;
    thread->free_floats = box;
}

INLINE void release_object(Thread *thread, Object *object)
{
#ifdef MINIPY_CHECK
    if (object->references == 0 || object->kind == KIND_FREE) {
        __builtin_trap();
    }
#endif
    if (UNLIKELY_(--object->references == 0)) {
        if (LIKELY_(object->kind == KIND_FLOAT)) {
            free_float(thread, (Float *)object);
        } else {
            deallocate(thread, object);
        }
    }
}

INLINE void release(Thread *thread, Value value)
{
    if (is_object(value)) {
        release_object(thread, to_object(value));
    }
}

/* Store over anything; takes the count of `value`. */
INLINE void put(Thread *thread, Value *slot, Value value)
{
    const Value old = *slot;
    *slot = value;
    release(thread, old);
}

/* The same over a slot of which is known whether it has a count. */
INLINE void put_over(Thread *thread, Value *slot, Value value, bool is_counted)
{
    const Value old = *slot;
    *slot = value;
    if (is_counted) {
        release_object(thread, to_object(old));
    }
}

INLINE Value new_float(Thread *thread, double number)
{
    Float *box = thread->free_floats;
    if (UNLIKELY_(box == NULL)) {
        box = refill_floats(thread);
    }
    thread->free_floats = box->next;
    box->object = (Object){1, KIND_FLOAT};
    box->number = number;
    return from_object(box);
}

INLINE bool is_unique(Value value)
{
    return to_object(value)->references == 1;
}

/* Store a float over a float: in its box, when the slot is all that has it. */
INLINE void put_float(Thread *thread, Value *slot, double number, bool is_alone)
{
    Float *const box = (Float *)*slot;
    if (LIKELY_(is_alone)) {
        box->number = number;
    } else {
        box->object.references--;
        *slot = new_float(thread, number);
    }
}

/* Store a float over anything. */
INLINE void put_any_float(Thread *thread, Value *slot, double number)
{
    const Value old = *slot;
    if (is_object(old) && to_object(old)->kind == KIND_FLOAT) {
        put_float(thread, slot, number, is_unique(old));
    } else {
        *slot = new_float(thread, number);
        release(thread, old);
    }
}

INLINE Value operand(const Value *slots, const Thread *thread, int16_t index)
{
    return index >= 0 ? slots[index] : thread->constants[~index];
}

#endif
