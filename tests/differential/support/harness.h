/* What a test VM and the harness know of each other.
 *
 * A test VM keeps everything that can change in one arena at a fixed address, and in variables marked VM_DATA. Its
 * helpers, the functions that stencils call, report each call with its arguments. So two runs did the same if and only
 * if arena, variables and reports are equal.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include "instruction.h"

#include <stddef.h>
#include <stdint.h>

#define ARENA_ADDRESS UINT64_C(0x200000000000)

#define VM_DATA __attribute__((section("vm_data")))

/* Provided by the VM. */
extern const size_t vm_arena_size; /* bytes */
/* Fill arena, variables, and the state (one 8-byte slot each, as sg_enter_code takes it) from harness_random(). */
void vm_start(const Instruction *trace, uint32_t length, uint64_t *state);

/* Provided by the harness. */
uint64_t harness_random(void);
void harness_enter(const char *helper, const void *frame);
void harness_log(uint64_t value);
void harness_log_text(const char *text);
__attribute__((noreturn)) void harness_abort(void);

/* The first line of a helper: report the call and whether the stack is aligned, and destroy all that a callee may. */
#define HELPER()                                              \
    do {                                                      \
        harness_enter(__func__, __builtin_frame_address(0));  \
        SCRAMBLE_REGISTERS();                                 \
    } while (0)

#define SCRAMBLE_REGISTERS()                                                                                      \
    __asm__ volatile("movabsq $0xDEADBEEFCAFEF00D, %%rax\n\t"                                                     \
                     "movq %%rax, %%rcx\n\tmovq %%rax, %%rdx\n\tmovq %%rax, %%rsi\n\tmovq %%rax, %%rdi\n\t"       \
                     "movq %%rax, %%r8\n\tmovq %%rax, %%r9\n\tmovq %%rax, %%r10\n\tmovq %%rax, %%r11\n\t"         \
                     SCRAMBLE_VECTORS "addq %%rax, %%rcx" ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9",      \
                     "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",        \
                     "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "cc", "memory")

#define SCRAMBLE_VECTORS                                                                                          \
    "movq %%rax, %%xmm0\n\tpunpcklqdq %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm1\n\tmovdqa %%xmm0, %%xmm2\n\t"       \
    "movdqa %%xmm0, %%xmm3\n\tmovdqa %%xmm0, %%xmm4\n\tmovdqa %%xmm0, %%xmm5\n\tmovdqa %%xmm0, %%xmm6\n\t"        \
    "movdqa %%xmm0, %%xmm7\n\tmovdqa %%xmm0, %%xmm8\n\tmovdqa %%xmm0, %%xmm9\n\tmovdqa %%xmm0, %%xmm10\n\t"       \
    "movdqa %%xmm0, %%xmm11\n\tmovdqa %%xmm0, %%xmm12\n\tmovdqa %%xmm0, %%xmm13\n\tmovdqa %%xmm0, %%xmm14\n\t"    \
    "movdqa %%xmm0, %%xmm15\n\t"

#endif
