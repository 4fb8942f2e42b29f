/* Copy-and-patch whose traces lie in pages of their own: exits go to the trace's own jump to the exit routine (pages/pages.c). */
#ifndef PAGED_H
#define PAGED_H

#include "copy_and_patch.h"

enum { CP_EXIT_STUB = 11 };

/* mov r10d, the micro-op's position; jmp to where the room for hot code ends, which is where that jump is. */
static inline uint8_t *cp_exit_stub(const sg_assembler *as, uint8_t *p)
{
    sg_put16(p, 0xBA41);
    sg_put32(p + 2, as->index);
    p[6] = 0xE9;
    sg_relative32(p + 7, as->hot_limit);
    return p + CP_EXIT_STUB;
}

#define sg_exit_stub cp_exit_stub

#endif
