/* Choosing units for a trace: what a generated header tells the planner, and what it gets back.
 *
 * A VM may have several emit functions (units) for one micro-op, which differ in how many of the topmost stack
 * entries they find in registers and leave there, and units that do several micro-ops at once. The number of
 * entries in registers is the *state* between two micro-ops. A trace begins and ends in state 0, and jumps arrive
 * in state 0.
 *
 * The generated header has one row of choices for each sequence of micro-ops that has units: for each state
 * before and after it the cheapest *step* (a unit, with the transitions that it needs around it) and its cost.
 */
#ifndef STENCILGEN_PLAN_H
#define STENCILGEN_PLAN_H

#include "emit.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SG_MAX_STATES = 5,
    SG_MAX_UNIT = 4,         /* micro-ops in a unit */
    SG_NEVER = 0x20000000,   /* the cost of what cannot be */
    SG_MAX_COST = 0x20000,   /* above that of any step; costs are multiples of 32 */
};

/* A unit and the transitions before and after it, as indices into the header's table of emit functions; 0: none. */
typedef struct sg_step {
    uint16_t before, unit, after;
    uint8_t length; /* in micro-ops */
    uint8_t exits;  /* bit i: micro-op i of the unit, which is not its last one, has side exits; from bit 6 on, what their stubs
                     * write of declared places: 0 nothing, 1 what memory lacks, 2 what it perhaps lacks */
} sg_step;

/* A longer sequence: what follows the sequence without its last micro-op (or, at first, its first micro-op).
 * Those of one prefix are neighbours. */
typedef struct sg_longer {
    uint16_t op;         /* the last micro-op */
    uint16_t next;       /* the first sequence that is longer by one, and how many there are */
    uint16_t next_count;
    uint16_t row;        /* its choices, or 0: it has none itself; where operands matter, `fitting` tells which */
} sg_longer;

typedef struct sg_choices {
    uint32_t states; /* 1 + the entries in registers at most */
    /* [row][before][after]; rows are micro-ops' opcodes, then longer sequences */
    const uint32_t *costs;
    const uint16_t *steps;
    const sg_longer *longer; /* NULL: there are only units of one micro-op */
    const uint16_t *first;   /* by opcode: the first sequence of two, ... */
    const uint16_t *first_count; /* ... and how many there are */
    /* The row of a sequence that has one (its index in `longer`) for the operands of the micro-ops from `instruction` on, or 0;
     * NULL: operands do not matter. */
    uint32_t (*fitting)(const void *instruction, uint32_t sequence);
    size_t instruction_size;
} sg_choices;

/* One trace: filled in by the header's loop over it, then by sg_choose. */
typedef struct sg_plan {
    uint16_t *ops;   /* by position: the opcode */
    uint8_t *target; /* by position, `length` included: may a jump arrive here? */
    uint16_t *steps; /* by position: the index of the step that begins here, if one does */
    uint32_t length;
} sg_plan;

/* An empty plan for a trace; NULL after recording an error. Valid until the next one. */
sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length);
/* Fill in plan->steps: the cheapest way through the trace, or what sg_options.selection says. */
void sg_choose(sg_assembler *as, sg_plan *plan, const sg_choices *choices);

/* A jump goes to this position; one beyond the trace's end is an error of the emit function. */
static inline void sg_plan_target(sg_plan *plan, uint64_t position)
{
    if (position <= plan->length) {
        plan->target[position] = 1;
    }
}

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
