/* Loading what the front end compiled: see frontend/image.py, which writes it. */
#include "references.h"

#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const uint8_t *at, *end;
    bool broken;
} Reader;

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "MemoryError\n");
        exit(1);
    }
    return memory;
}

static void *zeroed(size_t count, size_t size)
{
    return must(calloc(count + 1, size));
}

static const void *take(Reader *reader, size_t size)
{
    static const uint8_t nothing[64];
    if ((size_t)(reader->end - reader->at) < size) {
        reader->broken = true;
        return nothing;
    }
    const void *const here = reader->at;
    reader->at += size;
    return here;
}

static uint64_t number(Reader *reader)
{
    uint64_t value;
    memcpy(&value, take(reader, sizeof value), sizeof value);
    return reader->broken ? 0 : value;
}

/* Its length, then its bytes and a 0. */
static const char *text(Reader *reader, uint64_t *length)
{
    *length = number(reader);
    return take(reader, *length + 1);
}

static const char *name(Reader *reader)
{
    uint64_t length;
    return text(reader, &length);
}

static Value constant(Reader *reader, Thread *thread)
{
    const uint64_t kind = number(reader);
    uint64_t bits, length;
    const char *characters;
    double real;
    switch (kind) {
    case 'v': return number(reader);
    case 'i': return new_integer((int64_t)number(reader));
    case 'f':
        bits = number(reader);
        memcpy(&real, &bits, sizeof real);
        return new_float(thread, real);
    default: characters = text(reader, &length); return new_string(characters, length);
    }
}

/* Instructions are stored as 4 × 16 bits, operand, target, line. */
static void read_code(Reader *reader, Thread *thread, Code *code)
{
    code->name = name(reader);
    code->qualified_name = name(reader);
    code->slots = (uint16_t)number(reader);
    code->parameters = (uint16_t)number(reader);
    const char **const parameters = zeroed(code->parameters, sizeof *parameters);
    for (uint16_t i = 0; i < code->parameters; i++) {
        parameters[i] = name(reader);
    }
    code->parameter_names = parameters;
    code->length = (uint32_t)number(reader);
    Instruction *const instructions = zeroed(code->length, sizeof *instructions);
    for (uint32_t i = 0; i < code->length; i++) {
        Instruction *const it = &instructions[i];
        memcpy(it, take(reader, 24), 24);
        switch (it->opcode) {
        case OP_CHECK_LOCAL:
        case OP_CHECK_BOUND:
        case OP_LOAD_GLOBAL: it->pointer = thread->names[it->operand]; break;
        case OP_LOOP:
            thread->loops[it->operand].head = it + it->target;
            thread->loops[it->operand].back_edge = it;
            break;
        default: break;
        }
    }
    code->instructions = instructions;
}

static void read_class(Reader *reader, ClassPlan *plan)
{
    plan->name = name(reader);
    plan->attribute_count = (uint32_t)number(reader);
    plan->member_count = (uint32_t)number(reader);
    plan->attributes = zeroed(plan->attribute_count, sizeof *plan->attributes);
    plan->members = zeroed(plan->member_count, sizeof *plan->members);
    for (uint32_t i = 0; i < plan->attribute_count; i++) {
        plan->attributes[i] = (uint16_t)number(reader);
    }
    for (uint32_t i = 0; i < plan->member_count; i++) {
        plan->members[i] = (uint16_t)number(reader);
    }
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint8_t *bytes = NULL;
    size_t capacity = 0;
    *size = 0;
    do {
        capacity = capacity * 2 + 65536;
        bytes = must(realloc(bytes, capacity));
        *size += fread(bytes + *size, 1, capacity - *size, file);
    } while (*size == capacity);
    fclose(file);
    return bytes;
}

bool load_program(Thread *thread, const char *path)
{
    size_t size;
    uint8_t *const bytes = read_file(path, &size);
    if (bytes == NULL) {
        return false;
    }
    thread->image = bytes;
    Reader reader = {bytes, bytes + size, false};
    thread->file = name(&reader);
    const uint64_t all_names = number(&reader);
    thread->name_count = (uint32_t)number(&reader);
    thread->init_name = (int32_t)number(&reader);
    thread->names = zeroed(all_names, sizeof *thread->names);
    for (uint64_t i = 0; i < all_names; i++) {
        thread->names[i] = name(&reader);
    }
    thread->constant_count = (uint32_t)number(&reader);
    thread->constant_pool = zeroed(thread->constant_count, sizeof(Value));
    for (uint32_t i = 0; i < thread->constant_count; i++) {
        thread->constant_pool[i] = constant(&reader, thread);
    }
    thread->constants = thread->constant_pool;
    thread->loop_count = (uint32_t)number(&reader);
    thread->loops = zeroed(thread->loop_count, sizeof *thread->loops);
    thread->class_count = (uint32_t)number(&reader);
    thread->classes = zeroed(thread->class_count, sizeof *thread->classes);
    for (uint32_t i = 0; i < thread->class_count; i++) {
        read_class(&reader, &thread->classes[i]);
    }
    thread->code_count = (uint32_t)number(&reader);
    thread->codes = zeroed(thread->code_count, sizeof *thread->codes);
    for (uint32_t i = 0; i < thread->code_count; i++) {
        read_code(&reader, thread, &thread->codes[i]);
    }
    thread->stack = must(malloc(STACK_SLOTS * sizeof(Value)));
    for (uint32_t i = 0; i < STACK_SLOTS; i++) {
        thread->stack[i] = EMPTY;
    }
    thread->calls = zeroed(MAX_CALLS, sizeof *thread->calls);
    thread->call = thread->calls;
    thread->last_call = thread->calls + MAX_CALLS - 1;
    thread->call[0] = (Call){&thread->codes[0], NULL, 0, 0};
    thread->slots = thread->globals = thread->stack;
    return !reader.broken && reader.at == reader.end;
}

void free_program(Thread *thread)
{
    for (uint32_t i = 0; i < STACK_SLOTS; i++) {
        put(thread, &thread->stack[i], EMPTY);
    }
    for (uint32_t i = 0; i < thread->constant_count; i++) {
        put(thread, &thread->constant_pool[i], EMPTY);
    }
}
