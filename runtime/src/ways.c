/* The cheapest way through (position, entries in registers): two passes over a trace.
 *
 * Costs of whole ways obey the principle of optimality, so one pass forwards computes for each position and state the
 * cost of the cheapest way there, and one pass backwards follows it. Both take constant time for each micro-op.
 * Costs are multiples of 32: in the bits below stands by which step the way came, its *tag*, so that taking the minimum
 * of two ways keeps its tag without any further work. The second pass also adds up the room that the chosen steps need.
 *
 * Every SG_SEGMENT micro-ops only state 0 is allowed, to keep sums small. It can always be reached, by the stencils
 * themselves; so no sum is above SG_NEVER and one step. Where jumps arrive only one state is allowed, too (meet.c).
 */
#include "ways.h"

#include <emmintrin.h>

/* ---- Sequences ---- */

/* The row of a sequence that ends before `position`; 0: it has no units for these operands. */
static inline uint32_t row_of(const sg_search *search, const sg_sequence *sequence, uint32_t position)
{
    if (!sequence->is_picky) {
        return sequence->row;
    }
    const uint8_t *const instruction = search->trace + (position - sequence->length) * search->instruction_size;
    return search->choices->fitting(instruction, sequence->row);
}

/* The row of the unit of `length` micro-ops that ends before `position`. */
static uint32_t row_before(const sg_search *search, uint32_t position, uint32_t length)
{
    const sg_choices *const choices = search->choices;
    const sg_sequence *sequence = &choices->ending[choices->first[search->nodes[position]]];
    while (sequence->length != length) {
        sequence++;
    }
    return row_of(search, sequence, position);
}

/* ---- Where jumps arrive ---- */

/* Of the ways to a position where jumps arrive only the cheapest goes on, in the state that they meet in. */
static __attribute__((noinline)) void meet(const sg_search *search, uint32_t position)
{
    const uint32_t states = search->choices->states;
    const uint32_t state = search->plan->target[position] - 1u;
    uint32_t *const costs = search->reached[position];
    uint32_t least = costs[state], arrived = state;
    for (uint32_t from = 0; from < state; from++) {
        const uint32_t cost = costs[from] + search->choices->fills[from * states + state].cost;
        if (cost < least) {
            least = cost;
            arrived = from;
        }
    }
    for (uint32_t other = 0; other < states; other++) {
        costs[other] = SG_NEVER;
    }
    costs[state] = least;
    costs[SG_ARRIVED] = arrived;
}

/* The state in which the cheapest way comes to such a position; let what it needs come before the step that begins
 * there. */
static __attribute__((noinline)) uint32_t fill(const sg_search *search, uint32_t position, sg_size *size)
{
    const sg_choices *const choices = search->choices;
    sg_plan *const plan = search->plan;
    const uint32_t state = plan->target[position] - 1u;
    const uint32_t arrived = search->reached[position][SG_ARRIVED];
    if (arrived != state) {
        const uint16_t unit = choices->fills[arrived * choices->states + state].unit;
        plan->heads[plan->head_count] = (sg_head_step){unit, plan->steps[position]};
        plan->steps[position] = (uint16_t)(choices->step_count + plan->head_count++);
        size->hot += choices->room[unit].hot;
        size->cold += choices->room[unit].cold;
    }
    return arrived;
}

/* The automaton's node at a first position. */
static inline uint32_t node_at(const sg_search *search, uint32_t position)
{
    return search->plan->target[position] != 0 ? 0 : search->nodes[position];
}

/* ---- Forwards, for any selection and number of states ---- */

uint32_t sg_lot(const sg_search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    uint64_t z = search->seed ^ ((uint64_t)position << 32 | row << 8 | from << 4 | to) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z >> 54) * SG_COST;
}

/* The cost of a step, with its tag, as the selection sees it. */
static uint32_t price(const sg_search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    const uint32_t states = search->choices->states;
    const uint32_t cost = search->choices->costs[(row * states + from) * states + to];
    if (cost >= SG_NEVER || search->selection == SG_SELECT_BEST) {
        return cost;
    }
    if (search->selection == SG_SELECT_PLAIN) {
        return row == search->plan->ops[position] && from == 0 && to == 0 ? cost : SG_NEVER;
    }
    return sg_lot(search, position, row, from, to) | (cost & SG_TAG);
}

/* What the steps of one row reach that begin `length` micro-ops before `position`. */
static void reach(const sg_search *search, uint32_t position, uint32_t row, uint32_t length)
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

static void forwards(const sg_search *search, uint32_t first, uint32_t end)
{
    const sg_choices *const choices = search->choices;
    uint32_t node = choices->letter == NULL ? 0 : node_at(search, first);
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
            meet(search, i + 1);
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

static inline __m128i load_4(const sg_costs costs)
{
    return _mm_loadu_si128((const __m128i *)(const void *)costs);
}

static inline void store_4(sg_costs *costs, __m128i value)
{
    _mm_storeu_si128((__m128i *)(void *)costs, value);
}

static inline __attribute__((always_inline)) void forwards_4(const sg_search *search, uint32_t first, uint32_t end,
                                                             const bool sequences, const bool sse41)
{
    const sg_choices *const choices = search->choices;
    const uint32_t *const costs_of = choices->costs;
    const uint16_t *const ops = search->plan->ops;
    const uint8_t *const target = search->plan->target;
    sg_costs *const reached = search->reached;
    __m128i here = load_4(reached[first]);
    uint32_t node = sequences ? node_at(search, first) : 0;
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
                    const __m128i before = load_4(reached[i + 1 - sequence->length]);
                    here = least_4(here, reach_4(costs_of, before, row, sse41), sse41);
                }
            }
        }
        if (SG_UNLIKELY(target[i + 1])) {
            store_4(&reached[i + 1], here);
            meet(search, (uint32_t)i + 1);
            here = load_4(reached[i + 1]);
            node = 0;
        }
        store_4(&reached[i + 1], here);
    }
}

/* ---- Backwards ---- */

/* Both numbers as one, so that one addition adds both: over a SG_SEGMENT neither gets 32 bits long. */
static inline uint64_t both(const sg_room *room)
{
    uint64_t value;
    memcpy(&value, room, sizeof value);
    return value;
}
_Static_assert((uint64_t)SG_SEGMENT * SG_MAX_ROOM <= UINT64_C(1) << 32, "no carry");

static inline __attribute__((always_inline)) void backwards(const sg_search *search, uint32_t first, uint32_t end,
                                                            const uint32_t states, const bool meetings, sg_size *size)
{
    const sg_choices *const choices = search->choices;
    const uint16_t *const ops = search->plan->ops;
    const uint16_t *const step_of = choices->steps;
    const sg_room *const room = choices->room;
    const uint32_t *const frames = choices->frame;
    sg_costs *const reached = search->reached;
    uint16_t *const steps = search->plan->steps;
    const uint8_t *const target = search->plan->target;
    uint64_t total = 0;
    uint32_t frame = size->frame;
    uint32_t state = 0;
    for (size_t i = end; i > first;) {
        const uint32_t tag = reached[i][state];
        if (meetings && target[i] > 1) {
            state = fill(search, (uint32_t)i, size);
        }
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
    if (meetings && target[first] > 1) {
        (void)fill(search, first, size);
    }
    size->hot += (uint32_t)total;
    size->cold += total >> 32;
    size->frame = frame;
}

/* The same for four states. Functions of their own, as the ones below, so that all they need stays in registers. */
static __attribute__((noinline)) void backwards_4(const sg_search *search, uint32_t first, uint32_t end, sg_size *size)
{
    backwards(search, first, end, 4, false, size);
}

static __attribute__((noinline)) void backwards_4_meeting(const sg_search *search, uint32_t first, uint32_t end,
                                                          sg_size *size)
{
    backwards(search, first, end, 4, true, size);
}

#define FORWARDS(name, sequences, sse41)                                                                    \
    static __attribute__((noinline)) void name(const sg_search *search, uint32_t first, uint32_t end)         \
    {                                                                                                       \
        forwards_4(search, first, end, sequences, sse41);                                                   \
    }
FORWARDS(forwards_alone, false, false)
FORWARDS(forwards_alone_sse41, false, true)
FORWARDS(forwards_fused, true, false)
FORWARDS(forwards_fused_sse41, true, true)

void sg_ways_forwards(const sg_search *search, uint32_t first, uint32_t end)
{
    const sg_choices *const choices = search->choices;
    if (choices->states != 4 || search->selection != SG_SELECT_BEST) {
        forwards(search, first, end);
    } else if (choices->letter == NULL) {
        search->sse41 ? forwards_alone_sse41(search, first, end) : forwards_alone(search, first, end);
    } else {
        search->sse41 ? forwards_fused_sse41(search, first, end) : forwards_fused(search, first, end);
    }
}

void sg_ways_begin(const sg_search *search, uint32_t position, uint32_t state)
{
    uint32_t *const costs = search->reached[position];
    for (uint32_t other = 0; other < SG_MAX_STATES; other++) {
        costs[other] = other == state ? 0 : SG_NEVER;
    }
}

uint32_t sg_least_of(const sg_costs costs, uint32_t states)
{
    uint32_t least = costs[0] & ~(uint32_t)SG_TAG;
    for (uint32_t state = 1; state < states; state++) {
        const uint32_t cost = costs[state] & ~(uint32_t)SG_TAG;
        least = cost < least ? cost : least;
    }
    return least;
}

uint32_t sg_least_step(const sg_search *search, const sg_costs ways, uint32_t row)
{
    const uint32_t states = search->choices->states;
    const uint32_t *const price = search->choices->costs;
    sg_costs after = {SG_NEVER, SG_NEVER, SG_NEVER, SG_NEVER, SG_NEVER};
    if (states == 4) {
        store_4(&after, reach_4(price, load_4(ways), row, search->sse41));
        return sg_least_of(after, states);
    }
    for (uint32_t from = 0; from < states; from++) {
        for (uint32_t to = 0; to < states; to++) {
            const uint32_t cost = (ways[from] & ~(uint32_t)SG_TAG) + price[(row * states + from) * states + to];
            after[to] = cost < after[to] ? cost : after[to];
        }
    }
    return sg_least_of(after, states);
}

void sg_ways_from(const sg_search *search, uint32_t first, uint32_t end)
{
    sg_ways_begin(search, first, 0);
    search->nodes[first] = 0; /* no unit begins before it */
    if (search->plan->target[first] > 1) {
        meet(search, first);
    }
    sg_ways_forwards(search, first, end);
}

void sg_ways_backwards(const sg_search *search, uint32_t first, uint32_t end, bool meetings, sg_size *size)
{
    const uint32_t states = search->choices->states;
    if (states != 4) {
        backwards(search, first, end, states, meetings, size);
    } else if (meetings) {
        backwards_4_meeting(search, first, end, size);
    } else {
        backwards_4(search, first, end, size);
    }
}
