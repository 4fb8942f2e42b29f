/* Choosing units for a trace: what a generated header tells the planner, and what it gets back.
 *
 * A VM may have several emit functions (units) for one micro-op, which differ in how many of the topmost stack
 * entries they find in registers and leave there, and units that do several micro-ops at once. The number of
 * entries in registers is the *state* between two micro-ops. A trace begins and ends in state 0. Where jumps arrive,
 * all ways meet in one state, which the planner chooses: a micro-op that jumps to there has a row of choices of its own
 * for each such state, and where control falls through with fewer entries in registers, a transition fills the others.
 *
 * The generated header has one row of choices for each sequence of micro-ops that has units: for each state
 * before and after it the cheapest *step* (a unit, with the transitions that it needs around it) and its cost.
 * Which sequences end at a micro-op an automaton tells (Aho and Corasick's): its node stands for the longest
 * beginning of a sequence that the trace's last micro-ops are.
 */
#ifndef STENCILGEN_PLAN_H
#define STENCILGEN_PLAN_H

#include "emit.h"
#include "jit.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SG_MAX_STATES = 5,
    SG_MAX_UNIT = 4,         /* micro-ops in a unit */
    SG_MAX_JUMPS = 64,       /* in a trace with more of them entries are in memory where they arrive */
    SG_UNKNOWN = 0x100000,   /* as a number of entries: higher than any stack */
    SG_MAX_ROOM = 0x100000,  /* above the bytes of hot or of cold code of any step */
    SG_NEVER = 0x20000000,   /* the cost of what cannot be */
    SG_MAX_COST = 0x20000,   /* above that of any step */
    SG_COST = 32,            /* costs are multiples of it ... */
    SG_TAG = SG_COST - 1,    /* ... and in the bits below stands the step: the state before it, times 4, plus its length, less 1 */
};

/* A unit and the transitions before and after it, as indices into the header's table of emit functions; 0: none. A unit of one
 * micro-op without transitions is a step too: it needs no record, its index stands for it. */
typedef struct sg_step {
    uint16_t before, unit, after;
    uint8_t length; /* in micro-ops */
    uint8_t exits;  /* bit i: micro-op i of the unit, which is not its last one, has side exits; from bit 6 on, what their stubs
                     * write of declared places: 0 nothing, 1 what memory lacks, 2 what it perhaps lacks */
} sg_step;

/* Bytes of code that a step emits at most. */
typedef struct sg_room {
    uint32_t hot, cold;
} sg_room;

/* A sequence of several micro-ops that has units. */
typedef struct sg_sequence {
    uint16_t row;      /* its choices */
    uint8_t length;    /* in micro-ops */
    uint8_t is_picky;  /* its units are for some operands only: `fitting` tells the row */
} sg_sequence;

/* What a micro-op tells of the stack's height, and of where it jumps to. */
typedef struct sg_height {
    int32_t needs;  /* so many entries there are at its start, if the trace goes on behind it */
    int32_t moves;  /* by so many entries it moves the top where it goes on; SG_UNKNOWN: it does not, or nobody knows */
    uint16_t jumps; /* so many entries may be in registers where it jumps to */
    uint16_t row;   /* its choices if it is one; those for more of them follow */
} sg_height;

/* A transition that fills registers. */
typedef struct sg_fill {
    uint32_t cost;
    uint16_t unit;
} sg_fill;

typedef struct sg_choices {
    uint32_t states; /* 1 + the entries in registers at most */
    /* [row][before][after]; rows are micro-ops' opcodes, then those of jumps, then sequences. costs: with tags, or
     * SG_NEVER; a row's lie on a 16-byte boundary if there are four states */
    const uint32_t *costs;
    const uint16_t *steps; /* indices of units, then, counted on, of records of steps */
    const sg_room *room;   /* by step, counted in the same way */
    uint32_t step_count;
    const uint32_t *frame; /* the same, bytes of the frame; NULL: none needs any */

    const sg_height *heights; /* by opcode; NULL: entries are in memory wherever jumps arrive */
    const sg_fill *fills;     /* [before][after] */

    const uint16_t *letter;    /* by opcode: what the automaton knows it as; NULL: there are only units of one micro-op */
    const uint16_t *next;      /* [node][letter]: the next node; 0 is where it starts */
    uint32_t letters;
    const uint16_t *first;     /* by node: the first sequence that ends here; they end where those of the next node begin */
    const sg_sequence *ending;
    /* The row of a picky sequence's units for the operands of the micro-ops from `instruction` on, or 0; `row`: its first. */
    uint32_t (*fitting)(const void *instruction, uint32_t row);
} sg_choices;

/* The micro-op at one position may jump to another. */
typedef struct sg_trace_jump {
    uint32_t from, to;
} sg_trace_jump;

/* A step behind a transition that fills registers; jumps arrive between the two. */
typedef struct sg_head_step {
    uint16_t fill, step;
} sg_head_step;

/* One trace: filled in by the header's loop over it, then by the planner. */
typedef struct sg_plan {
    uint16_t *ops;   /* by position: the opcode */
    uint8_t *target; /* by position, `length` included: 0, or 1 plus the entries in registers where jumps arrive here */
    uint16_t *steps; /* by position: the step that begins here, if one does; above all steps of the header, one of `heads` */
    uint32_t length;
    uint32_t jump_count; /* may be more than there is room for */
    uint32_t head_count;
    sg_trace_jump jumps[SG_MAX_JUMPS];
    sg_head_step heads[SG_MAX_JUMPS];
} sg_plan;

/* An empty plan, of a VM without units that has to know where jumps arrive; NULL after recording an error. */
sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length);
/* The plan of the trace that is being emitted. */
const sg_plan *sg_planned(const sg_assembler *as);

/* Where two micro-ops or units meet, the second of which begins at this position. */
static inline void sg_meet_last(sg_assembler *as, const sg_plan *plan, uint32_t position)
{
    if (SG_UNLIKELY((as->last_due | plan->target[position]) != 0)) {
        sg_settle_last(as, plan->target[position] != 0, as->last_due);
    }
}

/* The micro-op at `from` may jump to `to`; a jump beyond the trace's end is an error of the emit function. */
void sg_plan_jump(sg_plan *plan, uint32_t from, uint64_t to);

/* Before a unit of several micro-ops is emitted at as->index: write the exit stubs of all but its last micro-op, and let the labels
 * of the positions after the first one stand for them. No jump arrives at those. Emit functions of such units take it that
 * as->index is the position of the last micro-op. */
static inline void sg_begin_unit(sg_assembler *as, const sg_step *step)
{
    const uint32_t writes = step->exits >> 6;
    for (uint32_t i = 0; i + 1 < step->length; i++) {
        if (step->exits >> i & 1) {
            as->labels[as->index + 1] = as->cold;
            as->cold = writes != 0 ? sg_writing_exit_stub(as, as->cold, writes == 1) : sg_exit_stub(as, as->cold);
        }
        as->index++;
    }
}

/* After it: nothing is left for the positions after the first one. */
static inline void sg_end_unit(sg_assembler *as, const sg_step *step)
{
    for (uint32_t i = 0; i + 1 < step->length; i++) {
        as->labels[as->index - i] = as->hot;
        as->cold_labels[as->index - i] = as->cold;
    }
}

#ifdef __cplusplus
}
#endif

#endif
