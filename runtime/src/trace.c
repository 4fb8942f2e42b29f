/* Compiling a trace: measure, find room, emit, resolve, take.
 *
 * One pass over the opcodes adds up the most that each micro-op may emit, so the emit functions need no
 * bounds checks; the second pass emits. Only then is the true size known and taken, so no memory is moved or
 * given back.
 */
#include "internal.h"

#include <inttypes.h>

/* Longer traces would not fit any region. */
#define MAX_LENGTH ((size_t)1 << 24)

/* The gaps found for a trace's three blocks. */
typedef struct room {
    size_t hot, cold, record;
} room;

static const void *instruction_at(const sg_vm *vm, const void *trace, uint32_t index)
{
    return (const uint8_t *)trace + index * vm->instruction_size;
}

static const sg_op *op_at(const sg_vm *vm, const void *trace, uint32_t index)
{
    const uint32_t opcode = vm->opcode(instruction_at(vm, trace, index));
    return opcode < vm->op_count && vm->ops[opcode].emit != NULL ? &vm->ops[opcode] : NULL;
}

static uint32_t measure(const sg_vm *vm, const void *trace, uint32_t length, sg_size *size)
{
    for (uint32_t i = 0; i < length; i++) {
        const sg_op *const op = op_at(vm, trace, i);
        if (op == NULL) {
            return i;
        }
        sg_measure_op(size, op);
    }
    return length;
}

static void emit(sg_assembler *as, const sg_vm *vm, const void *trace, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        const void *const instruction = instruction_at(vm, trace, i);
        const sg_op *const op = &vm->ops[vm->opcode(instruction)];
        sg_settle_last(as, true, 0); /* nobody says where jumps go */
        sg_meet_depth(as, true);
        sg_begin_micro_op(as, i);
        op->emit(as, instruction);
        if (SG_UNLIKELY((size_t)(as->hot - as->labels[i]) > op->max_hot ||
                        (size_t)(as->cold - as->cold_labels[i]) > op->max_cold + SG_MAX_EXIT_PADDING)) {
            sg_fail(as,
                    "its emit function wrote %zu hot and %zu cold bytes, more than the %" PRIu32
                    " and %" PRIu32 " it was generated for; regenerate the header",
                    (size_t)(as->hot - as->labels[i]), (size_t)(as->cold - as->cold_labels[i]), op->max_hot,
                    op->max_cold);
            return;
        }
    }
}

static void describe_missing_op(const sg_vm *vm, const void *trace, uint32_t index, sg_error *error)
{
    const uint32_t opcode = vm->opcode(instruction_at(vm, trace, index));
    if (opcode < vm->op_count) {
        sg_error_format(error, "micro-op %" PRIu32 " (%s) has no stencil; end the trace before it", index,
                        vm->ops[opcode].name);
    } else {
        sg_error_format(error, "micro-op %" PRIu32 " has opcode %" PRIu32 ", but the VM has only %" PRIu32,
                        index, opcode, vm->op_count);
    }
}

/* Stack pointer ≡ 8 modulo 16 at the entry, ≡ 0 below the frame; stencils without a frame do not care. */
static uint32_t round_frame(uint32_t frame)
{
    return frame == 0 ? 0 : ((frame + 7) & ~15u) + 8;
}

static bool find_room(sg_jit *jit, sg_arena *arena, const char *name, uint64_t size, size_t *gap,
                      sg_error *error)
{
    if (!sg_arena_prepare(arena, &jit->counters)) {
        sg_error_format(error, "out of memory for the table of free %s", name);
        return false;
    }
    *gap = sg_arena_find(arena, size);
    if (*gap == arena->gap_count) {
        sg_error_format(error,
                        "no room for the trace: it may take %" PRIu64
                        " bytes of %s, the largest free block has %" PRIu32 ", %" PRIu32 " of %" PRIu32
                        " are used; free traces or use a larger sg_options.size",
                        size, name, sg_arena_largest(arena), arena->used, arena->end - arena->begin);
        return false;
    }
    return true;
}

/* How often at most a step settles the depth: before it, behind a transition that fills registers for the jumps that arrive there,
 * before its unit, and before the transition after that. */
enum { SETTLED = 4 };

static bool reserve(sg_jit *jit, uint32_t length, const sg_size *size, room *room, sg_error *error)
{
    const uint64_t writes = (length + (uint64_t)1) * jit->vm->place_count * SG_MAX_WRITE_LAST;
    const uint64_t settling = (length + (uint64_t)1) * (jit->vm->stack != 0 ? SG_MAX_SETTLE_DEPTH : 0);
    const uint64_t hot = size->hot + writes + SETTLED * settling + SG_MAX_SET_FRAME + SG_MAX_EXIT_STUB + SG_MAX_EXIT_PADDING + SG_SLACK;
    const uint64_t landings = (length / SG_LANDING_EXITS + (uint64_t)1) * SG_LANDING;
    const uint64_t cold =
        size->cold + (uint64_t)length * SG_MAX_EXIT_PADDING + landings + SG_MAX_LINK_ENTRY + SG_SLACK;
    const uint64_t record =
        sizeof(sg_code) + (length + (uint64_t)1) * (2 * sizeof(uint8_t *) + sizeof(sg_exit_record));
    return find_room(jit, &jit->hot, "hot code", hot, &room->hot, error) &&
           find_room(jit, &jit->cold, "cold code", cold, &room->cold, error) &&
           find_room(jit, &jit->records, "records", record, &room->record, error);
}

/* Lay the record out at the beginning of its gap: the code, its labels, its exits. */
static sg_code *begin(sg_jit *jit, const room *room, const void *trace, uint32_t length, uint32_t frame,
                      sg_error *error)
{
    sg_assembler *const as = &jit->as;
    sg_code *const code = (sg_code *)(jit->region.records + jit->records.gaps[room->record].begin);
    *code = (sg_code){
        .jit = jit,
        .hot = jit->hot.gaps[room->hot].begin,
        .cold = jit->cold.gaps[room->cold].begin,
        .frame = frame,
        .length = length,
    };
    code->labels = (uint8_t **)(code + 1);
    code->cold_labels = code->labels + length + 1;
    code->exits = (sg_exit_record *)(code->cold_labels + length + 1);

    as->hot = as->base + code->hot;
    as->cold = as->base + code->cold;
    as->hot_limit = as->base + jit->hot.gaps[room->hot].end;
    as->frame = frame;
    as->index = 0;
    as->length = length;
    as->labels = code->labels;
    as->cold_labels = code->cold_labels;
    as->exits = code->exits;
    as->exit_count = 0;
    as->last_exit = 0;
    as->fixup_count = 0;
    as->trace = trace;
    as->error = error;
    as->failed = false;
    as->reaches_end = length == 0;
    as->depth = 0;
    memset(as->last, 0, sizeof as->last);
    as->last_pending = 0;
    as->last_due = sg_always_due(as);

    if (frame != 0) {
        as->hot = sg_set_frame(as->hot, frame);
    }
    code->entry = (uint32_t)(as->hot - as->base);
    code->linked = code->hot;
    return code;
}

/* The end of a trace is an exit too. Its stub lies where the last micro-op falls through to. */
static void emit_end(sg_assembler *as, const sg_vm *vm)
{
    const uint32_t length = as->length;
    const sg_op *const last = length == 0 ? NULL : op_at(vm, as->trace, length - 1);
    sg_settle_last(as, true, 0);
    sg_meet_depth(as, true);
    sg_begin_micro_op(as, length);
    if (last == NULL || (last->flags & SG_ENDS) == 0 || as->reaches_end) {
        as->hot = sg_exit_stub(as, as->hot);
    }
}

/* Where exits go that are not linked: mov r10d, where the records of up to 256 exits are; jmp exit routine. So a stub
 * need only tell which of these it is, in one byte. */
static void emit_landings(sg_jit *jit, sg_code *code)
{
    sg_assembler *const as = &jit->as;
    uint8_t *const base = as->base;
    uint8_t *landing = as->cold;
    sg_exit_record *exit = code->exits;
    sg_exit_record *const end = exit + as->exit_count;
    code->exit_count = as->exit_count;
    code->landings = (uint32_t)(landing - base);
    while (exit < end) {
        sg_put16(landing, 0xBA41);
        sg_put32(landing + 2, (uint32_t)((uint8_t *)exit - jit->region.records));
        landing[6] = 0xE9;
        sg_relative32(landing + 7, jit->exit_routine);
        const sg_exit_record *const last = end - exit > SG_LANDING_EXITS ? exit + SG_LANDING_EXITS : end;
        for (; exit < last; exit++) {
            exit->code = code;
            exit->target = NULL;
            sg_relative32(base + exit->position, landing);
        }
        landing += SG_LANDING;
    }
    as->cold = landing;
}

/* A trace without a frame has no prologue. Where links from traces with one come to it, they drop theirs first. */
static void emit_link_entry(sg_assembler *as, sg_code *code)
{
    code->linked = (uint32_t)(as->cold - as->base);
    as->cold = sg_set_frame(as->cold, 0);
    as->cold[0] = 0xE9;
    sg_relative32(as->cold + 1, as->base + code->entry);
    as->cold += 5;
}

static void finish(sg_jit *jit, sg_code *code, const room *room)
{
    sg_assembler *const as = &jit->as;
    for (size_t i = 0; i < as->fixup_count; i++) {
        sg_relative32(as->fixups[i].field, code->labels[as->fixups[i].target]);
    }
    code->hot_size = (uint32_t)(as->hot - (as->base + code->hot));
    code->cold_size = (uint32_t)(as->cold - (as->base + code->cold));
    code->hot_block = sg_arena_take(&jit->hot, room->hot, code->hot_size);
    code->cold_block = sg_arena_take(&jit->cold, room->cold, code->cold_size);
    code->record_block =
        sg_arena_take(&jit->records, room->record, (size_t)((uint8_t *)&code->exits[code->exit_count] - (uint8_t *)code));
    memset(as->hot, 0xCC, code->hot_block - code->hot_size);
    memset(as->cold, 0xCC, code->cold_block - code->cold_size);
    jit->trace_count++;
}

sg_code *sg_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error)
{
    const sg_vm *const vm = jit->vm;
    sg_assembler *const as = &jit->as;
    sg_error_clear(error);
    if (!sg_jit_owned(jit, error)) {
        return NULL;
    }
    if (length > MAX_LENGTH) {
        sg_error_format(error, "a trace of %zu micro-ops is too long; at most %zu are possible", length,
                        MAX_LENGTH);
        return NULL;
    }
    const uint32_t count = (uint32_t)length;
    sg_size size = {0};
    uint32_t measured = 0;
    if (vm->choices == NULL) {
        measured = vm->measure != NULL ? vm->measure(trace, count, &size) : measure(vm, trace, count, &size);
    } else if (!sg_plan_trace(jit, trace, count, &size, &measured, error)) {
        return NULL;
    }
    if (measured != count) {
        describe_missing_op(vm, trace, measured, error);
        return NULL;
    }
    room room;
    if (!reserve(jit, count, &size, &room, error)) {
        return NULL;
    }
    sg_code *const code = begin(jit, &room, trace, count, round_frame(size.frame), error);
    if (vm->emit != NULL) {
        vm->emit(as, trace, count);
    } else {
        emit(as, vm, trace, count);
    }
    if (!as->failed) {
        emit_end(as, vm);
        emit_landings(jit, code);
        if (code->frame == 0) {
            emit_link_entry(as, code);
        }
    }
    as->trace = NULL;
    as->error = NULL;
    if (as->failed) {
        return NULL;
    }
    finish(jit, code, &room);
    if (SG_UNLIKELY(jit->profile != NULL)) {
        sg_profile_trace(jit, trace, count);
    }
    if (SG_UNLIKELY(jit->perf_map != NULL)) {
        sg_perf_trace(jit, code, trace);
    }
    return code;
}
