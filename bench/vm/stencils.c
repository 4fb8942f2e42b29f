/* The micro-ops. Each is what CPython's of the same name does, for values that were checked before. */
#include "vm.h"

#define STENCIL_STATE Frame *frame, Ref *sp, Thread *thread
#include <stencilgen/stencil.h>

#define LOCAL() (frame->locals[HOLE(uint8_t, oparg)])
#define EXIT_UNLESS(condition)  \
    if (UNLIKELY(!(condition))) \
        SIDE_EXIT()
#define IS(ref, what) (to_object(ref)->type == &what##_type)
#define IS_POINTER(ref) (((ref) & TAG_MASK) != TAG_INT)
#define BOOL(condition) (borrow((Ref)((condition) ? &true_object : &false_object)))

/* Give up a reference. What deallocating runs may look at the frame. */
#define RELEASE(ref)                                                            \
    do {                                                                        \
        const Ref released = (ref);                                             \
        if ((released & TAG_BORROWED) == 0) {                                   \
            Object *const object = to_object(released);                         \
            if ((int32_t)object->count >= 0 && UNLIKELY(--object->count == 0)) { \
                frame->sp = sp;                                                 \
                deallocate(thread, object);                                     \
            }                                                                   \
        }                                                                       \
    } while (0)

/* ---- Locals and constants ---- */

STENCIL(LOAD_FAST)
{
    *sp++ = duplicate(LOCAL());
    CONTINUE();
}

STENCIL(LOAD_FAST_BORROW)
{
    *sp++ = borrow(LOCAL());
    CONTINUE();
}

STENCIL(LOAD_FAST_CLEAR)
{
    *sp++ = LOCAL();
    LOCAL() = from_int(0);
    CONTINUE();
}

STENCIL(STORE_FAST)
{
    const Ref old = LOCAL();
    LOCAL() = *--sp;
    RELEASE(old);
    CONTINUE();
}

STENCIL(LOAD_SMALL_INT)
{
    *sp++ = from_int(HOLE(uint8_t, oparg));
    CONTINUE();
}

STENCIL(LOAD_CONST)
{
    *sp++ = HOLE(uint64_t, operand) | TAG_BORROWED;
    CONTINUE();
}

STENCIL(POP_TOP)
{
    sp--;
    RELEASE(*sp);
    CONTINUE();
}

STENCIL(COPY_1)
{
    *sp = duplicate(sp[-1]);
    sp++;
    CONTINUE();
}

STENCIL(COPY_2)
{
    *sp = duplicate(sp[-2]);
    sp++;
    CONTINUE();
}

STENCIL(SWAP_2)
{
    const Ref top = sp[-1];
    sp[-1] = sp[-2];
    sp[-2] = top;
    CONTINUE();
}

STENCIL(SWAP_3)
{
    const Ref top = sp[-1];
    sp[-1] = sp[-3];
    sp[-3] = top;
    CONTINUE();
}

/* ---- Guards ---- */

#define GUARD(name, condition)  \
    STENCIL(name)               \
    {                           \
        EXIT_UNLESS(condition); \
        CONTINUE();             \
    }

GUARD(GUARD_TOS_INT, is_int(sp[-1]))
GUARD(GUARD_NOS_INT, is_int(sp[-2]))
GUARD(GUARD_TOS_FLOAT, IS_POINTER(sp[-1]) && IS(sp[-1], float))
GUARD(GUARD_NOS_FLOAT, IS_POINTER(sp[-2]) && IS(sp[-2], float))
GUARD(GUARD_TOS_LIST, IS_POINTER(sp[-1]) && IS(sp[-1], list))
GUARD(GUARD_NOS_LIST, IS_POINTER(sp[-2]) && IS(sp[-2], list))

STENCIL(GUARD_IS_TRUE_POP)
{
    sp--;
    EXIT_UNLESS(*sp == BOOL(true));
    CONTINUE();
}

STENCIL(GUARD_IS_FALSE_POP)
{
    sp--;
    EXIT_UNLESS(*sp == BOOL(false));
    CONTINUE();
}

/* ---- Ints: a tagged one plus an untagged one is a tagged one ---- */

#define INT_BINARY(name, overflows, tag)         \
    STENCIL(name)                                \
    {                                            \
        const Ref left = sp[-2], right = sp[-1]; \
        int64_t result;                          \
        EXIT_UNLESS(!overflows);                 \
        sp[-2] = (Ref)result | (tag);            \
        sp--;                                    \
        CONTINUE();                              \
    }

INT_BINARY(ADD_INT, __builtin_add_overflow((int64_t)left, (int64_t)(right - TAG_INT), &result), 0)
INT_BINARY(SUB_INT, __builtin_sub_overflow((int64_t)left, (int64_t)(right - TAG_INT), &result), 0)
INT_BINARY(MUL_INT, __builtin_mul_overflow((int64_t)(left - TAG_INT), to_int(right), &result), TAG_INT)

STENCIL(RSHIFT_INT)
{
    EXIT_UNLESS((uint64_t)to_int(sp[-1]) < 62);
    sp[-2] = from_int(to_int(sp[-2]) >> to_int(sp[-1]));
    sp--;
    CONTINUE();
}

STENCIL(LT_INT)
{
    sp[-2] = BOOL((int64_t)sp[-2] < (int64_t)sp[-1]);
    sp--;
    CONTINUE();
}

/* ---- Floats ---- */

#define NUMBER(ref) (((const Float *)to_object(ref))->number)
#define FLOAT_BINARY(name, value)                           \
    STENCIL(name)                                           \
    {                                                       \
        const Ref left = sp[-2], right = sp[-1];            \
        sp[-2] = float_consume(thread, left, right, value); \
        sp--;                                               \
        CONTINUE();                                         \
    }

FLOAT_BINARY(ADD_FLOAT, NUMBER(left) + NUMBER(right))
FLOAT_BINARY(SUB_FLOAT, NUMBER(left) - NUMBER(right))
FLOAT_BINARY(MUL_FLOAT, NUMBER(left) * NUMBER(right))

STENCIL(DIV_FLOAT)
{
    const Ref left = sp[-2], right = sp[-1];
    EXIT_UNLESS(NUMBER(right) != 0);
    sp[-2] = float_consume(thread, left, right, NUMBER(left) / NUMBER(right));
    sp--;
    CONTINUE();
}

STENCIL(DIV_FLOAT_INT)
{
    const Ref left = sp[-2];
    const int64_t right = to_int(sp[-1]);
    EXIT_UNLESS(right != 0);
    sp[-2] = float_consume_one(thread, left, NUMBER(left) / (double)right);
    sp--;
    CONTINUE();
}

STENCIL(SQRT_FLOAT)
{
    const Ref operand = sp[-1];
    EXIT_UNLESS(NUMBER(operand) >= 0);
    sp[-1] = float_consume_one(thread, operand, __builtin_sqrt(NUMBER(operand)));
    CONTINUE();
}

/* ---- Lists ---- */

STENCIL(LIST_GET)
{
    const List *const list = (const List *)to_object(sp[-2]);
    const Ref container = sp[-2], index = sp[-1];
    EXIT_UNLESS(is_int(index) && (uint64_t)to_int(index) < list->length);
    sp[-2] = duplicate(list->items[to_int(index)]);
    sp--;
    RELEASE(container);
    CONTINUE();
}

/* container[index] = value; on the stack: value, container, index. A borrowed value becomes an owned one. */
STENCIL(LIST_SET)
{
    const Ref container = sp[-2], index = sp[-1];
    List *const list = (List *)to_object(container);
    EXIT_UNLESS(is_int(index) && (uint64_t)to_int(index) < list->length);
    Ref *const place = &list->items[to_int(index)];
    const Ref old = *place;
    Ref value = sp[-3];
    if ((value & TAG_MASK) == TAG_BORROWED) {
        value &= ~(Ref)TAG_BORROWED;
        retain_object(to_object(value));
    }
    *place = value;
    sp -= 3;
    RELEASE(old);
    RELEASE(container);
    CONTINUE();
}

STENCIL(UNPACK_LIST_2)
{
    const Ref container = sp[-1];
    const List *const list = (const List *)to_object(container);
    EXIT_UNLESS(list->length == 2);
    sp[-1] = duplicate(list->items[1]);
    sp[0] = duplicate(list->items[0]);
    sp += 1;
    RELEASE(container);
    CONTINUE();
}

STENCIL(UNPACK_LIST_3)
{
    const Ref container = sp[-1];
    const List *const list = (const List *)to_object(container);
    EXIT_UNLESS(list->length == 3);
    sp[-1] = duplicate(list->items[2]);
    sp[0] = duplicate(list->items[1]);
    sp[1] = duplicate(list->items[0]);
    sp += 2;
    RELEASE(container);
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
    *sp++ = from_int(range->next);
    range->next += range->step;
    range->remaining--;
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

STENCIL(JUMP_TO_TOP)
{
    EXIT_UNLESS(thread->eval_breaker == 0);
    JUMP(target);
}
