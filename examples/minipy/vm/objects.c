/* Making objects. */
#include "references.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "MemoryError\n");
        exit(1);
    }
    return memory;
}

Value new_integer(int64_t number)
{
    if (fits_int(number)) {
        return from_int(number);
    }
    Wide *const wide = (Wide *)allocate(KIND_WIDE, sizeof *wide);
    wide->number = number;
    return from_object(wide);
}

Value new_string(const char *text, size_t length)
{
    String *const string = (String *)allocate(KIND_STRING, sizeof *string + length + 1);
    string->length = length;
    if (length > 0) {
        memcpy(string->text, text, length);
    }
    string->text[length] = '\0';
    return from_object(string);
}

Value new_list(uint64_t capacity)
{
    List *const list = (List *)allocate(KIND_LIST, sizeof *list);
    list->length = 0;
    list->capacity = capacity;
    list->items = capacity ? must(malloc(capacity * sizeof *list->items)) : NULL;
    return from_object(list);
}

Value new_tuple(uint64_t length)
{
    Tuple *const tuple = (Tuple *)allocate(KIND_TUPLE, sizeof *tuple + length * sizeof *tuple->items);
    tuple->length = length;
    return from_object(tuple);
}

static void move(Value *to, Value *from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        to[i] = from[i];
        from[i] = EMPTY;
    }
}

Value build_list(Value *items, uint64_t count)
{
    const Value list = new_list(count);
    move(to_list(list)->items, items, count);
    to_list(list)->length = count;
    return list;
}

Value build_tuple(Value *items, uint64_t count)
{
    const Value tuple = new_tuple(count);
    move(to_tuple(tuple)->items, items, count);
    return tuple;
}

void list_append(List *list, Value value)
{
    if (UNLIKELY_(list->length == list->capacity)) {
        list->capacity += list->capacity / 2 + 8;
        list->items = must(realloc(list->items, list->capacity * sizeof *list->items));
    }
    list->items[list->length++] = value;
}

void make_function(Thread *thread, Value *d, Value *defaults, uint64_t default_count, uint64_t code)
{
    Function *const function = (Function *)allocate(KIND_FUNCTION, sizeof *function + default_count * sizeof *defaults);
    function->code = &thread->codes[code];
    function->default_count = default_count;
    move(function->defaults, defaults, default_count);
    put(thread, d, from_object(function));
}

/* members: the base class or None, then a value for each of the plan's members. */
bool make_class(Thread *thread, Value *d, Value *members, uint64_t index)
{
    const ClassPlan *const plan = &thread->classes[index];
    if (members[0] != NONE && !is_kind(members[0], KIND_CLASS)) {
        return fail(thread, "TypeError", "minipy's classes have a class as their base, not '%s'", type_name(members[0]));
    }
    Class *const class = (Class *)allocate(KIND_CLASS, sizeof *class);
    class->name = plan->name;
    class->base = members[0] == NONE ? NULL : (Class *)retain(members[0]);
    class->name_count = thread->name_count;
    class->attribute_count = plan->attribute_count;
    class->places = must(malloc(thread->name_count * sizeof *class->places + 1));
    class->members = must(malloc(thread->name_count * sizeof *class->members + 1));
    for (uint32_t name = 0; name < thread->name_count; name++) {
        class->places[name] = -1;
        class->members[name] = class->base == NULL ? EMPTY : retain(class->base->members[name]);
    }
    for (uint32_t i = 0; i < plan->attribute_count; i++) {
        class->places[plan->attributes[i]] = (int16_t)i;
    }
    for (uint32_t i = 0; i < plan->member_count; i++) {
        Value *const member = &class->members[plan->members[i]];
        put(thread, member, members[i + 1]);
        members[i + 1] = EMPTY;
    }
    put(thread, d, from_object(class));
    return true;
}
