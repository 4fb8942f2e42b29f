/* Literals: 8-byte constants at the end of the near region, each value once.
 *
 * The address of a far callee is one (a call through memory leaves every register alone), a double that is
 * known only at emit time another. They live as long as the context, so traces share them without counting.
 */
#include "internal.h"

#include <stdlib.h>

void sg_literals_create(sg_literals *literals, uint8_t *first, uint32_t limit)
{
    *literals = (sg_literals){.first = first, .limit = limit};
}

void sg_literals_destroy(sg_literals *literals)
{
    free(literals->table);
    *literals = (sg_literals){0};
}

static uint64_t literal_value(const sg_literals *literals, uint32_t ordinal)
{
    uint64_t value;
    memcpy(&value, literals->first + (size_t)ordinal * 8, sizeof value);
    return value;
}

/* The table's slot that holds the value or is free for it. The table is never full. */
static uint32_t *find_slot(const sg_literals *literals, uint64_t value)
{
    /* Fibonacci hashing: addresses differ in their middle bits, the product's high half mixes them all. */
    size_t i = (size_t)((value * 0x9E3779B97F4A7C15u) >> 32) & (literals->capacity - 1);
    while (literals->table[i] != 0 && literal_value(literals, literals->table[i] - 1) != value) {
        i = (i + 1) & (literals->capacity - 1);
    }
    return &literals->table[i];
}

static bool grow_table(sg_literals *literals, sg_counters *counters)
{
    const size_t capacity = literals->capacity == 0 ? 64 : literals->capacity * 2;
    uint32_t *const table = calloc(capacity, sizeof *table);
    counters->allocations++;
    if (table == NULL) {
        return false;
    }
    free(literals->table);
    literals->table = table;
    literals->capacity = capacity;
    for (uint32_t i = 0; i < literals->count; i++) {
        *find_slot(literals, literal_value(literals, i)) = i + 1;
    }
    return true;
}

uint8_t *sg_literals_place(sg_literals *literals, uint64_t value, sg_counters *counters)
{
    if ((size_t)literals->count * 2 >= literals->capacity && !grow_table(literals, counters)) {
        return NULL;
    }
    uint32_t *const slot = find_slot(literals, value);
    if (*slot == 0) {
        if (literals->count == literals->limit) {
            return NULL;
        }
        sg_put64(literals->first + (size_t)literals->count * 8, value);
        *slot = ++literals->count;
    }
    return literals->first + (size_t)(*slot - 1) * 8;
}
