/* What a context and its traces cost the system: system calls, allocations, memory; a line of JSON for each phase.
 *
 *     phases TRACES
 *
 * Exit code 3: processes may not trace their children here. A child does the work. Its parent traces it and counts each system
 * call as the kernel sees it; the linker leads calls of the C allocator through the wrappers below. A phase begins and ends with
 * a system call that nobody else makes.
 */
#define _GNU_SOURCE
#include "machine.h"

#include "jit_stencils.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PAGED /* a runtime without links */
static const bool links = false;
#else
static const bool links = true;
#endif

enum { MARKER = SYS_getppid, PHASES = 16, NOT_ALLOWED = 3 };

typedef struct Phase {
    const char *name;
    uint64_t things;                   /* contexts, traces or links that it is about */
    uint64_t system_calls;             /* written by the parent, all else by the child */
    uint64_t allocations, page_faults; /* calls of malloc and its like; first touches of pages */
    int64_t allocated, code;           /* bytes more, by the allocator and in the near region */
} Phase;

typedef struct Shared {
    Phase phases[PHASES];
    uint32_t count;
    char error[512];
} Shared;

static Shared *shared;

/* ---- The C allocator, counted ---- */

static uint64_t allocations;
static int64_t allocated;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *pointer);

static void *counted(void *pointer)
{
    allocations++;
    allocated += (int64_t)malloc_usable_size(pointer);
    return pointer;
}

void *__wrap_malloc(size_t size)
{
    return counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    allocated -= (int64_t)malloc_usable_size(old);
    return counted(__real_realloc(old, size));
}

void __wrap_free(void *pointer)
{
    allocations += pointer != NULL;
    allocated -= (int64_t)malloc_usable_size(pointer);
    __real_free(pointer);
}

/* ---- The child ---- */

static sg_jit *jit;
static sg_code **codes;
static uint32_t traces;

static _Noreturn void failed(const sg_error *error)
{
    snprintf(shared->error, sizeof shared->error, "%s", error->text);
    _exit(1);
}

static void new_context(void)
{
    sg_error error;
    jit = sg_jit_new(&(sg_options){.near = (const void *)&allocate_float}, &error);
    if (jit == NULL) {
        failed(&error);
    }
}

static void compile(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        const Workload *const workload = workloads[i % workload_count];
        sg_error error;
        codes[i] = sg_compile(jit, workload->trace, workload->length, &error);
        if (codes[i] == NULL) {
            failed(&error);
        }
    }
}

static void first_trace(void)
{
    compile(0, 1);
}

static void more_traces(void)
{
    compile(1, traces);
}

static void free_traces(void)
{
    for (uint32_t i = 0; i < traces; i++) {
        sg_free(codes[i]);
    }
}

static void compile_again(void)
{
    compile(0, traces);
}

static void link_traces(void)
{
#ifndef PAGED
    for (uint32_t i = 0; i + 1 < traces; i++) {
        sg_error error;
        if (!sg_link(codes[i], sg_code_exit(codes[i], 0).index, codes[i + 1], &error)) {
            failed(&error);
        }
    }
#endif
}

static void free_context(void)
{
    sg_jit_free(jit);
    jit = NULL;
}

static int64_t code_bytes(void)
{
    if (jit == NULL) {
        return 0;
    }
    const sg_statistics found = sg_jit_statistics(jit);
    return (int64_t)(found.hot_used + found.cold_used + found.constants_used);
}

static uint64_t page_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

static void phase(const char *name, uint64_t things, void (*work)(void))
{
    Phase *const p = &shared->phases[shared->count];
    *p = (Phase){.name = name, .things = things};
    const uint64_t before = allocations, faults = page_faults();
    const int64_t memory = allocated, code = code_bytes();
    syscall(MARKER);
    work();
    syscall(MARKER);
    p->page_faults = page_faults() - faults;
    p->allocations = allocations - before;
    p->allocated = allocated - memory;
    p->code = code_bytes() - code;
    shared->count++;
}

static void child(void)
{
    codes = calloc(traces, sizeof *codes);
    if (codes == NULL || ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(NOT_ALLOWED);
    }
    raise(SIGSTOP);
    phase("a new context", 1, new_context);
    phase("the first trace", 1, first_trace);
    phase("more traces", traces - 1, more_traces);
    phase("freeing them", traces, free_traces);
    phase("as many traces again", traces, compile_again);
    if (links) {
        phase("linking exits", traces - 1, link_traces);
    }
    phase(links ? "freeing linked traces" : "freeing these", traces, free_traces);
    phase("freeing the context", 1, free_context);
    _exit(0);
}

/* ---- The parent ---- */

/* Go on to the child's next system call; false when it has ended. */
static bool next_stop(pid_t pid, int *status)
{
    return ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0 && waitpid(pid, status, 0) == pid && WIFSTOPPED(*status);
}

/* The child's exit code; 1 if it died. */
static int watch(pid_t pid)
{
    int status = 0;
    bool counting = false, entering = true;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status);
    }
    while (next_stop(pid, &status)) {
        if (entering) {
            struct user_regs_struct registers;
            ptrace(PTRACE_GETREGS, pid, NULL, &registers);
            if (registers.orig_rax == MARKER) {
                counting = !counting;
            } else if (counting) {
                shared->phases[shared->count].system_calls++;
            }
        }
        entering = !entering;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    traces = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (traces < 2 || shared == MAP_FAILED) {
        fprintf(stderr, "phases: how many traces, at least 2?\n");
        return 2;
    }
    const pid_t pid = fork();
    if (pid == 0) {
        child();
    }
    const int status = pid < 0 ? 1 : watch(pid);
    if (status != 0) {
        fprintf(stderr, "phases: %s\n", shared->error[0] != 0 ? shared->error : "the child ended early");
        return status;
    }
    for (uint32_t i = 0; i < shared->count; i++) {
        const Phase *const p = &shared->phases[i];
        printf("{\"phase\": \"%s\", \"things\": %llu, \"system_calls\": %llu, \"allocations\": %llu, ", p->name,
               (unsigned long long)p->things, (unsigned long long)p->system_calls, (unsigned long long)p->allocations);
        printf("\"page_faults\": %llu, \"allocated\": %lld, \"code\": %lld}\n", (unsigned long long)p->page_faults,
               (long long)p->allocated, (long long)p->code);
    }
    return 0;
}
