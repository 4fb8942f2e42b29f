/* The engine that a program was preprocessed for, and memory for its code. */
#ifndef JIT_H
#define JIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DASM_FDEF static
#define DASM_CHECKS
#define DASM_EXTERN(context, place, index, relative) \
    ((void)(context), (int)((uintptr_t)extern_address(index) - (uintptr_t)(place) - 4))
static const void *extern_address(unsigned index);

#ifdef DIRECT
#include <stencilgen/dasm.h>
#include <stencilgen/dasm_encode.h>
#else
#include "dasm_proto.h"
#include "dasm_x86.h"
#endif

/* Link, encode, and make executable. `near`: some function of the program; its calls have 32 bits. */
static void *finish(Dst_DECL, const void *near)
{
    size_t size;
    int status = dasm_link(Dst, &size);
    if (status != DASM_S_OK) {
        fprintf(stderr, "dasm_link: %08x\n", (unsigned)status);
        exit(1);
    }
    uint8_t *code = MAP_FAILED;
    for (uintptr_t hint = ((uintptr_t)near + (64u << 20)) & ~(uintptr_t)0xFFFF; code == MAP_FAILED; hint += 1u << 20) {
        code = mmap((void *)hint, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (code != MAP_FAILED && (uintptr_t)code - (uintptr_t)near > 1u << 30) {
            munmap(code, size);
            code = MAP_FAILED;
        }
    }
    status = dasm_encode(Dst, code);
    if (status != DASM_S_OK) {
        fprintf(stderr, "dasm_encode: %08x\n", (unsigned)status);
        exit(1);
    }
    mprotect(code, size, PROT_READ | PROT_EXEC);
    fprintf(stderr, "%zu bytes\n", size);
    return code;
}

#endif
