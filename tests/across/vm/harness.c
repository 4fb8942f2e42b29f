/* Runs a trace both ways, from equal states: micro-op by micro-op as Clang compiles the stencils, without optimising, and
 * as units that the planner chose. Then compares all that a VM may rely on; what lies above the stack's top is not.
 */
#include "vm.h"

/* A header's loop over units calls planned_and_counted below, which notes what the planner has chosen. */
#define sg_planned planned_and_counted
#include "jit_stencils.h"
#undef sg_planned

#include <stdio.h>
#include <stdlib.h>

#define STENCIL __attribute__((preserve_none)) uint64_t
#define STATE Machine *machine, uint64_t *sp, uint64_t acc

typedef enum Kind { RETURNED, EXITED, CONTINUED, JUMPED } Kind;

typedef struct Outcome {
    Kind kind;
    uint64_t index, value;
    uint64_t *sp;
    uint64_t acc;
} Outcome;

#ifdef HAS_UNITS
const sg_plan *sg_planned(const sg_assembler *as);

enum { UNITS = sizeof sg_units / sizeof *sg_units };

static uint64_t used[UNITS];
static uint8_t arrivals[4096]; /* by position of the trace compiled last: 0, or 1 plus the entries in registers there */

const sg_plan *planned_and_counted(const sg_assembler *as)
{
    const sg_plan *const plan = sg_planned(as);
    memcpy(arrivals, plan->target, plan->length + (size_t)1);
    for (uint32_t i = 0; i < plan->length;) {
        uint32_t chosen = plan->steps[i];
        if (chosen >= SG_STEPS) {
            const sg_head_step *const head = &plan->heads[chosen - SG_STEPS];
            used[head->fill]++;
            chosen = head->step;
        }
        const sg_step alone = {.unit = (uint16_t)chosen, .length = 1};
        const sg_step *const step = chosen < UNITS ? &alone : &sg_steps[chosen - UNITS];
        used[step->before]++;
        used[step->unit]++;
        used[step->after]++;
        i += step->length;
    }
    return plan;
}

/* How often each unit has been emitted, by its number in sg_units. */
const uint64_t *across_used(void);
const uint64_t *across_used(void)
{
    return used;
}

const uint8_t *across_arrivals(void);
const uint8_t *across_arrivals(void)
{
    return arrivals;
}
#endif

/* ---- The reference ---- */

static const Instruction *current;
static Outcome end;

#define HOLE_AS(type, kind, name, expression)        \
    type __sg_hole_##kind##_##name(void);            \
    type __sg_hole_##kind##_##name(void)             \
    {                                                \
        return (type)(expression);                   \
    }
HOLE_AS(uint16_t, u16, oparg, current->oparg)
HOLE_AS(int64_t, i64, imm, current->imm)
HOLE_AS(int16_t, i16, d, current->d)
HOLE_AS(int16_t, i16, a, current->a)
HOLE_AS(uint16_t, u16, a, current->a)

#define END(name, kind_, index_)                                       \
    STENCIL name(STATE);                                               \
    STENCIL name(STATE)                                                \
    {                                                                  \
        (void)machine;                                                 \
        end = (Outcome){.kind = kind_, .index = index_, .sp = sp, .acc = acc}; \
        return 0;                                                      \
    }
END(__sg_continue, CONTINUED, 0)
END(__sg_exit, EXITED, 0)
END(__sg_label_target, JUMPED, current->target)
END(__sg_label_other, JUMPED, current->other)

#define DECLARE(name) STENCIL name(STATE);
EACH_STENCIL(DECLARE)
typedef STENCIL stencil(STATE);
static stencil *const stencils[] = {
#define LIST(name) [SG_OP_##name] = name,
    EACH_STENCIL(LIST)
};

static Outcome run_reference(const Instruction *trace, uint64_t length, Machine *machine, uint64_t *sp, uint64_t acc)
{
    uint64_t position = 0;
    while (position < length) {
        current = &trace[position];
        end = (Outcome){.kind = RETURNED, .sp = sp};
        const uint64_t value = stencils[current->opcode](machine, sp, acc);
        end.value = value;
        if (end.kind == RETURNED) {
            return end;
        }
        sp = end.sp;
        acc = end.acc;
        if (end.kind == EXITED) {
            end.index = position;
            return end;
        }
        position = end.kind == JUMPED ? end.index : position + 1;
    }
    return (Outcome){.kind = EXITED, .index = length, .sp = sp, .acc = acc};
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

static uint64_t draw_value(void)
{
    const uint64_t value = draw();
    return value & 1 ? value >> (value >> 58) : (value >> 8) & 31;
}

/* The state that a seed stands for, with `height` entries; above them lies what `above` says. */
static uint64_t start(Machine *machine, uint64_t seed, uint64_t height, uint64_t above)
{
    random_state = seed;
    for (int i = 0; i < LOCALS; i++) {
        machine->locals[i] = draw_value();
    }
    for (int i = 0; i < NUMBERS; i++) {
        machine->numbers[i] = (double)(int64_t)(draw() >> 30);
    }
    machine->base = machine->stack + 8;
    machine->saved = machine->base;
    machine->fuel = draw() % 12;
    machine->log = machine->calls = 0;
    for (uint64_t i = 0; i < DEPTH; i++) {
        machine->stack[i] = i < 8 + height ? draw_value() : above * (i + 1);
    }
    return draw_value();
}

static bool differ(const Machine *a, const Machine *b, const Outcome *x, const Outcome *y, char *text, size_t size)
{
    static const char *const kinds[] = {"returned", "exited"};
    if (x->kind != y->kind || x->index != y->index || x->value != y->value) {
        snprintf(text, size, "it %s at %llu with %llx, the reference %s at %llu with %llx", kinds[y->kind],
                 (unsigned long long)y->index, (unsigned long long)y->value, kinds[x->kind],
                 (unsigned long long)x->index, (unsigned long long)x->value);
        return true;
    }
    const int64_t height = x->sp - a->stack;
    if (x->kind == EXITED && (height != y->sp - b->stack || x->acc != y->acc)) {
        snprintf(text, size, "exit %llu: %lld entries and acc %llx, the reference has %lld and %llx",
                 (unsigned long long)x->index, (long long)(y->sp - b->stack), (unsigned long long)y->acc,
                 (long long)height, (unsigned long long)x->acc);
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
                       memcmp(a->numbers, b->numbers, sizeof a->numbers) == 0 && a->fuel == b->fuel &&
                       a->saved - a->stack == b->saved - b->stack && a->log == b->log && a->calls == b->calls;
    if (!equal) {
        snprintf(text, size, "the machine's own state differs (calls %llu, in the reference %llu)",
                 (unsigned long long)b->calls, (unsigned long long)a->calls);
    }
    return !equal;
}

/* Run a trace from `runs` states with `height` entries on the stack, its units chosen as `selection` says. Returns the number of
 * differences, or -1 when it did not compile; `exits` counts where the runs ended (`length` + 1 places: the last for
 * values returned). */
int64_t across_check(const Instruction *trace, uint32_t length, uint32_t selection, uint64_t plan_seed, uint64_t seed,
                     uint32_t runs, uint64_t height, uint64_t *exits, char *text, size_t size);
int64_t across_check(const Instruction *trace, uint32_t length, uint32_t selection, uint64_t plan_seed, uint64_t seed,
                     uint32_t runs, uint64_t height, uint64_t *exits, char *text, size_t size)
{
    static Machine machines[2];
    sg_error error;
    const sg_options options = {
        .selection = (sg_selection)selection,
        .seed = plan_seed,
        .cpu = plan_seed % 2 == 0 ? SG_X86_64 : 0, /* the planner has two ways to take minima */
        .size = 1 << 20,
    };
    sg_jit *const jit = sg_jit_new(&options, &error);
    sg_code *const code = jit == NULL ? NULL : sg_compile(jit, trace, length, &error);
    if (code == NULL) {
        snprintf(text, size, "%s", error.text);
        sg_jit_free(jit);
        return -1;
    }
    int64_t differences = 0;
    for (uint32_t run = 0; run < runs; run++) {
        uint64_t acc = start(&machines[0], seed + run, height, 0x1111);
        const Outcome expected = run_reference(trace, length, &machines[0], machines[0].base + height, acc);
        acc = start(&machines[1], seed + run, height, 0x2222);
        const sg_exit left = sg_enter(jit, code, &machines[1], machines[1].base + height, acc);
        const Outcome found = {
            .kind = left.kind == SG_EXITED ? EXITED : RETURNED,
            .index = left.kind == SG_EXITED ? left.index : 0,
            .value = left.kind == SG_EXITED ? 0 : left.value,
            .sp = left.state.sp,
            .acc = left.state.acc,
        };
        exits[expected.kind == EXITED ? expected.index : length + 1]++;
        char line[256];
        if (differ(&machines[0], &machines[1], &expected, &found, line, sizeof line) && differences++ == 0) {
            snprintf(text, size, "seed %llu: %s", (unsigned long long)(seed + run), line);
        }
    }
    sg_jit_free(jit);
    return differences;
}

/* Compile a trace in a context that writes a profile. */
bool across_profile(const Instruction *trace, uint32_t length, const char *path, char *text, size_t size);
bool across_profile(const Instruction *trace, uint32_t length, const char *path, char *text, size_t size)
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
