/* Names for perf: a line "address size name" for each micro-op of each trace, in the file where perf looks
 * for them.
 *
 * Named after micro-ops rather than traces, samples add up by micro-op: `perf report` then shows which
 * stencil is worth improving. Memory that is used again is named again; perf cannot know when, so profile
 * with a region that is large enough.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

bool sg_perf_open(sg_jit *jit, sg_error *error)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    const int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);
    jit->perf_map = file < 0 ? NULL : fdopen(file, "a");
    if (jit->perf_map == NULL) {
        sg_error_format(error, "cannot write %s: %s; make it writable or switch sg_options.perf_map off",
                        path, strerror(errno));
        if (file >= 0) {
            close(file);
        }
        return false;
    }
    return true;
}

void sg_perf_close(sg_jit *jit)
{
    if (jit->perf_map != NULL) {
        fclose(jit->perf_map);
        jit->perf_map = NULL;
    }
}

void sg_perf_name(const sg_jit *jit, const uint8_t *address, size_t size, const char *name,
                  const char *suffix)
{
    if (size != 0) {
        fprintf(jit->perf_map, "%" PRIxPTR " %zx sg:%s%s\n", (uintptr_t)address + (uintptr_t)jit->as.bias,
                size, name, suffix);
    }
}

void sg_perf_trace(const sg_jit *jit, const sg_code *code, const void *trace)
{
    const sg_vm *const vm = jit->vm;
    const uint8_t *const start = jit->region.writable + code->hot;
    sg_perf_name(jit, start, (size_t)(code->labels[0] - start), "trace_entry", "");
    for (uint32_t i = 0; i <= code->length; i++) {
        const sg_extent extent = sg_code_extent(code, i);
        const void *const instruction = (const uint8_t *)trace + i * vm->instruction_size;
        const char *const name = i < code->length ? vm->ops[vm->opcode(instruction)].name : "trace_end";
        sg_perf_name(jit, code->labels[i], extent.hot_size, name, "");
        sg_perf_name(jit, code->cold_labels[i], extent.cold_size, name, ".cold");
    }
    fflush(jit->perf_map);
}
