/* The runtime's table of facts by itself, one effect after the other, for a model in Python to be compared with. */
#include "internal.h"

#include "stencilgen/facts.h"

typedef enum Effect {
    LEARN, LEARN_OF_VALUE, KNOW, UNLEARN, FORGET, COPY, EXCHANGE, UNLEARN_EVERYWHERE, FORGET_FROM, FORGET_ALL, SHIFT,
    SHIFT_STACK, HEAD,
} Effect;

static sg_jit jit;
static sg_assembler *const as = &jit.as;

typedef struct Loops {
    uint32_t rewinds;
    size_t premises;
} Loops;

/* An empty table, as at a trace's start; false: out of memory. */
bool table_begin(uint32_t epoch);
bool table_begin(uint32_t epoch)
{
    as->jit = &jit;
    if (!sg_facts_begin(as, 1)) {
        return false;
    }
    if (epoch != 0) {
        as->facts->epoch = epoch; /* the next one may be the first again */
        sg_forget_all(as);
    }
    return true;
}

void table_do(Effect effect, int64_t first, int64_t second);
void table_do(Effect effect, int64_t first, int64_t second)
{
    switch (effect) {
    case LEARN: SG_LEARN(first, (uint32_t)second); break;
    case LEARN_OF_VALUE: SG_LEARN_OF_VALUE(first, (uint32_t)second); break;
    case KNOW: SG_KNOW(first, (uint32_t)second); break;
    case UNLEARN: SG_UNLEARN(first, (uint32_t)second); break;
    case FORGET: SG_FORGET(first); break;
    case COPY: SG_COPY(first, second); break;
    case EXCHANGE: SG_EXCHANGE(first, second); break;
    case UNLEARN_EVERYWHERE: SG_UNLEARN_EVERYWHERE((uint32_t)second); break;
    case FORGET_FROM: SG_FORGET_FROM(first); break;
    case FORGET_ALL: SG_FORGET_ALL(); break;
    case SHIFT: SG_SHIFT(first); break;
    case SHIFT_STACK: SG_SHIFT_STACK(first); break;
    case HEAD:
        as->facts->targets[0] = SG_FROM_BEHIND;
        sg_facts_head(as, 0);
        break;
    }
}

/* All facts that hold at a location. */
uint32_t table_known(int64_t location);
uint32_t table_known(int64_t location)
{
    uint32_t known = 0;
    for (uint32_t fact = 1; fact != 0; fact <<= 1) {
        known |= SG_HOLDS(location, fact) ? fact : 0;
    }
    return known;
}

/* Assemble `heads` heads of loops, where `known` locations hold a fact, then what forgets one of these, then a jump to each head,
 * the innermost first. */
Loops table_loops(uint32_t heads, uint32_t known);
Loops table_loops(uint32_t heads, uint32_t known)
{
    Loops done = {0};
    as->jit = &jit;
    if (!sg_facts_begin(as, 2 * heads)) {
        return done;
    }
    for (uint32_t i = 0; i < heads; i++) {
        as->facts->targets[i] = SG_FROM_BEHIND;
    }
    for (uint32_t location = 0; location < known; location++) {
        SG_LEARN(location, 1);
    }
    for (uint32_t i = 0; i < 2 * heads;) {
        as->index = i;
        sg_facts_arrive(as, i);
        if (i == heads) {
            SG_FORGET(0);
        }
        if (i >= heads) {
            SG_JUMPS(2 * heads - 1 - i);
        }
        done.premises = as->facts->premise_count > done.premises ? as->facts->premise_count : done.premises;
        if (as->facts->again != 0) {
            i = sg_facts_rewind(as);
            done.rewinds++;
            continue;
        }
        i++;
    }
    return done;
}
