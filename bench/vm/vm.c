/* Objects: making, freeing and comparing them. */
#include "vm.h"

#include <stdlib.h>
#include <string.h>

const Type float_type = {"float"}, list_type = {"list"}, range_type = {"range_iterator"}, bool_type = {"bool"};
Object true_object = {UINT32_MAX, 0, &bool_type}, false_object = {UINT32_MAX, 0, &bool_type};

static void *allocate(size_t size, const Type *type)
{
    Object *const object = calloc(1, size);
    if (object == NULL) {
        abort();
    }
    *object = (Object){1, 0, type};
    return object;
}

void release(Thread *thread, Ref ref)
{
    if (is_owned(ref)) {
        Object *const object = to_object(ref);
        if ((int32_t)object->count >= 0 && --object->count == 0) {
            deallocate(thread, object);
        }
    }
}

void deallocate(Thread *thread, Object *object)
{
    if (object->type == &float_type) {
        object->type = (const Type *)thread->free_floats;
        thread->free_floats = (Float *)object;
        return;
    }
    if (object->type == &list_type) {
        List *const list = (List *)object;
        for (uint64_t i = 0; i < list->length; i++) {
            release(thread, list->items[i]);
        }
        free(list->items);
    }
    free(object);
}

Float *allocate_float(void)
{
    return allocate(sizeof(Float), &float_type);
}

Ref new_float(Thread *thread, double number)
{
    Float *box = thread->free_floats;
    if (box != NULL) {
        thread->free_floats = (Float *)box->object.type;
        box->object = (Object){1, 0, &float_type};
    } else {
        box = allocate_float();
    }
    box->number = number;
    return (Ref)box;
}

Ref new_list(uint64_t length)
{
    List *const list = allocate(sizeof *list, &list_type);
    list->length = length;
    list->items = malloc((length + 1) * sizeof *list->items);
    if (list->items == NULL) {
        abort();
    }
    for (uint64_t i = 0; i < length; i++) {
        list->items[i] = from_int(0);
    }
    return (Ref)list;
}

Ref new_range(int64_t start, int64_t stop)
{
    const Ref range = (Ref)allocate(sizeof(Range), &range_type);
    set_range(range, start, stop);
    return range;
}

void set_range(Ref range, int64_t start, int64_t stop)
{
    Range *const object = (Range *)to_object(range);
    object->next = start;
    object->step = 1;
    object->remaining = (uint64_t)(stop - start);
}

void store(Thread *thread, Ref *place, Ref value)
{
    const Ref old = *place;
    *place = value;
    release(thread, old);
}

void list_set(Thread *thread, Ref list, uint64_t index, Ref value)
{
    store(thread, &((List *)to_object(list))->items[index], value);
}

static uint64_t mix(uint64_t digest, uint64_t word)
{
    return (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15) ^ digest >> 29;
}

static uint64_t digest_at(uint64_t digest, Ref ref, int depth)
{
    digest = mix(digest, ref & TAG_MASK);
    if (is_int(ref)) {
        return mix(digest, ref);
    }
    const Object *const object = to_object(ref);
    for (const char *name = object->type->name; *name != '\0'; name++) {
        digest = mix(digest, (uint64_t)*name);
    }
    digest = mix(digest, object->count);
    if (object->type == &float_type) {
        uint64_t bits;
        memcpy(&bits, &((const Float *)object)->number, sizeof bits);
        return mix(digest, bits);
    }
    if (object->type == &range_type) {
        const Range *const range = (const Range *)object;
        return mix(mix(digest, (uint64_t)range->next), range->remaining);
    }
    if (object->type == &list_type && depth > 0) {
        const List *const list = (const List *)object;
        digest = mix(digest, list->length);
        for (uint64_t i = 0; i < list->length; i++) {
            digest = digest_at(digest, list->items[i], depth - 1);
        }
        return digest;
    }
    return mix(digest, object == &true_object);
}

uint64_t digest_value(uint64_t digest, Ref ref)
{
    return digest_at(digest, ref, 4);
}
