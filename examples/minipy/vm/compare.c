/* Order and equality: exact between ints and floats, by items for lists and tuples. */
#define _GNU_SOURCE /* memmem */

#include "references.h"

#include <math.h>
#include <string.h>

/* What a comparison says of a pair: less, equal, greater; or none of them, with a NaN. */
typedef enum Order { LESS = 1, EQUAL = 2, GREATER = 4, NO_ORDER = 0 } Order;

static const uint8_t satisfied_by[] = {
    [COMPARE_LT] = LESS, [COMPARE_LE] = LESS | EQUAL, [COMPARE_EQ] = EQUAL,
    [COMPARE_GT] = GREATER, [COMPARE_GE] = GREATER | EQUAL,
};

static const char *const symbols[] = {
#define SYMBOL(name, symbol, text) [COMPARE_##name] = text,
    COMPARISONS(SYMBOL)
#undef SYMBOL
};

static bool holds(Comparison comparison, Order order)
{
    return comparison == COMPARE_NE ? order != EQUAL : (satisfied_by[comparison] & order) != 0;
}

#define ORDER(a, b) ((a) < (b) ? LESS : (a) > (b) ? GREATER : (a) == (b) ? EQUAL : NO_ORDER)

/* An int and a float as numbers of unlimited precision. */
static Order order_mixed(int64_t a, double b)
{
    if (isnan(b)) {
        return NO_ORDER;
    }
    if (b >= 0x1p63) {
        return LESS;
    }
    if (b < -0x1p63) {
        return GREATER;
    }
    const int64_t whole = (int64_t)b; /* towards zero */
    if (a != whole) {
        return ORDER(a, whole);
    }
    const double rest = b - (double)whole;
    return ORDER(0, rest);
}

static Order reversed(Order order)
{
    return order == LESS ? GREATER : order == GREATER ? LESS : order;
}

static Order order_numbers(const Number *a, const Number *b)
{
    if (a->is_real && b->is_real) {
        return ORDER(a->real, b->real);
    }
    if (a->is_real) {
        return reversed(order_mixed(b->integer, a->real));
    }
    return b->is_real ? order_mixed(a->integer, b->real) : ORDER(a->integer, b->integer);
}

static Order order_strings(const String *a, const String *b)
{
    const uint64_t shorter = a->length < b->length ? a->length : b->length;
    const int difference = memcmp(a->text, b->text, shorter);
    return difference != 0 ? (difference < 0 ? LESS : GREATER) : ORDER(a->length, b->length);
}

static int unordered(Thread *thread, Comparison comparison, Value a, Value b)
{
    fail(thread, "TypeError", "'%s' not supported between instances of '%s' and '%s'", symbols[comparison], type_name(a),
         type_name(b));
    return -1;
}

static unsigned nesting;

/* The first items that differ decide; without any, the lengths. */
static int compare_sequences(Thread *thread, Comparison comparison, Sequence a, Sequence b)
{
    if (comparison == COMPARE_EQ && a.length != b.length) {
        return 0;
    }
    if (comparison == COMPARE_NE && a.length != b.length) {
        return 1;
    }
    for (uint64_t i = 0; i < a.length && i < b.length; i++) {
        if (a.items[i] == b.items[i]) {
            continue; /* identical items count as equal, even a NaN */
        }
        const int equal = compare(thread, COMPARE_EQ, a.items[i], b.items[i]);
        if (equal < 0) {
            return -1;
        }
        if (!equal) {
            return comparison == COMPARE_EQ   ? 0
                   : comparison == COMPARE_NE ? 1
                                              : compare(thread, comparison, a.items[i], b.items[i]);
        }
    }
    return holds(comparison, ORDER(a.length, b.length));
}

int compare(Thread *thread, Comparison comparison, Value a, Value b)
{
    Number x, y;
    Sequence p, q;
    if (get_number(a, &x) && get_number(b, &y)) {
        return holds(comparison, order_numbers(&x, &y));
    }
    if (is_kind(a, KIND_STRING) && is_kind(b, KIND_STRING)) {
        return holds(comparison, order_strings((const String *)a, (const String *)b));
    }
    if (get_sequence(a, &p) && get_sequence(b, &q) && to_object(a)->kind == to_object(b)->kind) {
        if (!may_nest(thread, nesting + 2, "in comparison")) {
            return -1;
        }
        nesting++;
        const int result = compare_sequences(thread, comparison, p, q);
        nesting--;
        return result;
    }
    switch (comparison) {
    case COMPARE_EQ: return a == b;
    case COMPARE_NE: return a != b;
    default: return unordered(thread, comparison, a, b);
    }
}

int contains(Thread *thread, Value item, Value container)
{
    Sequence sequence;
    if (is_kind(container, KIND_STRING)) {
        if (!is_kind(item, KIND_STRING)) {
            fail(thread, "TypeError", "'in <string>' requires string as left operand, not %s", type_name(item));
            return -1;
        }
        const String *const whole = (const String *)container, *const part = (const String *)item;
        return memmem(whole->text, whole->length, part->text, part->length) != NULL;
    }
    if (!get_sequence(container, &sequence)) {
        fail(thread, "TypeError", "argument of type '%s' is not iterable", type_name(container));
        return -1;
    }
    for (uint64_t i = 0; i < sequence.length; i++) {
        const int equal = sequence.items[i] == item ? 1 : compare(thread, COMPARE_EQ, sequence.items[i], item);
        if (equal != 0) {
            return equal;
        }
    }
    return 0;
}

bool truthy(Value value)
{
    Number number;
    Sequence sequence;
    if (get_number(value, &number)) {
        return number.is_real ? number.real != 0 : number.integer != 0;
    }
    if (get_sequence(value, &sequence)) {
        return sequence.length != 0;
    }
    return is_kind(value, KIND_STRING) ? ((const String *)value)->length != 0 : value != NONE;
}
