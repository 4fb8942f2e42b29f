/* Compiled traces, and what is known of them: what run.c, compile.c and report.c share. */
#ifndef MINIPY_JIT_H
#define MINIPY_JIT_H

#include "run.h"
#include "trace.h"

#include "jit_stencils.h"

enum { MAX_TRACES = 2000, MAX_FAILURES = 4 };

typedef struct Trace Trace;

/* Where a trace can be left. */
typedef struct Exit {
    const Instruction *resume; /* the interpreter goes on here */
    Trace *link;               /* or NULL */
    uint32_t taken, failures;
} Exit;

/* What --traces has to know of a trace; counters are raised by the trace itself. */
typedef struct Tally {
    uint64_t started;    /* entered from outside, by the interpreter or by a link */
    uint64_t *executed;  /* of each micro-op */
    Instruction *ops;    /* without instruments */
    uint32_t *lines;
    uint32_t *positions; /* in the instrumented trace */
} Tally;

/* One compiled trace. Positions are those of the micro-ops that run: with --stats and the like, instruments too. */
struct Trace {
    sg_code *code; /* NULL: it was given up */
    uint32_t number;
    uint32_t length;
    uint32_t first; /* micro-ops of the first iteration */
    Loop *loop;     /* that it repeats, or NULL */
    Exit *exits;    /* of each micro-op, and of the end */
    Object **held;  /* what it knows by their address */
    uint32_t held_count;
    uint32_t short_runs, long_runs; /* entered and left within the first iteration, or not */
    uint32_t plain_length, hot_bytes, cold_bytes; /* without instruments */
    Tally *tally;   /* with --traces */
    Stress stress;  /* with --stress-exits, --stress-each */
};

typedef struct Statistics {
    uint64_t traces, side_traces, linked, aborted, given_up, entered;
    uint64_t ops, hot_bytes, cold_bytes;
    uint64_t live_bytes, peak_bytes; /* of code */
    double record_seconds, emit_seconds;
} Statistics;

typedef struct Jit {
    sg_jit *jit;
    const Options *options;
    Thread *thread;
    Statistics statistics;
    Trace *traces[MAX_TRACES]; /* by number */
    uint32_t trace_count;
    struct { const sg_code *code; Trace *trace; } table[1 << 13]; /* by code */
} Jit;

/* ---- compile.c ---- */

/* A trace of what was recorded, which takes what that holds; repeats: back to its head. NULL when it cannot be compiled. */
Trace *compile(Jit *jit, Recording *recorded, Loop *loop, bool repeats);
/* The trace that was left. */
Trace *trace_of(Jit *jit, const sg_code *code);
/* Let an exit jump straight to another trace; false when it cannot. */
bool link_exit(Jit *jit, Trace *from, uint32_t index, Trace *to);
void let_go(Thread *thread, Object **held, uint32_t count);
/* At the program's end. */
void free_traces(Jit *jit);
/* Free the code; exits that led there become side exits. */
void give_up(Jit *jit, Trace *trace);

/* ---- report.c ---- */
double seconds(void);
void print_recording(const Recording *recording, const char *what);
void print_statistics(const Jit *jit);
void write_statistics(const Jit *jit, FILE *file); /* one JSON object */
void write_traces(const Jit *jit, FILE *file);     /* JSON, a line for each trace */
void write_profile(const Jit *jit, FILE *file);    /* for `stencilgen build --profile`, weighted by what was executed */

#endif
