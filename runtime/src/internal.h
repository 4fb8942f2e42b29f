/* What the runtime's sources share: the context, the trace's record, and the two allocators below them.
 *
 * All that a trace needs lies in three blocks: hot code, cold code, and a record of its labels and exits.
 * Each comes from an arena (arena.c) over memory that is mapped once (region.c), so compiling and freeing
 * make no system call and, once the tables have grown, no call of the C allocator.
 */
#ifndef STENCILGEN_INTERNAL_H
#define STENCILGEN_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "stencilgen/emit.h"
#include "stencilgen/jit.h"

#include <stdio.h>

#if !defined(__x86_64__) || !defined(__linux__)
#error "the runtime supports x86-64 Linux"
#endif

#if defined(__GNUC__)
#define SG_INTERNAL __attribute__((visibility("hidden")))
#else
#define SG_INTERNAL
#endif

enum {
    SG_ALIGNMENT = 16, /* of every block of an arena */
    SG_MAX_EXIT_PADDING = 3,
    SG_LANDING_EXITS = 256, /* exits that share a landing: their stubs tell them apart by one byte */
    SG_LANDING = 11,        /* bytes of one */
    SG_MAX_INTEGERS = 12,
    SG_MAX_FLOATS = 8,
    SG_MAX_UNWIND = 256,
};

/* ---- error.c ---- */

SG_INTERNAL void sg_error_clear(sg_error *error);
SG_INTERNAL void sg_error_format(sg_error *error, const char *format, ...) SG_PRINTF(2, 3);

/* ---- arena.c: address ranges ---- */

typedef struct sg_counters {
    uint64_t allocations, mappings;
} sg_counters;

typedef struct sg_gap {
    uint32_t begin, end;
} sg_gap;

typedef struct sg_arena {
    sg_gap *gaps; /* free ranges by address, never adjacent */
    size_t gap_count, gap_capacity;
    size_t block_count;
    uint32_t begin, end, used;
} sg_arena;

/* Grow an array of elements of `size` bytes to hold `count`, at least doubling it. False: out of memory. */
SG_INTERNAL bool sg_grow(sg_counters *counters, void **array, size_t *capacity, size_t count, size_t size);

SG_INTERNAL bool sg_arena_create(sg_arena *arena, uint32_t begin, uint32_t end, sg_counters *counters);
SG_INTERNAL void sg_arena_destroy(sg_arena *arena);
/* Make room in the table for one more block, so that taking and releasing cannot fail. */
SG_INTERNAL bool sg_arena_prepare(sg_arena *arena, sg_counters *counters);
/* The first gap of at least `size` bytes; gap_count when there is none. */
SG_INTERNAL size_t sg_arena_find(const sg_arena *arena, uint64_t size);
/* Take the first `size` bytes of a gap that was found; returns the size, rounded up to SG_ALIGNMENT. */
SG_INTERNAL uint32_t sg_arena_take(sg_arena *arena, size_t gap, uint64_t size);
SG_INTERNAL void sg_arena_release(sg_arena *arena, uint32_t begin, uint32_t size);
SG_INTERNAL uint32_t sg_arena_largest(const sg_arena *arena);

/* ---- region.c: memory ---- */

/* Hot code, then cold code, then constants, at the same offsets in both views. */
typedef struct sg_region {
    uint8_t *writable, *executable;
    uint32_t hot_size, cold_size, constants_size, size;
    uint8_t *records; /* anonymous memory for the traces' records */
    uint32_t records_size;
    uint32_t *guard; /* SG_GUARD in the process that created the region; 0 in a child it forked */
} sg_region;

enum { SG_GUARD = 1 };

SG_INTERNAL bool sg_region_create(sg_region *region, const sg_options *options, size_t rodata_size,
                                  sg_counters *counters, sg_error *error);
SG_INTERNAL void sg_region_destroy(sg_region *region);

/* ---- literals.c: deduplicated 8-byte constants ---- */

typedef struct sg_literals {
    uint32_t *table; /* open addressing: 1 + ordinal of the literal, or 0 */
    size_t capacity; /* a power of 2 */
    uint32_t count, limit;
    uint8_t *first; /* writable view */
} sg_literals;

SG_INTERNAL void sg_literals_create(sg_literals *literals, uint8_t *first, uint32_t limit);
SG_INTERNAL void sg_literals_destroy(sg_literals *literals);
/* The place (writable view) of the literal; NULL when memory or the constants' room is exhausted. */
SG_INTERNAL uint8_t *sg_literals_place(sg_literals *literals, uint64_t value, sg_counters *counters);

/* ---- entry.c: how C enters traces and how they leave ---- */

typedef struct sg_raw_exit {
    /* rax; anything with bit 63 clear, or with bit 63 set and in bits 0-31 where the records of an exit's landing are, in
     * bits 32-39 which of them is the exit's. */
    uint64_t value, exit;
} sg_raw_exit;

typedef sg_raw_exit (*sg_shim)(const void *entry, uint64_t *state);

enum {
    SG_SHIM_STACK = 56, /* bytes from rbp down to a trace's return address */
    SG_MAX_SET_FRAME = 7,
    SG_MAX_LINK_ENTRY = 9,
    SG_MAX_SHIM = 64 + 20 * 9,
    SG_MAX_EXIT_ROUTINE = 42 + 20 * 9,
};

SG_INTERNAL bool sg_check_state(const sg_vm *vm, sg_error *error);
SG_INTERNAL uint8_t *sg_write_shim(const sg_vm *vm, uint8_t *p);
/* rsp := where it is in a trace with this frame, whatever it was. 4 bytes, or 7 for large frames; changes no flags. */
SG_INTERNAL uint8_t *sg_set_frame(uint8_t *p, uint32_t frame);
SG_INTERNAL uint8_t *sg_write_exit_routine(const sg_vm *vm, uint8_t *p);

/* ---- The context and its traces ---- */

struct sg_fixup {
    uint8_t *field; /* of 4 bytes */
    uint32_t index, target;
};

typedef struct sg_planner sg_planner;

struct sg_code {
    sg_jit *jit;
    uint32_t hot, hot_size, hot_block; /* offset in the region, bytes used, bytes taken */
    uint32_t cold, cold_size, cold_block;
    uint32_t record_block;
    uint32_t frame, length, exit_count;
    uint32_t entry;  /* offset in the region, like `hot`: behind the prologue that sets the frame */
    uint32_t linked; /* where links from traces with another frame go: to that prologue */
    uint32_t landings; /* where exits go that are not linked; in cold code */
    sg_exit_record *incoming; /* exits linked to this trace */
    sg_exit_record *exits;
    uint8_t **labels, **cold_labels; /* length + 1 each, writable view */
};

struct sg_jit {
    const sg_vm *vm;
    sg_region region;
    sg_arena hot, cold, records;
    sg_literals literals;
    sg_counters counters;
    sg_shim shim;
    uint8_t *exit_routine; /* where landings go */
    sg_assembler as; /* its tables are used again by each compilation */
    uint64_t trace_count;
    FILE *perf_map; /* or NULL */
    FILE *profile;  /* or NULL */
    uint32_t unwind_size;
    _Alignas(8) uint8_t unwind[SG_MAX_UNWIND]; /* an .eh_frame section */
    sg_planner *planner; /* NULL until the first trace of a VM with units */
    sg_selection selection;
    uint64_t selection_seed;
    sg_cpu cpu_limit; /* sg_options.cpu */
    bool no_facts;    /* sg_options.no_facts */
};

/* Where an exit, by its place among the trace's exits, goes when it is not linked (writable view). */
static inline uint8_t *sg_landing(const sg_code *code, uint32_t ordinal)
{
    return code->jit->region.writable + code->landings + ordinal / SG_LANDING_EXITS * SG_LANDING;
}

/* False and words if this process only inherited the context by fork. */
SG_INTERNAL bool sg_jit_owned(const sg_jit *jit, sg_error *error);

/* ---- unwind.c ---- */

/* Describe all code of the context; the shim lies at this executable address. */
SG_INTERNAL void sg_write_unwind(sg_jit *jit, const uint8_t *shim, size_t shim_size);

/* ---- plan.c ---- */

/* Choose the units of a trace, for emit; what they need at most. known: the position of the first micro-op without a stencil, or
 * `length`. False and words: out of memory. */
SG_INTERNAL bool sg_plan_trace(sg_jit *jit, const void *trace, uint32_t length, sg_size *size, uint32_t *known,
                               sg_error *error);
SG_INTERNAL void sg_planner_destroy(sg_planner *planner);
/* By position of the trace planned last: may a jump arrive there? NULL for a VM without units. */
SG_INTERNAL const uint8_t *sg_planner_targets(const sg_planner *planner);

/* ---- facts.c ---- */

SG_INTERNAL void sg_facts_destroy(sg_facts *facts);
/* What code built with --verify calls where a fact does not hold: says so, and stops the program. */
_Noreturn void sg_fact_is_false(const char *stencil, const char *file, int line, const char *fact);

/* ---- last.c ---- */

SG_INTERNAL bool sg_check_places(const sg_vm *vm, sg_error *error);

/* `last_due` of places that are not put off. */
static inline uint32_t sg_always_due(const sg_assembler *as)
{
    return as->last_mode == SG_LAST_PUT_OFF ? 0 : UINT32_MAX;
}

/* ---- profile.c ---- */

SG_INTERNAL bool sg_profile_open(sg_jit *jit, const char *path, sg_error *error);
SG_INTERNAL void sg_profile_trace(sg_jit *jit, const void *trace, uint32_t length);
SG_INTERNAL void sg_profile_close(sg_jit *jit);

/* ---- perf.c ---- */

SG_INTERNAL bool sg_perf_open(sg_jit *jit, sg_error *error);
SG_INTERNAL void sg_perf_close(sg_jit *jit);
/* Name bytes of code; `address` in the writable view. */
SG_INTERNAL void sg_perf_name(const sg_jit *jit, const uint8_t *address, size_t size, const char *name,
                              const char *suffix);
SG_INTERNAL void sg_perf_trace(const sg_jit *jit, const sg_code *code, const void *trace);

/* Let the exit leave for the interpreter again. */
SG_INTERNAL void sg_exit_reset(sg_exit_record *exit);

#endif
