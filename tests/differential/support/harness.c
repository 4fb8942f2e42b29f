/* Runs a trace twice, from the same memory and state: micro-op by micro-op through the functions that Clang compiled
 * (the reference), and through the code that the emit functions assembled. Then compares everything a VM can see.
 *
 * The reference needs no knowledge of ours: a hole is a function that reads the current instruction, and the ends of
 * a stencil are functions that write down the state they are handed.
 *
 * glue.h, generated for each VM, lists its state, stencils and holes.
 */
#include "harness.h"

#include "glue.h"

#include <stdint.h>

/* Emit functions call this once: which of their versions is emitted. */
uint64_t versions_emitted[VERSION_COUNT];
static int64_t count_version(uint32_t number)
{
    versions_emitted[number]++;
    return 0;
}

#include "jit_stencils.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#define STENCIL_FUNCTION __attribute__((preserve_none)) uint64_t

enum { LOGGED = 4096, LONGEST_TRACE = 4096, STEPS = 1 << 20, SECONDS = 20, LARGEST_ARENA = 1 << 20 };

typedef enum Kind { RETURNED, EXITED, CONTINUED, JUMPED, ABORTED, CRASHED } Kind;
static const char *const kind_names[] = {"returned", "exited", "continued", "jumped", "aborted", "crashed"};

typedef struct Outcome {
    Kind kind;
    uint64_t index; /* EXITED: of the micro-op; CRASHED: the signal */
    uint64_t value;
    sg_state state;
} Outcome;

typedef struct Log {
    uint64_t hash, count;
    uint64_t values[LOGGED];
} Log;

/* What one call of check_trace did, added up by the caller. The Python side mirrors it. */
typedef struct Totals {
    uint64_t runs, differences, ended, exited, returned, aborted;
    uint64_t executed[STENCIL_COUNT];
} Totals;

/* ---- What helpers report ---- */

static Log *log_now;
static uint64_t random_state;
static sigjmp_buf escape;

uint64_t harness_random(void)
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

void harness_log(uint64_t value)
{
    if (log_now->count < LOGGED) {
        log_now->values[log_now->count] = value;
    }
    log_now->count++;
    log_now->hash = (log_now->hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    log_now->hash ^= log_now->hash >> 29;
}

void harness_log_text(const char *text)
{
    uint64_t hash = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001B3);
    }
    harness_log(hash);
}

void harness_enter(const char *helper, const void *frame)
{
    harness_log((uintptr_t)helper);
    harness_log((uintptr_t)frame & 15);
}

void harness_abort(void)
{
    siglongjmp(escape, -1);
}

static void on_signal(int number)
{
    siglongjmp(escape, number);
}

/* What is below the stack pointer belongs to nobody. GARBAGE calls this. */
void harness_scribble(void);
void harness_scribble(void)
{
    volatile uint64_t below[128];
    for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
        below[i] = UINT64_C(0xBADBADBADBADBAD0) + i;
    }
    SCRAMBLE_REGISTERS();
}

static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM};
enum { CAUGHT = sizeof caught / sizeof *caught };

static void catch_signals(struct sigaction *before, stack_t *stack_before)
{
    static uint8_t stack[1 << 16];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, stack_before);
    for (int i = 0; i < CAUGHT; i++) {
        struct sigaction action = {.sa_flags = SA_ONSTACK | SA_NODEFER};
        action.sa_handler = on_signal;
        sigaction(caught[i], &action, &before[i]);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_sec = SECONDS}}, NULL);
}

static void release_signals(const struct sigaction *before, const stack_t *stack_before)
{
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    for (int i = 0; i < CAUGHT; i++) {
        sigaction(caught[i], &before[i], NULL);
    }
    sigaltstack(stack_before, NULL);
}

/* ---- The reference ---- */

static struct {
    const Instruction *instruction;
    Outcome outcome;
    uint64_t position; /* JUMPED: where to */
} reference;

#define HOLE_FUNCTION(kind, type, name, expression)      \
    type __sg_hole_##kind##_##name(void);                \
    type __sg_hole_##kind##_##name(void)                 \
    {                                                    \
        const Instruction *const instruction = reference.instruction; \
        return (type)(expression);                       \
    }
#define INTEGER_HOLE(name, expression)                        \
    HOLE_FUNCTION(b, _Bool, name, expression)                 \
    HOLE_FUNCTION(i8, signed char, name, expression)          \
    HOLE_FUNCTION(u8, unsigned char, name, expression)        \
    HOLE_FUNCTION(i16, short, name, expression)               \
    HOLE_FUNCTION(u16, unsigned short, name, expression)      \
    HOLE_FUNCTION(i32, int, name, expression)                 \
    HOLE_FUNCTION(u32, unsigned int, name, expression)        \
    HOLE_FUNCTION(i64, long, name, expression)                \
    HOLE_FUNCTION(u64, unsigned long, name, expression)       \
    HOLE_FUNCTION(f32, float, name, expression)               \
    HOLE_FUNCTION(f64, double, name, expression)              \
    HOLE_FUNCTION(p, void *, name, (uintptr_t)(expression))
#define FLOAT_HOLE(name, expression)           \
    HOLE_FUNCTION(f32, float, name, expression) \
    HOLE_FUNCTION(f64, double, name, expression)
#define POINTER_HOLE(name, expression)                   \
    HOLE_FUNCTION(p, void *, name, expression)           \
    HOLE_FUNCTION(u64, unsigned long, name, expression)  \
    HOLE_FUNCTION(i64, long, name, expression)

EACH_INTEGER_HOLE(INTEGER_HOLE)
EACH_FLOAT_HOLE(FLOAT_HOLE)
EACH_POINTER_HOLE(POINTER_HOLE)

#define SAVE(name) reference.outcome.state.name = name;
#define END_FUNCTION(function, how, where)                          \
    STENCIL_FUNCTION function(STENCIL_STATE);                       \
    STENCIL_FUNCTION function(STENCIL_STATE)                        \
    {                                                               \
        const Instruction *const instruction = reference.instruction; \
        (void)instruction;                                          \
        EACH_STATE(SAVE)                                            \
        reference.outcome.kind = how;                               \
        reference.position = where;                                 \
        return 0;                                                   \
    }
#define LABEL_FUNCTION(name, expression) END_FUNCTION(__sg_label_##name, JUMPED, expression)

END_FUNCTION(__sg_continue, CONTINUED, 0)
END_FUNCTION(__sg_exit, EXITED, 0)
EACH_LABEL(LABEL_FUNCTION)

#define DECLARE(name) STENCIL_FUNCTION name(STENCIL_STATE);
EACH_STENCIL(DECLARE)

typedef __attribute__((preserve_none)) uint64_t (*stencil_function)(STENCIL_STATE);
#define STENCIL_ADDRESS(name) name,
static const stencil_function stencils[] = {EACH_STENCIL(STENCIL_ADDRESS)};

static void run_reference(const Instruction *trace, uint32_t length, const sg_state *start, Totals *totals)
{
    Outcome *const outcome = &reference.outcome;
    outcome->state = *start;
    uint64_t position = 0;
    for (uint32_t step = 0; position < length; step++) {
        if (step == STEPS) {
            fprintf(stderr, "the reference does not end: a stencil jumps without using fuel\n");
            abort();
        }
        reference.instruction = &trace[position];
        totals->executed[trace[position].opcode]++;
        outcome->kind = RETURNED;
        const sg_state state = outcome->state;
        outcome->value = CALL_STENCIL(stencils[trace[position].opcode]);
        switch (outcome->kind) {
        case CONTINUED:
            position++;
            break;
        case JUMPED:
            position = reference.position;
            break;
        default:
            outcome->index = position;
            return;
        }
    }
    outcome->kind = EXITED;
    outcome->index = length;
}

/* ---- The emitted code ---- */

static sg_jit *contexts[2];

/* A context near the VM, or one so far from it that every call is out of reach. Small: a process holds those of many VMs, and all
 * want to lie near. */
static sg_jit *context(bool far, sg_error *error)
{
    if (contexts[far] == NULL) {
        const void *const near = far ? (const void *)UINT64_C(0x300000000000) : (const void *)&contexts;
        const sg_options options = {.near = near, .size = 4 << 20};
        contexts[far] = sg_jit_new(&options, error);
    }
    return contexts[far];
}

/* Micro-op i of a trace becomes 2 i + 1 when GARBAGE stands before each micro-op and at the end. */
static uint32_t with_garbage(const Instruction *trace, uint32_t length, Instruction *result)
{
    for (uint32_t i = 0; i < length; i++) {
        result[2 * i] = (Instruction){.opcode = GARBAGE_OPCODE};
        result[2 * i + 1] = trace[i];
        result[2 * i + 1].target *= 2;
        result[2 * i + 1].other *= 2;
    }
    result[2 * length] = (Instruction){.opcode = GARBAGE_OPCODE};
    return 2 * length + 1;
}

static void run_emitted(const sg_jit *jit, const sg_code *code, bool garbage, const sg_state *start, Outcome *outcome)
{
    const sg_state state = *start;
    const sg_exit exit = ENTER_TRACE(jit, code);
    outcome->kind = exit.kind == SG_RETURNED ? RETURNED : EXITED;
    outcome->value = exit.value;
    outcome->state = exit.state;
    outcome->index = garbage ? exit.index / 2 : exit.index;
}

/* ---- Comparing ---- */

extern uint8_t __start_vm_data[], __stop_vm_data[];

static void save(uint8_t *image)
{
    memcpy(image, (const void *)ARENA_ADDRESS, vm_arena_size);
    memcpy(image + vm_arena_size, __start_vm_data, (size_t)(__stop_vm_data - __start_vm_data));
}

static void restore(const uint8_t *image)
{
    memcpy((void *)ARENA_ADDRESS, image, vm_arena_size);
    memcpy(__start_vm_data, image + vm_arena_size, (size_t)(__stop_vm_data - __start_vm_data));
}

static bool same_state(const sg_state *a, const sg_state *b)
{
#define SAME(name) && memcmp(&a->name, &b->name, sizeof a->name) == 0
    return true EACH_STATE(SAME);
}

/* The NaN that an operation makes, of either sign: with two of them as operands the result is the first one's, and a
 * compiler may exchange the operands of an addition. */
static bool is_made_nan(uint64_t bits)
{
    return bits << 1 == (uint64_t)0x7FF8000000000000 << 1;
}

static uint64_t word(const uint8_t *image, size_t offset)
{
    uint64_t value;
    memcpy(&value, image + offset, sizeof value);
    return value;
}

/* Offset of the first 8 bytes that differ; `size` when none do. */
static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t size)
{
    size_t i = 0;
    while (i + 8 <= size && (word(a, i) == word(b, i) || (is_made_nan(word(a, i)) && is_made_nan(word(b, i))))) {
        i += 8;
    }
    return i + 8 <= size || memcmp(a + i, b + i, size - i) != 0 ? i : size;
}

/* In words, how the second run differs from the first; false when it does not. */
static bool differs(const Outcome *a, const Outcome *b, const Log *log_a, const Log *log_b, const uint8_t *after_a,
                    const uint8_t *after_b, char *text, size_t size)
{
    const size_t image = vm_arena_size + (size_t)(__stop_vm_data - __start_vm_data);
    if (a->kind != b->kind || (a->kind == EXITED && a->index != b->index)) {
        snprintf(text, size, "it %s (%llu), the reference %s (%llu)", kind_names[b->kind], (unsigned long long)b->index,
                 kind_names[a->kind], (unsigned long long)a->index);
        return true;
    }
    if (log_a->hash != log_b->hash || log_a->count != log_b->count) {
        uint64_t i = 0;
        while (i < LOGGED && i < log_a->count && i < log_b->count && log_a->values[i] == log_b->values[i]) {
            i++;
        }
        snprintf(text, size, "report %llu of %llu: 0x%llx, the reference 0x%llx of %llu", (unsigned long long)i,
                 (unsigned long long)log_b->count, i < LOGGED ? (unsigned long long)log_b->values[i] : 0,
                 i < LOGGED ? (unsigned long long)log_a->values[i] : 0, (unsigned long long)log_a->count);
        return true;
    }
    if (a->kind == RETURNED && a->value != b->value) {
        snprintf(text, size, "it returned 0x%llx, the reference 0x%llx", (unsigned long long)b->value,
                 (unsigned long long)a->value);
        return true;
    }
    if (a->kind == EXITED && !same_state(&a->state, &b->state)) {
        size_t used = (size_t)snprintf(text, size, "the state is");
#define SHOW(name)                                                                                             \
    {                                                                                                          \
        uint64_t mine = 0, other = 0;                                                                          \
        memcpy(&mine, &b->state.name, sizeof b->state.name);                                                   \
        memcpy(&other, &a->state.name, sizeof a->state.name);                                                  \
        used += (size_t)snprintf(text + used, size - used, " " #name " 0x%llx, the reference 0x%llx;",         \
                                 (unsigned long long)mine, (unsigned long long)other);                         \
    }
        EACH_STATE(SHOW)
        return true;
    }
    const size_t i = memcmp(after_a, after_b, image) == 0 ? image : first_difference(after_a, after_b, image);
    if (i < image) {
        uint64_t mine = 0, other = 0;
        memcpy(&mine, after_b + i, image - i < 8 ? image - i : 8);
        memcpy(&other, after_a + i, image - i < 8 ? image - i : 8);
        snprintf(text, size, "memory at offset %zu of %s is 0x%llx, the reference 0x%llx",
                 i < vm_arena_size ? i : i - vm_arena_size, i < vm_arena_size ? "the arena" : "the VM's variables",
                 (unsigned long long)mine, (unsigned long long)other);
        return true;
    }
    return false;
}

enum { WITH_GARBAGE = 1, FAR = 2 };

/* Run `trace` from `runs` random states, both ways. Returns the differences, or -1 when the trace did not compile;
 * `text` says what the first one was (and is empty otherwise). */
int64_t check_trace(const Instruction *trace, uint32_t length, uint32_t flags, uint64_t seed, uint32_t runs,
                    Totals *totals, char *text, size_t size);

int64_t check_trace(const Instruction *trace, uint32_t length, uint32_t flags, uint64_t seed, uint32_t runs,
                    Totals *totals, char *text, size_t size)
{
    static Instruction spread[2 * LONGEST_TRACE + 1];
    static Log logs[2];
    static uint8_t *images[3];
    const bool garbage = (flags & WITH_GARBAGE) != 0;
    sg_error error = {{0}};
    text[0] = '\0';
    sg_jit *const jit = context((flags & FAR) != 0, &error);
    if (jit == NULL || length > LONGEST_TRACE) {
        snprintf(text, size, "%s", jit == NULL ? error.text : "the trace is too long for the harness");
        return -1;
    }
    sg_code *const code = garbage ? sg_compile(jit, spread, with_garbage(trace, length, spread), &error)
                                  : sg_compile(jit, trace, length, &error);
    if (code == NULL) {
        snprintf(text, size, "%s", error.text);
        return -1;
    }
    if (images[0] == NULL) {
        for (int i = 0; i < 3; i++) {
            images[i] = malloc(vm_arena_size + (size_t)(__stop_vm_data - __start_vm_data));
        }
        /* mapped already: by another test VM in this process */
        const int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
        void *const place = mmap((void *)ARENA_ADDRESS, LARGEST_ARENA, PROT_READ | PROT_WRITE, how, -1, 0);
        if (vm_arena_size > LARGEST_ARENA || (place == MAP_FAILED && errno != EEXIST)) {
            snprintf(text, size, "there is no memory for the arena");
            return -1;
        }
    }
    struct sigaction before[CAUGHT];
    stack_t stack_before;
    catch_signals(before, &stack_before);
    volatile int64_t differences = 0;
    for (volatile uint32_t run = 0; run < runs; run++) {
        random_state = (seed + run) * UINT64_C(0xD1342543DE82EF95);
        uint64_t slots[STATE_COUNT + 1] = {0};
        static sg_state start;
        vm_start(trace, length, slots);
        uint32_t slot = 0;
#define FILL(name) memcpy(&start.name, &slots[slot++], sizeof start.name);
        EACH_STATE(FILL)
        save(images[0]);

        static Outcome outcomes[2];
        memset(outcomes, 0, sizeof outcomes);
        for (volatile int way = 0; way < 2; way++) {
            log_now = &logs[way];
            log_now->hash = log_now->count = 0;
            const int number = sigsetjmp(escape, 0);
            if (number != 0) {
                outcomes[way].kind = number < 0 ? ABORTED : CRASHED;
                outcomes[way].index = number < 0 ? 0 : (uint64_t)number;
            } else if (way == 0) {
                run_reference(trace, length, &start, totals);
                outcomes[0] = reference.outcome;
            } else {
                run_emitted(jit, code, garbage, &start, &outcomes[1]);
            }
            save(images[1 + way]);
            restore(images[0]);
        }
        const Outcome *const result = &outcomes[0];
        totals->runs++;
        totals->ended += result->kind == EXITED && result->index == length;
        totals->exited += result->kind == EXITED && result->index != length;
        totals->returned += result->kind == RETURNED;
        totals->aborted += result->kind == ABORTED;
        char line[1024];
        if (result->kind == CRASHED) {
            snprintf(line, sizeof line, "the reference crashed (signal %llu)", (unsigned long long)result->index);
        } else if (!differs(result, &outcomes[1], &logs[0], &logs[1], images[1], images[2], line, sizeof line)) {
            continue;
        }
        if (differences++ == 0) {
            snprintf(text, size, "seed %llu: %s", (unsigned long long)(seed + run), line);
        }
        if (outcomes[0].kind == CRASHED || outcomes[1].kind == CRASHED) {
            break; /* where one run crashes, the next one will */
        }
    }
    release_signals(before, &stack_before);
    totals->differences += (uint64_t)differences;
    sg_free(code);
    return differences;
}
