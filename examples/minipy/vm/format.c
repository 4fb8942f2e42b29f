/* Values as text, as Python's str() and repr() write them. */
#include "references.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void text_add(Text *text, const char *bytes, size_t length)
{
    if (text->length + length > text->capacity) {
        text->capacity = (text->length + length) * 2 + 64;
        text->bytes = realloc(text->bytes, text->capacity);
        if (text->bytes == NULL) {
            exit(1);
        }
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

static void add(Text *text, const char *words)
{
    text_add(text, words, strlen(words));
}

enum { MOST_DIGITS = 17, NUMBER_TEXT = 40 };

/* The shortest digits that read back as the number, and of those the nearest to it; the exponent of the first digit.
 * Up to 15 digits every decimal survives the way to a double and back, so 15 digits show all shorter ones (but of subnormals,
 * which have fewer bits). With 16 the
 * nearest decimal may fall on the short side of a power of two and not read back where its upper neighbour does. */
static int shortest_digits(double number, char digits[MOST_DIGITS + 2])
{
    char text[NUMBER_TEXT];
    for (int count = number < DBL_MIN ? 1 : 15; count <= MOST_DIGITS; count++) {
        snprintf(text, sizeof text, "%.*e", count - 1, number);
        bool found = strtod(text, NULL) == number;
        for (int i = count; !found && count == MOST_DIGITS - 1 && i > 0; i--) {
            if (i == 1) {
                continue; /* the point */
            }
            if (text[i] != '9') {
                text[i]++;
                found = strtod(text, NULL) == number;
                break;
            }
            text[i] = '0';
        }
        if (found || count == MOST_DIGITS) {
            break;
        }
    }
    char *const e = strchr(text, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);
    size_t length = 0;
    for (const char *c = text; c < e; c++) {
        if (*c != '.') {
            digits[length++] = *c;
        }
    }
    while (length > 1 && digits[length - 1] == '0') {
        length--;
    }
    digits[length] = '\0';
    return exponent;
}

static void zeros(Text *text, int count)
{
    for (; count > 0; count--) {
        add(text, "0");
    }
}

void text_real(Text *text, double number)
{
    if (isnan(number)) {
        add(text, "nan");
        return;
    }
    if (signbit(number)) {
        add(text, "-");
        number = -number;
    }
    if (isinf(number)) {
        add(text, "inf");
        return;
    }
    char digits[MOST_DIGITS + 2];
    const int exponent = shortest_digits(number, digits), length = (int)strlen(digits);
    if (exponent < -4 || exponent >= 16) {
        char tail[NUMBER_TEXT];
        text_add(text, digits, 1);
        if (length > 1) {
            add(text, ".");
            add(text, digits + 1);
        }
        snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        add(text, tail);
    } else if (exponent < 0) {
        add(text, "0.");
        zeros(text, -exponent - 1);
        add(text, digits);
    } else {
        const int whole = exponent + 1;
        text_add(text, digits, (size_t)(length < whole ? length : whole));
        zeros(text, whole - length);
        add(text, ".");
        add(text, length > whole ? digits + whole : "0");
    }
}

static void add_quoted(Text *text, const String *string)
{
    const bool single = memchr(string->text, '\'', string->length) != NULL;
    const bool both = single && memchr(string->text, '"', string->length) != NULL;
    const char quote = single && !both ? '"' : '\'';
    text_add(text, &quote, 1);
    for (uint64_t i = 0; i < string->length; i++) {
        const char c = string->text[i];
        char escaped[8];
        switch (c) {
        case '\n': add(text, "\\n"); break;
        case '\r': add(text, "\\r"); break;
        case '\t': add(text, "\\t"); break;
        case '\\': add(text, "\\\\"); break;
        default:
            if (c == quote) {
                add(text, "\\");
            }
            if (c < ' ' || c == 127) {
                snprintf(escaped, sizeof escaped, "\\x%02x", (unsigned char)c);
                add(text, escaped);
            } else {
                text_add(text, &c, 1);
            }
        }
    }
    text_add(text, &quote, 1);
}

/* The containers around the value, innermost first: one that contains itself is not followed. */
typedef struct Around {
    Value container;
    const struct Around *next;
    unsigned depth;
} Around;

static bool add_value(Thread *thread, Text *text, Value value, bool repr, const Around *around);

static bool add_sequence(Thread *thread, Text *text, Value value, Sequence sequence, const Around *around)
{
    const bool list = is_kind(value, KIND_LIST);
    add(text, list ? "[" : "(");
    for (const Around *outer = around; outer != NULL; outer = outer->next) {
        if (outer->container == value) {
            add(text, list ? "...]" : "...)");
            return true;
        }
    }
    const Around here = {value, around, around->depth + 1};
    if (!may_nest(thread, here.depth, "while getting the repr of an object")) {
        return false;
    }
    for (uint64_t i = 0; i < sequence.length; i++) {
        if (i > 0) {
            add(text, ", ");
        }
        if (!add_value(thread, text, sequence.items[i], true, &here)) {
            return false;
        }
    }
    add(text, list ? "]" : sequence.length == 1 ? ",)" : ")");
    return true;
}

static bool add_value(Thread *thread, Text *text, Value value, bool repr, const Around *around)
{
    Number number;
    Sequence sequence;
    char words[200];
    if (!is_object(value) && !is_int(value)) {
        add(text, value == NONE ? "None" : value == TRUE ? "True" : "False");
        return true;
    }
    if (get_number(value, &number)) {
        if (number.is_real) {
            text_real(text, number.real);
        } else {
            snprintf(words, sizeof words, "%lld", (long long)number.integer);
            add(text, words);
        }
        return true;
    }
    if (get_sequence(value, &sequence)) {
        return add_sequence(thread, text, value, sequence, around);
    }
    switch ((Kind)to_object(value)->kind) {
    case KIND_STRING:
        if (repr) {
            add_quoted(text, (const String *)value);
        } else {
            text_add(text, ((const String *)value)->text, ((const String *)value)->length);
        }
        return true;
    case KIND_CLASS: snprintf(words, sizeof words, "<class '__main__.%s'>", ((const Class *)value)->name); break;
    case KIND_FUNCTION:
        snprintf(words, sizeof words, "<function %s at %p>", ((const Function *)value)->code->qualified_name, (void *)value);
        break;
    case KIND_INSTANCE: snprintf(words, sizeof words, "<__main__.%s object at %p>", type_name(value), (void *)value); break;
    default: snprintf(words, sizeof words, "<%s at %p>", type_name(value), (void *)value);
    }
    add(text, words);
    return true;
}

bool text_value(Thread *thread, Text *text, Value value, bool repr)
{
    const Around nothing = {EMPTY, NULL, 2};
    return add_value(thread, text, value, repr, &nothing);
}
