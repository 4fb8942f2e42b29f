/* Running a workload's trace. Compiled with a generated header and a runtime that has the interface of stencilgen/jit.h:
 * stencilgen's, or that of a peer. */
#include "machine.h"

#include "jit_stencils.h"

#include <stdlib.h>
#include <time.h>

typedef struct Run {
    const Workload *workload;
    Machine *machine;
    sg_jit *jit;
    sg_code *code;
    sg_exit exit; /* the last one */
} Run;

/* How an entry ended, and what it left. */
typedef struct Result {
    uint64_t digest;
    uint32_t exit_index, depth; /* the micro-op that exited; entries on the operand stack */
} Result;

static Run *run_failed(Run *run)
{
    sg_jit_free(run->jit);
    free(run);
    return NULL;
}

/* NULL: error->text says why. */
Run *run_new(const char *name, sg_error *error)
{
    Run *const run = calloc(1, sizeof *run);
    if (run == NULL) {
        abort();
    }
    *error = (sg_error){.text = "there is no such workload"};
    run->workload = find_workload(name);
    if (run->workload == NULL) {
        return run_failed(run);
    }
    run->jit = sg_jit_new(&(sg_options){.near = (const void *)&float_consume}, error);
    if (run->jit == NULL) {
        return run_failed(run);
    }
    run->code = sg_compile(run->jit, run->workload->trace, run->workload->length, error);
    if (run->code == NULL) {
        return run_failed(run);
    }
    run->machine = machine_new(run->workload);
    return run;
}

void run_free(Run *run)
{
    machine_free(run->machine);
    sg_jit_free(run->jit);
    free(run);
}

sg_code *run_code(const Run *run)
{
    return run->code;
}

const Workload *run_workload(const Run *run)
{
    return run->workload;
}

/* Enter the trace so many times. One call, so that an instruction counter can be switched on for it by name. */
__attribute__((noinline)) void run_entries(Run *run, uint32_t entries)
{
    Machine *const machine = run->machine;
    for (uint32_t i = 0; i < entries; i++) {
        run->workload->reset(machine);
        run->exit = sg_enter(run->jit, run->code, &machine->frame, machine_entry(machine), &machine->thread);
    }
}

/* Enter the trace once with a new machine, from a state that the trace's author did not think of. */
void run_disturbed(Run *run, uint64_t seed)
{
    machine_free(run->machine);
    Machine *const machine = run->machine = machine_new(run->workload);
    machine_disturb(machine, seed);
    run->exit = sg_enter(run->jit, run->code, &machine->frame, machine_entry(machine), &machine->thread);
}

/* Nanoseconds of processor time for so many entries: what other processes take does not count. */
double run_time(Run *run, uint32_t entries)
{
    struct timespec start, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    run_entries(run, entries);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    return (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
}

Result run_result(const Run *run)
{
    const Ref *const sp = run->exit.state.sp;
    return (Result){
        .digest = machine_digest(run->machine, sp),
        .exit_index = run->exit.index,
        .depth = (uint32_t)(sp - run->machine->frame.stack),
    };
}

/* Nanoseconds to compile the trace, the best of so many times. */
double run_emission(Run *run, uint32_t samples)
{
    double best = 1e18;
    for (uint32_t i = 0; i < samples; i++) {
        struct timespec start, end;
        sg_error error;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        sg_code *const code = sg_compile(run->jit, run->workload->trace, run->workload->length, &error);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        sg_free(code);
        const double time = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
        best = time < best ? time : best;
    }
    return best;
}
