/* DynASM's interface, for `.dasc` files that `python -m dasc` has compiled to direct stores.
 *
 * A program that uses DynASM includes this header instead of dasm_proto.h, and dasm_encode.h instead of
 * dasm_x86.h, and keeps its calls: init, setupglobal, growpc, setup, the emitting code, link, encode, free.
 * The difference: what was a call of dasm_put, which stored a
 * number for later, is now a store of the machine code itself. Linking adds up the sections' sizes, encoding copies the
 * sections and fills in the distances that were not known yet. Buffers are kept from one setup to the next, so that
 * nothing is allocated once they are large enough.
 *
 * A branch backwards within a section is as short as can be; a branch ahead is short where the preprocessor knows that its
 * target is near, and has 32 bits elsewhere.
 *
 * Macros that a program may define before: Dst_DECL, Dst_REF, DASM_FDEF, with the meaning they have for DynASM.
 */
#ifndef STENCILGEN_DASM_H
#define STENCILGEN_DASM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DASM_VERSION 10500 /* the version of DynASM whose interface this is */
#define DASM_IDENT "stencilgen"
#define DASM_ARCH "x86"

#ifndef Dst_DECL
#define Dst_DECL dasm_State **Dst
#endif
#ifndef Dst_REF
#define Dst_REF (*Dst)
#endif
#ifndef DASM_FDEF
#define DASM_FDEF extern
#endif

#if defined(__GNUC__)
#define SG_DASM_UNUSED __attribute__((unused))
#else
#define SG_DASM_UNUSED
#endif

/* Results of dasm_link and dasm_encode, with a label's number in the low bits. DASM_S_RANGE_I and _VREG: only
 * where DASM_CHECKS is defined before this header; _LG: a jump of one byte to a label that is not near enough for certain. dasm_State.wrong then says in which line of which .dasc file. */
#define DASM_S_OK 0x00000000
#define DASM_S_NOMEM 0x01000000
#define DASM_S_PHASE 0x02000000
#define DASM_S_RANGE_I 0x11000000
#define DASM_S_RANGE_LG 0x13000000
#define DASM_S_RANGE_VREG 0x15000000
#define DASM_S_UNDEF_L 0x21000000
#define DASM_S_UNDEF_PC 0x22000000

enum { SG_DASM_LOCALS = 10, SG_DASM_AHEAD = 246 }; /* labels: 1-9 local, 10 and up global, 247-255 local and ahead */

typedef struct sg_dasm_section {
    uint8_t *start, *cursor, *limit;
    uint32_t base;      /* where it starts in the linked code */
    uint32_t alignment; /* of the base: the largest .align within */
} sg_dasm_section;

enum { SG_DASM_UNDEFINED, SG_DASM_PLACED, SG_DASM_ABSOLUTE };

/* Where a label is: in a section, or at an address. */
typedef struct sg_dasm_label {
    uint32_t state, section, offset;
    uintptr_t address;
} sg_dasm_label;

enum {
    SG_DASM_TO_LABEL,           /* a global label: `target` is its number */
    SG_DASM_TO_PC,              /* a PC label */
    SG_DASM_TO_PLACE,           /* a local label, in `place` once it is defined */
    SG_DASM_TO_ADDRESS,         /* `place.address` */
    SG_DASM_TO_EXTERN,          /* what DASM_EXTERN says about `target`, relative */
    SG_DASM_TO_EXTERN_ABSOLUTE, /* the same, absolute */
};

/* A field to be filled in when the code is encoded. */
typedef struct sg_dasm_fixup {
    uint32_t kind;
    bool absolute; /* 8 bytes, the label's address; else 4 bytes, relative */
    uint32_t section, offset, target, trailing;
    uint32_t next; /* 1 + index of the fixup before it that waits for the same local label */
    sg_dasm_label place;
} sg_dasm_fixup;

typedef struct dasm_State {
    uint32_t section, section_count, label_count, pc_count, size, fixup_count, fixup_capacity;
    int status;
    const char *wrong; /* "file:line" of the first value out of its range */
    sg_dasm_label *labels, *pcs;
    sg_dasm_fixup *fixups;
    uint32_t waiting[SG_DASM_LOCALS]; /* per local label: 1 + index of the last fixup that waits for it */
    void **globals;
    sg_dasm_section *sections;
} dasm_State;

SG_DASM_UNUSED static void *sg_dasm_grow(void *old, size_t old_size, size_t size)
{
    char *memory = (char *)realloc(old, size);
    if (memory == NULL) {
        abort(); /* DynASM's default, too, ends the program */
    }
    memset(memory + old_size, 0, size - old_size);
    return memory;
}

/* ---- What programs call; in dasm_encode.h ---- */

SG_DASM_UNUSED DASM_FDEF void dasm_init(Dst_DECL, int maxsection);
SG_DASM_UNUSED DASM_FDEF void dasm_free(Dst_DECL);
SG_DASM_UNUSED DASM_FDEF void dasm_setupglobal(Dst_DECL, void **globals, unsigned int count);
SG_DASM_UNUSED DASM_FDEF void dasm_growpc(Dst_DECL, unsigned int count);
SG_DASM_UNUSED DASM_FDEF void dasm_setup(Dst_DECL, const void *actions); /* of the actions there are none */
SG_DASM_UNUSED DASM_FDEF int dasm_link(Dst_DECL, size_t *size);
SG_DASM_UNUSED DASM_FDEF int dasm_encode(Dst_DECL, void *buffer);
SG_DASM_UNUSED DASM_FDEF int dasm_getpclabel(Dst_DECL, unsigned int pc); /* its offset; -1: undefined, -2: there is none */
#define dasm_checkstep(a, b) 0

/* ---- What emitting code calls ---- */

/* An expression's value as DynASM takes it: an int, whatever integer or pointer it is. */
#define SG_DASM_INT(expression) ((int)(intptr_t)(expression))

/* The same where it has to fit so many bytes, signed or unsigned (below 0: signed), and the number of a register. */
#ifdef DASM_CHECKS
#define SG_DASM_FIT(expression, bytes, place) sg_dasm_fit(sg_D, (int64_t)(intptr_t)(expression), bytes, place)
#define SG_DASM_NUMBER(expression, is_index, place) sg_dasm_number(sg_D, (int64_t)(expression), is_index, place)
#else
#define SG_DASM_FIT(expression, bytes, place) SG_DASM_INT(expression)
#define SG_DASM_NUMBER(expression, is_index, place) ((uint32_t)(expression))
#endif

SG_DASM_UNUSED static void sg_dasm_wrong(dasm_State *D, int status, const char *place)
{
    if (D->status == DASM_S_OK) {
        D->status = status;
        D->wrong = place;
    }
}

SG_DASM_UNUSED static inline int sg_dasm_fit(dasm_State *D, int64_t value, int bytes, const char *place)
{
    const int bits = 8 * (bytes < 0 ? -bytes : bytes);
    const int64_t half = (int64_t)1 << (bits - 1);
    if (value < -half || value >= (bytes < 0 ? half : 2 * half)) {
        sg_dasm_wrong(D, DASM_S_RANGE_I, place);
    }
    return (int)value;
}

SG_DASM_UNUSED static inline uint32_t sg_dasm_number(dasm_State *D, int64_t number, bool is_index, const char *place)
{
    if (number < 0 || number > 15 || (is_index && number == 4)) { /* there is no index rsp */
        sg_dasm_wrong(D, DASM_S_RANGE_VREG, place);
    }
    return (uint32_t)number & 15;
}

SG_DASM_UNUSED static inline dasm_State *sg_dasm_state(Dst_DECL)
{
    return Dst_REF;
}

SG_DASM_UNUSED static void sg_dasm_enlarge(sg_dasm_section *section, size_t most)
{
    const size_t used = (size_t)(section->cursor - section->start), had = (size_t)(section->limit - section->start);
    const size_t size = 2 * had + most + 64;
    section->start = (uint8_t *)sg_dasm_grow(section->start, had, size);
    section->cursor = section->start + used;
    section->limit = section->start + size;
}

/* The cursor of the present section, with room for so many bytes. */
SG_DASM_UNUSED static inline uint8_t *sg_dasm_begin(dasm_State *D, size_t most)
{
    sg_dasm_section *const section = &D->sections[D->section];
    if ((size_t)(section->limit - section->cursor) < most) {
        sg_dasm_enlarge(section, most);
    }
    return section->cursor;
}

SG_DASM_UNUSED static inline void sg_dasm_end(dasm_State *D, uint8_t *p)
{
    D->sections[D->section].cursor = p;
}

SG_DASM_UNUSED static inline void sg_dasm_put16(uint8_t *p, uint32_t value)
{
    const uint16_t narrow = (uint16_t)value;
    memcpy(p, &narrow, sizeof narrow);
}

SG_DASM_UNUSED static inline void sg_dasm_put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof value);
}

SG_DASM_UNUSED static inline void sg_dasm_put64(uint8_t *p, uint64_t value)
{
    memcpy(p, &value, sizeof value);
}

/* The displacement of an address whose ModRM byte, 32 bits promised, is at `modrm`: none, 8 or 32 bits of it.
 * `needed`: the base register cannot be without. */
SG_DASM_UNUSED static inline uint8_t *sg_dasm_displacement(uint8_t *p, uint8_t *modrm, int32_t value, bool needed)
{
    if (value == 0 && !needed) {
        *modrm -= 0x80;
        return p;
    }
    if (value == (int8_t)value) {
        *modrm -= 0x40;
        *p = (uint8_t)value;
        return p + 1;
    }
    sg_dasm_put32(p, (uint32_t)value);
    return p + 4;
}

/* An immediate of `wide` bytes, 2 or 4, or of one when it fits: the opcode then is 2 higher. */
SG_DASM_UNUSED static inline uint8_t *sg_dasm_immediate(uint8_t *p, uint8_t *opcode, int32_t value, unsigned wide)
{
    if (value == (int8_t)value) {
        *opcode += 2;
        *p = (uint8_t)value;
        return p + 1;
    }
    if (wide == 2) {
        sg_dasm_put16(p, (uint32_t)value);
    } else {
        sg_dasm_put32(p, (uint32_t)value);
    }
    return p + wide;
}

SG_DASM_UNUSED static sg_dasm_fixup *sg_dasm_fix(dasm_State *D, const uint8_t *field)
{
    if (D->fixup_count == D->fixup_capacity) {
        const uint32_t capacity = 2 * D->fixup_capacity + 64;
        const size_t size = sizeof *D->fixups;
        D->fixups = (sg_dasm_fixup *)sg_dasm_grow(D->fixups, D->fixup_capacity * size, capacity * size);
        D->fixup_capacity = capacity;
    }
    sg_dasm_fixup *const fixup = &D->fixups[D->fixup_count++];
    memset(fixup, 0, sizeof *fixup);
    fixup->section = D->section;
    fixup->offset = (uint32_t)(field - D->sections[D->section].start);
    return fixup;
}

/* The label of this number; NULL when it lies ahead, or does not exist. PC labels: `pc` is true. */
SG_DASM_UNUSED static inline sg_dasm_label *sg_dasm_find(dasm_State *D, uint32_t number, bool pc)
{
    if (pc) {
        return number < D->pc_count ? &D->pcs[number] : NULL;
    }
    return number < D->label_count ? &D->labels[number] : NULL;
}

/* The field is relative to a label, or with `absolute` its 8-byte address. */
SG_DASM_UNUSED static void sg_dasm_reference(dasm_State *D, const uint8_t *field, uint32_t number, bool pc,
                                             uint32_t trailing, bool absolute)
{
    sg_dasm_fixup *const fixup = sg_dasm_fix(D, field);
    fixup->trailing = trailing;
    fixup->absolute = absolute;
    fixup->target = number;
    if (pc) {
        fixup->kind = SG_DASM_TO_PC;
        if (number >= D->pc_count) {
            D->status = DASM_S_UNDEF_PC | (int)(number & 0xffffff);
            D->fixup_count--;
        }
    } else if (number > SG_DASM_AHEAD) {
        number -= SG_DASM_AHEAD;
        fixup->kind = SG_DASM_TO_PLACE;
        fixup->next = D->waiting[number];
        D->waiting[number] = D->fixup_count;
    } else if (number < SG_DASM_LOCALS) {
        fixup->kind = SG_DASM_TO_PLACE;
        fixup->place = D->labels[number];
        if (fixup->place.state == SG_DASM_UNDEFINED) {
            D->status = DASM_S_UNDEF_L | (int)number;
            D->fixup_count--;
        }
    } else {
        fixup->kind = SG_DASM_TO_LABEL;
    }
}

SG_DASM_UNUSED static void sg_dasm_reference_address(dasm_State *D, const uint8_t *field, uintptr_t address,
                                                     uint32_t trailing)
{
    sg_dasm_fixup *const fixup = sg_dasm_fix(D, field);
    fixup->kind = SG_DASM_TO_ADDRESS;
    fixup->trailing = trailing;
    fixup->place.state = SG_DASM_ABSOLUTE;
    fixup->place.address = address;
}

SG_DASM_UNUSED static void sg_dasm_reference_extern(dasm_State *D, const uint8_t *field, uint32_t index,
                                                    uint32_t trailing, bool relative)
{
    sg_dasm_fixup *const fixup = sg_dasm_fix(D, field);
    fixup->kind = relative ? SG_DASM_TO_EXTERN : SG_DASM_TO_EXTERN_ABSOLUTE;
    fixup->target = index;
    fixup->trailing = trailing;
}

/* A jump (opcode E9) or conditional jump (80-8F, its 0F comes by itself) to a label: short when that is behind
 * and near. */
SG_DASM_UNUSED static uint8_t *sg_dasm_branch(dasm_State *D, uint8_t *p, uint8_t opcode, uint32_t number, bool pc)
{
    if (number <= SG_DASM_AHEAD || pc) {
        const sg_dasm_label *const label = sg_dasm_find(D, number, pc);
        if (label != NULL && label->state == SG_DASM_PLACED && label->section == D->section) {
            const ptrdiff_t distance = D->sections[D->section].start + label->offset - (p + 2);
            if (distance >= -128) {
                p[0] = opcode == 0xE9 ? 0xEB : (uint8_t)(opcode - 0x10);
                p[1] = (uint8_t)distance;
                return p + 2;
            }
        }
    }
    if (opcode != 0xE9) {
        *p++ = 0x0F;
    }
    *p++ = opcode;
    sg_dasm_reference(D, p, number, pc, 0, false);
    return p + 4;
}

/* The one byte, of a branch that has no other form, to a label behind. One ahead is known when it is compiled. */
SG_DASM_UNUSED static uint8_t *sg_dasm_near(dasm_State *D, uint8_t *p, uint32_t number, bool pc, const char *place)
{
    const sg_dasm_label *const label = number <= SG_DASM_AHEAD || pc ? sg_dasm_find(D, number, pc) : NULL;
    ptrdiff_t distance = -129;
    if (label != NULL && label->state == SG_DASM_PLACED && label->section == D->section) {
        distance = D->sections[D->section].start + label->offset - (p + 1);
    }
    if (distance < -128) {
        sg_dasm_wrong(D, DASM_S_RANGE_LG, place);
    }
    p[0] = (uint8_t)distance;
    return p + 1;
}

/* The label of this number is at `p`. */
SG_DASM_UNUSED static void sg_dasm_define(dasm_State *D, const uint8_t *p, uint32_t number, bool pc)
{
    sg_dasm_label *const label = sg_dasm_find(D, number, pc);
    if (label == NULL) {
        D->status = (pc ? DASM_S_UNDEF_PC : DASM_S_UNDEF_L) | (int)(number & 0xffffff);
        return;
    }
    label->state = SG_DASM_PLACED;
    label->section = D->section;
    label->offset = (uint32_t)(p - D->sections[D->section].start);
    if (!pc && number < SG_DASM_LOCALS) {
        for (uint32_t i = D->waiting[number]; i != 0; i = D->fixups[i - 1].next) {
            D->fixups[i - 1].place = *label;
        }
        D->waiting[number] = 0;
    }
}

/* The label just defined is this address instead. */
SG_DASM_UNUSED static void sg_dasm_set(dasm_State *D, uint32_t number, bool pc, uintptr_t address)
{
    sg_dasm_label *const label = sg_dasm_find(D, number, pc);
    if (label != NULL) {
        label->state = SG_DASM_ABSOLUTE;
        label->address = address;
    }
}

SG_DASM_UNUSED static uint8_t *sg_dasm_align(dasm_State *D, uint8_t *p, uint32_t alignment)
{
    sg_dasm_section *const section = &D->sections[D->section];
    if (alignment > section->alignment) {
        section->alignment = alignment;
    }
    while ((size_t)(p - section->start) & (alignment - 1)) {
        *p++ = 0x90;
    }
    return p;
}

SG_DASM_UNUSED static void sg_dasm_space(dasm_State *D, int count, uint8_t filler)
{
    if (count > 0) {
        uint8_t *const p = sg_dasm_begin(D, (size_t)count);
        memset(p, filler, (size_t)count);
        sg_dasm_end(D, p + count);
    }
}

#endif
