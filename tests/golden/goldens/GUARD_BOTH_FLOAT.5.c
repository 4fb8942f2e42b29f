/* GUARD_BOTH_FLOAT, stencils.c:22: at most 38 bytes hot, 10 cold. */
static void emit_GUARD_BOTH_FLOAT(sg_assembler *as, const Instruction *instruction)
{
    (void)instruction;
    uint8_t *hot = as->hot;
    memcpy(hot, "\x49\x8b\x4d\xf8", 4);                                                  // mov rcx, qword [r13-8]
    hot = sg_load(as, hot + 4, 0, (uint64_t)((uintptr_t)&SG_EXTERN(Float_Type)), false); // lea rax, [extern Float_Type]
    memcpy(hot,
           "\x48\x39\x41\x08"         // cmp qword [rcx+8], rax
           "\x0f\x85\x00\x00\x00\x00" // jne =>EXIT
           "\x49\x8b\x4d\xf0"         // mov rcx, qword [r13-16]
           "\x48\x39\x41\x08"         // cmp qword [rcx+8], rax
           "\x0f\x85",                // jne =>EXIT
           20);
    sg_relative32(hot + 6, as->cold);
    sg_relative32(hot + 20, as->cold);
#ifdef SG_DEBUG
    assert(hot + 24 - as->hot <= 38);
#endif
    as->hot = hot + 24;
    uint8_t *cold = as->cold;
    cold = sg_exit_stub(as, cold); // exit stub
#ifdef SG_DEBUG
    assert(cold - as->cold <= 10);
#endif
    as->cold = cold;
}
