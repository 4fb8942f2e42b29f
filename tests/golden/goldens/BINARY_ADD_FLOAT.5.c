/* BINARY_ADD_FLOAT, stencils.c:32: at most 90 bytes hot, 72 cold. */
static void emit_BINARY_ADD_FLOAT(sg_assembler *as, const Instruction *instruction)
{
    (void)instruction;
    uint8_t *hot = as->hot;
    memcpy(hot,
           "\x49\x8b\x5d\xf0"              // mov rbx, qword [r13-16]
           "\x49\x8b\x7d\xf8"              // mov rdi, qword [r13-8]
           "\xf2\x0f\x10\x43\x10"          // movsd xmm0, qword [rbx+16]
           "\xf2\x0f\x58\x47\x10"          // addsd xmm0, qword [rdi+16]
           "\x4d\x8b\x3e"                  // mov r15, qword [r14]
           "\x4d\x85\xff"                  // test r15, r15
           "\x0f\x84\x00\x00\x00\x00"      // je =>L(3)
           "\x49\x8b\x47\x08"              // mov rax, qword [r15+8]
           "\x49\x89\x06"                  // mov qword [r14], rax
           "\x49\xc7\x07\x01\x00\x00\x00", // mov qword [r15], 1
           44);
    uint8_t *const jump_1 = hot + 26;
    hot = sg_load(as, hot + 44, 0, (uint64_t)((uintptr_t)&SG_EXTERN(Float_Type)), false); // lea rax, [extern Float_Type]
    memcpy(hot,
           "\x49\x89\x47\x08"         // mov qword [r15+8], rax
           "\xf2\x41\x0f\x11\x47\x10" // movsd qword [r15+16], xmm0
                                      // =>L(0):
           "\x48\xff\x0b"             // dec qword [rbx]
           "\x0f\x84\x00\x00\x00\x00" // je =>L(4)
                                      // =>L(1):
           "\x48\xff\x0f"             // dec qword [rdi]
           "\x0f\x84\x00\x00\x00\x00" // je =>L(5)
                                      // =>L(2):
           "\x4d\x89\x7d\xf0"         // mov qword [r13-16], r15
           "\x4d\x8d\x6d\xf8",        // lea r13, [r13-8]
           36);
    uint8_t *const label_0 = hot + 10;
    uint8_t *const jump_2 = hot + 15;
    uint8_t *const label_1 = hot + 19;
    uint8_t *const jump_3 = hot + 24;
    uint8_t *const label_2 = hot + 28;
#ifdef SG_DEBUG
    assert(hot + 36 - as->hot <= 90);
#endif
    as->hot = hot + 36;
    uint8_t *cold = as->cold;
    cold = sg_exit_stub(as, cold); // exit stub
    // =>L(3):
    memcpy(cold,
           "\x49\x89\xff"  // mov r15, rdi
           "\x4c\x89\xf7", // mov rdi, r14
           6);
    sg_relative32(jump_1, cold);
    cold = sg_call(as, cold + 6, (uintptr_t)&SG_EXTERN(float_new)); // call extern float_new
    memcpy(cold,
           "\x4c\x89\xff"             // mov rdi, r15
           "\x49\x89\xc7"             // mov r15, rax
           "\x48\x85\xc0"             // test rax, rax
           "\x0f\x85\x00\x00\x00\x00" // jne =>L(0)
           "\xeb\x00"                 // jmp =>EXIT
                                      // =>L(4):
           "\x48\x89\x3c\x24"         // mov qword [rsp], rdi
           "\x48\x89\xdf",            // mov rdi, rbx
           24);
    sg_relative32(cold + 11, label_0);
    sg_put8(cold + 16, (uint8_t)(as->cold - (cold + 16) - 1));
    sg_relative32(jump_2, cold + 17);
    cold = sg_call(as, cold + 24, (uintptr_t)&SG_EXTERN(object_free)); // call extern object_free
    memcpy(cold,
           "\x48\x8b\x3c\x24" // mov rdi, qword [rsp]
           "\xe9",            // jmp =>L(1)
           5);
    // =>L(5):
    sg_relative32(cold + 5, label_1);
    sg_relative32(jump_3, cold + 9);
    cold = sg_call(as, cold + 9, (uintptr_t)&SG_EXTERN(object_free)); // call extern object_free
    memcpy(cold, "\xe9", 1);                                          // jmp =>L(2)
    sg_relative32(cold + 1, label_2);
#ifdef SG_DEBUG
    assert(cold + 5 - as->cold <= 72);
#endif
    as->cold = cold + 5;
}
