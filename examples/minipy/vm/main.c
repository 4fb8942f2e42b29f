/* minipy-vm [OPTION…] IMAGE: run a compiled program. */
#include "../trace/run.h"
#include "references.h"

#include <stencilgen/jit.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNWRITTEN = 120 }; /* as Python's */

static Thread thread;

static void on_interrupt(int signal)
{
    (void)signal;
    thread.interrupted = 1;
}

static FILE *must_open(const char *path)
{
    FILE *const file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "minipy: cannot write %s: %s\n", path, strerror(errno));
        exit(2);
    }
    return file;
}

int main(int argc, char **argv)
{
    Options options = {.jit = JIT_ON, .interpreter = interpret_switch};
    const char *image = NULL;
    for (int i = 1; i < argc; i++) {
        const char *const option = argv[i];
        if (strcmp(option, "--jit=off") == 0) {
            options.jit = JIT_OFF;
        } else if (strcmp(option, "--jit=always") == 0) {
            options.jit = JIT_ALWAYS;
        } else if (strcmp(option, "--interpreter=threaded") == 0) {
            options.interpreter = interpret_threaded;
        } else if (strcmp(option, "--stats") == 0) {
            options.statistics = options.print_statistics = true;
        } else if (strncmp(option, "--stats-json=", 13) == 0) {
            options.statistics = true;
            options.statistics_file = must_open(option + 13);
        } else if (strncmp(option, "--traces=", 9) == 0) {
            options.traces = must_open(option + 9);
        } else if (strncmp(option, "--profile=", 10) == 0) {
            options.profile = must_open(option + 10);
        } else if (strcmp(option, "--selection=plain") == 0) {
            options.selection = SG_SELECT_PLAIN;
        } else if (strncmp(option, "--selection=random:", 19) == 0) {
            options.selection = SG_SELECT_RANDOM;
            options.seed = strtoull(option + 19, NULL, 10);
        } else if (strcmp(option, "--check-refcounts") == 0) {
            options.check = true;
        } else if (strcmp(option, "--no-facts") == 0) {
            options.no_facts = true;
        } else if (strcmp(option, "--dump") == 0) {
            options.dump = true;
        } else if (strncmp(option, "--stress-exits=", 15) == 0) {
            options.stress = strtoll(option + 15, NULL, 10);
        } else if (strncmp(option, "--stress-each=", 14) == 0) {
            options.stress_each = strtoll(option + 14, NULL, 10);
        } else {
            image = option;
        }
    }
    if (image == NULL || !load_program(&thread, image)) {
        fprintf(stderr, "minipy-vm: there is no program to run; minipy.py compiles and runs one\n");
        return 2;
    }
    static char output[1 << 16];
    if (!isatty(STDOUT_FILENO)) { /* on a terminal line by line, as it comes */
        setvbuf(stdout, output, _IOFBF, sizeof output);
    }
    signal(SIGINT, on_interrupt);
    signal(SIGPIPE, SIG_DFL); /* Python, which started us, ignores it: a program whose reader has gone would run on */
    int status = run_program(&thread, &options);
    fflush(stdout);
    if (ferror(stdout)) {
        fprintf(stderr, "minipy: cannot write all of the output\n");
        status = UNWRITTEN;
    }
    if (options.check) {
        free_program(&thread);
        if (!check_heap(&thread)) {
            return 3;
        }
    }
    if (thread.interrupted && status != 0) { /* who waits for us shall see that it was Ctrl-C */
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
    }
    return status;
}
