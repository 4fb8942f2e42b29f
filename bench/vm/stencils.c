/* The micro-ops. Each is what CPython's of the same name does, for values that were checked before. */
#include "vm.h"

#define STENCIL_STATE Frame *frame, Ref *sp, Thread *thread
#include <stencilgen/stencil.h>

/* What is known of a reference, in a local or on the stack. Who learns one of these learns what follows from it, too.
 *
 *     integer     a small int
 *     real        a float
 *     list        a list
 *     uncounted   nothing of it is to be given up: an int, or borrowed
 *     kept        not borrowed: an int, or a count of it is ours
 *     unique      a float of which nobody else has a count
 */
#define AT_LOCAL ((int)HOLE(uint8_t, oparg))
#define TOP ON_STACK(-1)
#define SECOND ON_STACK(-2)
#define THIRD ON_STACK(-3)

#define NOW(location, fact) (FORGET(location), LEARN(location, fact))
#define LEARN_INTEGER(location) (LEARN(location, integer), LEARN(location, uncounted), LEARN(location, kept))
#define NOW_INTEGER(location) (FORGET(location), LEARN_INTEGER(location))
#define NOW_NEW_FLOAT(location) (NOW(location, real), LEARN(location, kept), LEARN(location, unique))

#define OWNS(at, ref) (!HOLDS(at, uncounted, !is_owned(ref)))
#define IS_KEPT(at, ref) HOLDS(at, kept, ((ref) & TAG_MASK) != TAG_BORROWED)
#define IS_UNIQUE(at, ref) HOLDS(at, unique, OWNS(at, ref) && ((const Object *)(ref))->count == 1)
/* What a pointer points to: where its tag is known it is a part of the displacement. */
#define OBJECT(at, ref)                                                                                   \
    (IS_KNOWN(at, uncounted) && HOLDS(at, uncounted, !is_owned(ref)) ? (Object *)((ref) - TAG_BORROWED)   \
                                                                     : to_object(ref))

#define LOCAL() (frame->locals[AT_LOCAL])
#define EXIT_UNLESS(condition)  \
    if (UNLIKELY(!(condition))) \
        SIDE_EXIT()
#define IS(at, ref, what) (((ref) & TAG_MASK) != TAG_INT && OBJECT(at, ref)->type == &what##_type)
#define BOOL(condition) (borrow((Ref)((condition) ? &true_object : &false_object)))

/* Give up a reference. What deallocating runs may look at the frame. */
#define RELEASE_IF(owns, ref)                                                       \
    do {                                                                            \
        const Ref released = (ref);                                                 \
        if (owns) {                                                                 \
            Object *const object = (Object *)released;                              \
            if ((int32_t)object->count >= 0 && UNLIKELY(--object->count == 0)) {    \
                frame->sp = sp;                                                     \
                deallocate(thread, object);                                         \
            }                                                                       \
        }                                                                           \
    } while (0)
#define RELEASE(at, ref) RELEASE_IF(OWNS(at, released), ref)
/* Another reference to the same, owned if the first one is. Neither is the only one then. */
#define DUPLICATE(at, ref)                            \
    ({                                                \
        const Ref original = (ref);                   \
        if (OWNS(at, original))                       \
            retain_object((Object *)original);        \
        UNLEARN(at, unique);                          \
        original;                                     \
    })
/* A new entry: a duplicate of what another location holds. */
#define PUSH_DUPLICATE(at, ref)          \
    do {                                 \
        *sp = DUPLICATE(at, ref);        \
        COPY_FACTS(ON_STACK(0), at);     \
        MOVE_TOP(1);                     \
    } while (0)
#define MOVE_TOP(entries)      \
    do {                       \
        sp += (entries);       \
        SHIFT_STACK(entries);  \
    } while (0)

/* ---- Locals and constants ---- */

STENCIL(LOAD_FAST)
{
    PUSH_DUPLICATE(AT_LOCAL, LOCAL());
    CONTINUE();
}

STENCIL(LOAD_FAST_BORROW)
{
    const Ref value = LOCAL();
    *sp = HOLDS(AT_LOCAL, uncounted, !is_owned(value)) ? value : borrow(value);
    COPY_FACTS(ON_STACK(0), AT_LOCAL);
    UNLEARN(ON_STACK(0), unique);
    if (!IS_KNOWN(AT_LOCAL, integer))
        UNLEARN(ON_STACK(0), kept);
    LEARN(ON_STACK(0), uncounted);
    MOVE_TOP(1);
    CONTINUE();
}

STENCIL(LOAD_FAST_CLEAR)
{
    *sp = LOCAL();
    LOCAL() = from_int(0);
    COPY_FACTS(ON_STACK(0), AT_LOCAL);
    NOW_INTEGER(AT_LOCAL);
    MOVE_TOP(1);
    CONTINUE();
}

STENCIL(STORE_FAST)
{
    const Ref old = LOCAL();
    LOCAL() = *--sp;
    RELEASE(AT_LOCAL, old);
    COPY_FACTS(AT_LOCAL, TOP);
    SHIFT_STACK(-1);
    CONTINUE();
}

STENCIL(LOAD_SMALL_INT)
{
    const Ref value = from_int(HOLE(uint8_t, oparg));
    *sp = value;
    LEARN_INTEGER(ON_STACK(0));
    LEARN_CONSTANT(ON_STACK(0), value);
    MOVE_TOP(1);
    CONTINUE();
}

STENCIL(LOAD_CONST)
{
    *sp = HOLE(uint64_t, operand) | TAG_BORROWED;
    LEARN(ON_STACK(0), uncounted);
    MOVE_TOP(1);
    CONTINUE();
}

STENCIL(POP_TOP)
{
    sp--;
    RELEASE(TOP, *sp);
    SHIFT_STACK(-1);
    CONTINUE();
}

STENCIL(COPY_1)
{
    PUSH_DUPLICATE(TOP, sp[-1]);
    CONTINUE();
}

STENCIL(COPY_2)
{
    PUSH_DUPLICATE(SECOND, sp[-2]);
    CONTINUE();
}

STENCIL(SWAP_2)
{
    const Ref top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = top;
    EXCHANGE_FACTS(TOP, SECOND);
    CONTINUE();
}

STENCIL(SWAP_3)
{
    const Ref top = sp[-1];
    sp[-1] = sp[-3];
    sp[-3] = top;
    EXCHANGE_FACTS(TOP, THIRD);
    CONTINUE();
}

/* ---- Guards ---- */

#define GUARD(name, at, condition, fact, learn)   \
    STENCIL(name)                                 \
    {                                             \
        EXIT_UNLESS(HOLDS(at, fact, condition));  \
        learn(at);                                \
        CONTINUE();                               \
    }
#define LEARN_VALUE_IS_INTEGER(location) \
    (LEARN_OF_VALUE(location, integer), LEARN_OF_VALUE(location, uncounted), LEARN_OF_VALUE(location, kept))
#define LEARN_VALUE_IS_FLOAT(location) LEARN_OF_VALUE(location, real)
#define LEARN_VALUE_IS_LIST(location) LEARN_OF_VALUE(location, list)

GUARD(GUARD_TOS_INT, TOP, is_int(sp[-1]), integer, LEARN_VALUE_IS_INTEGER)
GUARD(GUARD_NOS_INT, SECOND, is_int(sp[-2]), integer, LEARN_VALUE_IS_INTEGER)
GUARD(GUARD_TOS_FLOAT, TOP, IS(TOP, sp[-1], float), real, LEARN_VALUE_IS_FLOAT)
GUARD(GUARD_NOS_FLOAT, SECOND, IS(SECOND, sp[-2], float), real, LEARN_VALUE_IS_FLOAT)
GUARD(GUARD_TOS_LIST, TOP, IS(TOP, sp[-1], list), list, LEARN_VALUE_IS_LIST)
GUARD(GUARD_NOS_LIST, SECOND, IS(SECOND, sp[-2], list), list, LEARN_VALUE_IS_LIST)

STENCIL(GUARD_IS_TRUE_POP)
{
    MOVE_TOP(-1);
    EXIT_UNLESS(*sp == BOOL(true));
    CONTINUE();
}

STENCIL(GUARD_IS_FALSE_POP)
{
    MOVE_TOP(-1);
    EXIT_UNLESS(*sp == BOOL(false));
    CONTINUE();
}

/* ---- Ints: a tagged one plus an untagged one is a tagged one ---- */

#define INT_BINARY(name, overflows, tag)                                \
    STENCIL(name)                                                       \
    {                                                                   \
        const Ref left = sp[-2], right = VALUE_AT(TOP, sp[-1]);         \
        int64_t result;                                                 \
        EXIT_UNLESS(!overflows);                                        \
        sp[-2] = (Ref)result | (tag);                                   \
        NOW_INTEGER(SECOND);                                            \
        MOVE_TOP(-1);                                                   \
        CONTINUE();                                                     \
    }

INT_BINARY(ADD_INT, __builtin_add_overflow((int64_t)left, (int64_t)(right - TAG_INT), &result), 0)
INT_BINARY(SUB_INT, __builtin_sub_overflow((int64_t)left, (int64_t)(right - TAG_INT), &result), 0)
INT_BINARY(MUL_INT, __builtin_mul_overflow((int64_t)(left - TAG_INT), to_int(right), &result), TAG_INT)

STENCIL(RSHIFT_INT)
{
    const int64_t amount = to_int(VALUE_AT(TOP, sp[-1]));
    EXIT_UNLESS((uint64_t)amount < 62);
    sp[-2] = from_int(to_int(sp[-2]) >> amount);
    NOW_INTEGER(SECOND);
    MOVE_TOP(-1);
    CONTINUE();
}

STENCIL(LT_INT)
{
    sp[-2] = BOOL((int64_t)sp[-2] < (int64_t)VALUE_AT(TOP, sp[-1]));
    NOW(SECOND, uncounted);
    MOVE_TOP(-1);
    CONTINUE();
}

/* ---- Floats ----
 *
 * The result goes into the box of an operand that nobody else has, or into one of those that are free: the way that floats
 * usually go is here, only making a box from nothing is a call.
 */

#define NUMBER(at, ref) (((const Float *)(IS_KNOWN(at, unique) ? (Object *)(ref) : OBJECT(at, ref)))->number)

#define FREE_BOX(object)                                            \
    do {                                                            \
        (object)->type = (const Type *)thread->free_floats;         \
        thread->free_floats = (Float *)(object);                    \
    } while (0)
#define RELEASE_FLOAT(at, ref)                                                  \
    do {                                                                        \
        Object *const operand = (Object *)(ref);                                \
        if (IS_UNIQUE(at, ref))                                                 \
            FREE_BOX(operand);                                                  \
        else                                                                    \
            RELEASE_SHARED(at, ref);                                            \
    } while (0)
/* Others have counts of it: it stays. */
#define RELEASE_SHARED(at, ref)                                                             \
    do {                                                                                    \
        if (OWNS(at, ref) && (int32_t)((const Object *)(ref))->count >= 0)                  \
            ((Object *)(ref))->count--;                                                     \
    } while (0)
#define NEW_BOX(box)                                                    \
    do {                                                                \
        box = thread->free_floats;                                      \
        if (UNLIKELY(box == NULL)) {                                    \
            box = allocate_float();                                     \
        } else {                                                        \
            thread->free_floats = (Float *)box->object.type;            \
            box->object = (Object){1, 0, &float_type};                  \
        }                                                               \
    } while (0)

#define FLOAT_BINARY(name, condition, operator)                                             \
    STENCIL(name)                                                                           \
    {                                                                                       \
        const Ref left = sp[-2], right = sp[-1];                                            \
        EXIT_UNLESS(condition);                                                             \
        const double number = NUMBER(SECOND, left) operator NUMBER(TOP, right);             \
        Float *box;                                                                         \
        if (IS_UNIQUE(SECOND, left)) {                                                      \
            box = (Float *)left;                                                            \
            RELEASE_FLOAT(TOP, right);                                                      \
        } else if (IS_UNIQUE(TOP, right)) {                                                 \
            box = (Float *)right;                                                           \
            RELEASE_SHARED(SECOND, left);                                                   \
        } else {                                                                            \
            NEW_BOX(box);                                                                   \
            RELEASE_SHARED(SECOND, left);                                                   \
            RELEASE_FLOAT(TOP, right);                                                      \
        }                                                                                   \
        box->number = number;                                                               \
        sp[-2] = (Ref)box;                                                                  \
        NOW_NEW_FLOAT(SECOND);                                                              \
        MOVE_TOP(-1);                                                                       \
        CONTINUE();                                                                         \
    }

FLOAT_BINARY(ADD_FLOAT, true, +)
FLOAT_BINARY(SUB_FLOAT, true, -)
FLOAT_BINARY(MUL_FLOAT, true, *)
FLOAT_BINARY(DIV_FLOAT, NUMBER(TOP, right) != 0, /)

/* The result of one float operand, in its place. */
#define FLOAT_RESULT(at, place, ref, value)      \
    do {                                         \
        const double number = (value);           \
        Float *box;                              \
        if (IS_UNIQUE(at, ref)) {                \
            box = (Float *)(ref);                \
        } else {                                 \
            NEW_BOX(box);                        \
            RELEASE_SHARED(at, ref);             \
        }                                        \
        box->number = number;                    \
        place = (Ref)box;                        \
        NOW_NEW_FLOAT(at);                       \
    } while (0)

STENCIL(DIV_FLOAT_INT)
{
    const Ref left = sp[-2];
    const int64_t right = to_int(VALUE_AT(TOP, sp[-1]));
    EXIT_UNLESS(right != 0);
    FLOAT_RESULT(SECOND, sp[-2], left, NUMBER(SECOND, left) / (double)right);
    MOVE_TOP(-1);
    CONTINUE();
}

STENCIL(SQRT_FLOAT)
{
    const Ref operand = sp[-1];
    EXIT_UNLESS(NUMBER(TOP, operand) >= 0);
    FLOAT_RESULT(TOP, sp[-1], operand, __builtin_sqrt(NUMBER(TOP, operand)));
    CONTINUE();
}

/* ---- Lists ---- */

#define LIST(at, ref) ((List *)OBJECT(at, ref))

/* container[index] is there, `list` being what the container points to. */
#define INDEX_EXISTS(at, index) (IS_INT(at, index) && (uint64_t)to_int(index) < list->length)
#define IS_INT(at, index) (IS_CONSTANT(at) || HOLDS(at, integer, is_int(index))) /* of nothing but ints is the value known */

STENCIL(LIST_GET)
{
    const Ref container = sp[-2], index = VALUE_AT(TOP, sp[-1]);
    const List *const list = LIST(SECOND, container);
    EXIT_UNLESS(INDEX_EXISTS(TOP, index));
    sp[-2] = duplicate(list->items[to_int(index)]);
    sp--;
    RELEASE(SECOND, container);
    NOW(SECOND, kept);
    SHIFT_STACK(-1);
    CONTINUE();
}

/* container[index] = value; on the stack: value, container, index. A borrowed value becomes an owned one. */
STENCIL(LIST_SET)
{
    const Ref container = sp[-2], index = VALUE_AT(TOP, sp[-1]);
    List *const list = LIST(SECOND, container);
    EXIT_UNLESS(INDEX_EXISTS(TOP, index));
    Ref *const place = &list->items[to_int(index)];
    const Ref old = *place;
    Ref value = sp[-3];
    if (!IS_KEPT(THIRD, value)) {
        value &= ~(Ref)TAG_BORROWED;
        retain_object(to_object(value));
        UNLEARN_EVERYWHERE(unique); /* whoever it is borrowed from is no longer alone */
    }
    *place = value;
    sp -= 3;
    RELEASE_IF(is_owned(released), old);
    RELEASE(SECOND, container);
    SHIFT_STACK(-3);
    CONTINUE();
}

STENCIL(UNPACK_LIST_2)
{
    const Ref container = sp[-1];
    const List *const list = LIST(TOP, container);
    EXIT_UNLESS(list->length == 2);
    sp[-1] = duplicate(list->items[1]);
    sp[0] = duplicate(list->items[0]);
    sp += 1;
    RELEASE(TOP, container);
    NOW(TOP, kept);
    LEARN(ON_STACK(0), kept);
    SHIFT_STACK(1);
    CONTINUE();
}

STENCIL(UNPACK_LIST_3)
{
    const Ref container = sp[-1];
    const List *const list = LIST(TOP, container);
    EXIT_UNLESS(list->length == 3);
    sp[-1] = duplicate(list->items[2]);
    sp[0] = duplicate(list->items[1]);
    sp[1] = duplicate(list->items[0]);
    sp += 2;
    RELEASE(TOP, container);
    NOW(TOP, kept);
    LEARN(ON_STACK(0), kept);
    LEARN(ON_STACK(1), kept);
    SHIFT_STACK(2);
    CONTINUE();
}

/* ---- Loops ---- */

STENCIL(GUARD_NOT_EXHAUSTED_RANGE)
{
    const Range *const range = (const Range *)to_object(sp[-1]);
    EXIT_UNLESS(range->object.type == &range_type && range->remaining != 0);
    CONTINUE();
}

STENCIL(ITER_NEXT_RANGE)
{
    Range *const range = (Range *)to_object(sp[-1]);
    *sp = from_int(range->next);
    range->next += range->step;
    range->remaining--;
    LEARN_INTEGER(ON_STACK(0));
    MOVE_TOP(1);
    CONTINUE();
}

STENCIL(SET_IP)
{
    frame->ip = HOLE(const void *, operand);
    CONTINUE();
}

STENCIL(CHECK_VALIDITY)
{
    EXIT_UNLESS(thread->valid != 0);
    CONTINUE();
}

STENCIL(CHECK_EVAL_BREAKER)
{
    EXIT_UNLESS(thread->eval_breaker == 0);
    CONTINUE();
}

STENCIL(JUMP_TO_TOP)
{
    EXIT_UNLESS(thread->eval_breaker == 0);
    JUMP(target);
}
