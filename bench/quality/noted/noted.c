/* For each trace its hot and its cold part: 8 bytes of address, 8 bytes of size, the code. Little work, since it is counted. */
#include "noted.h"

#include <stdio.h>
#include <stdlib.h>

static void note(FILE *file, const uint8_t *code, uint64_t size)
{
    const uint64_t head[2] = {(uintptr_t)code, size};
    fwrite(head, sizeof head, 1, file);
    fwrite(code, 1, size, file);
}

sg_code *noted_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error)
{
    sg_code *const code = sg_compile_trace(jit, trace, length, error);
    const char *const name = getenv("NOTED_CODE");
    FILE *const file = name == NULL || code == NULL ? NULL : fopen(name, "a");
    if (file != NULL) {
        const sg_info info = sg_code_info(code);
        note(file, info.hot, info.hot_size);
        note(file, info.cold, info.cold_size);
        fclose(file);
    }
    return code;
}
