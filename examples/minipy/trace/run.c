/* Running: interpret; record what is hot; enter traces; go on where they are left.
 *
 *     interpreter ──hot loop──▶ record ──▶ optimise ──▶ compile ──▶ trace ◀──link── trace
 *          ▲                                                         │
 *          └─────────────── side exit: resume there ─────────────────┘ hot exit: record from there, and link
 *
 * All state is in the slots and the calls, for traces as for the interpreter. So a trace can be entered wherever control
 * is where it starts, and left with nothing but an instruction to go on with.
 */
#include "jit.h"

#include <stdlib.h>
#include <string.h>

/* back edges until a loop is recorded; exits; back edges until a loop is tried again; runs until a trace is judged */
enum { HOT_LOOP = 40, HOT_EXIT = 12, SOON = 5, RETRY = 400, SHORT_RUNS = 2000 };
/* The last iteration of a loop says little about the others: so often one that leaves it is not recorded, but another. */
enum { PATIENCE = 3 };

/* ---- Recording: the interpreter goes on one instruction at a time ---- */

/* Record from `*ip` on until there is a trace or a reason to stop; `*ip` is then where control is. *awaited, when there is no
 * trace: the loop that has to have one first, or NULL. */
static Trace *record(Jit *jit, const Instruction **ip, Loop *root, Loop **awaited)
{
    static Recording recording;
    Thread *const thread = jit->thread;
    Recorder recorder = {.thread = thread, .root = root, .frame = thread->call, .recording = &recording, .start = *ip};
    recorder.must_stay = root != NULL && root->failures < PATIENCE;
    recording.length = recording.held_count = 0;
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
    *awaited = recorder.awaited;
    let_go(thread, recording.held, recording.held_count); /* what no trace took */
    if (trace == NULL) {
        jit->statistics.aborted++;
    } else if (ending == ENDING_LINK) {
        link_exit(jit, trace, trace->length, recorder.link->trace);
    }
    return trace;
}

/* ---- Running ---- */

/* A hot exit gets a trace of its own. */
static const Instruction *record_exit(Jit *jit, Trace *from, uint32_t index)
{
    Exit *const left = &from->exits[index];
    const Instruction *ip = left->resume;
    Loop *awaited;
    Trace *const trace = record(jit, &ip, NULL, &awaited);
    if (trace == NULL && awaited != NULL && awaited->failures < PATIENCE + MAX_FAILURES) {
        left->taken = 0; /* too early */
    } else if (trace == NULL || !link_exit(jit, from, index, trace)) {
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
    trace->loop->failures = PATIENCE + MAX_FAILURES;
    trace->loop->countdown = INT64_MAX;
    give_up(jit, trace);
}

/* Enter a trace; where the interpreter is to go on. */
static const Instruction *run_trace(Jit *jit, Trace *trace)
{
    Thread *const thread = jit->thread;
    const sg_exit left = sg_enter(jit->jit, trace->code, thread->slots, thread);
    thread->slots = left.state.slots;
    Trace *const from = trace_of(jit, left.code);
    Exit *const exit = &from->exits[left.index];
    jit->statistics.entered++;
    exit->taken++;
    const uint32_t hot = jit->options->jit == JIT_ALWAYS ? 1 : HOT_EXIT << exit->failures * 2;
    const bool worth = exit->link == NULL && exit->failures < MAX_FAILURES && jit->statistics.traces < MAX_TRACES;
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
    Loop *awaited;
    if (jit->statistics.traces < MAX_TRACES) {
        loop->trace = record(jit, &ip, loop, &awaited);
    }
    if (loop->trace == NULL) {
        const uint32_t failures = ++loop->failures;
        const bool always = jit->options->jit == JIT_ALWAYS;
        loop->countdown = failures <= PATIENCE                  ? (always ? 0 : SOON)
                          : failures < PATIENCE + MAX_FAILURES ? RETRY << (failures - PATIENCE)
                                                               : INT64_MAX;
    }
    return ip;
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
    if (jit->options->print_statistics) {
        print_statistics(jit);
    }
    if (jit->options->statistics_file != NULL) {
        write_statistics(jit, jit->options->statistics_file);
    }
    if (jit->options->traces != NULL) {
        write_traces(jit, jit->options->traces);
    }
    if (jit->options->profile != NULL) {
        write_profile(jit, jit->options->profile);
    }
    free_traces(jit);
    return status;
}

int run_program(Thread *thread, const Options *options)
{
    static Jit jit;
    sg_error error;
    jit.options = options;
    jit.thread = thread;
    const sg_options wanted = {
        .near = (const void *)&binary,
        .no_facts = options->no_facts,
        .selection = (sg_selection)options->selection,
        .seed = options->seed,
    };
    jit.jit = options->jit == JIT_OFF ? NULL : sg_jit_new(&wanted, &error);
    if (options->jit != JIT_OFF && jit.jit == NULL) {
        fprintf(stderr, "minipy-vm: %s\n", error.text);
        return 1;
    }
    Interpreter *const interpret = options->statistics ? interpret_counting : options->interpreter;
    const Instruction *ip = thread->call->code->instructions;
    thread->stress = options->stress;
    thread->stress_period = options->stress_each != 0 ? INT64_MAX : options->stress;
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
