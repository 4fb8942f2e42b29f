/* COUNT, stencils.c:55: at most 54 bytes hot, 0 cold. */
static void emit_COUNT(sg_assembler *as, const Instruction *instruction)
{
    const int64_t W0 = (int64_t)((uint64_t)instruction->operand);
    uint8_t *hot = as->hot;
    memcpy(hot,
           "\x49\x8b\x76\x08"         // mov rsi, qword [r14+8]
           "\xf2\x48\x0f\x2a\xc6"     // cvtsi2sd xmm0, rsi
           "\xf2\x41\x0f\x58\x46\x18" // addsd xmm0, qword [r14+24]
           "\xf2\x0f\x11\x04\x24",    // movsd qword [rsp], xmm0
           20);
    hot = sg_load(as, hot + 20, 2, (uint64_t)W0, true);       // mov64 rdx, W0
    memcpy(hot, "\x4c\x89\xf7", 3);                           // mov rdi, r14
    hot = sg_call(as, hot + 3, (uintptr_t)&SG_EXTERN(count)); // call extern count
    memcpy(hot,
           "\x49\x89\x46\x08"          // mov qword [r14+8], rax
           "\xf2\x0f\x10\x04\x24"      // movsd xmm0, qword [rsp]
           "\xf2\x41\x0f\x11\x46\x18", // movsd qword [r14+24], xmm0
           15);
#ifdef SG_DEBUG
    assert(hot + 15 - as->hot <= 54);
#endif
    as->hot = hot + 15;
}
