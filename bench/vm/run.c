/* Running a workload's trace. Compiled with a generated header and a runtime that has the interface of stencilgen/jit.h:
 * stencilgen's, or that of a peer. */
#include "machine.h"

#include "jit_stencils.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Run {
    const Workload *workload;
    Machine *machine;
    sg_jit *jit;
    sg_code *code;
    sg_exit exit;       /* the last one */
    uint32_t iteration; /* micro-ops of one, in the trace */
    Workload varied;    /* what `workload` is, if there is more in its trace than its author wrote */
    Instruction *trace; /* that trace, or NULL */
} Run;

/* How an entry ended, and what it left. */
typedef struct Result {
    uint64_t digest;
    uint32_t exit_index, depth; /* the micro-op that exited, in whichever iteration; entries on the operand stack */
} Result;

/* Whether a micro-op may call: who is called may look at the instruction pointer, or stop there. */
static bool may_call(uint16_t opcode)
{
    switch (opcode) {
    case OP_STORE_FAST:
    case OP_POP_TOP:
    case OP_ADD_FLOAT:
    case OP_SUB_FLOAT:
    case OP_MUL_FLOAT:
    case OP_DIV_FLOAT:
    case OP_DIV_FLOAT_INT:
    case OP_SQRT_FLOAT:
    case OP_LIST_GET:
    case OP_LIST_SET:
    case OP_UNPACK_LIST_2:
    case OP_UNPACK_LIST_3:
        return true;
    default:
        return false;
    }
}

/* The trace with a SET_IP before each micro-op that may call, as a compiler from bytecode makes them. */
static uint32_t make_dense(const Workload *workload, Instruction *trace)
{
    uint32_t *const place = calloc(workload->length, sizeof *place);
    if (place == NULL) {
        abort();
    }
    uint32_t length = 0;
    for (uint32_t i = 0; i < workload->length; i++) {
        const Instruction *const instruction = &workload->trace[i];
        place[i] = length;
        if (may_call(instruction->opcode)) {
            trace[length++] = (Instruction){.opcode = OP_SET_IP, .pointer = bytecode + i % sizeof bytecode};
        }
        trace[length] = *instruction;
        if (instruction->opcode == OP_JUMP_TO_TOP) {
            trace[length].target = place[instruction->target];
        }
        length++;
    }
    free(place);
    return length;
}

/* The trace with the first iteration apart from the loop: what that finds out is known in the loop. */
static uint32_t make_peeled(const Workload *workload, Instruction *trace)
{
    const uint32_t length = workload->length;
    for (uint32_t i = 0; i < 2 * length; i++) {
        trace[i] = workload->trace[i % length];
    }
    trace[length - 1] = (Instruction){.opcode = OP_CHECK_EVAL_BREAKER};
    trace[2 * length - 1].target = length;
    return 2 * length;
}

/* Other traces for the same loop; at most twice as long. */
static const struct {
    const char *suffix;
    uint32_t (*make)(const Workload *, Instruction *);
    uint32_t iterations; /* in it */
} variations[] = {{"+ip", make_dense, 1}, {"+peeled", make_peeled, 2}};

/* The workload with another trace, if a suffix says so; what is left of the words. */
static const char *vary(Run *run, const char *words)
{
    for (size_t i = 0; i < sizeof variations / sizeof *variations; i++) {
        const size_t length = strlen(variations[i].suffix);
        if (strncmp(words, variations[i].suffix, length) == 0) {
            run->trace = calloc(2 * (size_t)run->workload->length, sizeof *run->trace);
            if (run->trace == NULL) {
                abort();
            }
            run->varied = *run->workload;
            run->varied.trace = run->trace;
            run->varied.length = variations[i].make(run->workload, run->trace);
            run->workload = &run->varied;
            run->iteration = run->varied.length / variations[i].iterations;
            return words + length;
        }
    }
    return words;
}

static Run *run_failed(Run *run)
{
    sg_jit_free(run->jit);
    free(run->trace);
    free(run);
    return NULL;
}

/* A workload by its name, and perhaps a variation's suffix. A digit behind it is the sg_last_mode. NULL: error->text says why. */
Run *run_new(const char *words, sg_error *error)
{
    char name[32] = "";
    const size_t length = strcspn(words, "+012");
    memcpy(name, words, length < sizeof name ? length : 0);
    Run *const run = calloc(1, sizeof *run);
    if (run == NULL) {
        abort();
    }
    *error = (sg_error){.text = "there is no such workload"};
    run->workload = find_workload(name);
    if (run->workload == NULL) {
        return run_failed(run);
    }
    run->iteration = run->workload->length;
    const char *const rest = vary(run, words + length);
    const sg_last_mode mode = *rest == '\0' ? SG_LAST_PUT_OFF : (sg_last_mode)(*rest - '0');
    /* small: a benchmark has dozens of contexts, and all must lie near the same code */
    const sg_options options = {.near = (const void *)&allocate_float, .size = 2 << 20, .last = mode};
    run->jit = sg_jit_new(&options, error);
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
    free(run->trace);
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
        .exit_index = run->exit.index % run->iteration,
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
