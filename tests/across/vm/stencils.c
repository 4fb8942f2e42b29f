/* Micro-ops that use the operand stack in all the ways that C offers. */
#include "language.h"

#include <stdbool.h>
#include <string.h>

/* Overwrites all registers that hold nothing. */
STENCIL(GARBAGE)
{
    __asm__ volatile("movabsq $0xBADC0FFEE0DDF00D, %%rbx\n\t"
                     "movq %%rbx, %%r10\n\tmovq %%rbx, %%r15\n\tmovq %%rbx, %%rdi\n\tmovq %%rbx, %%rsi\n\t"
                     "movq %%rbx, %%rdx\n\tmovq %%rbx, %%rcx\n\tmovq %%rbx, %%r8\n\tmovq %%rbx, %%r9\n\t"
                     "movq %%rbx, %%r11\n\tmovq %%rbx, %%rax\n\taddq %%rbx, %%rbx" ::
                         : "rbx", "r10", "r15", "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r11", "rax", "cc");
    CONTINUE();
}

/* ---- Nothing but the stack ---- */

STENCIL(NOTHING)
{
    CONTINUE();
}

STENCIL(PUSH)
{
    *sp++ = (uint64_t)IMM;
    CONTINUE();
}

STENCIL(POP)
{
    sp--;
    CONTINUE();
}

STENCIL(LOAD)
{
    *sp++ = LOCAL;
    CONTINUE();
}

STENCIL(STORE)
{
    LOCAL = *--sp;
    CONTINUE();
}

STENCIL(COPY_1)
{
    sp[0] = sp[-1];
    sp++;
    CONTINUE();
}

STENCIL(COPY_2)
{
    sp[0] = sp[-2];
    sp++;
    CONTINUE();
}

/* Two neighbours go to two neighbours: one wide load, one wide store, if LLVM may. */
STENCIL(COPY_PAIR)
{
    sp[0] = sp[-2];
    sp[1] = sp[-1];
    sp += 2;
    CONTINUE();
}

STENCIL(SWAP_2)
{
    const uint64_t top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = top;
    CONTINUE();
}

STENCIL(ROTATE_3)
{
    const uint64_t top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = sp[-3];
    sp[-3] = top;
    CONTINUE();
}

STENCIL(PUSH_3)
{
    sp[0] = (uint64_t)IMM;
    sp[1] = LOCAL;
    sp[2] = acc;
    sp += 3;
    CONTINUE();
}

STENCIL(POP_4)
{
    acc += sp[-4] ^ sp[-1];
    sp -= 4;
    CONTINUE();
}

/* ---- Arithmetic ---- */

STENCIL(ADD)
{
    sp[-2] += sp[-1];
    sp--;
    CONTINUE();
}

STENCIL(SUB)
{
    sp[-2] -= sp[-1];
    sp--;
    CONTINUE();
}

STENCIL(LESS)
{
    sp[-2] = (int64_t)sp[-2] < (int64_t)sp[-1];
    sp--;
    CONTINUE();
}

STENCIL(NEGATE)
{
    sp[-1] = -sp[-1];
    CONTINUE();
}

STENCIL(SELECT)
{
    sp[-3] = sp[-3] & 1 ? sp[-2] : sp[-1];
    sp -= 2;
    CONTINUE();
}

STENCIL(TO_ACCUMULATOR)
{
    acc ^= *--sp;
    CONTINUE();
}

STENCIL(FROM_ACCUMULATOR)
{
    *sp++ = acc;
    acc = acc * 3 + 1;
    CONTINUE();
}

STENCIL(ADD_REAL)
{
    double a, b;
    memcpy(&a, &sp[-2], sizeof a);
    memcpy(&b, &sp[-1], sizeof b);
    a = (double)(int32_t)(int64_t)sp[-1] + (a > b ? 1.5 : 2.5);
    memcpy(&sp[-2], &a, sizeof a);
    sp--;
    CONTINUE();
}

STENCIL(LOW_HALF)
{
    sp[-1] = *(uint32_t *)&sp[-1];
    CONTINUE();
}

STENCIL(SET_BYTE)
{
    ((uint8_t *)&sp[-1])[3] = (uint8_t)IMM;
    CONTINUE();
}

/* ---- Locals as a register machine has them ---- */

#define PLACE(name) machine->locals[HOLE(int16_t, name)]

STENCIL(MOVE_LOCAL)
{
    PLACE(d) = PLACE(a) * 3 + 1;
    CONTINUE();
}

STENCIL(ADD_LOCAL)
{
    PLACE(d) += PLACE(a);
    CONTINUE();
}

STENCIL(SWAP_LOCALS)
{
    const uint64_t value = PLACE(d);
    PLACE(d) = PLACE(a);
    PLACE(a) = value;
    CONTINUE();
}

/* The same hole as another type. */
STENCIL(DOUBLE_LOCAL)
{
    machine->locals[HOLE(uint16_t, a)] *= 2;
    CONTINUE();
}

STENCIL(GUARD_LOCAL)
{
    EXIT_IF((PLACE(a) & 15) == 3);
    CONTINUE();
}

STENCIL(MIX_LOCAL)
{
    PLACE(d) ^= vm_mix(machine, PLACE(a));
    CONTINUE();
}

/* ---- Ways out ---- */

STENCIL(GUARD_EVEN)
{
    EXIT_IF(sp[-1] & 1);
    CONTINUE();
}

STENCIL(GUARD_SECOND)
{
    EXIT_IF((sp[-2] & 7) == 5);
    CONTINUE();
}

STENCIL(GUARD_POP)
{
    sp--;
    EXIT_IF((*sp & 7) == 1);
    CONTINUE();
}

STENCIL(ADD_CHECKED)
{
    int64_t sum;
    EXIT_IF(__builtin_add_overflow((int64_t)sp[-2], (int64_t)sp[-1], &sum));
    sp[-2] = (uint64_t)sum;
    sp--;
    CONTINUE();
}

STENCIL(EXIT_CHANGED)
{
    sp[-1] ^= 0x55;
    EXIT_IF((sp[-1] & 15) == 3);
    sp[0] = sp[-1] >> 3;
    sp++;
    EXIT_IF((sp[-1] & 15) == 6);
    CONTINUE();
}

STENCIL(RETURN_TOP)
{
    machine->saved = --sp;
    RETURN(*sp);
}

STENCIL(RETURN_ACCUMULATOR)
{
    sp[-1] += acc;
    RETURN(acc);
}

extern STENCIL(vm_tail);

STENCIL(TAIL)
{
    *sp++ = acc;
    TAIL_CALL(vm_tail);
}

/* ---- Jumps ---- */

STENCIL(JUMP_BACK)
{
    EXIT_IF(machine->fuel == 0);
    machine->fuel--;
    JUMP(target);
}

STENCIL(BRANCH)
{
    sp--;
    if ((*sp & 1) && machine->fuel != 0) {
        machine->fuel--;
        JUMP(target);
    }
    CONTINUE();
}

STENCIL(BRANCH_KEEP)
{
    if ((sp[-1] & 2) && machine->fuel != 0) {
        machine->fuel--;
        sp[-1] ^= 4;
        JUMP(target);
    }
    sp[-1]++;
    CONTINUE();
}

/* Round a loop that has its values on the stack. */
STENCIL(LOOP)
{
    if (machine->fuel != 0) {
        machine->fuel--;
        JUMP(target);
    }
    CONTINUE();
}

/* Its code ends in the jump. */
STENCIL(LOOP_CHANGING)
{
    if (machine->fuel != 0) {
        machine->fuel--;
        sp[-1] = sp[-1] * 3 + (sp[-1] >> 5);
        JUMP(target);
    }
    CONTINUE();
}

STENCIL(LOOP_PUSHING)
{
    EXIT_IF(machine->fuel == 0);
    machine->fuel--;
    *sp++ = acc;
    JUMP(target);
}

/* The way to the jump is cold. */
STENCIL(BRANCH_RARELY)
{
    if (UNLIKELY((sp[-1] & 7) == 2 && machine->fuel != 0)) {
        machine->fuel--;
        sp[-1] += vm_mix(machine, sp[-1]);
        JUMP(target);
    }
    CONTINUE();
}

/* The stack is higher on one way than on the other. */
STENCIL(ITERATE)
{
    if ((sp[-1] & 3) == 0 && machine->fuel != 0) {
        machine->fuel--;
        sp--;
        JUMP(target);
    }
    *sp++ = acc;
    CONTINUE();
}

STENCIL(SWITCH)
{
    if (machine->fuel != 0) {
        machine->fuel--;
        if ((sp[-1] & 3) == 0)
            JUMP(target);
        if ((sp[-1] & 3) == 1)
            JUMP(other);
    }
    sp[-1] ^= acc;
    CONTINUE();
}

/* ---- Calls ---- */

STENCIL(MIX)
{
    sp[-1] = vm_mix(machine, sp[-1]);
    CONTINUE();
}

STENCIL(MIX_SECOND)
{
    const uint64_t top = *--sp;
    sp[-1] = vm_mix(machine, sp[-1]) + top;
    CONTINUE();
}

STENCIL(RARE_CALL)
{
    if (UNLIKELY((sp[-1] & 7) == 2))
        vm_rare(machine, sp[-2]);
    sp[-2] ^= sp[-1];
    sp--;
    CONTINUE();
}

/* A callee gets an array of entries, and changes them. */
STENCIL(ARRAY_2)
{
    const uint64_t result = vm_array(machine, &sp[-2], 2);
    sp[-2] += result;
    sp[-1] ^= result;
    CONTINUE();
}

STENCIL(ARRAY_NEW)
{
    sp[0] = acc;
    sp[1] = (uint64_t)IMM;
    acc = vm_array(machine, sp - 1, 3);
    sp++;
    CONTINUE();
}

STENCIL(ARRAY_MANY)
{
    const uint64_t count = OPARG & 3;
    sp[-4] += vm_array(machine, sp - count, count);
    CONTINUE();
}

/* The stack pointer is put where a callee finds it. */
STENCIL(WALK)
{
    machine->saved = sp;
    vm_walk(machine);
    sp[-1] += 3;
    CONTINUE();
}

STENCIL(WALK_RARELY)
{
    if (UNLIKELY((sp[-1] & 7) == 4)) {
        machine->saved = sp - 1;
        vm_walk_rarely(machine);
        sp[-2] = vm_mix(machine, sp[-2]);
    }
    sp[-2] -= sp[-1];
    sp--;
    CONTINUE();
}

/* A callee that knows where the stack begins ([stack] escapes). */
STENCIL(LOOK)
{
    if (UNLIKELY((sp[-1] & 3) == 1))
        vm_look(machine);
    sp[-1] = ~sp[-1] + sp[-2];
    CONTINUE();
}

/* ---- What only memory can do ---- */

STENCIL(PICK)
{
    sp[0] = sp[-1 - (int64_t)(OPARG & 3)];
    sp++;
    CONTINUE();
}

STENCIL(SUM_LOOP)
{
    uint64_t sum = 0;
    for (uint64_t *entry = sp - 1 - (OPARG & 3); entry < sp; entry++)
        sum += *entry;
    sp[-1] = sum;
    CONTINUE();
}

STENCIL(FIXED_LOOP)
{
    for (int round = 0; round < (OPARG & 7); round++) {
        sp[-1] += sp[-2];
        sp[-2] = vm_mix(machine, sp[-2]);
    }
    CONTINUE();
}

STENCIL(HEIGHT)
{
    acc += (uint64_t)(sp - machine->base);
    CONTINUE();
}

STENCIL(POP_SOME)
{
    if (acc & 1)
        sp -= 1;
    else
        sp -= 2;
    CONTINUE();
}

/* The pointer as a callee returns it, as memory has it, and as a callee that has its address leaves it. */
STENCIL(PUSH_IN_CALLEE)
{
    sp = vm_pushed(machine, sp, acc);
    CONTINUE();
}

STENCIL(RELOAD)
{
    machine->saved = sp;
    vm_walk(machine);
    sp = machine->saved;
    CONTINUE();
}

STENCIL(DROP_IN_CALLEE)
{
    vm_drop(machine, &sp);
    if ((acc & 7) == 0)
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(UNUSED_STACK)
{
    acc = vm_mix(machine, acc) + (uint64_t)machine->numbers[OPARG & 7];
    CONTINUE();
}
