/* calculator PROGRAM: run a program in reverse Polish notation twice, through the interpreter and as a trace.
 *
 * A trace has one micro-op for each instruction of the program, so that a position in one is a position in the other.
 * When a trace takes a side exit, the interpreter goes on with the instruction that exited, and with the same state.
 */
#include "jit_stencils.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_PROGRAM = 4096 };

/* Processor time: what else runs on the machine does not count. */
static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Enter the trace; the interpreter finishes what the trace leaves to it. */
static Value run_trace(const sg_jit *jit, const sg_code *code, Machine *machine, const Instruction *program, bool *exited)
{
    const sg_exit exit = sg_enter(jit, code, machine, machine->stack, 0);
    *exited = exit.kind == SG_EXITED;
    if (*exited) {
        return interpret(exit.state.machine, program, exit.index, exit.state.sp, exit.state.top);
    }
    Value result;
    memcpy(&result, &exit.value, sizeof result);
    return result;
}

static bool same(const Machine *a, const Machine *b, Value result_a, Value result_b)
{
    return a->printed_count == b->printed_count && memcmp(a->printed, b->printed, sizeof a->printed) == 0 &&
           a->faults == b->faults && memcmp(&result_a, &result_b, sizeof result_a) == 0;
}

int main(int argc, char **argv)
{
    static Instruction program[MAX_PROGRAM];
    static Machine interpreted, traced;
    if (argc != 2) {
        fprintf(stderr, "usage: calculator PROGRAM\n");
        return 2;
    }
    const uint32_t length = parse(argv[1], program, MAX_PROGRAM);

    double start = seconds();
    const Value expected = interpret(&interpreted, program, 0, interpreted.stack, 0);
    const double interpreter_time = seconds() - start;

    sg_error error;
    sg_jit *const jit = sg_jit_new(&(sg_options){.near = (const void *)&interpret}, &error);
    if (jit == NULL) {
        fprintf(stderr, "calculator: %s\n", error.text);
        return 1;
    }
    start = seconds();
    sg_code *const code = sg_compile(jit, program, length, &error);
    const double compile_time = seconds() - start;
    if (code == NULL) {
        fprintf(stderr, "calculator: %s\n", error.text);
        return 1;
    }
    bool exited;
    start = seconds();
    const Value result = run_trace(jit, code, &traced, program, &exited);
    const double trace_time = seconds() - start;

    for (uint32_t i = 0; i < traced.printed_count && i < PRINTED; i++) {
        printf("%.15g\n", traced.printed[i]);
    }
    const sg_info info = sg_code_info(code);
    printf("\ninterpreter  %8.1f ms\n", interpreter_time * 1e3);
    printf("trace        %8.1f ms, %.1f times as fast\n", trace_time * 1e3, interpreter_time / trace_time);
    printf("%u instructions compiled in %.0f us to %u bytes of hot and %u of cold code\n", length, compile_time * 1e6,
           info.hot_size, info.cold_size);
    if (exited) {
        printf("a side exit went back to the interpreter, which finished the program\n");
    }
    const bool agree = same(&interpreted, &traced, expected, result);
    printf("interpreter and trace %s\n", agree ? "agree" : "DISAGREE");
    sg_free(code);
    sg_jit_free(jit);
    return agree ? 0 : 1;
}
