/* Walking through traces: from functions that they call, and from every single instruction. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "toy.h"

#include <dlfcn.h>
#include <signal.h>
#include <ucontext.h>
#include <unwind.h>

/* The unwinder of C++ and of backtrace(), whatever this program is linked with. */
static struct {
    void (*add)(void *);
    void (*remove)(void *);
    _Unwind_Reason_Code (*walk)(_Unwind_Trace_Fn, void *);
    uintptr_t (*address)(struct _Unwind_Context *);
} unwinder;

static bool find_unwinder(void)
{
    void *const library = dlopen("libgcc_s.so.1", RTLD_NOW);
    if (library == NULL) {
        return false;
    }
    *(void **)&unwinder.add = dlsym(library, "__register_frame");
    *(void **)&unwinder.remove = dlsym(library, "__deregister_frame");
    *(void **)&unwinder.walk = dlsym(library, "_Unwind_Backtrace");
    *(void **)&unwinder.address = dlsym(library, "_Unwind_GetIP");
    return unwinder.add != NULL && unwinder.remove != NULL && unwinder.walk != NULL && unwinder.address != NULL;
}

/* A walk passes if it meets the code of the context and later the caller that is looked for. */
typedef struct walk {
    const uint8_t *code;
    size_t code_size;
    uintptr_t caller;
    bool met_code, met_caller;
} walk;

static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *data)
{
    walk *const seen = data;
    const uintptr_t address = unwinder.address(context);
    seen->met_code |= address - (uintptr_t)seen->code < seen->code_size;
    seen->met_caller |= seen->met_code && address == seen->caller;
    return _URC_NO_REASON;
}

static walk current;

static bool reaches_caller(void)
{
    walk seen = current;
    unwinder.walk(visit, &seen);
    return seen.met_caller;
}

static sg_jit *begin(uintptr_t caller)
{
    sg_jit *const jit = toy_create(NULL);
    const sg_unwind unwind = sg_jit_unwind(jit);
    unwinder.add((void *)(uintptr_t)unwind.eh_frame);
    current = (walk){.code = unwind.code, .code_size = unwind.code_size, .caller = caller};
    return jit;
}

static void end(sg_jit *jit)
{
    unwinder.remove((void *)(uintptr_t)sg_jit_unwind(jit).eh_frame);
    sg_jit_destroy(jit);
}

static uint64_t look(uint64_t accumulator)
{
    return accumulator + reaches_caller();
}

#define CALLER ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

static __attribute__((noinline)) void a_function_that_a_trace_calls_sees_who_entered_it(void)
{
    sg_jit *const jit = begin(CALLER);
    const uint64_t frames[] = {ADD, FRAME_24, FRAME_120, FRAME_4000};
    for (size_t i = 0; i < 4; i++) {
        sg_code *const code = COMPILE(jit, {(uint32_t)frames[i], 0}, {CALL, (uintptr_t)&look}, {RETURN, 0});
        CHECK_EQUAL(toy_value(jit, code, 100), 101);
        toy_shared = look;
        sg_code *const sharing = COMPILE(jit, {(uint32_t)frames[i], 0}, {SHARED, PART_CALL}, {RETURN, 0});
        CHECK_EQUAL(toy_value(jit, sharing, 100), 101);
    }
    end(jit);
}

static __attribute__((noinline)) void a_tail_called_function_sees_it_too(void)
{
    sg_jit *const jit = begin(CALLER);
    sg_code *const code = COMPILE(jit, {FRAME_24, 0}, {TAIL_CALL, (uintptr_t)&look});
    CHECK_EQUAL(toy_value(jit, code, 5), 6);
    end(jit);
}

static sg_jit *outer_jit;
static sg_code *inner_trace;

static uint64_t enter_inner(uint64_t accumulator)
{
    return toy_value(outer_jit, inner_trace, accumulator);
}

static __attribute__((noinline)) void a_walk_passes_through_two_traces(void)
{
    outer_jit = begin(CALLER);
    inner_trace = COMPILE(outer_jit, {FRAME_120, 0}, {CALL, (uintptr_t)&look}, {RETURN, 0});
    sg_code *const outer = COMPILE(outer_jit, {CALL, (uintptr_t)&enter_inner}, {ADD, 10}, {RETURN, 0});
    CHECK_EQUAL(toy_value(outer_jit, outer, 0), 11);
    end(outer_jit);
}

static volatile sig_atomic_t steps, failed_steps;

static void step(int signal_number, siginfo_t *information, void *context)
{
    (void)signal_number;
    (void)information;
    const uintptr_t place = (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (place - (uintptr_t)current.code < current.code_size) {
        steps++;
        failed_steps += !reaches_caller();
    }
}

#define TRAP_FLAG 0x100

static inline void set_trap_flag(bool on)
{
    const uintptr_t flag = on ? TRAP_FLAG : 0;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone */
                     "pushfq\n\t"
                     "andq $~0x100, (%%rsp)\n\t"
                     "orq %0, (%%rsp)\n\t"
                     "popfq\n\t"
                     "lea 128(%%rsp), %%rsp\n\t"
                     :
                     : "r"(flag)
                     : "memory", "cc");
}

static __attribute__((noinline)) void every_instruction_can_be_unwound_from(void)
{
    sg_jit *const jit = begin(CALLER);
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    toy_shared = look;
    sg_code *const returning = COMPILE(jit, {ADD, 5}, {FRAME_24, 0}, {SHARED, PART_CALL}, {ADD, 6}, {RETURN, 0});
    sg_code *const exiting = COMPILE(jit, {FRAME_4000, 0}, {ADD, 5}, {EXIT_IF_ODD, 0}, {RETURN, 0});
    uint64_t state[2] = {2, 0};
    set_trap_flag(true);
    const sg_outcome returned = sg_enter_code(jit, returning, state);
    const sg_outcome exited = sg_enter_code(jit, exiting, state);
    set_trap_flag(false);
    CHECK_EQUAL(returned.value, 14);
    CHECK_EQUAL(exited.kind, SG_EXITED);
    CHECK(steps > 40);
    CHECK_EQUAL(failed_steps, 0);
    end(jit);
}

static void the_section_is_well_formed(void)
{
    sg_jit *const jit = toy_create(NULL);
    const sg_unwind unwind = sg_jit_unwind(jit);
    const uint8_t *const bytes = unwind.eh_frame;
    size_t offset = 0;
    size_t described = 0;
    for (int entries = 0; entries < 4; entries++) {
        uint32_t length;
        uint64_t start, size;
        memcpy(&length, bytes + offset, 4);
        CHECK_EQUAL((length + 4) % 8, 0);
        if (entries > 0) {
            memcpy(&start, bytes + offset + 8, 8);
            memcpy(&size, bytes + offset + 16, 8);
            CHECK_EQUAL(start, (uintptr_t)unwind.code + described);
            described += size;
        }
        offset += length + 4;
    }
    CHECK_EQUAL(described, unwind.code_size);
    CHECK_EQUAL(offset + 4, unwind.size);
    CHECK(memcmp(bytes + offset, "\0\0\0", 4) == 0);
    sg_jit_destroy(jit);
}

int main(void)
{
    if (!find_unwinder()) {
        fprintf(stderr, "libgcc_s.so.1 is not installed\n");
        return 77;
    }
    RUN(the_section_is_well_formed);
    RUN(a_function_that_a_trace_calls_sees_who_entered_it);
    RUN(a_tail_called_function_sees_it_too);
    RUN(a_walk_passes_through_two_traces);
    RUN(every_instruction_can_be_unwound_from);
    return 0;
}
