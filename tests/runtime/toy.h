/* A VM for the tests, its emit functions written by hand: an accumulator in r12 and a fuel counter in r13.
 *
 * Each micro-op uses one of the ways in which generated emit functions use emit.h.
 */
#ifndef TOY_H
#define TOY_H

#include "check.h"

#include <stencilgen/emit.h>
#include <stencilgen/jit.h>

typedef struct Instruction {
    uint32_t opcode;
    uint64_t value;
} Instruction;

enum {
    ADD,         /* r12 += value */
    ADD_KEEP,    /* the same with flags alive */
    RETURN,      /* return r12 */
    EXIT,        /* side exit */
    EXIT_IF_ODD, /* side exit if r12 is odd */
    JUMP,        /* to micro-op `value` */
    LOOP,        /* one fuel less, side exit if it was the last, else to micro-op `value` */
    LOOP_COLD,   /* the same, all of it in the cold part if r12 is odd, else on */
    BRANCH_ODD,  /* one fuel less, side exit if it was the last; to micro-op `value` if r12 is odd */
    CALL,        /* r12 = function(r12), the function's address is the value */
    TAIL_CALL,   /* jump to the function */
    STACK,       /* r12 = rsp */
    FRAME_8,     /* write all of the frame it asked for, and go on */
    FRAME_24,
    FRAME_120,
    FRAME_4000,
    CONSTANT,  /* r12 += the value at this offset of rodata */
    LITERAL,   /* r12 += value, as a literal in memory */
    SHARED,    /* call the code that micro-ops share as number `value` */
    NEAR,      /* r12 = 3 * *(uint64_t *)value, rip-relative with an imm8 behind the displacement */
    OVERRUN,   /* writes more than it promised */
    TWO_STUBS, /* two exit stubs */
    NOTHING,
    MISSING, /* has no stencil */
    OP_COUNT,
};

static inline uint8_t *append(uint8_t *p, const uint8_t *bytes, size_t count)
{
    memcpy(p, bytes, count);
    return p + count;
}

/* Store these bytes at p; the cursor after them. */
#define BYTES(p, ...) append((p), (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static inline void emit_ADD(sg_assembler *as, const void *instruction)
{
    uint8_t *p = sg_load(as, as->hot, 0, ((const Instruction *)instruction)->value, true);
    as->hot = BYTES(p, 0x49, 0x01, 0xC4); /* add r12, rax */
}

static inline void emit_ADD_KEEP(sg_assembler *as, const void *instruction)
{
    uint8_t *p = sg_load(as, as->hot, 9, ((const Instruction *)instruction)->value, false);
    as->hot = BYTES(p, 0x4D, 0x01, 0xCC); /* add r12, r9 */
}

static inline void emit_RETURN(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    uint8_t *p = BYTES(as->hot, 0x4C, 0x89, 0xE0); /* mov rax, r12 */
    p = sg_drop_frame(as, p);
    as->hot = BYTES(p, 0xC3); /* ret */
}

/* jcc (second opcode byte) or jmp (0) in the hot part to a place in the cold part. */
static inline uint8_t *to_cold(uint8_t *p, uint8_t condition, const uint8_t *cold)
{
    p = condition != 0 ? BYTES(p, 0x0F, condition) : BYTES(p, 0xE9);
    sg_relative32(p, cold);
    return p + 4;
}

static inline void emit_EXIT(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    as->hot = to_cold(as->hot, 0, as->cold);
    as->cold = sg_exit_stub(as, as->cold);
}

static inline void emit_EXIT_IF_ODD(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    uint8_t *p = BYTES(as->hot, 0x41, 0xF6, 0xC4, 0x01); /* test r12b, 1 */
    as->hot = to_cold(p, 0x85, as->cold);                /* jnz */
    as->cold = sg_exit_stub(as, as->cold);
}

static inline void emit_JUMP(sg_assembler *as, const void *instruction)
{
    as->hot = sg_jump_label(as, as->hot, ((const Instruction *)instruction)->value);
}

static inline void emit_LOOP(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x49, 0xFF, 0xCD); /* dec r13 */
    p = to_cold(p, 0x84, as->cold);                /* jz */
    as->hot = sg_jump_label(as, p, ((const Instruction *)instruction)->value);
    as->cold = sg_exit_stub(as, as->cold);
}

static inline void emit_LOOP_COLD(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x41, 0xF6, 0xC4, 0x01); /* test r12b, 1 */
    as->hot = to_cold(p, 0x85, as->cold);                /* jnz */
    uint8_t *cold = BYTES(as->cold, 0x49, 0xFF, 0xCD);   /* dec r13 */
    uint8_t *const over = BYTES(cold, 0x75, 0x00);       /* jnz over the stub */
    cold = sg_exit_stub(as, over);
    over[-1] = (uint8_t)(cold - over);
    as->cold = sg_jump_label(as, cold, ((const Instruction *)instruction)->value);
}

static inline void emit_BRANCH_ODD(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x49, 0xFF, 0xCD); /* dec r13 */
    p = to_cold(p, 0x84, as->cold);                /* jz */
    as->cold = sg_exit_stub(as, as->cold);
    p = BYTES(p, 0x41, 0xF6, 0xC4, 0x01, 0x0F, 0x85); /* test r12b, 1; jnz */
    sg_label32(as, p, ((const Instruction *)instruction)->value);
    as->hot = p + 4;
}

static inline void emit_CALL(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x4C, 0x89, 0xE7); /* mov rdi, r12 */
    p = sg_call(as, p, (uintptr_t)((const Instruction *)instruction)->value);
    as->hot = BYTES(p, 0x49, 0x89, 0xC4); /* mov r12, rax */
}

static inline void emit_TAIL_CALL(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x4C, 0x89, 0xE7); /* mov rdi, r12 */
    p = sg_drop_frame(as, p);
    as->hot = sg_jump(as, p, (uintptr_t)((const Instruction *)instruction)->value);
}

static inline void emit_STACK(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    as->hot = BYTES(as->hot, 0x49, 0x89, 0xE4); /* mov r12, rsp */
}

/* The lowest and the highest 8 bytes of the frame := all ones. */
static inline void fill_frame(sg_assembler *as, uint32_t frame)
{
    uint8_t *p = BYTES(as->hot, 0x48, 0xC7, 0x04, 0x24, 0xFF, 0xFF, 0xFF, 0xFF); /* mov qword [rsp], -1 */
    p = BYTES(p, 0x48, 0xC7, 0x84, 0x24); /* mov qword [rsp + frame - 8], -1 */
    sg_put32(p, frame - 8);
    sg_put32(p + 4, 0xFFFFFFFF);
    as->hot = p + 8;
}

#define EMIT_FRAME(size)                                                            \
    static inline void emit_FRAME_##size(sg_assembler *as, const void *instruction) \
    {                                                                               \
        (void)instruction;                                                          \
        fill_frame(as, size);                                                       \
    }
EMIT_FRAME(8)
EMIT_FRAME(24)
EMIT_FRAME(120)
EMIT_FRAME(4000)

static inline void emit_CONSTANT(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x4C, 0x03, 0x25); /* add r12, [rip + d] */
    sg_relative32_address(as, p, (uintptr_t)&SG_RODATA(((const Instruction *)instruction)->value), 0);
    as->hot = p + 4;
}

static inline void emit_LITERAL(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x4C, 0x03, 0x25);
    sg_relative32_address(as, p, (uintptr_t)sg_literal64(as, ((const Instruction *)instruction)->value), 0);
    as->hot = p + 4;
}

static inline void emit_NEAR(sg_assembler *as, const void *instruction)
{
    uint8_t *p = BYTES(as->hot, 0x4C, 0x6B, 0x25); /* imul r12, [rip + d], 3 */
    sg_relative32_address(as, p, (uintptr_t)((const Instruction *)instruction)->value, 1);
    as->hot = BYTES(p + 4, 0x03);
}

static inline void emit_SHARED(sg_assembler *as, const void *instruction)
{
    uint8_t *const p = BYTES(as->hot, 0xE8); /* call */
    sg_relative32(p, &SG_COLD(((const Instruction *)instruction)->value));
    as->hot = p + 4;
}

/* What micro-ops share: r12 += 1000, and r12 = toy_shared(r12). */
enum { PART_ADD, PART_CALL };

static uint64_t (*toy_shared)(uint64_t accumulator);

static inline uint64_t toy_call_shared(uint64_t accumulator)
{
    return toy_shared(accumulator);
}

static inline void emit_PART_ADD(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    as->hot = BYTES(as->hot, 0x49, 0x81, 0xC4, 0xE8, 0x03, 0x00, 0x00, 0xC3); /* add r12, 1000; ret */
}

static inline void emit_PART_CALL(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    uint8_t *p = BYTES(as->hot, 0x48, 0x8D, 0x64, 0x24, 0xF8, 0x4C, 0x89, 0xE7); /* lea rsp, [rsp - 8]; mov rdi, r12 */
    p = sg_call(as, p, (uintptr_t)&toy_call_shared);
    as->hot = BYTES(p, 0x49, 0x89, 0xC4, 0x48, 0x8D, 0x64, 0x24, 0x08, 0xC3); /* mov r12, rax; lea rsp, [rsp + 8]; ret */
}

static const sg_part toy_parts[] = {
    [PART_ADD] = {"add", emit_PART_ADD, 8},
    [PART_CALL] = {"call", emit_PART_CALL, 17 + SG_MAX_CALL},
};

static inline void emit_OVERRUN(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    as->hot = BYTES(as->hot, 0x90, 0x90, 0x90);
}

static inline void emit_TWO_STUBS(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    as->cold = sg_exit_stub(as, as->cold);
    as->cold = sg_exit_stub(as, as->cold);
}

static inline void emit_NOTHING(sg_assembler *as, const void *instruction)
{
    (void)as;
    (void)instruction;
}

static const sg_op toy_ops[OP_COUNT] = {
    [ADD] = {"ADD", emit_ADD, SG_MAX_LOAD + 3, 0, 0, 0},
    [ADD_KEEP] = {"ADD_KEEP", emit_ADD_KEEP, SG_MAX_LOAD + 3, 0, 0, 0},
    [RETURN] = {"RETURN", emit_RETURN, 4 + SG_MAX_DROP_FRAME, 0, 0, SG_ENDS},
    [EXIT] = {"EXIT", emit_EXIT, 5, SG_MAX_EXIT_STUB, 0, SG_ENDS},
    [EXIT_IF_ODD] = {"EXIT_IF_ODD", emit_EXIT_IF_ODD, 10, SG_MAX_EXIT_STUB, 0, 0},
    [JUMP] = {"JUMP", emit_JUMP, SG_MAX_JUMP_LABEL, 0, 0, SG_ENDS},
    [LOOP] = {"LOOP", emit_LOOP, 9 + SG_MAX_JUMP_LABEL, SG_MAX_EXIT_STUB, 0, SG_ENDS},
    [LOOP_COLD] = {"LOOP_COLD", emit_LOOP_COLD, 10, 5 + SG_MAX_EXIT_STUB + SG_MAX_JUMP_LABEL, 0, 0},
    [BRANCH_ODD] = {"BRANCH_ODD", emit_BRANCH_ODD, 19, SG_MAX_EXIT_STUB, 0, 0},
    [CALL] = {"CALL", emit_CALL, 6 + SG_MAX_CALL, 0, 8, 0},
    [TAIL_CALL] = {"TAIL_CALL", emit_TAIL_CALL, 3 + SG_MAX_DROP_FRAME + SG_MAX_CALL, 0, 0, SG_ENDS},
    [STACK] = {"STACK", emit_STACK, 3, 0, 0, 0},
    [FRAME_8] = {"FRAME_8", emit_FRAME_8, 20, 0, 8, 0},
    [FRAME_24] = {"FRAME_24", emit_FRAME_24, 20, 0, 24, 0},
    [FRAME_120] = {"FRAME_120", emit_FRAME_120, 20, 0, 120, 0},
    [FRAME_4000] = {"FRAME_4000", emit_FRAME_4000, 20, 0, 4000, 0},
    [CONSTANT] = {"CONSTANT", emit_CONSTANT, 7, 0, 0, 0},
    [LITERAL] = {"LITERAL", emit_LITERAL, 7, 0, 0, 0},
    [SHARED] = {"SHARED", emit_SHARED, 5, 0, 8, 0},
    [NEAR] = {"NEAR", emit_NEAR, 8, 0, 0, 0},
    [OVERRUN] = {"OVERRUN", emit_OVERRUN, 2, 0, 0, 0},
    [TWO_STUBS] = {"TWO_STUBS", emit_TWO_STUBS, 0, 2 * SG_MAX_EXIT_STUB, 0, 0},
    [NOTHING] = {"NOTHING", emit_NOTHING, 0, 0, 0, 0},
    [MISSING] = {"MISSING", NULL, 0, 0, 0, 0},
};

static inline uint32_t toy_opcode(const void *instruction)
{
    return ((const Instruction *)instruction)->opcode;
}

/* 8 bytes of each: 1000, the address of toy_word + 8, the address of rodata + 3. */
static uint64_t toy_word[2];
static const uint8_t toy_rodata[24] = {0xE8, 0x03};
static const sg_relocation toy_relocations[] = {
    {8, SG_RELOCATION_SYMBOL, toy_word, 8},
    {16, SG_RELOCATION_RODATA, NULL, 3},
};

static const sg_vm toy_vm = {
    .abi = SG_ABI,
    .instruction_size = sizeof(Instruction),
    .ops = toy_ops,
    .op_count = OP_COUNT,
    .opcode = toy_opcode,
    .rodata = toy_rodata,
    .rodata_size = sizeof toy_rodata,
    .relocations = toy_relocations,
    .relocation_count = 2,
    .parts = toy_parts,
    .part_count = 2,
    .state = (const uint8_t *)"ii",
    .state_count = 2,
};

static inline sg_jit *toy_create(const sg_options *options)
{
    sg_error error;
    sg_jit *const jit = sg_jit_create(&toy_vm, options, &error);
    if (jit == NULL) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return jit;
}

static inline sg_code *toy_compile(sg_jit *jit, const Instruction *trace, size_t length)
{
    sg_error error;
    sg_code *const code = sg_compile_trace(jit, trace, length, &error);
    if (code == NULL) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return code;
}

#define COMPILE(jit, ...)                                  \
    toy_compile((jit), (const Instruction[]){__VA_ARGS__}, \
                sizeof((const Instruction[]){__VA_ARGS__}) / sizeof(Instruction))

/* Run with this accumulator and much fuel; the accumulator afterwards is in *accumulator. */
static inline sg_outcome toy_run(sg_jit *jit, const sg_code *code, uint64_t *accumulator)
{
    uint64_t state[2] = {*accumulator, 1000000};
    const sg_outcome outcome = sg_enter_code(jit, code, state);
    *accumulator = state[0];
    return outcome;
}

/* The value that a trace returns when entered with this accumulator. */
static inline uint64_t toy_value(sg_jit *jit, const sg_code *code, uint64_t accumulator)
{
    const sg_outcome outcome = toy_run(jit, code, &accumulator);
    CHECK_EQUAL(outcome.kind, SG_RETURNED);
    return outcome.value;
}

#endif
