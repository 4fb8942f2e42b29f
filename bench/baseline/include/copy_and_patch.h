/* What the emit functions of copy-and-patch call beside the helpers of stencilgen/emit.h.
 *
 * A patched place is 4 or 8 bytes. `p` is in the writable view of the code, as everywhere in the runtime.
 */
#ifndef COPY_AND_PATCH_H
#define COPY_AND_PATCH_H

#include <stencilgen/emit.h>

/* The rel32 at p := address - p's end; out of reach is an error. */
static inline void cp_relative32(sg_assembler *as, uint8_t *p, uint64_t address)
{
    sg_relative32_address(as, p, (uintptr_t)address, 0);
}

/* The rip-relative 4 bytes at p refer to a slot of the global offset table that holds `value`, or to so many bytes after
 * it: 4 for its upper half, less than 0 when bytes of the instruction follow. */
static inline void cp_got(sg_assembler *as, uint8_t *p, uint64_t value, int32_t offset)
{
    const void *const slot = sg_literal64(as, value);
    if (slot != NULL) {
        sg_relative32_address(as, p, (uintptr_t)slot + (uintptr_t)(intptr_t)offset, 0);
    }
}

/* The same for an instruction that can do without the slot when the value is near or small:
 *
 *     mov reg, [rip + slot]    lea reg, [rip + d]; or, with a REX prefix, mov reg, imm32
 *     call [rip + slot]        nop; call d
 *     jmp [rip + slot]         nop; jmp d
 */
static inline void cp_got_relaxed(sg_assembler *as, uint8_t *p, uint64_t value, bool has_rex)
{
    const bool reachable = sg_near(as, p, (uintptr_t)value);
    const bool is_load = p[-2] == 0x8B;
    if (is_load && has_rex && (int64_t)value == (int32_t)value) {
        p[-3] = (uint8_t)(0x48 | (p[-3] & 4) >> 2); /* REX.R becomes REX.B */
        p[-2] = 0xC7;
        p[-1] = (uint8_t)(0xC0 | (p[-1] >> 3 & 7));
        sg_put32(p, (uint32_t)value);
        return;
    }
    if (reachable && is_load) {
        p[-2] = 0x8D;
        sg_relative32_address(as, p, (uintptr_t)value, 0);
        return;
    }
    if (reachable && p[-2] == 0xFF && (p[-1] == 0x15 || p[-1] == 0x25)) {
        p[-1] = p[-1] == 0x15 ? 0xE8 : 0xE9;
        p[-2] = 0x90;
        sg_relative32_address(as, p, (uintptr_t)value, 0);
        return;
    }
    cp_got(as, p, value, 0);
}

#endif
