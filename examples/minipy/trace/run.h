/* Running a program: the interpreter, and traces where it gets hot. */
#ifndef MINIPY_RUN_H
#define MINIPY_RUN_H

#include "../vm/vm.h"

typedef enum JitMode { JIT_OFF, JIT_ON, JIT_ALWAYS } JitMode;

typedef struct Options {
    JitMode jit;
    Interpreter *interpreter;
    bool check, dump, print_statistics;
    bool no_facts;         /* micro-ops tell each other nothing */
    bool statistics;       /* count */
    FILE *statistics_file; /* or NULL */
    FILE *traces, *profile; /* or NULL: count each micro-op */
    int64_t stress;         /* 0, or every so many guards one fails on demand */
    int64_t stress_each;    /* 0, or each guard fails when it is reached for the so-manyth time, once */
    uint32_t selection;     /* of units in traces: an sg_selection */
    uint64_t seed;          /* with random selection */
} Options;

/* The exit code. */
int run_program(Thread *thread, const Options *options);

#endif
