/* Lists, tuples and strings: items, joining, unpacking, iteration. */
#include "references.h"

#include <string.h>

bool get_sequence(Value value, Sequence *sequence)
{
    if (is_kind(value, KIND_LIST)) {
        *sequence = (Sequence){to_list(value)->items, to_list(value)->length};
    } else if (is_kind(value, KIND_TUPLE)) {
        *sequence = (Sequence){to_tuple(value)->items, to_tuple(value)->length};
    } else {
        *sequence = (Sequence){NULL, 0};
        return false;
    }
    return true;
}

Value iterable(Value value)
{
    Sequence sequence;
    if (!is_kind(value, KIND_STRING)) {
        return get_sequence(value, &sequence) ? retain(value) : EMPTY;
    }
    const String *const string = (const String *)value;
    const Value characters = new_list(string->length);
    for (uint64_t i = 0; i < string->length; i++) {
        list_append(to_list(characters), new_string(&string->text[i], 1));
    }
    return characters;
}

/* An index as Python takes it: bools too, negative ones from the end. */
static bool find(Thread *thread, Value index, uint64_t length, const char *kind, const char *what, uint64_t *position)
{
    Number number;
    if (!get_number(index, &number) || number.is_real) {
        return fail(thread, "TypeError", "%s indices must be integers%s, not %s", kind,
                    strcmp(kind, "string") == 0 ? "" : " or slices", type_name(index));
    }
    const int64_t counted = number.integer < 0 ? number.integer + (int64_t)length : number.integer;
    if (counted < 0 || (uint64_t)counted >= length) {
        return fail(thread, "IndexError", "%s %s out of range", kind, what);
    }
    *position = (uint64_t)counted;
    return true;
}

bool get_item(Thread *thread, Value *d, Value container, Value index)
{
    Sequence sequence;
    uint64_t position;
    if (get_sequence(container, &sequence)) {
        if (!find(thread, index, sequence.length, type_name(container), "index", &position)) {
            return false;
        }
        put(thread, d, retain(sequence.items[position]));
        return true;
    }
    if (is_kind(container, KIND_STRING)) {
        const String *const string = (const String *)container;
        if (!find(thread, index, string->length, "string", "index", &position)) {
            return false;
        }
        put(thread, d, new_string(&string->text[position], 1));
        return true;
    }
    return fail(thread, "TypeError", "'%s' object is not subscriptable", type_name(container));
}

bool set_item(Thread *thread, Value container, Value index, Value value)
{
    uint64_t position;
    if (!is_kind(container, KIND_LIST)) {
        return fail(thread, "TypeError", "'%s' object does not support item assignment", type_name(container));
    }
    List *const list = to_list(container);
    if (!find(thread, index, list->length, "list", "assignment index", &position)) {
        return false;
    }
    put(thread, &list->items[position], retain(value));
    return true;
}

/* Space for a sequence of the same kind, and where its items go. */
static Value new_like(Value value, uint64_t length, Value **items)
{
    if (is_kind(value, KIND_LIST)) {
        const Value list = new_list(length);
        to_list(list)->length = length;
        *items = to_list(list)->items;
        return list;
    }
    const Value tuple = new_tuple(length);
    *items = to_tuple(tuple)->items;
    return tuple;
}

static bool concatenate(Thread *thread, bool in_place, Value *d, Value a, Value b)
{
    Sequence x, y;
    if (is_kind(a, KIND_STRING) && is_kind(b, KIND_STRING)) {
        const String *const left = (const String *)a, *const right = (const String *)b;
        String *const result = (String *)allocate(KIND_STRING, sizeof *result + left->length + right->length + 1);
        result->length = left->length + right->length;
        memcpy(result->text, left->text, left->length);
        memcpy(result->text + left->length, right->text, right->length + 1);
        put(thread, d, from_object(result));
        return true;
    }
    if (in_place && is_kind(a, KIND_LIST)) {
        const Value more = iterable(b);
        if (more == EMPTY) {
            return fail(thread, "TypeError", "'%s' object is not iterable", type_name(b));
        }
        get_sequence(more, &y);
        const uint64_t count = y.length;
        for (uint64_t i = 0; i < count; i++) {
            get_sequence(more, &y); /* `a += a` moves its own items */
            list_append(to_list(a), retain(y.items[i]));
        }
        release(thread, more);
        put(thread, d, retain(a));
        return true;
    }
    const bool sequences = get_sequence(a, &x) && get_sequence(b, &y) && to_object(a)->kind == to_object(b)->kind;
    if (!sequences) {
        if (is_kind(a, KIND_STRING) || is_kind(a, KIND_LIST) || is_kind(a, KIND_TUPLE)) {
            fail(thread, "TypeError", "can only concatenate %s (not \"%s\") to %s", type_name(a), type_name(b),
                 type_name(a));
        }
        return false;
    }
    Value *items;
    const Value joined = new_like(a, x.length + y.length, &items);
    for (uint64_t i = 0; i < x.length; i++) {
        items[i] = retain(x.items[i]);
    }
    for (uint64_t i = 0; i < y.length; i++) {
        items[x.length + i] = retain(y.items[i]);
    }
    put(thread, d, joined);
    return true;
}

static bool is_sequence(Value value)
{
    return is_kind(value, KIND_STRING) || is_kind(value, KIND_LIST) || is_kind(value, KIND_TUPLE);
}

enum { MAX_ITEMS = 1 << 30 };

static bool repeat(Thread *thread, Value *d, Value a, Value b)
{
    if (!is_sequence(a)) {
        const Value other = a;
        a = b;
        b = other;
    }
    if (!is_sequence(a)) {
        return false;
    }
    Number count;
    if (!get_number(b, &count) || count.is_real) {
        return fail(thread, "TypeError", "can't multiply sequence by non-int of type '%s'", type_name(b));
    }
    const uint64_t times = count.integer < 0 ? 0 : (uint64_t)count.integer;
    Sequence sequence = {NULL, 0};
    const uint64_t length = get_sequence(a, &sequence) ? sequence.length : ((const String *)a)->length;
    if (is_kind(a, KIND_STRING) && length != 0 && times > INT64_MAX / length) {
        return fail(thread, "OverflowError", "repeated string is too long");
    }
    if (length != 0 && times > MAX_ITEMS / length) {
        return fail(thread, "MemoryError", "%s", "");
    }
    if (is_kind(a, KIND_STRING)) {
        String *const result = (String *)allocate(KIND_STRING, sizeof *result + length * times + 1);
        result->length = length * times;
        for (uint64_t i = 0; i < times; i++) {
            memcpy(result->text + i * length, ((const String *)a)->text, length);
        }
        result->text[result->length] = '\0';
        put(thread, d, from_object(result));
        return true;
    }
    Value *items;
    const Value result = new_like(a, length * times, &items);
    for (uint64_t i = 0; i < length * times; i++) {
        items[i] = retain(sequence.items[i % length]);
    }
    put(thread, d, result);
    return true;
}

bool join(Thread *thread, Operator operator, bool in_place, Value *d, Value a, Value b)
{
    return operator == OPERATOR_ADD ? concatenate(thread, in_place, d, a, b) : repeat(thread, d, a, b);
}

static bool unpack_sequence(Thread *thread, Value *d, Sequence sequence, uint64_t count)
{
    if (sequence.length > count) {
        return fail(thread, "ValueError", "too many values to unpack (expected %llu)", (unsigned long long)count);
    }
    if (sequence.length < count) {
        return fail(thread, "ValueError", "not enough values to unpack (expected %llu, got %llu)",
                    (unsigned long long)count, (unsigned long long)sequence.length);
    }
    for (uint64_t i = 0; i < count; i++) {
        put(thread, &d[i], retain(sequence.items[i]));
    }
    return true;
}

bool unpack(Thread *thread, Value *d, Value value, uint64_t count)
{
    Sequence sequence;
    const Value items = iterable(value);
    if (items == EMPTY) {
        return fail(thread, "TypeError", "cannot unpack non-iterable %s object", type_name(value));
    }
    get_sequence(items, &sequence);
    const bool done = unpack_sequence(thread, d, sequence, count);
    release(thread, items);
    return done;
}

bool prepare_range(Thread *thread, Value *range)
{
    Number numbers[3];
    for (int i = 0; i < 3; i++) {
        if (!get_number(range[i], &numbers[i]) || numbers[i].is_real) {
            return fail(thread, "TypeError", "'%s' object cannot be interpreted as an integer", type_name(range[i]));
        }
    }
    const int64_t start = numbers[0].integer, stop = numbers[1].integer, step = numbers[2].integer;
    if (step == 0) {
        return fail(thread, "ValueError", "range() arg 3 must not be zero");
    }
    const __int128 distance = step > 0 ? (__int128)stop - start : (__int128)start - stop;
    const __int128 stride = step > 0 ? step : -(__int128)step;
    const __int128 count = distance <= 0 ? 0 : (distance + stride - 1) / stride;
    if (count != 0 && (!fits_int(start) || !fits_int(stop) || !fits_int(step) || count >> 62 != 0)) {
        return fail(thread, "OverflowError", "a range of minipy has to stay within 63 bits");
    }
    put(thread, &range[0], from_int(count ? start : 0));
    put(thread, &range[1], from_int((int64_t)count));
    put(thread, &range[2], from_int(count ? step : 1));
    return true;
}

bool prepare_iteration(Thread *thread, Value *iteration)
{
    if (!is_sequence(iteration[0])) {
        return fail(thread, "TypeError", "'%s' object is not iterable", type_name(iteration[0]));
    }
    put(thread, &iteration[1], from_int(0));
    return true;
}

bool next_item(Value *iteration, Value *d, Thread *thread)
{
    const uint64_t index = (uint64_t)to_int(iteration[1]);
    Sequence sequence;
    if (get_sequence(iteration[0], &sequence)) {
        if (index >= sequence.length) {
            return false;
        }
        put(thread, d, retain(sequence.items[index]));
    } else {
        const String *const string = (const String *)iteration[0];
        if (index >= string->length) {
            return false;
        }
        put(thread, d, new_string(&string->text[index], 1));
    }
    iteration[1] = from_int((int64_t)index + 1);
    return true;
}
