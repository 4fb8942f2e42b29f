/* The arena against a model: a map of which 16 bytes are taken. */
#include "check.h"

#include "../../runtime/src/internal.h"

enum { BEGIN = 4096, UNITS = 512, END = BEGIN + UNITS * SG_ALIGNMENT };

static sg_counters counters;

typedef struct Block {
    uint32_t begin, size;
} Block;

typedef struct Model {
    bool taken[UNITS];
    Block blocks[UNITS];
    size_t count;
} Model;

/* The first free run of at least this many bytes; END when there is none. */
static uint32_t first_fit(const Model *model, uint32_t size)
{
    for (uint32_t unit = 0; unit < UNITS; unit++) {
        const bool starts_run = !model->taken[unit] && (unit == 0 || model->taken[unit - 1]);
        uint32_t length = 0;
        while (starts_run && unit + length < UNITS && !model->taken[unit + length]) {
            length++;
        }
        if (starts_run && length * SG_ALIGNMENT >= size) {
            return BEGIN + unit * SG_ALIGNMENT;
        }
    }
    return END;
}

static void set_taken(Model *model, Block block, bool taken)
{
    for (uint32_t at = block.begin; at < block.begin + block.size; at += SG_ALIGNMENT) {
        CHECK(model->taken[(at - BEGIN) / SG_ALIGNMENT] != taken);
        model->taken[(at - BEGIN) / SG_ALIGNMENT] = taken;
    }
}

static void check_same(const sg_arena *arena, const Model *model)
{
    size_t gap = 0;
    uint32_t used = 0;
    uint32_t largest = 0;
    for (uint32_t unit = 0; unit < UNITS; unit++) {
        used += model->taken[unit] ? SG_ALIGNMENT : 0;
        if (!model->taken[unit] && (unit == 0 || model->taken[unit - 1])) {
            uint32_t end = unit;
            while (end < UNITS && !model->taken[end]) {
                end++;
            }
            CHECK(gap < arena->gap_count);
            CHECK_EQUAL(arena->gaps[gap].begin, BEGIN + unit * SG_ALIGNMENT);
            CHECK_EQUAL(arena->gaps[gap].end, BEGIN + end * SG_ALIGNMENT);
            largest = (end - unit) * SG_ALIGNMENT > largest ? (end - unit) * SG_ALIGNMENT : largest;
            gap++;
        }
    }
    CHECK_EQUAL(gap, arena->gap_count);
    CHECK_EQUAL(used, arena->used);
    CHECK_EQUAL(largest, sg_arena_largest(arena));
    CHECK_EQUAL(model->count, arena->block_count);
    CHECK(arena->gap_count <= arena->gap_capacity);
}

static void an_arena_agrees_with_its_model(void)
{
    unsigned long long seed = 4;
    for (int run = 0; run < 20; run++) {
        static Model model;
        memset(&model, 0, sizeof model);
        sg_arena arena;
        CHECK(sg_arena_create(&arena, BEGIN, END, &counters));
        const uint32_t largest = 1u << (4 + random64(&seed) % 8);
        for (int step = 0; step < 2000; step++) {
            if (random64(&seed) % 8 < 5) {
                /* Reserve much, take less. */
                const uint32_t size = (uint32_t)(random64(&seed) % largest);
                const uint32_t wanted = size + (uint32_t)(random64(&seed) % largest) + 1;
                const uint32_t expected = first_fit(&model, wanted);
                CHECK(sg_arena_prepare(&arena, &counters));
                const size_t gap = sg_arena_find(&arena, wanted);
                CHECK((gap == arena.gap_count) == (expected == END));
                if (expected != END) {
                    CHECK_EQUAL(arena.gaps[gap].begin, expected);
                    const Block block = {expected, sg_arena_take(&arena, gap, size)};
                    CHECK(block.size >= size && block.size < size + SG_ALIGNMENT);
                    set_taken(&model, block, true);
                    if (block.size != 0) {
                        model.blocks[model.count++] = block;
                    }
                }
            } else if (model.count != 0) {
                const size_t i = random64(&seed) % model.count;
                const Block block = model.blocks[i];
                model.blocks[i] = model.blocks[--model.count];
                set_taken(&model, block, false);
                sg_arena_release(&arena, block.begin, block.size);
            }
            check_same(&arena, &model);
        }
        while (model.count != 0) {
            const Block block = model.blocks[--model.count];
            set_taken(&model, block, false);
            sg_arena_release(&arena, block.begin, block.size);
        }
        check_same(&arena, &model);
        CHECK_EQUAL(arena.gap_count, 1);
        sg_arena_destroy(&arena);
    }
}

static void nothing_takes_nothing(void)
{
    sg_arena arena;
    CHECK(sg_arena_create(&arena, BEGIN, END, &counters));
    CHECK_EQUAL(sg_arena_take(&arena, 0, 0), 0);
    sg_arena_release(&arena, BEGIN, 0);
    CHECK_EQUAL(arena.block_count, 0);
    CHECK_EQUAL(arena.gap_count, 1);
    CHECK_EQUAL(sg_arena_find(&arena, END - BEGIN), 0);
    CHECK_EQUAL(sg_arena_find(&arena, END - BEGIN + 1), 1);
    CHECK_EQUAL(sg_arena_find(&arena, UINT64_MAX), 1);
    sg_arena_destroy(&arena);
}

int main(void)
{
    RUN(an_arena_agrees_with_its_model);
    RUN(nothing_takes_nothing);
    return 0;
}
