/* What is known before each micro-op of the trace that was compiled last: put into a generated header, for who asks the library. */
#include <stencilgen/facts.h>
#include <stdlib.h>

enum { KNOWN_MOST = 1 << 16 };

typedef struct Known {
    int64_t location;
    uint32_t position, facts;
} Known;

extern Known known_facts[KNOWN_MOST];
extern uint32_t known_count;
Known known_facts[KNOWN_MOST];
uint32_t known_count;

/* A loop that is emitted once more is noted once more. */
static void known_note(const sg_assembler *as, uint32_t position)
{
    while (known_count > 0 && known_facts[known_count - 1].position >= position) {
        known_count--;
    }
    const sg_facts *const facts = as->facts;
    for (const sg_location_range *range = facts->ranges; range < facts->ranges + 2; range++) {
        for (uint64_t place = range->begin; place < range->end; place++) {
            const sg_fact *const fact = &facts->of[place];
            const uint32_t known = fact->known & ~SG_HAS_CONSTANT;
            if (fact->epoch == facts->epoch && known != 0) {
                if (known_count == KNOWN_MOST) {
                    abort();
                }
                known_facts[known_count++] = (Known){(int64_t)place - range->origin, position, known};
            }
        }
    }
}
