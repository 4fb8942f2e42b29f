/* Micro-ops of a stack machine that ask and say all that there is about locals and about entries of the stack. */
#include "vm.h"

#include <stdbool.h>

#define STENCIL_STATE Machine *machine, uint64_t *sp
#include <stencilgen/stencil.h>

#define D HOLE(int16_t, d)
#define A HOLE(int16_t, a)
#define IMM HOLE(uint64_t, imm)
#define COUNT_OF(value) machine->counts[(value) % OBJECTS]
#define IS_ODD(value) ((value) & 1)
#define IS_SMALL(value) ((value) < 256)
#define IS_SINGLE(value) (COUNT_OF(value) == 1)
#define EXIT_UNLESS(condition)  \
    if (UNLIKELY(!(condition))) \
        SIDE_EXIT()

/* Another value at a location. */
#define WRITE(place, location, value) \
    do {                              \
        (place) = (value);            \
        FORGET(location);             \
    } while (0)
#define PUSH_VALUE(value)                 \
    do {                                  \
        WRITE(*sp, ON_STACK(0), (value)); \
        sp++;                             \
        SHIFT_STACK(1);                   \
    } while (0)
#define DROP(count)            \
    do {                       \
        sp -= (count);         \
        SHIFT_STACK(-(count)); \
    } while (0)

/* ---- Moving values ---- */

STENCIL(PUSH)
{
    PUSH_VALUE(IMM);
    LEARN_CONSTANT(ON_STACK(-1), IMM);
    if (IS_ODD(IMM))
        LEARN(ON_STACK(-1), odd);
    if (IS_SMALL(IMM))
        LEARN(ON_STACK(-1), small);
    CONTINUE();
}

/* Nothing is said of the new entry, so nothing is known. */
STENCIL(PUSH_CALLS)
{
    *sp++ = machine->calls * 2;
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(POP)
{
    DROP(1);
    CONTINUE();
}

STENCIL(LOAD)
{
    *sp++ = VALUE_AT(A, machine->locals[A]);
    COPY_FACTS(ON_STACK(0), A);
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(STORE)
{
    machine->locals[D] = VALUE_AT(ON_STACK(-1), sp[-1]);
    COPY_FACTS(D, ON_STACK(-1));
    DROP(1);
    CONTINUE();
}

STENCIL(COPY_1)
{
    *sp = sp[-1];
    COPY_FACTS(ON_STACK(0), ON_STACK(-1));
    sp++;
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(COPY_2)
{
    *sp = sp[-2];
    COPY_FACTS(ON_STACK(0), ON_STACK(-2));
    sp++;
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(SWAP_2)
{
    const uint64_t top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = top;
    EXCHANGE_FACTS(ON_STACK(-1), ON_STACK(-2));
    CONTINUE();
}

STENCIL(ROTATE_3)
{
    const uint64_t top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = sp[-3];
    sp[-3] = top;
    EXCHANGE_FACTS(ON_STACK(-1), ON_STACK(-2));
    EXCHANGE_FACTS(ON_STACK(-2), ON_STACK(-3));
    CONTINUE();
}

STENCIL(MOVE_LOCAL)
{
    machine->locals[D] = VALUE_AT(A, machine->locals[A]);
    COPY_FACTS(D, A);
    CONTINUE();
}

/* An entry, and what is known of it, at a distance that only the trace knows: the stack is in memory. */
STENCIL(PICK)
{
    const int from = -1 - (A & 3);
    sp[0] = sp[from];
    COPY_FACTS(ON_STACK(0), ON_STACK(from));
    sp++;
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(DROP_SOME)
{
    DROP(D & 3);
    CONTINUE();
}

/* ---- Asking ---- */

STENCIL(GUARD_ODD)
{
    EXIT_UNLESS(HOLDS(ON_STACK(-1), odd, IS_ODD(sp[-1])));
    LEARN_OF_VALUE(ON_STACK(-1), odd);
    CONTINUE();
}

STENCIL(GUARD_SECOND_SMALL)
{
    EXIT_UNLESS(HOLDS(ON_STACK(-2), small, IS_SMALL(VALUE_AT(ON_STACK(-2), sp[-2]))));
    LEARN_OF_VALUE(ON_STACK(-2), small);
    CONTINUE();
}

STENCIL(GUARD_SINGLE)
{
    EXIT_UNLESS(HOLDS(ON_STACK(-1), single, IS_SINGLE(sp[-1])));
    LEARN(ON_STACK(-1), single);
    CONTINUE();
}

STENCIL(GUARD_LOCAL)
{
    EXIT_UNLESS(HOLDS(A, odd, IS_ODD(machine->locals[A])) && HOLDS(A, small, IS_SMALL(machine->locals[A])));
    LEARN_OF_VALUE(A, odd);
    LEARN_OF_VALUE(A, small);
    CONTINUE();
}

/* Asks about an entry that it takes. */
STENCIL(GUARD_POP)
{
    DROP(1);
    EXIT_UNLESS(HOLDS(ON_STACK(-1), odd, IS_ODD(*sp)));
    CONTINUE();
}

/* ---- Computing ---- */

STENCIL(ADD)
{
    const bool known = IS_CONSTANT(ON_STACK(-2)) && IS_CONSTANT(ON_STACK(-1));
    const uint64_t sum = VALUE_AT(ON_STACK(-2), sp[-2]) + VALUE_AT(ON_STACK(-1), sp[-1]);
    const uint64_t constant = CONSTANT(ON_STACK(-2)) + CONSTANT(ON_STACK(-1));
    WRITE(sp[-2], ON_STACK(-2), sum);
    DROP(1);
    if (known)
        LEARN_CONSTANT(ON_STACK(-1), constant);
    CONTINUE();
}

/* What is written decides what is known of it. */
STENCIL(HALVE)
{
    const uint64_t value = sp[-1];
    EXIT_UNLESS(HOLDS(ON_STACK(-1), small, IS_SMALL(value)));
    WRITE(sp[-1], ON_STACK(-1), value < 256 ? value / 2 : 0xBAD);
    LEARN(ON_STACK(-1), small);
    CONTINUE();
}

/* The result takes the place of an operand that nobody else has; else it is called for. */
STENCIL(COMBINE)
{
    const uint64_t left = sp[-2], right = sp[-1];
    if (HOLDS(ON_STACK(-2), single, IS_SINGLE(left)))
        sp[-2] = left + (right * OBJECTS);
    else if (HOLDS(ON_STACK(-1), single, IS_SINGLE(right)))
        sp[-2] = right - (left * OBJECTS);
    else {
        COUNT_OF(left) = 1;
        sp[-2] = (vm_mix(machine, left ^ right) * OBJECTS) + left % OBJECTS;
    }
    FORGET(ON_STACK(-2));
    LEARN(ON_STACK(-2), single);
    DROP(1);
    CONTINUE();
}

STENCIL(RETAIN)
{
    if (HOLDS(ON_STACK(-1), single, IS_SINGLE(sp[-1])))
        COUNT_OF(sp[-1]) = 2;
    else
        COUNT_OF(sp[-1])++;
    UNLEARN_EVERYWHERE(single);
    CONTINUE();
}

/* ---- Several ways through one micro-op ---- */

STENCIL(PERHAPS_WRITE)
{
    if (sp[-1] & 2) {
        WRITE(sp[-2], ON_STACK(-2), IMM);
        LEARN_CONSTANT(ON_STACK(-2), IMM);
    }
    CONTINUE();
}

STENCIL(EITHER_WRITE)
{
    if (sp[-1] & 4) {
        WRITE(machine->locals[D], D, IMM | 1);
        LEARN(D, odd);
    } else {
        WRITE(sp[-1], ON_STACK(-1), IMM & 255);
        LEARN(ON_STACK(-1), small);
    }
    CONTINUE();
}

/* The same is pushed and known on both ways, each of which ends by itself. */
STENCIL(TWO_ENDS)
{
    if (machine->locals[A] & 8) {
        PUSH_VALUE(1);
        LEARN(ON_STACK(-1), odd);
        CONTINUE();
    }
    PUSH_VALUE(machine->locals[A] | 1);
    LEARN(ON_STACK(-1), odd);
    CONTINUE();
}

/* How far the stack shifts is not known when the trace is assembled. */
STENCIL(POP_ONE_OR_TWO)
{
    if (machine->locals[A] & 1) {
        DROP(1);
    } else {
        DROP(2);
    }
    CONTINUE();
}

STENCIL(EXIT_CHANGED)
{
    WRITE(sp[-1], ON_STACK(-1), sp[-1] ^ 0x55);
    EXIT_UNLESS((sp[-1] & 15) != 3);
    PUSH_VALUE(sp[-1] >> 3);
    EXIT_UNLESS((sp[-1] & 15) != 6);
    CONTINUE();
}

/* ---- Calls ---- */

STENCIL(MIX)
{
    WRITE(sp[-1], ON_STACK(-1), vm_mix(machine, sp[-1]));
    CONTINUE();
}

/* Learns where a rare call is over. */
STENCIL(RARE_CALL)
{
    if (UNLIKELY(!HOLDS(ON_STACK(-1), odd, IS_ODD(sp[-1])))) {
        vm_rare(machine, sp[-1]);
        sp[-1] |= 1;
        FORGET(ON_STACK(-1));
    }
    LEARN(ON_STACK(-1), odd);
    CONTINUE();
}

/* A callee gets entries, and changes them. */
STENCIL(CHANGE_2)
{
    vm_change(machine, &sp[-2], 2);
    FORGET_FROM(ON_STACK(-2));
    CONTINUE();
}

STENCIL(CHANGE_LOCAL)
{
    vm_change(machine, &machine->locals[D], 1);
    FORGET(D);
    CONTINUE();
}

STENCIL(CHANGE_ALL_LOCALS)
{
    vm_change(machine, machine->locals, LOCALS);
    FORGET_FROM(0); /* and the stack: it is above */
    CONTINUE();
}

/* The stack pointer is put where a callee finds it, on the way that is taken when nothing is known. */
STENCIL(WALK_UNLESS_ODD)
{
    if (UNLIKELY(!HOLDS(ON_STACK(-2), odd, IS_ODD(sp[-2])))) {
        machine->saved = sp;
        vm_walk(machine);
    }
    FORGET(ON_STACK(-1));
    CONTINUE();
}

STENCIL(LOOK)
{
    vm_look(machine);
    sp[-1] += HOLDS(ON_STACK(-1), odd, IS_ODD(sp[-1])) ? 2 : 1;
    FORGET(ON_STACK(-1));
    LEARN(ON_STACK(-1), odd);
    CONTINUE();
}

STENCIL(FORGET_IT_ALL)
{
    vm_change(machine, machine->locals, LOCALS);
    vm_change(machine, &sp[-2], 2);
    FORGET_ALL();
    CONTINUE();
}

/* ---- Jumps ---- */

STENCIL(JUMP_BACK)
{
    EXIT_UNLESS(machine->fuel-- != 0);
    JUMP(target);
}

STENCIL(BRANCH)
{
    DROP(1);
    if (HOLDS(ON_STACK(-1), odd, IS_ODD(*sp)) && machine->fuel != 0) {
        machine->fuel--;
        JUMP(target);
    }
    CONTINUE();
}

STENCIL(WRITE_AND_BRANCH)
{
    if ((sp[-1] & 32) && machine->fuel != 0) {
        machine->fuel--;
        WRITE(sp[-1], ON_STACK(-1), IMM);
        JUMP(target);
    }
    WRITE(sp[-1], ON_STACK(-1), 5);
    LEARN(ON_STACK(-1), odd);
    LEARN(ON_STACK(-1), small);
    CONTINUE();
}
