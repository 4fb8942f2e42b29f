/* Traces whose code another process makes: what a VM's sg_vm says in the place of its loops over emit functions.
 *
 *     measure   ── micro-ops ──▶   LLVM compiles      ── sizes, exits ──▶   find room
 *     emit      ── addresses ──▶   fills them in      ── bytes ──▶          copy
 *
 * So compiling takes none of this process's time, and everything else is the runtime's own: room, entries, exits, links. The
 * generated header defines what is declared here without `served_` in its name (bench/whole_trace/minipy.py).
 */
#ifndef SERVED_H
#define SERVED_H

#include <stencilgen/emit.h>
#include <stencilgen/jit.h>

/* A function or variable of the VM that LLVM's code may refer to. */
typedef struct whole_trace_symbol {
    const char *name;
    const void *address;
} whole_trace_symbol;

uint32_t served_measure(const void *trace, uint32_t length, sg_size *size);
void served_emit(sg_assembler *as, const void *trace, uint32_t length);

#endif
