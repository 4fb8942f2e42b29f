/* Where a trace's frame holds values during a call, read from the call's return address.
 *
 * A call of COLLECTING is followed by a no-operation with the operand [rbx], and one with [rsp + offset] for each
 * value (stencilgen/layout/stack_maps.py): the map is in the code. Encodings: 0F 1F /0, "NOP r/m32" in the SDM.
 */
#include "internal.h"

enum {
    NO_OPERATION = 0x1F0F, /* as a little-endian word */
    BEGINS = 0x03,         /* ModRM: [rbx] */
    /* ModRM and SIB, as a little-endian word, of [rsp], [rsp + disp8] and [rsp + disp32]. */
    AT_STACK_POINTER = 0x2404,
    AT_NEAR_OFFSET = 0x2444,
    AT_FAR_OFFSET = 0x2484,
};

static uint32_t word(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

/* The offset of the place that the no-operation at *p names, and *p behind it; false if it is something else. */
static bool next_place(const uint8_t **p, uint32_t *offset)
{
    const uint8_t *const code = *p;
    if (word(code) != NO_OPERATION) {
        return false;
    }
    switch (word(code + 2)) {
    case AT_STACK_POINTER:
        *offset = 0;
        *p = code + 4;
        return true;
    case AT_NEAR_OFFSET:
        *offset = code[4];
        *p = code + 5;
        return true;
    case AT_FAR_OFFSET:
        memcpy(offset, code + 4, 4);
        *p = code + 8;
        return true;
    default:
        return false;
    }
}

int sg_stack_map(const sg_jit *jit, const void *return_address, uint32_t *offsets, int capacity)
{
    const uint8_t *p = return_address;
    if ((uintptr_t)p - (uintptr_t)jit->region.executable >= jit->region.hot_size + jit->region.cold_size ||
        word(p) != NO_OPERATION || p[2] != BEGINS) {
        return -1;
    }
    p += 3;
    int count = 0;
    for (uint32_t offset; next_place(&p, &offset); count++) {
        if (count < capacity) {
            offsets[count] = offset;
        }
    }
    return count;
}
