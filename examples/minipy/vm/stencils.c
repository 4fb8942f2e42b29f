/* Bytecode: what each instruction does, for operands of any type.
 *
 * The only place that says so. stencilgen makes machine code of it, and interpreter.c includes it with other
 * definitions of STENCIL, HOLE, CONTINUE, JUMP and SIDE_EXIT, which make it an interpreter.
 *
 * SIDE_EXIT() means "not here": nothing was changed, and thread->error says whether something is wrong.
 */
#ifndef MINIPY_INTERPRETER
#include "references.h"

#define STENCIL_STATE Value *slots, Thread *thread
#include <stencilgen/stencil.h>
#endif
#include "facts.h"

#define READ(name) operand(slots, thread, AT(name))
#define OR_EXIT(done)     \
    if (UNLIKELY(!(done))) \
        SIDE_EXIT()

/* ---- Variables ---- */

STENCIL(MOVE)
{
    const Value value = READ(a);
    if (AT(a) < 0) {
        PUT(retain(value));
        NOW_ANYTHING(AT(d));
    } else {
        if (HOLDS(AT(a), object, is_object(value))) {
            retain_object(to_object(value));
        }
        PUT(value);
        SHARED(a);
        COPY_FACTS(AT(d), AT(a));
    }
    CONTINUE();
}

/* `a` is a temporary that nobody reads any more: exchanging them needs no counts. */
STENCIL(TAKE)
{
    const Value value = SLOT(a);
    SLOT(a) = SLOT(d);
    SLOT(d) = value;
    EXCHANGE_FACTS(AT(d), AT(a));
    CONTINUE();
}

STENCIL(CLEAR)
{
    PUT(EMPTY);
    NOW_PLAIN(AT(d));
    CONTINUE();
}

STENCIL(CHECK_LOCAL)
{
    if (UNLIKELY(SLOT(a) == EMPTY)) {
        fail(thread, "UnboundLocalError", "cannot access local variable '%s' where it is not associated with a value",
             HOLE(const char *, pointer));
        SIDE_EXIT();
    }
    CONTINUE();
}

STENCIL(CHECK_BOUND)
{
    if (UNLIKELY(SLOT(a) == EMPTY)) {
        fail(thread, "NameError", "name '%s' is not defined", HOLE(const char *, pointer));
        SIDE_EXIT();
    }
    CONTINUE();
}

STENCIL(LOAD_GLOBAL)
{
    const Value value = thread->globals[HOLE(uint16_t, b)];
    if (UNLIKELY(value == EMPTY)) {
        fail(thread, "NameError", "name '%s' is not defined", HOLE(const char *, pointer));
        SIDE_EXIT();
    }
    PUT(retain(value));
    NOW_ANYTHING(AT(d));
    UNLEARN_EVERYWHERE(unique); /* it may be the value of any slot of the module */
    CONTINUE();
}

STENCIL(STORE_GLOBAL)
{
    put(thread, &thread->globals[HOLE(uint16_t, b)], retain(READ(a)));
    FORGET_ALL(); /* it may be any slot of the module */
    CONTINUE();
}

/* ---- Arithmetic: ints and floats here, everything else in number.c ---- */

#define INTEGER_ADD(x, y, r) (!__builtin_add_overflow((int64_t)(x), (int64_t)(y)-1, r))
#define INTEGER_SUB(x, y, r) (!__builtin_sub_overflow((int64_t)(x), (int64_t)(y)-1, r))
#define INTEGER_MUL(x, y, r) (!__builtin_mul_overflow((int64_t)(x)-1, to_int(y), r) && (*(r) |= 1, true))

#define ARITHMETIC(name, symbol)                                                                          \
    STENCIL(name)                                                                                         \
    {                                                                                                     \
        const Value a = READ(a), b = READ(b);                                                             \
        int64_t result;                                                                                   \
        if (is_int(a) && is_int(b) && INTEGER_##name(a, b, &result)) {                                    \
            put(thread, &SLOT(d), (Value)result);                                                         \
        } else if (is_float(a) && is_float(b)) {                                                          \
            put_any_float(thread, &SLOT(d), to_float(a) symbol to_float(b));                              \
        } else {                                                                                          \
            OR_EXIT(binary(thread, OPERATOR_##name, HOLE(uint8_t, operand), &SLOT(d), a, b));             \
        }                                                                                                 \
        NOW_ANYTHING(AT(d));                                                                              \
        SHARED(a);                                                                                        \
        SHARED(b);                                                                                        \
        CONTINUE();                                                                                       \
    }

ARITHMETIC(ADD, +)
ARITHMETIC(SUB, -)
ARITHMETIC(MUL, *)

#define BITS(name, symbol)                                                                    \
    STENCIL(name)                                                                             \
    {                                                                                         \
        const Value a = READ(a), b = READ(b);                                                 \
        if (is_int(a) && is_int(b)) {                                                         \
            put(thread, &SLOT(d), from_int(to_int(a) symbol to_int(b)));                      \
        } else {                                                                              \
            OR_EXIT(binary(thread, OPERATOR_##name, HOLE(uint8_t, operand), &SLOT(d), a, b)); \
        }                                                                                     \
        NOW_ANYTHING(AT(d));                                                                  \
        SHARED(a);                                                                            \
        SHARED(b);                                                                            \
        CONTINUE();                                                                           \
    }

BITS(AND, &)
BITS(OR, |)
BITS(XOR, ^)

STENCIL(DIV)
{
    const Value a = READ(a), b = READ(b);
    if (is_float(a) && is_float(b) && to_float(b) != 0) {
        put_any_float(thread, &SLOT(d), to_float(a) / to_float(b));
    } else {
        OR_EXIT(binary(thread, OPERATOR_DIV, HOLE(uint8_t, operand), &SLOT(d), a, b));
    }
    NOW_ANYTHING(AT(d));
    SHARED(a);
    SHARED(b);
    CONTINUE();
}

#define BINARY(name)                                                                                    \
    STENCIL(name)                                                                                       \
    {                                                                                                   \
        OR_EXIT(binary(thread, OPERATOR_##name, HOLE(uint8_t, operand), &SLOT(d), READ(a), READ(b)));   \
        NOW_ANYTHING(AT(d));                                                                            \
        SHARED(a);                                                                                      \
        SHARED(b);                                                                                      \
        CONTINUE();                                                                                     \
    }

BINARY(FLOORDIV)
BINARY(MOD)
BINARY(POW)
BINARY(LSHIFT)
BINARY(RSHIFT)

#define UNARY(name)                                                  \
    STENCIL(name)                                                    \
    {                                                                \
        OR_EXIT(unary(thread, UNARY_##name, &SLOT(d), READ(a)));     \
        NOW_ANYTHING(AT(d));                                         \
        SHARED(a);                                                   \
        CONTINUE();                                                  \
    }

UNARY(NEGATE)
UNARY(POSITIVE)
UNARY(INVERT)

STENCIL(NOT)
{
    put(thread, &SLOT(d), from_bool(!truthy(READ(a))));
    NOW_PLAIN(AT(d));
    CONTINUE();
}

/* ---- Comparisons, and branches on them: a jump when the result is d ---- */

#define TEST(name, symbol, result)                                          \
    const Value a = READ(a), b = READ(b);                                   \
    int result;                                                             \
    if (is_int(a) && is_int(b)) {                                           \
        result = (int64_t)a symbol (int64_t)b;                              \
    } else if (is_float(a) && is_float(b)) {                                \
        result = to_float(a) symbol to_float(b);                            \
    } else {                                                                \
        result = compare(thread, COMPARE_##name, a, b);                     \
        OR_EXIT(result >= 0);                                               \
    }

#define COMPARISON(name, symbol, text)                 \
    STENCIL(name)                                      \
    {                                                  \
        TEST(name, symbol, result)                     \
        put(thread, &SLOT(d), from_bool(result));      \
        NOW_PLAIN(AT(d));                              \
        CONTINUE();                                    \
    }                                                  \
    STENCIL(BRANCH_##name)                             \
    {                                                  \
        TEST(name, symbol, result)                     \
        if (result == HOLE(int16_t, d))                \
            JUMP(target);                              \
        CONTINUE();                                    \
    }

COMPARISONS(COMPARISON)

STENCIL(IS)
{
    put(thread, &SLOT(d), from_bool(READ(a) == READ(b)));
    NOW_PLAIN(AT(d));
    CONTINUE();
}

STENCIL(IS_NOT)
{
    put(thread, &SLOT(d), from_bool(READ(a) != READ(b)));
    NOW_PLAIN(AT(d));
    CONTINUE();
}

STENCIL(IN)
{
    const int result = contains(thread, READ(a), READ(b));
    OR_EXIT(result >= 0);
    put(thread, &SLOT(d), from_bool(result));
    NOW_PLAIN(AT(d));
    CONTINUE();
}

STENCIL(NOT_IN)
{
    const int result = contains(thread, READ(a), READ(b));
    OR_EXIT(result >= 0);
    put(thread, &SLOT(d), from_bool(!result));
    NOW_PLAIN(AT(d));
    CONTINUE();
}

STENCIL(BRANCH_IS)
{
    if ((READ(a) == READ(b)) == HOLE(int16_t, d))
        JUMP(target);
    CONTINUE();
}

STENCIL(BRANCH)
{
    const Value a = READ(a);
    if ((is_bool(a) ? a == TRUE : truthy(a)) == HOLE(int16_t, d))
        JUMP(target);
    CONTINUE();
}

STENCIL(JUMP)
{
    JUMP(target);
}

/* ---- Lists, tuples, iteration ---- */

/* They take their items out of their slots; `d` may be one of those. */
STENCIL(BUILD_LIST)
{
    put(thread, &SLOT(d), build_list(&SLOT(a), HOLE(uint16_t, b)));
    FORGET_FROM(AT(a));
    NOW_OBJECT(AT(d));
    CONTINUE();
}

STENCIL(BUILD_TUPLE)
{
    put(thread, &SLOT(d), build_tuple(&SLOT(a), HOLE(uint16_t, b)));
    FORGET_FROM(AT(a));
    NOW_OBJECT(AT(d));
    CONTINUE();
}

STENCIL(UNPACK)
{
    OR_EXIT(unpack(thread, &SLOT(d), READ(a), HOLE(uint16_t, b)));
    NOW_ANYTHING(AT(d));
    NOW_ANYTHING(AT(d) + 1);
    NOW_ANYTHING(AT(d) + 2);
    if (HOLE(uint16_t, b) > 3) {
        FORGET_FROM(AT(d));
    }
    CONTINUE();
}

STENCIL(GET_ITEM)
{
    const Value a = READ(a), b = READ(b);
    if (is_kind(a, KIND_LIST) && is_int(b) && (uint64_t)to_int(b) < to_list(a)->length) {
        put(thread, &SLOT(d), retain(to_list(a)->items[to_int(b)]));
    } else {
        OR_EXIT(get_item(thread, &SLOT(d), a, b));
    }
    NOW_ANYTHING(AT(d));
    CONTINUE();
}

/* a[b] = d */
STENCIL(SET_ITEM)
{
    const Value a = READ(a), b = READ(b), value = READ(d);
    if (is_kind(a, KIND_LIST) && is_int(b) && (uint64_t)to_int(b) < to_list(a)->length) {
        put(thread, &to_list(a)->items[to_int(b)], retain(value));
    } else {
        OR_EXIT(set_item(thread, a, b, value));
    }
    SHARED(d);
    CONTINUE();
}

/* The method of `a` is looked up before its arguments are evaluated, if only to say that there is none. */
STENCIL(CHECK_METHOD)
{
    const Value a = READ(a);
    if (!is_kind(a, KIND_LIST)) {
        OR_EXIT(check_attribute(thread, a, HOLE(uint64_t, operand)));
    }
    CONTINUE();
}

/* a.append(b), and past the call of whatever method `append` is, if `a` is a list. */
STENCIL(APPEND)
{
    const Value a = READ(a);
    if (LIKELY(is_kind(a, KIND_LIST))) {
        list_append(to_list(a), retain(READ(b)));
        SHARED(b);
        JUMP(target);
    }
    CONTINUE();
}

/* start, stop, step → next, how many are left, step */
STENCIL(PREPARE_RANGE)
{
    OR_EXIT(prepare_range(thread, &SLOT(a)));
    NOW_INTEGER(AT(a));
    NOW_INTEGER(AT(a) + 1);
    NOW_INTEGER(AT(a) + 2);
    CONTINUE();
}

STENCIL(FOR_RANGE)
{
    Value *const range = &SLOT(a);
    if (UNLIKELY(range[1] == from_int(0)))
        JUMP(target);
    range[1] -= from_int(1) - from_int(0);
    put(thread, &SLOT(d), range[0]);
    range[0] += range[2] - from_int(0);
    NOW_INTEGER(AT(a));
    NOW_INTEGER(AT(a) + 1);
    NOW_INTEGER(AT(d));
    CONTINUE();
}

/* sequence, anything → sequence, 0 */
STENCIL(PREPARE_ITERATION)
{
    OR_EXIT(prepare_iteration(thread, &SLOT(a)));
    NOW_OBJECT(AT(a));
    NOW_INTEGER(AT(a) + 1);
    CONTINUE();
}

STENCIL(FOR_ITEM)
{
    if (UNLIKELY(!next_item(&SLOT(a), &SLOT(d), thread)))
        JUMP(target);
    NOW_INTEGER(AT(a) + 1);
    NOW_ANYTHING(AT(d));
    CONTINUE();
}

/* ---- Objects ---- */

STENCIL(LOAD_ATTRIBUTE)
{
    OR_EXIT(load_attribute(thread, &SLOT(d), READ(a), HOLE(uint64_t, operand)));
    NOW_ANYTHING(AT(d));
    SHARED(a);
    CONTINUE();
}

/* a.name = b */
STENCIL(STORE_ATTRIBUTE)
{
    OR_EXIT(store_attribute(thread, READ(a), HOLE(uint64_t, operand), READ(b)));
    SHARED(b);
    CONTINUE();
}

/* d, d + 1 := the function and `a`, which becomes its first argument; or a callable and EMPTY */
STENCIL(LOAD_METHOD)
{
    OR_EXIT(load_method(thread, &SLOT(d), READ(a), HOLE(uint64_t, operand)));
    NOW_ANYTHING(AT(d));
    NOW_ANYTHING(AT(d) + 1);
    SHARED(a);
    CONTINUE();
}

STENCIL(BUILTIN)
{
    OR_EXIT(builtin(thread, &SLOT(d), READ(a), READ(b), HOLE(uint64_t, operand)));
    NOW_ANYTHING(AT(d));
    SHARED(a);
    SHARED(b);
    CONTINUE();
}

/* The values, and after them the separator and the end. */
STENCIL(PRINT)
{
    OR_EXIT(print_values(thread, &SLOT(a), HOLE(uint16_t, b)));
    CONTINUE();
}

STENCIL(MAKE_FUNCTION)
{
    make_function(thread, &SLOT(d), &SLOT(a), HOLE(uint16_t, b), HOLE(uint64_t, operand));
    FORGET_ALL();
    CONTINUE();
}

STENCIL(MAKE_CLASS)
{
    OR_EXIT(make_class(thread, &SLOT(d), &SLOT(a), HOLE(uint64_t, operand)));
    FORGET_ALL();
    CONTINUE();
}

/* ---- Where a trace goes its own way: only the interpreters have these ---- */

#ifdef MINIPY_INTERPRETER

STENCIL(LOOP)
{
    if (UNLIKELY(thread->interrupted != 0 || --thread->loops[HOLE(uint64_t, operand)].countdown < 0))
        SIDE_EXIT();
    JUMP(target);
}

STENCIL(CALL)
{
    GO_TO(enter_call(thread, slots, ip, &SLOT(d), HOLE(uint16_t, b)));
}

STENCIL(RETURN)
{
    GO_TO(leave_call(thread, slots, READ(a)));
}

STENCIL(END)
{
    thread->finished = true;
    SIDE_EXIT();
}

#endif
