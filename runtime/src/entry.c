/* How C enters a trace and how side exits come back.
 *
 * Which registers carry state depends on the VM, so both routines are written as machine code when a context
 * is created: straight loads and stores, no loop over a description. Their stack:
 *
 *     rsp at a trace's entry ─▶  return address into the shim
 *                                address of the state array; a side exit puts there which it is, bit 63 set
 *                                r15 r14 r13 r12 rbx rbp, return address to C
 *
 * In a trace rsp is where rbp says: rbp - SG_SHIM_STACK - the trace's frame. So a side exit, and a trace that is
 * entered by a link, set rsp without knowing what frame there was.
 *
 * Whoever leaves, by `ret` in the trace or in the exit routine, returns to the one place that the shim's call
 * pushed: the processor's return predictor stays right. rbp is a frame pointer, which stencils never touch,
 * so that profilers can walk through.
 */
#include "internal.h"

#include <inttypes.h>

/* preserve_none argument registers, in order. */
static const uint8_t integer_registers[SG_MAX_INTEGERS] = {12, 13, 14, 15, 7, 6, 2, 1, 8, 9, 11, 0};

bool sg_check_state(const sg_vm *vm, sg_error *error)
{
    uint32_t integers = 0;
    uint32_t floats = 0;
    for (uint32_t i = 0; i < vm->state_count; i++) {
        switch (vm->state[i]) {
        case 'i':
            integers++;
            break;
        case 'd':
        case 'f':
            floats++;
            break;
        default:
            sg_error_format(error, "state variable %" PRIu32 " has unknown kind %u; use 'i', 'd' or 'f'", i,
                            (unsigned)vm->state[i]);
            return false;
        }
    }
    if (integers > SG_MAX_INTEGERS || floats > SG_MAX_FLOATS) {
        sg_error_format(error,
                        "the state has %" PRIu32 " integers and %" PRIu32
                        " floats, but registers for %d and %d only; "
                        "keep the rest in a struct that one state variable points to",
                        integers, floats, SG_MAX_INTEGERS, SG_MAX_FLOATS);
        return false;
    }
    return true;
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t count)
{
    memcpy(p, bytes, count);
    return p + count;
}

#define PUT(p, ...) put_bytes(p, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* Move every state register from (load) or to [base + 8 * i]; base is r10 or rbx. */
static uint8_t *move_state(const sg_vm *vm, uint8_t *p, unsigned base, bool load)
{
    unsigned integers = 0;
    unsigned floats = 0;
    for (uint32_t i = 0; i < vm->state_count; i++) {
        const bool integer = vm->state[i] == 'i';
        const unsigned reg = integer ? integer_registers[integers++] : floats++;
        if (!integer) {
            p = PUT(p, vm->state[i] == 'd' ? 0xF2 : 0xF3); /* movsd, movss */
        }
        p = PUT(p, (uint8_t)(0x40 | integer << 3 | reg >> 3 << 2 | base >> 3)); /* REX.W for integers */
        p = integer ? PUT(p, load ? 0x8B : 0x89) : PUT(p, 0x0F, load ? 0x10 : 0x11);
        p = PUT(p, (uint8_t)(0x80 | (reg & 7) << 3 | (base & 7)));
        sg_put32(p, i * 8);
        p += 4;
    }
    return p;
}

uint8_t *sg_write_shim(const sg_vm *vm, uint8_t *p)
{
    p = PUT(p, 0x55, 0x48, 0x89, 0xE5);                               /* push rbp; mov rbp, rsp */
    p = PUT(p, 0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57); /* push rbx, r12, r13, r14, r15 */
    p = PUT(p, 0x56);                                                 /* push rsi: now rsp is 16-aligned */
    p = PUT(p, 0x48, 0x89, 0xFB, 0x49, 0x89, 0xF2);                   /* mov rbx, rdi; mov r10, rsi */
    p = move_state(vm, p, 10, true);
    p = PUT(p, 0xFF, 0xD3);                                           /* call rbx */
    p = PUT(p, 0x5A);                                                 /* pop rdx */
    p = PUT(p, 0x41, 0x5F, 0x41, 0x5E, 0x41, 0x5D, 0x41, 0x5C, 0x5B); /* pop r15, r14, r13, r12, rbx */
    return PUT(p, 0x5D, 0xC3);                                        /* pop rbp; ret */
}

uint8_t *sg_set_frame(uint8_t *p, uint32_t frame)
{
    const uint32_t distance = SG_SHIM_STACK + frame;
    if (distance <= 128) {
        return PUT(p, 0x48, 0x8D, 0x65, (uint8_t)-distance); /* lea rsp, [rbp + disp8] */
    }
    p = PUT(p, 0x48, 0x8D, 0xA5); /* lea rsp, [rbp + disp32] */
    sg_put32(p, -distance);
    return p + 4;
}

uint8_t *sg_write_exit_routine(const sg_vm *vm, uint8_t *p)
{
    p = sg_set_frame(p, 0);
    p = PUT(p, 0x0F, 0xB6, 0xDB, 0x48, 0xC1, 0xE3, 0x20, 0x49, 0x09, 0xDA); /* movzx ebx, bl; shl rbx, 32; or r10, rbx */
    p = PUT(p, 0x48, 0x8B, 0x5C, 0x24, 0x08); /* mov rbx, [rsp + 8] */
    p = move_state(vm, p, 3, false);
    p = PUT(p, 0x49, 0x0F, 0xBA, 0xEA, 0x3F); /* bts r10, 63 */
    p = PUT(p, 0x4C, 0x89, 0x54, 0x24, 0x08); /* mov [rsp + 8], r10 */
    return PUT(p, 0xC3);                      /* ret */
}
