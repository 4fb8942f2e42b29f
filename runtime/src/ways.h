/* Ways through a trace: what the planner (plan.c), the choice of states where jumps arrive (meet.c) and the two passes
 * (ways.c) have in common.
 */
#ifndef STENCILGEN_WAYS_H
#define STENCILGEN_WAYS_H

#include "internal.h"

#include "stencilgen/plan.h"

enum {
    SG_SEGMENT = SG_NEVER / SG_MAX_COST, /* micro-ops of a pass at most */
    SG_NOWHERE = SG_MAX_STATES,
    SG_ARRIVED = 7, /* where jumps arrive, beside the costs: in which state control falls through to there */
};

/* By state, the cost of the cheapest way there. A power of 2 in size: what is stored at once lies in one cache line. */
typedef uint32_t sg_costs[8];
_Static_assert((int)SG_MAX_STATES <= (int)SG_ARRIVED, "every state has a place");

/* What is being planned. */
typedef struct sg_search {
    const sg_choices *choices;
    sg_plan *plan;
    const uint8_t *trace;
    size_t instruction_size;
    sg_costs *reached; /* by position */
    uint16_t *nodes;   /* by position: the automaton's node after the micro-op before it */
    sg_selection selection;
    uint64_t seed;
    bool sse41;
} sg_search;

/* A position where jumps arrive. */
typedef struct sg_meeting {
    uint32_t position;
    uint32_t first, last; /* the first and the last micro-op that jumps here */
    uint32_t most;        /* entries that may be in registers */
} sg_meeting;

/* What the choice of their states needs room for. */
typedef struct sg_meetings {
    sg_costs *tried; /* by position: the costs if jumps arrived in another state */
    sg_meeting all[SG_MAX_JUMPS];
    uint16_t opcodes[SG_MAX_JUMPS]; /* of the micro-ops that jump, in the plan's order */
} sg_meetings;

/* ---- ways.c ---- */

/* At a first position: only this state can be; SG_NOWHERE: none. */
SG_INTERNAL void sg_ways_begin(const sg_search *search, uint32_t position, uint32_t state);
/* The costs of all ways up to `end` from a first position, whose costs stand there already. */
SG_INTERNAL void sg_ways_forwards(const sg_search *search, uint32_t first, uint32_t end);
/* The same from the trace's start, or that of a segment, where all entries are in memory. */
SG_INTERNAL void sg_ways_from(const sg_search *search, uint32_t first, uint32_t end);
/* Follow the cheapest way to state 0 at `end` back, write down its steps, and add up what they need. meetings: whether
 * entries are in registers where some jump arrives. */
SG_INTERNAL void sg_ways_backwards(const sg_search *search, uint32_t first, uint32_t end, bool meetings, sg_size *size);
/* The least of these costs, without tags. */
SG_INTERNAL uint32_t sg_least_of(const sg_costs costs, uint32_t states);
/* The least cost of a step of this row from these ways, to any state. */
SG_INTERNAL uint32_t sg_least_step(const sg_search *search, const sg_costs ways, uint32_t row);
/* A cost drawn for one step. */
SG_INTERNAL uint32_t sg_lot(const sg_search *search, uint32_t position, uint32_t row, uint32_t from, uint32_t to);

/* ---- meet.c ---- */

/* The pass forwards over a trace in which entries may be in registers where jumps arrive, and the choice of these
 * states; whether some is not 0. Until the pass backwards is done, the plan's opcodes are those of the rows that jumps
 * take then. */
SG_INTERNAL bool sg_choose_meetings(const sg_search *search, sg_meetings *meetings);
/* The opcodes as they were. */
SG_INTERNAL void sg_restore_opcodes(const sg_search *search, const sg_meetings *meetings);

#endif
