/* Memory: where the region lies, its protections and limits; that steady state asks the system for nothing. */
#define _GNU_SOURCE
#include "toy.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif
#ifndef UNDER_ASAN
#define UNDER_ASAN 0
#endif

typedef struct Mapping {
    uintptr_t begin, end;
    char permissions[5];
    bool ours; /* the memory file's */
} Mapping;

static size_t read_mappings(Mapping *mappings, size_t limit)
{
    FILE *const file = fopen("/proc/self/maps", "r");
    CHECK(file != NULL);
    char line[1024];
    size_t count = 0;
    while (count < limit && fgets(line, sizeof line, file) != NULL) {
        Mapping *const mapping = &mappings[count++];
        unsigned long begin, end;
        CHECK(sscanf(line, "%lx-%lx %4s", &begin, &end, mapping->permissions) == 3);
        mapping->begin = begin;
        mapping->end = end;
        mapping->ours = strstr(line, "memfd:stencilgen") != NULL;
    }
    fclose(file);
    CHECK(count < limit);
    return count;
}

static Mapping mappings[4096];

static size_t mapped_bytes(void)
{
    size_t bytes = 0;
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        bytes += mappings[i].end - mappings[i].begin;
    }
    return bytes;
}

static const char *permissions_at(const void *address)
{
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)address >= mappings[i].begin && (uintptr_t)address < mappings[i].end) {
            return mappings[i].permissions;
        }
    }
    return "none";
}

static const uint8_t *seen_rodata;
static uint8_t *seen_writable;

static void emit_LOOK(sg_assembler *as, const void *instruction)
{
    (void)instruction;
    seen_rodata = as->rodata;
    seen_writable = as->hot;
}

static void no_mapping_is_writable_and_executable(void)
{
    sg_op ops[OP_COUNT];
    memcpy(ops, toy_ops, sizeof ops);
    ops[NOTHING].emit = emit_LOOK;
    sg_vm vm = toy_vm;
    vm.ops = ops;
    sg_jit *const jit = sg_jit_create(&vm, NULL, NULL);
    CHECK(jit != NULL);
    sg_code *const code = COMPILE(jit, {ADD, 1}, {NOTHING, 0}, {EXIT, 0});
    CHECK(strcmp(permissions_at(sg_code_info(code).hot), "r-xs") == 0);
    CHECK(strcmp(permissions_at(sg_code_info(code).cold), "r-xs") == 0);
    CHECK(strcmp(permissions_at(seen_rodata), "r--s") == 0);
    CHECK(strcmp(permissions_at(seen_writable), "rw-s") == 0);
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        CHECK(mappings[i].permissions[1] != 'w' || mappings[i].permissions[2] != 'x');
    }
    sg_jit_destroy(jit);
}

static void destroying_unmaps_everything(void)
{
    sg_jit_destroy(toy_create(NULL)); /* whatever the C library maps once */
    const size_t before = mapped_bytes();
    for (int i = 0; i < 1000; i++) {
        sg_jit *const jit = toy_create(&(sg_options){.size = 64 << 10});
        COMPILE(jit, {ADD, 1});
        sg_jit_destroy(jit);
    }
    CHECK(mapped_bytes() < before + (2 << 20)); /* less than one page for each; the heap may have grown */
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        CHECK(!mappings[i].ours);
    }
    sg_jit_destroy(NULL);
}

static uintptr_t distance(uintptr_t a, uintptr_t b)
{
    return a > b ? a - b : b - a;
}

static void the_region_lies_near_what_was_asked_for(void)
{
    const uintptr_t places[] = {
        0,
        (uintptr_t)&distance,
        (uintptr_t)&fopen,
        (uintptr_t)&toy_vm,
        16,
        (uintptr_t)3 << 29,
        UNDER_ASAN ? 0 : (uintptr_t)1 << 44, /* there lies its shadow memory */
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        sg_jit *const jit = toy_create(&(sg_options){.near = (const void *)places[i], .size = 8 << 20});
        const uintptr_t near = places[i] == 0 ? (uintptr_t)&sg_jit_create : places[i];
        const sg_statistics statistics = sg_jit_statistics(jit);
        const uintptr_t begin = (uintptr_t)sg_code_info(COMPILE(jit, {EXIT, 0})).hot;
        CHECK(distance(begin, near) < (uintptr_t)7 << 28);
        CHECK(distance(begin + (8 << 20), near) < (uintptr_t)7 << 28);
        CHECK_EQUAL(statistics.hot_size + statistics.cold_size + statistics.constants_size, 8 << 20);
        sg_jit_destroy(jit);
    }
}

static size_t bytes_within_reach(uintptr_t near)
{
    size_t bytes = 0;
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        bytes += distance(mappings[i].begin, near) < (uintptr_t)1 << 31 ? mappings[i].end - mappings[i].begin : 0;
    }
    return bytes;
}

static void only_code_and_constants_take_room_near_the_vm(void)
{
    enum { CONTEXTS = 24 };
    sg_jit *contexts[CONTEXTS];
    const uintptr_t near = (uintptr_t)&distance;
    const size_t before = bytes_within_reach(near);
    for (size_t i = 0; i < CONTEXTS; i++) {
        contexts[i] = toy_create(&(sg_options){.near = (const void *)near, .perf_map = i % 8 == 0});
    }
    const size_t taken = bytes_within_reach(near) - before;
    CHECK(taken >= (size_t)CONTEXTS * (64 << 20) && taken < (size_t)CONTEXTS * (64 << 20) + (2 << 20));
    for (size_t i = 0; i < CONTEXTS; i++) {
        sg_jit_destroy(contexts[i]);
    }
}

static void expect_failure(const sg_vm *vm, const sg_options *options, const char *words)
{
    sg_error error;
    CHECK(sg_jit_create(vm, options, NULL) == NULL);
    CHECK(sg_jit_create(vm, options, &error) == NULL);
    CHECK_TEXT(error.text, words);
}

static void options_that_cannot_be_met_say_why(void)
{
    expect_failure(&toy_vm, &(sg_options){.size = (size_t)2 << 30}, "at most 1073741824");
    expect_failure(&toy_vm, &(sg_options){.size = 100}, "too small");
    expect_failure(&toy_vm, &(sg_options){.near = (const void *)((uintptr_t)-4096)},
                   "no address of a program");
    sg_jit_destroy(toy_create(&(sg_options){.size = 7 * 4096}));
}

static void a_vm_that_does_not_fit_says_why(void)
{
    sg_vm vm = toy_vm;
    vm.abi = SG_ABI + 1;
    expect_failure(&vm, NULL, "regenerate");
    vm = toy_vm;
    vm.cpu = (sg_cpu)(sg_cpu_level() + 1);
    expect_failure(&vm, NULL, "this machine is x86-64");
    vm = toy_vm;
    vm.state = (const uint8_t *)"iiiiiiiiiiiii";
    vm.state_count = 13;
    expect_failure(&vm, NULL, "13 integers");
    vm.state = (const uint8_t *)"dfdfdfdfd";
    vm.state_count = 9;
    expect_failure(&vm, NULL, "9 floats");
    vm.state = (const uint8_t *)"ix";
    vm.state_count = 2;
    expect_failure(&vm, NULL, "unknown kind");
    vm = toy_vm;
    const sg_relocation outside = {17, SG_RELOCATION_RODATA, NULL, 0};
    vm.relocations = &outside;
    vm.relocation_count = 1;
    expect_failure(&vm, NULL, "relocation 0 at offset 17 is outside of the 24 bytes");
    vm = toy_vm;
    sg_op huge = toy_ops[ADD];
    huge.frame = 1 << 24;
    vm.ops = &huge;
    vm.op_count = 1;
    expect_failure(&vm, NULL, "micro-op ADD needs a frame");
}

static void code_to_share_that_does_not_fit_says_why(void)
{
    const sg_part parts[] = {{"add", emit_PART_ADD, 8}, {"huge", emit_PART_ADD, 1 << 30}};
    const sg_part lying[] = {{"add", emit_PART_ADD, 7}};
    sg_vm vm = toy_vm;
    vm.parts = parts;
    expect_failure(&vm, NULL, "no room for the 1073741848 bytes of code that micro-ops share; use a larger");
    vm.parts = lying;
    vm.part_count = 1;
    expect_failure(&vm, NULL, "add is 8 bytes, more than the 7 it was generated for; regenerate the header");
    vm.part_count = 0;
    sg_jit *const jit = sg_jit_create(&vm, NULL, NULL);
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {ADD, 1}, {RETURN, 0}), 1), 2);
    sg_jit_destroy(jit);
}

static void no_gap_within_reach_says_so(void)
{
    const size_t size = (size_t)6 << 30;
    uint8_t *const block = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(block != MAP_FAILED);
    expect_failure(&toy_vm, &(sg_options){.near = block + size / 2}, "no gap of 67108864 bytes");
    /* 3 MB of room are enough for a small one. */
    CHECK(munmap(block + size / 2 + (64 << 20), 3 << 20) == 0);
    expect_failure(&toy_vm, &(sg_options){.near = block + size / 2}, "no gap of 67108864 bytes");
    sg_jit_destroy(toy_create(&(sg_options){.near = block + size / 2, .size = 1 << 20}));
    munmap(block, size);
}

static void limits_of_the_process_say_so(void)
{
    const struct {
        int resource;
        rlim_t value;
        const char *words;
    } cases[] = {
        {RLIMIT_NOFILE, 0, "memfd_create failed"},
        {RLIMIT_FSIZE, 4096, "ulimit -f"},
        {RLIMIT_AS, 1 << 20, "ulimit -v"},
    };
    for (size_t i = 0; i < (UNDER_ASAN ? 2 : 3); i++) {
        struct rlimit before;
        CHECK(getrlimit(cases[i].resource, &before) == 0);
        const struct rlimit limit = {cases[i].value, before.rlim_max};
        sg_error error = {{0}};
        CHECK(setrlimit(cases[i].resource, &limit) == 0);
        const sg_jit *const jit = sg_jit_create(&toy_vm, NULL, &error);
        CHECK(setrlimit(cases[i].resource, &before) == 0);
        CHECK(jit == NULL);
        CHECK_TEXT(error.text, cases[i].words);
    }
}

static void a_full_region_says_so_and_recovers(void)
{
    enum { LIMIT = 10000 };
    static sg_code *codes[LIMIT];
    static const struct {
        Instruction instruction;
        const char *words;
    } cases[] = {
        {{ADD, (uint64_t)1 << 50}, "bytes of hot code"},
        {{TWO_STUBS, 0}, "bytes of cold code"},
        {{NOTHING, 0}, "bytes of records"},
    };
    sg_op ops[OP_COUNT];
    memcpy(ops, toy_ops, sizeof ops);
    ops[TWO_STUBS] = (sg_op){"COLD", emit_EXIT_IF_ODD, 10, SG_MAX_EXIT_STUB, 0, 0};
    sg_vm vm = toy_vm;
    vm.ops = ops;
    sg_jit *const jit = sg_jit_create(&vm, &(sg_options){.size = 256 << 10}, NULL);
    CHECK(jit != NULL);
    const sg_statistics before = sg_jit_statistics(jit);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int round = 0; round < 3; round++) {
            Instruction trace[40];
            for (size_t k = 0; k < 40; k++) {
                trace[k] = cases[i].instruction;
            }
            sg_error error;
            size_t count = 0;
            while ((codes[count] = sg_compile_trace(jit, trace, 40, &error)) != NULL) {
                count++;
                CHECK(count < LIMIT);
            }
            CHECK(count > 10);
            CHECK_TEXT(error.text, "no room for the trace");
            CHECK_TEXT(error.text, "larger sg_options.size");
            if (round == 0) {
                printf("   %s\n", error.text);
            }
            for (size_t k = 0; k < count; k++) {
                uint64_t accumulator = 2;
                CHECK_EQUAL(toy_run(jit, codes[k], &accumulator).index, 40);
            }
            for (size_t k = 0; k < count; k++) {
                sg_free(codes[k]);
            }
            CHECK_EQUAL(sg_jit_statistics(jit).hot_used, before.hot_used);
            CHECK_EQUAL(sg_jit_statistics(jit).cold_used, before.cold_used);
        }
    }
    sg_jit_destroy(jit);
}

static void micro_ops_are_named_for_perf(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%ld.map", (long)getpid());
    unlink(path); /* of an earlier process with this number */
    sg_jit *const jit = toy_create(&(sg_options){.size = 1 << 20, .perf_map = true});
    sg_code *const code = COMPILE(jit, {FRAME_8, 0}, {EXIT_IF_ODD, 0}, {ADD, 1});
    CHECK(strcmp(permissions_at(sg_code_info(code).hot), "r-xs") == 0);
    uint64_t accumulator = 2;
    CHECK_EQUAL(toy_run(jit, code, &accumulator).index, 3);
    FILE *const file = fopen(path, "r");
    CHECK(file != NULL);
    const uint8_t *const part = sg_jit_part(jit, PART_CALL);
    const uint32_t call_size = part[8] == 0xE8 ? 22 : 23; /* a near call, or a far one */
    const struct {
        const uint8_t *address;
        uint32_t size;
        const char *name;
    } expected[] = {
        {sg_jit_part(jit, PART_ADD), 8, "sg:add"},
        {sg_jit_part(jit, PART_CALL), call_size, "sg:call"},
        {sg_code_info(code).hot, 4, "sg:trace_entry"},
        {sg_code_extent(code, 0).hot, sg_code_extent(code, 0).hot_size, "sg:FRAME_8"},
        {sg_code_extent(code, 1).hot, sg_code_extent(code, 1).hot_size, "sg:EXIT_IF_ODD"},
        {sg_code_extent(code, 1).cold, sg_code_extent(code, 1).cold_size, "sg:EXIT_IF_ODD.cold"},
        {sg_code_extent(code, 2).hot, sg_code_extent(code, 2).hot_size, "sg:ADD"},
        {sg_code_extent(code, 3).hot, sg_code_extent(code, 3).hot_size, "sg:trace_end"},
    };
    unsigned long address;
    unsigned size;
    char name[64];
    CHECK(fscanf(file, "%lx %x %63s", &address, &size, name) == 3);
    CHECK(strcmp(name, "sg:entry_and_exit") == 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        CHECK(fscanf(file, "%lx %x %63s", &address, &size, name) == 3);
        CHECK_EQUAL(address, (uintptr_t)expected[i].address);
        CHECK_EQUAL(size, expected[i].size);
        CHECK(strcmp(name, expected[i].name) == 0);
    }
    fclose(file);
    CHECK(unlink(path) == 0);
    const size_t count = read_mappings(mappings, 4096);
    for (size_t i = 0; i < count; i++) {
        CHECK(!mappings[i].ours); /* perf looks names up for anonymous memory only */
        CHECK(mappings[i].permissions[1] != 'w' || mappings[i].permissions[2] != 'x');
    }
    sg_jit_destroy(jit);
    CHECK(symlink("/nowhere/else", path) == 0);
    expect_failure(&toy_vm, &(sg_options){.perf_map = true}, "perf_map");
    CHECK(unlink(path) == 0);
}

static void all_literals_taken_says_so(void)
{
    sg_jit *const jit = toy_create(&(sg_options){.size = 64 << 10});
    sg_error error;
    uint64_t value = 0;
    sg_code *code;
    do {
        const Instruction trace[] = {{LITERAL, ++value}, {RETURN, 0}};
        code = sg_compile_trace(jit, trace, 2, &error);
        if (code != NULL) {
            CHECK_EQUAL(toy_value(jit, code, 0), value);
            sg_free(code);
        }
    } while (code != NULL);
    CHECK(value > 100);
    CHECK_TEXT(error.text, "micro-op 0 (LITERAL): all ");
    CHECK_EQUAL(toy_value(jit, COMPILE(jit, {LITERAL, 1}, {RETURN, 0}), 1), 2);
    sg_jit_destroy(jit);
}

static void steady_state_neither_allocates_nor_maps(void)
{
    enum { LIVE = 64, WARM = 5000, COMPILES = 100000 };
    static sg_code *codes[LIVE];
    sg_jit *const jit = toy_create(&(sg_options){.size = 4 << 20});
    unsigned long long seed = 3;
    sg_statistics warm = {0};
    size_t mappings_before = 0;
    for (int i = 0; i < COMPILES; i++) {
        if (i == WARM) {
            warm = sg_jit_statistics(jit);
            mappings_before = read_mappings(mappings, 4096);
        }
        Instruction trace[32];
        const size_t length = 3 + random64(&seed) % 29;
        for (size_t k = 0; k < length; k++) {
            trace[k] = (Instruction){random64(&seed) % 4 == 0 ? EXIT_IF_ODD : ADD, random64(&seed) & ~1ull};
        }
        trace[0] = (Instruction){BRANCH_ODD, length - 1};
        trace[length - 1] = (Instruction){RETURN, 0};
        const size_t slot = random64(&seed) % LIVE;
        sg_free(codes[slot]);
        codes[slot] = toy_compile(jit, trace, length);
        const size_t other = random64(&seed) % LIVE;
        if (codes[other] != NULL) {
            CHECK(sg_link(codes[slot], 0, codes[other], NULL));
        }
        if (i % 16 == 0) {
            CHECK_EQUAL(toy_value(jit, codes[slot], 1), 1);
        }
    }
    const sg_statistics end = sg_jit_statistics(jit);
    CHECK_EQUAL(end.allocations, warm.allocations);
    CHECK_EQUAL(end.mappings, warm.mappings);
    CHECK_EQUAL(end.constants_used, warm.constants_used);
    CHECK_EQUAL(read_mappings(mappings, 4096), mappings_before);
    sg_jit_destroy(jit);
}

static void contexts_do_not_know_each_other(void)
{
    sg_jit *const first = toy_create(NULL);
    sg_jit *const second = toy_create(&(sg_options){.size = 1 << 20});
    sg_code *const a = COMPILE(first, {ADD, 1}, {CONSTANT, 0}, {RETURN, 0});
    sg_code *const b = COMPILE(second, {ADD, 2}, {CONSTANT, 0}, {RETURN, 0});
    CHECK_EQUAL(toy_value(first, a, 0), 1001);
    CHECK_EQUAL(toy_value(second, b, 0), 1002);
    sg_jit_destroy(first);
    CHECK_EQUAL(toy_value(second, b, 0), 1002);
    sg_jit_destroy(second);
}

static void a_forked_child_may_run_but_not_change_traces(void)
{
    sg_jit *const jit = toy_create(NULL);
    sg_code *const code = COMPILE(jit, {ADD, 1}, {EXIT_IF_ODD, 0}, {RETURN, 0});
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        sg_error error;
        CHECK_EQUAL(toy_value(jit, code, 1), 2);
        const Instruction trace[] = {{RETURN, 0}};
        CHECK(sg_compile_trace(jit, trace, 1, &error) == NULL);
        CHECK_TEXT(error.text, "before fork");
        CHECK(!sg_link(code, 1, code, &error));
        CHECK_TEXT(error.text, "create a new one in the child");
        sg_free(code); /* leaves the parent's code alone */
        CHECK_EQUAL(toy_value(jit, code, 1), 2);
        sg_jit *const own = toy_create(NULL);
        CHECK_EQUAL(toy_value(own, COMPILE(own, {ADD, 5}, {RETURN, 0}), 1), 6);
        sg_jit_destroy(own);
        sg_jit_destroy(jit);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK_EQUAL(toy_value(jit, code, 1), 2);
    sg_jit_destroy(jit);
}

typedef struct Runner {
    sg_jit *jit;
    sg_code *code, *target;
    uint32_t exit;
    volatile bool stop;
    bool wrong;
} Runner;

static void *run_until_stopped(void *argument)
{
    Runner *const runner = argument;
    while (!__atomic_load_n(&runner->stop, __ATOMIC_RELAXED)) {
        uint64_t state[2] = {0, 1000};
        const sg_outcome outcome = sg_enter_code(runner->jit, runner->code, state);
        const bool direct = outcome.code == runner->code && outcome.index == runner->exit && state[0] == 1;
        const bool linked = outcome.code == runner->target && outcome.index == 1 && state[0] == 11;
        runner->wrong |= !direct && !linked;
    }
    return NULL;
}

/* With the exit's stub at every place in an aligned word: other cold code stands before it. */
static void links_change_while_other_threads_run(void)
{
    sg_jit *const jit = toy_create(NULL);
    unsigned places = 0;
    for (uint32_t pattern = 0; pattern < 32; pattern++) {
        enum { before = 5 };
        Instruction trace[before + 2];
        for (uint32_t i = 0; i < before; i++) {
            trace[i] = (Instruction){pattern >> i & 1 ? LOOP_COLD : EXIT_IF_ODD, i + 1};
        }
        trace[before] = (Instruction){ADD, 1};
        trace[before + 1] = (Instruction){EXIT, 0};
        Runner runner = {.jit = jit, .code = toy_compile(jit, trace, before + 2), .exit = before + 1};
        runner.target = COMPILE(jit, {ADD, 10}, {EXIT, 0});
        places |= 1u << (uintptr_t)sg_code_exit(runner.code, before).relative % 8;
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_until_stopped, &runner) == 0);
        for (int i = 0; i < 2000; i++) {
            CHECK(sg_link(runner.code, runner.exit, runner.target, NULL));
            CHECK(sg_unlink(runner.code, runner.exit, NULL));
        }
        __atomic_store_n(&runner.stop, true, __ATOMIC_RELAXED);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(!runner.wrong);
    }
    CHECK_EQUAL(places, 0x1F); /* bytes 0 to 4: no other is possible */
    sg_jit_destroy(jit);
}

int main(void)
{
    RUN(no_mapping_is_writable_and_executable);
    RUN(destroying_unmaps_everything);
    RUN(the_region_lies_near_what_was_asked_for);
    RUN(only_code_and_constants_take_room_near_the_vm);
    RUN(options_that_cannot_be_met_say_why);
    RUN(a_vm_that_does_not_fit_says_why);
    RUN(code_to_share_that_does_not_fit_says_why);
    RUN(no_gap_within_reach_says_so);
    RUN(limits_of_the_process_say_so);
    RUN(a_full_region_says_so_and_recovers);
    RUN(micro_ops_are_named_for_perf);
    RUN(all_literals_taken_says_so);
    RUN(steady_state_neither_allocates_nor_maps);
    RUN(contexts_do_not_know_each_other);
    RUN(a_forked_child_may_run_but_not_change_traces);
    RUN(links_change_while_other_threads_run);
    return 0;
}
