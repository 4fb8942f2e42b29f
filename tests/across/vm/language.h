/* The machine's state, and how its micro-ops speak of the stack. */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include "vm.h"

#define STENCIL_STATE Machine *machine, uint64_t *sp, uint64_t acc
#include <stencilgen/stencil.h>

#define OPARG HOLE(uint16_t, oparg)
#define IMM HOLE(int64_t, imm)
#define LOCAL machine->locals[OPARG & (LOCALS - 1)]
#define EXIT_IF(condition) \
    if (UNLIKELY(condition)) \
        SIDE_EXIT()

#endif
