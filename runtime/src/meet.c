/* In which state all ways meet where jumps arrive: with all entries in memory unless another state is cheaper.
 *
 * A loop's head gets the state from which the loop's body, back to the same state, costs least; inner loops come
 * first, and outer ones take them as they are. Which states come into question, the micro-ops tell that come after the
 * head: an entry that they access is on the stack there. Each is another pass over the body, beside the one with state
 * 0, but only until the bounds of their difference tell which is cheaper. Where another state is, the pass over the
 * trace is made again. All these passes together are at most so many times as long as the trace (BUDGET).
 */
#include "ways.h"

enum {
    AHEAD = 8,  /* so many micro-ops are looked at behind a position where jumps arrive */
    STRIDE = 8, /* after so many, two ways through a loop are compared */
    BUDGET = 4, /* for each state: so many times a trace's length are the micro-ops of all trials */
};

/* Does every jump to there come from behind it? */
static bool is_head(const sg_meeting *meeting)
{
    return meeting->position <= meeting->first;
}

/* Behind the last micro-op that matters for the choice. */
static uint32_t end_of(const sg_search *search, const sg_meeting *meeting)
{
    const uint32_t length = search->plan->length;
    const uint32_t ahead = length - meeting->position < AHEAD ? length : meeting->position + AHEAD;
    return is_head(meeting) || ahead <= meeting->last ? meeting->last + 1 : ahead;
}

/* Where jumps arrive, in the order of the last ones. */
static uint32_t find_meetings(const sg_search *search, sg_meetings *meetings)
{
    const sg_plan *const plan = search->plan;
    const uint32_t longest = search->choices->letter == NULL ? 1 : SG_MAX_UNIT;
    sg_meeting *const all = meetings->all;
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->jump_count; i++) {
        const sg_trace_jump jump = plan->jumps[i];
        meetings->opcodes[i] = plan->ops[jump.from];
        uint32_t most = search->choices->heights[meetings->opcodes[i]].jumps;
        /* a jump to the next unit may be no jump at all, and then a transition before that unit would be in its way */
        if (jump.to == plan->length || (jump.to > jump.from && jump.to - jump.from <= longest)) {
            most = 0;
        }
        uint32_t known = 0;
        while (known < count && all[known].position != jump.to) {
            known++;
        }
        sg_meeting found = {.position = jump.to, .first = jump.from, .last = jump.from, .most = most};
        if (known < count) {
            found.first = all[known].first;
            found.most = most < all[known].most ? most : all[known].most;
            count--;
            memmove(&all[known], &all[known + 1], (count - known) * sizeof *all);
        }
        all[count++] = found;
    }
    return count;
}

/* How many entries are on the stack for certain where jumps arrive, up to `most`: the micro-ops behind it access
 * them. */
static uint32_t entries_at(const sg_search *search, const sg_meeting *meeting, int32_t most)
{
    const sg_height *const heights = search->choices->heights;
    const uint16_t *const ops = search->plan->ops;
    const uint32_t length = search->plan->length;
    const uint32_t end = length - meeting->position < AHEAD ? length : meeting->position + AHEAD;
    int32_t deepest = 0, height = 0;
    for (uint32_t i = meeting->position; i < end; i++) {
        const sg_height *const op = &heights[ops[i]];
        const int32_t depth = op->needs - height;
        deepest = depth > deepest ? depth : deepest;
        height += op->moves;
    }
    return (uint32_t)(deepest < most ? deepest : most);
}

/* Let jumps arrive there with so many entries in registers: each is another micro-op then. */
static void let_meet(const sg_search *search, const sg_meeting *meeting, const uint16_t *opcodes, uint32_t state)
{
    sg_plan *const plan = search->plan;
    plan->target[meeting->position] = (uint8_t)(1 + state);
    for (uint32_t i = 0; i < plan->jump_count; i++) {
        if (plan->jumps[i].to == meeting->position) {
            const uint16_t op = opcodes[i];
            plan->ops[plan->jumps[i].from] = state == 0 ? op : (uint16_t)(search->choices->heights[op].row + state - 1);
        }
    }
}

/* The cost of what lies around the position, with the state that is set there. */
static uint32_t cost_around(const sg_search *trial, const sg_meeting *meeting)
{
    const uint8_t *const target = trial->plan->target;
    const uint32_t first = meeting->position < meeting->first ? meeting->position : meeting->first;
    const uint32_t end = end_of(trial, meeting);
    if (target[first] != 0) {
        sg_ways_begin(trial, first, target[first] - 1u);
    } else {
        memset(trial->reached[first], 0, SG_MAX_STATES * sizeof(uint32_t)); /* any state is as good */
        for (uint32_t i = first; i-- > 0 && i + SG_MAX_UNIT > first;) {
            sg_ways_begin(trial, i, SG_NOWHERE); /* no unit begins before it */
        }
    }
    sg_ways_forwards(trial, first, end);
    return sg_least_of(trial->reached[end], trial->choices->states);
}

/* Between which bounds a trial's ways to all states cost more than others, less their tags. */
typedef struct bounds {
    int32_t least, most;
} bounds;

static void widen(bounds *bounds, const uint32_t *ways, const uint32_t *others, uint32_t states)
{
    for (uint32_t state = 0; state < states; state++) {
        const int32_t way = (int32_t)(ways[state] & ~(uint32_t)SG_TAG);
        const int32_t other = (int32_t)(others[state] & ~(uint32_t)SG_TAG);
        if (way < SG_NEVER || other < SG_NEVER) {
            const int32_t more = way - other;
            bounds->least = more < bounds->least ? more : bounds->least;
            bounds->most = more > bounds->most ? more : bounds->most;
        }
    }
}

/* The same at all positions that a unit which ends behind this one may begin at. */
static bounds bounds_before(const sg_search *trial, sg_costs *others, uint32_t first, uint32_t position)
{
    const uint32_t longest = trial->choices->letter == NULL ? 1 : SG_MAX_UNIT;
    bounds bounds = {INT32_MAX, INT32_MIN};
    for (uint32_t i = position + 1; i-- > first && i + longest > position;) {
        widen(&bounds, trial->reached[i], others[i], trial->choices->states);
    }
    return bounds;
}

/* The cost of a loop with only one jump to its head if entries are in registers there, or one that is not less than
 * `limit`. The way forwards with all in memory is known. By how much ways differ at some position, they differ at most
 * and at least from there on; so mostly a few micro-ops tell. */
static int64_t cost_of_loop(const sg_search *trial, sg_costs *others, const sg_meeting *meeting, uint32_t state,
                            int64_t limit)
{
    const uint32_t head = meeting->position, jump = meeting->last;
    const uint32_t row = trial->choices->heights[trial->plan->ops[jump]].row + state - 1u;
    const uint32_t with_others = sg_least_step(trial, others[jump], row);
    sg_ways_begin(trial, head, state);
    for (uint32_t i = head; i < jump;) {
        const uint32_t end = jump - i < STRIDE ? jump : i + STRIDE;
        sg_ways_forwards(trial, i, end);
        i = end;
        const bounds more = bounds_before(trial, others, head, i);
        const int64_t least = (int64_t)with_others + more.least;
        if (least >= limit || more.least == more.most) {
            return least;
        }
    }
    return sg_least_step(trial, trial->reached[jump], row);
}

/* The same with all entries in memory there. Whatever state is needed behind the jump: only control that goes on there
 * has to do with it. */
static int64_t cost_in_memory(const sg_search *trial, sg_costs *others, const sg_meeting *meeting)
{
    const uint32_t jump = meeting->last, states = trial->choices->states;
    uint8_t *const behind = &trial->plan->target[jump + 1];
    const uint8_t kept = *behind;
    const uint32_t before = others[meeting->position][0] & ~(uint32_t)SG_TAG;
    if (kept == 0) {
        return (int64_t)sg_least_of(others[jump + 1], states) - before;
    }
    const uint32_t first = jump - meeting->position < SG_MAX_UNIT ? meeting->position : jump + 1 - SG_MAX_UNIT;
    memcpy(trial->reached[first], others[first], (jump + 1 - first) * sizeof *others);
    *behind = 0;
    sg_ways_forwards(trial, jump, jump + 1);
    *behind = kept;
    return (int64_t)sg_least_of(trial->reached[jump + 1], states) - before;
}

/* Choose the state in which jumps arrive there; whether it is not 0. changed: other states have been chosen since the
 * pass forwards. */
static bool choose_state(const sg_search *search, const sg_meetings *meetings, const sg_meeting *meeting,
                         bool changed)
{
    sg_search trial = *search;
    trial.reached = meetings->tried;
    uint32_t best = 0;
    if (is_head(meeting) && meeting->first == meeting->last) {
        if (changed) {
            sg_ways_forwards(search, meeting->position, meeting->last + 1);
        }
        int64_t least = cost_in_memory(&trial, search->reached, meeting);
        for (uint32_t state = 1; state <= meeting->most; state++) {
            const int64_t cost = cost_of_loop(&trial, search->reached, meeting, state, least);
            if (cost < least) {
                least = cost;
                best = state;
            }
        }
    } else {
        uint32_t least = UINT32_MAX;
        for (uint32_t state = meeting->most + 1; state-- > 0;) { /* 0 last: the automaton's nodes are right then */
            let_meet(search, meeting, meetings->opcodes, state);
            const uint32_t cost = cost_around(&trial, meeting);
            if (cost <= least) {
                least = cost;
                best = state;
            }
        }
    }
    if (best != 0) {
        let_meet(search, meeting, meetings->opcodes, best);
    }
    return best != 0;
}

/* Of the positions where jumps arrive, those where entries may be in registers; their number. */
static uint32_t find_candidates(const sg_search *search, sg_meetings *meetings)
{
    sg_meeting *const all = meetings->all;
    const uint32_t found = find_meetings(search, meetings);
    uint64_t left = (uint64_t)search->plan->length * BUDGET * search->choices->states; /* loops in loops take long */
    uint32_t count = 0;
    for (uint32_t i = 0; i < found; i++) {
        const sg_meeting *const meeting = &all[i];
        const uint32_t around = end_of(search, meeting) - (is_head(meeting) ? meeting->position : meeting->first);
        const uint64_t work = (uint64_t)around * (1 + meeting->most);
        const bool is_worth_it = meeting->most != 0 && work <= left;
        const uint32_t most = is_worth_it ? entries_at(search, meeting, (int32_t)meeting->most) : 0;
        if (most != 0) {
            left -= work;
            all[count] = *meeting;
            all[count++].most = most;
        }
    }
    return count;
}

bool sg_choose_meetings(const sg_search *search, sg_meetings *meetings)
{
    const uint32_t length = search->plan->length;
    const uint32_t count = find_candidates(search, meetings);
    const bool at_random = search->selection == SG_SELECT_RANDOM;
    bool some = false;
    for (uint32_t i = 0; at_random && i < count; i++) {
        const sg_meeting *const meeting = &meetings->all[i];
        const uint32_t state = sg_lot(search, meeting->position, 0, 0, 0) / SG_COST % (meeting->most + 1);
        let_meet(search, meeting, meetings->opcodes, state);
        some |= state != 0;
    }
    sg_ways_from(search, 0, length);
    for (uint32_t i = 0; !at_random && i < count; i++) {
        some |= choose_state(search, meetings, &meetings->all[i], some);
    }
    if (some && !at_random) {
        sg_ways_from(search, 0, length);
    }
    return some;
}

void sg_restore_opcodes(const sg_search *search, const sg_meetings *meetings)
{
    sg_plan *const plan = search->plan;
    for (uint32_t i = 0; i < plan->jump_count; i++) {
        plan->ops[plan->jumps[i].from] = meetings->opcodes[i];
    }
}
