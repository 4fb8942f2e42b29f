/* Built-in functions, and the methods of lists. */
#include "references.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool put_any(Thread *thread, Value *d, Value value)
{
    put(thread, d, value);
    return true;
}

static bool put_real(Thread *thread, Value *d, double number)
{
    put_any_float(thread, d, number);
    return true;
}

/* A float's whole part as an int. */
static bool put_whole(Thread *thread, Value *d, double number)
{
    if (isnan(number)) {
        return fail(thread, "ValueError", "cannot convert float NaN to integer");
    }
    if (isinf(number)) {
        return fail(thread, "OverflowError", "cannot convert float infinity to integer");
    }
    if (number >= 0x1p63 || number < -0x1p63) {
        return fail(thread, "OverflowError", "the result does not fit minipy's 64-bit int");
    }
    return put_integer(thread, d, (int64_t)number);
}

static bool bad_text(Thread *thread, const char *what, Value a)
{
    Text text = {0};
    text_value(thread, &text, a, true);
    fail(thread, "ValueError", "%s: %.*s", what, (int)(text.length < 150 ? text.length : 150), text.bytes);
    free(text.bytes);
    return false;
}

/* The end of a number's text: only blanks may follow. */
static bool is_end(const char *end, const String *string)
{
    end += strspn(end, " \t\n\r\f\v");
    return end == string->text + string->length;
}

/* 1_000: one between two digits means nothing. */
static Value without_underscores(const String *string)
{
    const Value copy = new_string(string->text, string->length);
    String *const result = (String *)copy;
    result->length = 0;
    for (uint64_t i = 0; i < string->length; i++) {
        const char *const c = &string->text[i];
        const bool between = *c == '_' && i > 0 && isdigit((unsigned char)c[-1]) && isdigit((unsigned char)c[1]);
        if (!between) {
            result->text[result->length++] = *c;
        }
    }
    result->text[result->length] = '\0';
    return copy;
}

static bool to_integer(Thread *thread, Value *d, Value a)
{
    Number number;
    if (get_number(a, &number)) {
        return number.is_real ? put_whole(thread, d, trunc(number.real)) : put_integer(thread, d, number.integer);
    }
    if (!is_kind(a, KIND_STRING)) {
        return fail(thread, "TypeError", "int() argument must be a string, a bytes-like object or a real number, not '%s'",
                    type_name(a));
    }
    char *end;
    const Value digits = without_underscores((const String *)a);
    const String *const string = (const String *)digits;
    errno = 0;
    const long long parsed = strtoll(string->text, &end, 10);
    const bool good = end != string->text && is_end(end, string);
    release(thread, digits);
    if (!good) {
        return bad_text(thread, "invalid literal for int() with base 10", a);
    }
    if (errno == ERANGE) {
        return fail(thread, "OverflowError", "the result does not fit minipy's 64-bit int");
    }
    return put_integer(thread, d, parsed);
}

static bool to_real(Thread *thread, Value *d, Value a)
{
    Number number;
    if (get_number(a, &number)) {
        return put_real(thread, d, number.real);
    }
    if (!is_kind(a, KIND_STRING)) {
        return fail(thread, "TypeError", "float() argument must be a string or a real number, not '%s'", type_name(a));
    }
    char *end;
    const Value digits = without_underscores((const String *)a);
    const String *const string = (const String *)digits;
    const double parsed = strtod(string->text, &end);
    const bool hexadecimal = strpbrk(string->text, "xX(") != NULL; /* or nan(…) */
    const bool good = end != string->text && !hexadecimal && is_end(end, string);
    release(thread, digits);
    if (!good) {
        return bad_text(thread, "could not convert string to float", a);
    }
    return put_real(thread, d, parsed);
}

static bool to_string(Thread *thread, Value *d, Value a, bool repr)
{
    Text text = {0};
    const bool good = text_value(thread, &text, a, repr);
    const Value string = good ? new_string(text.bytes, text.length) : EMPTY;
    free(text.bytes);
    return good && put_any(thread, d, string);
}

static bool absolute(Thread *thread, Value *d, Value a)
{
    Number number;
    if (!get_number(a, &number)) {
        return fail(thread, "TypeError", "bad operand type for abs(): '%s'", type_name(a));
    }
    if (number.is_real) {
        return put_real(thread, d, fabs(number.real));
    }
    if (number.integer == INT64_MIN) {
        return unary(thread, UNARY_NEGATE, d, a); /* which says why not */
    }
    return put_integer(thread, d, number.integer < 0 ? -number.integer : number.integer);
}

static bool length(Thread *thread, Value *d, Value a)
{
    Sequence sequence;
    if (get_sequence(a, &sequence)) {
        return put_any(thread, d, from_int((int64_t)sequence.length));
    }
    if (is_kind(a, KIND_STRING)) {
        return put_any(thread, d, from_int((int64_t)((const String *)a)->length));
    }
    return fail(thread, "TypeError", "object of type '%s' has no len()", type_name(a));
}

static bool not_iterable(Thread *thread, Value value)
{
    return fail(thread, "TypeError", "'%s' object is not iterable", type_name(value));
}

/* Of equals the first. */
static bool extreme_of(Thread *thread, Value *d, Sequence sequence, Comparison better, const char *name)
{
    if (sequence.length == 0) {
        return fail(thread, "ValueError", "%s() arg is an empty sequence", name);
    }
    Value best = sequence.items[0];
    for (uint64_t i = 1; i < sequence.length; i++) {
        const int result = compare(thread, better, sequence.items[i], best);
        if (result < 0) {
            return false;
        }
        best = result ? sequence.items[i] : best;
    }
    return put_any(thread, d, retain(best));
}

/* min, max of two values, or of a sequence when b is EMPTY. */
static bool extreme(Thread *thread, Value *d, Value a, Value b, Comparison better, const char *name)
{
    if (b != EMPTY) {
        const Value pair[2] = {a, b};
        return extreme_of(thread, d, (Sequence){pair, 2}, better, name);
    }
    Sequence sequence;
    const Value items = iterable(a);
    if (items == EMPTY) {
        return not_iterable(thread, a);
    }
    get_sequence(items, &sequence);
    const bool done = extreme_of(thread, d, sequence, better, name);
    release(thread, items);
    return done;
}

static bool copy_sequence(Thread *thread, Value *d, Value a, bool to_a_list)
{
    Sequence sequence;
    const Value all = iterable(a);
    if (all == EMPTY) {
        return not_iterable(thread, a);
    }
    get_sequence(all, &sequence);
    const Value copy = to_a_list ? new_list(sequence.length) : new_tuple(sequence.length);
    Value *const items = to_a_list ? to_list(copy)->items : to_tuple(copy)->items;
    for (uint64_t i = 0; i < sequence.length; i++) {
        items[i] = retain(sequence.items[i]);
    }
    if (to_a_list) {
        to_list(copy)->length = sequence.length;
    }
    release(thread, all);
    return put_any(thread, d, copy);
}

static bool divide_with_rest(Thread *thread, Value *d, Value a, Value b)
{
    Number x, y;
    if (get_number(a, &x) && get_number(b, &y) && y.real == 0) {
        const bool real = x.is_real || y.is_real;
        return fail(thread, "ZeroDivisionError", real ? "float divmod()" : "integer division or modulo by zero");
    }
    Value pair[2] = {EMPTY, EMPTY};
    if (!binary(thread, OPERATOR_FLOORDIV, false, &pair[0], a, b) || !binary(thread, OPERATOR_MOD, false, &pair[1], a, b)) {
        release(thread, pair[0]);
        return false;
    }
    return put_any(thread, d, build_tuple(pair, 2));
}

static bool character(Thread *thread, Value *d, Value a)
{
    Number number;
    if (!get_number(a, &number) || number.is_real) {
        return fail(thread, "TypeError", "'%s' object cannot be interpreted as an integer", type_name(a));
    }
    if (number.integer < 0 || number.integer > 0x10ffff) {
        return fail(thread, "ValueError", "chr() arg not in range(0x110000)");
    }
    if (number.integer > 127) {
        return fail(thread, "ValueError", "minipy's characters are ASCII: chr() arg not in range(128)");
    }
    const char c = (char)number.integer;
    return put_any(thread, d, new_string(&c, 1));
}

static bool ordinal(Thread *thread, Value *d, Value a)
{
    if (!is_kind(a, KIND_STRING)) {
        return fail(thread, "TypeError", "ord() expected string of length 1, but %s found", type_name(a));
    }
    const String *const string = (const String *)a;
    if (string->length != 1) {
        return fail(thread, "TypeError", "ord() expected a character, but string of length %llu found",
                    (unsigned long long)string->length);
    }
    return put_any(thread, d, from_int((unsigned char)string->text[0]));
}

/* A function of math: what the C library gives, but a NaN or an infinity out of nothing is an error. */
static bool mathematics(Thread *thread, Value *d, Value a, Value b, uint64_t which)
{
    Number x, y = {.real = 0};
    if (!get_number(a, &x) || (b != EMPTY && !get_number(b, &y))) {
        return fail(thread, "TypeError", "must be real number, not %s", type_name(get_number(a, &x) ? b : a));
    }
    double result;
    switch (which) {
    case MATH_floor: return x.is_real ? put_whole(thread, d, floor(x.real)) : put_integer(thread, d, x.integer);
    case MATH_ceil: return x.is_real ? put_whole(thread, d, ceil(x.real)) : put_integer(thread, d, x.integer);
    case MATH_sqrt: result = sqrt(x.real); break;
    case MATH_sin: result = sin(x.real); break;
    case MATH_cos: result = cos(x.real); break;
    case MATH_tan: result = tan(x.real); break;
    case MATH_exp: result = exp(x.real); break;
    case MATH_log:
        if (x.real == 0) {
            return fail(thread, "ValueError", "math domain error");
        }
        result = log(x.real);
        break;
    case MATH_fabs: result = fabs(x.real); break;
    case MATH_atan: result = atan(x.real); break;
    case MATH_atan2: result = atan2(x.real, y.real); break;
    default: result = hypot(x.real, y.real); break;
    }
    if (isnan(result) && !isnan(x.real) && !isnan(y.real)) {
        return fail(thread, "ValueError", "math domain error");
    }
    if (isinf(result) && isfinite(x.real) && isfinite(y.real)) {
        return fail(thread, "OverflowError", "math range error");
    }
    return put_real(thread, d, result);
}

bool builtin(Thread *thread, Value *d, Value a, Value b, uint64_t which)
{
    switch (which) {
    case BUILTIN_abs: return absolute(thread, d, a);
    case BUILTIN_int: return to_integer(thread, d, a);
    case BUILTIN_float: return to_real(thread, d, a);
    case BUILTIN_str: return is_kind(a, KIND_STRING) ? put_any(thread, d, retain(a)) : to_string(thread, d, a, false);
    case BUILTIN_repr: return to_string(thread, d, a, true);
    case BUILTIN_bool: return put_any(thread, d, from_bool(truthy(a)));
    case BUILTIN_len: return length(thread, d, a);
    case BUILTIN_ord: return ordinal(thread, d, a);
    case BUILTIN_chr: return character(thread, d, a);
    case BUILTIN_list: return copy_sequence(thread, d, a, true);
    case BUILTIN_tuple: return is_kind(a, KIND_TUPLE) ? put_any(thread, d, retain(a)) : copy_sequence(thread, d, a, false);
    case BUILTIN_min: return extreme(thread, d, a, b, COMPARE_LT, "min");
    case BUILTIN_max: return extreme(thread, d, a, b, COMPARE_GT, "max");
    case BUILTIN_pow: return binary(thread, OPERATOR_POW, false, d, a, b);
    case BUILTIN_format: return format_value(thread, d, a, b);
    case BUILTIN_divmod: return divide_with_rest(thread, d, a, b);
    default: return mathematics(thread, d, a, b, which);
    }
}

static bool check_text(Thread *thread, const char *keyword, Value value)
{
    if (value != NONE && !is_kind(value, KIND_STRING)) {
        return fail(thread, "TypeError", "%s must be None or a string, not %s", keyword, type_name(value));
    }
    return true;
}

static void add_text(Text *text, Value value, const char *otherwise)
{
    const String *const string = (const String *)value;
    text_add(text, value == NONE ? otherwise : string->text, value == NONE ? 1 : string->length);
}

bool print_values(Thread *thread, const Value *values, uint64_t count)
{
    static Text text; /* kept: print is called often */
    const Value separator = values[count - 2], end = values[count - 1];
    if (!check_text(thread, "sep", separator) || !check_text(thread, "end", end)) {
        return false;
    }
    text.length = 0;
    size_t good = 0; /* what comes before a value that cannot be printed is */
    bool all = true;
    for (uint64_t i = 0; i + 2 < count && all; i++) {
        if (i > 0) {
            add_text(&text, separator, " ");
        }
        good = text.length;
        all = text_value(thread, &text, values[i], false);
    }
    if (all) {
        add_text(&text, end, "\n");
        good = text.length;
    }
    fwrite(text.bytes, 1, good, stdout);
    return all;
}

/* ---- Methods of lists: base[0] the method, base[1] the list, then the arguments ---- */

static bool pop(Thread *thread, Value *base, List *list, uint64_t arguments)
{
    Number index = {.integer = -1};
    if (list->length == 0) {
        return fail(thread, "IndexError", "pop from empty list");
    }
    if (arguments == 1 && (!get_number(base[2], &index) || index.is_real)) {
        return fail(thread, "TypeError", "'%s' object cannot be interpreted as an integer", type_name(base[2]));
    }
    const int64_t position = index.integer < 0 ? index.integer + (int64_t)list->length : index.integer;
    if (position < 0 || (uint64_t)position >= list->length) {
        return fail(thread, "IndexError", "pop index out of range");
    }
    const Value item = list->items[position];
    list->length--;
    memmove(&list->items[position], &list->items[position + 1], (list->length - (uint64_t)position) * sizeof(Value));
    put(thread, &base[0], item);
    return true;
}

static bool insert(Thread *thread, Value *base, List *list)
{
    Number index;
    if (!get_number(base[2], &index) || index.is_real) {
        return fail(thread, "TypeError", "'%s' object cannot be interpreted as an integer", type_name(base[2]));
    }
    int64_t position = index.integer < 0 ? index.integer + (int64_t)list->length : index.integer;
    position = position < 0 ? 0 : position > (int64_t)list->length ? (int64_t)list->length : position;
    list_append(list, EMPTY);
    const uint64_t moved = list->length - 1 - (uint64_t)position;
    memmove(&list->items[position + 1], &list->items[position], moved * sizeof(Value));
    list->items[position] = retain(base[3]);
    put(thread, &base[0], NONE);
    return true;
}

static void reverse(List *list)
{
    for (uint64_t i = 0; i < list->length / 2; i++) {
        const Value item = list->items[i];
        list->items[i] = list->items[list->length - 1 - i];
        list->items[list->length - 1 - i] = item;
    }
}

/* How many arguments a method takes, and what Python says when it gets others: before and after their number. */
static const struct {
    uint64_t least, most;
    const char *before, *after;
} list_methods[] = {
    [METHOD_append] = {1, 1, "list.append() takes exactly one argument (", " given)"},
    [METHOD_extend] = {1, 1, "list.extend() takes exactly one argument (", " given)"},
    [METHOD_reverse] = {0, 0, "list.reverse() takes no arguments (", " given)"},
    [METHOD_copy] = {0, 0, "list.copy() takes no arguments (", " given)"},
    [METHOD_insert] = {2, 2, "insert expected 2 arguments, got ", ""},
    [METHOD_pop] = {0, 1, "pop expected at most 1 argument, got ", ""},
};

bool call_list_method(Thread *thread, Value *base, uint64_t arguments)
{
    const uint64_t which = ((const Builtin *)base[0])->method;
    List *const list = to_list(base[1]);
    if (arguments < list_methods[which].least || arguments > list_methods[which].most) {
        return fail(thread, "TypeError", "%s%llu%s", list_methods[which].before, (unsigned long long)arguments,
                    list_methods[which].after);
    }
    switch ((ListMethod)which) {
    case METHOD_append: list_append(list, retain(base[2])); break;
    case METHOD_pop: return pop(thread, base, list, arguments);
    case METHOD_reverse: reverse(list); break;
    case METHOD_insert: return insert(thread, base, list);
    case METHOD_copy: return copy_sequence(thread, &base[0], base[1], true);
    case METHOD_extend: {
        Value result = EMPTY;
        if (!join(thread, OPERATOR_ADD, true, &result, base[1], base[2])) {
            return false;
        }
        release(thread, result);
        break;
    }
    }
    put(thread, &base[0], NONE);
    return true;
}
