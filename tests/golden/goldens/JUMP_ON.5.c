/* JUMP_ON, stencils.c:75: at most 30 bytes hot, 10 cold. */
static void emit_JUMP_ON(sg_assembler *as, const Instruction *instruction)
{
    if (((uint64_t)instruction->oparg & 1) == 0) {
        const int64_t E0 = (int64_t)((uint64_t)instruction->oparg * 3 + 5);
#ifdef SG_DEBUG
        assert(E0 >= 5 && E0 <= 196607);
#endif
        uint8_t *hot = as->hot;
        memcpy(hot,
               "\x41\x83\x6e\x10\x01"     // sub dword [r14+16], 1
               "\x0f\x82\x00\x00\x00\x00" // jb =>EXIT
               "\x41\x83\x7e\x14\x00"     // cmp dword [r14+20], 0
               "\x0f\x89\x00\x00\x00\x00" // jns =>(instruction->target)
               "\x41\xc7\x46\x14",        // mov dword [r14+20], E0
               26);
        sg_relative32(hot + 7, as->cold);
        sg_label32(as, hot + 18, (uint64_t)(instruction->target));
        sg_put32(hot + 26, (uint32_t)E0);
        as->hot = hot + 30;
        uint8_t *cold = as->cold;
        cold = sg_exit_stub(as, cold); // exit stub
#ifdef SG_DEBUG
        assert(cold - as->cold <= 10);
#endif
        as->cold = cold;
    } else {
        const int64_t E1 = (int64_t)((uint64_t)instruction->oparg * 3 + 5);
#ifdef SG_DEBUG
        assert(E1 >= 8 && E1 <= 196610);
#endif
        uint8_t *hot = as->hot;
        memcpy(hot,
               "\x41\x83\x6e\x10\x01"     // sub dword [r14+16], 1
               "\x0f\x82\x00\x00\x00\x00" // jb =>EXIT
               "\x41\x83\x7e\x14\x00"     // cmp dword [r14+20], 0
               "\x0f\x88\x00\x00\x00\x00" // js =>(instruction->target)
               "\x41\xc7\x46\x14",        // mov dword [r14+20], E1
               26);
        sg_relative32(hot + 7, as->cold);
        sg_label32(as, hot + 18, (uint64_t)(instruction->target));
        sg_put32(hot + 26, (uint32_t)E1);
        as->hot = hot + 30;
        uint8_t *cold = as->cold;
        cold = sg_exit_stub(as, cold); // exit stub
#ifdef SG_DEBUG
        assert(cold - as->cold <= 10);
#endif
        as->cold = cold;
    }
}
