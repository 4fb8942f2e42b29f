/* Arenas hand out address ranges, first fit.
 *
 * The free ranges are one array sorted by address, outside of the memory they describe: machine code that
 * goes astray cannot destroy them, and a search reads 8 bytes for each. A trace's size is only known once it
 * is emitted, so a block is found by its largest possible size, filled, and then taken at its true size: the
 * unused tail never leaves the gap.
 */
#include "internal.h"

#include <stdlib.h>

bool sg_grow(sg_counters *counters, void **array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity) {
        return true;
    }
    size_t larger = *capacity < 16 ? 16 : *capacity * 2;
    if (larger < count) {
        larger = count;
    }
    void *const grown = realloc(*array, larger * size);
    counters->allocations++;
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = larger;
    return true;
}

bool sg_arena_create(sg_arena *arena, uint32_t begin, uint32_t end, sg_counters *counters)
{
    *arena = (sg_arena){.begin = begin, .end = end};
    if (!sg_arena_prepare(arena, counters)) {
        return false;
    }
    arena->gaps[0] = (sg_gap){begin, end};
    arena->gap_count = 1;
    return true;
}

void sg_arena_destroy(sg_arena *arena)
{
    free(arena->gaps);
    *arena = (sg_arena){0};
}

bool sg_arena_prepare(sg_arena *arena, sg_counters *counters)
{
    /* Between n blocks there are at most n + 1 gaps. */
    void *gaps = arena->gaps;
    const bool grown = sg_grow(counters, &gaps, &arena->gap_capacity, arena->block_count + 2, sizeof(sg_gap));
    arena->gaps = gaps;
    return grown;
}

size_t sg_arena_find(const sg_arena *arena, uint64_t size)
{
    size_t i = 0;
    while (i < arena->gap_count && arena->gaps[i].end - arena->gaps[i].begin < size) {
        i++;
    }
    return i;
}

static void remove_gap(sg_arena *arena, size_t i)
{
    arena->gap_count--;
    memmove(&arena->gaps[i], &arena->gaps[i + 1], (arena->gap_count - i) * sizeof(sg_gap));
}

uint32_t sg_arena_take(sg_arena *arena, size_t i, uint64_t size)
{
    const uint32_t taken = (uint32_t)((size + SG_ALIGNMENT - 1) & ~(uint64_t)(SG_ALIGNMENT - 1));
    arena->gaps[i].begin += taken;
    if (arena->gaps[i].begin == arena->gaps[i].end) {
        remove_gap(arena, i);
    }
    arena->used += taken;
    arena->block_count += taken != 0;
    return taken;
}

void sg_arena_release(sg_arena *arena, uint32_t begin, uint32_t size)
{
    if (size == 0) {
        return;
    }
    const uint32_t end = begin + size;
    size_t low = 0;
    size_t high = arena->gap_count; /* the first gap after the block */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (arena->gaps[middle].begin < begin) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const bool joins_before = high > 0 && arena->gaps[high - 1].end == begin;
    const bool joins_after = high < arena->gap_count && arena->gaps[high].begin == end;
    if (joins_before && joins_after) {
        arena->gaps[high - 1].end = arena->gaps[high].end;
        remove_gap(arena, high);
    } else if (joins_before) {
        arena->gaps[high - 1].end = end;
    } else if (joins_after) {
        arena->gaps[high].begin = begin;
    } else {
        memmove(&arena->gaps[high + 1], &arena->gaps[high], (arena->gap_count - high) * sizeof(sg_gap));
        arena->gaps[high] = (sg_gap){begin, end};
        arena->gap_count++;
    }
    arena->used -= size;
    arena->block_count--;
}

uint32_t sg_arena_largest(const sg_arena *arena)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < arena->gap_count; i++) {
        const uint32_t size = arena->gaps[i].end - arena->gaps[i].begin;
        largest = size > largest ? size : largest;
    }
    return largest;
}
