/* The VM's end of the connection (bench/whole_trace/server.py has the other one and says what is sent).
 *
 * It is opened before main, so that a process without traces takes what any other takes before its first.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "jit_stencils.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { COMPILE = 1, PLACE = 2, CONSTANTS = 1 << 23, ALIGNMENT = 16 };

/* In bytes, but exits; jumps: at most. */
typedef struct Answer {
    uint32_t hot, cold, data, jumps, exits;
} Answer;

static int server = -1;
static Answer answer; /* to the last question */
static uint32_t *exits;
static uint8_t constants[CONSTANTS] __attribute__((aligned(64))); /* of all traces, for good */
static size_t constants_used;

/* What is known before each micro-op of the trace in hand: pairs of a location and the facts that hold there. */
static sg_jit *finder;
static uint64_t (*pairs)[2], *ends; /* ends[i]: of the pairs of micro-op i, which begin where those of i - 1 end */
static size_t pair_capacity, end_capacity;

static void stop(const char *why)
{
    fprintf(stderr, "whole traces by LLVM: %s\n", why);
    exit(1);
}

static void put(const void *bytes, size_t size)
{
    for (const char *p = bytes; size != 0;) {
        const ssize_t written = write(server, p, size);
        if (written <= 0) {
            stop("the server does not listen");
        }
        p += written;
        size -= (size_t)written;
    }
}

static void get(void *bytes, size_t size)
{
    for (char *p = bytes; size != 0;) {
        const ssize_t found = read(server, p, size);
        if (found <= 0) {
            stop("the server does not answer");
        }
        p += found;
        size -= (size_t)found;
    }
}

static void *room(size_t size)
{
    void *const found = malloc(size + 1);
    if (found == NULL) {
        stop("out of memory");
    }
    return found;
}

/* What the server answers, unless it says in words that it cannot. */
static void get_answer(void *bytes, size_t size)
{
    uint32_t failed; /* the length of these words */
    get(&failed, sizeof failed);
    if (failed != 0) {
        char *const text = room(failed);
        get(text, failed);
        text[failed] = '\0';
        stop(text);
    }
    get(bytes, size);
}

/* The names: of micro-ops by opcode, then of symbols with their addresses. */
__attribute__((constructor)) static void introduce(void)
{
    const char *const path = getenv("WHOLE_TRACE_SERVER");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || strlen(path) >= sizeof address.sun_path) {
        stop("WHOLE_TRACE_SERVER does not name a socket");
    }
    memcpy(address.sun_path, path, strlen(path));
    server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&address, sizeof address) != 0) {
        stop("there is no server");
    }
    char *text;
    size_t size;
    FILE *const memory = open_memstream(&text, &size);
    for (size_t i = 0; memory != NULL && i < sizeof sg_ops / sizeof *sg_ops; i++) {
        fprintf(memory, "op %s\n", sg_ops[i].name == NULL ? "-" : sg_ops[i].name);
    }
    for (const whole_trace_symbol *symbol = whole_trace_symbols; memory != NULL && symbol->name != NULL; symbol++) {
        fprintf(memory, "symbol %s %zu\n", symbol->name, (size_t)symbol->address);
    }
    if (memory == NULL || fclose(memory) != 0) {
        stop("out of memory");
    }
    const uint32_t length = (uint32_t)size;
    put(&length, sizeof length);
    put(text, size);
    free(text);
}

/* ---- Facts ---- */

sg_jit *served_jit_create(const sg_vm *vm, const sg_options *options, sg_error *error)
{
    static sg_vm emitting;
    emitting = *vm;
    emitting.measure = sg_measure;
    emitting.emit = sg_emit;
    finder = sg_jit_create(&emitting, options, error);
    return finder == NULL ? NULL : sg_jit_create(vm, options, error);
}

static void *grown(void *memory, size_t *capacity, size_t needed, size_t size)
{
    if (needed > *capacity) {
        *capacity = 2 * needed;
        memory = realloc(memory, *capacity * size);
    }
    if (memory == NULL) {
        stop("out of memory");
    }
    return memory;
}

void served_note(const sg_assembler *as, uint32_t index)
{
    const sg_facts *const facts = as->facts;
    ends = grown(ends, &end_capacity, index + (size_t)1, sizeof *ends);
    uint64_t count = index == 0 ? 0 : ends[index - 1];
    for (const sg_location_range *range = facts->ranges; range < facts->ranges + 2; range++) {
        for (uint64_t place = range->begin; place < range->end; place++) {
            const sg_fact *const fact = &facts->of[place];
            const uint32_t known = fact->known & ~SG_HAS_CONSTANT;
            if (fact->epoch == facts->epoch && known != 0) {
                pairs = grown(pairs, &pair_capacity, count + 1, sizeof *pairs);
                pairs[count][0] = place - (uint64_t)range->origin;
                pairs[count++][1] = known;
            }
        }
    }
    ends[index] = count;
}

/* By its own name: what it calls is a part of compiling (bench/quality/programs.py). */
__attribute__((noinline)) void served_find(const void *trace, uint32_t length)
{
    sg_error error;
    sg_code *const code = sg_compile_trace(finder, trace, length, &error);
    if (code == NULL) {
        stop(error.text);
    }
    sg_free(code);
}

/* ---- Code ---- */

/* The micro-ops: of each the opcode and the values of all holes, 64 bits each; then the facts. */
uint32_t served_measure(const void *trace, uint32_t length, sg_size *size)
{
    const uint32_t question[2] = {COMPILE, length};
    uint64_t(*const ops)[1 + WHOLE_TRACE_HOLES] = room(length * sizeof *ops);
    for (uint32_t i = 0; i < length; i++) {
        const whole_trace_instruction *const instruction = (const whole_trace_instruction *)trace + i;
        ops[i][0] = sg_opcode(instruction);
        whole_trace_read(instruction, ops[i] + 1);
    }
    put(question, sizeof question);
    put(ops, length * sizeof *ops);
    free(ops);
    served_find(trace, length);
    put(ends, length * sizeof *ends);
    put(pairs, (size_t)ends[length - 1] * sizeof *pairs);
    get_answer(&answer, sizeof answer);
    free(exits);
    exits = room(answer.exits * sizeof *exits);
    get(exits, answer.exits * sizeof *exits);
    size->hot = answer.hot;
    size->cold = answer.cold + answer.jumps + (uint64_t)answer.exits * SG_MAX_EXIT_STUB;
    return length;
}

static uint8_t *room_for_constants(void)
{
    uint8_t *const found = constants + constants_used;
    constants_used += (answer.data + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (constants_used > sizeof constants) {
        stop("no more room for constants");
    }
    return found;
}

/* All of the hot code counts as the first micro-op's: nothing tells where one ends. Cold is LLVM's own, then exit stubs. The
 * runtime itself emits the stub of a trace's end, behind the hot code, if the last micro-op may go there. */
void served_emit(sg_assembler *as, const void *trace, uint32_t length)
{
    const bool ends_itself = sg_ops[sg_opcode((const whole_trace_instruction *)trace + length - 1)].flags & SG_ENDS;
    uint8_t *const hot = as->hot, *const cold = as->cold, *const data = room_for_constants();
    uint64_t *const addresses = room((4 + (size_t)answer.exits) * sizeof *addresses);
    uint32_t stubs = 0;
    sg_begin_micro_op(as, 0);
    as->hot += answer.hot;
    as->cold += answer.cold;
    for (uint32_t i = 0; i <= length; i++) {
        if (i != 0) {
            sg_begin_micro_op(as, i);
        }
        if (stubs < answer.exits && exits[stubs] == i) {
            const bool behind = i == length && !ends_itself;
            addresses[4 + stubs++] = (uintptr_t)(behind ? as->hot : as->cold) + (uintptr_t)as->bias;
            as->cold = behind ? as->cold : sg_exit_stub(as, as->cold);
        }
    }
    addresses[0] = (uintptr_t)hot + (uintptr_t)as->bias;
    addresses[1] = (uintptr_t)cold + (uintptr_t)as->bias;
    addresses[2] = (uintptr_t)data;
    addresses[3] = (uintptr_t)as->cold + (uintptr_t)as->bias;
    const uint32_t question[2] = {PLACE, 4 + answer.exits};
    put(question, sizeof question);
    put(addresses, (4 + (size_t)answer.exits) * sizeof *addresses);
    free(addresses);
    uint32_t jumps;
    get_answer(&jumps, sizeof jumps);
    get(hot, answer.hot);
    get(cold, answer.cold);
    get(data, answer.data);
    get(as->cold, jumps);
    as->cold += jumps;
}
