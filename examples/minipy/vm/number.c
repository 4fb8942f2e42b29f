/* Arithmetic of every kind of number, as Python defines it; ints have 64 bits and never wrap. */
#include "references.h"

#include <errno.h>
#include <math.h>

static const char *const symbols[] = {
#define SYMBOL(name, text) [OPERATOR_##name] = text,
    OPERATORS(SYMBOL)
#undef SYMBOL
};

bool get_number(Value value, Number *number)
{
    *number = (Number){.is_real = false};
    if (is_int(value)) {
        number->integer = to_int(value);
    } else if (is_bool(value)) {
        number->integer = value == TRUE;
    } else if (is_kind(value, KIND_WIDE)) {
        number->integer = ((const Wide *)value)->number;
    } else if (is_float(value)) {
        number->is_real = true;
        number->real = to_float(value);
        return true;
    } else {
        return false;
    }
    number->real = (double)number->integer;
    return true;
}

bool put_integer(Thread *thread, Value *d, int64_t number)
{
    put(thread, d, new_integer(number));
    return true;
}

static bool put_real(Thread *thread, Value *d, double number)
{
    put_any_float(thread, d, number);
    return true;
}

static bool overflow(Thread *thread)
{
    return fail(thread, "OverflowError", "the result does not fit minipy's 64-bit int");
}

static bool zero(Thread *thread, const char *what)
{
    return fail(thread, "ZeroDivisionError", "%s", what);
}

/* a / b rounded once: beyond 53 bits the operands are no doubles, so divide as integers with bits to spare. */
static double divide_exactly(int64_t a, int64_t b)
{
    const int64_t exact = INT64_C(1) << 53;
    if (a >= -exact && a <= exact && b >= -exact && b <= exact) {
        return (double)a / (double)b;
    }
    if (a == 0) {
        return b < 0 ? -0.0 : 0.0;
    }
    const bool negative = (a < 0) != (b < 0);
    const uint64_t x = a < 0 ? -(uint64_t)a : (uint64_t)a, y = b < 0 ? -(uint64_t)b : (uint64_t)b;
    /* shift x so that the quotient has 62 to 64 bits; what is lost sticks to the lowest */
    const int shift = 63 + __builtin_clzll(x) - __builtin_clzll(y);
    const unsigned __int128 wide = (unsigned __int128)x << shift;
    uint64_t quotient = (uint64_t)(wide / y);
    quotient |= wide % y != 0;
    /* 64 bits to 53, to nearest even, by hand: the sticky bit must count */
    const double result = ldexp((double)quotient, -shift);
    return negative ? -result : result;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    const int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t floor_modulo(int64_t a, int64_t b)
{
    const int64_t rest = b == -1 ? 0 : a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static double real_modulo(double a, double b)
{
    const double rest = fmod(a, b);
    if (rest == 0) {
        return copysign(0, b);
    }
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* As CPython computes it: through the remainder, so that a == a // b * b + a % b as nearly as can be. */
static double real_floor_divide(double a, double b)
{
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) {
        quotient -= 1;
    }
    if (quotient == 0) {
        return copysign(0, a / b);
    }
    const double floored = floor(quotient);
    return quotient - floored > 0.5 ? floored + 1 : floored;
}

static bool real_power(Thread *thread, Value *d, double a, double b)
{
    if (a == 0 && b < 0 && isfinite(b)) {
        return zero(thread, "0.0 cannot be raised to a negative power");
    }
    if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b)) {
        return fail(thread, "ValueError", "the result is a complex number, which minipy does not have");
    }
    const double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b)) {
        return fail(thread, "OverflowError", "(34, 'Numerical result out of range')");
    }
    return put_real(thread, d, result);
}

static bool integer_power(Thread *thread, Value *d, int64_t base, int64_t exponent)
{
    if (exponent < 0) {
        return real_power(thread, d, (double)base, (double)exponent);
    }
    int64_t result = 1;
    while (true) {
        if (exponent & 1 && __builtin_mul_overflow(result, base, &result)) {
            return overflow(thread);
        }
        exponent >>= 1;
        if (exponent == 0) {
            return put_integer(thread, d, result);
        }
        if (__builtin_mul_overflow(base, base, &base)) {
            /* still to be multiplied by: 0, 1 and -1 never come here */
            return overflow(thread);
        }
    }
}

static bool shift_left(Thread *thread, Value *d, int64_t a, int64_t count)
{
    if (count < 0) {
        return fail(thread, "ValueError", "negative shift count");
    }
    if (a == 0) {
        return put_integer(thread, d, 0);
    }
    if (count > 63 || (int64_t)((uint64_t)a << count) >> count != a) {
        return overflow(thread);
    }
    return put_integer(thread, d, (int64_t)((uint64_t)a << count));
}

static bool integers(Thread *thread, Operator operator, Value *d, int64_t a, int64_t b)
{
    int64_t result;
    switch (operator) {
    case OPERATOR_ADD: return __builtin_add_overflow(a, b, &result) ? overflow(thread) : put_integer(thread, d, result);
    case OPERATOR_SUB: return __builtin_sub_overflow(a, b, &result) ? overflow(thread) : put_integer(thread, d, result);
    case OPERATOR_MUL: return __builtin_mul_overflow(a, b, &result) ? overflow(thread) : put_integer(thread, d, result);
    case OPERATOR_DIV: return b == 0 ? zero(thread, "division by zero") : put_real(thread, d, divide_exactly(a, b));
    case OPERATOR_FLOORDIV:
        if (b == 0) {
            return zero(thread, "integer division or modulo by zero");
        }
        return a == INT64_MIN && b == -1 ? overflow(thread) : put_integer(thread, d, floor_divide(a, b));
    case OPERATOR_MOD:
        return b == 0 ? zero(thread, "integer modulo by zero") : put_integer(thread, d, floor_modulo(a, b));
    case OPERATOR_POW: return integer_power(thread, d, a, b);
    case OPERATOR_AND: return put_integer(thread, d, a & b);
    case OPERATOR_OR: return put_integer(thread, d, a | b);
    case OPERATOR_XOR: return put_integer(thread, d, a ^ b);
    case OPERATOR_LSHIFT: return shift_left(thread, d, a, b);
    case OPERATOR_RSHIFT:
        if (b < 0) {
            return fail(thread, "ValueError", "negative shift count");
        }
        return put_integer(thread, d, a >> (b > 63 ? 63 : b));
    }
    return false;
}

/* false with no error set: these operators have no floats */
static bool reals(Thread *thread, Operator operator, Value *d, double a, double b)
{
    switch (operator) {
    case OPERATOR_ADD: return put_real(thread, d, a + b);
    case OPERATOR_SUB: return put_real(thread, d, a - b);
    case OPERATOR_MUL: return put_real(thread, d, a * b);
    case OPERATOR_DIV: return b == 0 ? zero(thread, "float division by zero") : put_real(thread, d, a / b);
    case OPERATOR_FLOORDIV:
        return b == 0 ? zero(thread, "float floor division by zero") : put_real(thread, d, real_floor_divide(a, b));
    case OPERATOR_MOD: return b == 0 ? zero(thread, "float modulo") : put_real(thread, d, real_modulo(a, b));
    case OPERATOR_POW: return real_power(thread, d, a, b);
    default: return false;
    }
}

bool binary(Thread *thread, Operator operator, bool in_place, Value *d, Value a, Value b)
{
    Number x, y;
    if (get_number(a, &x) && get_number(b, &y)) {
        if (is_bool(a) && is_bool(b) && operator >= OPERATOR_AND && operator <= OPERATOR_XOR) {
            const bool p = a == TRUE, q = b == TRUE;
            put(thread, d, from_bool(operator == OPERATOR_AND ? p & q : operator == OPERATOR_OR ? p | q : p ^ q));
            return true;
        }
        if (!x.is_real && !y.is_real) {
            return integers(thread, operator, d, x.integer, y.integer);
        }
        if (operator < OPERATOR_AND) {
            return reals(thread, operator, d, x.real, y.real);
        }
    } else if ((operator == OPERATOR_ADD || operator == OPERATOR_MUL) && join(thread, operator, in_place, d, a, b)) {
        return true;
    }
    if (thread->error.type == NULL && operator == OPERATOR_MOD && is_kind(a, KIND_STRING)) {
        return fail(thread, "TypeError", "not all arguments converted during string formatting");
    }
    if (thread->error.type == NULL) {
        const char *const symbol = operator == OPERATOR_POW && !in_place ? "** or pow()" : symbols[operator];
        fail(thread, "TypeError", "unsupported operand type(s) for %s%s: '%s' and '%s'", symbol, in_place ? "=" : "",
             type_name(a), type_name(b));
    }
    return false;
}

bool unary(Thread *thread, Unary operator, Value *d, Value a)
{
    Number number;
    if (!get_number(a, &number) || (number.is_real && operator == UNARY_INVERT)) {
        return fail(thread, "TypeError", "bad operand type for unary %c: '%s'", "-+~"[operator], type_name(a));
    }
    if (number.is_real) {
        return put_real(thread, d, operator == UNARY_NEGATE ? -number.real : number.real);
    }
    if (operator == UNARY_NEGATE && number.integer == INT64_MIN) {
        return overflow(thread);
    }
    return put_integer(thread, d, operator == UNARY_NEGATE   ? -number.integer
                                  : operator == UNARY_INVERT ? ~number.integer
                                                             : number.integer);
}
