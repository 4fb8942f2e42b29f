/* A runtime that keeps traces as CPython's JIT does: each in pages of its own.
 *
 *     measure ─▶ mmap, writable ─▶ copy and patch ─▶ mprotect, executable ─▶ … ─▶ munmap
 *
 *     | code | jump to the exit routine | exit stubs | … | offset table | up to the end of the page
 *
 * It offers the functions of stencilgen/jit.h that a generated header calls, as far as traces are compiled, entered and freed,
 * and those of stencilgen/emit.h that emit functions call; it takes the place of stencilgen's runtime when a VM is linked. What
 * the trace refers to by the offset table has its slots there, so no two traces share any. Where CPython's way is dearer, the
 * cheaper one is taken: a trace's record is one allocation, and mappings lie where calls of the VM reach them if the system
 * puts them there.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "paged.h"

#include <stencilgen/jit.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE = 4096, STATE = 4, JUMP_OUT = 14 };

struct sg_fixup {
    uint8_t *field;
    uint32_t target;
};

struct sg_code {
    sg_jit *jit;
    uint8_t *pages;
    size_t size; /* whole pages */
    uint32_t hot_size, cold, cold_size, length;
    uint8_t **labels, **cold_labels; /* length + 1 each */
};

struct sg_jit {
    const sg_vm *vm;
    sg_assembler as;
    uint8_t *constants;
    uint64_t *first_slot, *end_of_slots; /* of the offset table of the trace at hand, which grows downwards */
    sg_statistics statistics;
};

/* ---- Entering and leaving: the state's integers in preserve_none's registers ---- */

typedef struct raw_exit {
    uint64_t value, exit; /* bit 63 set: a side exit; the micro-op's position */
} raw_exit;

raw_exit cp_enter(const void *entry, uint64_t *state);
void cp_leave(void);

__asm__(".text\n"
        ".globl cp_enter\n"
        ".type cp_enter, @function\n"
        "cp_enter:\n"
        "    push %rbp\n    mov %rsp, %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    push %rsi\n"
        "    mov %rdi, %rax\n"
        "    mov (%rsi), %r12\n    mov 8(%rsi), %r13\n    mov 16(%rsi), %r14\n    mov 24(%rsi), %r15\n"
        "    call *%rax\n"
        "    pop %rdx\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n    ret\n"
        ".size cp_enter, . - cp_enter\n"
        ".globl cp_leave\n"
        ".type cp_leave, @function\n"
        "cp_leave:\n" /* r10d: the micro-op's position; at rsp the address in cp_enter, above it that of the state */
        "    mov 8(%rsp), %rbx\n"
        "    mov %r12, (%rbx)\n    mov %r13, 8(%rbx)\n    mov %r14, 16(%rbx)\n    mov %r15, 24(%rbx)\n"
        "    bts $63, %r10\n"
        "    mov %r10, 8(%rsp)\n"
        "    ret\n"
        ".size cp_leave, . - cp_leave\n");

sg_outcome sg_enter_code(const sg_jit *jit, const sg_code *code, uint64_t *state)
{
    uint64_t registers[STATE] = {0};
    memcpy(registers, state, jit->vm->state_count * sizeof *state);
    const raw_exit raw = cp_enter(code->pages, registers);
    if (raw.exit >> 63 == 0) {
        return (sg_outcome){.kind = SG_RETURNED, .value = raw.value};
    }
    memcpy(state, registers, jit->vm->state_count * sizeof *state);
    return (sg_outcome){.kind = SG_EXITED, .index = (uint32_t)raw.exit, .code = (sg_code *)code};
}

/* ---- What emit functions call ---- */

void sg_fail(sg_assembler *as, const char *format, ...)
{
    if (!as->failed && as->error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(as->error->text, sizeof as->error->text, format, arguments);
        va_end(arguments);
    }
    as->failed = true;
}

void sg_fail_reach(sg_assembler *as, uintptr_t address)
{
    sg_fail(as, "micro-op %" PRIu32 ": 0x%" PRIxPTR " is out of reach", as->index, address);
}

const void *sg_literal64(sg_assembler *as, uint64_t value)
{
    sg_jit *const jit = as->jit;
    for (uint64_t *slot = jit->first_slot; slot < jit->end_of_slots; slot++) {
        if (*slot == value) {
            return slot;
        }
    }
    *--jit->first_slot = value;
    return jit->first_slot;
}

uint8_t *sg_far_branch(sg_assembler *as, uint8_t *p, uintptr_t address, uint8_t opcode)
{
    sg_put16(p, opcode == 0xE8 ? 0x15FF : 0x25FF);
    sg_relative32(p + 2, sg_literal64(as, address));
    return p + 6;
}

void sg_label_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    if (as->fixup_count == as->fixup_capacity) {
        as->fixup_capacity = as->fixup_capacity == 0 ? 64 : 2 * as->fixup_capacity;
        as->fixups = realloc(as->fixups, as->fixup_capacity * sizeof *as->fixups);
    }
    if (as->fixups == NULL || target > as->length) {
        sg_fail(as, "label %" PRIu64 " is outside of the trace", target);
        return;
    }
    as->fixups[as->fixup_count++] = (sg_fixup){p, (uint32_t)target};
    as->reaches_end |= target == as->length;
}

uint8_t *sg_jump_ahead(sg_assembler *as, uint8_t *p, uint64_t target)
{
    p[0] = 0xE9;
    sg_label_ahead(as, p + 1, target);
    return p + 5;
}

/* ---- Contexts ---- */

const sg_vm *sg_vm_for(const sg_vm *const *vms, size_t count, const sg_options *options)
{
    (void)count;
    (void)options;
    return vms[0];
}

sg_jit *sg_jit_create(const sg_vm *vm, const sg_options *options, sg_error *error)
{
    (void)options;
    bool simple = vm->state_count <= STATE;
    for (uint32_t i = 0; i < vm->state_count; i++) {
        simple &= vm->state[i] == 'i';
    }
    sg_jit *const jit = calloc(1, sizeof *jit);
    /* beside the traces: instructions refer to them by 32-bit distances */
    uint8_t *const constants =
        mmap(NULL, vm->rodata_size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!simple || jit == NULL || constants == MAP_FAILED) {
        snprintf(error->text, sizeof error->text, "out of memory, or a state of other than %d integers at most", STATE);
        free(jit);
        return NULL;
    }
    if (vm->rodata_size != 0) {
        memcpy(constants, vm->rodata, vm->rodata_size);
    }
    for (size_t i = 0; i < vm->relocation_count; i++) {
        const sg_relocation *const r = &vm->relocations[i];
        const uintptr_t start = r->kind == SG_RELOCATION_RODATA ? (uintptr_t)constants : (uintptr_t)r->symbol;
        sg_put64(constants + r->offset, start + (uint64_t)r->addend);
    }
    jit->vm = vm;
    jit->constants = constants;
    jit->as = (sg_assembler){.rodata = constants, .jit = jit};
    return jit;
}

void sg_jit_destroy(sg_jit *jit)
{
    if (jit != NULL) {
        free(jit->as.fixups);
        munmap(jit->constants, jit->vm->rodata_size + PAGE);
        free(jit);
    }
}

sg_statistics sg_jit_statistics(const sg_jit *jit)
{
    return jit->statistics;
}

const void *sg_jit_part(const sg_jit *jit, uint32_t index)
{
    (void)jit;
    (void)index;
    return NULL; /* copied stencils share no code */
}

/* ---- Traces ---- */

void sg_free(sg_code *code)
{
    if (code == NULL) {
        return;
    }
    if (code->pages != NULL) {
        munmap(code->pages, code->size);
        code->jit->statistics.hot_used -= code->size;
        code->jit->statistics.traces--;
    }
    free(code);
}

static sg_code *failed(sg_code *code, sg_error *error, const char *what)
{
    if (error != NULL) {
        snprintf(error->text, sizeof error->text, "%s: %s", what, strerror(errno));
    }
    sg_free(code);
    return NULL;
}

static void begin(sg_jit *jit, sg_code *code, const sg_size *size, const void *trace, sg_error *error)
{
    sg_assembler *const as = &jit->as;
    uint8_t *const out = code->pages + size->hot + CP_EXIT_STUB;
    as->hot = code->pages;
    as->cold = out + JUMP_OUT;
    as->hot_limit = out;
    as->labels = code->labels;
    as->cold_labels = code->cold_labels;
    as->length = code->length;
    as->fixup_count = 0;
    as->trace = trace;
    as->error = error;
    as->failed = false;
    as->reaches_end = code->length == 0;
    jit->first_slot = jit->end_of_slots = (uint64_t *)(void *)(code->pages + code->size);
    const uint64_t address = (uintptr_t)&cp_leave;
    memcpy(out, "\xFF\x25\0\0\0\0", 6); /* jmp [rip] */
    memcpy(out + 6, &address, sizeof address);
    code->cold = (uint32_t)(as->cold - code->pages);
}

static void finish(sg_jit *jit, sg_code *code)
{
    sg_assembler *const as = &jit->as;
    const uint32_t length = code->length;
    const sg_op *const last = length == 0 ? NULL : &jit->vm->ops[jit->vm->opcode(
        (const uint8_t *)as->trace + (length - 1) * jit->vm->instruction_size)];
    sg_begin_micro_op(as, length);
    if (last == NULL || (last->flags & SG_ENDS) == 0 || as->reaches_end) {
        as->hot = cp_exit_stub(as, as->hot);
    }
    for (size_t i = 0; i < as->fixup_count; i++) {
        sg_relative32(as->fixups[i].field, code->labels[as->fixups[i].target]);
    }
    code->hot_size = (uint32_t)(as->hot - code->pages);
    code->cold_size = (uint32_t)(as->cold - (code->pages + code->cold));
}

sg_code *sg_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error)
{
    const sg_vm *const vm = jit->vm;
    sg_size size = {0};
    if (vm->measure(trace, (uint32_t)length, &size) != length) {
        errno = EINVAL;
        return failed(NULL, error, "a micro-op has no stencil");
    }
    const size_t record = sizeof(sg_code) + (length + 1) * 2 * sizeof(uint8_t *);
    sg_code *const code = malloc(record);
    if (code == NULL) {
        return failed(NULL, error, "a trace's record");
    }
    *code = (sg_code){.jit = jit, .length = (uint32_t)length};
    code->labels = (uint8_t **)(code + 1);
    code->cold_labels = code->labels + length + 1;
    /* max_cold holds the slots of the offset table too (bench/baseline/emit.py) */
    const size_t most = size.hot + CP_EXIT_STUB + JUMP_OUT + size.cold + SG_SLACK;
    code->size = (most + PAGE - 1) & ~(size_t)(PAGE - 1);
    void *const pages = mmap(NULL, code->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return failed(code, error, "mmap");
    }
    code->pages = pages;
    jit->statistics.mappings++;
    jit->statistics.traces++;
    jit->statistics.hot_used += code->size;
    begin(jit, code, &size, trace, error);
    vm->emit(&jit->as, trace, (uint32_t)length);
    if (jit->as.failed) {
        sg_free(code);
        return NULL;
    }
    finish(jit, code);
    if (mprotect(code->pages, code->size, PROT_READ | PROT_EXEC) != 0) {
        return failed(code, error, "mprotect");
    }
    return code;
}

/* ---- Looking at traces ---- */

sg_info sg_code_info(const sg_code *code)
{
    return (sg_info){
        .hot = code->pages,
        .cold = code->pages + code->cold,
        .hot_size = code->hot_size,
        .cold_size = code->cold_size,
        .length = code->length,
    };
}

sg_extent sg_code_extent(const sg_code *code, uint32_t index)
{
    const bool last = index == code->length;
    const uint8_t *const hot_end = last ? code->pages + code->hot_size : code->labels[index + 1];
    const uint8_t *const cold_end = last ? code->pages + code->cold + code->cold_size : code->cold_labels[index + 1];
    return (sg_extent){
        .hot = code->labels[index],
        .cold = code->cold_labels[index],
        .hot_size = (uint32_t)(hot_end - code->labels[index]),
        .cold_size = (uint32_t)(cold_end - code->cold_labels[index]),
    };
}
