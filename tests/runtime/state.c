/* Entering and leaving: all registers that can carry state, what C expects back, entering from within. */
#include "toy.h"

/* Micro-ops over all twenty state registers. */
enum { CHANGE_ALL, LEAVE, GIVE, ENTER_AGAIN, STATE_OPS };

static const uint8_t integers[12] = {12, 13, 14, 15, 7, 6, 2, 1, 8, 9, 11, 0};

/* Integer number i += i, doubles and floats += themselves; what is dead at boundaries := garbage. */
static void emit_all(sg_assembler *as, const char *state)
{
    uint8_t *p = as->hot;
    unsigned integer = 0;
    unsigned number = 0;
    for (; *state != '\0'; state++) {
        if (*state == 'i') {
            const unsigned reg = integers[integer++];
            p = BYTES(p, (uint8_t)(0x48 | reg >> 3), 0x83, (uint8_t)(0xC0 | (reg & 7)),
                      (uint8_t)integer); /* add reg, imm8 */
        } else {                         /* addsd, addss */
            p = BYTES(p, *state == 'd' ? 0xF2 : 0xF3, 0x0F, 0x58, (uint8_t)(0xC0 | number * 9));
            number++;
        }
    }
    p = sg_load(as, p, 3, 0x1111111111111111, true);
    p = sg_load(as, p, 10, 0x2222222222222222, true);
    as->hot = p;
}

static const char mixed_state[] = "idifiiidfiiiiiiddffi";

static void emit_mixed(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    emit_all(as, mixed_state);
}

/* Return the last integer register, rax as it is. */
static void emit_give(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    uint8_t *const p = sg_drop_frame(as, as->hot);
    as->hot = BYTES(p, 0xC3);
}

static const sg_op state_ops[STATE_OPS] = {
    [CHANGE_ALL] = {"CHANGE_ALL", emit_mixed, 20 * 4 + 2 * SG_MAX_LOAD, 0, 40, 0},
    [LEAVE] = {"LEAVE", emit_EXIT, 5, SG_MAX_EXIT_STUB, 0, SG_ENDS},
    [GIVE] = {"GIVE", emit_give, 1 + SG_MAX_DROP_FRAME, 0, 0, SG_ENDS},
    [ENTER_AGAIN] = {"ENTER_AGAIN", emit_CALL, 6 + SG_MAX_CALL, 0, 8, 0},
};

static const sg_vm state_vm = {
    .abi = SG_ABI,
    .instruction_size = sizeof(Instruction),
    .ops = state_ops,
    .op_count = STATE_OPS,
    .opcode = toy_opcode,
    .state = (const uint8_t *)mixed_state,
    .state_count = 20,
};

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint64_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void all_state_registers_go_in_and_out(void)
{
    sg_error error;
    sg_jit *const jit = sg_jit_create(&state_vm, NULL, &error);
    CHECK(jit != NULL);
    uint64_t state[21];
    uint64_t expected[21];
    const uint64_t other_half = (uint64_t)0xABCD << 32; /* of a float's slot: left alone */
    uint64_t integer = 0;
    for (int i = 0; i < 20; i++) {
        switch (mixed_state[i]) {
        case 'i':
            state[i] = 0x0101010101010101u * (uint64_t)(i + 1);
            expected[i] = state[i] + 2 * ++integer;
            break;
        case 'd':
            state[i] = bits_of_double(1.25 * (i + 1));
            expected[i] = bits_of_double(5.0 * (i + 1));
            break;
        default:
            state[i] = other_half | bits_of_float(1.5f * (float)(i + 1));
            expected[i] = other_half | bits_of_float(6.0f * (float)(i + 1));
            break;
        }
    }
    state[20] = expected[20] = 0xDEADBEEF; /* behind the end */
    sg_code *const code = COMPILE(jit, {CHANGE_ALL, 0}, {CHANGE_ALL, 0}, {LEAVE, 0});
    CHECK_EQUAL(sg_code_info(code).frame, 40);
    const sg_outcome outcome = sg_enter_code(jit, code, state);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 2);
    for (int i = 0; i < 21; i++) {
        CHECK_EQUAL(state[i], expected[i]);
    }
    /* A returned value leaves the array alone. */
    const sg_outcome returned = sg_enter_code(jit, COMPILE(jit, {CHANGE_ALL, 0}, {GIVE, 0}), state);
    CHECK_EQUAL(returned.kind, SG_RETURNED);
    CHECK_EQUAL(returned.value, expected[19] + 12);
    for (int i = 0; i < 21; i++) {
        CHECK_EQUAL(state[i], expected[i]);
    }
    sg_jit_destroy(jit);
}

static void a_vm_may_have_no_state(void)
{
    sg_vm vm = state_vm;
    vm.state_count = 0;
    vm.state = NULL;
    sg_jit *const jit = sg_jit_create(&vm, NULL, NULL);
    CHECK(jit != NULL);
    const sg_outcome outcome = sg_enter_code(jit, COMPILE(jit, {LEAVE, 0}), NULL);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 0);
    sg_jit_destroy(jit);
}

static struct {
    sg_jit *jit;
    sg_code *code;
    uint64_t state[20];
} call;

static void enter_call(void)
{
    sg_enter_code(call.jit, call.code, call.state);
}

/* Calls a function with known values in the registers that C preserves; 0 if they all came back. */
static uint64_t changed_registers(void (*function)(void))
{
    uint64_t changed = 0;
    __asm__ volatile("pushq %%rbp\n\t"
                     "movq %%rsp, %%rbp\n\t"
                     "subq $256, %%rsp\n\t" /* beyond the red zone */
                     "andq $-16, %%rsp\n\t"
                     "movq $0x3333, %%rbx\n\t"
                     "movq $0xcccc, %%r12\n\t"
                     "movq $0xdddd, %%r13\n\t"
                     "movq $0xeeee, %%r14\n\t"
                     "movq $0xffff, %%r15\n\t"
                     "movq %%rbp, (%%rsp)\n\t"
                     "callq *%%rax\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "cmpq (%%rsp), %%rbp\n\t"
                     "setne %%al\n\t"
                     "subq $0x3333, %%rbx\n\t"
                     "subq $0xcccc, %%r12\n\t"
                     "subq $0xdddd, %%r13\n\t"
                     "subq $0xeeee, %%r14\n\t"
                     "subq $0xffff, %%r15\n\t"
                     "orq %%rbx, %%rax\n\t"
                     "orq %%r12, %%rax\n\t"
                     "orq %%r13, %%rax\n\t"
                     "orq %%r14, %%rax\n\t"
                     "orq %%r15, %%rax\n\t"
                     "movq %%rbp, %%rsp\n\t"
                     "popq %%rbp\n\t"
                     : "=a"(changed)
                     : "a"(function)
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "cc", "memory");
    return changed;
}

static void c_gets_its_registers_back(void)
{
    call.jit = sg_jit_create(&state_vm, NULL, NULL);
    CHECK(call.jit != NULL);
    call.code = COMPILE(call.jit, {CHANGE_ALL, 0}, {LEAVE, 0});
    CHECK_EQUAL(changed_registers(enter_call), 0);
    call.code = COMPILE(call.jit, {CHANGE_ALL, 0}, {GIVE, 0});
    CHECK_EQUAL(changed_registers(enter_call), 0);
    sg_jit_destroy(call.jit);
}

static sg_jit *toy;
static sg_code *inner;

/* Called from a trace: compiles, enters and frees another one. */
static uint64_t enter_inner(uint64_t accumulator)
{
    CHECK_EQUAL((uintptr_t)__builtin_frame_address(0) % 16, 0); /* the call came with an aligned stack */
    sg_code *const fresh = COMPILE(toy, {ADD, 1000}, {RETURN, 0});
    const uint64_t value = toy_value(toy, fresh, accumulator);
    sg_free(fresh);
    uint64_t left = value;
    CHECK_EQUAL(toy_run(toy, inner, &left).kind, SG_EXITED);
    return left;
}

static void a_micro_op_may_enter_another_trace(void)
{
    toy = toy_create(NULL);
    inner = COMPILE(toy, {FRAME_120, 0}, {ADD, 50}, {EXIT, 0});
    sg_code *const outer = COMPILE(toy, {ADD, 1}, {CALL, (uintptr_t)&enter_inner}, {ADD, 1}, {RETURN, 0});
    CHECK_EQUAL(toy_value(toy, outer, 5), 1057);
    sg_jit_destroy(toy);
}

int main(void)
{
    RUN(all_state_registers_go_in_and_out);
    RUN(a_vm_may_have_no_state);
    RUN(c_gets_its_registers_back);
    RUN(a_micro_op_may_enter_another_trace);
    return 0;
}
