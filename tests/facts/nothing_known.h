/* What stencils ask and say, for a reference that runs them one by one as Clang compiles them: nothing is ever known. */
#include <stdbool.h>
#include <stdint.h>

#define NOTHING_KNOWN(type, name, ...)      \
    type __sg_fact_##name(__VA_ARGS__);     \
    type __sg_fact_##name(__VA_ARGS__)      \
    {                                       \
        return 0;                           \
    }
NOTHING_KNOWN(bool, holds, int location, unsigned facts)
NOTHING_KNOWN(bool, trust, int location, unsigned facts, bool predicate)
NOTHING_KNOWN(bool, is_constant, int location)
NOTHING_KNOWN(uint64_t, constant, int location)

#define NOTHING_DONE(name, ...)             \
    void __sg_effect_##name(__VA_ARGS__);   \
    void __sg_effect_##name(__VA_ARGS__) {}
NOTHING_DONE(learn, int location, unsigned facts)
NOTHING_DONE(learn_of_value, int location, unsigned facts)
NOTHING_DONE(learn_constant, int location, uint64_t value)
NOTHING_DONE(unlearn, int location, unsigned facts)
NOTHING_DONE(forget, int location)
NOTHING_DONE(copy, int to, int from)
NOTHING_DONE(exchange, int one, int other)
NOTHING_DONE(unlearn_everywhere, unsigned facts)
NOTHING_DONE(forget_from, int location)
NOTHING_DONE(forget_all, void)
NOTHING_DONE(shift, int amount)
NOTHING_DONE(shift_stack, int amount)
