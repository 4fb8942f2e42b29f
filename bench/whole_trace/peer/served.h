/* Traces whose code another process makes: what a VM's sg_vm says in the place of its loops over emit functions.
 *
 *     measure   ── micro-ops, facts ──▶   LLVM compiles      ── sizes, exits ──▶   find room
 *     emit      ── addresses ─────────▶   fills them in      ── bytes ──▶          copy
 *
 * So compiling takes none of this process's time, and everything else is the runtime's own: room, entries, exits, links. What
 * is known at each micro-op is found out as ever, by its emit function, in a context whose code nobody enters.
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

sg_jit *served_jit_create(const sg_vm *vm, const sg_options *options, sg_error *error);
/* Before a micro-op is emitted: note what is known. A loop that is emitted once more is noted once more. */
void served_note(const sg_assembler *as, uint32_t index);
void served_find(const void *trace, uint32_t length);
uint32_t served_measure(const void *trace, uint32_t length, sg_size *size);
void served_emit(sg_assembler *as, const void *trace, uint32_t length);

#endif
