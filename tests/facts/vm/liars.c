/* Micro-ops that do not tell the truth, and those that find out. */
#include "vm.h"

#define STENCIL_STATE uint64_t *slots, Machine *machine
#include <stencilgen/stencil.h>

#define A HOLE(int16_t, a)

STENCIL(SAY_IT_IS_ODD)
{
    LEARN(A, odd);
    CONTINUE();
}

STENCIL(SAY_IT_IS_7)
{
    LEARN_CONSTANT(A, 7);
    CONTINUE();
}

STENCIL(ASK)
{
    if (UNLIKELY(!HOLDS(A, odd, slots[A] & 1)))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(READ)
{
    RETURN(VALUE_AT(A, slots[A]));
}
