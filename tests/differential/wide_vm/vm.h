/* A VM that keeps numbers of many types in registers between its micro-ops. */
#ifndef VM_H
#define VM_H

#include "../support/instruction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Machine {
    uint32_t fuel; /* how many more times this run may jump */
    uint32_t turns;
    double variables[64];
    float singles[64];
    int64_t integers[64];
    double stack[2048];
} Machine;

double vm_wave(double);
float vm_mix(float, double, uint32_t);
int64_t vm_count(int8_t, uint16_t, bool, uint32_t);
void vm_print(Machine *, double);

#endif
