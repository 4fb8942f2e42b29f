/* Entering and leaving the one trace. Compiled by Clang: the state is in the registers of preserve_none. */
#include "runtime.h"

#include <stdio.h>

#define STATE Frame *frame, Ref *sp, Thread *thread

extern __attribute__((preserve_none, visibility("hidden"))) uint64_t whole_trace(STATE);

/* Written by the trace's exits, which then go to whole_trace_exit. */
__attribute__((visibility("hidden"))) uint32_t whole_trace_index;
static sg_exit left;

__attribute__((preserve_none, visibility("hidden"))) uint64_t whole_trace_exit(STATE)
{
    left.kind = SG_EXITED;
    left.state = (sg_state){frame, sp, thread};
    return 0;
}

static char context, code;

sg_jit *sg_jit_new(const sg_options *options, sg_error *error)
{
    (void)options;
    (void)error;
    return (sg_jit *)&context;
}

void sg_jit_free(sg_jit *jit)
{
    (void)jit;
}

sg_code *sg_compile(sg_jit *jit, const Instruction *trace, size_t length, sg_error *error)
{
    (void)jit;
    (void)trace;
    if (length != WHOLE_TRACE_LENGTH) {
        snprintf(error->text, sizeof error->text, "this library holds another trace");
        return NULL;
    }
    return (sg_code *)&code;
}

void sg_free(sg_code *freed)
{
    (void)freed;
}

sg_exit sg_enter(const sg_jit *jit, const sg_code *entered, Frame *frame, Ref *sp, Thread *thread)
{
    (void)jit;
    left.kind = SG_RETURNED;
    left.value = whole_trace(frame, sp, thread);
    left.index = whole_trace_index;
    left.code = (sg_code *)entered;
    return left;
}

sg_info sg_code_info(const sg_code *which)
{
    (void)which;
    return (sg_info){
        .hot = (const uint8_t *)&whole_trace,
        .hot_size = WHOLE_TRACE_HOT,
        .cold_size = WHOLE_TRACE_COLD,
        .length = WHOLE_TRACE_LENGTH,
    };
}

/* All of the hot code counts as the first micro-op's: nothing tells where one ends, nor where the linker put the cold. */
sg_extent sg_code_extent(const sg_code *which, uint32_t index)
{
    const sg_info info = sg_code_info(which);
    return index == 0 ? (sg_extent){.hot = info.hot, .hot_size = info.hot_size} : (sg_extent){.hot = NULL};
}
