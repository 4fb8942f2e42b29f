/* The table of facts: where it comes from, and what a false fact leads to. */
#include "internal.h"

#include "stencilgen/facts.h"

#include <stdlib.h>

/* The context's table, made when the first trace of a VM with facts is compiled. */
static sg_facts *table_of(sg_jit *jit)
{
    if (jit->as.facts == NULL) {
        jit->as.facts = calloc(1, sizeof *jit->as.facts);
        jit->counters.allocations++;
        if (jit->as.facts != NULL) {
            jit->as.facts->size = jit->no_facts ? 0 : SG_LOCATIONS;
        }
    }
    return jit->as.facts;
}

bool sg_facts_begin(sg_assembler *as, uint32_t length)
{
    sg_facts *const facts = table_of(as->jit);
    void *targets = facts == NULL ? NULL : facts->targets;
    if (facts == NULL || !sg_grow(&as->jit->counters, &targets, &facts->target_capacity, length + (size_t)1, 1)) {
        sg_fail(as, "out of memory for what is known along the trace");
        return false;
    }
    facts->targets = targets;
    memset(facts->targets, 0, length + (size_t)1);
    sg_forget_all(as);
    return true;
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
