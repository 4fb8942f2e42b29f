/* The functions that stencils of the test VM call, and the random memory its runs start from. */
#include "vm.h"

#include "../support/harness.h"

#include <stdarg.h>
#include <string.h>

typedef struct Arena {
    Frame frame;
    Thread thread;
    Object objects[OBJECTS];
    Object *items[8];
    Object *stack[STACK];
} Arena;

#define arena ((Arena *)ARENA_ADDRESS)

const size_t vm_arena_size = sizeof(Arena);

const Type Float_Type = {"float", vm_dealloc, 0x1234567};
const Type Int_Type = {"int", vm_dealloc, 0x89ABCDEF01};
const Type List_Type = {"list", vm_dealloc, 3};
VM_DATA int64_t vm_counter = 0;
VM_DATA uint8_t vm_flags[256] = {0};
VM_DATA uint64_t vm_table[64] = {0};
VM_DATA Object *vm_none = NULL;

static uint64_t double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

#define LOG(value) harness_log((uint64_t)(value))

void vm_raise(Thread *thread, const char *message)
{
    HELPER();
    harness_log_text(message);
    thread->status += 5;
}

void vm_dealloc(Object *object)
{
    HELPER();
    LOG(object);
    object->refcount = 3;
    object->next = arena->thread.freelist;
    if (arena->thread.free_count < 4) {
        arena->thread.free_count++;
        arena->thread.freelist = object;
    }
}

Object *vm_float_new(Thread *thread, double value)
{
    HELPER();
    LOG(double_bits(value));
    if (thread->counter & 1) {
        return NULL;
    }
    Object *const object = &arena->objects[thread->counter & (OBJECTS - 1)];
    object->number = value;
    object->refcount = 1;
    return object;
}

int vm_print(const char *format, ...)
{
    HELPER();
    va_list arguments;
    va_start(arguments, format);
    int count = 0;
    for (; *format != '\0'; format++, count++) {
        switch (*format) {
        case 'i':
            LOG(va_arg(arguments, int));
            break;
        case 'd':
            LOG(double_bits(va_arg(arguments, double)));
            break;
        default:
            harness_log_text(va_arg(arguments, const char *));
        }
    }
    va_end(arguments);
    return count;
}

void vm_abort(const char *message)
{
    HELPER();
    harness_log_text(message);
    harness_abort();
}

int64_t vm_opaque(int64_t value, Thread *thread)
{
    HELPER();
    LOG(value);
    thread->counter ^= 0x55;
    return (int64_t)((uint64_t)value * 31 + 7);
}

double vm_real(double value)
{
    HELPER();
    LOG(double_bits(value));
    return value * 0.75;
}

void vm_nothing(void)
{
    HELPER();
}

int64_t vm_sum6(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f)
{
    HELPER();
    const int64_t values[] = {a, b, c, d, e, f};
    uint64_t sum = 0;
    for (unsigned i = 0; i < 6; i++) {
        LOG(values[i]);
        sum = sum * 3 + (uint64_t)values[i];
    }
    return (int64_t)sum;
}

int64_t vm_sum9(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h, int64_t i)
{
    HELPER();
    const int64_t values[] = {a, b, c, d, e, f, g, h, i};
    uint64_t sum = 0;
    for (unsigned n = 0; n < 9; n++) {
        LOG(values[n]);
        sum = sum * 3 + (uint64_t)values[n];
    }
    return (int64_t)sum;
}

double vm_mixed(int8_t a, double b, uint16_t c, float d, bool e, int64_t f, double g)
{
    HELPER();
    LOG(a);
    LOG(double_bits(b));
    LOG(c);
    LOG(double_bits(d));
    LOG(e);
    LOG(f);
    LOG(double_bits(g));
    return b + a;
}

double vm_reals10(double a, double b, double c, double d, double e, double f, double g, double h, double i, double j)
{
    HELPER();
    const double values[] = {a, b, c, d, e, f, g, h, i, j};
    for (unsigned n = 0; n < 10; n++) {
        LOG(double_bits(values[n]));
    }
    return a * 0.5 + j;
}

Pair vm_pair(int64_t a, int64_t b)
{
    HELPER();
    LOG(a);
    LOG(b);
    return (Pair){b ^ 3, a ^ 5};
}

Triple vm_triple(int64_t a, int64_t b)
{
    HELPER();
    LOG(a);
    LOG(b);
    return (Triple){b ^ 3, a ^ 5, b ^ 7};
}

int64_t vm_triple_sum(Triple triple)
{
    HELPER();
    LOG(triple.first);
    LOG(triple.second);
    LOG(triple.third);
    return triple.first ^ triple.second ^ triple.third;
}

void vm_fill(int64_t *values, uint64_t seed)
{
    HELPER();
    LOG(seed);
    for (uint64_t i = 0; i < 8; i++) {
        values[i] = (int64_t)(seed * (i + 1));
    }
}

int64_t vm_bytes(const uint8_t *bytes, uint64_t count)
{
    HELPER();
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        sum = sum * 31 + bytes[i];
    }
    LOG(sum);
    return (int64_t)sum;
}

void vm_slow(Thread *thread)
{
    harness_enter(__func__, __builtin_frame_address(0));
    thread->counter++;
}

int64_t vm_slow_value(Thread *thread, int64_t value)
{
    harness_enter(__func__, __builtin_frame_address(0));
    SCRAMBLE_REGISTERS();
    LOG(value);
    thread->counter++;
    return value ^ 0x77;
}

void vm_rare(Thread *thread)
{
    HELPER();
    thread->status--;
}

uint64_t vm_tail(Frame *frame, Object **sp, Thread *thread, int64_t acc)
{
    HELPER();
    LOG(frame);
    LOG(sp);
    LOG(thread);
    LOG(acc);
    return (uint64_t)acc ^ 0x1111;
}

int64_t vm_none_call(Thread *thread, int64_t value)
{
    HELPER();
    __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15");
    LOG(value);
    thread->counter++;
    return value ^ 0x3333;
}

int64_t vm_other(int64_t value, Thread *thread)
{
    return vm_opaque(value, thread) + 1;
}

/* ---- Where runs start ---- */

/* For operands that are pointers. */
uint64_t vm_object(uint32_t index);

uint64_t vm_object(uint32_t index)
{
    return (uintptr_t)&arena->objects[index];
}

static Object *random_object(void)
{
    return &arena->objects[harness_random() % OBJECTS];
}

static double random_real(void)
{
    const int64_t value = (int64_t)harness_random();
    return (double)(value >> (value & 63)) / 16.0;
}

/* Near what the trace's holes compare it with, or an edge of some width, or anything. */
static uint64_t random_value(const Instruction *instruction)
{
    const uint64_t choice = harness_random();
    const uint64_t near = choice >> 8 & 1 ? (uint64_t)instruction->imm : instruction->operand;
    switch (choice % 4) {
    case 0:
        return near;
    case 1:
        return near + (choice >> 16) % 3 - 1;
    case 2:
        return (UINT64_C(1) << (choice >> 16 & 63)) - (choice >> 32) % 3;
    default:
        return harness_random();
    }
}

#define EACH_BASE(X) X(i8, int8_t) X(u8, uint8_t) X(i16, int16_t) X(u16, uint16_t) X(i32, int32_t) X(u32, uint32_t) X(i64, int64_t) X(u64, uint64_t)

void vm_start(const Instruction *trace, uint32_t length, uint64_t *state)
{
    const Instruction *const near = &trace[harness_random() % length];
    uint64_t *const words = (uint64_t *)(void *)arena;
    for (size_t i = 0; i < offsetof(Arena, objects) / 8; i++) {
        words[i] = harness_random();
    }
    Frame *const frame = &arena->frame;
    Thread *const thread = &arena->thread;
    for (int i = 0; i < OBJECTS; i++) {
        const Type *const types[] = {&Float_Type, &Float_Type, &Float_Type, &Int_Type, &List_Type};
        Object *const object = &arena->objects[i];
        object->refcount = 1 + (int64_t)(harness_random() % 3);
        object->type = types[harness_random() % 5];
        object->number = random_real();
        object->integer = (int64_t)random_value(near);
        object->next = harness_random() % 4 == 0 ? NULL : random_object();
        object->items = arena->items;
        object->length = harness_random() % 9;
    }
    for (int i = 0; i < 8; i++) {
        arena->items[i] = random_object();
    }
    for (int i = 0; i < STACK; i++) {
        arena->stack[i] = &arena->objects[(i * 7 + (int)(near->oparg)) % OBJECTS];
    }
    for (int i = 0; i < 64; i++) {
        frame->locals[i] = random_object();
        frame->optional[i] = harness_random() % 4 == 0 ? NULL : random_object();
    }
    frame->callback = vm_opaque;
    frame->continuation = vm_tail;

    thread->freelist = harness_random() % 4 == 0 ? NULL : random_object();
    thread->free_count = 2;
    thread->fuel = (uint32_t)(harness_random() % 6);
    thread->counter = (int64_t)random_value(near);
    thread->result = NULL;
    thread->status = (int32_t)random_value(near);
    thread->small = (uint32_t)(harness_random() & 7);
    thread->never = harness_random() % 16 == 0;
    thread->level = (int32_t)random_value(near);
    thread->cells = (Cells){0};
#define CELL(kind, type) thread->cells.kind = (type)random_value(near);
    EACH_BASE(CELL)
#define BASE(kind, type)                                                                                  \
    thread->bases.kind = (uintptr_t)&thread->scratch[24] - (uintptr_t)(type)near->bias;                   \
    thread->rows.kind = (uintptr_t)&thread->scratch[24] - 8 * (uintptr_t)(type)near->bias;
    EACH_BASE(BASE)
    for (int i = 0; i < 64; i++) {
        thread->scratch[i] = i < 8 ? random_value(near) : harness_random();
    }
    for (int i = 0; i < 8; i++) {
        thread->reals[i] = harness_random() % 4 == 0 ? near->number : random_real();
        thread->singles[i] = harness_random() % 4 == 0 ? near->single : (float)random_real();
    }
    vm_counter = (int64_t)harness_random();
    for (int i = 0; i < 64; i++) {
        vm_table[i] = harness_random();
        vm_flags[4 * i] = (uint8_t)harness_random();
    }
    vm_none = &arena->objects[0];

    state[0] = (uintptr_t)frame;
    state[1] = (uintptr_t)&arena->stack[STACK / 2];
    state[2] = (uintptr_t)thread;
    state[3] = random_value(near);
}
