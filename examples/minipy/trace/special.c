/* Micro-ops of traces: what bytecode is for the types that were seen.
 *
 * Guards leave the trace when a value is of another type; all others rely on them. Integer results go over a plain slot;
 * float results over a plain slot (NEW) or into the box of the float that is there (REUSE). See vm/opcodes.h.
 */
#include "references.h"

#define STENCIL_STATE Value *slots, Thread *thread
#include <stencilgen/stencil.h>

#include "facts.h"

#include <math.h>

#define GUARD(condition)      \
    if (UNLIKELY(!(condition))) \
        SIDE_EXIT()
#define TRACE_STENCIL(name, ...) \
    STENCIL(name)                \
    {                            \
        __VA_ARGS__              \
        CONTINUE();              \
    }

/* ---- Guards ---- */

#define IS_OBJECT_OF(kind_) (HOLDS(AT(a), object, is_object(SLOT(a))) && to_object(SLOT(a))->kind == (kind_))

STENCIL(GUARD_INT)
{
    GUARD(HOLDS(AT(a), integer, is_int(SLOT(a))));
    LEARN(AT(a), integer);
    LEARN(AT(a), plain);
    CONTINUE();
}

STENCIL(GUARD_FLOAT)
{
    GUARD(HOLDS(AT(a), real, is_float(SLOT(a))));
    LEARN(AT(a), real);
    LEARN(AT(a), object);
    CONTINUE();
}

STENCIL(GUARD_KIND)
{
    GUARD(IS_OBJECT_OF(HOLE(uint32_t, operand)));
    LEARN(AT(a), object);
    CONTINUE();
}

STENCIL(GUARD_IS)
{
    GUARD(SLOT(a) == HOLE(uint64_t, operand));
    if (is_object(HOLE(uint64_t, operand))) {
        LEARN(AT(a), object);
    } else {
        LEARN(AT(a), plain);
    }
    CONTINUE();
}

TRACE_STENCIL(GUARD_IS_NOT, GUARD(SLOT(a) != HOLE(uint64_t, operand));)
TRACE_STENCIL(GUARD_BOOL, GUARD(is_bool(SLOT(a))); LEARN(AT(a), plain);)

STENCIL(GUARD_CLASS)
{
    GUARD(IS_OBJECT_OF(KIND_INSTANCE) && ((Instance *)SLOT(a))->class == HOLE(void *, pointer));
    LEARN(AT(a), object);
    CONTINUE();
}

TRACE_STENCIL(GUARD_TRUE, GUARD(truthy(SLOT(a)));)
TRACE_STENCIL(GUARD_FALSE, GUARD(!truthy(SLOT(a)));)
TRACE_STENCIL(GUARD_SAME, GUARD(SLOT(a) == SLOT(b));)
TRACE_STENCIL(GUARD_NOT_SAME, GUARD(SLOT(a) != SLOT(b));)

/* Any comparison of anything; operand: which, d: the result that keeps to the trace. */
STENCIL(GUARD_COMPARE)
{
    const Value a = operand(slots, thread, AT(a)), b = operand(slots, thread, AT(b));
    GUARD(compare(thread, HOLE(uint8_t, operand), a, b) == HOLE(int16_t, d));
    CONTINUE();
}

/* ---- Plain values ---- */

STENCIL(SET_VALUE)
{
    SLOT(d) = HOLE(uint64_t, operand);
    NOW_PLAIN(AT(d));
    if (is_int(HOLE(uint64_t, operand))) {
        LEARN(AT(d), integer);
    }
    CONTINUE();
}

TRACE_STENCIL(COPY_PLAIN, SLOT(d) = SLOT(a); COPY_FACTS(AT(d), AT(a)); LEARN(AT(d), plain);)

/* ---- Ints. A constant is in the instruction as it is in a slot, tagged, or for MUL and shifts as it is. ---- */

#define INTEGER(name, function, left, right)                          \
    STENCIL(name)                                                     \
    {                                                                 \
        int64_t result;                                               \
        GUARD(!function((int64_t)(left), (int64_t)(right), &result)); \
        SLOT(d) = (Value)result;                                      \
        NOW_INTEGER(AT(d));                                           \
        CONTINUE();                                                   \
    }

INTEGER(ADD_INT, __builtin_add_overflow, SLOT(a) - 1, SLOT(b))
INTEGER(ADD_INT_CONST, __builtin_add_overflow, SLOT(a), HOLE(uint64_t, operand) - 1)
INTEGER(SUBTRACT_FROM_INT_CONST, __builtin_sub_overflow, HOLE(uint64_t, operand), SLOT(a) - 1)

STENCIL(SUB_INT)
{
    int64_t result;
    GUARD(!__builtin_sub_overflow((int64_t)SLOT(a), (int64_t)SLOT(b), &result));
    SLOT(d) = (Value)result | 1;
    NOW_INTEGER(AT(d));
    CONTINUE();
}

STENCIL(MUL_INT)
{
    int64_t result;
    GUARD(!__builtin_mul_overflow((int64_t)SLOT(a) - 1, to_int(SLOT(b)), &result));
    SLOT(d) = (Value)result | 1;
    NOW_INTEGER(AT(d));
    CONTINUE();
}

STENCIL(MUL_INT_CONST)
{
    int64_t result;
    GUARD(!__builtin_mul_overflow((int64_t)SLOT(a) - 1, HOLE(int64_t, operand), &result));
    SLOT(d) = (Value)result | 1;
    NOW_INTEGER(AT(d));
    CONTINUE();
}

TRACE_STENCIL(AND_INT, SLOT(d) = SLOT(a) & SLOT(b); NOW_INTEGER(AT(d));)
TRACE_STENCIL(OR_INT, SLOT(d) = SLOT(a) | SLOT(b); NOW_INTEGER(AT(d));)
TRACE_STENCIL(XOR_INT, SLOT(d) = (SLOT(a) ^ SLOT(b)) | 1; NOW_INTEGER(AT(d));)
TRACE_STENCIL(AND_INT_CONST, SLOT(d) = SLOT(a) & HOLE(uint64_t, operand); NOW_INTEGER(AT(d));)
TRACE_STENCIL(RSHIFT_INT_CONST, SLOT(d) = (uint64_t)((int64_t)SLOT(a) >> (HOLE(uint8_t, operand) & 63)) | 1; NOW_INTEGER(AT(d));)

STENCIL(ABS_INT)
{
    const Value a = SLOT(a);
    GUARD((int64_t)a != INT64_MIN + 1); /* the smallest tagged int: its opposite is not one */
    SLOT(d) = (int64_t)a < 0 ? 2 - a : a;
    NOW_INTEGER(AT(d));
    CONTINUE();
}

/* For a positive divisor; others are left to the interpreter. */
#define FLOOR(name, divisor)                                 \
    STENCIL(FLOORDIV_##name)                                 \
    {                                                        \
        const int64_t a = to_int(SLOT(a)), b = divisor;      \
        GUARD(b > 0);                                        \
        const int64_t quotient = a / b;                      \
        SLOT(d) = from_int(quotient - (quotient * b > a));   \
        NOW_INTEGER(AT(d));                                  \
        CONTINUE();                                          \
    }                                                        \
    STENCIL(MOD_##name)                                      \
    {                                                        \
        const int64_t a = to_int(SLOT(a)), b = divisor;      \
        GUARD(b > 0);                                        \
        const int64_t rest = a % b;                          \
        SLOT(d) = from_int(rest < 0 ? rest + b : rest);      \
        NOW_INTEGER(AT(d));                                  \
        CONTINUE();                                          \
    }

FLOOR(INT, to_int(SLOT(b)))
FLOOR(INT_CONST, HOLE(int64_t, operand))

#define INTEGER_TESTS(name, symbol, text)                                                                   \
    TRACE_STENCIL(GUARD_##name##_INT, GUARD((int64_t)SLOT(a) symbol (int64_t)SLOT(b));)                     \
    TRACE_STENCIL(GUARD_##name##_INT_CONST, GUARD((int64_t)SLOT(a) symbol HOLE(int64_t, operand));)         \
    TRACE_STENCIL(name##_INT, SLOT(d) = from_bool((int64_t)SLOT(a) symbol (int64_t)SLOT(b)); NOW_PLAIN(AT(d));) \
    TRACE_STENCIL(name##_INT_CONST, SLOT(d) = from_bool((int64_t)SLOT(a) symbol HOLE(int64_t, operand)); NOW_PLAIN(AT(d));)

COMPARISONS(INTEGER_TESTS)

/* ---- Floats ---- */

#define LEFT_FF to_float(SLOT(a))
#define RIGHT_FF to_float(SLOT(b))
#define LEFT_FI to_float(SLOT(a))
#define RIGHT_FI (double)to_int(SLOT(b))
#define LEFT_IF (double)to_int(SLOT(a))
#define RIGHT_IF to_float(SLOT(b))
#define LEFT_FK to_float(SLOT(a))
#define RIGHT_FK HOLE(double, number)
#define LEFT_KF HOLE(double, number)
#define RIGHT_KF to_float(SLOT(b))

#define LEFT_IK (double)to_int(SLOT(a))
#define RIGHT_IK HOLE(double, number)
#define LEFT_KI HOLE(double, number)
#define RIGHT_KI (double)to_int(SLOT(b))

#define RESULT_NEW(form, value) SLOT(d) = new_float(thread, value)

/* Whether d is a float operand's slot is known when code is emitted; then the operand's box need not be loaded again. */
#define RESULT_REUSE(form, value)   \
    do {                            \
        const double number = value; \
        OVER_##form OVER(d)         \
    } while (0)
#define OVER(name) put_float(thread, &SLOT(name), number, HOLDS(AT(name), unique, is_unique(SLOT(name))));
#define OVER_OPERAND(name) if (AT(d) == AT(name)) OVER(name) else
#define OVER_FF OVER_OPERAND(a) OVER_OPERAND(b)
#define OVER_FI OVER_OPERAND(a)
#define OVER_IF OVER_OPERAND(b)
#define OVER_FK OVER_OPERAND(a)
#define OVER_KF OVER_OPERAND(b)
#define OVER_IK
#define OVER_KI
#define OVER_F OVER_OPERAND(a)
#define OVER_I
#define NONZERO_ADD(x)
#define NONZERO_SUB(x)
#define NONZERO_MUL(x)
#define NONZERO_DIV(x) GUARD((x) != 0);

#define FLOAT_STENCIL(name, op, form, kind)                                                      \
    STENCIL(name##_##form##_##kind)                                                              \
    {                                                                                            \
        const double left = LEFT_##form, right = RIGHT_##form;                                   \
        NONZERO_##name(right)                                                                    \
        RESULT_##kind(form, left op right);                                                      \
        NOW_UNIQUE(AT(d));                                                                       \
        CONTINUE();                                                                              \
    }
#define FLOAT_STENCILS(name, op, form, roles) FLOAT_STENCIL(name, op, form, NEW) FLOAT_STENCIL(name, op, form, REUSE)
#define FLOAT_OPERATOR(name, op) FLOAT_FORMS(FLOAT_STENCILS, name, op)

FLOAT_OPERATORS(FLOAT_OPERATOR)

#define FLOAT_UNARY(name, form, condition, value)                 \
    STENCIL(name##_NEW)                                           \
    {                                                             \
        GUARD(condition);                                         \
        RESULT_NEW(form, value);                                  \
        NOW_UNIQUE(AT(d));                                        \
        CONTINUE();                                               \
    }                                                             \
    STENCIL(name##_REUSE)                                         \
    {                                                             \
        GUARD(condition);                                         \
        RESULT_REUSE(form, value);                                \
        NOW_UNIQUE(AT(d));                                        \
        CONTINUE();                                               \
    }

FLOAT_UNARY(NEGATE_FLOAT, F, true, -to_float(SLOT(a)))
FLOAT_UNARY(ABS_FLOAT, F, true, fabs(to_float(SLOT(a))))
FLOAT_UNARY(SQRT_FLOAT, F, to_float(SLOT(a)) >= 0, sqrt(to_float(SLOT(a))))
FLOAT_UNARY(FLOAT_INT, I, true, (double)to_int(SLOT(a)))

/* Two ints that doubles hold exactly. */
#define EXACT(value) ((uint64_t)(to_int(value) + (INT64_C(1) << 53)) <= UINT64_C(1) << 54)
FLOAT_UNARY(DIV_INT, I, to_int(SLOT(b)) != 0 && EXACT(SLOT(a)) && EXACT(SLOT(b)), (double)to_int(SLOT(a)) / (double)to_int(SLOT(b)))

FLOAT_UNARY(DIV_INT_CONST, I, EXACT(SLOT(a)), (double)to_int(SLOT(a)) / HOLE(double, number))

/* int(x) */
STENCIL(INT_FLOAT)
{
    const double number = to_float(SLOT(a));
    GUARD(number > -0x1p62 && number < 0x1p62);
    SLOT(d) = from_int((int64_t)number);
    NOW_INTEGER(AT(d));
    CONTINUE();
}

#define FLOAT_TEST(name, symbol, form)                                                 \
    TRACE_STENCIL(GUARD_##name##_##form, GUARD(LEFT_##form symbol RIGHT_##form);)      \
    TRACE_STENCIL(GUARD_NOT_##name##_##form, GUARD(!(LEFT_##form symbol RIGHT_##form));)
/* An int is compared as a float: exactly only where a double holds it. */
#define MIXED_TEST(name, symbol)                                                                              \
    TRACE_STENCIL(GUARD_##name##_FI, GUARD(EXACT(SLOT(b)) && (LEFT_FI symbol RIGHT_FI));)                     \
    TRACE_STENCIL(GUARD_NOT_##name##_FI, GUARD(EXACT(SLOT(b)) && !(LEFT_FI symbol RIGHT_FI));)
#define FLOAT_TESTS_(name, symbol) FLOAT_TEST(name, symbol, FF) MIXED_TEST(name, symbol) FLOAT_TEST(name, symbol, FK)

FLOAT_TESTS(FLOAT_TESTS_)

/* ---- Lists and tuples ---- */

#define STORE_ANY(value) PUT(value)
#define STORE_PLAIN(value) SLOT(d) = (value)

#define ITEM(name, type, index, store)                          \
    STENCIL(name)                                               \
    {                                                           \
        const type *const sequence = (const type *)SLOT(a);     \
        const uint64_t position = (uint64_t)(index);            \
        GUARD(position < sequence->length);                     \
        store(retain(sequence->items[position]));               \
        NOW_ANYTHING(AT(d));                                    \
        CONTINUE();                                             \
    }

ITEM(GET_LIST, List, to_int(SLOT(b)), STORE_ANY)
ITEM(GET_LIST_PLAIN, List, to_int(SLOT(b)), STORE_PLAIN)
ITEM(GET_LIST_CONST, List, HOLE(int64_t, operand), STORE_ANY)
ITEM(GET_LIST_CONST_PLAIN, List, HOLE(int64_t, operand), STORE_PLAIN)
ITEM(GET_TUPLE, Tuple, to_int(SLOT(b)), STORE_ANY)
ITEM(GET_TUPLE_PLAIN, Tuple, to_int(SLOT(b)), STORE_PLAIN)
ITEM(GET_TUPLE_CONST, Tuple, HOLE(int64_t, operand), STORE_ANY)
ITEM(GET_TUPLE_CONST_PLAIN, Tuple, HOLE(int64_t, operand), STORE_PLAIN)

#define SET(name, index)                                                 \
    STENCIL(name)                                                        \
    {                                                                    \
        List *const list = to_list(SLOT(a));                             \
        const uint64_t position = (uint64_t)(index);                     \
        GUARD(position < list->length);                                  \
        const Value value = SLOT(d);                                     \
        if (IS_COUNTED(d, value)) {                                      \
            retain_object(to_object(value));                             \
        }                                                                \
        put(thread, &list->items[position], value);                      \
        SHARED(d);                                                       \
        CONTINUE();                                                      \
    }                                                                    \
    STENCIL(name##_TAKE) /* d is read no more: exchange */               \
    {                                                                    \
        List *const list = to_list(SLOT(a));                             \
        const uint64_t position = (uint64_t)(index);                     \
        GUARD(position < list->length);                                  \
        const Value old = list->items[position];                         \
        list->items[position] = SLOT(d);                                 \
        SLOT(d) = old;                                                   \
        NOW_ANYTHING(AT(d));                                             \
        CONTINUE();                                                      \
    }

SET(SET_LIST, to_int(SLOT(b)))
SET(SET_LIST_CONST, HOLE(int64_t, operand))

TRACE_STENCIL(LENGTH_LIST, SLOT(d) = from_int((int64_t)to_list(SLOT(a))->length); NOW_INTEGER(AT(d));)
TRACE_STENCIL(APPEND_LIST, list_append(to_list(SLOT(a)), retain(operand(slots, thread, AT(b)))); SHARED(b);)

STENCIL(FOR_RANGE_INT)
{
    Value *const range = &SLOT(a);
    GUARD(range[1] != from_int(0));
    range[1] -= 2;
    SLOT(d) = range[0];
    range[0] += range[2] - 1;
    NOW_INTEGER(AT(a));
    NOW_INTEGER(AT(a) + 1);
    NOW_INTEGER(AT(d));
    CONTINUE();
}

#define FOR_ITEM_(name, type, store)                                  \
    STENCIL(name)                                                     \
    {                                                                 \
        Value *const iteration = &SLOT(a);                            \
        const type *const sequence = (const type *)iteration[0];      \
        const uint64_t position = (uint64_t)to_int(iteration[1]);     \
        GUARD(position < sequence->length);                           \
        iteration[1] += 2;                                            \
        store(retain(sequence->items[position]));                     \
        NOW_INTEGER(AT(a) + 1);                                       \
        NOW_ANYTHING(AT(d));                                          \
        CONTINUE();                                                   \
    }

FOR_ITEM_(FOR_LIST, List, STORE_ANY)
FOR_ITEM_(FOR_LIST_PLAIN, List, STORE_PLAIN)
FOR_ITEM_(FOR_TUPLE, Tuple, STORE_ANY)
FOR_ITEM_(FOR_TUPLE_PLAIN, Tuple, STORE_PLAIN)

#define EXHAUSTED(name, type) \
    TRACE_STENCIL(EXHAUSTED_##name, GUARD((uint64_t)to_int((&SLOT(a))[1]) >= ((const type *)SLOT(a))->length);)

EXHAUSTED(LIST, List)
EXHAUSTED(TUPLE, Tuple)

/* ---- Attributes: b is the place in the instance ---- */

#define LOAD_SLOT_(name, store)                                                       \
    STENCIL(name)                                                                     \
    {                                                                                 \
        const Value value = ((const Instance *)SLOT(a))->attributes[HOLE(uint16_t, b)]; \
        GUARD(value != EMPTY);                                                        \
        store(retain(value));                                                         \
        NOW_ANYTHING(AT(d));                                                          \
        CONTINUE();                                                                   \
    }

LOAD_SLOT_(LOAD_SLOT, STORE_ANY)
LOAD_SLOT_(LOAD_SLOT_PLAIN, STORE_PLAIN)

/* a.place(d) = b */
STENCIL(STORE_SLOT)
{
    const Value value = operand(slots, thread, AT(b));
    if (AT(b) < 0) {
        retain(value);
    } else {
        if (IS_COUNTED(b, value)) {
            retain_object(to_object(value));
        }
        SHARED(b);
    }
    put(thread, &((Instance *)SLOT(a))->attributes[HOLE(uint16_t, d)], value);
    CONTINUE();
}

STENCIL(STORE_SLOT_TAKE)
{
    Value *const attribute = &((Instance *)SLOT(a))->attributes[HOLE(uint16_t, d)];
    const Value old = *attribute;
    *attribute = SLOT(b);
    SLOT(b) = old;
    NOW_ANYTHING(AT(b));
    CONTINUE();
}

/* An object that outlives the trace: a function, a method of a class. */
STENCIL(LOAD_MEMBER)
{
    Object *const object = HOLE(Object *, pointer);
    retain_object(object);
    PUT(from_object(object));
    NOW_OBJECT(AT(d));
    CONTINUE();
}

/* ---- Calls, in the course of the trace ---- */

TRACE_STENCIL(GUARD_DEPTH, GUARD(thread->call != thread->last_call);)

/* operand: code; back: where the caller goes on; d: the window; result. */
STENCIL(PUSH_CALL)
{
    Call *const call = thread->call + 1;
    call->code = HOLE(const Code *, pointer);
    call->back = HOLE(const Instruction *, back);
    call->window = HOLE(uint16_t, d);
    call->result = HOLE(int32_t, result);
    thread->call = call;
    slots += HOLE(uint16_t, d);
    SHIFT_LOCATIONS(HOLE(uint16_t, d));
    CONTINUE();
}

TRACE_STENCIL(POP_CALL, thread->call--; slots -= HOLE(uint16_t, d); SHIFT_LOCATIONS(-HOLE(uint16_t, d));)

/* Whether the function that returns was called from where it was when the trace was recorded. */
STENCIL(GUARD_BACK)
{
    GUARD(thread->call->back == HOLE(const Instruction *, back) && thread->call->result == HOLE(int32_t, result));
    CONTINUE();
}

/* Arguments, defaults, or a new instance: as plan_call arranges them. d: base, b: how many; operand: has a self. */
STENCIL(ARRANGE_CALL)
{
    Plan plan;
    GUARD(plan_call(thread, &SLOT(d), HOLE(uint16_t, b), HOLE(bool, operand), &plan));
    FORGET_FROM(AT(d));
    CONTINUE();
}

/* ---- The trace's own ---- */

TRACE_STENCIL(CHECK_INTERRUPT, GUARD(thread->interrupted == 0);)

STENCIL(REPEAT)
{
    if (UNLIKELY(thread->interrupted != 0))
        SIDE_EXIT();
    JUMP(target);
}

/* The guard that follows fails when its turn comes, whatever it tests; pointer: what counts down to that. */
STENCIL(STRESS)
{
    int64_t *const countdown = HOLE(int64_t *, pointer);
    if (UNLIKELY(--*countdown == 0)) {
        *countdown = thread->stress_period;
        SIDE_EXIT();
    }
    CONTINUE();
}

TRACE_STENCIL(COUNT, thread->traced += HOLE(uint32_t, operand);)
TRACE_STENCIL(TALLY, ++*HOLE(uint64_t *, pointer);)

STENCIL(STOP)
{
    SIDE_EXIT();
}
