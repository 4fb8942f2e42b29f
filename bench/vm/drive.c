/* A small process that enters a workload's trace, for tools that look at every instruction:
 *
 *     drive LIBRARY.so WORKLOAD ENTRIES
 *
 * First it prints where the library lies, then where the code does: for each micro-op, and for the trace's end, hot and
 * cold address and size; then the bytes of each.
 */
#define _GNU_SOURCE
#include "stencilgen/jit.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Run Run;

static void *find(void *library, const char *name)
{
    void *const function = dlsym(library, name);
    if (function == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return function;
}

int main(int count, char **arguments)
{
    void *const library = count == 4 ? dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "drive LIBRARY.so WORKLOAD ENTRIES\n");
        return 2;
    }
    Run *(*const run_new)(const char *, sg_error *) = (Run * (*)(const char *, sg_error *)) find(library, "run_new");
    sg_code *(*const run_code)(const Run *) = (sg_code * (*)(const Run *)) find(library, "run_code");
    void (*const run_entries)(Run *, uint32_t) = (void (*)(Run *, uint32_t))find(library, "run_entries");
    sg_info (*const code_info)(const sg_code *) = (sg_info(*)(const sg_code *))find(library, "sg_code_info");
    sg_extent (*const code_extent)(const sg_code *, uint32_t) =
        (sg_extent(*)(const sg_code *, uint32_t))find(library, "sg_code_extent");

    sg_error error;
    Run *const run = run_new(arguments[2], &error);
    if (run == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    Dl_info place;
    dladdr(find(library, "run_new"), &place);
    printf("%" PRIuPTR "\n", (uintptr_t)place.dli_fbase);
    const sg_code *const code = run_code(run);
    const uint32_t length = code == NULL ? 0 : code_info(code).length + 1;
    for (uint32_t i = 0; i < length; i++) {
        const sg_extent extent = code_extent(code, i);
        printf("%" PRIuPTR " %" PRIu32 " %" PRIuPTR " %" PRIu32 "\n", (uintptr_t)extent.hot, extent.hot_size,
               (uintptr_t)extent.cold, extent.cold_size);
    }
    for (uint32_t i = 0; i < length; i++) {
        const sg_extent extent = code_extent(code, i);
        for (uint32_t j = 0; j < extent.hot_size + extent.cold_size; j++) {
            printf("%02x", j < extent.hot_size ? extent.hot[j] : extent.cold[j - extent.hot_size]);
        }
        printf("\n");
    }
    fflush(stdout);
    run_entries(run, (uint32_t)atoi(arguments[3]));
    return 0;
}
