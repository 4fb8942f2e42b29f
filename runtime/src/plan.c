/* Choosing units for a trace: the cheapest way through (position, entries in registers).
 *
 * Costs of whole ways obey the principle of optimality, so one pass forwards computes for each position and state the
 * cost of the cheapest way there, and one pass backwards follows it. Both take constant time for each micro-op.
 * Costs are multiples of 32: in the bits below stands by which step the way came, its *tag*, so that taking the minimum
 * of two ways keeps its tag without any further work. The second pass also adds up the room that the chosen steps need.
 *
 * Where jumps arrive only state 0 is allowed; so it is every SEGMENT micro-ops, to keep sums small. State 0 can always be
 * reached, by the stencils themselves; so no sum is above SG_NEVER and one step.
 */
#include "internal.h"

#include "stencilgen/plan.h"

#include <emmintrin.h>
#include <stdlib.h>

enum { SEGMENT = SG_NEVER / SG_MAX_COST };

/* By state, the cost of the cheapest way there. A power of 2 in size: what is stored at once lies in one cache line. */
typedef uint32_t costs[8];
_Static_assert(SG_MAX_STATES <= 8, "every state has a place");

struct sg_planner {
    sg_plan plan;
    costs *reached;  /* by position: the cost of the cheapest way to each state */
    uint16_t *nodes; /* by position: the automaton's node after the micro-op before it */
    size_t capacity;
    void *memory;
    bool sse41; /* asked for once: cpuid is slow in a virtual machine */
};

static sg_planner *planner_of(sg_jit *jit)
{
    if (jit->planner == NULL) {
        jit->planner = calloc(1, sizeof *jit->planner);
        jit->counters.allocations++;
        if (jit->planner != NULL) {
            const bool allowed = jit->cpu_limit == 0 || jit->cpu_limit >= SG_X86_64_V2;
            jit->planner->sse41 = allowed && sg_cpu_level() >= SG_X86_64_V2;
        }
    }
    return jit->planner;
}

/* Room for a trace; false: out of memory. */
static bool begin_plan(sg_jit *jit, uint32_t length)
{
    sg_planner *const planner = planner_of(jit);
    const size_t each = sizeof(costs) + 3 * sizeof(uint16_t) + 1;
    if (planner == NULL || !sg_grow(&jit->counters, &planner->memory, &planner->capacity, length + (size_t)1, each)) {
        return false;
    }
    planner->reached = planner->memory;
    planner->nodes = (uint16_t *)(planner->reached + planner->capacity);
    planner->plan.ops = planner->nodes + planner->capacity;
    planner->plan.steps = planner->plan.ops + planner->capacity;
    planner->plan.target = (uint8_t *)(planner->plan.steps + planner->capacity);
    planner->plan.length = length;
    memset(planner->plan.target, 0, length + (size_t)1);
    return true;
}

sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length)
{
    if (!begin_plan(as->jit, length)) {
        sg_fail(as, "out of memory for where jumps arrive");
        return NULL;
    }
    return &as->jit->planner->plan;
}

const sg_plan *sg_planned(const sg_assembler *as)
{
    return &as->jit->planner->plan;
}

/* Look ahead as far as the next micro-op that sets the place, and so overtakes the value, or writes it. All lookings ahead for one place
 * together pass each micro-op once. */
bool sg_last_is_due(const sg_assembler *as, uint32_t place)
{
    if (as->jit->planner == NULL) {
        return true; /* each micro-op is by itself: all is written where two meet */
    }
    const sg_plan *const plan = &as->jit->planner->plan;
    const sg_last_use *const uses = as->jit->vm->last_uses;
    for (uint32_t i = as->index + 1; i < plan->length && plan->target[i] == 0; i++) {
        const sg_last_use use = uses[plan->ops[i]];
        if (((use.sets | use.writes) >> place & 1) != 0) {
            return (use.writes >> place & 1) != 0;
        }
    }
    return true; /* where jumps arrive, and at the trace's end, all is written */
}

const uint8_t *sg_planner_targets(const sg_planner *planner)
{
    return planner == NULL ? NULL : planner->plan.target;
}

void sg_planner_destroy(sg_planner *planner)
{
    if (planner != NULL) {
        free(planner->memory);
        free(planner);
    }
}

/* What is being planned. */
typedef struct search {
    const sg_choices *choices;
    const sg_plan *plan;
    const uint8_t *trace;
    size_t instruction_size;
    costs *reached;
    uint16_t *nodes;
    sg_selection selection;
    uint64_t seed;
} search;

/* ---- Sequences ---- */

/* The row of a sequence that ends before `position`; 0: it has no units for these operands. */
static inline uint32_t row_of(const search *search, const sg_sequence *sequence, uint32_t position)
{
    if (!sequence->is_picky) {
        return sequence->row;
    }
    const uint8_t *const instruction = search->trace + (position - sequence->length) * search->instruction_size;
    return search->choices->fitting(instruction, sequence->row);
}

/* The row of the unit of `length` micro-ops that ends before `position`. */
static uint32_t row_before(const search *search, uint32_t position, uint32_t length)
{
    const sg_choices *const choices = search->choices;
    const sg_sequence *sequence = &choices->ending[choices->first[search->nodes[position]]];
    while (sequence->length != length) {
        sequence++;
    }
    return row_of(search, sequence, position);
}

/* ---- Forwards, for any selection and number of states ---- */

/* A cost drawn for one step. */
static uint32_t lot(const search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    uint64_t z = search->seed ^ ((uint64_t)position << 32 | row << 8 | from << 4 | to) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z >> 54) * SG_COST;
}

/* The cost of a step, with its tag, as the selection sees it. */
static uint32_t price(const search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    const uint32_t states = search->choices->states;
    const uint32_t cost = search->choices->costs[(row * states + from) * states + to];
    if (cost >= SG_NEVER || search->selection == SG_SELECT_BEST) {
        return cost;
    }
    if (search->selection == SG_SELECT_PLAIN) {
        return row == search->plan->ops[position] && from == 0 && to == 0 ? cost : SG_NEVER;
    }
    return lot(search, position, row, from, to) | (cost & SG_TAG);
}

/* What the steps of one row reach that begin `length` micro-ops before `position`. */
static void reach(const search *search, uint32_t position, uint32_t row, uint32_t length)
{
    const uint32_t states = search->choices->states;
    const uint32_t *const before = search->reached[position - length];
    uint32_t *const after = search->reached[position];
    for (uint32_t from = 0; from < states; from++) {
        for (uint32_t to = 0; to < states; to++) {
            const uint32_t cost = (before[from] & ~(uint32_t)SG_TAG) + price(search, position - length, row, from, to);
            after[to] = cost < after[to] ? cost : after[to];
        }
    }
}

static void forwards(const search *search, uint32_t first, uint32_t end)
{
    const sg_choices *const choices = search->choices;
    uint32_t node = 0;
    for (uint32_t i = first; i < end; i++) {
        const uint32_t op = search->plan->ops[i];
        uint32_t *const after = search->reached[i + 1];
        for (uint32_t state = 0; state < choices->states; state++) {
            after[state] = SG_NEVER;
        }
        reach(search, i + 1, op, 1);
        if (choices->letter != NULL) {
            node = choices->next[node * choices->letters + choices->letter[op]];
            search->nodes[i + 1] = (uint16_t)node;
            for (uint32_t j = choices->first[node]; j < choices->first[node + 1]; j++) {
                const uint32_t row = row_of(search, &choices->ending[j], i + 1);
                if (row != 0) {
                    reach(search, i + 1, row, choices->ending[j].length);
                }
            }
        }
        if (search->plan->target[i + 1]) {
            node = 0;
            for (uint32_t state = 1; state < choices->states; state++) {
                after[state] = SG_NEVER;
            }
        }
    }
}

/* ---- Forwards, for four states at their true costs: side by side in a vector ---- */

/* In assembly, since the rest is compiled for every x86-64: `sse41` says whether the processor knows pminsd. */
static inline __m128i least_4(__m128i a, __m128i b, bool sse41)
{
    if (sse41) {
        __asm__("pminsd %1, %0" : "+x"(a) : "x"(b));
        return a;
    }
    const __m128i less = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(less, b), _mm_andnot_si128(less, a));
}

/* What the steps of one row reach from `before`. */
static inline __m128i reach_4(const uint32_t *costs, __m128i before, uint32_t row, bool sse41)
{
    const __m128i *const price = (const __m128i *)(const void *)((const uint8_t *)costs + (size_t)row * 64);
    const __m128i clean = _mm_and_si128(before, _mm_set1_epi32(~SG_TAG));
    const __m128i from_0 = _mm_add_epi32(_mm_shuffle_epi32(clean, 0x00), _mm_load_si128(price));
    const __m128i from_1 = _mm_add_epi32(_mm_shuffle_epi32(clean, 0x55), _mm_load_si128(price + 1));
    const __m128i from_2 = _mm_add_epi32(_mm_shuffle_epi32(clean, 0xAA), _mm_load_si128(price + 2));
    const __m128i from_3 = _mm_add_epi32(_mm_shuffle_epi32(clean, 0xFF), _mm_load_si128(price + 3));
    return least_4(least_4(from_0, from_1, sse41), least_4(from_2, from_3, sse41), sse41);
}

static inline __m128i load_4(const costs *costs)
{
    return _mm_loadu_si128((const __m128i *)(const void *)costs);
}

static inline void store_4(costs *costs, __m128i value)
{
    _mm_storeu_si128((__m128i *)(void *)costs, value);
}

static inline __attribute__((always_inline)) void forwards_4(const search *search, uint32_t first, uint32_t end,
                                                             const bool sequences, const bool sse41)
{
    const sg_choices *const choices = search->choices;
    const uint32_t *const costs_of = choices->costs;
    const uint16_t *const ops = search->plan->ops;
    const uint8_t *const target = search->plan->target;
    costs *const reached = search->reached;
    __m128i here = load_4(&reached[first]);
    uint32_t node = 0;
    for (size_t i = first; i < end; i++) {
        const uint32_t op = ops[i];
        here = reach_4(costs_of, here, op, sse41);
        if (sequences) {
            node = choices->next[node * choices->letters + choices->letter[op]];
            search->nodes[i + 1] = (uint16_t)node;
            for (uint32_t j = choices->first[node], last = choices->first[node + 1]; j < last; j++) {
                const sg_sequence *const sequence = &choices->ending[j];
                const uint32_t row = row_of(search, sequence, (uint32_t)i + 1);
                if (row != 0) {
                    const __m128i before = load_4(&reached[i + 1 - sequence->length]);
                    here = least_4(here, reach_4(costs_of, before, row, sse41), sse41);
                }
            }
        }
        if (SG_UNLIKELY(target[i + 1])) {
            const __m128i only_0 = _mm_setr_epi32(0, SG_NEVER, SG_NEVER, SG_NEVER);
            here = _mm_or_si128(_mm_and_si128(here, _mm_setr_epi32(-1, 0, 0, 0)), only_0);
            node = 0;
        }
        store_4(&reached[i + 1], here);
    }
}

/* ---- Backwards ---- */

/* Both numbers as one, so that one addition adds both: over a SEGMENT neither gets 32 bits long. */
static inline uint64_t both(const sg_room *room)
{
    uint64_t value;
    memcpy(&value, room, sizeof value);
    return value;
}
_Static_assert((uint64_t)SEGMENT * SG_MAX_ROOM <= UINT64_C(1) << 32, "no carry");

/* Follow the cheapest way to state 0 at `end` back, write down its steps, and add up what they need. */
static inline __attribute__((always_inline)) void backwards(const search *search, uint32_t first, uint32_t end,
                                                            const uint32_t states, sg_size *size)
{
    const sg_choices *const choices = search->choices;
    const uint16_t *const ops = search->plan->ops;
    const uint16_t *const step_of = choices->steps;
    const sg_room *const room = choices->room;
    const uint32_t *const frames = choices->frame;
    costs *const reached = search->reached;
    uint16_t *const steps = search->plan->steps;
    uint64_t total = 0;
    uint32_t frame = size->frame;
    uint32_t state = 0;
    for (size_t i = end; i > first;) {
        const uint32_t tag = reached[i][state];
        const uint32_t from = (tag & SG_TAG) >> 2;
        size_t row;
        if (SG_UNLIKELY((tag & 3) != 0)) {
            row = row_before(search, (uint32_t)i, (tag & 3) + 1);
            i -= (tag & 3) + 1;
        } else {
            row = ops[--i];
        }
        const uint32_t step = step_of[(row * states + from) * states + state];
        steps[i] = (uint16_t)step;
        total += both(&room[step]);
        if (frames != NULL) {
            frame = frames[step] > frame ? frames[step] : frame;
        }
        state = from;
    }
    size->hot += (uint32_t)total;
    size->cold += total >> 32;
    size->frame = frame;
}

/* The same for four states. A function of its own, as the ones below, so that all it needs stays in registers. */
static __attribute__((noinline)) void backwards_4(const search *search, uint32_t first, uint32_t end, sg_size *size)
{
    backwards(search, first, end, 4, size);
}

#define FORWARDS(name, sequences, sse41)                                                                    \
    static __attribute__((noinline)) void name(const search *search, uint32_t first, uint32_t end)         \
    {                                                                                                       \
        forwards_4(search, first, end, sequences, sse41);                                                   \
    }
FORWARDS(forwards_alone, false, false)
FORWARDS(forwards_alone_sse41, false, true)
FORWARDS(forwards_fused, true, false)
FORWARDS(forwards_fused_sse41, true, true)

static void choose(const search *search, bool sse41, sg_size *size)
{
    const sg_choices *const choices = search->choices;
    const bool by_4 = choices->states == 4 && search->selection == SG_SELECT_BEST;
    const uint32_t length = search->plan->length;
    for (uint32_t first = 0; first < length;) {
        const uint32_t end = length - first <= SEGMENT ? length : first + SEGMENT;
        for (uint32_t state = 0; state < choices->states; state++) {
            search->reached[first][state] = state == 0 ? 0 : SG_NEVER;
        }
        if (!by_4) {
            forwards(search, first, end);
        } else if (choices->letter == NULL) {
            sse41 ? forwards_alone_sse41(search, first, end) : forwards_alone(search, first, end);
        } else {
            sse41 ? forwards_fused_sse41(search, first, end) : forwards_fused(search, first, end);
        }
        if (choices->states == 4) {
            backwards_4(search, first, end, size);
        } else {
            backwards(search, first, end, choices->states, size);
        }
        first = end;
    }
}

bool sg_plan_trace(sg_jit *jit, const void *trace, uint32_t length, sg_size *size, uint32_t *known, sg_error *error)
{
    if (!begin_plan(jit, length)) {
        sg_error_format(error, "out of memory for the choice of units");
        return false;
    }
    sg_planner *const planner = jit->planner;
    *known = jit->vm->prepare(&planner->plan, trace, length);
    if (*known == length) {
        const search search = {
            .choices = jit->vm->choices,
            .plan = &planner->plan,
            .trace = trace,
            .instruction_size = jit->vm->instruction_size,
            .reached = planner->reached,
            .nodes = planner->nodes,
            .selection = jit->selection,
            .seed = jit->selection_seed,
        };
        choose(&search, planner->sse41, size);
    }
    return true;
}
