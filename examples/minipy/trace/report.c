/* What the JIT did, for people (--dump, --stats) and for programs (--traces, --stats-json). */
#include "jit.h"

#include <time.h>

double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void print_recording(const Recording *recording, const char *what)
{
    fprintf(stderr, "---- %s, %u micro-ops\n", what, recording->length);
    for (uint32_t i = 0; i < recording->length; i++) {
        const Instruction *const op = &recording->ops[i];
        fprintf(stderr, "%4u  line %-4u %-28s d=%-4d a=%-4d b=%-4d %llx\n", i, recording->origin[i]->line,
                opcode_names[op->opcode], op->d, op->a, op->b, (unsigned long long)op->operand);
    }
}

#define FIGURE(value) (unsigned long long)(value)

void print_statistics(const Jit *jit)
{
    const Statistics *const s = &jit->statistics;
    const Thread *const thread = jit->thread;
    const double all = (double)(thread->traced + thread->interpreted), ops = s->ops ? (double)s->ops : 1;
    fprintf(stderr, "traces            %llu, %llu of them from side exits; given up: %llu recordings, %llu traces\n",
            FIGURE(s->traces), FIGURE(s->side_traces), FIGURE(s->aborted), FIGURE(s->given_up));
    fprintf(stderr, "links             %llu\n", FIGURE(s->linked));
    fprintf(stderr, "in traces         %.2f %% of %.0f micro-ops executed\n",
            all > 0 ? 100 * (double)thread->traced / all : 0, all);
    fprintf(stderr, "entered           %llu times\n", FIGURE(s->entered));
    fprintf(stderr, "micro-ops emitted %llu: %.1f bytes hot, %.1f cold, %.0f ns each\n", FIGURE(s->ops),
            (double)s->hot_bytes / ops, (double)s->cold_bytes / ops, s->emit_seconds * 1e9 / ops);
    fprintf(stderr, "code              %llu bytes at most\n", FIGURE(s->peak_bytes));
    fprintf(stderr, "recording         %.2f ms\n", s->record_seconds * 1e3);
}

/* With --stress-each: guards that can fail on demand; that were reached so often that they did. */
static void count_stressed(const Jit *jit, uint64_t *guards, uint64_t *failed)
{
    *guards = *failed = 0;
    for (uint32_t number = 0; number < jit->trace_count; number++) {
        const Stress *const stress = &jit->traces[number]->stress;
        *guards += stress->guards;
        for (uint32_t i = 0; i < stress->guards; i++) {
            *failed += stress->of_each[i] > stress->turn; /* it counts down from INT64_MAX now */
        }
    }
}

void write_statistics(const Jit *jit, FILE *file)
{
    const Statistics *const s = &jit->statistics;
    uint64_t guards, failed;
    count_stressed(jit, &guards, &failed);
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        {"micro_ops_in_traces", jit->thread->traced},
        {"micro_ops_executed", jit->thread->traced + jit->thread->interpreted},
        {"micro_ops_emitted", s->ops},
        {"hot_bytes", s->hot_bytes},
        {"cold_bytes", s->cold_bytes},
        {"peak_code_bytes", s->peak_bytes},
        {"emission_ns", (uint64_t)(s->emit_seconds * 1e9)},
        {"recording_ns", (uint64_t)(s->record_seconds * 1e9)},
        {"traces_compiled", s->traces},
        {"side_traces_compiled", s->side_traces},
        {"exits_linked", s->linked},
        {"traces_given_up", s->given_up},
        {"recordings_given_up", s->aborted},
        {"entered", s->entered},
        {"guards_stressed", guards},
        {"guards_failed_on_demand", failed},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        fprintf(file, "%s\"%s\": %llu", i == 0 ? "{" : ", ", figures[i].name, FIGURE(figures[i].value));
    }
    fprintf(file, "}\n");
}

static void write_micro_op(const Trace *trace, uint32_t i, FILE *file)
{
    const Tally *const tally = trace->tally;
    const Instruction *const op = &tally->ops[i];
    const Exit *const exit = &trace->exits[tally->positions[i]];
    fprintf(file, "%s{\"op\": \"%s\", \"d\": %d, \"a\": %d, \"b\": %d, \"operand\": %llu, \"target\": %d, \"back\": %llu",
            i == 0 ? "" : ", ", opcode_names[op->opcode], op->d, op->a, op->b, FIGURE(op->operand), op->target,
            FIGURE((uintptr_t)op->back));
    fprintf(file, ", \"line\": %u, \"executed\": %llu", tally->lines[i], FIGURE(tally->executed[i]));
    if (exit->link != NULL) {
        fprintf(file, ", \"link\": %u", exit->link->number);
    }
    fprintf(file, "}");
}

void write_traces(const Jit *jit, FILE *file)
{
    for (uint32_t number = 0; number < jit->trace_count; number++) {
        const Trace *const trace = jit->traces[number];
        const Exit *const end = &trace->exits[trace->length];
        fprintf(file, "{\"trace\": %u, \"kind\": \"%s\", \"given_up\": %s, \"started\": %llu", number,
                trace->loop != NULL ? "loop" : "side", trace->code == NULL ? "true" : "false", FIGURE(trace->tally->started));
        fprintf(file, ", \"hot_bytes\": %u, \"cold_bytes\": %u", trace->hot_bytes, trace->cold_bytes);
        if (end->link != NULL) {
            fprintf(file, ", \"link\": %u", end->link->number);
        }
        fprintf(file, ", \"ops\": [");
        for (uint32_t i = 0; i < trace->plain_length; i++) {
            write_micro_op(trace, i, file);
        }
        fprintf(file, "]}\n");
    }
}

/* A profile's line for the micro-ops from `begin` on: how often they were executed, then each with its operands. */
static void write_profile_line(const Tally *tally, uint32_t begin, uint32_t end, bool repeats, FILE *file)
{
    uint64_t weight = 0;
    for (uint32_t i = begin; i < end; i++) {
        weight = tally->executed[i] > weight ? tally->executed[i] : weight;
    }
    if (weight == 0) {
        return;
    }
    fprintf(file, "%llu", FIGURE(weight));
    for (uint32_t i = begin; i < end; i++) {
        uint64_t operands[SG_MAX_OPERANDS];
        const uint32_t count = sg_operands(&tally->ops[i], operands);
        fprintf(file, " %s%s", repeats && i == begin ? "^" : "", opcode_names[tally->ops[i].opcode]);
        for (uint32_t j = 0; j < count; j++) {
            fprintf(file, "%c%lld", j == 0 ? ':' : ',', (long long)operands[j]);
        }
    }
    fprintf(file, "\n");
}

void write_profile(const Jit *jit, FILE *file)
{
    for (uint32_t number = 0; number < jit->trace_count; number++) {
        const Trace *const trace = jit->traces[number];
        const uint32_t length = trace->plain_length;
        const Instruction *const last = &trace->tally->ops[length - 1];
        const uint32_t head = last->opcode == OP_REPEAT ? (uint32_t)last->target : length;
        write_profile_line(trace->tally, 0, head, false, file);
        write_profile_line(trace->tally, head, length, true, file);
    }
}
