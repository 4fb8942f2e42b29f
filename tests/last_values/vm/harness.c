/* Runs traces both ways, from equal states: micro-op by micro-op as Clang compiles the stencils, without optimising, and as
 * emitted, linked to each other. Then compares all memory: what helpers saw on the way is in the thread's log.
 */
#include "vm.h"

#include "jit_stencils.h"

#include <stdio.h>
#include <stdlib.h>

#define STENCIL __attribute__((preserve_none)) uint64_t
#define STATE Frame *frame, uint64_t *sp, Thread *thread

enum { TRACES = 3, HEIGHT = 4, LONGEST = 256 };

typedef enum Kind { RETURNED, EXITED, CONTINUED, JUMPED } Kind;

typedef struct Outcome {
    Kind kind;
    uint64_t trace, index, value;
    Frame *frame;
    uint64_t *sp;
} Outcome;

typedef struct Traces {
    const Instruction *instructions[TRACES];
    uint32_t lengths[TRACES];
    /* By trace and exit: 1 + the trace that the exit is linked to, or 0. */
    uint8_t links[TRACES][LONGEST + 1];
} Traces;

/* ---- The reference ---- */

static const Instruction *current;
static Outcome end;

#define HOLE_AS(type, kind, name, expression) \
    type __sg_hole_##kind##_##name(void);     \
    type __sg_hole_##kind##_##name(void)      \
    {                                         \
        return (type)(expression);            \
    }
HOLE_AS(uint16_t, u16, oparg, current->oparg)
HOLE_AS(uint64_t, u64, imm, current->imm)
HOLE_AS(uint32_t, u32, imm, current->imm)
HOLE_AS(void *, p, imm, current->imm)

#define QUESTION(type, name, ...)           \
    type __sg_fact_##name(__VA_ARGS__);     \
    type __sg_fact_##name(__VA_ARGS__)      \
    {                                       \
        return 0; /* nothing is known */    \
    }
QUESTION(bool, holds, int location, unsigned facts)
QUESTION(bool, trust, int location, unsigned facts, bool predicate)

#define EFFECT(name, ...)                   \
    void __sg_effect_##name(__VA_ARGS__);   \
    void __sg_effect_##name(__VA_ARGS__)    \
    {                                       \
    }
EFFECT(learn, int location, unsigned facts)
EFFECT(forget, int location)

#define END(name, kind_, index_)                                                       \
    STENCIL name(STATE);                                                               \
    STENCIL name(STATE)                                                                \
    {                                                                                  \
        (void)thread;                                                                  \
        end = (Outcome){.kind = kind_, .index = index_, .frame = frame, .sp = sp};      \
        return 0;                                                                      \
    }
END(__sg_continue, CONTINUED, 0)
END(__sg_exit, EXITED, 0)
END(__sg_label_target, JUMPED, current->target)

#define DECLARE(name) STENCIL name(STATE);
EACH_STENCIL(DECLARE)
typedef STENCIL stencil(STATE);
static stencil *const stencils[] = {
#define LIST(name) [SG_OP_##name] = name,
    EACH_STENCIL(LIST)
};

static Outcome run_reference(const Traces *traces, Frame *frame, uint64_t *sp, Thread *thread)
{
    uint64_t trace = 0, position = 0;
    for (;;) {
        Outcome left = {.kind = EXITED, .frame = frame, .sp = sp};
        if (position < traces->lengths[trace]) {
            current = &traces->instructions[trace][position];
            end = (Outcome){.kind = RETURNED};
            const uint64_t value = stencils[current->opcode](frame, sp, thread);
            left = end;
            left.value = value;
        }
        frame = left.frame;
        sp = left.sp;
        left.trace = trace;
        switch (left.kind) {
        case RETURNED:
            return left;
        case CONTINUED:
            position++;
            break;
        case JUMPED:
            position = left.index;
            break;
        case EXITED:
            if (traces->links[trace][position] == 0) {
                left.index = position;
                return left;
            }
            trace = traces->links[trace][position] - 1u;
            position = 0;
            break;
        }
    }
}

/* ---- Both ways ---- */

static uint64_t random_state;

static uint64_t draw(void)
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The state that a seed stands for: the same words, but for the addresses of frames. */
static void start(Thread *thread, uint64_t seed)
{
    random_state = seed;
    *thread = (Thread){.coins = draw() & draw(), .fuel = draw() % 10};
    for (int i = 0; i < CELLS; i++) {
        thread->cells[i] = draw() | (draw() & 1);
    }
    for (int i = 0; i < FRAMES; i++) {
        thread->frames[i] = (Frame){
            .before = draw(),
            .ip = (const char *)draw(),
            .line = (uint32_t)draw(),
            .other = (uint32_t)draw(),
            .after = draw(),
            .next = &thread->frames[(i + 1) % FRAMES],
        };
    }
    for (int i = 0; i < DEPTH; i++) {
        thread->stack[i] = i < HEIGHT ? draw() % 1000 : 0;
    }
}

static bool differ(Thread *a, Thread *b, const Outcome *x, const Outcome *y, char *text, size_t size)
{
    if (x->kind != y->kind || x->trace != y->trace || x->index != y->index || x->value != y->value) {
        snprintf(text, size, "it ended as %d at %llu of trace %llu with %llx, the reference as %d at %llu of trace %llu with %llx",
                 y->kind, (unsigned long long)y->index, (unsigned long long)y->trace, (unsigned long long)y->value, x->kind,
                 (unsigned long long)x->index, (unsigned long long)x->trace, (unsigned long long)x->value);
        return true;
    }
    if (a->log != b->log || a->calls != b->calls || a->fuel != b->fuel || a->coins != b->coins ||
        memcmp(a->cells, b->cells, sizeof a->cells) != 0) {
        snprintf(text, size, "the helpers saw something else (%llu calls, in the reference %llu)", (unsigned long long)b->calls,
                 (unsigned long long)a->calls);
        return true;
    }
    for (int i = 0; i < FRAMES; i++) {
        const Frame *const f = &a->frames[i], *const g = &b->frames[i];
        if (f->before != g->before || f->ip != g->ip || f->line != g->line || f->other != g->other || f->after != g->after) {
            snprintf(text, size, "frame %d: ip %p, line %x, in the reference %p, %x", i, (const void *)g->ip, g->line,
                     (const void *)f->ip, f->line);
            return true;
        }
    }
    const int64_t height = x->sp - a->stack;
    if (x->kind == EXITED && (height != y->sp - b->stack || x->frame - a->frames != y->frame - b->frames ||
                              memcmp(a->stack, b->stack, (size_t)height * sizeof *a->stack) != 0)) {
        snprintf(text, size, "stack or frame differ");
        return true;
    }
    return false;
}

static bool compile_all(sg_jit *jit, const Traces *traces, sg_code **codes, sg_error *error)
{
    for (uint32_t i = 0; i < TRACES; i++) {
        codes[i] = sg_compile(jit, traces->instructions[i], traces->lengths[i], error);
        if (codes[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* Compile the traces, link the exits that `wanted` asks for where they exist (bit 0 of each number of LONGEST + 1 for each trace:
 * to the next one, bit 1: to the last), and run from `runs` states. Returns the number of differences, or -1 when it did not
 * compile; `ends` counts values returned, exits and exits of other traces than the first. */
int64_t last_check(const Traces *wanted, uint32_t mode, uint32_t selection, uint64_t plan_seed, uint64_t seed, uint32_t runs,
                   uint64_t *ends, char *text, size_t size);
int64_t last_check(const Traces *wanted, uint32_t mode, uint32_t selection, uint64_t plan_seed, uint64_t seed, uint32_t runs,
                   uint64_t *ends, char *text, size_t size)
{
    static Thread threads[2];
    Traces traces = *wanted;
    sg_code *codes[TRACES];
    sg_error error;
    const sg_options options = {
        .selection = (sg_selection)selection, .seed = plan_seed, .last = (sg_last_mode)mode, .size = 1 << 20};
    sg_jit *const jit = sg_jit_new(&options, &error);
    if (jit == NULL || !compile_all(jit, &traces, codes, &error)) {
        snprintf(text, size, "%s", error.text);
        sg_jit_free(jit);
        return -1;
    }
    for (uint32_t i = 0; i < TRACES; i++) {
        for (uint32_t j = 0; j <= traces.lengths[i]; j++) {
            uint8_t *const link = &traces.links[i][j];
            if (*link != 0 && (i + 1 >= TRACES || !sg_link(codes[i], j, codes[*link - 1], NULL))) {
                *link = 0;
            }
        }
    }
    int64_t differences = 0;
    for (uint32_t run = 0; run < runs; run++) {
        start(&threads[0], seed + run);
        const Outcome expected = run_reference(&traces, threads[0].frames, threads[0].stack + HEIGHT, &threads[0]);
        start(&threads[1], seed + run);
        const sg_exit left = sg_enter(jit, codes[0], threads[1].frames, threads[1].stack + HEIGHT, &threads[1]);
        Outcome found = {.kind = RETURNED, .trace = expected.trace, .value = left.value};
        if (left.kind == SG_EXITED) {
            const uint64_t trace = left.code == codes[0] ? 0 : left.code == codes[1] ? 1 : 2;
            found = (Outcome){
                .kind = EXITED, .trace = trace, .index = left.index, .frame = left.state.frame, .sp = left.state.sp};
        }
        ends[expected.kind == RETURNED ? 0 : 1]++;
        ends[2] += expected.kind == EXITED && expected.trace != 0;
        char line[300];
        if (differ(&threads[0], &threads[1], &expected, &found, line, sizeof line) && differences++ == 0) {
            snprintf(text, size, "seed %llu: %s", (unsigned long long)(seed + run), line);
        }
    }
    sg_jit_free(jit);
    return differences;
}

/* The bytes of one trace's code, hot and cold, each with what its micro-ops have. Returns the hot size, -1 when it did not compile. */
int64_t last_code(const Instruction *trace, uint32_t length, uint32_t mode, uint8_t *hot, uint8_t *cold, uint32_t *cold_size);
int64_t last_code(const Instruction *trace, uint32_t length, uint32_t mode, uint8_t *hot, uint8_t *cold, uint32_t *cold_size)
{
    sg_jit *const jit = sg_jit_new(&(sg_options){.last = (sg_last_mode)mode, .size = 1 << 20}, NULL);
    sg_code *const code = sg_compile(jit, trace, length, NULL);
    if (code == NULL) {
        sg_jit_free(jit);
        return -1;
    }
    const sg_info info = sg_code_info(code);
    memcpy(hot, info.hot, info.hot_size);
    memcpy(cold, info.cold, info.cold_size);
    *cold_size = info.cold_size;
    sg_jit_free(jit);
    return info.hot_size;
}

/* Write a profile of these traces, for superstencils. */
bool last_profile(const Instruction *trace, uint32_t length, const char *path, char *text, size_t size);
bool last_profile(const Instruction *trace, uint32_t length, const char *path, char *text, size_t size)
{
    sg_error error;
    sg_jit *const jit = sg_jit_new(&(sg_options){.profile = path, .size = 1 << 20}, &error);
    const bool done = jit != NULL && sg_compile(jit, trace, length, &error) != NULL;
    if (!done) {
        snprintf(text, size, "%s", error.text);
    }
    sg_jit_free(jit);
    return done;
}
