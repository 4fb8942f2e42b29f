/* Runs random traces with a collector that moves all objects at every allocation, and without it; both must agree.
 *
 * The collector copies what is reachable into a fresh space and overwrites the old one, so that whoever still has
 * an old address reads nonsense. Its roots are the locals and the values that the trace's frame holds; the frame is
 * found by the call's return address.
 */
#include "jit_stencils.h"

#include <stdio.h>
#include <stdlib.h>

enum { LOCALS = 4, SPACE = 4096, MAX_PLACES = 8 };

static Object spaces[2][SPACE];
static size_t current, used;
static Object *locals[LOCALS];
static sg_jit *jit;
static bool moving;
static uint64_t maps, places;

static Object *moved(Object *object, Object *to, size_t *count)
{
    if (object == NULL) {
        return NULL;
    }
    if (object->forward == NULL) {
        to[*count] = *object;
        object->forward = &to[(*count)++];
    }
    return object->forward;
}

/* `stack` is the stack pointer of the trace that made the call which returns to `return_address`. */
static void move_all(const void *return_address, char *stack)
{
    uint32_t offsets[MAX_PLACES];
    const int count = sg_stack_map(jit, return_address, offsets, MAX_PLACES);
    if (count < 0 || count > MAX_PLACES) {
        fprintf(stderr, "a call without a stack map\n");
        exit(1);
    }
    maps++;
    places += (uint64_t)count;
    Object *const to = spaces[!current];
    size_t copied = 0;
    for (int i = 0; i < LOCALS; i++) {
        locals[i] = moved(locals[i], to, &copied);
    }
    for (int i = 0; i < count; i++) {
        Object **const place = (Object **)(void *)(stack + offsets[i]);
        *place = moved(*place, to, &copied);
    }
    for (size_t i = 0; i < copied; i++) {
        to[i].first = moved(to[i].first, to, &copied);
        to[i].second = moved(to[i].second, to, &copied);
    }
    memset(spaces[current], 0x5B, sizeof spaces[current]);
    current = !current;
    used = copied;
}

#define MOVE_ALL()                                                                                       \
    (moving ? move_all(__builtin_extract_return_addr(__builtin_return_address(0)),                       \
                       (char *)__builtin_frame_address(0) + 16)                                          \
            : (void)0)

__attribute__((noinline)) void collect(Thread *thread)
{
    thread->collections++;
    MOVE_ALL();
}

__attribute__((noinline)) Object *allocate(Thread *thread, int64_t number)
{
    thread->collections++;
    MOVE_ALL();
    if (used == SPACE) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    Object *const made = &spaces[current][used++];
    *made = (Object){.number = number};
    return made;
}

static int64_t sum_to(const Object *object, int depth)
{
    if (object == NULL || depth == 0) {
        return 0;
    }
    return object->number + 3 * sum_to(object->first, depth - 1) + 5 * sum_to(object->second, depth - 1);
}

int64_t sum(const Object *object)
{
    return sum_to(object, 6);
}

static uint64_t random64(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    return z ^ (z >> 27);
}

static const uint32_t random_ops[] = {
    SG_OP_NUMBER, SG_OP_LOAD, SG_OP_STORE,  SG_OP_STORE, SG_OP_PAIR,       SG_OP_TREE,
    SG_OP_MANY,   SG_OP_RARELY, SG_OP_COUNT, SG_OP_WIDE_FRAME, SG_OP_EXIT_IF_NONE,
};

/* The total, and what all locals and the topmost value are worth, after running the trace. */
static int64_t run(const sg_code *code, bool with_collector)
{
    memset(spaces, 0, sizeof spaces);
    used = 0;
    moving = with_collector;
    for (int i = 0; i < LOCALS; i++) {
        locals[i] = &spaces[current][used++];
        *locals[i] = (Object){.number = i + 1, .first = locals[0], .second = locals[i / 2]};
    }
    Thread thread = {0};
    const sg_exit exit = sg_enter(jit, code, locals, locals[0], &thread, 1);
    int64_t total = exit.state.total + 1000 * (int64_t)exit.index + thread.collections + 7 * sum(exit.state.top);
    for (int i = 0; i < LOCALS; i++) {
        total = 31 * total + sum(locals[i]);
    }
    return total;
}

int main(void)
{
    sg_error error;
    jit = sg_jit_new(NULL, &error);
    if (jit == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    uint64_t seed = 1;
    for (int number = 0; number < 500; number++) {
        Instruction trace[24];
        const size_t length = 1 + random64(&seed) % 24;
        for (size_t i = 0; i < length; i++) {
            trace[i] = (Instruction){
                .opcode = random_ops[random64(&seed) % (sizeof random_ops / sizeof random_ops[0])],
                .slot = (int32_t)(random64(&seed) % LOCALS),
                .number = (int64_t)(random64(&seed) >> random64(&seed) % 64),
            };
        }
        sg_code *const code = sg_compile(jit, trace, length, &error);
        if (code == NULL) {
            fprintf(stderr, "%s\n", error.text);
            return 1;
        }
        const int64_t expected = run(code, false);
        const int64_t got = run(code, true);
        if (got != expected) {
            fprintf(stderr, "trace %d: %lld with a moving collector, %lld without\n", number, (long long)got,
                    (long long)expected);
            return 1;
        }
        sg_free(code);
    }
    uint32_t offset;
    if (sg_stack_map(jit, (const void *)(uintptr_t)&main, &offset, 1) != -1) {
        fprintf(stderr, "a stack map outside of the context\n");
        return 1;
    }
    printf("%llu maps, %llu places\n", (unsigned long long)maps, (unsigned long long)places);
    sg_jit_free(jit);
    return 0;
}
