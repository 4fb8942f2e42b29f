/* Facts carried along a trace: what the emit functions know of the VM's locations at the micro-op in hand.
 *
 * A location is an integer that the VM chose (a slot's number), or SG_ON_STACK plus an index relative to the stack pointer.
 * So there are two ranges of them, each of which may be renumbered by moving its origin. A location's entry in the table
 * holds a set of facts, one bit for each name in [facts] of stencilgen.toml, and perhaps the 64-bit value itself. Emit
 * functions ask before they write code (SG_HOLDS, …) and say what has changed after it (SG_LEARN, …); each is a few
 * instructions.
 *
 * Entries carry the number of the *epoch* they were made in, and those of an earlier one hold nothing: so to forget
 * everything is to count the epoch up. A location outside of its range is one of which nothing is ever known.
 *
 * Values have numbers where they are copied: a copy keeps the number, and the place where the value was copied from
 * first. While an entry there has the same number, what is learnt of the value holds for both.
 *
 * At the head of a loop only what holds whenever a jump comes back may be known. So the loop is emitted as if all that is
 * known at its head did, and each jump back compares: what does not hold there is taken away from the head, and the
 * loop is emitted once more. Where jumps arrive from before, nothing is known.
 */
#ifndef STENCILGEN_FACTS_H
#define STENCILGEN_FACTS_H

#include "emit.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SG_LOCATIONS = 1 << 14,       /* in the table: first those that the VM has numbered, */
    SG_STACK_LOCATIONS = 1 << 12, /* then those on the operand stack */
    SG_ON_STACK = 1 << 30,        /* ON_STACK(0) of stencil.h */
    SG_ANSWERS = 8,               /* questions that what a micro-op says may depend on */
};
#define SG_HAS_CONSTANT (UINT32_C(1) << 31)

typedef struct sg_fact {
    uint32_t epoch;
    uint32_t known; /* a bit for each fact, and SG_HAS_CONSTANT */
    uint64_t constant;
    uint32_t value; /* the number of the value, or 0: it was never copied */
    uint32_t first; /* the place where the first with this number was */
} sg_fact;

typedef struct sg_location_range {
    int64_t origin;       /* where location 0 would be in the table */
    uint64_t first, size; /* of its entries; none with sg_options.no_facts */
    uint64_t begin, end;  /* all entries of this epoch lie from begin on, and before end */
} sg_location_range;

struct sg_facts {
    uint32_t epoch;
    uint32_t values; /* that have a number */
    sg_location_range ranges[2]; /* what the VM has numbered; the operand stack */
    uint64_t answers[SG_ANSWERS];
    uint32_t *targets; /* by position of the trace: SG_FROM_BEFORE, SG_FROM_BEHIND, and the number of its head */
    size_t target_capacity;
    struct sg_head *heads; /* of loops, in the order of their positions */
    size_t head_count, head_capacity;
    struct sg_premise *premises; /* of one head after the other */
    size_t premise_count, premise_capacity;
    uint32_t again;    /* 1 + the number of the head from which to emit once more, or 0 */
    uint32_t repeated; /* how often that was */
    sg_fact of[SG_LOCATIONS + SG_STACK_LOCATIONS];
};

/* ---- What generated headers call ---- */

/* What jumps arrive at a position of the trace. */
enum { SG_FROM_BEFORE = 1, SG_FROM_BEHIND = 2, SG_HEAD_SHIFT = 2 };

/* Before a trace: nothing is known, and no jump. False after recording an error. */
bool sg_facts_begin(sg_assembler *as, uint32_t length);
/* A number for an epoch that no entry has. */
void sg_facts_renew(sg_facts *facts);

/* At a position where jumps arrive: begin a loop, or forget. */
void sg_facts_head(sg_assembler *as, uint32_t position);
/* Back to the head of as->facts->again, where less is known now; its position. */
uint32_t sg_facts_rewind(sg_assembler *as);
/* Compare what is known with what the head at this position takes for known; with nothing, if the micro-op has lost something. */
void sg_facts_jump(sg_assembler *as, uint64_t target, bool knows);

/* The micro-op at `from` may jump to this position; one beyond the trace's end is an error of the emit function. */
static inline void sg_facts_target(sg_assembler *as, uint32_t from, uint64_t position)
{
    if (position <= as->length) {
        as->facts->targets[position] |= position > from ? SG_FROM_BEFORE : SG_FROM_BEHIND;
    }
}

static inline void sg_forget_all(sg_assembler *as)
{
    sg_facts *const facts = as->facts;
    sg_location_range *const numbered = &facts->ranges[0], *const on_stack = &facts->ranges[1];
    numbered->origin = SG_LOCATIONS / 4; /* more locations lie above the first than below */
    on_stack->origin = SG_LOCATIONS + SG_STACK_LOCATIONS / 2 - (int64_t)SG_ON_STACK;
    numbered->begin = on_stack->begin = SG_LOCATIONS + SG_STACK_LOCATIONS;
    numbered->end = on_stack->end = 0;
    facts->values = 0;
    if (++facts->epoch == 0) {
        sg_facts_renew(facts);
    }
}

/* Before each micro-op. */
static inline void sg_facts_arrive(sg_assembler *as, uint32_t position)
{
    if (SG_UNLIKELY(as->facts->targets[position] != 0)) {
        sg_facts_head(as, position);
    }
}

/* ---- What emit functions ask, and say ---- */

#define SG_HOLDS(location, facts) sg_holds(as, location, facts)
#define SG_IS_CONSTANT(location) sg_holds(as, location, SG_HAS_CONSTANT)
#define SG_CONSTANT(location) sg_constant(as, location)
#define SG_JUMPS(target) sg_facts_jump(as, (uint64_t)(target), true)
#define SG_JUMPS_KNOWING_NOTHING(target) sg_facts_jump(as, (uint64_t)(target), false)
#define SG_ASK(number, value) (as->facts->answers[number] = (value))
#define SG_ANSWER(number) (as->facts->answers[number])
#define SG_LEARN(location, facts) sg_learn(as, location, facts)
#define SG_LEARN_OF_VALUE(location, facts) sg_learn_of_value(as, location, facts)
#define SG_KNOW(location, facts) sg_know(as, location, facts)
#define SG_LEARN_CONSTANT(location, value) sg_learn_constant(as, location, value)
#define SG_UNLEARN(location, facts) sg_unlearn(as, location, facts)
#define SG_FORGET(location) sg_forget(as, location)
#define SG_COPY(to, from) sg_copy_facts(as, to, from)
#define SG_EXCHANGE(one, other) sg_exchange_facts(as, one, other)
#define SG_UNLEARN_EVERYWHERE(facts) sg_unlearn_from(as, INT32_MIN, facts)
#define SG_FORGET_FROM(location) sg_unlearn_from(as, location, UINT32_MAX)
#define SG_FORGET_ALL() sg_forget_all(as)
#define SG_SHIFT(amount) (as->facts->ranges[0].origin += (amount))
#define SG_SHIFT_STACK(amount) sg_shift_stack(as, amount)

/* The range that a location is in: a constant one's is known to the compiler. */
static inline sg_location_range *sg_range_of(const sg_assembler *as, int64_t location)
{
    return &as->facts->ranges[location >= SG_ON_STACK / 2];
}

static inline uint64_t sg_place(const sg_location_range *range, int64_t location)
{
    return (uint64_t)(location + range->origin);
}

/* A location's entry of this epoch, or NULL. */
static inline sg_fact *sg_fact_at(const sg_assembler *as, int64_t location)
{
    sg_facts *const facts = as->facts;
    const sg_location_range *const range = sg_range_of(as, location);
    const uint64_t place = sg_place(range, location);
    return place - range->first < range->size && facts->of[place].epoch == facts->epoch ? &facts->of[place] : NULL;
}

/* The same, made if there is none; NULL: not in the table. */
static inline sg_fact *sg_fact_for(const sg_assembler *as, int64_t location)
{
    sg_facts *const facts = as->facts;
    sg_location_range *const range = sg_range_of(as, location);
    const uint64_t place = sg_place(range, location);
    if (place - range->first >= range->size) {
        return NULL;
    }
    sg_fact *const fact = &facts->of[place];
    if (fact->epoch != facts->epoch) {
        fact->epoch = facts->epoch;
        fact->known = fact->value = 0;
        range->begin = place < range->begin ? place : range->begin;
        range->end = place < range->end ? range->end : place + 1;
    }
    return fact;
}

static inline bool sg_holds(const sg_assembler *as, int64_t location, uint32_t facts)
{
    const sg_fact *const fact = sg_fact_at(as, location);
    return fact != NULL && (fact->known & facts) == facts;
}

/* 0 where it is not known. */
static inline uint64_t sg_constant(const sg_assembler *as, int64_t location)
{
    return sg_holds(as, location, SG_HAS_CONSTANT) ? sg_fact_at(as, location)->constant : 0;
}

static inline void sg_learn(const sg_assembler *as, int64_t location, uint32_t facts)
{
    sg_fact *const fact = sg_fact_for(as, location);
    if (fact != NULL) {
        fact->known |= facts;
    }
}

/* The same, also where the value was copied from. */
static inline void sg_learn_of_value(const sg_assembler *as, int64_t location, uint32_t facts)
{
    sg_fact *const fact = sg_fact_for(as, location);
    if (fact != NULL) {
        sg_fact *const first = fact->value != 0 ? &as->facts->of[fact->first] : fact;
        fact->known |= facts;
        if (first->epoch == fact->epoch && first->value == fact->value) {
            first->known |= facts;
        }
    }
}

/* These facts, and no others. */
static inline void sg_know(const sg_assembler *as, int64_t location, uint32_t facts)
{
    sg_fact *const fact = sg_fact_for(as, location);
    if (fact != NULL) {
        fact->known = facts;
        fact->value = 0;
    }
}

static inline void sg_learn_constant(const sg_assembler *as, int64_t location, uint64_t value)
{
    sg_fact *const fact = sg_fact_for(as, location);
    if (fact != NULL) {
        fact->known |= SG_HAS_CONSTANT;
        fact->constant = value;
    }
}

static inline void sg_unlearn(const sg_assembler *as, int64_t location, uint32_t facts)
{
    sg_fact *const fact = sg_fact_at(as, location);
    if (fact != NULL) {
        fact->known &= ~facts;
    }
}

static inline void sg_forget(const sg_assembler *as, int64_t location)
{
    sg_fact *const fact = sg_fact_at(as, location);
    if (fact != NULL) {
        fact->known = fact->value = 0;
    }
}

/* Of this location and all above. Those on the stack are above all others: so one number tells for both ranges. */
static inline void sg_unlearn_from(const sg_assembler *as, int64_t location, uint32_t facts)
{
    for (int i = 0; i < 2; i++) {
        const sg_location_range *const range = &as->facts->ranges[i];
        const int64_t place = location + range->origin, begin = (int64_t)range->begin;
        for (uint64_t at = (uint64_t)(place < begin ? begin : place); at < range->end; at++) {
            as->facts->of[at].known &= ~facts; /* an entry of an earlier epoch may lose something too */
            as->facts->of[at].value = facts == UINT32_MAX ? 0 : as->facts->of[at].value;
        }
    }
}

/* The stack pointer has moved by so many entries. Those that are then above it are as if they had never been. */
static inline void sg_shift_stack(const sg_assembler *as, int64_t amount)
{
    sg_location_range *const range = &as->facts->ranges[1];
    range->origin += amount;
    const int64_t top = SG_ON_STACK + range->origin; /* below 0: below all that the table has entries for */
    while ((int64_t)range->end > top && range->end > range->begin) {
        as->facts->of[--range->end].epoch = 0;
    }
}

static inline void sg_set_fact(const sg_assembler *as, int64_t location, sg_fact value)
{
    sg_fact *const fact = sg_fact_for(as, location);
    if (fact != NULL) {
        const uint32_t epoch = fact->epoch;
        *fact = value;
        fact->epoch = epoch;
    }
}

/* A copy of a location's entry. */
static inline sg_fact sg_get_fact(const sg_assembler *as, int64_t location)
{
    const sg_fact *const fact = sg_fact_at(as, location);
    return fact != NULL ? *fact : (sg_fact){0};
}

static inline void sg_copy_facts(const sg_assembler *as, int64_t to, int64_t from)
{
    sg_fact *const fact = sg_fact_for(as, from);
    if (fact != NULL && fact->value == 0) {
        fact->value = ++as->facts->values;
        fact->first = (uint32_t)(fact - as->facts->of);
    }
    sg_set_fact(as, to, sg_get_fact(as, from));
}

static inline void sg_exchange_facts(const sg_assembler *as, int64_t one, int64_t other)
{
    const sg_fact first = sg_get_fact(as, one);
    sg_set_fact(as, one, sg_get_fact(as, other));
    sg_set_fact(as, other, first);
}

#ifdef __cplusplus
}
#endif

#endif
