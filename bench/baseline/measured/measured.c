#include "measured.h"

#include <stdio.h>
#include <stdlib.h>

/* Leave as much code lying before the first trace as `place` of its micro-ops take. */
static bool move_away(sg_jit *jit, const void *trace, size_t length, size_t place, sg_error *error)
{
    while (place != 0) {
        const size_t taken = place < length ? place : length;
        if (sg_compile_trace(jit, trace, taken, error) == NULL) {
            return false;
        }
        place -= taken;
    }
    return true;
}

/* 8 bytes of address, 8 bytes of size, the code. Little work, since it is counted. */
static void note(FILE *file, const uint8_t *code, uint64_t size)
{
    const uint64_t head[2] = {(uintptr_t)code, size};
    fwrite(head, sizeof head, 1, file);
    fwrite(code, 1, size, file);
}

sg_code *measured_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error)
{
    static bool is_moved;
    if (!is_moved) {
        is_moved = true;
        const char *const place = getenv("MEASURED_PLACE");
        if (place != NULL && length != 0 && !move_away(jit, trace, length, strtoul(place, NULL, 10), error)) {
            return NULL;
        }
    }
    sg_code *const code = sg_compile_trace(jit, trace, length, error);
    const char *const name = getenv("MEASURED_CODE");
    FILE *const file = name == NULL || code == NULL ? NULL : fopen(name, "a");
    if (file != NULL) {
        const sg_info info = sg_code_info(code);
        note(file, info.hot, info.hot_size);
        note(file, info.cold, info.cold_size);
        fclose(file);
    }
    return code;
}
