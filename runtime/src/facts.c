/* The table of facts: where it comes from, and what a false fact leads to. */
#include "internal.h"

#include "stencilgen/facts.h"

#include <stdlib.h>

/* What is taken for known at the head of a loop. */
typedef struct sg_premise {
    int64_t location;
    uint32_t known;
    uint64_t constant;
} sg_premise;

/* The head of a loop, and the assembler as it was there. */
typedef struct sg_head {
    uint32_t position;
    size_t first, count; /* its premises */
    int64_t origins[2];
    sg_assembler as;
} sg_head;

enum {
    MOST_REPEATED = 8,      /* a trace may emit loops again so often; the last time it takes nothing for known at heads */
    MOST_PREMISES = 1 << 17 /* of all loops together: what is taken for known takes 3 MB at most */
};

/* The context's table, made when the first trace of a VM with facts is compiled. */
static sg_facts *table_of(sg_jit *jit)
{
    if (jit->as.facts == NULL) {
        jit->as.facts = calloc(1, sizeof *jit->as.facts);
        jit->counters.allocations++;
        if (jit->as.facts != NULL) {
            sg_location_range *const ranges = jit->as.facts->ranges;
            ranges[1].first = SG_LOCATIONS;
            ranges[0].size = jit->no_facts ? 0 : SG_LOCATIONS;
            ranges[1].size = jit->no_facts ? 0 : SG_STACK_LOCATIONS;
        }
    }
    return jit->as.facts;
}

bool sg_facts_begin(sg_assembler *as, uint32_t length)
{
    sg_facts *const facts = table_of(as->jit);
    void *targets = facts == NULL ? NULL : facts->targets;
    if (facts == NULL || !sg_grow(&as->jit->counters, &targets, &facts->target_capacity, length + (size_t)1,
                                  sizeof *facts->targets)) {
        sg_fail(as, "out of memory for what is known along the trace");
        return false;
    }
    facts->targets = targets;
    memset(facts->targets, 0, (length + (size_t)1) * sizeof *facts->targets);
    facts->head_count = facts->premise_count = 0;
    facts->again = facts->repeated = 0;
    sg_forget_all(as);
    return true;
}

/* Room for one more head and `count` premises; false: out of memory, which is recorded. */
static bool grow(sg_assembler *as, size_t count)
{
    sg_facts *const facts = as->facts;
    sg_counters *const counters = &as->jit->counters;
    void *heads = facts->heads, *premises = facts->premises;
    const bool grown =
        sg_grow(counters, &heads, &facts->head_capacity, facts->head_count + 1, sizeof *facts->heads) &&
        sg_grow(counters, &premises, &facts->premise_capacity, facts->premise_count + count, sizeof *facts->premises);
    facts->heads = heads;
    facts->premises = premises;
    if (!grown) {
        sg_fail(as, "out of memory for what is known at the heads of loops");
    }
    return grown;
}

/* How many entries a range may have of this epoch. */
static size_t entries(const sg_location_range *range)
{
    return range->begin < range->end ? range->end - range->begin : 0;
}

void sg_facts_head(sg_assembler *as, uint32_t position)
{
    sg_facts *const facts = as->facts;
    uint32_t *const target = &facts->targets[position];
    const size_t most = entries(&facts->ranges[0]) + entries(&facts->ranges[1]);
    const bool open = (*target & SG_FROM_BEFORE) == 0 && facts->repeated < MOST_REPEATED &&
                      facts->premise_count + most <= MOST_PREMISES;
    if (!open || !grow(as, most)) {
        sg_forget_all(as);
        *target = SG_FROM_BEFORE;
        return;
    }
    sg_head *const head = &facts->heads[facts->head_count];
    *head = (sg_head){
        .position = position,
        .first = facts->premise_count,
        .origins = {facts->ranges[0].origin, facts->ranges[1].origin},
        .as = *as,
    };
    for (const sg_location_range *range = facts->ranges; range < facts->ranges + 2; range++) {
        for (uint64_t place = range->begin; place < range->end; place++) {
            sg_fact *const fact = &facts->of[place];
            fact->value = 0; /* in another iteration a value may be no copy of what it was copied from */
            if (fact->epoch == facts->epoch && fact->known != 0) {
                facts->premises[facts->premise_count++] = (sg_premise){
                    .location = (int64_t)place - range->origin,
                    .known = fact->known,
                    .constant = fact->constant,
                };
            }
        }
    }
    head->count = facts->premise_count - head->first;
    *target = SG_FROM_BEHIND | (uint32_t)facts->head_count++ << SG_HEAD_SHIFT;
}

void sg_facts_jump(sg_assembler *as, uint64_t target, bool knows)
{
    sg_facts *const facts = as->facts;
    if (target > as->index || (facts->targets[target] & SG_FROM_BEFORE) != 0) {
        return; /* nothing is taken for known there */
    }
    const uint32_t number = facts->targets[target] >> SG_HEAD_SHIFT;
    const sg_head *const head = &facts->heads[number];
    for (size_t i = head->first; i < head->first + head->count; i++) {
        sg_premise *const premise = &facts->premises[i];
        const sg_fact fact = knows ? sg_get_fact(as, premise->location) : (sg_fact){0};
        const bool differs = fact.constant != premise->constant;
        const uint32_t holds = premise->known & fact.known & ~(differs ? SG_HAS_CONSTANT : 0);
        if (holds != premise->known) {
            premise->known = holds;
            /* the outermost of several heads */
            facts->again = facts->again == 0 || number + 1 < facts->again ? number + 1 : facts->again;
        }
    }
}

uint32_t sg_facts_rewind(sg_assembler *as)
{
    sg_facts *const facts = as->facts;
    if (facts->repeated + 1 == MOST_REPEATED) {
        facts->again = 1; /* from the first head on: each may be taken back once more otherwise */
    }
    const sg_head head = facts->heads[facts->again - 1];
    facts->head_count = facts->again - (size_t)1; /* it is begun anew, with what is known then */
    facts->premise_count = head.first;
    facts->again = 0;
    facts->repeated++;
    const sg_assembler now = *as;
    *as = head.as;
    as->fixups = now.fixups; /* the table may have grown */
    as->fixup_capacity = now.fixup_capacity;
    as->failed = now.failed;
    as->reaches_end |= now.reaches_end;
    sg_forget_all(as);
    facts->ranges[0].origin = head.origins[0];
    facts->ranges[1].origin = head.origins[1];
    for (size_t i = head.first; i < head.first + head.count; i++) {
        const sg_premise *const premise = &facts->premises[i];
        if (premise->known != 0) {
            sg_set_fact(as, premise->location, (sg_fact){.known = premise->known, .constant = premise->constant});
        }
    }
    return head.position;
}

void sg_facts_renew(sg_facts *facts)
{
    memset(facts->of, 0, sizeof facts->of);
    facts->epoch = 1;
}

void sg_facts_destroy(sg_facts *facts)
{
    if (facts != NULL) {
        free(facts->targets);
        free(facts->heads);
        free(facts->premises);
        free(facts);
    }
}

void sg_fact_is_false(const char *stencil, const char *file, int line, const char *fact)
{
    fprintf(stderr,
            "%s:%d: stencil %s: what is known is false: %s\n"
            "  -> some micro-op before it in the trace says so and is wrong, or changes the value and does not FORGET\n",
            file, line, stencil, fact);
    abort();
}
