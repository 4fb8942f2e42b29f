/* Format specifications, as f-strings and format() have them: [[fill]align][sign][0][width][,][.precision][type]. */
#include "references.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Template {
    char fill, align, sign; /* align: one of <>^=, or 0 */
    bool comma, has_precision;
    int width, precision;
    char type; /* or 0 */
} Template;

enum { MOST = 1000 }; /* width, precision */

static int number_at(const char **at)
{
    int number = 0;
    for (; isdigit((unsigned char)**at); ++*at) {
        number = number < MOST ? number * 10 + (**at - '0') : number;
    }
    return number;
}

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

/* False: it is none that minipy knows. */
static bool parse(const String *text, Template *template)
{
    const char *at = text->text;
    *template = (Template){.fill = ' '};
    if (text->length >= 2 && is_one_of(at[1], "<>^=")) {
        template->fill = *at++;
    }
    if (is_one_of(*at, "<>^=")) {
        template->align = *at++;
    }
    if (is_one_of(*at, "+- ")) {
        template->sign = *at++;
    }
    if (*at == '0' && template->align == 0) {
        template->fill = '0', template->align = '=', at++;
    }
    template->width = number_at(&at);
    if (*at == ',') {
        template->comma = true, at++;
    }
    if (*at == '.' && isdigit((unsigned char)at[1])) {
        at++;
        template->has_precision = true;
        template->precision = number_at(&at);
    }
    if (is_one_of(*at, "defgsxX%")) {
        template->type = *at++;
    }
    const bool unclear = (template->comma && template->fill == '0' && template->align == '=') ||
                         (template->has_precision && !is_one_of(template->type, "efgs%"));
    return at == text->text + text->length && template->width < MOST && template->precision < MOST && !unclear;
}

static void fill(Text *text, char c, int count)
{
    for (; count > 0; count--) {
        text_add(text, &c, 1);
    }
}

/* sign, body: with what stands between, before and after it to fill the width. */
static void add_aligned(Text *text, const Template *template, const char *sign, const char *body, size_t length, char usual)
{
    const char align = template->align ? template->align : usual;
    const int missing = template->width - (int)(strlen(sign) + length);
    const int before = align == '>' ? missing : align == '^' && missing > 0 ? missing / 2 : 0;
    fill(text, template->fill, before);
    text_add(text, sign, strlen(sign));
    fill(text, template->fill, align == '=' ? missing : 0);
    text_add(text, body, length);
    fill(text, template->fill, align == '<' || align == '^' ? missing - before : 0);
}

/* Digits, with a comma before each three of the whole part. */
static void add_grouped(Text *text, const char *digits)
{
    const size_t whole = strspn(digits, "0123456789");
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0) {
            text_add(text, ",", 1);
        }
        text_add(text, &digits[i], 1);
    }
    text_add(text, digits + whole, strlen(digits + whole));
}

static void add_digits(Text *text, const Template *template, const Number *number)
{
    char digits[MOST + 400];
    const uint64_t integer = number->integer < 0 ? -(uint64_t)number->integer : (uint64_t)number->integer;
    const int precision = template->has_precision ? template->precision : 6;
    const double real = fabs(number->real);
    switch (template->type) {
    case 'e': snprintf(digits, sizeof digits, "%.*e", precision, real); break;
    case 'f': snprintf(digits, sizeof digits, "%.*f", precision, real); break;
    case 'g': snprintf(digits, sizeof digits, "%.*g", precision, real); break;
    case '%': snprintf(digits, sizeof digits, "%.*f%%", precision, real * 100); break;
    case 'x': snprintf(digits, sizeof digits, "%llx", (unsigned long long)integer); break;
    case 'X': snprintf(digits, sizeof digits, "%llX", (unsigned long long)integer); break;
    default:
        if (!number->is_real) {
            snprintf(digits, sizeof digits, "%llu", (unsigned long long)integer);
        } else {
            text_real(text, real);
            return;
        }
    }
    text_add(text, digits, strlen(digits));
}

static void add_number(Text *text, const Template *template, const Number *number)
{
    const bool negative = number->is_real ? signbit(number->real) && !isnan(number->real) : number->integer < 0;
    const char *const sign = negative ? "-" : template->sign == '+' ? "+" : template->sign == ' ' ? " " : "";
    Text digits = {0}, grouped = {0};
    add_digits(&digits, template, number);
    text_add(&digits, "", 1);
    if (template->comma) {
        add_grouped(&grouped, digits.bytes);
    } else {
        text_add(&grouped, digits.bytes, digits.length - 1);
    }
    add_aligned(text, template, sign, grouped.bytes, grouped.length, '>');
    free(digits.bytes);
    free(grouped.bytes);
}

static bool wrong_type(Thread *thread, char type, Value value)
{
    return fail(thread, "ValueError", "Unknown format code '%c' for object of type '%s'", type, type_name(value));
}

static bool add_formatted(Thread *thread, Text *text, const Template *template, Value value)
{
    Number number;
    if (is_kind(value, KIND_STRING)) {
        const String *const string = (const String *)value;
        if (template->type != 0 && template->type != 's') {
            return wrong_type(thread, template->type, value);
        }
        if (template->sign != 0 || template->comma || (template->align == '=' && template->fill != '0')) {
            return fail(thread, "ValueError", "Invalid format specifier");
        }
        const uint64_t most = template->has_precision ? (uint64_t)template->precision : string->length;
        Template left = *template;
        left.align = template->align == '=' ? '<' : template->align;
        add_aligned(text, &left, "", string->text, most < string->length ? most : string->length, '<');
        return true;
    }
    if (!get_number(value, &number)) {
        return fail(thread, "TypeError", "unsupported format string passed to %s.__format__", type_name(value));
    }
    if (template->type == 's' || (number.is_real && is_one_of(template->type, "dxX"))) {
        return wrong_type(thread, template->type, value);
    }
    if (is_one_of(template->type, "efg%")) {
        number.is_real = true;
    }
    add_number(text, template, &number);
    return true;
}

bool format_value(Thread *thread, Value *d, Value value, Value specification)
{
    Template template;
    Text text = {0};
    if (!is_kind(specification, KIND_STRING)) {
        return fail(thread, "TypeError", "format() argument 2 must be str, not %s", type_name(specification));
    }
    if (((const String *)specification)->length == 0) {
        if (!text_value(thread, &text, value, false)) {
            free(text.bytes);
            return false;
        }
    } else if (!parse((const String *)specification, &template)) {
        return fail(thread, "ValueError", "Invalid format specifier");
    } else if (!add_formatted(thread, &text, &template, value)) {
        return false;
    }
    put(thread, d, new_string(text.bytes, text.length));
    free(text.bytes);
    return true;
}
