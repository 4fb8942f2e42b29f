/* Runs a trace both ways, from equal states: micro-op by micro-op as Clang compiles the stencils, without optimising, with nothing
 * ever known and the stack in memory; and as units that the planner chose, with facts carried along it or not. Then compares
 * all that a VM may rely on; what lies above the stack's top is not.
 */
#include "vm.h"

/* The header's loop calls planned_and_counted below, which notes what the planner has chosen. */
#define sg_planned planned_and_counted
#include "jit_stencils.h"
#undef sg_planned
const sg_plan *sg_planned(const sg_assembler *as);

#include <stdio.h>

#define STENCIL __attribute__((preserve_none)) uint64_t
#define STATE Machine *machine, uint64_t *sp

enum { UNITS = sizeof sg_units / sizeof *sg_units };

typedef enum Kind { EXITED, CONTINUED, JUMPED } Kind;

typedef struct Outcome {
    Kind kind;
    uint64_t index;
    uint64_t *sp;
} Outcome;

static uint64_t used[UNITS];

const sg_plan *planned_and_counted(const sg_assembler *as)
{
    const sg_plan *const plan = sg_planned(as);
    for (uint32_t i = 0; i < plan->length;) {
        uint32_t chosen = plan->steps[i];
        if (chosen >= SG_STEPS) {
            const sg_head_step *const head = &plan->heads[chosen - SG_STEPS];
            used[head->fill]++;
            chosen = head->step;
        }
        const sg_step alone = {.unit = (uint16_t)chosen, .length = 1};
        const sg_step *const step = chosen < UNITS ? &alone : &sg_steps[chosen - UNITS];
        used[step->unit]++;
        i += step->length;
    }
    return plan;
}

/* How often each unit has been emitted, by its number in sg_units. */
const uint64_t *facts_used(void);
const uint64_t *facts_used(void)
{
    return used;
}

/* ---- The reference ---- */

static const Instruction *current;
static Outcome end;

#define HOLE_AS(type, kind, name, expression)        \
    type __sg_hole_##kind##_##name(void);            \
    type __sg_hole_##kind##_##name(void)             \
    {                                                \
        return (type)(expression);                   \
    }
HOLE_AS(int16_t, i16, d, current->d)
HOLE_AS(int16_t, i16, a, current->a)
HOLE_AS(uint64_t, u64, imm, current->imm)

#include "nothing_known.h"

#define END(name, kind_, index_)                                       \
    STENCIL name(STATE);                                               \
    STENCIL name(STATE)                                                \
    {                                                                  \
        (void)machine;                                                 \
        end = (Outcome){.kind = kind_, .index = index_, .sp = sp};     \
        return 0;                                                      \
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

static Outcome run_reference(const Instruction *trace, uint64_t length, Machine *machine, uint64_t *sp)
{
    uint64_t position = 0;
    while (position < length) {
        current = &trace[position];
        stencils[current->opcode](machine, sp);
        sp = end.sp;
        if (end.kind == EXITED) {
            end.index = position;
            return end;
        }
        position = end.kind == JUMPED ? end.index : position + 1;
    }
    return (Outcome){.kind = EXITED, .index = length, .sp = sp};
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

/* Most guards hold of it. */
static uint64_t draw_value(void)
{
    const uint64_t value = draw();
    return (value & 12 ? (value >> 8 & 255) : value >> 8) | (value & 48 ? 1 : 0);
}

/* The state that a seed stands for, with `height` entries; above them lies what `above` says. */
static void start(Machine *machine, uint64_t seed, uint64_t height, uint64_t above)
{
    random_state = seed;
    for (int i = 0; i < LOCALS; i++) {
        machine->locals[i] = draw_value();
    }
    for (int i = 0; i < OBJECTS; i++) {
        machine->counts[i] = draw() % 4 != 0 ? 1 : draw() % 4;
    }
    machine->base = machine->stack + 8;
    machine->saved = machine->base;
    machine->fuel = draw() % 12;
    machine->log = machine->calls = 0;
    for (uint64_t i = 0; i < DEPTH; i++) {
        machine->stack[i] = i < 8 + height ? draw_value() : above * (i + 1);
    }
}

static bool differ(const Machine *a, const Machine *b, const Outcome *x, const sg_exit *y, char *text, size_t size)
{
    const int64_t height = x->sp - a->stack;
    if (y->kind != SG_EXITED || x->index != y->index || height != y->state.sp - b->stack) {
        snprintf(text, size, "it left at %u with %lld entries, the reference at %llu with %lld", y->index,
                 (long long)(y->state.sp - b->stack), (unsigned long long)x->index, (long long)height);
        return true;
    }
    for (int64_t i = 0; i < height; i++) {
        if (a->stack[i] != b->stack[i]) {
            snprintf(text, size, "exit %llu: entry %lld of %lld is %llx, in the reference %llx", (unsigned long long)x->index,
                     (long long)i, (long long)height, (unsigned long long)b->stack[i], (unsigned long long)a->stack[i]);
            return true;
        }
    }
    const bool equal = memcmp(a->locals, b->locals, sizeof a->locals) == 0 &&
                       memcmp(a->counts, b->counts, sizeof a->counts) == 0 && a->fuel == b->fuel &&
                       a->saved - a->stack == b->saved - b->stack && a->log == b->log && a->calls == b->calls;
    if (!equal) {
        snprintf(text, size, "exit %llu: the machine's own state differs", (unsigned long long)x->index);
    }
    return !equal;
}

/* Run a trace from `runs` states with `height` entries on the stack, its units chosen as `selection` says. Returns the number of
 * differences, or -1 when it did not compile; `exits` counts where the runs ended, `bytes` is all of the hot code. */
int64_t facts_check(const Instruction *trace, uint32_t length, bool facts, uint32_t selection, uint64_t seed, uint32_t runs,
                    uint64_t height, uint64_t *exits, uint32_t *bytes, char *text, size_t size);
int64_t facts_check(const Instruction *trace, uint32_t length, bool facts, uint32_t selection, uint64_t seed, uint32_t runs,
                    uint64_t height, uint64_t *exits, uint32_t *bytes, char *text, size_t size)
{
    static Machine machines[2];
    sg_error error;
    const sg_options options = {
        .selection = (sg_selection)selection,
        .seed = seed,
        .no_facts = !facts,
        .size = 1 << 20,
    };
    sg_jit *const jit = sg_jit_new(&options, &error);
    sg_code *const code = jit == NULL ? NULL : sg_compile(jit, trace, length, &error);
    if (code == NULL) {
        snprintf(text, size, "%s", error.text);
        sg_jit_free(jit);
        return -1;
    }
    *bytes = sg_code_info(code).hot_size;
    int64_t differences = 0;
    for (uint32_t run = 0; run < runs; run++) {
        start(&machines[0], seed + run, height, 0x1111);
        const Outcome expected = run_reference(trace, length, &machines[0], machines[0].base + height);
        start(&machines[1], seed + run, height, 0x2222);
        const sg_exit left = sg_enter(jit, code, &machines[1], machines[1].base + height);
        exits[expected.index]++;
        char line[256];
        if (differ(&machines[0], &machines[1], &expected, &left, line, sizeof line) && differences++ == 0) {
            snprintf(text, size, "seed %llu: %s", (unsigned long long)(seed + run), line);
        }
    }
    sg_jit_free(jit);
    return differences;
}

/* Compile a trace in a context that writes a profile. */
bool facts_profile(const Instruction *trace, uint32_t length, const char *path);
bool facts_profile(const Instruction *trace, uint32_t length, const char *path)
{
    sg_jit *const jit = sg_jit_new(&(sg_options){.profile = path, .size = 1 << 20}, NULL);
    const bool done = jit != NULL && sg_compile(jit, trace, length, NULL) != NULL;
    sg_jit_free(jit);
    return done;
}
