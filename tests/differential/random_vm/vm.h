/* The VM of random stencils: plain arrays of every type, and helpers without meaning. */
#ifndef VM_H
#define VM_H

#include "../support/instruction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Thread {
    uint32_t fuel; /* how many more times this run may jump */
    int32_t spare;
    uint8_t u8[16];
    int8_t i8[16];
    uint16_t u16[16];
    int16_t i16[16];
    uint32_t u32[16];
    int32_t i32[16];
    uint64_t u64[16];
    int64_t i64[16];
    float f32[16];
    double f64[16];
} Thread;

enum { STACK = 4096 };

extern uint64_t vm_global[16];
extern uint32_t vm_word;

uint64_t vm_one(uint64_t);
uint64_t vm_two(uint32_t, int16_t);
double vm_real(double, uint64_t);
float vm_single(float);
void vm_note(Thread *, int8_t);
uint64_t vm_many(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, double, int32_t);
uint64_t vm_format(const char *, ...);
void vm_fill(uint64_t *, uint64_t);
__attribute__((preserve_most)) void vm_slow(Thread *, uint64_t);
__attribute__((cold)) void vm_rare(uint64_t);
__attribute__((noreturn, cold)) void vm_abort(uint64_t);

#endif
