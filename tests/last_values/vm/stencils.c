/* Micro-ops that store to declared places, and let others look at them, in all the ways that C offers. */
#include "vm.h"

#define STENCIL_STATE Frame *frame, uint64_t *sp, Thread *thread
#include <stencilgen/stencil.h>

#include <stdbool.h>

#define IP HOLE(const char *, imm)
#define LINE HOLE(uint32_t, imm)
#define OPARG HOLE(uint16_t, oparg)

static inline bool coin(Thread *thread)
{
    const bool heads = thread->coins & 1;
    thread->coins = thread->coins >> 1 | thread->coins << 63;
    return heads;
}

#define RARELY(thread) UNLIKELY(coin(thread) && coin(thread))
#define EXIT_RARELY()   \
    if (RARELY(thread)) \
        SIDE_EXIT()

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

STENCIL(NOTHING)
{
    CONTINUE();
}

STENCIL(PUSH)
{
    *sp++ = HOLE(uint64_t, imm);
    CONTINUE();
}

STENCIL(ADD)
{
    sp[-2] += sp[-1];
    sp--;
    CONTINUE();
}

STENCIL(EXIT)
{
    EXIT_RARELY();
    CONTINUE();
}

/* ---- Stores of what is known ---- */

STENCIL(SET_IP)
{
    frame->ip = IP;
    CONTINUE();
}

STENCIL(SET_LINE)
{
    frame->line = LINE;
    CONTINUE();
}

STENCIL(SET_BOTH)
{
    frame->ip = IP + OPARG;
    frame->line = OPARG;
    CONTINUE();
}

STENCIL(SET_NULL)
{
    frame->ip = 0;
    frame->line = 7;
    CONTINUE();
}

STENCIL(SET_EXIT)
{
    frame->ip = IP;
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(EXIT_SET)
{
    EXIT_RARELY();
    frame->ip = IP;
    CONTINUE();
}

STENCIL(EXIT_SET_EXIT)
{
    EXIT_RARELY();
    frame->ip = IP;
    frame->line = LINE;
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(EXIT_SET_LINE_EXIT)
{
    EXIT_RARELY();
    frame->line = LINE;
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(SET_LINE_LOOK_SET)
{
    frame->line = LINE;
    vm_look(thread, frame);
    frame->line = OPARG;
    CONTINUE();
}

/* ---- On some ways only ---- */

STENCIL(SET_SOMETIMES)
{
    if (coin(thread))
        frame->ip = IP;
    CONTINUE();
}

STENCIL(SET_RARELY)
{
    if (RARELY(thread)) {
        frame->line = LINE;
        vm_look_rarely(thread, frame);
    }
    CONTINUE();
}

STENCIL(SET_EITHER)
{
    if (coin(thread))
        frame->ip = IP;
    else
        frame->ip = IP + 1;
    CONTINUE();
}

STENCIL(SET_IF_ODD)
{
    if (OPARG & 1)
        frame->ip = IP;
    CONTINUE();
}

STENCIL(SET_IF_ODD_ELSE)
{
    if (OPARG & 1) {
        frame->ip = IP;
        EXIT_RARELY();
    } else {
        vm_look(thread, frame);
        EXIT_RARELY();
    }
    CONTINUE();
}

STENCIL(SET_IN_LOOP)
{
    while (coin(thread)) {
        frame->line = LINE;
        vm_look(thread, frame);
    }
    CONTINUE();
}

STENCIL(SET_BEFORE_LOOP)
{
    frame->ip = IP;
    while (coin(thread))
        vm_look(thread, frame);
    EXIT_RARELY();
    CONTINUE();
}

/* ---- Stores of what is not known, or not whole ---- */

STENCIL(SET_TOP)
{
    frame->ip = (const char *)sp[-1];
    CONTINUE();
}

STENCIL(STEP)
{
    frame->ip++;
    CONTINUE();
}

STENCIL(SET_HALF)
{
    frame->line = LINE;
    *(uint16_t *)&frame->line = OPARG;
    CONTINUE();
}

STENCIL(SET_THROUGH_CHOICE)
{
    uint32_t *const chosen = coin(thread) ? &frame->line : &frame->other;
    *chosen = LINE;
    CONTINUE();
}

STENCIL(SET_VOLATILE)
{
    *(volatile uint32_t *)&frame->line = LINE;
    CONTINUE();
}

STENCIL(CLEAR)
{
    __builtin_memset(frame, 0, __builtin_offsetof(Frame, after));
    CONTINUE();
}

STENCIL(COPY_FRAME)
{
    __builtin_memcpy(frame->next, frame, __builtin_offsetof(Frame, after));
    EXIT_RARELY();
    CONTINUE();
}

/* ---- Looks ---- */

STENCIL(READ)
{
    *sp++ = (uint64_t)frame->ip + frame->line;
    CONTINUE();
}

STENCIL(SET_READ)
{
    frame->line = LINE;
    *sp++ = frame->line;
    CONTINUE();
}

STENCIL(READ_LOW)
{
    *sp++ = *(const uint8_t *)&frame->ip;
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(LOOK)
{
    vm_look(thread, frame);
    CONTINUE();
}

STENCIL(LOOK_EXIT)
{
    vm_look(thread, frame);
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(LOOK_RARELY)
{
    if (RARELY(thread))
        vm_look_rarely(thread, frame);
    CONTINUE();
}

STENCIL(LOOK_RARELY_EXIT)
{
    if (RARELY(thread))
        vm_look_rarely(thread, frame);
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(LOOK_RARELY_TWICE)
{
    if (RARELY(thread))
        vm_look_rarely(thread, frame);
    if (RARELY(thread))
        vm_look_rarely(thread, frame);
    CONTINUE();
}

STENCIL(LOOK_RARELY_SET_EXIT)
{
    if (RARELY(thread))
        vm_look_rarely(thread, frame);
    frame->ip = IP;
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(COPY_LINE)
{
    *sp++ = vm_copy_line(&frame->line);
    CONTINUE();
}

STENCIL(BLIND)
{
    sp[-1] = vm_blind(thread, sp[-1]);
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(WRITE)
{
    vm_write(thread, frame);
    CONTINUE();
}

STENCIL(WRITE_RARELY)
{
    if (RARELY(thread))
        vm_write_rarely(thread, frame);
    CONTINUE();
}

STENCIL(SET_WRITE_RARELY_EXIT)
{
    frame->ip = IP;
    frame->line = LINE;
    if (RARELY(thread))
        vm_write_rarely(thread, frame);
    EXIT_RARELY();
    CONTINUE();
}

STENCIL(BARRIER)
{
    __asm__ volatile("" ::: "memory");
    CONTINUE();
}

/* ---- Other frames ---- */

STENCIL(NEXT_FRAME)
{
    frame = frame->next;
    CONTINUE();
}

STENCIL(SET_NEXT_FRAME)
{
    frame->ip = IP;
    frame = frame->next;
    CONTINUE();
}

STENCIL(NEXT_FRAME_EXIT)
{
    Frame *const old = frame;
    frame = frame->next;
    EXIT_RARELY();
    frame = old;
    EXIT_RARELY();
    CONTINUE();
}

/* ---- Facts, which make the head of a loop be emitted again ---- */

#define CELL (OPARG & 3)

STENCIL(MAKE_ODD)
{
    thread->cells[CELL] = HOLE(uint64_t, imm) | 1;
    FORGET(CELL);
    LEARN(CELL, odd);
    CONTINUE();
}

STENCIL(MAKE_ANY)
{
    thread->cells[CELL] = HOLE(uint64_t, imm);
    FORGET(CELL);
    CONTINUE();
}

STENCIL(EXIT_UNLESS_ODD_SET)
{
    if (UNLIKELY(!HOLDS(CELL, odd, thread->cells[CELL] & 1)))
        SIDE_EXIT();
    LEARN(CELL, odd);
    frame->ip = IP;
    CONTINUE();
}

STENCIL(SET_BY_FACT)
{
    if (HOLDS(CELL, odd, thread->cells[CELL] & 1))
        frame->line = LINE;
    else
        vm_look(thread, frame);
    CONTINUE();
}

/* ---- Ways out ---- */

STENCIL(JUMP_BACK)
{
    if (thread->fuel == 0)
        SIDE_EXIT();
    thread->fuel--;
    JUMP(target);
}

STENCIL(SET_JUMP_BACK)
{
    frame->ip = IP;
    if (thread->fuel == 0)
        SIDE_EXIT();
    thread->fuel--;
    JUMP(target);
}

STENCIL(BRANCH)
{
    if (thread->fuel == 0)
        SIDE_EXIT();
    thread->fuel--;
    if (coin(thread))
        JUMP(target);
    CONTINUE();
}

STENCIL(SET_BRANCH_SET)
{
    if (thread->fuel == 0)
        SIDE_EXIT();
    thread->fuel--;
    frame->line = LINE;
    if (coin(thread))
        JUMP(target);
    frame->line = OPARG;
    CONTINUE();
}

STENCIL(RETURN_TOP)
{
    RETURN(sp[-1]);
}

STENCIL(SET_RETURN)
{
    frame->ip = IP;
    RETURN(sp[-1]);
}

extern STENCIL(vm_tail);

STENCIL(TAIL)
{
    TAIL_CALL(vm_tail);
}

STENCIL(SET_TAIL)
{
    frame->line = LINE;
    TAIL_CALL(vm_tail);
}
