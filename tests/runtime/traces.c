/* Whole traces: labels, frames, exits, links, freeing, and errors. */
#include "toy.h"

static sg_jit *jit;

static void a_trace_returns_a_value(void)
{
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {ADD, 5}, {ADD_KEEP, 1ull << 40}, {RETURN, 0}), 7),
                (1ull << 40) + 12);
}

static void an_exit_names_its_micro_op_and_brings_the_state(void)
{
    sg_code *const code = COMPILE(jit, {ADD, 1}, {EXIT_IF_ODD, 0}, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
    uint64_t accumulator = 4;
    sg_outcome outcome = toy_run(jit, code, &accumulator);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 1);
    CHECK(outcome.code == code);
    CHECK_EQUAL(accumulator, 5);
    accumulator = 5;
    outcome = toy_run(jit, code, &accumulator);
    CHECK_EQUAL(outcome.index, 3);
    CHECK_EQUAL(accumulator, 7);
    CHECK_EQUAL(sg_code_info(code).exit_count, 2); /* it never runs off its end */
}

static void running_off_the_end_is_an_exit_with_the_length_as_index(void)
{
    uint64_t accumulator = 1;
    sg_outcome outcome = toy_run(jit, COMPILE(jit, {ADD, 1}, {ADD, 1}), &accumulator);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 2);
    CHECK_EQUAL(accumulator, 3);
    /* The last micro-op does not fall through, but a jump goes to the end. */
    outcome = toy_run(jit, COMPILE(jit, {JUMP, 2}, {RETURN, 0}), &accumulator);
    CHECK_EQUAL(outcome.index, 2);
    outcome = toy_run(jit, COMPILE(jit, {JUMP, 1}), &accumulator);
    CHECK_EQUAL(outcome.index, 1);
    outcome = toy_run(jit, COMPILE(jit, {BRANCH_ODD, 2}, {RETURN, 0}), &accumulator);
    CHECK_EQUAL(outcome.index, 2);
    sg_code *const empty = sg_compile_trace(jit, NULL, 0, NULL);
    CHECK(empty != NULL);
    outcome = toy_run(jit, empty, &accumulator);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 0);
}

static void jumps_go_forward_and_backward(void)
{
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {JUMP, 2}, {ADD, 100}, {ADD, 1}, {RETURN, 0}), 0), 1);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {BRANCH_ODD, 2}, {ADD, 100}, {ADD, 1}, {RETURN, 0}), 0), 101);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {BRANCH_ODD, 2}, {ADD, 100}, {ADD, 1}, {RETURN, 0}), 1), 2);
    /* Odd numbers loop in the cold part until the fuel is gone: 3 rounds. */
    sg_code *const loop = COMPILE(jit, {FRAME_24, 0}, {ADD, 2}, {LOOP_COLD, 1}, {RETURN, 0});
    uint64_t state[2] = {1, 3};
    const sg_outcome outcome = sg_enter_code(jit, loop, state);
    CHECK_EQUAL(outcome.index, 2);
    CHECK_EQUAL(state[0], 7);
    CHECK_EQUAL(state[1], 0);
    CHECK_EQUAL(toy_value(jit, loop, 2), 4);
}

static void a_jump_to_the_next_micro_op_is_nothing_in_hot_code_only(void)
{
    sg_code *const code = COMPILE(jit, {JUMP, 1}, {LOOP_COLD, 2}, {RETURN, 0});
    CHECK_EQUAL(sg_code_extent(code, 0).hot_size, 0);
    CHECK_EQUAL(toy_value(jit, code, 1), 1);
    CHECK_EQUAL(toy_value(jit, code, 2), 2);
}

static void a_label_outside_of_the_trace_is_an_error_in_words(void)
{
    static const uint32_t jumps[] = {JUMP, LOOP, LOOP_COLD, BRANCH_ODD};
    for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
        sg_error error;
        Instruction trace[12] = {{NOTHING, 0}};
        for (size_t k = 1; k < 12; k++) {
            trace[k].opcode = NOTHING;
        }
        trace[7] = (Instruction){jumps[i], 99};
        CHECK(sg_compile_trace(jit, trace, 12, &error) == NULL);
        char expected[128];
        snprintf(expected, sizeof expected,
                 "micro-op 7 (%s): label 99 is outside of the trace of 12 micro-ops", toy_ops[jumps[i]].name);
        CHECK(strcmp(error.text, expected) == 0);
        trace[7].value = (uint64_t)-1;
        CHECK(sg_compile_trace(jit, trace, 12, &error) == NULL);
        CHECK_TEXT(error.text, "label -1 is outside");
        trace[7].value = 13;
        CHECK(sg_compile_trace(jit, trace, 12, NULL) == NULL);
        trace[7].value = 12;
        CHECK(sg_compile_trace(jit, trace, 12, &error) != NULL);
        CHECK(error.text[0] == '\0');
    }
}

static void traces_that_cannot_be_compiled_say_why(void)
{
    sg_error error;
    const Instruction missing[] = {{ADD, 1}, {MISSING, 0}};
    CHECK(sg_compile_trace(jit, missing, 2, &error) == NULL);
    CHECK_TEXT(error.text, "micro-op 1 (MISSING) has no stencil");
    const Instruction unknown[] = {{OP_COUNT + 3, 0}};
    CHECK(sg_compile_trace(jit, unknown, 1, &error) == NULL);
    CHECK_TEXT(error.text, "micro-op 0 has opcode");
    const Instruction overrun[] = {{ADD, 1}, {ADD, 1}, {OVERRUN, 0}, {ADD, 1}};
    CHECK(sg_compile_trace(jit, overrun, 4, &error) == NULL);
    CHECK_TEXT(error.text, "micro-op 2 (OVERRUN): its emit function wrote 3 hot and 0 cold bytes");
    const Instruction stubs[] = {{ADD, 1}, {TWO_STUBS, 0}, {TWO_STUBS, 0}, {ADD, 1}, {ADD, 1}};
    for (size_t length = 2; length <= 5; length++) {
        CHECK(sg_compile_trace(jit, stubs, length, &error) == NULL);
        CHECK_TEXT(error.text, "micro-op 1 (TWO_STUBS): has more than one exit stub");
    }
    CHECK(sg_compile_trace(jit, missing, (size_t)1 << 40, &error) == NULL);
    CHECK_TEXT(error.text, "too long");
}

static void the_frame_is_the_largest_of_the_traces_own(void)
{
    static const struct {
        uint32_t opcode, frame;
    } cases[] = {{NOTHING, 0}, {FRAME_8, 8}, {FRAME_24, 24}, {FRAME_120, 120}, {FRAME_4000, 4008}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sg_code *const code = COMPILE(jit, {cases[i].opcode, 0}, {FRAME_8, 0}, {cases[i].opcode, 0},
                                      {EXIT_IF_ODD, 0}, {RETURN, 0});
        CHECK_EQUAL(sg_code_info(code).frame, cases[i].frame == 0 ? 8 : cases[i].frame);
        uint64_t accumulator = 3;
        CHECK_EQUAL(toy_run(jit, code, &accumulator).index, 3);
        CHECK_EQUAL(toy_value(jit, code, 4), 4);
        CHECK_EQUAL(sg_code_extent(code, 0).hot - sg_code_info(code).hot, cases[i].frame <= 72 ? 4 : 7);
    }
    CHECK_EQUAL(sg_code_info(COMPILE(jit, {ADD, 1})).frame, 0);
}

static void the_stack_is_aligned_for_calls(void)
{
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {STACK, 0}, {RETURN, 0}), 0) % 16, 8);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {FRAME_8, 0}, {STACK, 0}, {RETURN, 0}), 0) % 16, 0);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {FRAME_4000, 0}, {STACK, 0}, {RETURN, 0}), 0) % 16, 0);
}

static void a_linked_exit_continues_in_the_other_trace(void)
{
    sg_code *const first = COMPILE(jit, {FRAME_8, 0}, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
    sg_code *const second = COMPILE(jit, {FRAME_120, 0}, {ADD, 10}, {EXIT, 0});
    sg_code *const third = COMPILE(jit, {ADD, 100}, {RETURN, 0});
    uint64_t accumulator = 0;
    CHECK(sg_link(first, 2, second, NULL));
    sg_outcome outcome = toy_run(jit, first, &accumulator);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK_EQUAL(outcome.index, 2);
    CHECK(outcome.code == second); /* the index alone would not tell */
    CHECK_EQUAL(accumulator, 11);
    CHECK(sg_code_exit(first, 0).target == second);

    CHECK(sg_link(second, 2, third, NULL));
    CHECK_EQUAL(toy_value(jit, first, 0), 111);
    CHECK(sg_link(first, 2, third, NULL)); /* replaces the link */
    CHECK_EQUAL(toy_value(jit, first, 0), 101);
    CHECK(sg_unlink(first, 2, NULL));
    CHECK(sg_unlink(first, 2, NULL)); /* twice is fine */
    accumulator = 0;
    CHECK(toy_run(jit, first, &accumulator).code == first);
    CHECK_EQUAL(toy_value(jit, second, 0), 110);
}

static void links_and_freed_traces(void)
{
    sg_code *const a = COMPILE(jit, {ADD, 1}, {EXIT_IF_ODD, 0}, {ADD, 1});
    sg_code *const b = COMPILE(jit, {ADD, 10}, {EXIT, 0});
    sg_code *c = COMPILE(jit, {ADD, 100}, {RETURN, 0});
    CHECK(sg_link(a, 1, c, NULL));
    CHECK(sg_link(a, 3, c, NULL)); /* its end */
    CHECK(sg_link(b, 1, c, NULL));
    CHECK_EQUAL(toy_value(jit, a, 0), 101);
    CHECK_EQUAL(toy_value(jit, a, 1), 103);
    CHECK_EQUAL(toy_value(jit, b, 0), 110);
    sg_free(a); /* its links go with it */
    sg_free(c); /* b's exit comes back */
    uint64_t accumulator = 0;
    const sg_outcome outcome = toy_run(jit, b, &accumulator);
    CHECK_EQUAL(outcome.kind, SG_EXITED);
    CHECK(outcome.code == b);
    CHECK(sg_code_exit(b, 0).target == NULL);
    c = COMPILE(jit, {ADD, 1000}, {RETURN, 0});
    CHECK(sg_link(b, 1, c, NULL));
    CHECK_EQUAL(toy_value(jit, b, 0), 1010);
    sg_free(b);
    sg_free(c);
    sg_free(NULL);
}

/* Exits are told apart by one byte each, and by the landing that 256 of them share. */
static void a_trace_may_have_many_exits(void)
{
    static const uint32_t counts[] = {1, 255, 256, 257, 512, 1000};
    static Instruction trace[1001];
    sg_code *const other = COMPILE(jit, {ADD, 1000}, {RETURN, 0});
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const uint32_t count = counts[i];
        for (uint32_t k = 0; k < count; k++) {
            trace[k] = (Instruction){k % 2 == 0 ? LOOP : EXIT_IF_ODD, k + 1}; /* LOOP exits when the fuel, 1, 2 …, is gone */
        }
        sg_code *const code = toy_compile(jit, trace, count);
        CHECK_EQUAL(sg_code_info(code).exit_count, count + 1);
        for (uint32_t k = 0; k < count; k += 2) {
            uint64_t state[2] = {6, k / 2 + 1};
            sg_outcome outcome = sg_enter_code(jit, code, state);
            CHECK_EQUAL(outcome.kind, SG_EXITED);
            CHECK(outcome.code == code);
            CHECK_EQUAL(outcome.index, k);
            CHECK(sg_link(code, k, other, NULL));
            state[1] = k / 2 + 1;
            outcome = sg_enter_code(jit, code, state);
            CHECK_EQUAL(outcome.kind, SG_RETURNED);
            CHECK_EQUAL(outcome.value, 1006);
            CHECK(sg_unlink(code, k, NULL));
            state[1] = k / 2 + 1;
            CHECK_EQUAL(sg_enter_code(jit, code, state).index, k);
        }
        uint64_t state[2] = {6, count + 1};
        CHECK_EQUAL(sg_enter_code(jit, code, state).index, count);
        sg_free(code);
    }
    sg_free(other);
}

static void freed_code_traps(void)
{
    sg_code *const code = COMPILE(jit, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
    const sg_info info = sg_code_info(code);
    sg_free(code);
    for (uint32_t i = 0; i < info.hot_size; i++) {
        CHECK_EQUAL(info.hot[i], 0xCC);
    }
    for (uint32_t i = 0; i < info.cold_size; i++) {
        CHECK_EQUAL(info.cold[i], 0xCC);
    }
}

static void a_trace_may_be_linked_to_itself(void)
{
    sg_code *const loop = COMPILE(jit, {FRAME_24, 0}, {ADD, 2}, {BRANCH_ODD, 3});
    CHECK(sg_link(loop, 3, loop, NULL));
    uint64_t state[2] = {0, 1000};
    const sg_outcome outcome = sg_enter_code(jit, loop, state);
    CHECK_EQUAL(outcome.index, 2); /* out of fuel */
    CHECK_EQUAL(state[0], 2000);
    sg_free(loop);
}

static void wrong_links_say_why(void)
{
    sg_error error;
    sg_jit *const other = toy_create(&(sg_options){.size = 1 << 20});
    sg_code *const code = COMPILE(jit, {ADD, 1}, {EXIT, 0});
    sg_code *const foreign = COMPILE(other, {ADD, 1}, {EXIT, 0});
    CHECK(!sg_link(code, 1, foreign, &error));
    CHECK_TEXT(error.text, "different contexts");
    CHECK(!sg_link(code, 0, code, &error));
    CHECK_TEXT(error.text, "micro-op 0 has no side exit");
    CHECK(!sg_link(code, 2, code, &error));
    CHECK_TEXT(error.text, "never runs off its end");
    CHECK(!sg_link(code, 3, code, &error));
    CHECK_TEXT(error.text, "outside of the trace");
    CHECK(!sg_unlink(code, 0, NULL));
    CHECK(!sg_link(code, 1, NULL, &error));
    CHECK_TEXT(error.text, "NULL");
    sg_jit_destroy(other);
}

/* The accumulator plus what is missing to a stack as a call needs it. */
static uint64_t check_stack(uint64_t accumulator)
{
    return accumulator + (uintptr_t)__builtin_frame_address(0) % 16;
}

static void micro_ops_share_code(void)
{
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {SHARED, PART_ADD}, {ADD, 1}, {SHARED, PART_ADD}, {RETURN, 0}), 5), 2006);
    toy_shared = check_stack;
    for (uint32_t frame = FRAME_8; frame <= FRAME_4000; frame++) {
        sg_code *const code = COMPILE(jit, {frame, 0}, {SHARED, PART_CALL}, {SHARED, PART_ADD}, {EXIT_IF_ODD, 0}, {RETURN, 0});
        CHECK_EQUAL(toy_value(jit, code, 2), 1002);
        uint64_t accumulator = 3;
        CHECK_EQUAL(toy_run(jit, code, &accumulator).index, 3);
        CHECK_EQUAL(accumulator, 1003);
    }
    const uint8_t *const add = sg_jit_part(jit, PART_ADD);
    const uint8_t *const call = sg_jit_part(jit, PART_CALL);
    CHECK_EQUAL(call - add, 8);
    CHECK_EQUAL(*add, 0x49);
}

/* From each frame to each other one, and back, in a ring: every trace is entered by C, by a link, and again. */
static void links_go_between_traces_with_any_frames(void)
{
    static const uint32_t frames[] = {NOTHING, FRAME_8, FRAME_24, FRAME_120, FRAME_4000};
    enum { COUNT = sizeof frames / sizeof *frames };
    for (size_t from = 0; from < COUNT; from++) {
        for (size_t to = 0; to < COUNT; to++) {
            const Instruction ask = {frames[to] == NOTHING ? NOTHING : CALL, (uintptr_t)&check_stack};
            sg_code *const first = COMPILE(jit, {frames[from], 0}, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
            sg_code *const second =
                COMPILE(jit, {frames[to], 0}, ask, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
            CHECK(sg_link(first, 2, second, NULL));
            CHECK_EQUAL(toy_value(jit, first, 2), 4); /* 3 is odd: on to the second, which returns 4 */
            uint64_t accumulator = 3;                 /* 4 is even */
            CHECK_EQUAL(toy_value(jit, first, accumulator), 4);
            accumulator = 2; /* an exit of the second: from where the link brought it */
            CHECK_EQUAL(toy_run(jit, second, &accumulator).index, 3);
            CHECK_EQUAL(accumulator, 3);
            sg_code *const third = COMPILE(jit, {ADD, 2}, {EXIT, 0});
            CHECK(sg_link(first, 2, third, NULL) && sg_link(third, 1, second, NULL));
            accumulator = 2; /* 3, then 5, then 6 */
            CHECK_EQUAL(toy_value(jit, first, accumulator), 6);
            CHECK(sg_link(second, 3, first, NULL));
            CHECK_EQUAL(toy_value(jit, second, 4), 6); /* 5 is odd: on to the first, 6 */
            sg_free(first);
            sg_free(second);
            sg_free(third);
        }
    }
}

static void positions_can_be_asked_for(void)
{
    sg_code *const code = COMPILE(jit, {FRAME_8, 0}, {EXIT_IF_ODD, 0}, {NOTHING, 0}, {ADD, 0});
    const sg_info info = sg_code_info(code);
    CHECK_EQUAL(info.length, 4);
    CHECK_EQUAL(info.exit_count, 2);
    CHECK_EQUAL((uintptr_t)info.hot % 16, 0);
    CHECK_EQUAL((uintptr_t)info.cold % 16, 0);
    const uint8_t *hot = info.hot + 4;
    const uint8_t *cold = info.cold;
    for (uint32_t i = 0; i <= info.length; i++) {
        const sg_extent extent = sg_code_extent(code, i);
        CHECK(extent.hot == hot && extent.cold == cold);
        hot += extent.hot_size;
        cold += extent.cold_size;
    }
    CHECK(hot == info.hot + info.hot_size);
    CHECK(cold == info.cold + info.cold_size);
    CHECK_EQUAL(sg_code_extent(code, 2).hot_size, 0);
    CHECK_EQUAL(sg_code_exit(code, 0).index, 1);
    CHECK_EQUAL(sg_code_exit(code, 1).index, 4);
    CHECK((uintptr_t)sg_code_exit(code, 0).relative % 8 <= 4 && (uintptr_t)sg_code_exit(code, 1).relative % 8 <= 4);
    CHECK(sg_code_exit(code, 0).relative > info.cold && sg_code_exit(code, 1).relative > info.hot);
}

/* What a generated header may add: the same loops, with everything inlined. */
static uint32_t own_measure(const void *trace, uint32_t length, sg_size *size)
{
    for (uint32_t i = 0; i < length; i++) {
        const uint32_t opcode = ((const Instruction *)trace)[i].opcode;
        if (opcode >= OP_COUNT || toy_ops[opcode].emit == NULL) {
            return i;
        }
        sg_measure_op(size, &toy_ops[opcode]);
    }
    return length;
}

static void own_emit(sg_assembler *as, const void *trace, uint32_t length)
{
    const Instruction *const instructions = trace;
    for (uint32_t i = 0; i < length; i++) {
        sg_begin_micro_op(as, i);
        toy_ops[instructions[i].opcode].emit(as, &instructions[i]);
    }
}

static void the_loops_over_a_trace_can_be_replaced(void)
{
    sg_vm vm = toy_vm;
    vm.measure = own_measure;
    vm.emit = own_emit;
    sg_error error;
    sg_jit *const own = sg_jit_create(&vm, NULL, &error);
    CHECK(own != NULL);
    const Instruction trace[] = {{FRAME_24, 0}, {ADD, 3}, {LOOP_COLD, 1}, {ADD, 1}, {RETURN, 0}};
    sg_code *const code = sg_compile_trace(own, trace, 5, &error);
    CHECK(code != NULL);
    CHECK_EQUAL(toy_value(own, code, 1), 5);
    const Instruction missing[] = {{ADD, 1}, {MISSING, 0}};
    CHECK(sg_compile_trace(own, missing, 2, &error) == NULL);
    CHECK_TEXT(error.text, "micro-op 1 (MISSING) has no stencil");
    sg_jit_destroy(own);
}

/* What the micro-ops of a random trace mean; the outcome and the new state. Stops when *steps are used up. */
static sg_outcome interpret(const Instruction *trace, uint32_t length, uint64_t *state, int *steps)
{
    uint32_t i = 0;
    while (i < length && --*steps > 0) {
        const Instruction *const now = &trace[i];
        const bool odd = (state[0] & 1) != 0;
        const bool takes_fuel =
            now->opcode == LOOP || now->opcode == BRANCH_ODD || (now->opcode == LOOP_COLD && odd);
        if (takes_fuel && --state[1] == 0) {
            break;
        }
        switch (now->opcode) {
        case ADD:
        case ADD_KEEP:
        case LITERAL:
            state[0] += now->value;
            break;
        case EXIT_IF_ODD:
            if (odd) {
                return (sg_outcome){.kind = SG_EXITED, .index = i};
            }
            break;
        case EXIT:
            return (sg_outcome){.kind = SG_EXITED, .index = i};
        case RETURN:
            return (sg_outcome){.kind = SG_RETURNED, .value = state[0]};
        case LOOP:
        case JUMP:
            i = (uint32_t)now->value - 1;
            break;
        case LOOP_COLD:
        case BRANCH_ODD:
            i = odd ? (uint32_t)now->value - 1 : i;
            break;
        default:
            break;
        }
        i++;
    }
    return (sg_outcome){.kind = SG_EXITED, .index = i};
}

enum { TRACES = 24, LONGEST = 80 };

typedef struct RandomTrace {
    Instruction instructions[LONGEST];
    uint32_t length;
    sg_code *code;
    uint32_t links[LONGEST + 1]; /* 1 + number of the trace that the exit is linked to */
} RandomTrace;

static void make_random(RandomTrace *trace, unsigned long long *seed)
{
    static const uint32_t opcodes[] = {ADD,         ADD,        ADD,       ADD_KEEP, LITERAL,    EXIT_IF_ODD,
                                       EXIT_IF_ODD, LOOP,       LOOP_COLD, JUMP,     BRANCH_ODD, FRAME_8,
                                       FRAME_120,   FRAME_4000, NOTHING,   EXIT,     RETURN};
    memset(trace, 0, sizeof *trace);
    trace->length = (uint32_t)(random64(seed) % (LONGEST + 1));
    for (uint32_t i = 0; i < trace->length; i++) {
        const uint32_t opcode = opcodes[random64(seed) % (sizeof opcodes / sizeof *opcodes)];
        uint64_t value = random64(seed) >> random64(seed) % 64;
        if (opcode == LOOP || opcode == LOOP_COLD || opcode == BRANCH_ODD) {
            value = random64(seed) % (trace->length + 1);
        } else if (opcode == JUMP) { /* forward: no loop without fuel */
            value = i + 1 + random64(seed) % (trace->length - i);
        }
        trace->instructions[i] = (Instruction){opcode, value};
    }
}

/* True if the trace came to an end and did as the interpreter says. */
static bool check_random(const RandomTrace *traces, uint32_t start, unsigned long long *seed)
{
    uint64_t state[2] = {random64(seed), 1 + random64(seed) % 200};
    uint64_t expected_state[2] = {state[0], state[1]};
    uint32_t number = start;
    sg_outcome expected;
    int steps = 20000;
    for (;;) {
        expected = interpret(traces[number].instructions, traces[number].length, expected_state, &steps);
        if (--steps <= 0) {
            return false; /* linked traces may go round for ever */
        }
        if (expected.kind == SG_RETURNED || traces[number].links[expected.index] == 0) {
            break;
        }
        number = traces[number].links[expected.index] - 1;
    }
    const sg_outcome outcome = sg_enter_code(jit, traces[start].code, state);
    CHECK_EQUAL(outcome.kind, expected.kind);
    if (expected.kind == SG_RETURNED) {
        CHECK_EQUAL(outcome.value, expected.value);
    } else {
        CHECK_EQUAL(outcome.index, expected.index);
        CHECK(outcome.code == traces[number].code);
        CHECK_EQUAL(state[0], expected_state[0]);
        CHECK_EQUAL(state[1], expected_state[1]);
    }
    return true;
}

static void random_linked_traces_do_what_an_interpreter_does(void)
{
    static RandomTrace traces[TRACES];
    unsigned long long seed = 1;
    int ended = 0;
    for (uint32_t i = 0; i < TRACES; i++) {
        make_random(&traces[i], &seed);
        traces[i].code = toy_compile(jit, traces[i].instructions, traces[i].length);
    }
    for (int round = 0; round < 20000; round++) {
        const uint32_t number = (uint32_t)(random64(&seed) % TRACES);
        RandomTrace *const trace = &traces[number];
        const uint32_t other = (uint32_t)(random64(&seed) % TRACES);
        if (round % 8 == 0) {
            for (uint32_t i = 0; i < TRACES; i++) {
                for (uint32_t k = 0; k <= LONGEST; k++) {
                    traces[i].links[k] = traces[i].links[k] == number + 1 ? 0 : traces[i].links[k];
                }
            }
            sg_free(trace->code);
            make_random(trace, &seed);
            trace->code = toy_compile(jit, trace->instructions, trace->length);
        } else {
            const uint32_t count = sg_code_info(trace->code).exit_count;
            if (count != 0) {
                const uint32_t index = sg_code_exit(trace->code, (uint32_t)(random64(&seed) % count)).index;
                if (random64(&seed) % 4 == 0) {
                    CHECK(sg_unlink(trace->code, index, NULL));
                    trace->links[index] = 0;
                } else {
                    CHECK(sg_link(trace->code, index, traces[other].code, NULL));
                    trace->links[index] = other + 1;
                }
            }
        }
        for (uint32_t i = 0; i < 4; i++) {
            ended += check_random(traces, (uint32_t)(random64(&seed) % TRACES), &seed);
        }
    }
    CHECK(ended > 40000); /* of 80,000 */
    for (uint32_t i = 0; i < TRACES; i++) {
        sg_free(traces[i].code);
    }
}

static void everything_freed_is_everything_back(void)
{
    sg_jit *const fresh = toy_create(NULL);
    const sg_statistics before = sg_jit_statistics(fresh);
    sg_code *codes[100];
    unsigned long long seed = 2;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            static RandomTrace trace;
            make_random(&trace, &seed);
            codes[i] = toy_compile(fresh, trace.instructions, trace.length);
        }
        CHECK_EQUAL(sg_jit_statistics(fresh).traces, 100);
        for (int i = 0; i < 100; i++) {
            sg_free(codes[(i * 37) % 100]);
        }
        CHECK_EQUAL(sg_jit_statistics(fresh).traces, 0);
        CHECK_EQUAL(sg_jit_statistics(fresh).hot_used, before.hot_used);
        CHECK_EQUAL(sg_jit_statistics(fresh).cold_used, before.cold_used);
    }
    sg_jit_destroy(fresh);
}

int main(void)
{
    jit = toy_create(NULL);
    RUN(a_trace_returns_a_value);
    RUN(an_exit_names_its_micro_op_and_brings_the_state);
    RUN(running_off_the_end_is_an_exit_with_the_length_as_index);
    RUN(jumps_go_forward_and_backward);
    RUN(a_jump_to_the_next_micro_op_is_nothing_in_hot_code_only);
    RUN(a_label_outside_of_the_trace_is_an_error_in_words);
    RUN(traces_that_cannot_be_compiled_say_why);
    RUN(the_frame_is_the_largest_of_the_traces_own);
    RUN(the_stack_is_aligned_for_calls);
    RUN(a_linked_exit_continues_in_the_other_trace);
    RUN(links_and_freed_traces);
    RUN(a_trace_may_have_many_exits);
    RUN(freed_code_traps);
    RUN(a_trace_may_be_linked_to_itself);
    RUN(wrong_links_say_why);
    RUN(micro_ops_share_code);
    RUN(links_go_between_traces_with_any_frames);
    RUN(positions_can_be_asked_for);
    RUN(the_loops_over_a_trace_can_be_replaced);
    RUN(random_linked_traces_do_what_an_interpreter_does);
    RUN(everything_freed_is_everything_back);
    sg_jit_destroy(jit);
    return 0;
}
