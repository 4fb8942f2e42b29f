/* The runtime as an embedder sees it: contexts, traces, entering them, linking them.
 *
 * A context (sg_jit) owns one near region of code and constants. A trace (sg_code) is compiled into it from
 * an array of micro-op instructions, entered with the VM's state as an array of 8-byte slots, and left by
 * returning a value or by a side exit, which can be linked to another trace.
 *
 * These functions are generic. The header that `stencilgen build` writes describes the VM with one `sg_vm`
 * and wraps them with the VM's own types; runtime/README.md shows how.
 *
 * Threads: calls that change a context (compile, link, unlink, free, destroy) must not overlap. Traces may
 * run in any number of threads meanwhile: a link is patched in one aligned store. Free a trace only when no
 * thread is inside it.
 *
 * Processes: after fork the child shares the code with its parent. It may run traces but not change them (an
 * error in words), and has to create a context of its own.
 */
#ifndef STENCILGEN_JIT_H
#define STENCILGEN_JIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a struct of this header or of emit.h changes; sg_jit_create refuses a VM for another
 * one. */
enum { SG_ABI = 8 };
enum { SG_MAX_OPERANDS = 8 };

typedef struct sg_assembler sg_assembler;
typedef struct sg_jit sg_jit;
typedef struct sg_code sg_code;

typedef struct sg_error {
    char text[512]; /* what is wrong and what to do, one line, empty when all is well */
} sg_error;

/* ---- The VM, described by the generated header ---- */

typedef void (*sg_emit_function)(sg_assembler *as, const void *instruction);

enum {
    SG_ENDS = 1, /* never goes on to the next micro-op by falling through */
};

typedef struct sg_op {
    const char *name;
    sg_emit_function emit;      /* NULL: a micro-op without a stencil */
    uint32_t max_hot, max_cold; /* bytes emitted at most */
    uint32_t frame;             /* bytes of stack below the return address, its alignment included */
    uint32_t flags;             /* SG_OP_… */
} sg_op;

typedef enum sg_relocation_kind {
    SG_RELOCATION_SYMBOL, /* the 64 bits := symbol + addend */
    SG_RELOCATION_RODATA, /* the 64 bits := the address of the context's copy of rodata + addend */
} sg_relocation_kind;

typedef struct sg_relocation {
    uint32_t offset; /* into rodata */
    sg_relocation_kind kind;
    const void *symbol;
    int64_t addend;
} sg_relocation;

/* Cold code that micro-ops call, as SG_COLD(its index): emitted once, when a context is created. */
typedef struct sg_part {
    const char *name;
    sg_emit_function emit; /* of hot code only; without an instruction */
    uint32_t max_size;     /* bytes emitted at most */
} sg_part;
/* A place in the VM's memory whose stores are put off until somebody may look ([last] of stencilgen.toml). */
typedef struct sg_last_place {
    uint8_t base; /* the state register by which it is found, the hardware's number */
    uint8_t size; /* 4 or 8 bytes */
    int32_t displacement;
} sg_last_place;

enum { SG_MAX_LAST = 4 /* places of a VM */ };

/* What a micro-op does with these places, a bit for each: it sets a value; on every way it writes the one from before, or makes it
 * forgotten. */
typedef struct sg_last_use {
    uint8_t sets, writes;
} sg_last_use;

/* What a trace takes at most. */
typedef struct sg_size {
    uint64_t hot, cold;
    uint32_t frame;
} sg_size;

/* The levels of the x86-64 psABI; each has all that the one before it has. */
typedef enum sg_cpu {
    SG_X86_64 = 1,
    SG_X86_64_V2, /* SSE4.2, POPCNT, … */
    SG_X86_64_V3, /* AVX2, BMI2, FMA, … */
    SG_X86_64_V4, /* AVX-512 F, BW, CD, DQ, VL */
} sg_cpu;

struct sg_choices;
struct sg_plan;

typedef struct sg_vm {
    uint32_t abi; /* SG_ABI */
    sg_cpu cpu;   /* what the code is for; 0: what every x86-64 has */
    size_t instruction_size;
    const sg_op *ops;
    uint32_t op_count;
    uint32_t (*opcode)(const void *instruction); /* the instruction's index in `ops` */
    const uint8_t *rodata;                       /* copied to a page boundary of the near region */
    size_t rodata_size;
    const sg_relocation *relocations; /* applied to that copy */
    size_t relocation_count;
    const sg_part *parts;
    uint32_t part_count;
    const uint8_t *state; /* 'i' integer or pointer, 'd' double, 'f' float */
    uint32_t state_count; /* at most 12 'i' and 8 'd' or 'f' */
    /* Both loops over a trace may be replaced by ones in which the compiler inlines `opcode` and knows the
     * emit functions' types; NULL: the generic loops.
     * measure: add up sg_measure_op for each micro-op; result: the position of the first
     * without a stencil, or `length`.
     * emit: for each micro-op sg_begin_micro_op, then its emit function. */
    uint32_t (*measure)(const void *trace, uint32_t length, sg_size *size);
    void (*emit)(sg_assembler *as, const void *trace, uint32_t length);
    /* The operands of a micro-op that profiles write down, at most SG_MAX_OPERANDS, and their number; NULL: none. */
    uint32_t (*operands)(const void *instruction, uint64_t *operands);
    const sg_last_place *places; /* at most SG_MAX_LAST */
    uint32_t place_count;
    const sg_last_use *last_uses; /* by opcode; NULL: there are no places */
    /* Of a VM with units (plan.h), else NULL: what may be chosen; and in the place of `measure` a loop that notes each micro-op's
     * opcode, and where jumps arrive. */
    const struct sg_choices *choices;
    uint32_t (*prepare)(struct sg_plan *plan, const void *trace, uint32_t length);
    /* If the depth of the operand stack is static: 1 + the number of its pointer's register; else 0. */
    uint32_t stack;
} sg_vm;

static inline void sg_measure_op(sg_size *size, const sg_op *op)
{
    size->hot += op->max_hot;
    size->cold += op->max_cold;
    size->frame = op->frame > size->frame ? op->frame : size->frame;
}

/* ---- Contexts ---- */

/* How units are chosen where a micro-op has several (see plan.h); all but the first are for tests. */
typedef enum sg_selection {
    SG_SELECT_BEST,   /* the cheapest way through the trace */
    SG_SELECT_PLAIN,  /* each micro-op by itself, the whole stack in memory */
    SG_SELECT_RANDOM, /* any way, drawn from `seed` */
} sg_selection;

/* What becomes of a micro-op's store to a declared place; all but the first are for measurements. */
typedef enum sg_last_mode {
    SG_LAST_PUT_OFF, /* it is written where somebody may look, as shortly as possible */
    SG_LAST_AT_ONCE, /* the micro-op writes it, as shortly as possible */
    SG_LAST_STORED,  /* the micro-op writes it, whatever memory holds */
} sg_last_mode;

typedef struct sg_options {
    const void *near; /* the region lies within 1.75 GB of this VM code; NULL: of a runtime function */
    size_t size;      /* bytes of the region, reserved but not yet used; 0: 64 MB; at most 1 GB */
    bool perf_map;    /* name each micro-op's code in /tmp/perf-PID.map for perf; makes compiling slow */
    const char *profile; /* append a line for each trace to this file, for `stencilgen build --profile`; NULL: none */
    sg_selection selection;
    uint64_t seed;
    sg_cpu cpu; /* take code for this level at most; 0: the best that this machine has */
    bool no_facts; /* let nothing be known along a trace, to see what facts bring */
    sg_last_mode last;
} sg_options;

/* The level of this machine: processor and operating system. */
sg_cpu sg_cpu_level(void);
const char *sg_cpu_name(sg_cpu level); /* "x86-64-v3" */

/* Of the same VM built for several levels, the lowest first: the best for this machine and `options`. */
const sg_vm *sg_vm_for(const sg_vm *const *vms, size_t count, const sg_options *options);

/* NULL: error->text says why. `options` and `error` may be NULL. `vm` must live as long as the context. */
sg_jit *sg_jit_create(const sg_vm *vm, const sg_options *options, sg_error *error);

/* Frees the context and all its traces. NULL is allowed. */
void sg_jit_destroy(sg_jit *jit);

/* ---- Traces ---- */

/* Compile `length` instructions of vm->instruction_size bytes. NULL: error->text says why. */
sg_code *sg_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error);

/* Exits that were linked to the trace become side exits again; its memory is used anew. NULL is allowed. */
void sg_free(sg_code *code);

typedef enum sg_exit_kind {
    SG_RETURNED, /* a micro-op returned a value */
    SG_EXITED,   /* a side exit was taken, or the trace ran off its end */
} sg_exit_kind;

typedef struct sg_outcome {
    sg_exit_kind kind;
    uint32_t index; /* SG_EXITED: position of the micro-op that exited; the trace's length for its end */
    uint64_t value; /* SG_RETURNED */
    sg_code *code;  /* SG_EXITED: the trace that was left; by links it may be another than the one entered */
} sg_outcome;

/* Run a trace. state[i] is slot i of vm->state, a float in the low half of its slot. After SG_EXITED the
 * array holds the state at the exit; after SG_RETURNED it is unchanged. Re-entrant: micro-ops may call it
 * again. */
sg_outcome sg_enter_code(const sg_jit *jit, const sg_code *code, uint64_t *state);

/* A state variable of up to 8 bytes as a slot. A narrow integer fills it as the calling convention fills a register,
 * extended by its own sign. */
static inline uint64_t sg_slot(const void *variable, size_t size, bool is_signed)
{
    const unsigned unused = 64 - 8 * (unsigned)size;
    uint64_t slot = 0;
    memcpy(&slot, variable, size);
    return is_signed ? (uint64_t)((int64_t)(slot << unused) >> unused) : slot;
}

/* Is it a signed integer? Of any type, structures too. */
#define SG_SIGNED(variable)                                                                                  \
    _Generic((variable), char: (char)-1 < 0, signed char: 1, short: 1, int: 1, long: 1, long long: 1, default: 0)

/* Make the exit of micro-op `exit_index` (`from`'s length: its end) jump straight to `to`, a trace of the
 * same context. Replaces an earlier link. False: error->text says why. */
bool sg_link(sg_code *from, uint32_t exit_index, sg_code *to, sg_error *error);
bool sg_unlink(sg_code *from, uint32_t exit_index, sg_error *error);

/* ---- Looking at traces ---- */

typedef struct sg_info {
    const uint8_t *hot, *cold; /* executable addresses; the trace is entered at `hot` */
    uint32_t hot_size, cold_size;
    uint32_t frame;
    uint32_t length;
    uint32_t exit_count;
} sg_info;

typedef struct sg_extent {
    const uint8_t *hot, *cold;
    uint32_t hot_size, cold_size;
} sg_extent;

typedef struct sg_exit_info {
    uint32_t index;          /* of the micro-op */
    const uint8_t *relative; /* executable address of the stub's rel32 */
    sg_code *target;         /* linked to, or NULL */
} sg_exit_info;

/* Where the code that micro-ops share as SG_COLD(index) lies. */
const void *sg_jit_part(const sg_jit *jit, uint32_t index);
sg_info sg_code_info(const sg_code *code);
/* Where micro-op `index` lies; `index` == length: the end of the trace. */
sg_extent sg_code_extent(const sg_code *code, uint32_t index);
/* The exit with this ordinal, 0 to exit_count - 1, in the order of the micro-ops. */
sg_exit_info sg_code_exit(const sg_code *code, uint32_t ordinal);

/* How to unwind through all code of a context, traces compiled later included: an .eh_frame section (CFA = rbp + 16
 * at every instruction of every trace). Register it once with `__register_frame((void *)unwind.eh_frame)` of
 * libgcc, and take it back with `__deregister_frame` before the context is destroyed; then exceptions, backtrace() and
 * profilers pass through traces. LLVM's libunwind wants each description by itself: skip the first entry, pass the
 * others (an entry is 4 bytes of length, and so many more). */
typedef struct sg_unwind {
    const void *eh_frame; /* valid as long as the context */
    size_t size;          /* bytes, the end mark of 4 bytes included */
    const uint8_t *code;  /* what it describes: executable addresses from here */
    size_t code_size;
} sg_unwind;

sg_unwind sg_jit_unwind(const sg_jit *jit);

/* Which 8-byte places of a trace's frame hold values during a call that a stencil makes by COLLECTING: their distances in
 * bytes from the stack pointer as it is when the call has returned (in the callee: __builtin_frame_address(0) + 16,
 * compiled with a frame pointer; in an unwinder: the callee's CFA). Stores at most `capacity` of them and returns
 * their number; -1 for a call without such a map, or a return address that is not in this context. The collector may change
 * the values. It may run in any thread. */
int sg_stack_map(const sg_jit *jit, const void *return_address, uint32_t *offsets, int capacity);

typedef struct sg_statistics {
    sg_cpu cpu;           /* the level that the context's code is for; 0: what every x86-64 has */
    uint64_t traces;      /* alive */
    uint64_t allocations; /* calls of the C allocator since the context was created */
    uint64_t mappings;    /* calls of mmap since then */
    size_t hot_used, hot_size, cold_used, cold_size, constants_used, constants_size; /* bytes */
} sg_statistics;

sg_statistics sg_jit_statistics(const sg_jit *jit);

#ifdef __cplusplus
}
#endif

#endif
