/* Traces: recorded, optimised, compiled, run. One idea per file:
 *
 *     record.c     watches the interpreter for one iteration and writes down specialised micro-ops and guards
 *     optimise.c   drops what is already known, chooses the cheapest variant
 *     instrument.c puts counters between micro-ops
 *     compile.c    makes code of it; links exits; gives traces up
 *     run.c        decides what to record, and enters traces
 *     report.c     says what was done
 */
#ifndef MINIPY_TRACE_H
#define MINIPY_TRACE_H

#include "../vm/vm.h"

enum {
    MAX_RECORDED = 1200,    /* micro-ops of a recording, which then ends */
    MAX_PER_INSTRUCTION = 8,
    MAX_OPTIMISED = 4 * (MAX_RECORDED + MAX_PER_INSTRUCTION), /* each may need one more, and a loop is unrolled once */
    MAX_OPS = 4 * MAX_OPTIMISED + 1, /* each with up to three instruments */
    MAX_INLINED = 24,
};

/* Micro-ops; for each the instruction that it is part of, and the one with which the interpreter goes on after an exit. */
typedef struct Recording {
    uint32_t length;
    Instruction ops[MAX_OPS];
    const Instruction *origin[MAX_OPS];
    const Instruction *resume[MAX_OPS + 1]; /* the last: where the trace ends */
    uint32_t held_count;
    Object *held[MAX_RECORDED + MAX_PER_INSTRUCTION]; /* by a count of ours: those that it knows by their address */
} Recording;

typedef enum Ending {
    ENDING_NONE,   /* go on */
    ENDING_REPEAT, /* back at the head that the trace started from */
    ENDING_LINK,   /* at the head of a loop that has a trace */
    ENDING_STOP,   /* at something that the interpreter has to do */
    ENDING_ABORT,  /* not worth a trace, or too long */
} Ending;

typedef struct Recorder {
    Thread *thread;
    Loop *root;           /* the loop that is recorded; NULL for a trace that starts at an exit */
    const Call *frame;    /* where it started */
    Recording *recording;
    const Instruction *start;
    bool must_stay;       /* in the loop, or the recording is not worth a trace */
    int depth;            /* calls entered less calls left */
    Loop *link;           /* ENDING_LINK */
    Loop *awaited;        /* ENDING_STOP: because this loop has no trace, or not yet */
    const Instruction *next; /* where control is at the ending */
} Recorder;

/* Record the instruction that is about to be executed with these slots. */
Ending record_instruction(Recorder *recorder, const Instruction *ip, Value *slots);

/* recorded → optimised; repeats: the trace is a loop, and gets a first iteration of its own when that pays. */
void optimise(const Recording *recorded, bool repeats, const Value *constants, Recording *result);

/* How guards are made to fail: every so many, counted in `of_all`; or, unless `of_each` is NULL, each when it is reached for
 * the `turn`-th time, and then no more. */
typedef struct Stress {
    int64_t *of_all, *of_each; /* countdowns */
    int64_t turn;
    uint32_t guards;           /* that have one of their own */
} Stress;

/* stress, unless NULL: a STRESS before every micro-op that can exit. count: a COUNT for each bytecode instruction. tally,
 * unless NULL: a TALLY for each micro-op, and one for the start. */
struct Tally;
void instrument(const Recording *plain, Stress *stress, bool count, struct Tally *tally, Recording *result);

#endif
