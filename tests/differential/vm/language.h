/* The machine state of the test VM, and what its stencils have in common. */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include "vm.h"

#include <string.h>

#define STENCIL_STATE Frame *frame, Object **sp, Thread *thread, int64_t acc
#include <stencilgen/stencil.h>

#define OPARG HOLE(uint16_t, oparg)
#define SLOT HOLE(uint8_t, slot)
#define CHOICE HOLE(uint16_t, choice)
#define OPERAND HOLE(uint64_t, operand)
#define POINTER(type) HOLE(type *, pointer)

#define DECREF(object)                      \
    do {                                    \
        Object *dead = (object);            \
        if (UNLIKELY(--dead->refcount == 0)) \
            vm_dealloc(dead);               \
    } while (0)

/* Arithmetic that wraps. */
#define ADD(a, b) ((int64_t)((uint64_t)(a) + (uint64_t)(b)))
#define SUB(a, b) ((int64_t)((uint64_t)(a) - (uint64_t)(b)))
#define MUL(a, b) ((int64_t)((uint64_t)(a) * (uint64_t)(b)))

#endif
