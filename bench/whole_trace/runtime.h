/* In the place of a generated header: a context has one trace, which LLVM compiled and the linker put here.
 *
 * The names are those of jit_stencils.h and stencilgen/jit.h, so that the same harness runs it. WHOLE_TRACE_LENGTH,
 * WHOLE_TRACE_HOT and WHOLE_TRACE_COLD come from the command line.
 */
#ifndef WHOLE_TRACE_H
#define WHOLE_TRACE_H

#include "vm.h"

#include <stencilgen/jit.h>

typedef struct sg_state {
    Frame *frame;
    Ref *sp;
    Thread *thread;
} sg_state;

typedef struct sg_exit {
    sg_exit_kind kind;
    uint32_t index;
    uint64_t value;
    sg_code *code;
    sg_state state;
} sg_exit;

sg_jit *sg_jit_new(const sg_options *options, sg_error *error);
void sg_jit_free(sg_jit *jit);
sg_code *sg_compile(sg_jit *jit, const Instruction *trace, size_t length, sg_error *error);
sg_exit sg_enter(const sg_jit *jit, const sg_code *code, Frame *frame, Ref *sp, Thread *thread);

#endif
