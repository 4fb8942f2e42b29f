/* UPDATE, stencils.c:86: at most 14 bytes hot, 10 cold. */
static void emit_UPDATE(sg_assembler *as, const Instruction *instruction)
{
    if (instruction->oparg == 0) {
        if (sg_narrow((uint64_t)instruction->operand)) {
            const int64_t E0 = (int64_t)((uint64_t)instruction->operand);
#ifdef SG_DEBUG
            assert(E0 >= -2130706432 && E0 <= 2130706431);
#endif
            uint8_t *hot = as->hot;
            if (E0 >= -128 && E0 <= 127) { // add qword [r14+8], E0
                memcpy(hot, "\x49\x83\x46\x08", 4);
                sg_put8(hot + 4, (uint8_t)E0);
                hot += 5;
            } else {
                memcpy(hot, "\x49\x81\x46\x08", 4);
                sg_put32(hot + 4, (uint32_t)E0);
                hot += 8;
            }
#ifdef SG_DEBUG
            assert(hot - as->hot <= 8);
#endif
            as->hot = hot;
        } else {
            const int64_t W1 = (int64_t)((uint64_t)instruction->operand);
            uint8_t *hot = as->hot;
            hot = sg_load(as, hot, 0, (uint64_t)W1, true); // mov64 rax, W1
            memcpy(hot, "\x49\x01\x46\x08", 4);            // add qword [r14+8], rax
#ifdef SG_DEBUG
            assert(hot + 4 - as->hot <= 14);
#endif
            as->hot = hot + 4;
        }
    } else if (instruction->oparg != 1) {
        uint8_t *hot = as->hot;
        memcpy(hot, "\xe9", 1); // jmp =>EXIT
        sg_relative32(hot + 1, as->cold);
        as->hot = hot + 5;
        uint8_t *cold = as->cold;
        cold = sg_exit_stub(as, cold); // exit stub
#ifdef SG_DEBUG
        assert(cold - as->cold <= 10);
#endif
        as->cold = cold;
    } else if (sg_narrow((uint64_t)instruction->operand)) {
        const int64_t E0 = (int64_t)((uint64_t)instruction->operand);
#ifdef SG_DEBUG
        assert(E0 >= -2130706432 && E0 <= 2130706431);
#endif
        uint8_t *hot = as->hot;
        memcpy(hot, "\x49\xc7\x46\x08", 4); // mov qword [r14+8], E0
        sg_put32(hot + 4, (uint32_t)E0);
        as->hot = hot + 8;
    } else {
        const int64_t W1 = (int64_t)((uint64_t)instruction->operand);
        uint8_t *hot = as->hot;
        hot = sg_load(as, hot, 0, (uint64_t)W1, true); // mov64 rax, W1
        memcpy(hot, "\x49\x89\x46\x08", 4);            // mov qword [r14+8], rax
#ifdef SG_DEBUG
        assert(hot + 4 - as->hot <= 14);
#endif
        as->hot = hot + 4;
    }
}
