/* The helpers that generated emit functions call.
 *
 * An emit function writes one micro-op's machine code as straight-line C: stores of template bytes, then
 * calls of these helpers where the bytes depend on a value that only the trace knows. So each helper is a
 * handful of instructions and everything rare (a callee out of reach, a label that lies ahead, an error) is a
 * call into the runtime.
 *
 * Two views of one memory: code is written through the writable view and runs in the executable view, `bias`
 * bytes away. `p` is always a cursor in the writable view. Distances between two places of the region are the
 * same in both views.
 *
 * Stores may be wider than what they emit: a helper or an emit function may scribble on up to SG_SLACK bytes
 * after the cursor that it returns, in the hot and in the cold part. What is emitted next overwrites them.
 */
#ifndef STENCILGEN_EMIT_H
#define STENCILGEN_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that a helper emits at most; what a stencil's max_hot and max_cold are summed up from. */
enum {
    SG_MAX_LOAD = 10,
    SG_MAX_CALL = 6,
    SG_MAX_DROP_FRAME = 7,
    SG_MAX_SETTLE_DEPTH = 4,
    SG_MAX_EXIT_STUB = 7, /* alignment comes on top; the runtime reserves that itself */
    SG_MAX_JUMP_LABEL = 5,
    SG_MAX_WRITE_LAST = 18,
    SG_SLACK = 16,
};

#if defined(__GNUC__)
#define SG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define SG_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define SG_PRINTF(text, first)
#define SG_UNLIKELY(condition) (condition)
#endif

typedef struct sg_error sg_error;
typedef struct sg_jit sg_jit;
typedef struct sg_code sg_code;
typedef struct sg_fixup sg_fixup;
typedef struct sg_facts sg_facts;

/* One way out of a trace. Its stub says in bl which of up to 256 exits it is, and the landing that these share
 * (src/trace.c) in r10d where their records are: once traces are linked, the position of a micro-op alone would not
 * tell which trace was left. */
typedef struct sg_exit_record {
    uint32_t position;                   /* of the stub's rel32, in bytes from the start of the region */
    uint32_t index;                      /* of the micro-op that exits; the trace's length for its end */
    sg_code *code;                       /* the trace it leaves */
    sg_code *target;                     /* the trace it is linked to, or NULL */
    struct sg_exit_record *next, **link; /* list of all exits linked to `target` */
} sg_exit_record;

/* What is known of a declared place where code is being emitted. */
typedef struct sg_last_value {
    uint64_t value;    /* what the micro-ops stored there last, if `known` */
    uint64_t memory;   /* pending: what memory holds instead, if `memory_known` */
    bool known;
    bool memory_known;
} sg_last_value;

typedef struct sg_assembler {
    uint8_t *hot, *cold;   /* cursors, in the writable view */
    intptr_t bias;         /* executable address = writable address + bias: hot, cold and constants alike */
    const uint8_t *rodata; /* the VM's constants, readable view */
    uint8_t **parts;       /* the code that micro-ops share, writable view; behind the last one, where it ends */
    uint32_t frame;        /* bytes of the trace's frame: 0, or 8 modulo 16 */
    uint32_t index;        /* position of the micro-op being emitted */
    uint32_t length;       /* number of micro-ops */
    uint8_t **labels;      /* where micro-op i's hot part starts (writable view), valid for i <= index */
    int32_t depth;         /* what the top of the stack is above its pointer, in bytes; 0 unless the depth is static */

    /* The runtime's own from here on. */
    uint8_t **cold_labels;    /* the same for the cold parts */
    uint8_t *base;            /* start of the region */
    sg_exit_record *exits;    /* of this trace, by ordinal */
    uint32_t exit_count;
    uint32_t last_exit;       /* 1 + index of the micro-op of the one before, or 0 */
    const uint8_t *hot_limit; /* end of the hot part's reservation */
    sg_fixup *fixups;         /* jumps to micro-ops not yet emitted */
    size_t fixup_count, fixup_capacity;
    const void *trace;
    sg_jit *jit;
    sg_error *error; /* the caller's, may be NULL */
    bool failed;
    bool reaches_end; /* some jump goes to the trace's end */
    bool is_followed; /* a transition stands between the unit in hand and the next position */
    sg_facts *facts;  /* what is known of the VM's locations (facts.h); NULL until there is any */
    uint32_t place_count;
    const struct sg_last_place *places;
    sg_last_value last[4]; /* SG_MAX_LAST */
    uint32_t last_mode;    /* sg_last_mode */
    uint32_t last_pending; /* a bit for each place whose memory lacks the value, or perhaps lacks it; else memory is right */
    uint32_t last_due;     /* a bit for each place whose value, if pending, is written before the next micro-op */
    uint32_t add_to_stack; /* the code of `add stack pointer, 0`, whose last byte is the immediate; 0 unless the depth is static */
} sg_assembler;

/* The VM's constant at this offset, as an lvalue: `&SG_RODATA(16)` is its address. Needs `as` in scope. */
#define SG_RODATA(offset) (as->rodata[offset])

/* The shared code with this index, as an lvalue, to call. */
#define SG_COLD(index) (*as->parts[index])

/* What lies at an address, and a constant in memory that holds a 64-bit value, as lvalues: `call &SG_AT(W0)`, `movsd
 * xmm0, [&SG_LITERAL(W0)]`. */
#define SG_AT(address) (*(const uint8_t *)(uintptr_t)(address))
#define SG_LITERAL(value) (*(const uint8_t *)sg_literal64(as, (uint64_t)(value)))

/* The function or object that `extern name` in a .dasc file refers to. A generated header that declares these
 * symbols itself, under other names, defines this before. */
#ifndef SG_EXTERN
#define SG_EXTERN(name) name
#endif

/* Where a thread-local variable lies from the thread pointer, in bytes: the displacement of `fs:[...]`. It is the same in
 * every thread for the variables of the program and of libraries loaded with it, the only ones a stencil may use. */
#define SG_THREAD_OFFSET(name) ((uint64_t)((uintptr_t)&SG_EXTERN(name) - sg_thread_pointer()))

static inline uintptr_t sg_thread_pointer(void)
{
    uintptr_t pointer;
    __asm__("mov %%fs:0, %0" : "=r"(pointer)); /* System V ABI: the first word of thread-local storage holds its address */
    return pointer;
}

/* Out of line; in src/assembler.c. */

/* Record an error, the first one wins: "micro-op 7 (NAME): " and the formatted words. The compilation then
 * returns NULL; emission goes on harmlessly until it does. */
void sg_fail(sg_assembler *as, const char *format, ...) SG_PRINTF(2, 3);
/* Address (readable view, 8-aligned) of a constant with this value in the near region, for `movsd xmm0,
 * [rip+d]` and the like. Equal values share one place, kept as long as the context. NULL after recording an
 * error. */
const void *sg_literal64(sg_assembler *as, uint64_t value);
uint8_t *sg_far_branch(sg_assembler *as, uint8_t *p, uintptr_t address, uint8_t opcode);
uint8_t *sg_jump_ahead(sg_assembler *as, uint8_t *p, uint64_t target);
void sg_label_ahead(sg_assembler *as, uint8_t *p, uint64_t target);
void sg_fail_reach(sg_assembler *as, uintptr_t address);
void sg_fail_exits(sg_assembler *as);

/* Little-endian stores; no advance. */
static inline void sg_put8(uint8_t *p, uint8_t value)
{
    *p = value;
}

static inline void sg_put16(uint8_t *p, uint16_t value)
{
    memcpy(p, &value, sizeof value);
}

static inline void sg_put32(uint8_t *p, uint32_t value)
{
    memcpy(p, &value, sizeof value);
}

static inline void sg_put64(uint8_t *p, uint64_t value)
{
    memcpy(p, &value, sizeof value);
}

/* Signed distance from the executable address of `p` to `address`, wrapping around. */
static inline int64_t sg_distance(const sg_assembler *as, const uint8_t *p, uintptr_t address)
{
    return (int64_t)(address - ((uintptr_t)p + (uintptr_t)as->bias));
}

/* Is `address` reachable by a rel32 anywhere within 256 bytes after `p`? */
static inline bool sg_near(const sg_assembler *as, const uint8_t *p, uintptr_t address)
{
    const int64_t distance = sg_distance(as, p, address);
    return distance >= INT32_MIN + 256 && distance <= INT32_MAX;
}

/* Is `name`, a variable of the VM, or what lies at an address, in reach of a rel32 wherever in the micro-op being emitted? */
#define SG_NEAR(name) sg_reaches(as, (uintptr_t)&SG_EXTERN(name))
#define SG_NEAR_AT(address) sg_reaches(as, (uintptr_t)(address))

static inline bool sg_reaches(const sg_assembler *as, uintptr_t address)
{
    const int64_t room = INT32_MAX - (1 << 20); /* neither is a micro-op that long, nor what is added to the address */
    const int64_t hot = sg_distance(as, as->hot, address), cold = sg_distance(as, as->cold, address);
    return hot >= -room && hot <= room && cold >= -room && cold <= room;
}

/* The 4 bytes at p := destination - (p + 4): a jump between two places of the region. */
static inline void sg_relative32(uint8_t *p, const uint8_t *destination)
{
    sg_put32(p, (uint32_t)((uintptr_t)destination - (uintptr_t)p - 4));
}

/* The 4 bytes at p := address - executable(p + 4 + trailing), for rip-relative operands; `trailing` counts
 * the instruction's bytes after the field. Out of reach is an error. */
static inline void sg_relative32_address(sg_assembler *as, uint8_t *p, uintptr_t address, uint32_t trailing)
{
    const int64_t distance = sg_distance(as, p + 4 + trailing, address);
    if (SG_UNLIKELY(distance != (int32_t)distance)) {
        sg_fail_reach(as, address);
    }
    sg_put32(p, (uint32_t)distance);
}

/* sg_load of values above 32 bits: mov r64, simm32 (7 bytes), lea r64, [rip+d] (7), movabs (10). */
static inline uint8_t *sg_load_wide(const sg_assembler *as, uint8_t *p, unsigned reg, uint64_t value)
{
    const unsigned extended = reg >> 3;
    const int64_t distance = sg_distance(as, p + 7, (uintptr_t)value);
    if ((int64_t)value == (int32_t)value) {
        sg_put32(p, 0xC0C748 | extended | (reg & 7) << 16); /* REX.W+B C7 /0 id */
        sg_put32(p + 3, (uint32_t)value);
        return p + 7;
    }
    if (distance == (int32_t)distance) {
        sg_put32(p, 0x058D48 | extended << 2 | (reg & 7) << 19); /* REX.W+R 8D /r, rip-relative */
        sg_put32(p + 3, (uint32_t)distance);
        return p + 7;
    }
    sg_put16(p, (uint16_t)(0xB848 | extended | (reg & 7) << 8)); /* REX.W+B B8+r io */
    sg_put64(p + 2, value);
    return p + 10;
}

/* Put `value` into the 64-bit register `reg` (0-15, the hardware's numbers) by the shortest instruction: xor
 * r32 (2 or 3 bytes, if it may change the flags), mov r32, imm32 (5 or 6), else sg_load_wide. */
static inline uint8_t *sg_load(const sg_assembler *as, uint8_t *p, unsigned reg, uint64_t value,
                               bool flags_dead)
{
    const unsigned extended = reg >> 3;
    if (SG_UNLIKELY(value > UINT32_MAX)) {
        return sg_load_wide(as, p, reg, value);
    }
    if (flags_dead && value == 0) {
        p[0] = 0x45; /* REX.R+B, overwritten where not needed */
        p += extended;
        sg_put16(p, (uint16_t)(0xC031 | (reg & 7) * 9 << 8)); /* 31 /r */
        return p + 2;
    }
    p[0] = 0x41; /* REX.B, overwritten where not needed */
    p += extended;
    p[0] = (uint8_t)(0xB8 | (reg & 7));
    sg_put32(p + 1, (uint32_t)value);
    return p + 5;
}

/* Opcode E8 or E9 with rel32 when `address` is near, else FF /2 or FF /4 through a slot in the constants: no
 * register is touched, all of them may carry state or arguments. */
static inline uint8_t *sg_branch(sg_assembler *as, uint8_t *p, uintptr_t address, uint8_t opcode)
{
    const int64_t distance = sg_distance(as, p + 5, address);
    if (SG_UNLIKELY(distance != (int32_t)distance)) {
        return sg_far_branch(as, p, address, opcode);
    }
    p[0] = opcode;
    sg_put32(p + 1, (uint32_t)distance);
    return p + 5;
}

static inline uint8_t *sg_call(sg_assembler *as, uint8_t *p, uintptr_t address)
{
    return sg_branch(as, p, address, 0xE8);
}

static inline uint8_t *sg_jump(sg_assembler *as, uint8_t *p, uintptr_t address)
{
    return sg_branch(as, p, address, 0xE9);
}

/* Add the trace's frame back to rsp: nothing, add rsp, imm8 (4 bytes) or add rsp, imm32 (7). Changes
 * flags. */
static inline uint8_t *sg_drop_frame(const sg_assembler *as, uint8_t *p)
{
    const uint32_t frame = as->frame;
    if (frame == 0) {
        return p;
    }
    if (frame < 128) {
        sg_put32(p, 0xC48348 | frame << 24);
        return p + 4;
    }
    sg_put32(p, 0xC48148);
    sg_put32(p + 3, frame);
    return p + 7;
}

/* ---- A stack whose depth is static (llvm_passes/static_depth.py): its pointer does not move while the depth is known ---- */

enum { SG_DEPTH_LIMIT = 64 /* bytes, either way, that the depth is from 0 at most where a unit begins */ };

/* Make the stack pointer true: nothing, or add r64, imm8. Changes flags. No unit moves the top by more than 56 bytes. */
static inline uint8_t *sg_settle_depth(sg_assembler *as, uint8_t *p)
{
    if (as->depth != 0) {
        sg_put32(p, as->add_to_stack | (uint32_t)as->depth << 24);
        as->depth = 0;
        p += SG_MAX_SETTLE_DEPTH;
    }
    return p;
}

/* Before a unit. arrivals: jumps come here, from where the stack pointer is true. */
static inline void sg_meet_depth(sg_assembler *as, bool arrivals)
{
    if (arrivals || as->depth > SG_DEPTH_LIMIT || as->depth < -SG_DEPTH_LIMIT) {
        as->hot = sg_settle_depth(as, as->hot);
    }
}

/* The code before has left the top so many bytes higher, and the stack pointer where it was. */
#define SG_DEEPER(bytes) (as->depth += (bytes))
/* The code before never goes on. */
#define SG_NO_DEPTH() (as->depth = 0)

/* The exit stub of this micro-op, at most one for each: mov bl, the exit's ordinal (rbx is never state); jmp landing,
 * which is known when the trace is complete. The exit routine drops the frame. The caller jumps to where `p` was. Before that,
 * where the depth is not 0, the stack pointer is made true. */
static inline uint8_t *sg_exit_stub(sg_assembler *as, uint8_t *p)
{
    const uint32_t ordinal = as->exit_count;
    sg_exit_record *const record = &as->exits[ordinal];
    if (SG_UNLIKELY(as->last_exit == as->index + 1)) {
        sg_fail_exits(as);
        return p;
    }
    as->last_exit = as->index + 1;
    as->exit_count = ordinal + 1;
    if (as->depth != 0) {
        sg_put32(p, as->add_to_stack | (uint32_t)as->depth << 24);
        p += SG_MAX_SETTLE_DEPTH;
    }
    sg_put16(p, (uint16_t)(0xB3 | ordinal << 8));
    p += 2;
    /* sg_link patches the rel32 while other threads may run this code, by one store of the aligned word of 8 bytes that it
     * has to lie in: a jump that would begin at byte 4, 5 or 6 of one begins at byte 7, after 3, 2 or 1 nops. */
    sg_put32(p, 0x90909090);
    p += 0x01230000 >> ((uintptr_t)p * 4 & 31) & 3;
    p[0] = 0xE9;
    record->position = (uint32_t)(p + 1 - as->base);
    record->index = as->index;
    return p + 5;
}

/* Jump to micro-op `target`, as the last hot instruction of a micro-op (nothing at all if `target` is the
 * next one) or anywhere in its cold part. `target` == length goes to the trace's end; beyond is an error. */
static inline uint8_t *sg_jump_label(sg_assembler *as, uint8_t *p, uint64_t target)
{
    if (target > as->index) {
        return sg_jump_ahead(as, p, target);
    }
    const uint8_t *const destination = as->labels[target];
    const int64_t distance = (int64_t)((uintptr_t)destination - (uintptr_t)p - 2);
    if (distance == (int8_t)distance) {
        sg_put16(p, (uint16_t)(0xEB | (uint32_t)distance << 8));
        return p + 2;
    }
    p[0] = 0xE9;
    sg_relative32(p + 1, destination);
    return p + 5;
}

/* The 4 bytes at p := rel32 to micro-op `target`, now or, if it lies ahead, when the trace is complete. */
static inline void sg_label32(sg_assembler *as, uint8_t *p, uint64_t target)
{
    if (target > as->index) {
        sg_label_ahead(as, p, target);
    } else {
        sg_relative32(p, as->labels[target]);
    }
}

/* ---- Declared places, whose stores are put off (last.c) ---- */

uint8_t *sg_store_last(const sg_assembler *as, uint8_t *p, uint32_t place, bool sure);
/* Between two micro-ops: write the values of these places, a bit for each. arrivals: jumps may come here, from where memory
 * is right; all are written then. */
void sg_settle_last(sg_assembler *as, bool arrivals, uint32_t places);
/* Will a value that the micro-op in hand sets be written on the way that the trace usually goes, before another overtakes it? To put
 * that off would not save a store, and make every exit on the way write it. */
bool sg_last_is_due(const sg_assembler *as, uint32_t place);

/* Write a place's last value if memory lacks it; changes r10 and the flags. sure: memory holds what it held when the
 * micro-op began, and was not written meanwhile. */
static inline uint8_t *sg_write_last(const sg_assembler *as, uint8_t *p, uint32_t place, bool sure)
{
    return SG_UNLIKELY((as->last_pending >> place & 1) != 0) ? sg_store_last(as, p, place, sure) : p;
}

/* A place's value is this one from now on. Emits nothing, as the three below. */
static inline uint8_t *sg_set_last(sg_assembler *as, uint8_t *p, uint32_t place, uint64_t value)
{
    sg_last_value *const last = &as->last[place];
    const uint32_t bit = UINT32_C(1) << place;
    if ((as->last_pending & bit) == 0) {
        last->memory = last->value;
        last->memory_known = last->known;
    }
    last->memory_known &= as->last_mode != 2; /* SG_LAST_STORED */
    last->value = value;
    last->known = true;
    if (last->memory_known && last->memory == value) {
        as->last_pending &= ~bit;
        return p;
    }
    as->last_pending |= bit;
    as->last_due |= sg_last_is_due(as, place) ? bit : 0;
    return p;
}

/* The code before wrote the last value. */
static inline uint8_t *sg_last_written(sg_assembler *as, uint8_t *p, uint32_t place)
{
    as->last_pending &= ~(UINT32_C(1) << place);
    return p;
}

/* The code before wrote it on some ways. */
static inline uint8_t *sg_last_unsure(sg_assembler *as, uint8_t *p, uint32_t place)
{
    as->last[place].memory_known = false;
    return p;
}

/* Memory holds the value, which nobody knows. */
static inline uint8_t *sg_last_forget(sg_assembler *as, uint8_t *p, uint32_t place)
{
    as->last_pending &= ~(UINT32_C(1) << place);
    as->last[place].known = false;
    return p;
}

/* An exit stub after the code that writes all places. */
static inline uint8_t *sg_writing_exit_stub(sg_assembler *as, uint8_t *p, bool sure)
{
    for (uint32_t i = 0; as->last_pending >> i != 0; i++) {
        p = sg_write_last(as, p, i, sure);
    }
    return sg_exit_stub(as, p);
}

/* What a loop over a trace does before it calls each micro-op's emit function. */
static inline void sg_begin_micro_op(sg_assembler *as, uint32_t index)
{
    as->index = index;
    as->labels[index] = as->hot;
    as->cold_labels[index] = as->cold;
}

#ifdef __cplusplus
}
#endif

#endif
