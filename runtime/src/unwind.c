/* How debuggers, profilers and exceptions walk through machine code: one rule for all of it.
 *
 * The entry shim makes rbp a frame pointer, stencils never touch it, and traces live between the shim's call and
 * its return. So shim and trace together are one frame, with the same description at every instruction of every
 * trace, whatever frame the trace has, before its prologue, behind its epilogue and in its exit stubs:
 *
 *     CFA = rbp + 16;  return address at CFA - 8;  rbp, rbx, r12, r13, r14, r15 from CFA - 16 downwards
 *
 * Nothing has to be told to anybody when a trace is compiled or freed. Only the shim's own first and last
 * instructions differ. The format is that of .eh_frame (Linux Standard Base, "Exception Frames"; DWARF 4,
 * section 6.4).
 */
#include "internal.h"

enum {
    ADVANCE_LOCATION = 0x40, /* + bytes of code, below 64 */
    ADVANCE_LOCATION_2 = 0x03,
    OFFSET = 0x80, /* + register; then where it is saved, in units of -8 bytes from the CFA */
    SAME_VALUE = 0x08,
    DEFINE_CFA = 0x0C,
    DEFINE_CFA_REGISTER = 0x0D,
    DEFINE_CFA_OFFSET = 0x0E,
    /* DWARF's numbers of registers: x86-64 ABI, figure 3.36. */
    DWARF_RBX = 3,
    DWARF_RBP = 6,
    DWARF_RSP = 7,
    DWARF_R12 = 12,
    DWARF_RETURN_ADDRESS = 16,
    /* The shim: push rbp (1 byte); mov rbp, rsp (3); five pushes (9); …; pop rbp (1); ret (1). */
    AFTER_PUSH = 1,
    AFTER_MOVE = 3,
    AFTER_SAVES = 9,
    RETURN_SIZE = 1,
};

#define DESCRIBE(p, ...) put_description((p), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint8_t *put_description(uint8_t *p, const uint8_t *bytes, size_t count)
{
    memcpy(p, bytes, count);
    return p + count;
}

/* End an entry that starts at `entry`: pad it with no-operations (0) and write its length, which excludes itself. */
static uint8_t *end_entry(uint8_t *entry, uint8_t *p)
{
    while ((p - entry) % 8 != 0) {
        *p++ = 0;
    }
    sg_put32(entry, (uint32_t)(p - entry - 4));
    return p;
}

/* Common to all: at a function's first instruction the CFA is rsp + 8. */
static uint8_t *put_common(uint8_t *entry)
{
    sg_put32(entry + 4, 0); /* this is no description of code */
    uint8_t *const p = DESCRIBE(entry + 8, 1 /* version */, 0 /* augmentation */, 1 /* unit of code */,
                           0x78 /* unit of data: -8 */, DWARF_RETURN_ADDRESS);
    return end_entry(entry, DESCRIBE(p, DEFINE_CFA, DWARF_RSP, 8, OFFSET | DWARF_RETURN_ADDRESS, 1));
}

/* The head of a description of `size` bytes of code. */
static uint8_t *put_head(uint8_t *entry, const uint8_t *common, const uint8_t *code, size_t size)
{
    sg_put32(entry + 4, (uint32_t)(entry + 4 - common));
    sg_put64(entry + 8, (uintptr_t)code);
    sg_put64(entry + 16, size);
    return entry + 24;
}

static uint8_t *put_saved(uint8_t *p)
{
    p = DESCRIBE(p, OFFSET | DWARF_RBX, 3);
    for (uint8_t i = 0; i < 4; i++) {
        p = DESCRIBE(p, (uint8_t)(OFFSET | (DWARF_R12 + i)), (uint8_t)(4 + i));
    }
    return p;
}

static uint8_t *put_traces(uint8_t *entry, const uint8_t *common, const uint8_t *code, const uint8_t *end)
{
    uint8_t *const p = put_head(entry, common, code, (size_t)(end - code));
    return end_entry(entry, put_saved(DESCRIBE(p, DEFINE_CFA, DWARF_RBP, 16, OFFSET | DWARF_RBP, 2)));
}

static uint8_t *put_shim(uint8_t *entry, const uint8_t *common, const uint8_t *code, size_t size)
{
    uint8_t *p = put_head(entry, common, code, size);
    p = DESCRIBE(p, ADVANCE_LOCATION | AFTER_PUSH, DEFINE_CFA_OFFSET, 16, OFFSET | DWARF_RBP, 2);
    p = DESCRIBE(p, ADVANCE_LOCATION | AFTER_MOVE, DEFINE_CFA_REGISTER, DWARF_RBP);
    p = put_saved(DESCRIBE(p, ADVANCE_LOCATION | AFTER_SAVES));
    *p = ADVANCE_LOCATION_2;
    sg_put16(p + 1, (uint16_t)(size - AFTER_PUSH - AFTER_MOVE - AFTER_SAVES - RETURN_SIZE));
    return end_entry(entry, DESCRIBE(p + 3, DEFINE_CFA, DWARF_RSP, 8, SAME_VALUE, DWARF_RBP));
}

void sg_write_unwind(sg_jit *jit, const uint8_t *shim, size_t shim_size)
{
    const uint8_t *const code = jit->region.executable;
    uint8_t *const common = jit->unwind;
    uint8_t *p = put_common(common);
    p = put_traces(p, common, code, shim);
    p = put_shim(p, common, shim, shim_size);
    p = put_traces(p, common, shim + shim_size, code + jit->region.hot_size + jit->region.cold_size);
    sg_put32(p, 0); /* an empty entry ends the section */
    jit->unwind_size = (uint32_t)(p + 4 - common);
}

sg_unwind sg_jit_unwind(const sg_jit *jit)
{
    return (sg_unwind){
        .eh_frame = jit->unwind,
        .size = jit->unwind_size,
        .code = jit->region.executable,
        .code_size = jit->region.hot_size + jit->region.cold_size,
    };
}
