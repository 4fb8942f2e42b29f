/* LOAD_FAST, stencils.c:13: at most 19 bytes hot, 0 cold. */
static void emit_LOAD_FAST(sg_assembler *as, const Instruction *instruction)
{
    const int64_t E0 = (int64_t)((uint64_t)instruction->oparg * 8 + 8);
#ifdef SG_DEBUG
    assert(E0 >= 8 && E0 <= 524288);
#endif
    uint8_t *hot = as->hot;
    if (E0 <= 127) { // mov rax, qword [r12+E0]
        memcpy(hot, "\x49\x8b\x44\x24", 4);
        sg_put8(hot + 4, (uint8_t)E0);
        hot += 5;
    } else {
        memcpy(hot, "\x49\x8b\x84\x24", 4);
        sg_put32(hot + 4, (uint32_t)E0);
        hot += 8;
    }
    memcpy(hot,
           "\x48\xff\x00"      // inc qword [rax]
           "\x49\x89\x45\x00"  // mov qword [r13], rax
           "\x49\x83\xc5\x08", // add r13, 8
           11);
#ifdef SG_DEBUG
    assert(hot + 11 - as->hot <= 19);
#endif
    as->hot = hot + 11;
}
