/* Branches, loops and ends. */
#include "language.h"

STENCIL(SWITCH_HOLE)
{
    int64_t a = (int64_t)thread->scratch[0], b = (int64_t)thread->scratch[1], result;
    switch (CHOICE) {
    case 0: result = ADD(a, b); break;
    case 1: result = SUB(a, b); break;
    case 2: result = MUL(a, b); break;
    case 3: result = a & b; break;
    case 4: result = vm_opaque(a, thread); break;
    default: SIDE_EXIT();
    }
    acc = result;
    CONTINUE();
}

STENCIL(SWITCH_HOLE_TABLE)
{
    int result;
    switch (OPARG) {
    case 0: result = 17; break;
    case 1: result = 3; break;
    case 2: result = 99; break;
    case 3: result = 4; break;
    case 4: result = 71; break;
    case 5: result = 1001; break;
    default: result = -1;
    }
    thread->status = result;
    CONTINUE();
}

STENCIL(SWITCH_HOLE_LINEAR)
{
    switch (CHOICE) {
    case 0: thread->status = 10; break;
    case 1: thread->status = 11; break;
    case 2: thread->status = 12; break;
    case 3: thread->status = 13; break;
    default: thread->status = 0;
    }
    CONTINUE();
}

STENCIL(SWITCH_TABLE)
{
    int result;
    switch (thread->small) {
    case 0: result = 17; break;
    case 1: result = 3; break;
    case 2: result = 99; break;
    case 3: result = 4; break;
    case 4: result = 71; break;
    case 5: result = 1001; break;
    default: result = -1;
    }
    thread->status = result;
    CONTINUE();
}

STENCIL(SWITCH_CODE)
{
    switch (thread->small) {
    case 0: acc = ADD(acc, 1); break;
    case 1: acc = MUL(acc, 3); break;
    case 2: acc = vm_opaque(1, thread); break;
    case 3: thread->status = 4; break;
    case 4: SIDE_EXIT();
    case 5: thread->scratch[4] = OPARG; break;
    default: acc = 0; SIDE_EXIT();
    }
    CONTINUE();
}

STENCIL(IF_HOLE_ZERO)
{
    if (OPARG == 0) {
        *sp++ = frame->locals[0];
    } else {
        thread->counter = ADD(thread->counter, OPARG);
        sp -= OPARG & 3;
    }
    CONTINUE();
}

STENCIL(IF_HOLES)
{
    if (OPARG < 4 && HOLE(int32_t, imm) > 7)
        acc = 1;
    else if (thread->small)
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(SAME_CONDITION_TWICE)
{
    if (OPARG & 4)
        acc = vm_opaque(acc, thread);
    thread->counter = ADD(thread->counter, 1);
    if (OPARG & 4)
        acc = ADD(acc, thread->counter);
    else
        acc = SUB(acc, 1);
    CONTINUE();
}

STENCIL(MANY_CONDITIONS)
{
    if (OPARG & 1)
        acc = ADD(acc, 1);
    if (OPARG & 2)
        acc = MUL(acc, 5);
    if (OPARG & 4)
        acc ^= 0x55;
    if (OPARG & 8)
        thread->counter = acc;
    if (OPARG & 16)
        acc = (int64_t)((uint64_t)acc >> 3);
    if (OPARG & 32)
        thread->scratch[0]++;
    if (OPARG & 64)
        acc = vm_opaque(acc, thread);
    CONTINUE();
}

STENCIL(LOOP_OF_HOLE)
{
    int64_t sum = 0;
    for (int i = 0; i < SLOT; i++)
        sum = ADD(sum, thread->scratch[i & 31]);
    acc = sum;
    CONTINUE();
}

STENCIL(LOOP_CALLS)
{
    int64_t sum = acc;
    for (unsigned i = 0; i < CHOICE + 1u; i++)
        sum = ADD(sum, vm_opaque(i, thread));
    acc = sum;
    CONTINUE();
}

STENCIL(LOOP_RUNTIME)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < thread->small; i++) {
        for (uint32_t j = i; j < thread->small; j++)
            sum += thread->scratch[i] * thread->scratch[j];
        if (sum & 1)
            thread->scratch[40 + i] = sum;
    }
    acc = (int64_t)sum;
    CONTINUE();
}

STENCIL(LOOP_WITH_EXIT)
{
    for (uint32_t i = 0; i < 8; i++) {
        if (thread->scratch[i] % 16 == CHOICE)
            SIDE_EXIT();
        if (thread->scratch[i] % 8 == 5)
            CONTINUE();
    }
    acc = -1;
    CONTINUE();
}

STENCIL(TWO_EXITS)
{
    int64_t value = thread->counter;
    if (UNLIKELY(value < 0)) {
        thread->status = 1;
        SIDE_EXIT();
    }
    if (UNLIKELY(value > OPARG)) {
        thread->status = OPARG;
        SIDE_EXIT();
    }
    thread->counter = value + 1;
    CONTINUE();
}

STENCIL(EXIT)
{
    thread->status = 3;
    SIDE_EXIT();
}

STENCIL(NOTHING)
{
    CONTINUE();
}

STENCIL(ABORT_IN_CASE)
{
    if (UNLIKELY(thread->never))
        vm_abort("in case");
    acc = ADD(acc, 1);
    CONTINUE();
}

STENCIL(ABORT_OFTEN)
{
    if (thread->small == 3)
        vm_abort("three");
    acc = ADD(acc, 2);
    CONTINUE();
}

STENCIL(ABORT)
{
    vm_abort("always");
}

STENCIL(TRAP_NEVER)
{
    if (UNLIKELY(thread->never > 1))
        __builtin_trap();
    acc = ADD(acc, 1);
    CONTINUE();
}

STENCIL(UNREACHABLE)
{
    if (thread->small > 7)
        __builtin_unreachable();
    thread->scratch[0] = thread->small < 8 ? 1 : 2;
    CONTINUE();
}

#define USE_FUEL()                        \
    do {                                  \
        if (UNLIKELY(thread->fuel-- == 0)) \
            SIDE_EXIT();                  \
    } while (0)

STENCIL(JUMP)
{
    USE_FUEL();
    JUMP(target);
}

STENCIL(JUMP_IF)
{
    USE_FUEL();
    if (acc & 1)
        JUMP(target);
    CONTINUE();
}

STENCIL(JUMP_UNLIKELY)
{
    USE_FUEL();
    if (UNLIKELY(thread->small == 2)) {
        acc = vm_opaque(acc, thread);
        JUMP(target);
    }
    acc = ADD(acc, 1);
    CONTINUE();
}

STENCIL(JUMP_TWO_WAYS)
{
    USE_FUEL();
    if (thread->scratch[0] & 2)
        JUMP(target);
    JUMP(other);
}

STENCIL(JUMP_THREE_WAYS)
{
    USE_FUEL();
    thread->small = (thread->small + 1) & 7;
    switch (thread->small & 3) {
    case 0: JUMP(target);
    case 1: JUMP(other);
    default: CONTINUE();
    }
}

STENCIL(JUMP_BY_HOLE)
{
    USE_FUEL();
    if (OPARG & 1)
        JUMP(target);
    acc ^= OPARG;
    CONTINUE();
}

STENCIL(JUMP_AFTER_CALL)
{
    USE_FUEL();
    if (vm_sum9(1, 2, 3, acc, 5, 6, 7, 8, thread->counter) & 1)
        JUMP(target);
    CONTINUE();
}

#define RETURNS(name, value) \
    STENCIL(RETURN_##name)   \
    {                        \
        RETURN(value);       \
    }

RETURNS(BOOL, (bool)(acc & 1))
RETURNS(I8, (int8_t)acc)
RETURNS(U8, (uint8_t)acc)
RETURNS(I16, HOLE(int16_t, imm))
RETURNS(U16, OPARG)
RETURNS(I32, thread->level)
RETURNS(U32, (uint32_t)acc)
RETURNS(I64, acc)
RETURNS(U64, OPERAND)
RETURNS(DOUBLE, thread->reals[0])
RETURNS(FLOAT, thread->singles[0])
RETURNS(HOLE_DOUBLE, HOLE(double, number))
RETURNS(POINTER, sp)
RETURNS(CALL, vm_opaque(acc, thread))

STENCIL(RETURN_EARLY)
{
    if (UNLIKELY(thread->small == 5))
        RETURN(vm_sum9(acc, 2, 3, 4, 5, 6, 7, 8, 9));
    if (thread->small == 6)
        RETURN(OPARG);
    CONTINUE();
}

/* What a run-time condition chooses among values that are known when a trace is compiled. */

STENCIL(CHOSEN_SUM)
{
    acc = ADD(thread->small & 1 ? OPARG : 5, SLOT);
    CONTINUE();
}

STENCIL(CHOSEN_INDEX)
{
    int index = thread->small > 3 ? SLOT : CHOICE;
    acc = (int64_t)thread->scratch[(index * 2 + 1) & 7];
    CONTINUE();
}

STENCIL(CHOSEN_OPERAND)
{
    uint64_t value = thread->small > 3 ? OPERAND : 77;
    thread->scratch[1] = (value << 3 | CHOICE) ^ OPARG;
    CONTINUE();
}

STENCIL(CHOSEN_COMPARED)
{
    int64_t value = thread->small > 3 ? HOLE(int8_t, step) : SLOT;
    if (value == CHOICE)
        acc = ADD(acc, 1);
    if (UNLIKELY(value * 3 < OPARG))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(CHOSEN_BY_BRANCH)
{
    uint32_t value = OPARG;
    if (thread->small > 3) {
        acc = vm_opaque(acc, thread);
        value = SLOT;
    }
    thread->status = (int32_t)(value * 24 - 7);
    CONTINUE();
}

extern STENCIL(vm_tail);

STENCIL(TAIL)
{
    acc = ADD(acc, OPARG);
    TAIL_CALL(vm_tail);
}

STENCIL(TAIL_IN_CASE)
{
    if (UNLIKELY(thread->small == 1)) {
        thread->counter = vm_opaque(acc, thread);
        TAIL_CALL(vm_tail);
    }
    CONTINUE();
}

STENCIL(TAIL_THROUGH_MEMORY)
{
    TAIL_CALL(frame->continuation);
}

STENCIL(TAIL_THROUGH_HOLE)
{
    __auto_type function = (__attribute__((preserve_none)) uint64_t (*)(STENCIL_STATE))HOLE(void *, pointer);
    if (thread->small & 1)
        CONTINUE();
    TAIL_CALL(function);
}
