/* What programs call of DynASM's interface; see dasm.h. One source file of a program includes this.
 *
 * DASM_EXTERN(context, address, index, type), which the program may define before, is what a field at this address that
 * refers to the external label of this number holds: type 1 is relative, type 0 absolute.
 */
#ifndef STENCILGEN_DASM_ENCODE_H
#define STENCILGEN_DASM_ENCODE_H

#include <stencilgen/dasm.h>

#ifndef DASM_EXTERN
#define DASM_EXTERN(context, address, index, type) 0
#endif

DASM_FDEF void dasm_init(Dst_DECL, int maxsection)
{
    dasm_State *D = (dasm_State *)sg_dasm_grow(NULL, 0, sizeof(dasm_State));
    D->section_count = (uint32_t)maxsection;
    D->sections = (sg_dasm_section *)sg_dasm_grow(NULL, 0, (size_t)maxsection * sizeof *D->sections);
    D->labels = (sg_dasm_label *)sg_dasm_grow(NULL, 0, SG_DASM_LOCALS * sizeof *D->labels);
    D->label_count = SG_DASM_LOCALS;
    Dst_REF = D;
}

DASM_FDEF void dasm_free(Dst_DECL)
{
    dasm_State *D = Dst_REF;
    for (uint32_t i = 0; i < D->section_count; i++) {
        free(D->sections[i].start);
    }
    free(D->sections);
    free(D->labels);
    free(D->pcs);
    free(D->fixups);
    free(D);
    Dst_REF = NULL;
}

DASM_FDEF void dasm_setupglobal(Dst_DECL, void **globals, unsigned int count)
{
    dasm_State *D = Dst_REF;
    const uint32_t wanted = SG_DASM_LOCALS + count;
    if (wanted > D->label_count) {
        const size_t size = sizeof *D->labels;
        D->labels = (sg_dasm_label *)sg_dasm_grow(D->labels, D->label_count * size, wanted * size);
        D->label_count = wanted;
    }
    D->globals = globals;
}

DASM_FDEF void dasm_growpc(Dst_DECL, unsigned int count)
{
    dasm_State *D = Dst_REF;
    if (count > D->pc_count) {
        D->pcs = (sg_dasm_label *)sg_dasm_grow(D->pcs, D->pc_count * sizeof *D->pcs, count * sizeof *D->pcs);
        D->pc_count = count;
    }
}

DASM_FDEF void dasm_setup(Dst_DECL, const void *actions)
{
    dasm_State *D = Dst_REF;
    (void)actions;
    D->section = D->fixup_count = 0;
    D->status = DASM_S_OK;
    D->wrong = NULL;
    memset(D->labels, 0, D->label_count * sizeof *D->labels);
    memset(D->waiting, 0, sizeof D->waiting);
    if (D->pcs != NULL) {
        memset(D->pcs, 0, D->pc_count * sizeof *D->pcs);
    }
    for (uint32_t i = 0; i < D->section_count; i++) {
        D->sections[i].cursor = D->sections[i].start;
        D->sections[i].alignment = 1;
    }
}

DASM_FDEF int dasm_link(Dst_DECL, size_t *size)
{
    dasm_State *D = Dst_REF;
    uint32_t base = 0;
    *size = 0;
    for (uint32_t i = 1; i < SG_DASM_LOCALS; i++) {
        if (D->waiting[i] != 0) {
            D->status = DASM_S_UNDEF_L | (int)i;
        }
    }
    for (uint32_t i = 0; i < D->fixup_count; i++) {
        const sg_dasm_fixup *fixup = &D->fixups[i];
        if (fixup->kind == SG_DASM_TO_PC && D->pcs[fixup->target].state == SG_DASM_UNDEFINED) {
            D->status = DASM_S_UNDEF_PC | (int)fixup->target;
        }
    }
    if (D->status != DASM_S_OK) {
        return D->status;
    }
    for (uint32_t i = 0; i < D->section_count; i++) {
        sg_dasm_section *section = &D->sections[i];
        base = (base + section->alignment - 1) & ~(section->alignment - 1);
        section->base = base;
        base += (uint32_t)(section->cursor - section->start);
    }
    D->size = base;
    *size = base;
    return DASM_S_OK;
}

/* The address of a label once the code is at `code`. An undefined global is what the program's array says. */
static uintptr_t sg_dasm_address(const dasm_State *D, const sg_dasm_label *label, const uint8_t *code,
                                                uint32_t global)
{
    switch (label->state) {
    case SG_DASM_PLACED:
        return (uintptr_t)code + D->sections[label->section].base + label->offset;
    case SG_DASM_ABSOLUTE:
        return label->address;
    default:
        return (uintptr_t)D->globals[global - SG_DASM_LOCALS];
    }
}

/* Fill in one field. */
static void sg_dasm_fill(Dst_DECL, const sg_dasm_fixup *fixup, uint8_t *code)
{
    dasm_State *D = Dst_REF;
    uint8_t *const field = code + D->sections[fixup->section].base + fixup->offset;
    uintptr_t target = 0;
    uint32_t distance;
    switch (fixup->kind) {
    case SG_DASM_TO_LABEL:
        target = sg_dasm_address(D, &D->labels[fixup->target], code, fixup->target);
        break;
    case SG_DASM_TO_PC:
        target = sg_dasm_address(D, &D->pcs[fixup->target], code, SG_DASM_LOCALS);
        break;
    case SG_DASM_TO_PLACE:
    case SG_DASM_TO_ADDRESS:
        target = sg_dasm_address(D, &fixup->place, code, SG_DASM_LOCALS);
        break;
    case SG_DASM_TO_EXTERN:
        distance = (uint32_t)(DASM_EXTERN(Dst, field, fixup->target, 1)) - fixup->trailing;
        memcpy(field, &distance, sizeof distance);
        return;
    case SG_DASM_TO_EXTERN_ABSOLUTE:
        distance = (uint32_t)(DASM_EXTERN(Dst, field, fixup->target, 0));
        memcpy(field, &distance, sizeof distance);
        return;
    }
    if (fixup->absolute) {
        memcpy(field, &target, sizeof target);
    } else {
        distance = (uint32_t)(target - (uintptr_t)field - 4 - fixup->trailing);
        memcpy(field, &distance, sizeof distance);
    }
}

DASM_FDEF int dasm_encode(Dst_DECL, void *buffer)
{
    dasm_State *D = Dst_REF;
    uint8_t *const code = (uint8_t *)buffer;
    uint32_t end = 0;
    for (uint32_t i = 0; i < D->section_count; i++) {
        const sg_dasm_section *section = &D->sections[i];
        const size_t size = (size_t)(section->cursor - section->start);
        memset(code + end, 0x90, section->base - end);
        if (size != 0) {
            memcpy(code + section->base, section->start, size);
        }
        end = section->base + (uint32_t)size;
    }
    /* In the order of the code: programs collect relocations this way. */
    for (uint32_t section = 0; section < D->section_count; section++) {
        for (uint32_t i = 0; i < D->fixup_count; i++) {
            if (D->fixups[i].section == section) {
                sg_dasm_fill(Dst, &D->fixups[i], code);
            }
        }
    }
    for (uint32_t i = SG_DASM_LOCALS; i < D->label_count; i++) {
        if (D->labels[i].state == SG_DASM_PLACED) {
            D->globals[i - SG_DASM_LOCALS] = code + D->sections[D->labels[i].section].base + D->labels[i].offset;
        } else if (D->labels[i].state == SG_DASM_ABSOLUTE) {
            D->globals[i - SG_DASM_LOCALS] = (void *)D->labels[i].address;
        }
    }
    return DASM_S_OK;
}

/* The offset of a PC label in the linked code; -1 when it is undefined, -2 when there is none of that number. */
DASM_FDEF int dasm_getpclabel(Dst_DECL, unsigned int pc)
{
    const dasm_State *D = Dst_REF;
    if (pc >= D->pc_count) {
        return -2;
    }
    if (D->pcs[pc].state != SG_DASM_PLACED) {
        return -1;
    }
    return (int)(D->sections[D->pcs[pc].section].base + D->pcs[pc].offset);
}

#endif
