/* Calls, and the stack they need. */
#include "language.h"

STENCIL(CALL_NOTHING)
{
    vm_nothing();
    CONTINUE();
}

STENCIL(CALL_COLD)
{
    if (UNLIKELY(thread->small == 0))
        acc = vm_opaque(1, thread);
    CONTINUE();
}

STENCIL(CALL_STACK_ARGUMENTS)
{
    acc = vm_sum9(1, OPARG, 3, acc, 5, thread->counter, HOLE(int32_t, imm), 8, (int64_t)OPERAND);
    CONTINUE();
}

STENCIL(CALL_STACK_ARGUMENTS_COLD)
{
    if (UNLIKELY(thread->small == 0))
        acc = vm_sum9(1, 2, 3, acc, 5, 6, HOLE(int64_t, imm), 8, thread->counter);
    CONTINUE();
}

STENCIL(CALL_MIXED)
{
    thread->reals[0] = vm_mixed(HOLE(int8_t, imm), thread->reals[1], OPARG, 2.5f, thread->small & 1, acc, HOLE(double, number));
    CONTINUE();
}

STENCIL(CALL_REALS)
{
    double *r = thread->reals;
    r[0] = vm_reals10(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], 1.0, HOLE(double, number));
    CONTINUE();
}

STENCIL(CALL_VARIADIC)
{
    thread->status = vm_print("iidds", (int)OPARG, (int)thread->small, thread->reals[0], 2.5, "text");
    CONTINUE();
}

STENCIL(CALL_VARIADIC_MANY)
{
    thread->status = vm_print("iiiiiiiii", 1, 2, (int)OPARG, 4, 5, 6, 7, HOLE(int, imm), (int)thread->small);
    CONTINUE();
}

STENCIL(CALL_STRUCTS)
{
    Pair pair = vm_pair(acc, OPARG);
    Triple triple = vm_triple(pair.first, HOLE(int64_t, imm));
    triple.second = ADD(triple.second, pair.second);
    acc = vm_triple_sum(triple);
    CONTINUE();
}

STENCIL(CALL_PRESERVE_MOST)
{
    if (UNLIKELY(thread->small == 0))
        vm_slow(thread);
    acc = ADD(acc, 1);
    CONTINUE();
}

STENCIL(CALL_PRESERVE_MOST_AMONG_REALS)
{
    double a = thread->reals[0], b = thread->reals[1];
    if (UNLIKELY(thread->small == 1))
        acc = vm_slow_value(thread, OPARG);
    thread->reals[0] = a + b;
    thread->reals[1] = a - b;
    CONTINUE();
}

STENCIL(CALL_PRESERVE_NONE)
{
    acc = ADD(vm_none_call(thread, acc), thread->counter);
    CONTINUE();
}

STENCIL(CALL_RARE)
{
    if (thread->small)
        vm_rare(thread);
    acc = ADD(acc, 1);
    CONTINUE();
}

STENCIL(CALL_MEMORY)
{
    acc = frame->callback(acc, thread);
    CONTINUE();
}

STENCIL(CALL_HOLE)
{
    int64_t (*function)(int64_t, Thread *) = (int64_t(*)(int64_t, Thread *))HOLE(void *, pointer);
    acc = function(HOLE(int32_t, imm), thread);
    CONTINUE();
}

static int64_t (*const functions[4])(int64_t, Thread *) = {vm_opaque, vm_opaque, vm_opaque, vm_opaque};

STENCIL(CALL_TABLE)
{
    acc = functions[thread->small & 3](acc, thread);
    CONTINUE();
}

STENCIL(SPILL_MANY)
{
    uint64_t *s = thread->scratch;
    uint64_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7], i = s[8];
    uint64_t r = (uint64_t)vm_sum6((int64_t)a, (int64_t)b, (int64_t)c, (int64_t)d, (int64_t)e, (int64_t)f);
    r += (uint64_t)vm_opaque((int64_t)r, thread);
    s[9] = a + b * c - d;
    s[10] = e ^ f ^ g;
    s[11] = h * i + r;
    s[12] = a * i + OPARG;
    s[13] = b - h;
    s[14] = c * g;
    CONTINUE();
}

STENCIL(SPILL_LOOP)
{
    uint64_t *s = thread->scratch;
    uint64_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7], i = s[8], j = s[12], k = s[13];
    s[20] = a * b + c * d + e * f + g * h + i;
    s[21] = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k;
    for (uint64_t n = 0; n < (s[24] & 15); n++) {
        s[n] = a += b;
        b ^= c, c += d, d ^= e, e += f, f ^= g, g += h, h ^= i, i += j, j ^= k, k += a;
    }
    CONTINUE();
}

STENCIL(SPILL_REALS)
{
    double *r = thread->reals;
    double a = r[0], b = r[1], c = r[2];
    float x = thread->singles[0];
    double result = vm_real(HOLE(double, number));
    r[3] = a + b * result;
    r[4] = c - result;
    thread->singles[1] = x * (float)result;
    CONTINUE();
}

STENCIL(BIG_LOCAL)
{
    uint8_t buffer[300];
    memcpy(buffer, frame, sizeof buffer);
    buffer[OPARG % 300] ^= (uint8_t)acc;
    acc = vm_bytes(buffer, sizeof buffer);
    CONTINUE();
}

STENCIL(LOCAL_ARRAY)
{
    int64_t values[8];
    vm_fill(values, OPARG);
    acc = ADD(values[thread->small], values[CHOICE]);
    CONTINUE();
}

STENCIL(VOLATILE_LOCAL)
{
    volatile int64_t values[4] = {1, 2, 3, 4};
    values[thread->small & 3] = acc;
    acc = values[1];
    CONTINUE();
}

STENCIL(COPY_STRUCT)
{
    *(Block *)(void *)thread->scratch = *(Block *)(void *)frame;
    CONTINUE();
}

STENCIL(COPY_SMALL_STRUCTS)
{
    typedef struct Eight {
        int64_t values[8];
    } Eight;
    *(Eight *)(void *)thread->scratch = *(Eight *)(void *)frame->registers;
    *(Triple *)(void *)&thread->scratch[9] = *(Triple *)(void *)&frame->registers[1];
    CONTINUE();
}

STENCIL(CLEAR)
{
    for (int i = 0; i < 8; i++)
        thread->scratch[i] = 0;
    memset(&thread->scratch[10], 0x5A, 8 * (1 + (size_t)(thread->small)));
    memset(&thread->reals[0], 0, sizeof thread->reals);
    CONTINUE();
}

STENCIL(MOVE_MEMORY)
{
    memmove(&thread->scratch[thread->small], &thread->scratch[CHOICE], 8 * (size_t)(OPARG & 31));
    CONTINUE();
}

STENCIL(INLINE_ASSEMBLY)
{
    uint64_t a = (uint64_t)acc, b;
    __asm__ volatile("nop\n\tmovq %1, %0\n\tbswapq %0\n\taddq $5, %0" : "=&r"(b) : "r"(a) : "cc", "memory");
    __asm__("xorl %%ecx, %%ecx\n\tcmpq %2, %1\n\tsete %%cl\n\taddq %%rcx, %0" : "+r"(b) : "r"(a), "r"((uint64_t)OPARG) : "rcx", "cc");
    __builtin_ia32_pause();
    acc = (int64_t)b;
    CONTINUE();
}

STENCIL(MATHS)
{
    thread->reals[0] = __builtin_fmod(thread->reals[1], 2.0);
    thread->reals[2] = __builtin_sin(thread->reals[3]) + __builtin_pow(2.0, thread->reals[4] / 1e3);
    CONTINUE();
}
