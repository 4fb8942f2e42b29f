/* Contexts: a VM's description joined with memory, and what can be asked of them. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>

bool sg_jit_owned(const sg_jit *jit, sg_error *error)
{
    if (*jit->region.guard == SG_GUARD) {
        return true;
    }
    sg_error_format(
        error, "this context was created before fork and shares its code with the parent process; create "
               "a new one in the child");
    return false;
}

static bool check_vm(const sg_vm *vm, sg_error *error)
{
    if (vm->abi != SG_ABI) {
        sg_error_format(error,
                        "the generated header is for version %" PRIu32 " of the runtime, this is version %d; "
                        "regenerate it with the stencilgen that this runtime came with",
                        vm->abi, SG_ABI);
        return false;
    }
    const sg_cpu here = sg_cpu_level();
    if (vm->cpu > here) {
        sg_error_format(error, "the generated code is for %s, this machine is %s; add %s to [target] cpus and regenerate it",
                        sg_cpu_name(vm->cpu), sg_cpu_name(here), sg_cpu_name(here));
        return false;
    }
    for (uint32_t i = 0; i < vm->op_count; i++) {
        if (vm->ops[i].frame > 1u << 20) {
            sg_error_format(error, "micro-op %s needs a frame of %" PRIu32 " bytes; at most 1 MB is possible",
                            vm->ops[i].name, vm->ops[i].frame);
            return false;
        }
    }
    if (vm->stack > 16) {
        sg_error_format(error, "the stack pointer's register is number %" PRIu32 " of 16; regenerate the header", vm->stack);
        return false;
    }
    return sg_check_state(vm, error) && sg_check_places(vm, error);
}

static bool copy_constants(sg_jit *jit, sg_error *error)
{
    const sg_vm *const vm = jit->vm;
    const uint32_t offset = jit->region.hot_size + jit->region.cold_size;
    uint8_t *const constants = jit->region.writable + offset;
    const uintptr_t address = (uintptr_t)jit->region.executable + offset;
    if (vm->rodata_size != 0) {
        memcpy(constants, vm->rodata, vm->rodata_size);
    }
    for (size_t i = 0; i < vm->relocation_count; i++) {
        const sg_relocation *const relocation = &vm->relocations[i];
        if (vm->rodata_size < 8 || relocation->offset > vm->rodata_size - 8) {
            sg_error_format(error,
                            "relocation %zu at offset %" PRIu32 " is outside of the %zu bytes of constants; "
                            "regenerate the header",
                            i, relocation->offset, vm->rodata_size);
            return false;
        }
        const uintptr_t start =
            relocation->kind == SG_RELOCATION_RODATA ? address : (uintptr_t)relocation->symbol;
        sg_put64(constants + relocation->offset, start + (uint64_t)relocation->addend);
    }
    const uint32_t first = (uint32_t)((vm->rodata_size + 7) & ~(size_t)7);
    sg_literals_create(&jit->literals, constants + first, (jit->region.constants_size - first) / 8);
    jit->as.rodata = (const uint8_t *)address;
    return true;
}

static bool create_arenas(sg_jit *jit, sg_error *error)
{
    const sg_region *const region = &jit->region;
    const uint32_t code_size = region->hot_size + region->cold_size;
    if (sg_arena_create(&jit->hot, 0, region->hot_size, &jit->counters) &&
        sg_arena_create(&jit->cold, region->hot_size, code_size, &jit->counters) &&
        sg_arena_create(&jit->records, 0, region->records_size, &jit->counters)) {
        return true;
    }
    sg_error_format(error, "out of memory for the tables of free blocks");
    return false;
}

/* The first blocks of cold code, for as long as the context lives. */
static void write_routines(sg_jit *jit)
{
    uint8_t *const exit_routine = jit->region.writable + jit->cold.gaps[0].begin;
    const uint8_t *end = sg_write_exit_routine(jit->vm, exit_routine);
    sg_arena_take(&jit->cold, 0, (size_t)(end - exit_routine));
    uint8_t *const shim = jit->region.writable + jit->cold.gaps[0].begin;
    end = sg_write_shim(jit->vm, shim);
    sg_arena_take(&jit->cold, 0, (size_t)(end - shim));
    jit->exit_routine = exit_routine;
    jit->shim = (sg_shim)((uintptr_t)shim + (uintptr_t)jit->as.bias);
    sg_write_unwind(jit, shim + jit->as.bias, (size_t)(end - shim));
}

/* Code that micro-ops share, one after the other in a third block. */
static bool write_parts(sg_jit *jit, sg_error *error)
{
    const sg_vm *const vm = jit->vm;
    sg_assembler *const as = &jit->as;
    if (vm->part_count == 0) {
        return true;
    }
    uint64_t size = SG_SLACK;
    for (uint32_t i = 0; i < vm->part_count; i++) {
        size += vm->parts[i].max_size;
    }
    const size_t gap = sg_arena_find(&jit->cold, size);
    if (gap == jit->cold.gap_count) {
        sg_error_format(error,
                        "no room for the %" PRIu64 " bytes of code that micro-ops share; use a larger sg_options.size",
                        size);
        return false;
    }
    as->parts = calloc((size_t)vm->part_count + 1, sizeof *as->parts);
    jit->counters.allocations++;
    if (as->parts == NULL) {
        sg_error_format(error, "out of memory for the table of shared code");
        return false;
    }
    uint8_t *const start = as->base + jit->cold.gaps[gap].begin;
    as->hot = start;
    as->error = error;
    for (uint32_t i = 0; i < vm->part_count; i++) {
        uint8_t *const part = as->hot;
        as->parts[i] = part;
        vm->parts[i].emit(as, NULL);
        if ((size_t)(as->hot - part) > vm->parts[i].max_size) {
            sg_fail(as, "%s is %zu bytes, more than the %" PRIu32 " it was generated for; regenerate the header",
                    vm->parts[i].name, (size_t)(as->hot - part), vm->parts[i].max_size);
        }
    }
    as->parts[vm->part_count] = as->hot;
    as->error = NULL;
    sg_arena_take(&jit->cold, gap, (size_t)(as->hot - start));
    return !as->failed;
}

static bool name_routines(sg_jit *jit, sg_error *error)
{
    const sg_vm *const vm = jit->vm;
    if (!sg_perf_open(jit, error)) {
        return false;
    }
    uint8_t **const parts = jit->as.parts;
    const uint8_t *const routines = jit->region.writable + jit->region.hot_size;
    const uint8_t *const end = vm->part_count == 0 ? routines + jit->cold.used : parts[0];
    sg_perf_name(jit, routines, (size_t)(end - routines), "entry_and_exit", "");
    for (uint32_t i = 0; i < vm->part_count; i++) {
        sg_perf_name(jit, parts[i], (size_t)(parts[i + 1] - parts[i]), vm->parts[i].name, "");
    }
    return true;
}

sg_jit *sg_jit_create(const sg_vm *vm, const sg_options *options, sg_error *error)
{
    sg_error_clear(error);
    if (!check_vm(vm, error)) {
        return NULL;
    }
    sg_jit *const jit = calloc(1, sizeof *jit);
    if (jit == NULL) {
        sg_error_format(error, "out of memory for a context");
        return NULL;
    }
    jit->vm = vm;
    jit->counters.allocations = 1;
    if (!sg_region_create(&jit->region, options, vm->rodata_size, &jit->counters, error) ||
        !create_arenas(jit, error) || !copy_constants(jit, error)) {
        sg_jit_destroy(jit);
        return NULL;
    }
    if (options != NULL) {
        jit->selection = options->selection;
        jit->selection_seed = options->seed;
        jit->cpu_limit = options->cpu;
        jit->no_facts = options->no_facts;
        jit->as.last_mode = options->last;
    }
    jit->as.jit = jit;
    jit->as.places = vm->places;
    jit->as.place_count = vm->place_count;
    if (vm->stack != 0) {
        const uint32_t number = vm->stack - 1;
        jit->as.add_to_stack = 0xC08348 | number >> 3 | (number & 7) << 16; /* REX.W+B 83 /0 ib */
    }
    jit->as.base = jit->region.writable;
    jit->as.bias = (intptr_t)((uintptr_t)jit->region.executable - (uintptr_t)jit->region.writable);
    write_routines(jit);
    if (!write_parts(jit, error)) {
        sg_jit_destroy(jit);
        return NULL;
    }
    if (options != NULL && options->profile != NULL && !sg_profile_open(jit, options->profile, error)) {
        sg_jit_destroy(jit);
        return NULL;
    }
    if (options != NULL && options->perf_map && !name_routines(jit, error)) {
        sg_jit_destroy(jit);
        return NULL;
    }
    return jit;
}

void sg_jit_destroy(sg_jit *jit)
{
    if (jit == NULL) {
        return;
    }
    sg_perf_close(jit);
    sg_profile_close(jit);
    sg_planner_destroy(jit->planner);
    sg_literals_destroy(&jit->literals);
    sg_arena_destroy(&jit->hot);
    sg_arena_destroy(&jit->cold);
    sg_arena_destroy(&jit->records);
    sg_region_destroy(&jit->region);
    sg_facts_destroy(jit->as.facts);
    free(jit->as.fixups);
    free(jit->as.parts);
    free(jit);
}

sg_outcome sg_enter_code(const sg_jit *jit, const sg_code *code, uint64_t *state)
{
    const sg_raw_exit raw = jit->shim(jit->region.executable + code->hot, state);
    if (raw.exit >> 63 == 0) {
        return (sg_outcome){.kind = SG_RETURNED, .value = raw.value};
    }
    const sg_exit_record *const first =
        (const sg_exit_record *)(const void *)(jit->region.records + (uint32_t)raw.exit);
    const sg_exit_record *const exit = first + (raw.exit >> 32) % SG_LANDING_EXITS;
    return (sg_outcome){.kind = SG_EXITED, .index = exit->index, .code = exit->code};
}

sg_info sg_code_info(const sg_code *code)
{
    return (sg_info){
        .hot = code->jit->region.executable + code->hot,
        .cold = code->jit->region.executable + code->cold,
        .hot_size = code->hot_size,
        .cold_size = code->cold_size,
        .frame = code->frame,
        .length = code->length,
        .exit_count = code->exit_count,
    };
}

sg_extent sg_code_extent(const sg_code *code, uint32_t index)
{
    const sg_region *const region = &code->jit->region;
    const bool last = index == code->length;
    const uint8_t *const hot = code->labels[index];
    const uint8_t *const cold = code->cold_labels[index];
    const uint8_t *const hot_end =
        last ? region->writable + code->hot + code->hot_size : code->labels[index + 1];
    const uint8_t *const cold_end =
        last ? region->writable + code->cold + code->cold_size : code->cold_labels[index + 1];
    return (sg_extent){
        .hot = region->executable + (hot - region->writable),
        .cold = region->executable + (cold - region->writable),
        .hot_size = (uint32_t)(hot_end - hot),
        .cold_size = (uint32_t)(cold_end - cold),
    };
}

sg_exit_info sg_code_exit(const sg_code *code, uint32_t ordinal)
{
    const sg_exit_record *const exit = &code->exits[ordinal];
    return (sg_exit_info){
        .index = exit->index,
        .relative = code->jit->region.executable + exit->position,
        .target = exit->target,
    };
}

const void *sg_jit_part(const sg_jit *jit, uint32_t index)
{
    return jit->as.parts[index] + jit->as.bias;
}

sg_statistics sg_jit_statistics(const sg_jit *jit)
{
    const uint32_t code_size = jit->region.hot_size + jit->region.cold_size;
    return (sg_statistics){
        .cpu = jit->vm->cpu,
        .traces = jit->trace_count,
        .allocations = jit->counters.allocations,
        .mappings = jit->counters.mappings,
        .hot_used = jit->hot.used,
        .hot_size = jit->region.hot_size,
        .cold_used = jit->cold.used,
        .cold_size = jit->region.cold_size,
        .constants_used =
            (size_t)(jit->literals.first - (jit->region.writable + code_size)) + jit->literals.count * 8u,
        .constants_size = jit->region.constants_size,
    };
}
