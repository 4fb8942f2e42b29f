/* SERIES, stencils.c:65: at most 65 bytes hot, 0 cold. */
static void emit_SERIES(sg_assembler *as, const Instruction *instruction)
{
    (void)instruction;
    uint8_t *hot = as->hot;
    memcpy(hot,
           "\xf2\x41\x0f\x10\x46\x20"         // movsd xmm0, qword [r14+32]
           "\xf2\x0f\x10\x0d\x00\x00\x00\x00" // movsd xmm1, qword [&SG_RODATA(sg_c8_3fd0000000000000)]
           "\xf2\x0f\x59\xc8"                 // mulsd xmm1, xmm0
           "\xf2\x0f\x58\x0d\x00\x00\x00\x00" // addsd xmm1, qword [&SG_RODATA(sg_c8_3ff8000000000000)]
           "\xf2\x0f\x59\xc8"                 // mulsd xmm1, xmm0
           "\xf2\x0f\x58\x0d\x00\x00\x00\x00" // addsd xmm1, qword [&SG_RODATA(sg_c8_c00e000000000000)]
           "\xf2\x41\x0f\x11\x4e\x28"         // movsd qword [r14+40], xmm1
           "\x41\x8b\x46\x08"                 // mov eax, dword [r14+8]
           "\x83\xe0\x03"                     // and eax, 3
           "\x48\x8d\x0d\x00\x00\x00\x00"     // lea rcx, [&SG_RODATA(sg_c16_00001e61000003090000004d00000007)]
           "\x8b\x04\x81"                     // mov eax, dword [rcx+rax*4]
           "\x41\x89\x46\x14",                // mov dword [r14+20], eax
           65);
    sg_relative32_address(as, hot + 10, (uintptr_t)&SG_RODATA(sg_c8_3fd0000000000000), 0);
    sg_relative32_address(as, hot + 22, (uintptr_t)&SG_RODATA(sg_c8_3ff8000000000000), 0);
    sg_relative32_address(as, hot + 34, (uintptr_t)&SG_RODATA(sg_c8_c00e000000000000), 0);
    sg_relative32_address(as, hot + 54, (uintptr_t)&SG_RODATA(sg_c16_00001e61000003090000004d00000007), 0);
    as->hot = hot + 65;
}
