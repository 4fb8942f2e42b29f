/* Emit functions, generated from examples.dasc by `python -m dasc`. */
#include <stencilgen/emit.h>
#ifdef SG_DEBUG
#include <assert.h>
#endif
#include <stencilgen/jit.h>

#include "vm.h"

/* Locals follow the frame's header. */
#define HEADER 80

static const uint8_t sg_rodata[] = {
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
};
static const sg_relocation sg_relocations[] = {
    {8, SG_RELOCATION_SYMBOL, (const void *)&SG_EXTERN(Float_Type), 8},
    {16, SG_RELOCATION_RODATA, NULL, 4},
};

/* LOAD_FAST, stencils.c:12: at most 24 bytes hot, 0 cold. */
static void emit_LOAD_FAST(sg_assembler *as, const Instruction *instruction)
{
    const int64_t E0 = (int64_t)(instruction->oparg * 8 + 80);
#ifdef SG_DEBUG
    assert(E0 >= 80 && E0 <= 524360);
#endif
    uint8_t *hot = as->hot;
    if (E0 <= 127) { // mov rdi, qword [r12+E0]
        memcpy(hot, "\x49\x8b\x7c\x24", 4);
        sg_put8(hot + 4, (uint8_t)E0);
        hot += 5;
    } else {
        memcpy(hot, "\x49\x8b\xbc\x24", 4);
        sg_put32(hot + 4, (uint32_t)E0);
        hot += 8;
    }
    memcpy(hot,
           "\x40\xf6\xc7\x01"  // test dil, 1
           "\x75\x02"          // jne =>L(1)
           "\xff\x07"          // inc dword [rdi]
                               // =>L(1):
           "\x49\x89\x7d\x00"  // mov qword [r13], rdi
           "\x49\x83\xc5\x08", // add r13, 8
           16);
#ifdef SG_DEBUG
    assert(hot + 16 - as->hot <= 24);
#endif
    as->hot = hot + 16;
}

enum { sg_max_hot_LOAD_FAST = 24, sg_max_cold_LOAD_FAST = 0, sg_frame_LOAD_FAST = 0 };

/* BINARY_ADD_FLOAT, stencils.c:31: at most 57 bytes hot, 25 cold. */
static void emit_BINARY_ADD_FLOAT(sg_assembler *as, const Instruction *instruction)
{
    (void)instruction;
    uint8_t *hot = as->hot;
    memcpy(hot, "\x49\x8b\x7d\xf8", 4);                                                  // mov rdi, qword [r13-8]
    hot = sg_load(as, hot + 4, 0, (uint64_t)((uintptr_t)&SG_EXTERN(Float_Type)), false); // lea rax, [extern Float_Type]
    memcpy(hot,
           "\x48\x39\x47\x08"                 // cmp qword [rdi+8], rax
           "\x0f\x85\x00\x00\x00\x00"         // jne =>EXIT
           "\xf2\x0f\x10\x47\x10"             // movsd xmm0, qword [rdi+16]
           "\xf2\x0f\x58\x05\x00\x00\x00\x00" // addsd xmm0, qword [&SG_RODATA(16)]
           "\xf0\x48\xff\x0f"                 // lock; dec qword [rdi]
           "\x0f\x84",                        // je =>L(2)
           29);
    // =>L(1):
    sg_relative32(hot + 6, as->cold);
    sg_relative32_address(as, hot + 19, (uintptr_t)&SG_RODATA(16), 0);
    uint8_t *const jump_1 = hot + 29;
    uint8_t *const label_1 = hot + 33;
    hot = sg_call(as, hot + 33, (uintptr_t)&SG_EXTERN(float_new)); // call extern float_new
    memcpy(hot, "\x49\x89\x45\xf8", 4);                            // mov qword [r13-8], rax
#ifdef SG_DEBUG
    assert(hot + 4 - as->hot <= 57);
#endif
    as->hot = hot + 4;
    uint8_t *cold = as->cold;
    cold = sg_exit_stub(as, cold); // exit stub
    // =>L(2):
    memcpy(cold, "\x48\x89\x3c\x24", 4); // mov qword [rsp], rdi
    sg_relative32(jump_1, cold);
    cold = sg_call(as, cold + 4, (uintptr_t)&SG_EXTERN(object_free)); // call extern object_free
    memcpy(cold, "\xe9", 1);                                          // jmp =>L(1)
    sg_relative32(cold + 1, label_1);
#ifdef SG_DEBUG
    assert(cold + 5 - as->cold <= 25);
#endif
    as->cold = cold + 5;
}

enum { sg_max_hot_BINARY_ADD_FLOAT = 57, sg_max_cold_BINARY_ADD_FLOAT = 25, sg_frame_BINARY_ADD_FLOAT = 24 };

/* SUM: at most 50 bytes hot, 0 cold. */
static void emit_SUM(sg_assembler *as, const Instruction *instruction, unsigned depth)
{
    const int64_t E1 = (int64_t)(instruction->count);
    const int64_t E2 = (int64_t)((int64_t)instruction->operand + depth);
#ifdef SG_DEBUG
    assert(E1 >= 0 && E1 <= 4294967295);
#endif
    uint8_t *hot = as->hot;
    if (E1 == 0) { // mov eax, E1
        memcpy(hot, "\x31\xc0", 2);
        hot += 2;
    } else {
        memcpy(hot, "\xb8", 1);
        sg_put32(hot + 1, (uint32_t)E1);
        hot += 5;
    }
    // =>L(1):
    uint8_t *const label_1 = hot;
    hot = sg_load(as, hot, 1, (uint64_t)((uint64_t)E2 + 1u), false); // mov64 rcx, E2+1
    memcpy(hot, "\xff\x11", 2);                                      // call qword [rcx]
    if (E1 <= 128 || E1 >= 4294967169) {                             // sub dword [r14+4], E1-1
        memcpy(hot + 2, "\x41\x83\x6e\x04", 4);
        sg_put8(hot + 6, (uint8_t)((uint64_t)E1 - 1u));
        hot += 7;
    } else {
        memcpy(hot + 2, "\x41\x81\x6e\x04", 4);
        sg_put32(hot + 6, (uint32_t)((uint64_t)E1 - 1u));
        hot += 10;
    }
    memcpy(hot,
           "\x75\x00" // jne =>L(1)
           "\x74",    // je =>L(3)
           3);
    sg_put8(hot + 1, (uint8_t)(label_1 - (hot + 1) - 1));
    uint8_t *const jump_1 = hot + 3;
    if (E1 <= 127 || E1 >= 4294967168) { // cmp esi, E1
        memcpy(hot + 4, "\x83\xfe", 2);
        sg_put8(hot + 6, (uint8_t)E1);
        hot += 7;
    } else {
        memcpy(hot + 4, "\x81\xfe", 2);
        sg_put32(hot + 6, (uint32_t)E1);
        hot += 10;
    }
    hot = sg_call(as, hot, (uintptr_t)&table[3] + 16u); // call &table[3]+16
    // =>L(3):
    memcpy(hot, "\xf2\x0f\x10\xc8", 4); // movsd xmm1, xmm0
    sg_put8(jump_1, (uint8_t)(hot - jump_1 - 1));
    hot = sg_jump_label(as, hot + 4, (uint64_t)(instruction->target)); // jmp =>(instruction->target)
#ifdef SG_DEBUG
    assert(hot - as->hot <= 50);
#endif
    as->hot = hot;
}

enum { sg_max_hot_SUM = 50, sg_max_cold_SUM = 0, sg_frame_SUM = 0 };

/* RETURN_VALUE, stencils.c:77: at most 13 bytes hot, 19 cold. */
static void emit_RETURN_VALUE(sg_assembler *as, const Instruction *instruction)
{
    const int64_t E0 = (int64_t)(instruction->oparg);
    (void)E0;
#ifdef SG_DEBUG
    assert(E0 >= 0 && E0 <= 65535);
#endif
    uint8_t *hot = as->hot;
    memcpy(hot,
           "\x48\x89\xf0" // mov rax, rsi
           "\x74",        // je =>NEXT
           4);
    uint8_t *const jump_1 = hot + 4;
    hot = sg_drop_frame(as, hot + 5); // drop_frame
    memcpy(hot, "\xc3", 1);           // ret
    sg_put8(jump_1, (uint8_t)(hot + 1 - jump_1 - 1));
#ifdef SG_DEBUG
    assert(hot + 1 - as->hot <= 13);
#endif
    as->hot = hot + 1;
    uint8_t *cold = as->cold;
    memcpy(cold, "\x0f\x84", 2); // je =>(instruction->target + 1)
    sg_label32(as, cold + 2, (uint64_t)(instruction->target + 1));
    cold = sg_drop_frame(as, cold + 6);                         // drop_frame
    cold = sg_jump(as, cold, (uintptr_t)&SG_EXTERN(vm_unwind)); // jmp extern vm_unwind
#ifdef SG_DEBUG
    assert(cold - as->cold <= 19);
#endif
    as->cold = cold;
}

enum { sg_max_hot_RETURN_VALUE = 13, sg_max_cold_RETURN_VALUE = 19, sg_frame_RETURN_VALUE = 8 };
