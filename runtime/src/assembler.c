/* The rare paths of emit.h: far callees, jumps forward, errors. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>

static const char *op_name(const sg_assembler *as)
{
    if (as->jit == NULL || as->index >= as->length) {
        return NULL;
    }
    const sg_vm *const vm = as->jit->vm;
    const uint32_t opcode = vm->opcode((const uint8_t *)as->trace + as->index * vm->instruction_size);
    return opcode < vm->op_count ? vm->ops[opcode].name : NULL;
}

void sg_fail(sg_assembler *as, const char *format, ...)
{
    if (as->failed) {
        return;
    }
    as->failed = true;
    if (as->error == NULL) {
        return;
    }
    char words[sizeof as->error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    const char *const name = op_name(as);
    if (name != NULL) {
        sg_error_format(as->error, "micro-op %" PRIu32 " (%s): %s", as->index, name, words);
    } else {
        sg_error_format(as->error, "micro-op %" PRIu32 ": %s", as->index, words);
    }
}

void sg_fail_reach(sg_assembler *as, uintptr_t address)
{
    sg_fail(as,
            "address 0x%" PRIxPTR " is more than 2 GB away from the code at 0x%" PRIxPTR
            "; set sg_options.near to an address of the code or data it belongs to",
            address, (uintptr_t)as->hot + (uintptr_t)as->bias);
}

void sg_fail_exits(sg_assembler *as)
{
    sg_fail(as, "has more than one exit stub; a stencil's side exits have to share one");
}

/* The literal's place in the writable view, or NULL after recording why not. */
static uint8_t *place_literal(sg_assembler *as, uint64_t value)
{
    sg_literals *const literals = &as->jit->literals;
    uint8_t *const place = sg_literals_place(literals, value, &as->jit->counters);
    if (place == NULL && literals->count == literals->limit) {
        sg_fail(as,
                "all %" PRIu32
                " places for far addresses and literals are taken; use a larger sg_options.size",
                literals->limit);
    } else if (place == NULL) {
        sg_fail(as, "out of memory for the table of literals");
    }
    return place;
}

const void *sg_literal64(sg_assembler *as, uint64_t value)
{
    uint8_t *const place = place_literal(as, value);
    return place == NULL ? NULL : place + as->bias;
}

uint8_t *sg_far_branch(sg_assembler *as, uint8_t *p, uintptr_t address, uint8_t opcode)
{
    const uint8_t *const place = place_literal(as, address);
    if (place != NULL) {
        sg_put16(p, opcode == 0xE8 ? 0x15FF : 0x25FF); /* FF /2 and FF /4, rip-relative */
        sg_relative32(p + 2, place);
    }
    return p + 6;
}

void sg_label_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    if (target > as->length) {
        sg_fail(as, "label %" PRId64 " is outside of the trace of %" PRIu32 " micro-ops", (int64_t)target,
                as->length);
        return;
    }
    void *fixups = as->fixups;
    const bool grown =
        sg_grow(&as->jit->counters, &fixups, &as->fixup_capacity, as->fixup_count + 1, sizeof(sg_fixup));
    as->fixups = fixups;
    if (!grown) {
        sg_fail(as, "out of memory for the table of forward jumps");
        return;
    }
    as->fixups[as->fixup_count++] = (sg_fixup){.field = p, .target = (uint32_t)target};
    as->reaches_end |= target == as->length;
}

uint8_t *sg_jump_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    /* What falls through may come by a transition, or by an addition where the depth of the stack is static; what jumps does not. */
    const bool alike = !as->is_followed && as->add_to_stack == 0;
    if (target == (uint64_t)as->index + 1 && alike && p >= as->labels[0] && p < as->hot_limit) {
        as->reaches_end |= target == as->length;
        return p;
    }
    p[0] = 0xE9;
    sg_label_ahead(as, p + 1, target);
    return p + 5;
}
