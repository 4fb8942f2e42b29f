/* Choosing units for a trace: the cheapest way through (position, entries in registers).
 *
 * Costs of whole ways obey the principle of optimality, so one pass forwards computes for each position and state the
 * cost of the cheapest way there, and one pass backwards follows it. Both take constant time for each micro-op.
 * Costs are multiples of 32: in the bits below stands by which step the way came, its *tag*, so that taking the minimum
 * of two ways keeps its tag without any further work.
 *
 * Where jumps arrive only state 0 is allowed; so it is every SEGMENT micro-ops, to keep sums small.
 */
#include "internal.h"

#include "stencilgen/plan.h"

#include <emmintrin.h>
#include <stdlib.h>

enum {
    SEGMENT = SG_NEVER / SG_MAX_COST,
    TAG = 31, /* the state before the step, times 4, plus the step's length, less 1 */
};

/* By state, the cost of the cheapest way there. A power of 2 in size: what is stored at once lies in one cache line. */
typedef uint32_t costs[8];
_Static_assert(SG_MAX_STATES <= 8, "every state has a place");

struct sg_planner {
    sg_plan plan;
    costs *reached; /* by position: the cost of the cheapest way to each state */
    size_t capacity;
    void *memory;
    bool sse41; /* asked for once: cpuid is slow in a virtual machine */
};

sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length)
{
    sg_jit *const jit = as->jit;
    if (jit->planner == NULL) {
        jit->planner = calloc(1, sizeof *jit->planner);
        jit->counters.allocations++;
        if (jit->planner != NULL) {
            const bool allowed = jit->cpu_limit == 0 || jit->cpu_limit >= SG_X86_64_V2;
            jit->planner->sse41 = allowed && sg_cpu_level() >= SG_X86_64_V2;
        }
    }
    sg_planner *const planner = jit->planner;
    const size_t each = sizeof(costs) + 2 * sizeof(uint16_t) + 1;
    if (planner == NULL ||
        !sg_grow(&jit->counters, &planner->memory, &planner->capacity, length + (size_t)1, each)) {
        sg_fail(as, "out of memory for the choice of units");
        return NULL;
    }
    planner->reached = planner->memory;
    planner->plan.ops = (uint16_t *)(planner->reached + planner->capacity);
    planner->plan.steps = planner->plan.ops + planner->capacity;
    planner->plan.target = (uint8_t *)(planner->plan.steps + planner->capacity);
    planner->plan.length = length;
    memset(planner->plan.target, 0, length + (size_t)1);
    return &planner->plan;
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
    costs *reached;
    sg_selection selection;
    uint64_t seed;
    bool sse41;
} search;

/* A cost drawn for one step. */
static uint32_t lot(const search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    uint64_t z = search->seed ^ ((uint64_t)position << 32 | row << 8 | from << 4 | to) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z >> 54) * (TAG + 1);
}

/* The cost of a step, as the selection sees it. */
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
    return lot(search, position, row, from, to);
}

/* What the steps of one row reach, `length` micro-ops further. */
static void reach(const search *search, uint32_t position, uint32_t row, uint32_t length)
{
    const uint32_t states = search->choices->states;
    const uint32_t *const before = search->reached[position];
    uint32_t *const after = search->reached[position + length];
    for (uint32_t from = 0; from < states; from++) {
        for (uint32_t to = 0; to < states; to++) {
            const uint32_t cost =
                (before[from] & ~(uint32_t)TAG) + price(search, position, row, from, to) + from * 4 + length - 1;
            after[to] = cost < after[to] ? cost : after[to];
        }
    }
}

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

/* The same for four states at their true costs, the states after it side by side: `reached` gives what it reaches. */
static inline __m128i reach_4(const search *search, __m128i reached, uint32_t row, uint32_t length, bool sse41)
{
    const __m128i tags = _mm_add_epi32(_mm_setr_epi32(0, 4, 8, 12), _mm_set1_epi32((int32_t)length - 1));
    const __m128i before = _mm_or_si128(_mm_andnot_si128(_mm_set1_epi32(TAG), reached), tags);
    const __m128i *const prices = (const __m128i *)(const void *)(search->choices->costs + row * 16);
    const __m128i from_0 = _mm_add_epi32(_mm_shuffle_epi32(before, 0x00), _mm_loadu_si128(prices));
    const __m128i from_1 = _mm_add_epi32(_mm_shuffle_epi32(before, 0x55), _mm_loadu_si128(prices + 1));
    const __m128i from_2 = _mm_add_epi32(_mm_shuffle_epi32(before, 0xAA), _mm_loadu_si128(prices + 2));
    const __m128i from_3 = _mm_add_epi32(_mm_shuffle_epi32(before, 0xFF), _mm_loadu_si128(prices + 3));
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

/* The next longer sequence that the trace has at `position`, of `length` micro-ops so far; NULL: none. */
static const sg_longer *extend(const search *search, const sg_longer *sequence, uint32_t position, uint32_t length)
{
    const sg_choices *const choices = search->choices;
    const sg_plan *const plan = search->plan;
    if (position + length >= plan->length || plan->target[position + length]) {
        return NULL;
    }
    const uint16_t first = sequence == NULL ? choices->first[plan->ops[position]] : sequence->next;
    const uint16_t count = sequence == NULL ? choices->first_count[plan->ops[position]] : sequence->next_count;
    for (uint32_t i = first; i < (uint32_t)first + count; i++) {
        if (choices->longer[i].op == plan->ops[position + length]) {
            return &choices->longer[i];
        }
    }
    return NULL;
}

/* The row of a sequence that the trace has at `position`; 0: it has no units, or none for these operands. */
static uint32_t row_of(const search *search, const sg_longer *sequence, uint32_t position)
{
    const sg_choices *const choices = search->choices;
    if (sequence->row == 0 || choices->fitting == NULL) {
        return sequence->row;
    }
    const uint8_t *const instruction = search->trace + position * choices->instruction_size;
    return choices->fitting(instruction, (uint32_t)(sequence - choices->longer));
}

static inline void allow_only_state_0(uint32_t *reached, uint32_t states)
{
    for (uint32_t state = 1; state < states; state++) {
        reached[state] = SG_NEVER;
    }
}

/* The forward pass over units of one micro-op at their true costs. */
static inline void forwards_by_one(const search *search, uint32_t begin, uint32_t end, const bool sse41)
{
    const __m128i never = _mm_set1_epi32(SG_NEVER);
    const __m128i only_0 = _mm_setr_epi32(0, SG_NEVER, SG_NEVER, SG_NEVER);
    __m128i reached = load_4(&search->reached[begin]);
    for (uint32_t i = begin; i < end; i++) {
        reached = least_4(reach_4(search, reached, search->plan->ops[i], 1, sse41), never, sse41);
        if (search->plan->target[i + 1]) {
            reached = _mm_or_si128(_mm_and_si128(reached, _mm_setr_epi32(-1, 0, 0, 0)), only_0);
        }
        store_4(&search->reached[i + 1], reached);
    }
}

/* The forward pass over all units, for any selection. */
static void forwards(const search *search, uint32_t begin, uint32_t end)
{
    const uint32_t states = search->choices->states;
    const bool by_4 = states == 4 && search->selection == SG_SELECT_BEST;
    for (uint32_t i = begin + 1; i <= end; i++) {
        search->reached[i][0] = SG_NEVER;
        allow_only_state_0(search->reached[i], states);
    }
    for (uint32_t i = begin; i < end; i++) {
        if (search->plan->target[i]) {
            allow_only_state_0(search->reached[i], states);
        }
        const sg_longer *sequence = NULL;
        uint32_t row = search->plan->ops[i];
        for (uint32_t length = 1;; length++) {
            if (by_4 && (length == 1 || row != 0)) {
                costs *const after = &search->reached[i + length];
                const __m128i reached = reach_4(search, load_4(&search->reached[i]), row, length, search->sse41);
                store_4(after, least_4(load_4(after), reached, search->sse41));
            } else if (length == 1 || row != 0) {
                reach(search, i, row, length);
            }
            if (search->choices->longer == NULL || i + length >= end) {
                break;
            }
            sequence = extend(search, sequence, i, length);
            if (sequence == NULL) {
                break;
            }
            row = row_of(search, sequence, i);
        }
    }
}

/* The row of the sequence of `length` micro-ops that ends before `position`, which has units. */
static uint32_t row_before(const search *search, uint32_t position, uint32_t length)
{
    const sg_longer *sequence = NULL;
    for (uint32_t i = 1; i < length; i++) {
        sequence = extend(search, sequence, position - length, i);
    }
    return sequence == NULL ? search->plan->ops[position - 1] : row_of(search, sequence, position - length);
}

/* Follow the cheapest way to state 0 at `end` back, and write down its steps. */
static void backwards(const search *search, uint32_t begin, uint32_t end)
{
    const uint32_t states = search->choices->states;
    uint32_t state = 0;
    for (uint32_t i = end; i > begin;) {
        const uint32_t tag = search->reached[i][state] & TAG;
        const uint32_t length = (tag & 3) + 1;
        const uint32_t from = tag >> 2;
        const uint32_t row = length == 1 ? search->plan->ops[i - 1] : row_before(search, i, length);
        i -= length;
        search->plan->steps[i] = search->choices->steps[(row * states + from) * states + state];
        state = from;
    }
}

void sg_choose(sg_assembler *as, sg_plan *plan, const sg_choices *choices)
{
    const sg_jit *const jit = as->jit;
    const search search = {
        .choices = choices,
        .plan = plan,
        .trace = as->trace,
        .reached = jit->planner->reached,
        .selection = jit->selection,
        .seed = jit->selection_seed,
        .sse41 = jit->planner->sse41,
    };
    for (uint32_t begin = 0; begin < plan->length;) {
        const uint32_t end = plan->length - begin <= SEGMENT ? plan->length : begin + SEGMENT;
        search.reached[begin][0] = 0;
        allow_only_state_0(search.reached[begin], choices->states);
        if (choices->longer != NULL || choices->states != 4 || jit->selection != SG_SELECT_BEST) {
            forwards(&search, begin, end);
        } else if (search.sse41) {
            forwards_by_one(&search, begin, end, true);
        } else {
            forwards_by_one(&search, begin, end, false);
        }
        backwards(&search, begin, end);
        begin = end;
    }
}
