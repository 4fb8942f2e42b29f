/* Runs emit functions for the tests: the smallest runtime that they can be called with.
 *
 * Standard input: requests. Standard output: an answer for each. Code is emitted into static buffers, so that the
 * program's own functions and data are near; what is far is an address that no program has. Only what emit.h documents
 * of the assembler is used; the exit stub is replaced, because it uses what is the runtime's own.
 * The file with the emit functions is included before this one; it defines `ops`, a table of `struct test_op`.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUFFER = 4096, MICRO_OPS = 64, SPACING = 40 };

struct request {
    uint32_t op, index, length, frame;
    Instruction instruction;
};

struct answer {
    uint64_t hot, cold;          /* addresses of the parts */
    uint32_t hot_size, cold_size;
    uint64_t previous;           /* where micro-op 0 starts; micro-op i starts SPACING bytes later, up to index - 1 */
    uint64_t exit_routine;
    uint64_t near_function, near_data, rodata;
    uint32_t jumps;              /* to micro-ops ahead: */
    struct { uint64_t place, target; } jump[64];
    uint32_t slots;              /* far branches: */
    struct { uint64_t place, address; } slot[64];
    char error[256];
};

static uint8_t code[BUFFER * 3];
static uint64_t slots[64];
static struct answer answer;

void sg_fail(sg_assembler *as, const char *format, ...)
{
    va_list arguments;
    as->failed = true;
    if (answer.error[0]) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(answer.error, sizeof answer.error, format, arguments);
    va_end(arguments);
}

uint8_t *sg_far_branch(sg_assembler *as, uint8_t *p, uintptr_t address, uint8_t opcode)
{
    (void)as;
    slots[answer.slots] = address;
    answer.slot[answer.slots].place = (uintptr_t)&slots[answer.slots];
    answer.slot[answer.slots].address = address;
    p[0] = 0xFF;
    p[1] = opcode == 0xE8 ? 0x15 : 0x25;
    sg_relative32(p + 2, (const uint8_t *)&slots[answer.slots++]);
    return p + 6;
}

void sg_label_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    (void)as;
    answer.jump[answer.jumps].place = (uintptr_t)p;
    answer.jump[answer.jumps++].target = target;
    sg_put32(p, 0);
}

uint8_t *sg_jump_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    if (target == as->index + 1 && p < code + 2 * BUFFER) {
        return p;
    }
    p[0] = 0xE9;
    sg_label_ahead(as, p + 1, target);
    return p + 5;
}

void sg_fail_reach(sg_assembler *as, uintptr_t address)
{
    sg_fail(as, "out of reach: %#lx", (unsigned long)address);
}

void sg_fail_exits(sg_assembler *as)
{
    sg_fail(as, "too many exits");
}

uint8_t *test_exit_stub(sg_assembler *as, uint8_t *p)
{
    (void)as;
    p[0] = 0xE9;
    sg_relative32(p + 1, code);
    return p + 5;
}

int main(void)
{
    static struct request request;
    static uint8_t *labels[MICRO_OPS];
    static uint8_t rodata[64];
    while (fread(&request, sizeof request, 1, stdin) == 1) {
        const struct test_op *const op = &ops[request.op];
        memset(&answer, 0, sizeof answer);
        memset(code, 0xCC, sizeof code);
        sg_assembler as = {
            .hot = code + BUFFER,
            .cold = code + 2 * BUFFER,
            .rodata = rodata,
            .frame = request.frame,
            .index = request.index,
            .length = request.length,
            .labels = labels,
        };
        for (uint32_t i = 0; i < request.index; i++) {
            labels[i] = code + BUFFER / 2 + SPACING * i;
        }
        labels[request.index] = as.hot;
        op->emit(&as, &request.instruction);
        answer.hot = (uintptr_t)(code + BUFFER);
        answer.cold = (uintptr_t)(code + 2 * BUFFER);
        answer.hot_size = (uint32_t)(as.hot - (code + BUFFER));
        answer.cold_size = (uint32_t)(as.cold - (code + 2 * BUFFER));
        answer.previous = (uintptr_t)(code + BUFFER / 2);
        answer.exit_routine = (uintptr_t)code;
        answer.near_function = (uintptr_t)&near_function;
        answer.near_data = (uintptr_t)&near_data;
        answer.rodata = (uintptr_t)rodata;
        fwrite(&answer, sizeof answer, 1, stdout);
        fwrite(code + BUFFER, 1, answer.hot_size, stdout);
        fwrite(code + 2 * BUFFER, 1, answer.cold_size, stdout);
    }
    return 0;
}
