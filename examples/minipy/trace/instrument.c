/* Instruments: micro-ops between those of a trace that count what runs, or let guards fail on demand. */
#include "jit.h"

#include <string.h>

static bool is_guard(const Recording *recording, uint32_t i)
{
    return strncmp(opcode_names[recording->ops[i].opcode], "GUARD_", 6) == 0;
}

/* Can the trace be left before this micro-op, as if a guard had failed? Yes while its instruction has changed nothing: at
 * every guard, and at what comes right after the guards, which may test something, too: an overflow, an index, a count. */
static bool can_be_stressed(const Recording *recording, uint32_t i)
{
    const bool first = i == 0 || recording->origin[i] != recording->origin[i - 1] ||
                       recording->ops[i - 1].opcode == OP_REPEAT || recording->ops[i - 1].opcode == OP_CHECK_INTERRUPT;
    return first || is_guard(recording, i) || is_guard(recording, i - 1) || recording->ops[i - 1].opcode == OP_CLEAR;
}

/* What counts down to a guard's turn: all share one, or each has its own. */
static int64_t *countdown_of(Stress *stress)
{
    if (stress->of_each == NULL) {
        return stress->of_all;
    }
    stress->of_each[stress->guards] = stress->turn;
    return &stress->of_each[stress->guards++];
}

static void add(Recording *result, Instruction op, const Instruction *origin, const Instruction *resume)
{
    result->ops[result->length] = op;
    result->origin[result->length] = origin;
    result->resume[result->length++] = resume;
}

void instrument(const Recording *plain, Stress *stress, bool count, Tally *tally, Recording *result)
{
    static int32_t moved[MAX_OPS];
    result->length = 0;
    if (tally != NULL) {
        add(result, (Instruction){.opcode = OP_TALLY, .pointer = &tally->started}, plain->origin[0], plain->origin[0]);
    }
    for (uint32_t i = 0; i < plain->length; i++) {
        const Instruction *const origin = plain->origin[i];
        const bool first = i == 0 || origin != plain->origin[i - 1];
        moved[i] = (int32_t)result->length;
        if (stress != NULL && can_be_stressed(plain, i)) {
            add(result, (Instruction){.opcode = OP_STRESS, .pointer = countdown_of(stress)}, origin, origin);
        }
        if (count && first) {
            add(result, (Instruction){.opcode = OP_COUNT, .operand = 1}, origin, origin);
        }
        if (tally != NULL) {
            add(result, (Instruction){.opcode = OP_TALLY, .pointer = &tally->executed[i]}, origin, origin);
            tally->positions[i] = result->length;
        }
        Instruction op = plain->ops[i];
        if (op.opcode == OP_REPEAT) {
            op.target = moved[op.target];
        }
        add(result, op, origin, plain->resume[i]);
    }
    result->resume[result->length] = plain->resume[plain->length];
}
