/* Expressions of holes and of run-time values. */
#include "language.h"

#define IMM HOLE(int32_t, imm)

STENCIL(ADDENDS)
{
    thread->scratch[2] = (uint64_t)((thread->counter & 0xFFFFFF) + OPARG) * 8 + 80;
    thread->scratch[3] = (uint64_t)(thread->counter & 0xFFFFFF) + OPARG * 8u + 80 + OPARG;
    thread->scratch[4] = (((uint64_t)thread->counter << 3) | 7) & ~(uint64_t)OPARG;
    CONTINUE();
}

STENCIL(ADDENDS_32)
{
    thread->status = (int32_t)((uint32_t)thread->level + OPARG + 5u - (uint32_t)IMM);
    thread->level = (int32_t)(OPARG + 5u + (uint32_t)thread->level + 7u * OPARG);
    CONTINUE();
}

STENCIL(INDEX_SUM)
{
    thread->scratch[0] = thread->scratch[SLOT / 2 + thread->small];
    thread->scratch[SLOT] += thread->scratch[(SLOT + 5) & 63];
    CONTINUE();
}

STENCIL(SELECT_OPERAND)
{
    acc = (OPERAND == 0 ? 3 : 1) + (OPARG & 1 ? 100 : 200);
    thread->scratch[1] = (OPARG & 1) ? thread->scratch[4] : thread->scratch[6];
    thread->scratch[2] = OPARG ? (uint64_t)thread->counter + 1 : (uint64_t)thread->counter;
    CONTINUE();
}

STENCIL(MINIMUM_MAXIMUM)
{
    int a = OPARG, b = IMM;
    thread->status = a < b ? a : b;
    thread->level = b > 100 ? 100 : b;
    acc = (int64_t)(uint8_t)(OPARG << 3) | (int64_t)((uint64_t)(int64_t)(int8_t)b << 8);
    thread->scratch[3] = OPERAND > thread->scratch[2] ? OPERAND : thread->scratch[2];
    CONTINUE();
}

STENCIL(BIT_COUNTS)
{
    uint32_t x = HOLE(uint32_t, operand);
    thread->status = __builtin_popcount(x) + __builtin_ctz(x | 1) + __builtin_clz(x | 1);
    thread->scratch[5] = __builtin_bswap32(x) + __builtin_bswap64(OPERAND) + __builtin_bswap16(OPARG);
    thread->scratch[6] = x > 10 ? x - 10 : 0;
    acc = __builtin_popcountll(OPERAND) + __builtin_clzll(OPERAND | 1) + __builtin_ctzll(OPERAND | 1);
    CONTINUE();
}

STENCIL(ABSOLUTE)
{
    int32_t x = IMM;
    thread->scratch[7] = x < 0 ? -(uint32_t)x : (uint32_t)x;
    thread->status = (x > 0) - (x < 0);
    CONTINUE();
}

STENCIL(ROTATE_BITS)
{
    uint64_t x = OPERAND, n = OPARG & 63;
    thread->scratch[8] = (x << n) | (x >> (-n & 63));
    thread->scratch[9] = (thread->scratch[9] << n) | (thread->scratch[9] >> (-n & 63));
    thread->scratch[10] = (x << (thread->small & 63)) | (x >> (-thread->small & 63));
    CONTINUE();
}

STENCIL(BIT_TESTS)
{
    thread->scratch[0] = (thread->counter & OPARG) & 0xFF;
    thread->scratch[1] = (uint64_t)thread->counter | (UINT64_C(1) << (OPARG & 63));
    thread->scratch[2] = ((uint64_t)thread->counter >> (OPARG & 63)) & 1;
    if ((uint64_t)acc >> (OPARG & 63) & 1)
        thread->status = 1;
    CONTINUE();
}

STENCIL(MULTIPLY_HOLES)
{
    acc = SUB(MUL(thread->scratch[0], IMM), IMM);
    thread->scratch[1] <<= OPARG & 63;
    thread->scratch[2] = (uint64_t)thread->counter * OPARG;
    thread->scratch[3] = thread->scratch[3] / (OPARG + 1u);
    thread->status = (int32_t)(thread->small * 24 + OPARG * 24u);
    CONTINUE();
}

STENCIL(HALVES_OF_OPERAND)
{
    uint64_t value = OPERAND;
    if (value >> 32 == 0)
        thread->scratch[0] = (uint32_t)value;
    else
        thread->scratch[0] = thread->scratch[1] + value;
    CONTINUE();
}

STENCIL(WIDE_CONSTANTS)
{
    thread->scratch[0] = OPERAND - 8;
    thread->scratch[1] = OPERAND + (uint64_t)thread->counter;
    acc = OPERAND == 5 ? acc : 7;
    if ((uint64_t)thread->counter > OPERAND)
        thread->status = 1;
    if (thread->scratch[2] == OPERAND)
        thread->status = 2;
    CONTINUE();
}

STENCIL(TWICE_EQUAL)
{
    /* a comparison of two holes through a run-time value */
    if (thread->small == HOLE(uint32_t, choice) && thread->small == HOLE(uint32_t, oparg))
        acc = 17;
    CONTINUE();
}

STENCIL(WIDE_PRODUCT)
{
    unsigned __int128 product = (unsigned __int128)thread->scratch[0] * thread->scratch[1];
    thread->scratch[2] = (uint64_t)(product >> 64);
    thread->scratch[3] = (uint64_t)((unsigned __int128)OPERAND * thread->scratch[3] >> 64);
    __int128 signed_product = (__int128)acc * IMM;
    acc = (int64_t)(signed_product >> 32);
    CONTINUE();
}

STENCIL(WIDE_QUOTIENT)
{
    unsigned __int128 dividend = (unsigned __int128)thread->scratch[0] << 64 | thread->scratch[1];
    thread->scratch[2] = (uint64_t)(dividend / (thread->scratch[3] | 1));
    thread->scratch[4] = (uint64_t)(dividend % (OPERAND | 1));
    CONTINUE();
}

STENCIL(OVERFLOW)
{
    int64_t result;
    if (UNLIKELY(__builtin_mul_overflow(acc, (int64_t)IMM, &result)))
        SIDE_EXIT();
    int32_t narrow;
    thread->cells.b = __builtin_add_overflow(thread->level, IMM, &narrow);
    thread->level = narrow;
    thread->cells.u8 = (uint8_t)__builtin_sub_overflow(thread->cells.u16, OPARG, &thread->cells.u16);
    acc = result;
    CONTINUE();
}

STENCIL(RUNTIME_BITS)
{
    acc = __builtin_popcountll((uint64_t)acc) + __builtin_ctzll(thread->scratch[0] | 1);
    thread->scratch[2] = thread->scratch[2] / 7 + thread->scratch[3] % 1000;
    thread->scratch[4] = __builtin_bswap64(thread->scratch[4]);
    CONTINUE();
}

STENCIL(CONVERSIONS)
{
    thread->reals[0] = (double)acc;
    thread->reals[1] = (double)thread->scratch[1];
    thread->singles[0] = (float)thread->level;
    thread->reals[2] = (double)thread->singles[1];
    thread->singles[2] = (float)thread->reals[3];
    thread->scratch[0] = (uint64_t)(thread->reals[5] < 1e18 && thread->reals[5] > 0 ? thread->reals[5] : 1.5);
    CONTINUE();
}

STENCIL(REAL_ARITHMETIC)
{
    Object *top = sp[-1];
    /* the sum of NaNs of both signs has either sign: C leaves it open, so none may come to be */
    if (UNLIKELY(top->number != top->number || sp[-2]->number != sp[-2]->number || thread->reals[1] != thread->reals[1]))
        SIDE_EXIT();
    top->number = -top->number * 3.25;
    sp[-2]->number = __builtin_fabs(sp[-2]->number);
    thread->reals[0] = __builtin_sqrt(__builtin_fabs(thread->reals[1])) / (thread->reals[2] + 1e3);
    thread->reals[3] = __builtin_floor(thread->reals[4]);
    thread->reals[5] = thread->reals[6] > 0 ? thread->reals[6] : 0;
    CONTINUE();
}

STENCIL(LONG_DOUBLE)
{
    long double x = thread->reals[0];
    x = x * x + 1;
    thread->reals[0] = (double)x;
    CONTINUE();
}

STENCIL(NARROW_MEMORY)
{
    ((uint8_t *)thread->scratch)[0] = (uint8_t)OPARG;
    ((uint16_t *)(void *)thread->scratch)[2] = (uint16_t)(OPARG + 1);
    thread->status = (uint8_t)OPARG + (int8_t)(OPARG >> 8);
    CONTINUE();
}

STENCIL(ATOMIC)
{
    acc = __atomic_fetch_add(&thread->counter, OPARG, __ATOMIC_SEQ_CST);
    int64_t expected = IMM;
    thread->cells.b = __atomic_compare_exchange_n(&thread->cells.i64, &expected, acc, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    __atomic_or_fetch(&vm_table[OPARG & 63], OPERAND, __ATOMIC_SEQ_CST);
    __builtin_prefetch(sp + 8);
    CONTINUE();
}
