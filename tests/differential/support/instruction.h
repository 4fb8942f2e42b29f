/* One micro-op of a trace in the test VMs. All of them share it, so that the Python side knows one layout. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include <stdint.h>

typedef struct Instruction {
    uint16_t opcode;
    uint16_t oparg;  /* any value */
    uint8_t slot;    /* 0 to 63 */
    int8_t step;     /* -3 to 3 */
    uint16_t choice; /* 0 to 7 */
    uint32_t target; /* labels: positions in the trace */
    uint32_t other;
    int64_t imm;      /* any value */
    uint64_t operand; /* any value */
    int64_t bias;     /* any value, but the same in all micro-ops of a trace */
    const void *pointer;
    double number;
    float single;
} Instruction;

#endif
