/* Links: a side exit whose jump goes straight to another trace, and freeing, which has to undo them.
 *
 * The exit's stub ends in a jump to its trace's landing; a link patches its rel32. Registers hold the state
 * there, just as at a trace's entry, and a trace begins by setting its own frame, whatever frame there was; from a
 * trace with the same frame a link goes past that. Each trace lists the exits that come to it, so that
 * they can be sent back when it is freed.
 */
#include "internal.h"

#include <inttypes.h>

/* The exit's jump goes to this place (writable view) from now on, whoever is running it: one store of an aligned
 * word, whose other bytes stay as they are. */
static void patch(const sg_exit_record *exit, const uint8_t *destination)
{
    uint8_t *const field = exit->code->jit->region.writable + exit->position;
    const uint32_t relative = (uint32_t)((uintptr_t)destination - (uintptr_t)field - 4);
    const size_t place = (uintptr_t)field % sizeof(uint64_t);
    uint64_t *const word = (uint64_t *)(void *)(field - place);
    uint8_t bytes[sizeof(uint64_t)];
    memcpy(bytes, word, sizeof bytes);
    sg_put32(bytes + place, relative);
    uint64_t patched;
    memcpy(&patched, bytes, sizeof patched);
    __atomic_store_n(word, patched, __ATOMIC_RELEASE);
}

void sg_exit_reset(sg_exit_record *exit)
{
    if (exit->target == NULL) {
        return;
    }
    patch(exit, sg_landing(exit->code, (uint32_t)(exit - exit->code->exits)));
    *exit->link = exit->next;
    if (exit->next != NULL) {
        exit->next->link = exit->link;
    }
    exit->target = NULL;
}

static sg_exit_record *find_exit(sg_code *code, uint32_t index, sg_error *error)
{
    uint32_t low = 0;
    uint32_t high = code->exit_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (code->exits[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < code->exit_count && code->exits[low].index == index) {
        return &code->exits[low];
    }
    if (index > code->length) {
        sg_error_format(error, "exit %" PRIu32 " is outside of the trace of %" PRIu32 " micro-ops", index,
                        code->length);
    } else if (index == code->length) {
        sg_error_format(error,
                        "the trace of %" PRIu32 " micro-ops never runs off its end, so exit %" PRIu32
                        " does not exist",
                        code->length, index);
    } else {
        sg_error_format(error, "micro-op %" PRIu32 " has no side exit", index);
    }
    return NULL;
}

bool sg_link(sg_code *from, uint32_t exit_index, sg_code *to, sg_error *error)
{
    sg_error_clear(error);
    if (from == NULL || to == NULL) {
        sg_error_format(error, "the trace to link %s is NULL; its compilation failed",
                        from == NULL ? "from" : "to");
        return false;
    }
    if (from->jit != to->jit) {
        sg_error_format(error, "the two traces belong to different contexts; compile both with the same one");
        return false;
    }
    if (!sg_jit_owned(from->jit, error)) {
        return false;
    }
    sg_exit_record *const exit = find_exit(from, exit_index, error);
    if (exit == NULL) {
        return false;
    }
    sg_exit_reset(exit);
    exit->target = to;
    exit->next = to->incoming;
    exit->link = &to->incoming;
    if (exit->next != NULL) {
        exit->next->link = &exit->next;
    }
    to->incoming = exit;
    patch(exit, to->jit->region.writable + (from->frame == to->frame ? to->entry : to->linked));
    return true;
}

bool sg_unlink(sg_code *from, uint32_t exit_index, sg_error *error)
{
    sg_error_clear(error);
    if (!sg_jit_owned(from->jit, error)) {
        return false;
    }
    sg_exit_record *const exit = find_exit(from, exit_index, error);
    if (exit == NULL) {
        return false;
    }
    sg_exit_reset(exit);
    return true;
}

void sg_free(sg_code *code)
{
    if (code == NULL || !sg_jit_owned(code->jit, NULL)) {
        return;
    }
    sg_jit *const jit = code->jit;
    while (code->incoming != NULL) {
        sg_exit_reset(code->incoming);
    }
    for (uint32_t i = 0; i < code->exit_count; i++) {
        sg_exit_reset(&code->exits[i]);
    }
    /* Whoever still jumps here traps instead of running what comes next. */
    memset(jit->region.writable + code->hot, 0xCC, code->hot_block);
    memset(jit->region.writable + code->cold, 0xCC, code->cold_block);
    sg_arena_release(&jit->hot, code->hot, code->hot_block);
    sg_arena_release(&jit->cold, code->cold, code->cold_block);
    sg_arena_release(&jit->records, (uint32_t)((uint8_t *)code - jit->region.records), code->record_block);
    jit->trace_count--;
}
