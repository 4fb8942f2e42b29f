/* JUMP_ON, stencils.c:75: at most 50 bytes hot, 21 cold. */
static void emit_JUMP_ON(sg_assembler *as, const Instruction *instruction)
{
    const int64_t E0 = (int64_t)((uint64_t)(((uint64_t)instruction->oparg & 1) == 0));
    const int64_t E1 = (int64_t)((uint64_t)instruction->oparg * 3 + 5);
#ifdef SG_DEBUG
    assert(E0 >= 0 && E0 <= 1);
    assert(E1 >= 5 && E1 <= 196610);
#endif
    uint8_t *hot = as->hot;
    memcpy(hot,
           "\x41\x83\x6e\x10\x01"     // sub dword [r14+16], 1
           "\x0f\x82\x00\x00\x00\x00" // jb =>EXIT
           "\x41\x8b\x46\x14",        // mov eax, dword [r14+20]
           15);
    sg_relative32(hot + 7, as->cold);
    if (E0 == 0) { // mov ecx, E0
        memcpy(hot + 15, "\x31\xc9", 2);
        hot += 17;
    } else {
        memcpy(hot + 15, "\xb9", 1);
        sg_put32(hot + 16, (uint32_t)E0);
        hot += 20;
    }
    memcpy(hot,
           "\xf6\xc1\x01"             // test cl, 1
           "\x74\x09"                 // je =>L(0)
           "\x85\xc0"                 // test eax, eax
           "\x78\x0d"                 // js =>L(1)
           "\xe9\x00\x00\x00\x00"     // jmp =>(instruction->target)
                                      // =>L(0):
           "\x85\xc0"                 // test eax, eax
           "\x0f\x88\x00\x00\x00\x00" // js =>(instruction->target)
                                      // =>L(1):
           "\x41\xc7\x46\x14",        // mov dword [r14+20], E1
           26);
    sg_label32(as, hot + 10, (uint64_t)(instruction->target));
    sg_label32(as, hot + 18, (uint64_t)(instruction->target));
    sg_put32(hot + 26, (uint32_t)E1);
#ifdef SG_DEBUG
    assert(hot + 30 - as->hot <= 50);
#endif
    as->hot = hot + 30;
    uint8_t *cold = as->cold;
    cold = sg_exit_stub(as, cold); // exit stub
#ifdef SG_DEBUG
    assert(cold - as->cold <= 21);
#endif
    as->cold = cold;
}
