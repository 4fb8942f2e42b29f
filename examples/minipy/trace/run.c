#include "run.h"

int run_program(Thread *thread, const Options *options)
{
    const Instruction *ip = thread->call->code->instructions;
    for (uint32_t i = 0; i < thread->loop_count; i++) {
        thread->loops[i].countdown = INT64_MAX;
    }
    for (;;) {
        ip = options->interpreter(thread->slots, thread, ip);
        if (thread->finished) {
            return 0;
        }
        if (thread->interrupted && thread->error.type == NULL) {
            fail(thread, "KeyboardInterrupt", "%s", "");
        }
        if (thread->error.type != NULL) {
            fflush(stdout);
            print_traceback(thread, ip);
            return thread->interrupted ? 130 : 1;
        }
    }
}
