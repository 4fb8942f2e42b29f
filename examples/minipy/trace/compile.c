/* From a recording to code that can be entered and linked, and back: giving traces up.
 *
 * What is measured (--stats, --traces) or made to fail (--stress-exits) runs with instruments; bytes and times are those
 * of the trace without them, which is compiled first.
 */
#include "jit.h"

#include "references.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "MemoryError\n");
        exit(1);
    }
    return memory;
}

/* ---- Traces by their code ---- */

static Trace **entry_of(Jit *jit, const sg_code *code)
{
    const size_t size = sizeof jit->table / sizeof *jit->table; /* a power of two, four times MAX_TRACES */
    size_t i = ((uintptr_t)code >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 51 & (size - 1);
    while (jit->table[i].code != NULL && jit->table[i].code != code) {
        i = (i + 1) & (size - 1);
    }
    jit->table[i].code = code;
    return &jit->table[i].trace;
}

Trace *trace_of(Jit *jit, const sg_code *code)
{
    return *entry_of(jit, code);
}

/* ---- Compiling ---- */

static Tally *new_tally(const Recording *recording)
{
    const uint32_t length = recording->length;
    Tally *const tally = must(calloc(1, sizeof *tally));
    tally->executed = must(calloc(length + 1, sizeof *tally->executed));
    tally->ops = must(calloc(length + 1, sizeof *tally->ops));
    tally->lines = must(calloc(length + 1, sizeof *tally->lines));
    tally->positions = must(calloc(length + 1, sizeof *tally->positions));
    memcpy(tally->ops, recording->ops, length * sizeof *tally->ops);
    for (uint32_t i = 0; i < length; i++) {
        tally->lines[i] = recording->origin[i]->line;
    }
    return tally;
}

/* See --stress-exits and --stress-each. */
static Stress new_stress(Jit *jit, const Recording *recording)
{
    Stress stress = {.of_all = &jit->thread->stress, .turn = jit->options->stress_each};
    if (stress.turn != 0) {
        stress.of_each = must(calloc(recording->length, sizeof *stress.of_each));
    }
    return stress;
}

static Exit *new_exits(const Recording *recording)
{
    Exit *const exits = must(calloc(recording->length + 1, sizeof *exits));
    for (uint32_t i = 0; i <= recording->length; i++) {
        const bool forced = i < recording->length && recording->ops[i].opcode == OP_STRESS;
        exits[i] = (Exit){.resume = recording->resume[i], .failures = forced ? MAX_FAILURES : 0};
    }
    return exits;
}

static void take_held(Trace *trace, Recording *recorded)
{
    trace->held_count = recorded->held_count;
    trace->held = must(malloc(trace->held_count * sizeof *trace->held + 1));
    memcpy(trace->held, recorded->held, trace->held_count * sizeof *trace->held);
    recorded->held_count = 0;
}

void let_go(Thread *thread, Object **held, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        release(thread, from_object(held[i]));
    }
}

static uint32_t first_iteration(const Recording *recording)
{
    const Instruction *const last = &recording->ops[recording->length - 1];
    return last->opcode == OP_REPEAT && last->target != 0 ? (uint32_t)last->target : recording->length;
}

static sg_code *emit(Jit *jit, const Recording *recording)
{
    sg_error error;
    sg_code *const code = sg_compile(jit->jit, recording->ops, recording->length, &error);
    if (code == NULL && jit->options->dump) {
        fprintf(stderr, "minipy: no trace: %s\n", error.text);
    }
    return code;
}

/* Code without instruments, and its figures. */
static sg_code *emit_plain(Jit *jit, const Recording *recording, Trace *trace)
{
    const double start = seconds();
    sg_code *const code = emit(jit, recording);
    jit->statistics.emit_seconds += seconds() - start;
    if (code != NULL) {
        const sg_info info = sg_code_info(code);
        trace->plain_length = info.length;
        trace->hot_bytes = info.hot_size;
        trace->cold_bytes = info.cold_size;
    }
    return code;
}

static void count_trace(Statistics *statistics, const Trace *trace)
{
    statistics->traces++;
    statistics->side_traces += trace->loop == NULL;
    statistics->ops += trace->plain_length;
    statistics->hot_bytes += trace->hot_bytes;
    statistics->cold_bytes += trace->cold_bytes;
    statistics->live_bytes += trace->hot_bytes + trace->cold_bytes;
    if (statistics->live_bytes > statistics->peak_bytes) {
        statistics->peak_bytes = statistics->live_bytes;
    }
}

Trace *compile(Jit *jit, Recording *recorded, Loop *loop, bool repeats)
{
    static Recording optimised, instrumented;
    const Options *const options = jit->options;
    const Recording *recording = &optimised;
    if (jit->trace_count == MAX_TRACES) {
        return NULL;
    }
    optimise(recorded, repeats, jit->thread->constants, &optimised);
    if (options->dump) {
        print_recording(&optimised, loop != NULL ? "loop" : "side trace");
    }
    Trace trace = {.number = jit->trace_count, .loop = loop};
    trace.code = emit_plain(jit, &optimised, &trace);
    const bool stressed = options->stress != 0 || options->stress_each != 0;
    const bool tallied = options->traces != NULL || options->profile != NULL;
    if (trace.code != NULL && (stressed || options->statistics || tallied)) {
        sg_free(trace.code);
        trace.tally = tallied ? new_tally(&optimised) : NULL;
        trace.stress = stressed ? new_stress(jit, &optimised) : (Stress){0};
        instrument(&optimised, stressed ? &trace.stress : NULL, options->statistics, trace.tally, &instrumented);
        recording = &instrumented;
        trace.code = emit(jit, &instrumented);
    }
    if (trace.code == NULL) {
        return NULL;
    }
    trace.length = recording->length;
    trace.first = first_iteration(recording);
    trace.exits = new_exits(recording);
    take_held(&trace, recorded);
    count_trace(&jit->statistics, &trace);
    Trace *const made = must(malloc(sizeof *made));
    *made = trace;
    *entry_of(jit, trace.code) = made;
    return jit->traces[jit->trace_count++] = made;
}

/* ---- Links ---- */

bool link_exit(Jit *jit, Trace *from, uint32_t index, Trace *to)
{
    sg_error error;
    if (!sg_link(from->code, index, to->code, &error)) {
        return false;
    }
    from->exits[index].link = to;
    jit->statistics.linked++;
    return true;
}

void give_up(Jit *jit, Trace *trace)
{
    *entry_of(jit, trace->code) = NULL;
    sg_free(trace->code);
    trace->code = NULL;
    let_go(jit->thread, trace->held, trace->held_count);
    trace->held_count = 0;
    jit->statistics.given_up++;
    jit->statistics.live_bytes -= trace->hot_bytes + trace->cold_bytes;
    for (uint32_t i = 0; i < jit->trace_count; i++) {
        for (uint32_t exit = 0; exit <= jit->traces[i]->length; exit++) {
            if (jit->traces[i]->exits[exit].link == trace) {
                jit->traces[i]->exits[exit].link = NULL;
            }
        }
    }
}

void free_traces(Jit *jit)
{
    sg_jit_free(jit->jit);
    for (uint32_t i = 0; i < jit->trace_count; i++) {
        let_go(jit->thread, jit->traces[i]->held, jit->traces[i]->held_count);
    }
}
