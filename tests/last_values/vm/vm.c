/* What the micro-ops call. */
#include "vm.h"

static void note(Thread *thread, uint64_t value)
{
    thread->log = thread->log * UINT64_C(0x9E3779B97F4A7C15) + value;
    thread->calls++;
}

void vm_look(Thread *thread, const Frame *frame)
{
    note(thread, (uint64_t)frame->ip);
    note(thread, frame->line);
}

void vm_look_rarely(Thread *thread, const Frame *frame)
{
    vm_look(thread, frame);
}

void vm_write(Thread *thread, Frame *frame)
{
    vm_look(thread, frame);
    frame->ip += thread->calls;
    frame->line ^= (uint32_t)thread->calls;
}

void vm_write_rarely(Thread *thread, Frame *frame)
{
    vm_write(thread, frame);
}

uint64_t vm_blind(Thread *thread, uint64_t value)
{
    note(thread, value);
    return thread->log;
}

uint64_t vm_copy_line(const uint32_t *line)
{
    return *line;
}

uint64_t vm_tail(Frame *frame, uint64_t *sp, Thread *thread)
{
    vm_look(thread, frame);
    return sp[-1];
}
