/* Errors: recorded where they happen, printed as Python prints them when the program ends by one. */
#include "vm.h"

#include <stdarg.h>
#include <string.h>

bool fail(Thread *thread, const char *type, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    thread->error.type = type;
    thread->error.at = NULL;
    vsnprintf(thread->error.text, sizeof thread->error.text, format, arguments);
    va_end(arguments);
    return false;
}

bool may_nest(Thread *thread, unsigned depth, const char *what)
{
    const bool may = (thread->call - thread->calls) + 1 + depth <= MAX_CALLS;
    return may || fail(thread, "RecursionError", "maximum recursion depth exceeded %s", what);
}

const char *type_name(Value value)
{
    static const char *const names[] = {
        [KIND_FLOAT] = "float", [KIND_WIDE] = "int", [KIND_STRING] = "str", [KIND_LIST] = "list",
        [KIND_TUPLE] = "tuple", [KIND_FUNCTION] = "function", [KIND_BUILTIN] = "builtin_function_or_method",
        [KIND_METHOD] = "method", [KIND_CLASS] = "type",
    };
    if (is_int(value)) {
        return "int";
    }
    if (is_bool(value)) {
        return "bool";
    }
    if (!is_object(value)) {
        return "NoneType";
    }
    const Object *const object = to_object(value);
    return object->kind == KIND_INSTANCE ? ((const Instance *)object)->class->name : names[object->kind];
}

/* The text of a source line, without its indentation; nothing when the file is gone. */
static void print_source(const char *file, uint32_t line)
{
    char text[400];
    FILE *const source = fopen(file, "r");
    if (source == NULL) {
        return;
    }
    uint32_t number = 1;
    while (number <= line && fgets(text, sizeof text, source) != NULL) {
        if (number == line && strcspn(text, "\n") < sizeof text - 1) {
            const char *const start = text + strspn(text, " \t");
            fprintf(stderr, "    %.*s\n", (int)strcspn(start, "\r\n"), start);
        }
        number += strchr(text, '\n') != NULL;
    }
    fclose(source);
}

enum { REPEATED = 3 }; /* equal lines of a traceback that are shown */

void print_traceback(const Thread *thread, const Instruction *ip)
{
    if (thread->error.at != NULL) {
        ip = thread->error.at;
    }
    fprintf(stderr, "Traceback (most recent call last):\n");
    uint64_t same = 0;
    const Instruction *previous = NULL;
    for (const Call *call = thread->calls; call <= thread->call; call++) {
        const Instruction *const at = call == thread->call ? ip : call[1].back - 1;
        same = at == previous ? same + 1 : 0;
        if (same < REPEATED) {
            fprintf(stderr, "  File \"%s\", line %u, in %s\n", thread->file, at->line, call->code->name);
            print_source(thread->file, at->line);
        } else if (call == thread->call || call[1].back - 1 != at || call + 1 == thread->call) {
            const uint64_t hidden = same - REPEATED + 1;
            fprintf(stderr, "  [Previous line repeated %llu more time%s]\n", (unsigned long long)hidden,
                    hidden == 1 ? "" : "s");
        }
        previous = at;
    }
    fprintf(stderr, thread->error.text[0] ? "%s: %s\n" : "%s\n", thread->error.type, thread->error.text);
}
