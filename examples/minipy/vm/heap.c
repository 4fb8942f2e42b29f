/* Memory: objects come and go by reference counts; floats have a free list.
 *
 * Freeing an object can free others, which can free others, as deep as a list is long: so what is to be freed waits in
 * line instead of on the C stack.
 *
 * With MINIPY_CHECK every object is registered, and at the end check_heap() counts all references that exist: what is
 * still alive may only be held by itself (minipy has no cycle collector), with exactly the counts that it has.
 */
#include "references.h"

#include <stdlib.h>
#include <string.h>

enum { FLOATS_PER_BLOCK = 512 };

typedef struct FloatBlock {
    struct FloatBlock *next;
    Float floats[FLOATS_PER_BLOCK];
} FloatBlock;

static FloatBlock *float_blocks;

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "MemoryError\n");
        exit(1);
    }
    return memory;
}

Float *refill_floats(Thread *thread)
{
    FloatBlock *const block = must(malloc(sizeof *block));
    block->next = float_blocks;
    float_blocks = block;
    for (int i = 0; i < FLOATS_PER_BLOCK; i++) {
        block->floats[i].object = (Object){0, KIND_FREE};
        block->floats[i].next = i + 1 < FLOATS_PER_BLOCK ? &block->floats[i + 1] : thread->free_floats;
    }
    thread->free_floats = &block->floats[0];
    return thread->free_floats;
}

#ifdef MINIPY_CHECK

typedef struct Registered {
    struct Registered *next, *previous;
} Registered;

static Registered registered = {&registered, &registered};

static void *take_memory(size_t size)
{
    Registered *const entry = must(malloc(sizeof *entry + size));
    *entry = (Registered){registered.next, &registered};
    entry->next->previous = entry->previous->next = entry;
    return entry + 1;
}

static void give_memory(void *memory)
{
    Registered *const entry = (Registered *)memory - 1;
    entry->next->previous = entry->previous;
    entry->previous->next = entry->next;
    free(entry);
}

#else

static void *take_memory(size_t size) { return must(malloc(size)); }
static void give_memory(void *memory) { free(memory); }

#endif

Object *allocate(Kind kind, size_t size)
{
    Object *const object = take_memory(size);
    *object = (Object){1, kind};
    return object;
}

/* The values that an object holds. */
static Value *values_of(Object *object, uint64_t *count)
{
    switch ((Kind)object->kind) {
    case KIND_LIST: *count = ((List *)object)->length; return ((List *)object)->items;
    case KIND_TUPLE: *count = ((Tuple *)object)->length; return ((Tuple *)object)->items;
    case KIND_FUNCTION: *count = ((Function *)object)->default_count; return ((Function *)object)->defaults;
    case KIND_METHOD: *count = 2; return &((Method *)object)->function;
    case KIND_CLASS: *count = ((Class *)object)->name_count; return ((Class *)object)->members;
    case KIND_INSTANCE: *count = ((Instance *)object)->class->attribute_count; return ((Instance *)object)->attributes;
    default: *count = 0; return NULL;
    }
}

/* The object that an object is held by without a Value. */
static Object *held_class(Object *object)
{
    switch ((Kind)object->kind) {
    case KIND_CLASS: return (Object *)((Class *)object)->base;
    case KIND_INSTANCE: return &((Instance *)object)->class->object;
    default: return NULL;
    }
}

static struct {
    Object **objects;
    size_t count, capacity;
    bool busy;
} dead;

static void bury(Object *object)
{
    if (dead.count == dead.capacity) {
        dead.capacity = dead.capacity * 2 + 64;
        dead.objects = must(realloc(dead.objects, dead.capacity * sizeof *dead.objects));
    }
    dead.objects[dead.count++] = object;
}

static void drop(Thread *thread, Object *object)
{
#ifdef MINIPY_CHECK
    if (object->references == 0 || object->kind == KIND_FREE) {
        __builtin_trap();
    }
#endif
    if (--object->references == 0) {
        if (object->kind == KIND_FLOAT) {
            free_float(thread, (Float *)object);
        } else {
            bury(object);
        }
    }
}

static void free_object(Thread *thread, Object *object)
{
    uint64_t count;
    Value *const values = values_of(object, &count);
    Object *const class = held_class(object);
    for (uint64_t i = 0; i < count; i++) {
        if (is_object(values[i])) {
            drop(thread, to_object(values[i]));
        }
    }
    if (class != NULL) {
        drop(thread, class);
    }
    if (object->kind == KIND_LIST) {
        free(((List *)object)->items);
    }
    if (object->kind == KIND_CLASS) {
        free(((Class *)object)->members);
        free(((Class *)object)->places);
    }
    object->kind = KIND_FREE;
    give_memory(object);
}

void deallocate(Thread *thread, Object *object)
{
    bury(object);
    if (dead.busy) {
        return;
    }
    dead.busy = true;
    while (dead.count > 0) {
        free_object(thread, dead.objects[--dead.count]);
    }
    dead.busy = false;
}

#ifdef MINIPY_CHECK

static uint64_t problems;

static void problem(const char *what, const Object *object)
{
    if (problems++ < 10) {
        fprintf(stderr, "minipy: %s: a %s with %u references\n", what, type_name(from_object(object)), object->references);
    }
}

static void each_object(void (*visit)(Object *object))
{
    for (Registered *entry = registered.next; entry != &registered; entry = entry->next) {
        visit((Object *)(entry + 1));
    }
    for (FloatBlock *block = float_blocks; block != NULL; block = block->next) {
        for (int i = 0; i < FLOATS_PER_BLOCK; i++) {
            if (block->floats[i].object.kind != KIND_FREE) {
                visit(&block->floats[i].object);
            }
        }
    }
}

/* Take away the counts that come from living objects: nothing must be left. */
static void subtract(Object *object)
{
    uint64_t count;
    const Value *const values = values_of(object, &count);
    for (uint64_t i = 0; i < count; i++) {
        if (is_object(values[i])) {
            to_object(values[i])->references--;
        }
    }
    if (held_class(object) != NULL) {
        held_class(object)->references--;
    }
}

static void expect_none(Object *object)
{
    if (object->references != 0) {
        problem((int32_t)object->references > 0 ? "leaked" : "counted too few", object);
    }
}

bool check_heap(const Thread *thread)
{
    (void)thread;
    each_object(subtract);
    each_object(expect_none);
    if (problems != 0) {
        fprintf(stderr, "minipy: %llu objects with wrong reference counts\n", (unsigned long long)problems);
    }
    return problems == 0;
}

#else

bool check_heap(const Thread *thread)
{
    (void)thread;
    fprintf(stderr, "minipy: this VM was built without MINIPY_CHECK\n");
    return false;
}

#endif
