/* Micro-ops that ask and say all that there is. Each tells the truth; liars.c has those that do not. */
#include "vm.h"

#define STENCIL_STATE uint64_t *slots, Machine *machine
#include <stencilgen/stencil.h>

#define D HOLE(int16_t, d)
#define A HOLE(int16_t, a)
#define B HOLE(int16_t, b)
#define IMM HOLE(uint64_t, imm)
#define MARK(location) machine->marks[&slots[location] - machine->slots]
#define IS_ODD(value) ((value) & 1)
#define IS_SMALL(value) ((value) < 256)
#define EXIT_UNLESS(condition)  \
    if (UNLIKELY(!(condition))) \
        SIDE_EXIT()

/* Another value, without a mark. */
#define WRITE(location, value)           \
    do {                                 \
        slots[location] = (value);       \
        MARK(location) = false;          \
        FORGET(location);                \
    } while (0)

/* ---- Guards ---- */

STENCIL(GUARD_ODD)
{
    EXIT_UNLESS(HOLDS(A, odd, IS_ODD(slots[A])));
    LEARN(A, odd);
    CONTINUE();
}

STENCIL(GUARD_SMALL)
{
    EXIT_UNLESS(HOLDS(A, small, IS_SMALL(VALUE_AT(A, slots[A]))));
    LEARN(A, small);
    CONTINUE();
}

STENCIL(GUARD_MARKED)
{
    EXIT_UNLESS(HOLDS(A, marked, MARK(A)));
    LEARN(A, marked);
    CONTINUE();
}

STENCIL(GUARD_BOTH)
{
    EXIT_UNLESS(HOLDS(A, odd, IS_ODD(slots[A])) && HOLDS(B, small, IS_SMALL(slots[B])));
    LEARN(A, odd);
    LEARN(B, small);
    CONTINUE();
}

/* What is said of the hole is said where the slot has the same value: a compiler takes the one for the other there. */
STENCIL(GUARD_IS)
{
    EXIT_UNLESS(slots[A] == IMM);
    LEARN_CONSTANT(A, IMM);
    if (IS_ODD(IMM))
        LEARN(A, odd);
    CONTINUE();
}

/* ---- Writing ---- */

STENCIL(SET)
{
    WRITE(D, IMM);
    LEARN_CONSTANT(D, IMM);
    if (IS_ODD(IMM))
        LEARN(D, odd);
    if (IS_SMALL(IMM))
        LEARN(D, small);
    CONTINUE();
}

/* Constants of other types, and of no hole. */
STENCIL(SET_REAL)
{
    const union {
        double real;
        uint64_t bits;
    } value = {.real = HOLE(double, real)};
    WRITE(D, value.bits);
    LEARN_CONSTANT(D, value.bits);
    CONTINUE();
}

STENCIL(SET_POINTER)
{
    WRITE(D, (uint64_t)HOLE(void *, pointer));
    LEARN_CONSTANT(D, HOLE(void *, pointer));
    CONTINUE();
}

STENCIL(SET_ADDRESS)
{
    WRITE(D, (uint64_t)&vm_unmark + 1);
    LEARN_CONSTANT(D, (uint64_t)&vm_unmark + 1);
    CONTINUE();
}

STENCIL(MOVE)
{
    slots[D] = VALUE_AT(A, slots[A]);
    MARK(D) = MARK(A);
    COPY_FACTS(D, A);
    CONTINUE();
}

STENCIL(SWAP)
{
    const uint64_t value = slots[D];
    const bool mark = MARK(D);
    slots[D] = slots[A];
    MARK(D) = MARK(A);
    slots[A] = value;
    MARK(A) = mark;
    EXCHANGE_FACTS(A, D);
    CONTINUE();
}

STENCIL(ADD)
{
    WRITE(D, VALUE_AT(A, slots[A]) + VALUE_AT(B, slots[B]));
    if (IS_CONSTANT(A) && IS_CONSTANT(B))
        LEARN_CONSTANT(D, CONSTANT(A) + CONSTANT(B));
    CONTINUE();
}

/* What is written decides what is known of it, and of what it came from. */
STENCIL(HALF)
{
    const uint64_t value = slots[A];
    EXIT_UNLESS(HOLDS(A, small, IS_SMALL(value)));
    WRITE(D, value < 256 ? value / 2 : 0xBAD);
    LEARN(D, small);
    CONTINUE();
}

STENCIL(MARK_IT)
{
    MARK(A) = true;
    LEARN(A, marked);
    CONTINUE();
}

STENCIL(UNMARK)
{
    MARK(A) = false;
    UNLEARN(A, marked);
    CONTINUE();
}

/* ---- Several ways through one micro-op ---- */

STENCIL(PERHAPS_LEARN)
{
    if (IS_ODD(slots[A])) {
        machine->calls++;
        LEARN(A, odd);
    }
    CONTINUE();
}

STENCIL(PERHAPS_WRITE)
{
    if (slots[A] & 2) {
        WRITE(D, IMM);
        LEARN_CONSTANT(D, IMM);
    }
    CONTINUE();
}

STENCIL(EITHER_WRITE)
{
    if (slots[A] & 4) {
        WRITE(D, IMM | 1);
        LEARN(D, odd);
    } else {
        WRITE(B, IMM & 255);
        LEARN(B, small);
    }
    machine->calls++;
    CONTINUE();
}

STENCIL(TWO_ENDS)
{
    if (slots[A] & 8) {
        WRITE(D, 1);
        LEARN(D, odd);
        CONTINUE();
    }
    WRITE(D, 3);
    LEARN(D, odd);
    LEARN_CONSTANT(D, 3);
    CONTINUE();
}

STENCIL(WRITE_IN_A_LOOP)
{
    for (uint64_t i = slots[A] & 7; i > 0; i--) {
        WRITE(D, slots[D] * 3 + i);
        vm_unmark(machine);
        UNLEARN_EVERYWHERE(marked);
    }
    CONTINUE();
}

STENCIL(SWAP_PERHAPS)
{
    if (slots[B] & 16) {
        const uint64_t value = slots[D];
        slots[D] = slots[A];
        slots[A] = value;
        MARK(A) = MARK(D) = false;
        EXCHANGE_FACTS(D, A);
        UNLEARN(D, marked);
        UNLEARN(A, marked);
    }
    CONTINUE();
}

/* More questions than there may be versions. */
STENCIL(COUNT_ODD)
{
    uint64_t count = 0;
    if (HOLDS(A, odd, IS_ODD(slots[A])))
        count = count * 7 + slots[D];
    if (HOLDS(A + 1, odd, IS_ODD(slots[A + 1])))
        count = count * 9 ^ slots[D + 1];
    if (HOLDS(A + 2, odd, IS_ODD(slots[A + 2])))
        count = count * 11 + slots[D + 2];
    if (HOLDS(A + 3, odd, IS_ODD(slots[A + 3])))
        count = count * 13 ^ slots[D + 3];
    if (HOLDS(A + 4, odd, IS_ODD(slots[A + 4])))
        count = count * 17 + slots[D + 4];
    WRITE(B, count);
    CONTINUE();
}

/* ---- Calls ---- */

STENCIL(CHANGE_FROM)
{
    vm_change(machine, &slots[A]);
    FORGET_FROM(A);
    CONTINUE();
}

STENCIL(CHANGE_ALL)
{
    vm_change(machine, machine->slots);
    FORGET_ALL();
    CONTINUE();
}

STENCIL(UNMARK_ALL)
{
    vm_unmark(machine);
    UNLEARN_EVERYWHERE(marked);
    CONTINUE();
}

STENCIL(CALL_)
{
    slots += B;
    SHIFT_LOCATIONS(B);
    CONTINUE();
}

STENCIL(RETURN_)
{
    slots -= B;
    SHIFT_LOCATIONS(-B);
    CONTINUE();
}

/* ---- Jumps ---- */

STENCIL(GO)
{
    EXIT_UNLESS(machine->fuel-- != 0);
    JUMP(target);
}

STENCIL(BRANCH)
{
    if (HOLDS(A, odd, IS_ODD(slots[A])) && machine->fuel != 0) {
        machine->fuel--;
        JUMP(target);
    }
    CONTINUE();
}

/* Jumps after it has changed something, and goes on after it has changed something else. */
STENCIL(WRITE_AND_BRANCH)
{
    if (slots[A] & 32 && machine->fuel != 0) {
        machine->fuel--;
        WRITE(D, IMM);
        JUMP(target);
    }
    WRITE(D, 5);
    LEARN(D, odd);
    LEARN(D, small);
    CONTINUE();
}

/* The jump's target loses what this learns for those behind it. */
STENCIL(LEARN_AND_BRANCH)
{
    EXIT_UNLESS(HOLDS(A, small, IS_SMALL(slots[A])));
    LEARN(A, small);
    if (slots[A] & 1 && machine->fuel != 0) {
        machine->fuel--;
        JUMP(target);
    }
    CONTINUE();
}
