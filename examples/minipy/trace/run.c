/* Running: interpret; record what is hot; enter traces; go on where they are left.
 *
 *     interpreter ──hot loop──▶ record ──▶ optimise ──▶ compile ──▶ trace ◀──link── trace
 *          ▲                                                         │
 *          └─────────────── side exit: resume there ─────────────────┘ hot exit: record from there, and link
 *
 * All state is in the slots and the calls, for traces as for the interpreter. So a trace can be entered wherever control
 * is where it starts, and left with nothing but an instruction to go on with.
 */
#include "run.h"
#include "trace.h"

#include "jit_stencils.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOT_LOOP = 40, HOT_EXIT = 12, RETRY = 400, MAX_FAILURES = 4, MAX_TRACES = 2000, SHORT_RUNS = 2000 };

typedef struct Exit {
    const Instruction *resume;
    uint32_t taken, failures;
    bool linked;
} Exit;

/* One compiled trace. */
typedef struct Trace {
    sg_code *code;
    uint32_t length;
    Loop *loop; /* that it repeats, or NULL */
    Exit *exits; /* of each micro-op, and of the end */
    uint32_t first; /* micro-ops of the first iteration */
    uint32_t short_runs, long_runs; /* entered and left within it, or not */
} Trace;

typedef struct Statistics {
    uint64_t traces, side_traces, aborted, given_up, entered, exits;
    uint64_t ops, hot_bytes, cold_bytes;
    double record_seconds, emit_seconds;
} Statistics;

typedef struct Jit {
    sg_jit *jit;
    const Options *options;
    Thread *thread;
    Statistics statistics;
    struct { const sg_code *code; Trace *trace; } table[2 * 4096]; /* by code */
} Jit;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- Traces by their code ---- */

enum { TABLE = 2 * 4096 };

static Trace **entry_of(Jit *jit, const sg_code *code)
{
    size_t i = ((uintptr_t)code >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 51 & (TABLE - 1);
    while (jit->table[i].code != NULL && jit->table[i].code != code) {
        i = (i + 1) & (TABLE - 1);
    }
    jit->table[i].code = code;
    return &jit->table[i].trace;
}

/* ---- Compiling ---- */

static void dump(const Recording *recording, const char *what)
{
    fprintf(stderr, "---- %s, %u micro-ops\n", what, recording->length);
    for (uint32_t i = 0; i < recording->length; i++) {
        const Instruction *const op = &recording->ops[i];
        fprintf(stderr, "%4u  line %-4u %-28s d=%-4d a=%-4d b=%-4d %llx\n", i, recording->origin[i]->line,
                opcode_names[op->opcode], op->d, op->a, op->b, (unsigned long long)op->operand);
    }
}

static void add_statistics(Statistics *statistics, const sg_code *code, bool side_trace)
{
    const sg_info info = sg_code_info(code);
    statistics->traces++;
    statistics->side_traces += side_trace;
    statistics->ops += info.length;
    statistics->hot_bytes += info.hot_size;
    statistics->cold_bytes += info.cold_size;
}

static Trace *compile(Jit *jit, const Recording *recorded, Loop *loop, bool repeats)
{
    static Recording optimised, instrumented;
    const Options *const options = jit->options;
    const Recording *recording = &optimised;
    optimise(recorded, repeats, jit->thread->constants, &optimised);
    optimised.resume[optimised.length] = recorded->resume[recorded->length];
    if (options->dump) {
        dump(&optimised, loop != NULL ? "loop" : "side trace");
    }
    sg_error error;
    const double start = seconds();
    sg_code *code = sg_compile(jit->jit, recording->ops, recording->length, &error);
    jit->statistics.emit_seconds += seconds() - start;
    if (code != NULL) {
        add_statistics(&jit->statistics, code, loop == NULL);
    }
    if (code != NULL && (options->stress || options->statistics)) { /* measured without, run with them */
        sg_free(code);
        instrument(&optimised, options->stress != 0, options->statistics, &instrumented);
        recording = &instrumented;
        code = sg_compile(jit->jit, recording->ops, recording->length, &error);
    }
    if (code == NULL) {
        if (options->dump) {
            fprintf(stderr, "minipy: no trace: %s\n", error.text);
        }
        return NULL;
    }
    Trace *const trace = calloc(1, sizeof *trace);
    Exit *const exits = calloc(recording->length + 1, sizeof *exits);
    if (trace == NULL || exits == NULL) {
        exit(1);
    }
    *trace = (Trace){.code = code, .length = recording->length, .loop = loop, .exits = exits};
    trace->first = recording->length;
    for (uint32_t i = 0; i < recording->length; i++) {
        if (recording->ops[i].opcode == OP_REPEAT && recording->ops[i].target != 0) {
            trace->first = (uint32_t)recording->ops[i].target;
        }
    }
    for (uint32_t i = 0; i <= recording->length; i++) {
        const bool forced = i < recording->length && recording->ops[i].opcode == OP_STRESS;
        trace->exits[i] = (Exit){.resume = recording->resume[i], .failures = forced ? MAX_FAILURES : 0};
    }
    *entry_of(jit, code) = trace;
    return trace;
}

/* ---- Recording: the interpreter goes on one instruction at a time ---- */

/* Record from `*ip` on until there is a trace or a reason to stop; `*ip` is then where control is. */
static Trace *record(Jit *jit, const Instruction **ip, Loop *root)
{
    static Recording recording;
    Thread *const thread = jit->thread;
    Recorder recorder = {.thread = thread, .root = root, .frame = thread->call, .recording = &recording, .start = *ip};
    recording.length = 0;
    const double start = seconds();
    Ending ending;
    while ((ending = record_instruction(&recorder, *ip, thread->slots)) == ENDING_NONE) {
        *ip = interpret_step(thread->slots, thread, *ip);
        if (thread->error.type != NULL || thread->finished || thread->interrupted) {
            ending = ENDING_ABORT;
            break;
        }
    }
    jit->statistics.record_seconds += seconds() - start;
    Trace *trace = NULL;
    if (ending == ENDING_REPEAT || ending == ENDING_LINK) {
        *ip = recorder.next;
    }
    const bool useful = recording.length > (ending == ENDING_STOP ? 6 : 0);
    if (ending != ENDING_ABORT && useful) {
        recording.resume[recording.length] = *ip;
        trace = compile(jit, &recording, root, ending == ENDING_REPEAT);
    }
    if (trace == NULL) {
        jit->statistics.aborted++;
    } else if (ending == ENDING_LINK) {
        sg_error error;
        trace->exits[trace->length].linked = sg_link(trace->code, trace->length, recorder.link->trace->code, &error);
    }
    return trace;
}

/* ---- Running ---- */

/* A hot exit gets a trace of its own. */
static const Instruction *record_exit(Jit *jit, Trace *from, uint32_t index)
{
    Exit *const left = &from->exits[index];
    const Instruction *ip = left->resume;
    Trace *const trace = record(jit, &ip, NULL);
    sg_error error;
    if (trace != NULL) {
        left->linked = sg_link(from->code, index, trace->code, &error);
    }
    if (trace == NULL || !left->linked) {
        left->failures++;
    }
    return ip;
}

/* A loop that is nearly always left at once costs more to enter than it saves. */
static void give_up_if_useless(Jit *jit, Trace *trace, bool short_run)
{
    trace->short_runs += short_run;
    trace->long_runs += !short_run;
    if (trace->short_runs < SHORT_RUNS || trace->long_runs > trace->short_runs / 8) {
        return;
    }
    trace->loop->trace = NULL;
    trace->loop->failures = MAX_FAILURES;
    trace->loop->countdown = INT64_MAX;
    *entry_of(jit, trace->code) = NULL;
    sg_free(trace->code);
    free(trace->exits);
    free(trace);
    jit->statistics.given_up++;
}

/* Enter a trace; where the interpreter is to go on. */
static const Instruction *run_trace(Jit *jit, Trace *trace)
{
    Thread *const thread = jit->thread;
    const sg_exit left = sg_enter(jit->jit, trace->code, thread->slots, thread);
    thread->slots = left.state.slots;
    Trace *const from = *entry_of(jit, left.code);
    Exit *const exit = &from->exits[left.index];
    jit->statistics.entered++;
    exit->taken++;
    const uint32_t hot = jit->options->jit == JIT_ALWAYS ? 1 : HOT_EXIT << exit->failures * 2;
    const bool worth = !exit->linked && exit->failures < MAX_FAILURES && jit->statistics.traces < MAX_TRACES;
    if (worth && exit->taken >= hot && thread->error.type == NULL && !thread->interrupted) {
        return record_exit(jit, from, left.index);
    }
    const Instruction *const resume = exit->resume;
    give_up_if_useless(jit, trace, from == trace && left.index < trace->first);
    return resume;
}

static void set_countdowns(Thread *thread, JitMode mode)
{
    for (uint32_t i = 0; i < thread->loop_count; i++) {
        thread->loops[i].countdown = mode == JIT_OFF ? INT64_MAX : mode == JIT_ALWAYS ? 0 : HOT_LOOP;
    }
}

/* The interpreter stopped at a back edge whose loop is hot. */
static const Instruction *hot_loop(Jit *jit, const Instruction *ip)
{
    Loop *const loop = &jit->thread->loops[ip->operand];
    loop->countdown = 0;
    ip = loop->head;
    if (loop->trace != NULL) {
        return run_trace(jit, loop->trace);
    }
    if (jit->statistics.traces < MAX_TRACES) {
        loop->trace = record(jit, &ip, loop);
    }
    if (loop->trace == NULL) {
        loop->failures++;
        loop->countdown = loop->failures < MAX_FAILURES ? RETRY << loop->failures : INT64_MAX;
    }
    return ip;
}

static void print_statistics(const Jit *jit)
{
    const Statistics *const s = &jit->statistics;
    const Thread *const thread = jit->thread;
    const double all = (double)(thread->traced + thread->interpreted), ops = s->ops ? (double)s->ops : 1;
    fprintf(stderr, "traces            %llu, %llu of them from side exits; given up: %llu recordings, %llu traces\n",
            (unsigned long long)s->traces, (unsigned long long)s->side_traces, (unsigned long long)s->aborted,
            (unsigned long long)s->given_up);
    fprintf(stderr, "in traces         %.2f %% of %.0f micro-ops executed\n", all > 0 ? 100 * (double)thread->traced / all : 0, all);
    fprintf(stderr, "entered           %llu times\n", (unsigned long long)s->entered);
    fprintf(stderr, "micro-ops emitted %llu: %.1f bytes hot, %.1f cold, %.0f ns each\n", (unsigned long long)s->ops,
            (double)s->hot_bytes / ops, (double)s->cold_bytes / ops, s->emit_seconds * 1e9 / ops);
    fprintf(stderr, "recording         %.2f ms\n", s->record_seconds * 1e3);
}

static int end_program(Jit *jit, const Instruction *ip)
{
    Thread *const thread = jit->thread;
    int status = 0;
    fflush(stdout);
    if (thread->error.type != NULL) {
        print_traceback(thread, ip);
        status = strcmp(thread->error.type, "KeyboardInterrupt") == 0 ? 130 : 1;
    }
    if (jit->options->statistics) {
        print_statistics(jit);
    }
    sg_jit_free(jit->jit);
    return status;
}

int run_program(Thread *thread, const Options *options)
{
    static Jit jit;
    sg_error error;
    jit.options = options;
    jit.thread = thread;
    jit.jit = options->jit == JIT_OFF ? NULL : sg_jit_new(&(sg_options){.near = (const void *)&binary}, &error);
    if (options->jit != JIT_OFF && jit.jit == NULL) {
        fprintf(stderr, "minipy-vm: %s\n", error.text);
        return 1;
    }
    Interpreter *const interpret = options->statistics ? interpret_counting : options->interpreter;
    const Instruction *ip = thread->call->code->instructions;
    thread->stress = thread->stress_period = options->stress;
    set_countdowns(thread, options->jit);
    for (;;) {
        ip = interpret(thread->slots, thread, ip);
        if (thread->interrupted && thread->error.type == NULL) {
            fail(thread, "KeyboardInterrupt", "%s", "");
        }
        /* traces lead to where the next one begins, or to what the interpreter has to do */
        while (thread->error.type == NULL && !thread->interrupted && ip->opcode == OP_LOOP &&
               thread->loops[ip->operand].countdown <= 0) {
            ip = hot_loop(&jit, ip);
        }
        if (thread->error.type != NULL || thread->finished) {
            return end_program(&jit, ip);
        }
    }
}
