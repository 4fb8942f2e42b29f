/* Choosing units for a trace: which micro-ops it has, where they jump, and so the cheapest steps through it. */
#include "ways.h"

#include <stdlib.h>

struct sg_planner {
    sg_plan plan;
    sg_costs *reached;
    uint16_t *nodes;
    size_t capacity;
    void *memory;
    bool sse41; /* asked for once: cpuid is slow in a virtual machine */
    sg_meetings meetings;
};

static sg_planner *planner_of(sg_jit *jit)
{
    if (jit->planner == NULL) {
        jit->planner = calloc(1, sizeof *jit->planner);
        jit->counters.allocations++;
        if (jit->planner != NULL) {
            const bool allowed = jit->cpu_limit == 0 || jit->cpu_limit >= SG_X86_64_V2;
            jit->planner->sse41 = allowed && sg_cpu_level() >= SG_X86_64_V2;
        }
    }
    return jit->planner;
}

/* Room for a trace; false: out of memory. */
static bool begin_plan(sg_jit *jit, uint32_t length)
{
    sg_planner *const planner = planner_of(jit);
    const size_t each = 2 * sizeof(sg_costs) + 3 * sizeof(uint16_t) + 1;
    if (planner == NULL || !sg_grow(&jit->counters, &planner->memory, &planner->capacity, length + (size_t)1, each)) {
        return false;
    }
    planner->reached = planner->memory;
    planner->meetings.tried = planner->reached + planner->capacity;
    planner->nodes = (uint16_t *)(planner->meetings.tried + planner->capacity);
    planner->plan.ops = planner->nodes + planner->capacity;
    planner->plan.steps = planner->plan.ops + planner->capacity;
    planner->plan.target = (uint8_t *)(planner->plan.steps + planner->capacity);
    planner->plan.length = length;
    planner->plan.jump_count = 0;
    planner->plan.head_count = 0;
    memset(planner->plan.target, 0, length + (size_t)1);
    return true;
}

sg_plan *sg_plan_begin(sg_assembler *as, uint32_t length)
{
    if (!begin_plan(as->jit, length)) {
        sg_fail(as, "out of memory for where jumps arrive");
        return NULL;
    }
    return &as->jit->planner->plan;
}

void sg_plan_jump(sg_plan *plan, uint32_t from, uint64_t to)
{
    if (to <= plan->length) {
        plan->target[to] = 1;
        if (plan->jump_count < SG_MAX_JUMPS) {
            plan->jumps[plan->jump_count] = (sg_trace_jump){from, (uint32_t)to};
        }
        plan->jump_count++;
    }
}

const sg_plan *sg_planned(const sg_assembler *as)
{
    return &as->jit->planner->plan;
}

/* Look ahead as far as the next micro-op that sets the place, and so overtakes the value, or writes it. All lookings
 * ahead for one place together pass each micro-op once. */
bool sg_last_is_due(const sg_assembler *as, uint32_t place)
{
    if (as->jit->planner == NULL) {
        return true; /* each micro-op is by itself: all is written where two meet */
    }
    const sg_plan *const plan = &as->jit->planner->plan;
    const sg_last_use *const uses = as->jit->vm->last_uses;
    for (uint32_t i = as->index + 1; i < plan->length && plan->target[i] == 0; i++) {
        const sg_last_use use = uses[plan->ops[i]];
        if (((use.sets | use.writes) >> place & 1) != 0) {
            return (use.writes >> place & 1) != 0;
        }
    }
    return true; /* where jumps arrive, and at the trace's end, all is written */
}

const uint8_t *sg_planner_targets(const sg_planner *planner)
{
    return planner == NULL ? NULL : planner->plan.target;
}

void sg_planner_destroy(sg_planner *planner)
{
    if (planner != NULL) {
        free(planner->memory);
        free(planner);
    }
}

/* Is it worth while to let entries be in registers where jumps arrive? */
static bool has_meetings(const sg_search *search)
{
    const sg_plan *const plan = search->plan;
    return plan->jump_count != 0 && plan->jump_count <= SG_MAX_JUMPS && plan->length <= SG_SEGMENT / 2 &&
           search->choices->heights != NULL && search->selection != SG_SELECT_PLAIN;
}

static void choose_steps(const sg_search *search, sg_meetings *meetings, sg_size *size)
{
    const uint32_t length = search->plan->length;
    if (has_meetings(search)) {
        const bool some = sg_choose_meetings(search, meetings);
        sg_ways_backwards(search, 0, length, some, size);
        sg_restore_opcodes(search, meetings);
        return;
    }
    for (uint32_t first = 0; first < length;) {
        const uint32_t end = length - first <= SG_SEGMENT ? length : first + SG_SEGMENT;
        sg_ways_from(search, first, end);
        sg_ways_backwards(search, first, end, false, size);
        first = end;
    }
}

bool sg_plan_trace(sg_jit *jit, const void *trace, uint32_t length, sg_size *size, uint32_t *known, sg_error *error)
{
    if (!begin_plan(jit, length)) {
        sg_error_format(error, "out of memory for the choice of units");
        return false;
    }
    sg_planner *const planner = jit->planner;
    *known = jit->vm->prepare(&planner->plan, trace, length);
    if (*known == length) {
        const sg_search search = {
            .choices = jit->vm->choices,
            .plan = &planner->plan,
            .trace = trace,
            .instruction_size = jit->vm->instruction_size,
            .reached = planner->reached,
            .nodes = planner->nodes,
            .selection = jit->selection,
            .seed = jit->selection_seed,
            .sse41 = planner->sse41,
        };
        choose_steps(&search, &planner->meetings, size);
    }
    return true;
}
