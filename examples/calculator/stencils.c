/* The calculator's instructions once more, as stencils: what each one does, with its operand as a hole.
 *
 * A rare case is not compiled at all: SIDE_EXIT() hands the instruction to the interpreter.
 */
#include "vm.h"

#define STENCIL_STATE Machine *machine, Value *sp, Value top
#include <stencilgen/stencil.h>

#include <math.h>

STENCIL(PUSH)
{
    *sp++ = top;
    top = HOLE(Value, number);
    CONTINUE();
}

STENCIL(ADD)
{
    top = *--sp + top;
    CONTINUE();
}

STENCIL(SUB)
{
    top = *--sp - top;
    CONTINUE();
}

STENCIL(MUL)
{
    top = *--sp * top;
    CONTINUE();
}

STENCIL(DIV)
{
    if (UNLIKELY(top == 0))
        SIDE_EXIT();
    top = *--sp / top;
    CONTINUE();
}

STENCIL(POW)
{
    top = pow(*--sp, top);
    CONTINUE();
}

STENCIL(SQRT)
{
    if (UNLIKELY(top < 0))
        SIDE_EXIT();
    top = sqrt(top);
    CONTINUE();
}

STENCIL(SIN)
{
    top = sin(top);
    CONTINUE();
}

STENCIL(DUP)
{
    *sp++ = top;
    CONTINUE();
}

STENCIL(SWAP)
{
    Value below = sp[-1];
    sp[-1] = top;
    top = below;
    CONTINUE();
}

STENCIL(LOAD)
{
    *sp++ = top;
    top = machine->variables[HOLE(uint16_t, slot)];
    CONTINUE();
}

STENCIL(STORE)
{
    machine->variables[HOLE(uint16_t, slot)] = top;
    top = *--sp;
    CONTINUE();
}

STENCIL(PRINT)
{
    machine_print(machine, top);
    top = *--sp;
    CONTINUE();
}

STENCIL(JUMP)
{
    JUMP(target);
}

STENCIL(JUMP_UNLESS)
{
    Value condition = top;
    top = *--sp;
    if (condition == 0)
        JUMP(target);
    CONTINUE();
}

STENCIL(END)
{
    RETURN(top);
}
