/* The functions that stencils of this VM call, and the random memory its runs start from. */
#include "vm.h"

#include "../support/harness.h"

#include <string.h>

#define machine ((Machine *)ARENA_ADDRESS)

const size_t vm_arena_size = sizeof(Machine);
VM_DATA uint64_t vm_unused = 0;

static void log_real(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    harness_log(bits);
}

double vm_wave(double value)
{
    HELPER();
    log_real(value);
    return value * 0.75 + 1;
}

float vm_mix(float a, double b, uint32_t c)
{
    HELPER();
    log_real((double)a);
    log_real(b);
    harness_log(c);
    return a * 0.5f + (float)c;
}

int64_t vm_count(int8_t a, uint16_t b, bool c, uint32_t d)
{
    HELPER();
    harness_log((uint64_t)a);
    harness_log(b);
    harness_log(c);
    harness_log(d);
    return a + b;
}

void vm_print(Machine *where, double value)
{
    HELPER();
    log_real(value);
    where->turns++;
}

uint64_t vm_object(uint32_t index);

uint64_t vm_object(uint32_t index)
{
    return (uintptr_t)&machine->integers[index];
}

static double random_real(void)
{
    const int64_t value = (int64_t)harness_random();
    return harness_random() % 16 == 0 ? 0.0 : (double)(value >> (value & 63)) / 16.0;
}

/* Integers come near the operands that they are compared with. */
static uint64_t random_integer(const Instruction *near)
{
    const uint64_t choice = harness_random();
    return choice % 3 == 0 ? harness_random() : (uint64_t)near->imm + choice % 3 - 1;
}

void vm_start(const Instruction *trace, uint32_t length, uint64_t *state)
{
    const Instruction *const near = &trace[harness_random() % length];
    machine->fuel = (uint32_t)(harness_random() % 6);
    machine->turns = 0;
    for (int i = 0; i < 64; i++) {
        machine->variables[i] = random_real();
        machine->singles[i] = (float)random_real();
        machine->integers[i] = (int64_t)harness_random();
    }
    for (int i = 0; i < 2048; i++) {
        machine->stack[i] = (i ^ 0x55) * 0.375 - 100;
    }
    const double reals[] = {random_real(), harness_random() % 4 == 0 ? near->number : random_real()};
    const float ratio = (float)random_real();
    state[0] = (uintptr_t)machine;
    state[1] = (uintptr_t)&machine->stack[1024];
    memcpy(&state[2], &reals[0], 8);
    memcpy(&state[3], &ratio, 4);
    state[4] = (uint32_t)random_integer(near);
    state[5] = (uint32_t)(int8_t)random_integer(near);
    state[6] = harness_random() & 1;
    state[7] = (uint16_t)random_integer(near);
    memcpy(&state[8], &reals[1], 8);
    state[9] = (uint32_t)random_integer(near);
    state[10] = (uint32_t)random_integer(near);
    state[11] = (uint32_t)random_integer(near);
}
