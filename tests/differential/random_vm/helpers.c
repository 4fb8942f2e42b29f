/* The functions that random stencils call, and the random memory their runs start from. */
#include "vm.h"

#include "../support/harness.h"
#include "state.h"

#include <stdarg.h>
#include <string.h>

typedef struct Arena {
    Thread thread;
    uint64_t frame[64];
    uint64_t stack[STACK];
} Arena;

#define arena ((Arena *)ARENA_ADDRESS)

const size_t vm_arena_size = sizeof(Arena);
VM_DATA uint64_t vm_global[16] = {0};
VM_DATA uint32_t vm_word = 0;

static void log_real(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    harness_log(value == value ? bits : 1);
}

uint64_t vm_one(uint64_t value)
{
    HELPER();
    harness_log(value);
    return value * 31 + 7;
}

uint64_t vm_two(uint32_t a, int16_t b)
{
    HELPER();
    harness_log(a);
    harness_log((uint64_t)b);
    return a ^ (uint64_t)b;
}

double vm_real(double value, uint64_t other)
{
    HELPER();
    log_real(value);
    harness_log(other);
    return (double)(other & 0xFFFF) * 0.25;
}

float vm_single(float value)
{
    HELPER();
    log_real((double)value);
    return value > 1 ? 0.5f : 2.0f;
}

void vm_note(Thread *thread, int8_t value)
{
    HELPER();
    harness_log((uint64_t)value);
    thread->i8[3] = value;
}

uint64_t vm_many(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, double h, int32_t i)
{
    HELPER();
    const uint64_t values[] = {a, b, c, d, e, f, g, (uint64_t)i};
    uint64_t sum = 0;
    for (unsigned n = 0; n < 8; n++) {
        harness_log(values[n]);
        sum = sum * 3 + values[n];
    }
    log_real(h);
    return sum;
}

uint64_t vm_format(const char *format, ...)
{
    HELPER();
    va_list arguments;
    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (*format == 'd') {
            log_real(va_arg(arguments, double));
        } else {
            harness_log(va_arg(arguments, uint64_t));
        }
    }
    va_end(arguments);
    return 5;
}

void vm_fill(uint64_t *values, uint64_t seed)
{
    HELPER();
    harness_log(seed);
    for (uint64_t i = 0; i < 4; i++) {
        values[i] = seed * (i + 3);
    }
}

void vm_slow(Thread *thread, uint64_t value)
{
    harness_enter(__func__, __builtin_frame_address(0));
    harness_log(value);
    thread->spare++;
}

void vm_rare(uint64_t value)
{
    HELPER();
    harness_log(value);
}

void vm_abort(uint64_t value)
{
    HELPER();
    harness_log(value);
    harness_abort();
}

uint64_t vm_object(uint32_t index);

uint64_t vm_object(uint32_t index)
{
    return (uintptr_t)&arena->frame[index];
}

/* ---- Where runs start ---- */

static double random_real(void)
{
    const int64_t value = (int64_t)harness_random();
    return harness_random() % 16 == 0 ? 0.0 : (double)(value >> (value & 63)) / 16.0;
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

#define FILL(array, value)               \
    for (size_t i = 0; i < 16; i++) {    \
        thread->array[i] = value;        \
    }

void vm_start(const Instruction *trace, uint32_t length, uint64_t *state)
{
    const Instruction *const near = &trace[harness_random() % length];
    Thread *const thread = &arena->thread;
    thread->fuel = (uint32_t)(harness_random() % 5);
    thread->spare = 0;
    FILL(u8, (uint8_t)random_value(near))
    FILL(i8, (int8_t)random_value(near))
    FILL(u16, (uint16_t)random_value(near))
    FILL(i16, (int16_t)random_value(near))
    FILL(u32, (uint32_t)random_value(near))
    FILL(i32, (int32_t)random_value(near))
    FILL(u64, random_value(near))
    FILL(i64, (int64_t)random_value(near))
    FILL(f32, (float)random_real())
    FILL(f64, random_real())
    for (int i = 0; i < 64; i++) {
        arena->frame[i] = harness_random();
    }
    for (int i = -200; i < 200; i++) {
        arena->stack[STACK / 2 + i] = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15);
    }
    for (int i = 0; i < 16; i++) {
        vm_global[i] = random_value(near);
    }
    vm_word = (uint32_t)random_value(near);
    for (size_t i = 0; STATE_KINDS[i] != '\0'; i++) {
        const double real = random_real();
        const float single = (float)real;
        switch (STATE_KINDS[i]) {
        case 'T':
            state[i] = (uintptr_t)thread;
            break;
        case 'F':
            state[i] = (uintptr_t)arena->frame;
            break;
        case 'S':
            state[i] = (uintptr_t)&arena->stack[STACK / 2];
            break;
        case 'd':
            memcpy(&state[i], &real, 8);
            break;
        case 'f':
            memcpy(&state[i], &single, 4);
            break;
        case 'w':
            state[i] = (uint32_t)random_value(near);
            break;
        default:
            state[i] = random_value(near);
        }
    }
}
