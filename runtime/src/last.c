/* Last values: writing what the stencils store in a declared place, where somebody may look at it.
 *
 * While a trace is assembled, `as->last` knows what each place holds as the micro-ops see it, and perhaps what its memory
 * really holds. Most stores are overtaken by the next one before anybody looks; those that are not are written by the
 * shortest of
 *
 *     nothing                          memory holds it already
 *     mov qword [m], imm32             9 bytes; waits for nothing
 *     add qword [m], imm8 or imm32     6 or 9 bytes; reads the memory first, which nobody waits for
 *     lea/mov r10, value; mov [m], r10 10 to 15 bytes
 *
 * in this order: where the value fits an immediate a plain store is as good as any, and it does not wait for the store
 * before it. (Sizes for a displacement of 8 bits from r12.) Only r10 and the flags change, which carry nothing where
 * micro-ops meet and where control leaves, and which the compiler kept free where it may happen within one.
 */
#include "internal.h"

#include <inttypes.h>

enum { SCRATCH = 10 };

/* `opcode` with `field` in ModRM's reg, the place as its other operand. */
static uint8_t *put_place(uint8_t *p, const sg_last_place *place, uint8_t opcode, uint8_t field)
{
    const uint8_t low = place->base & 7;
    const uint8_t rex = (uint8_t)((place->size == 8) << 3 | field >> 3 << 2 | place->base >> 3);
    const int32_t displacement = place->displacement;
    const bool is_short = displacement == (int8_t)displacement;
    const bool is_absent = displacement == 0 && low != 5; /* rbp and r13 always have one */
    if (rex != 0) {
        *p++ = 0x40 | rex;
    }
    *p++ = opcode;
    *p++ = (uint8_t)((is_absent ? 0 : is_short ? 0x40 : 0x80) | (field & 7) << 3 | low);
    if (low == 4) {
        *p++ = 0x24; /* rsp and r12 need a SIB byte */
    }
    if (is_absent) {
        return p;
    }
    sg_put32(p, (uint32_t)displacement);
    return p + (is_short ? 1 : 4);
}

uint8_t *sg_store_last(const sg_assembler *as, uint8_t *p, uint32_t number, bool sure)
{
    const sg_last_place *const place = &as->places[number];
    const sg_last_value *const last = &as->last[number];
    const int64_t value = place->size == 8 ? (int64_t)last->value : (int32_t)last->value;
    if (value == (int32_t)value) {
        p = put_place(p, place, 0xC7, 0); /* mov m, imm32 */
        sg_put32(p, (uint32_t)value);
        return p + 4;
    }
    const int64_t difference = (int64_t)(last->value - last->memory);
    if (sure && last->memory_known && difference == (int32_t)difference) {
        const bool is_short = difference == (int8_t)difference;
        p = put_place(p, place, is_short ? 0x83 : 0x81, 0); /* add m, imm8 or imm32 */
        sg_put32(p, (uint32_t)difference);
        return p + (is_short ? 1 : 4);
    }
    p = sg_load(as, p, SCRATCH, last->value, true);
    return put_place(p, place, 0x89, SCRATCH); /* mov m, r10 */
}

void sg_settle_last(sg_assembler *as, bool arrivals, uint32_t places)
{
    for (uint32_t i = 0; i < as->place_count; i++) {
        if (arrivals || (places >> i & 1) != 0) {
            as->hot = sg_write_last(as, as->hot, i, true);
            as->last_pending &= ~(UINT32_C(1) << i);
        }
        as->last[i].known &= !arrivals;
    }
    as->last_due = sg_always_due(as);
}

bool sg_check_places(const sg_vm *vm, sg_error *error)
{
    if (vm->place_count > SG_MAX_LAST) {
        sg_error_format(error, "the VM declares %" PRIu32 " places of last values; at most %d are possible", vm->place_count,
                        SG_MAX_LAST);
        return false;
    }
    for (uint32_t i = 0; i < vm->place_count; i++) {
        const sg_last_place *const place = &vm->places[i];
        if ((place->size != 4 && place->size != 8) || place->base > 15) {
            sg_error_format(error, "place %" PRIu32 " of last values has %u bytes, by register %u; regenerate the header", i,
                            (unsigned)place->size, (unsigned)place->base);
            return false;
        }
    }
    return true;
}
