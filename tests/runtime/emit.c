/* The helpers of emit.h: their bytes, and what the bytes do. */
#define _GNU_SOURCE
#include "toy.h"

#include <sys/mman.h>

static sg_jit *jit;

#define AWAY ((intptr_t)1 << 40)

/* An assembler whose cursors point into a buffer; "executable" is `away` bytes from there. */
static uint8_t buffer[256];

static sg_assembler assembler_at(intptr_t away)
{
    memset(buffer, 0xEE, sizeof buffer);
    return (sg_assembler){.hot = buffer, .cold = buffer + 128, .bias = away, .base = buffer};
}

#define CHECK_BYTES(end, ...)                                  \
    do {                                                       \
        const uint8_t expected[] = {__VA_ARGS__};              \
        CHECK_EQUAL((end) - buffer, sizeof expected);          \
        CHECK(memcmp(buffer, expected, sizeof expected) == 0); \
    } while (0)

static void loads_take_the_shortest_instruction(void)
{
    sg_assembler as = assembler_at(AWAY);
    const uintptr_t here = (uintptr_t)buffer + AWAY; /* above 4 GB: an address below would fit mov r32 */
    CHECK_BYTES(sg_load(&as, buffer, 0, 0, true), 0x31, 0xC0);                            /* xor eax, eax */
    CHECK_BYTES(sg_load(&as, buffer, 7, 0, true), 0x31, 0xFF);                            /* xor edi, edi */
    CHECK_BYTES(sg_load(&as, buffer, 10, 0, true), 0x45, 0x31, 0xD2);                     /* xor r10d, r10d */
    CHECK_BYTES(sg_load(&as, buffer, 3, 0, false), 0xBB, 0, 0, 0, 0);                     /* mov ebx, 0 */
    CHECK_BYTES(sg_load(&as, buffer, 8, 1, true), 0x41, 0xB8, 1, 0, 0, 0);                /* mov r8d, 1 */
    CHECK_BYTES(sg_load(&as, buffer, 6, UINT32_MAX, true), 0xBE, 0xFF, 0xFF, 0xFF, 0xFF); /* mov esi, -1 */
    CHECK_BYTES(sg_load(&as, buffer, 1, (uint64_t)-1, true), 0x48, 0xC7, 0xC1, 0xFF, 0xFF, 0xFF,
                0xFF); /* mov rcx, -1 */
    CHECK_BYTES(sg_load(&as, buffer, 15, (uint64_t)INT32_MIN, true), 0x49, 0xC7, 0xC7, 0, 0, 0,
                0x80); /* mov r15, … */
    CHECK_BYTES(sg_load(&as, buffer, 0, 0x0807060504030201, true), 0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7,
                8); /* movabs rax */
    CHECK_BYTES(sg_load(&as, buffer, 13, 0x0807060504030201, false), 0x49, 0xBD, 1, 2, 3, 4, 5, 6, 7, 8);
    CHECK_BYTES(sg_load(&as, buffer, 2, here + 7 + 5, true), 0x48, 0x8D, 0x15, 5, 0, 0,
                0); /* lea rdx, [rip+5] */
    CHECK_BYTES(sg_load(&as, buffer, 9, here + 7 - 1, true), 0x4C, 0x8D, 0x0D, 0xFF, 0xFF, 0xFF, 0xFF);
    CHECK_BYTES(sg_load(&as, buffer, 0, here + 7 + INT32_MAX, true), 0x48, 0x8D, 0x05, 0xFF, 0xFF, 0xFF,
                0x7F);
    CHECK_EQUAL(sg_load(&as, buffer, 0, here + 8 + INT32_MAX, true) - buffer, 10);
    CHECK_EQUAL(sg_load(&as, buffer, 0, here + 7 + (uint64_t)INT32_MIN, true) - buffer, 7);
    CHECK_EQUAL(sg_load(&as, buffer, 0, here + 6 + (uint64_t)INT32_MIN, true) - buffer, 10);
}

static void nearness_is_counted_from_the_executable_address(void)
{
    sg_assembler as = assembler_at(AWAY);
    const uintptr_t there = (uintptr_t)buffer + AWAY;
    CHECK_EQUAL(sg_load(&as, buffer, 2, there, true) - buffer, 7);
    CHECK_EQUAL(sg_load(&as, buffer, 2, there + AWAY, true) - buffer, 10);
    CHECK_BYTES(sg_call(&as, buffer, there + 5 + 0x10), 0xE8, 0x10, 0, 0, 0);
    CHECK_BYTES(sg_jump(&as, buffer, there + 5 - 2), 0xE9, 0xFE, 0xFF, 0xFF, 0xFF);
    CHECK(sg_near(&as, buffer, there));
    CHECK(!sg_near(&as, buffer, (uintptr_t)buffer));
    CHECK(!sg_near(&as, buffer, there + (uintptr_t)INT32_MIN));
    sg_relative32_address(&as, buffer, there + 4 + 1 + 9, 1);
    CHECK(memcmp(buffer, (const uint8_t[]){9, 0, 0, 0}, 4) == 0);
    CHECK(!as.failed);
}

static void loads_reach_every_register(void)
{
    /* Returns the register's value: load, then mov rax, reg; ret. */
    static const uint64_t values[] = {0,
                                      1,
                                      0x7F,
                                      0x80,
                                      INT32_MAX,
                                      (uint64_t)INT32_MAX + 1,
                                      UINT32_MAX,
                                      (uint64_t)UINT32_MAX + 1,
                                      (uint64_t)-1,
                                      (uint64_t)INT32_MIN,
                                      (uint64_t)INT32_MIN - 1,
                                      INT64_MAX,
                                      (uint64_t)INT64_MIN,
                                      0x0123456789ABCDEF};
    static const unsigned registers[] = {0, 1, 2, 6, 7, 8, 9, 10, 11}; /* those that C does not preserve */
    uint8_t *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    for (size_t r = 0; r < sizeof registers / sizeof *registers; r++) {
        for (size_t v = 0; v < sizeof values / sizeof *values + 1; v++) {
            for (int flags_dead = 0; flags_dead < 2; flags_dead++) {
                const unsigned reg = registers[r];
                const uint64_t value = v == sizeof values / sizeof *values ? (uintptr_t)page + 77 : values[v];
                sg_assembler as = {.bias = 0};
                CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
                uint8_t *p = sg_load(&as, page, reg, value, flags_dead);
                BYTES(p, (uint8_t)(0x48 | reg >> 3 << 2), 0x89, (uint8_t)(0xC0 | (reg & 7) << 3), 0xC3);
                CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
                CHECK_EQUAL(((uint64_t (*)(void))(uintptr_t)page)(), value);
            }
        }
    }
    munmap(page, 4096);
}

static void the_stack_pointer_is_made_true_by_one_add(void)
{
    for (uint32_t number = 0; number < 16; number++) {
        sg_assembler as = assembler_at(0);
        as.add_to_stack = 0xC08348 | number >> 3 | (number & 7) << 16;
        CHECK_EQUAL(sg_settle_depth(&as, buffer) - buffer, 0);
        as.depth = -24;
        CHECK_BYTES(sg_settle_depth(&as, buffer), 0x48 | (int)(number >> 3), 0x83, 0xC0 | (int)(number & 7), 0xE8);
        CHECK_EQUAL(as.depth, 0);
        as.hot = buffer;
        as.depth = SG_DEPTH_LIMIT;
        sg_meet_depth(&as, false);
        CHECK_EQUAL(as.hot - buffer, 0); /* not so deep that displacements would need more than a byte */
        as.depth += 8;
        sg_meet_depth(&as, false);
        CHECK_EQUAL(as.hot - buffer, SG_MAX_SETTLE_DEPTH);
        as.depth = 8;
        sg_meet_depth(&as, true);
        CHECK_EQUAL(as.hot - buffer, 2 * SG_MAX_SETTLE_DEPTH);
        CHECK_EQUAL(as.depth, 0);
    }
}

static void frames_are_dropped_by_the_shortest_add(void)
{
    sg_assembler as = assembler_at(0);
    CHECK_EQUAL(sg_drop_frame(&as, buffer) - buffer, 0);
    as.frame = 8;
    CHECK_BYTES(sg_drop_frame(&as, buffer), 0x48, 0x83, 0xC4, 0x08);
    as.frame = 120;
    CHECK_BYTES(sg_drop_frame(&as, buffer), 0x48, 0x83, 0xC4, 0x78);
    as.frame = 136;
    CHECK_BYTES(sg_drop_frame(&as, buffer), 0x48, 0x81, 0xC4, 0x88, 0, 0, 0);
}

static void exit_stubs_hold_their_jump_in_one_aligned_word(void)
{
    static sg_exit_record records[0x12B];
    for (uint32_t frame = 0; frame <= 136; frame += 68) {
        for (size_t shift = 0; shift < 16; shift++) {
            sg_assembler as = assembler_at(0);
            as.frame = frame;
            as.index = 9;
            as.exits = records;
            as.exit_count = 0x12A;
            const uint8_t *const end = sg_exit_stub(&as, buffer + shift);
            CHECK(end - (buffer + shift) >= SG_MAX_EXIT_STUB); /* the frame plays no part */
            CHECK(end - (buffer + shift) <= SG_MAX_EXIT_STUB + 3);
            CHECK((uintptr_t)(end - 4) % 8 <= 4);
            CHECK_EQUAL(buffer[shift], 0xB3); /* mov bl, imm8 */
            CHECK_EQUAL(buffer[shift + 1], 0x2A);
            for (const uint8_t *p = buffer + shift + 2; p < end - 5; p++) {
                CHECK_EQUAL(*p, 0x90);
            }
            CHECK_EQUAL(end[-5], 0xE9);
            /* No nop where none is needed. */
            CHECK((uintptr_t)(buffer + shift + 3) % 8 > 4 || end - (buffer + shift) == SG_MAX_EXIT_STUB);
            CHECK_EQUAL(records[0x12A].position, end - 4 - buffer);
            CHECK_EQUAL(records[0x12A].index, 9);
            CHECK_EQUAL(as.exit_count, 0x12B);
        }
    }
}

static void backward_jumps_are_short_when_they_can_be(void)
{
    sg_assembler as = assembler_at(0);
    uint8_t *labels[] = {buffer, buffer + 2, buffer + 3};
    as.labels = labels;
    as.index = 2;
    as.length = 3;
    CHECK_EQUAL(sg_jump_label(&as, buffer + 126, 0) - buffer, 128);
    CHECK(memcmp(buffer + 126, (const uint8_t[]){0xEB, 0x80}, 2) == 0);
    CHECK_EQUAL(sg_jump_label(&as, buffer + 127, 0) - buffer, 132);
    CHECK(memcmp(buffer + 127, (const uint8_t[]){0xE9, 0x7C, 0xFF, 0xFF, 0xFF}, 5) == 0);
    CHECK_EQUAL(sg_jump_label(&as, buffer + 3, 2) - buffer, 5); /* to itself */
    CHECK(memcmp(buffer + 3, (const uint8_t[]){0xEB, 0xFE}, 2) == 0);
    sg_label32(&as, buffer + 10, 1);
    CHECK(memcmp(buffer + 10, (const uint8_t[]){0xF4, 0xFF, 0xFF, 0xFF}, 4) == 0);
}

static uint64_t twice(uint64_t value)
{
    return 2 * value;
}

/* A function in a page far from everything: returns its argument + addend. */
static uintptr_t far_function(uint8_t addend)
{
    const uintptr_t wanted = (uintptr_t)&far_function + ((uintptr_t)8 << 30) + addend * (uintptr_t)4096;
    uint8_t *const page = mmap((void *)(wanted & ~(uintptr_t)4095), 4096, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    CHECK((uintptr_t)page - (uintptr_t)&far_function > ((uintptr_t)4 << 30));
    BYTES(page, 0x48, 0x8D, 0x47, addend, 0xC3); /* lea rax, [rdi + addend]; ret */
    CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
    return (uintptr_t)page;
}

static void calls_are_direct_when_near_and_through_memory_when_far(void)
{
    const uintptr_t far[2] = {far_function(1), far_function(2)};
    sg_code *const near_call = COMPILE(jit, {CALL, (uintptr_t)&twice}, {RETURN, 0});
    CHECK_EQUAL(toy_value(jit, near_call, 21), 42);
    CHECK_EQUAL(sg_code_extent(near_call, 0).hot_size, 6 + 5);
    CHECK_EQUAL(sg_code_extent(near_call, 0).hot[3], 0xE8);

    const size_t before = sg_jit_statistics(jit).constants_used;
    sg_code *const far_call = COMPILE(jit, {CALL, far[0]}, {CALL, far[1]}, {CALL, far[0]}, {RETURN, 0});
    CHECK_EQUAL(toy_value(jit, far_call, 40), 44);
    CHECK_EQUAL(sg_code_extent(far_call, 0).hot_size, 6 + 6);
    CHECK(memcmp(sg_code_extent(far_call, 0).hot + 3, (const uint8_t[]){0xFF, 0x15}, 2) == 0);
    CHECK_EQUAL(sg_jit_statistics(jit).constants_used - before, 16); /* equal addresses share a slot */

    sg_code *const tail = COMPILE(jit, {FRAME_24, 0}, {TAIL_CALL, far[0]});
    CHECK_EQUAL(toy_value(jit, tail, 40), 41);
    CHECK(memcmp(sg_code_extent(tail, 1).hot + 7, (const uint8_t[]){0xFF, 0x25}, 2) == 0);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {TAIL_CALL, (uintptr_t)&twice}), 40), 80);
    CHECK_EQUAL(sg_jit_statistics(jit).constants_used - before, 16);
}

static void literals_and_constants_are_rip_relative(void)
{
    toy_word[0] = 5;
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {CONSTANT, 0}, {RETURN, 0}), 1), 1001);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {CONSTANT, 8}, {RETURN, 0}), 0), (uintptr_t)&toy_word[1]);
    sg_code *const rodata = COMPILE(jit, {CONSTANT, 16}, {RETURN, 0});
    const uint8_t *const copy = (const uint8_t *)(uintptr_t)(toy_value(jit, rodata, 0) - 3);
    CHECK(memcmp(copy, toy_rodata, 8) == 0);
    CHECK_EQUAL((uintptr_t)copy % 4096, 0);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {NEAR, (uintptr_t)&toy_word[0]}, {RETURN, 0}), 0), 15);

    const size_t before = sg_jit_statistics(jit).constants_used;
    sg_code *const literals =
        COMPILE(jit, {LITERAL, 0}, {LITERAL, 1ull << 60}, {LITERAL, 1ull << 60}, {RETURN, 0});
    CHECK_EQUAL(toy_value(jit, literals, 7), (1ull << 61) + 7);
    CHECK_EQUAL(sg_jit_statistics(jit).constants_used - before, 16);
}

static void many_literals_keep_their_values(void)
{
    enum { COUNT = 5000 };
    for (uint64_t i = 0; i < COUNT; i++) {
        COMPILE(jit, {LITERAL, i * 0x100000001u}, {RETURN, 0});
    }
    const size_t before = sg_jit_statistics(jit).constants_used;
    for (uint64_t i = 0; i < COUNT; i++) {
        sg_code *const code = COMPILE(jit, {LITERAL, i * 0x100000001u}, {RETURN, 0});
        CHECK_EQUAL(toy_value(jit, code, 1), i * 0x100000001u + 1);
    }
    CHECK_EQUAL(sg_jit_statistics(jit).constants_used, before);
}

static void an_address_out_of_reach_is_an_error_in_words(void)
{
    sg_error error;
    const Instruction trace[] = {{NOTHING, 0}, {NEAR, (uintptr_t)&toy_word[0] + ((uintptr_t)4 << 30)}};
    CHECK(sg_compile_trace(jit, trace, 2, &error) == NULL);
    CHECK_TEXT(error.text, "micro-op 1 (NEAR): address 0x");
    CHECK_TEXT(error.text, "more than 2 GB away");
    CHECK_TEXT(error.text, "sg_options.near");
}

int main(void)
{
    jit = toy_create(NULL);
    RUN(loads_take_the_shortest_instruction);
    RUN(nearness_is_counted_from_the_executable_address);
    RUN(loads_reach_every_register);
    RUN(the_stack_pointer_is_made_true_by_one_add);
    RUN(frames_are_dropped_by_the_shortest_add);
    RUN(exit_stubs_hold_their_jump_in_one_aligned_word);
    RUN(backward_jumps_are_short_when_they_can_be);
    RUN(calls_are_direct_when_near_and_through_memory_when_far);
    RUN(literals_and_constants_are_rip_relative);
    RUN(many_literals_keep_their_values);
    RUN(an_address_out_of_reach_is_an_error_in_words);
    sg_jit_destroy(jit);
    return 0;
}
