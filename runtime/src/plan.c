/* Choosing units for a trace: the cheapest way through (position, entries in registers).
 *
 * Costs of whole ways obey the principle of optimality, so one pass forwards computes for each position and state the
 * cost of the cheapest way there, and one pass backwards finds again by which step it came. Both take constant time
 * for each micro-op. Where jumps arrive only state 0 is allowed; so is it every SEGMENT micro-ops, to keep sums small.
 */
#include "internal.h"

#include "stencilgen/plan.h"

#include <stdlib.h>

enum { SEGMENT = 1 << 16 };

typedef uint32_t costs[SG_MAX_STATES];

struct sg_planner {
    sg_plan plan;
    costs *reached; /* by position: the cost of the cheapest way to each state */
    size_t capacity;
    void *memory;
};

sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length)
{
    sg_jit *const jit = as->jit;
    if (jit->planner == NULL) {
        jit->planner = calloc(1, sizeof *jit->planner);
        jit->counters.allocations++;
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

void sg_planner_destroy(sg_planner *planner)
{
    if (planner != NULL) {
        free(planner->memory);
        free(planner);
    }
}

/* What is being planned: shared by both passes. */
typedef struct search {
    const sg_choices *choices;
    const sg_plan *plan;
    const uint8_t *trace;
    costs *reached;
    sg_selection selection;
    uint64_t seed;
} search;

static inline uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* A number from 0 to 1023 for one step: equal in both passes. */
static uint32_t lot(const search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to)
{
    uint64_t z = search->seed ^ ((uint64_t)position << 32 | row << 8 | from << 4 | to) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(z >> 54);
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

static bool fits(const search *search, const sg_longer *sequence, uint32_t position)
{
    const sg_choices *const choices = search->choices;
    return sequence->row != 0 &&
           (choices->fits == NULL ||
            choices->fits(search->trace + position * choices->instruction_size, sequence->row));
}

/* One row forwards: what its steps reach, `length` micro-ops further. */
static void reach(const search *search, uint32_t position, uint32_t row, uint32_t length)
{
    const uint32_t states = search->choices->states;
    const uint32_t *const before = search->reached[position];
    uint32_t *const after = search->reached[position + length];
    for (uint32_t from = 0; from < states; from++) {
        for (uint32_t to = 0; to < states; to++) {
            after[to] = least(after[to], before[from] + price(search, position, row, from, to));
        }
    }
}

/* One row backwards: the state from which its steps reach `to` at `position` at this cost, or `states`. */
static uint32_t came_from(const search *search, uint32_t position, uint32_t row, uint32_t length, uint32_t to)
{
    const uint32_t states = search->choices->states;
    const uint32_t *const before = search->reached[position - length];
    const uint32_t cost = search->reached[position][to];
    uint32_t from = 0;
    while (from < states && before[from] + price(search, position - length, row, from, to) != cost) {
        from++;
    }
    return from;
}

static inline void allow_only_state_0(uint32_t *reached, uint32_t states)
{
    for (uint32_t state = 1; state < states; state++) {
        reached[state] = SG_NEVER;
    }
}

/* The forward pass for units of one micro-op at their true costs, with the number of states known to the compiler. */
static inline void forwards_by_one(const search *search, uint32_t begin, uint32_t end, const uint32_t states)
{
    const uint32_t *const table = search->choices->costs;
    uint32_t now[SG_MAX_STATES];
    memcpy(now, search->reached[begin], sizeof now);
    for (uint32_t i = begin; i < end; i++) {
        const uint32_t *const row = table + search->plan->ops[i] * states * states;
        uint32_t next[SG_MAX_STATES];
        for (uint32_t to = 0; to < states; to++) {
            next[to] = now[0] + row[to];
        }
        for (uint32_t from = 1; from < states; from++) {
            for (uint32_t to = 0; to < states; to++) {
                next[to] = least(next[to], now[from] + row[from * states + to]);
            }
        }
        for (uint32_t to = 0; to < states; to++) {
            now[to] = least(next[to], SG_NEVER);
        }
        if (search->plan->target[i + 1]) {
            allow_only_state_0(now, states);
        }
        memcpy(search->reached[i + 1], now, sizeof now);
    }
}

/* The forward pass for all units and selections. */
static void forwards(const search *search, uint32_t begin, uint32_t end)
{
    const uint32_t states = search->choices->states;
    for (uint32_t i = begin + 1; i <= end; i++) {
        for (uint32_t state = 0; state < states; state++) {
            search->reached[i][state] = SG_NEVER;
        }
    }
    for (uint32_t i = begin; i < end; i++) {
        if (search->plan->target[i]) {
            allow_only_state_0(search->reached[i], states);
        }
        reach(search, i, search->plan->ops[i], 1);
        const sg_longer *sequence = NULL;
        for (uint32_t length = 1; search->choices->longer != NULL && i + length < end; length++) {
            sequence = extend(search, sequence, i, length);
            if (sequence == NULL) {
                break;
            }
            if (fits(search, sequence, i)) {
                reach(search, i, sequence->row, length + 1);
            }
        }
    }
}

/* The row of the sequence of `length` micro-ops that ends before `position`; 0: it has no units. */
static uint32_t row_before(const search *search, uint32_t position, uint32_t length)
{
    const sg_longer *sequence = NULL;
    for (uint32_t i = 1; i < length; i++) {
        sequence = extend(search, sequence, position - length, i);
        if (sequence == NULL) {
            return 0;
        }
    }
    return fits(search, sequence, position - length) ? sequence->row : 0;
}

/* Find again how state 0 was reached at `end`, and write down the steps. */
static void backwards(const search *search, uint32_t begin, uint32_t end)
{
    const sg_choices *const choices = search->choices;
    const uint32_t states = choices->states;
    uint32_t state = 0;
    for (uint32_t i = end; i > begin;) {
        uint32_t length = 1;
        uint32_t row = search->plan->ops[i - 1];
        uint32_t from = came_from(search, i, row, 1, state);
        while (from == states) {
            length++;
            row = row_before(search, i, length);
            from = row == 0 ? states : came_from(search, i, row, length, state);
        }
        search->plan->steps[i - length] = choices->steps[(row * states + from) * states + state];
        state = from;
        i -= length;
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
    };
    for (uint32_t begin = 0; begin < plan->length;) {
        const uint32_t end = plan->length - begin <= SEGMENT ? plan->length : begin + SEGMENT;
        search.reached[begin][0] = 0;
        allow_only_state_0(search.reached[begin], choices->states);
        if (choices->longer != NULL || jit->selection != SG_SELECT_BEST) {
            forwards(&search, begin, end);
        } else if (choices->states == 4) {
            forwards_by_one(&search, begin, end, 4);
        } else {
            forwards_by_one(&search, begin, end, choices->states);
        }
        backwards(&search, begin, end);
        begin = end;
    }
}
