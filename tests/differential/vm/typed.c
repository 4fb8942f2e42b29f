/* A hole of every type in every position: stored, added, compared, guarded, masked, multiplied, divided by, shifted by,
 * and as part of an address. */
#include "language.h"

#define EACH_INTEGER(X) \
    X(i8, int8_t) X(u8, uint8_t) X(i16, int16_t) X(u16, uint16_t) X(i32, int32_t) X(u32, uint32_t) X(i64, int64_t) X(u64, uint64_t)

#define INTEGER(kind, type)                                                                                  \
    STENCIL(STORE_##kind)                                                                                    \
    {                                                                                                        \
        thread->cells.kind = HOLE(type, imm);                                                                \
        acc ^= (int64_t)HOLE(type, operand);                                                                 \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(ADD_##kind)                                                                                      \
    {                                                                                                        \
        thread->cells.kind = (type)ADD(thread->cells.kind, HOLE(type, imm));                                 \
        acc = ADD(acc, HOLE(type, imm));                                                                     \
        thread->counter = SUB(thread->counter, HOLE(type, imm));                                             \
        thread->scratch[0] = (uint64_t)HOLE(type, imm) - thread->scratch[0];                                 \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(COMPARE_##kind)                                                                                  \
    {                                                                                                        \
        type value = thread->cells.kind, hole = HOLE(type, imm);                                             \
        acc = (value < hole) | (value == hole) << 1 | (value <= hole) << 2;                                  \
        thread->scratch[1] = acc > (int64_t)hole ? thread->scratch[2] : (uint64_t)hole;                      \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(GUARD_##kind)                                                                                    \
    {                                                                                                        \
        if (UNLIKELY(thread->cells.kind != HOLE(type, imm)))                                                 \
            SIDE_EXIT();                                                                                     \
        if (UNLIKELY(thread->cells.kind > (type)HOLE(type, operand)))                                        \
            SIDE_EXIT();                                                                                     \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(BITS_##kind)                                                                                     \
    {                                                                                                        \
        thread->cells.kind &= HOLE(type, imm);                                                               \
        acc |= (int64_t)HOLE(type, operand);                                                                 \
        thread->scratch[3] ^= (uint64_t)HOLE(type, imm);                                                     \
        thread->status = (thread->counter & (int64_t)HOLE(type, imm)) != 0;                                  \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(SCALE_##kind)                                                                                    \
    {                                                                                                        \
        thread->cells.kind = (type)MUL(thread->cells.kind, HOLE(type, imm));                                 \
        acc = MUL(acc, HOLE(type, imm));                                                                     \
        thread->scratch[4] <<= HOLE(type, imm) & 63;                                                         \
        thread->scratch[5] >>= HOLE(type, operand) & 63;                                                     \
        thread->level >>= HOLE(type, operand) & 31;                                                          \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(DIVIDE_##kind)                                                                                   \
    {                                                                                                        \
        type divisor = (type)(HOLE(type, imm) & 0x7F) | 1;                                                   \
        thread->cells.kind = (type)(thread->cells.kind / divisor);                                           \
        acc = acc % (int64_t)divisor;                                                                        \
        thread->scratch[6] /= (uint64_t)HOLE(type, imm) | 1;                                                 \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(ADDRESS_##kind)                                                                                  \
    {                                                                                                        \
        uint64_t *cell = (uint64_t *)(thread->bases.kind + (uintptr_t)HOLE(type, bias));                     \
        acc = ADD(acc, *cell);                                                                               \
        cell[2] += (uint64_t)HOLE(type, bias);                                                               \
        thread->scratch[0] = (uintptr_t)&cell[5];                                                            \
        CONTINUE();                                                                                          \
    }                                                                                                        \
    STENCIL(ELEMENT_##kind)                                                                                  \
    {                                                                                                        \
        uint64_t *row = (uint64_t *)(thread->rows.kind + 8 * (uintptr_t)HOLE(type, bias));                   \
        row[thread->small] = (uint64_t)acc;                                                                  \
        acc = ADD(row[3], row[thread->small + 1]);                                                           \
        CONTINUE();                                                                                          \
    }

EACH_INTEGER(INTEGER)

STENCIL(BOOL)
{
    thread->cells.b = HOLE(bool, imm);
    acc = ADD(acc, HOLE(bool, operand));
    if (UNLIKELY((thread->small & 1) != HOLE(bool, oparg)))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(BOOL_CHOOSES)
{
    acc = HOLE(bool, imm) ? thread->counter : acc;
    thread->cells.b ^= HOLE(bool, operand);
    CONTINUE();
}

STENCIL(POINTER)
{
    Object *object = POINTER(Object);
    object->refcount++;
    thread->cells.p = &object->items;
    thread->result = object;
    acc = thread->freelist == object;
    *sp++ = object;
    CONTINUE();
}

STENCIL(POINTER_TAG)
{
    uint64_t bits = HOLE(uint64_t, pointer);
    Object *object = (Object *)(bits & ~UINT64_C(7));
    thread->status = bits & 7;
    thread->result = object;
    if ((bits & 8) == 8)
        thread->counter = ADD(thread->counter, 1);
    CONTINUE();
}

STENCIL(POINTER_IS_NULL)
{
    if (POINTER(Object) == NULL) {
        vm_raise(thread, "null");
        SIDE_EXIT();
    }
    acc ^= (intptr_t)POINTER(char);
    CONTINUE();
}

STENCIL(DOUBLE)
{
    thread->cells.f64 = HOLE(double, number);
    thread->reals[1] += HOLE(double, number);
    thread->reals[2] = thread->reals[2] < HOLE(double, number) ? 1.0 : thread->reals[3] * 2.0;
    CONTINUE();
}

STENCIL(FLOAT)
{
    thread->cells.f32 = HOLE(float, single);
    thread->singles[1] -= HOLE(float, single);
    if (UNLIKELY(thread->singles[2] > HOLE(float, single)))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(REAL_OF_INTEGER)
{
    thread->reals[4] += (double)HOLE(int32_t, imm);
    thread->reals[5] = HOLE(double, oparg);
    thread->singles[3] = HOLE(float, oparg) * 0.5f;
    thread->reals[6] = (double)HOLE(uint64_t, operand);
    CONTINUE();
}

STENCIL(DOUBLE_OF_BITS)
{
    double value;
    uint64_t bits = HOLE(uint64_t, operand) & UINT64_C(0x800FFFFFFFFFFFFF); /* finite */
    memcpy(&value, &bits, 8);
    thread->reals[0] = value;
    CONTINUE();
}

/* The same hole as several types at once. */
STENCIL(MANY_TYPES)
{
    acc = ADD(ADD(HOLE(int8_t, imm), HOLE(uint8_t, imm)), ADD(HOLE(int16_t, imm), HOLE(uint16_t, imm)));
    acc = ADD(acc, ADD(MUL(HOLE(int32_t, imm), 3), HOLE(uint32_t, imm) >> 5));
    thread->cells.u16 = (uint16_t)(HOLE(uint8_t, imm) << 3);
    thread->cells.i32 = (int8_t)HOLE(int16_t, operand);
    CONTINUE();
}
