/* Runs a trace both ways, from equal states: micro-op by micro-op as Clang compiles the stencils, without optimising and
 * with nothing ever known; and as a trace, with facts carried along it or not.
 */
#include "vm.h"

#include "jit_stencils.h"

#include <stdio.h>

#define STENCIL __attribute__((preserve_none)) uint64_t
#define STATE uint64_t *slots, Machine *machine

typedef enum Kind { RETURNED, EXITED, CONTINUED, JUMPED } Kind;

typedef struct Outcome {
    Kind kind;
    uint64_t index;
    uint64_t *slots;
} Outcome;

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
HOLE_AS(int16_t, i16, b, current->b)
HOLE_AS(uint64_t, u64, imm, current->imm)
HOLE_AS(double, f64, real, current->real)
HOLE_AS(void *, p, pointer, current->pointer)

#include "nothing_known.h"

#define END(name, kind_, index_)                                                   \
    STENCIL name(STATE);                                                           \
    STENCIL name(STATE)                                                            \
    {                                                                              \
        (void)machine;                                                             \
        end = (Outcome){.kind = kind_, .index = index_, .slots = slots};           \
        return 0;                                                                  \
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

static Outcome run_reference(const Instruction *trace, uint64_t length, Machine *machine, uint64_t *slots)
{
    uint64_t position = 0;
    while (position < length) {
        current = &trace[position];
        stencils[current->opcode](slots, machine);
        slots = end.slots;
        if (end.kind == EXITED) {
            end.index = position;
            return end;
        }
        position = end.kind == JUMPED ? end.index : position + 1;
    }
    return (Outcome){.kind = EXITED, .index = length, .slots = slots};
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

/* The state that a seed stands for. Most guards hold in it. */
static void start(Machine *machine, uint64_t seed)
{
    random_state = seed;
    for (int i = 0; i < SLOTS; i++) {
        const uint64_t value = draw();
        machine->slots[i] = (value & 12 ? (value >> 8 & 255) : value >> 8) | (value & 48 ? 1 : 0);
        machine->marks[i] = draw() % 8 != 0;
    }
    machine->fuel = draw() % 12;
    machine->calls = 0;
}

static bool differ(const Machine *a, const Machine *b, const Outcome *x, const sg_exit *y, char *text, size_t size)
{
    if (y->kind != SG_EXITED || x->index != y->index || x->slots - a->slots != y->state.slots - b->slots) {
        snprintf(text, size, "it left at %u with slot %td as the first, the reference at %llu with %td", y->index,
                 y->state.slots - b->slots, (unsigned long long)x->index, x->slots - a->slots);
        return true;
    }
    for (int i = 0; i < SLOTS; i++) {
        if (a->slots[i] != b->slots[i] || a->marks[i] != b->marks[i]) {
            snprintf(text, size, "exit %llu: slot %d is %llx, marked %d, in the reference %llx, marked %d",
                     (unsigned long long)x->index, i - FIRST, (unsigned long long)b->slots[i], b->marks[i],
                     (unsigned long long)a->slots[i], a->marks[i]);
            return true;
        }
    }
    if (a->fuel != b->fuel || a->calls != b->calls) {
        snprintf(text, size, "exit %llu: fuel or calls differ", (unsigned long long)x->index);
        return true;
    }
    return false;
}

static sg_jit *contexts[2];

/* A context in which facts are carried along, or not. */
static sg_jit *context(bool facts, sg_error *error)
{
    if (contexts[facts] == NULL) {
        contexts[facts] = sg_jit_new(&(sg_options){.no_facts = !facts, .size = 1 << 20}, error);
    }
    return contexts[facts];
}

/* Run a trace from `runs` states. Returns the number of differences, or -1 when it did not compile; `exits` counts where the
 * runs ended, `bytes` are those of each micro-op's hot code. */
int64_t facts_check(const Instruction *trace, uint32_t length, bool facts, uint64_t seed, uint32_t runs, uint64_t *exits,
                    uint32_t *bytes, char *text, size_t size);
int64_t facts_check(const Instruction *trace, uint32_t length, bool facts, uint64_t seed, uint32_t runs, uint64_t *exits,
                    uint32_t *bytes, char *text, size_t size)
{
    static Machine machines[2];
    sg_error error;
    sg_jit *const jit = context(facts, &error);
    sg_code *const code = jit == NULL ? NULL : sg_compile(jit, trace, length, &error);
    if (code == NULL) {
        snprintf(text, size, "%s", error.text);
        return -1;
    }
    for (uint32_t i = 0; i < length; i++) {
        bytes[i] = sg_code_extent(code, i).hot_size;
    }
    int64_t differences = 0;
    for (uint32_t run = 0; run < runs; run++) {
        start(&machines[0], seed + run);
        machines[1] = machines[0];
        const Outcome expected = run_reference(trace, length, &machines[0], machines[0].slots + FIRST);
        const sg_exit left = sg_enter(jit, code, machines[1].slots + FIRST, &machines[1]);
        exits[expected.index]++;
        char line[256];
        if (differ(&machines[0], &machines[1], &expected, &left, line, sizeof line) && differences++ == 0) {
            snprintf(text, size, "seed %llu: %s", (unsigned long long)(seed + run), line);
        }
    }
    sg_free(code);
    return differences;
}

/* Calls of the C allocator since the context was made. */
uint64_t facts_allocations(void);
uint64_t facts_allocations(void)
{
    return sg_jit_statistics(contexts[1]).allocations;
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
