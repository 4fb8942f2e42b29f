/* Arithmetic that emit functions do on the values of holes, beyond what C's operators say directly.
 *
 * The key idea: emit-time arithmetic is total. It also runs for values with which the stencil would not have come to the
 * place (a shift amount behind a test, a guarded division), so where C or LLVM leave a result undefined these functions
 * give a harmless one: shift amounts count modulo the width, x / 0 is 0, INT64_MIN / -1 wraps.
 *
 * Every value is a uint64_t that holds an n-bit number (8 <= n <= 64 unless stated) with all higher bits zero, as
 * argument and as result. Generated code includes this; nobody else need.
 */
#ifndef STENCILGEN_EXPRESSION_H
#define STENCILGEN_EXPRESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Whether a value, read as signed, is good for a 32-bit immediate or displacement to which up to 2^24 is added. */
static inline bool sg_narrow(uint64_t x)
{
    return x + 0x7F000000 < 0xFE000000;
}

static inline uint64_t sg_mask(unsigned n)
{
    return UINT64_MAX >> (64 - n);
}

static inline uint64_t sg_wrap(unsigned n, uint64_t x)
{
    return x & sg_mask(n);
}

/* The signed reading of an n-bit number. */
static inline int64_t sg_signed(unsigned n, uint64_t x)
{
    const uint64_t sign = UINT64_C(1) << (n - 1);
    return (int64_t)((sg_wrap(n, x) ^ sign) - sign);
}

static inline uint64_t sg_shl(unsigned n, uint64_t x, uint64_t amount)
{
    return sg_wrap(n, x << amount % n);
}

static inline uint64_t sg_lshr(unsigned n, uint64_t x, uint64_t amount)
{
    return x >> amount % n;
}

static inline uint64_t sg_ashr(unsigned n, uint64_t x, uint64_t amount)
{
    const uint64_t sign = sg_signed(n, x) < 0 ? UINT64_MAX : 0;
    return sg_wrap(n, (((uint64_t)sg_signed(n, x) ^ sign) >> amount % n) ^ sign);
}

static inline uint64_t sg_udiv(unsigned n, uint64_t x, uint64_t y)
{
    (void)n;
    return y ? x / y : 0;
}

static inline uint64_t sg_urem(unsigned n, uint64_t x, uint64_t y)
{
    (void)n;
    return y ? x % y : 0;
}

static inline uint64_t sg_sdiv(unsigned n, uint64_t x, uint64_t y)
{
    const int64_t a = sg_signed(n, x), b = sg_signed(n, y);
    if (b == 0) {
        return 0;
    }
    return sg_wrap(n, b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b));
}

static inline uint64_t sg_srem(unsigned n, uint64_t x, uint64_t y)
{
    const int64_t a = sg_signed(n, x), b = sg_signed(n, y);
    return b == 0 || b == -1 ? 0 : sg_wrap(n, (uint64_t)(a % b));
}

static inline uint64_t sg_umin(unsigned n, uint64_t x, uint64_t y)
{
    (void)n;
    return x < y ? x : y;
}

static inline uint64_t sg_umax(unsigned n, uint64_t x, uint64_t y)
{
    (void)n;
    return x > y ? x : y;
}

static inline uint64_t sg_smin(unsigned n, uint64_t x, uint64_t y)
{
    return sg_signed(n, x) < sg_signed(n, y) ? x : y;
}

static inline uint64_t sg_smax(unsigned n, uint64_t x, uint64_t y)
{
    return sg_signed(n, x) > sg_signed(n, y) ? x : y;
}

static inline uint64_t sg_abs(unsigned n, uint64_t x)
{
    return sg_signed(n, x) < 0 ? sg_wrap(n, 0 - x) : x;
}

static inline uint64_t sg_ctpop(unsigned n, uint64_t x)
{
    uint64_t count = 0;
    (void)n;
    for (; x; x &= x - 1) {
        count++;
    }
    return count;
}

/* Leading and trailing zeros; n for 0. */
static inline uint64_t sg_ctlz(unsigned n, uint64_t x)
{
    uint64_t count = n;
    for (; x; x >>= 1) {
        count--;
    }
    return count;
}

static inline uint64_t sg_cttz(unsigned n, uint64_t x)
{
    return x ? sg_ctpop(n, (x & (0 - x)) - 1) : n;
}

static inline uint64_t sg_bswap(unsigned n, uint64_t x)
{
    uint64_t result = 0;
    for (unsigned i = 0; i < n; i += 8) {
        result = result << 8 | (x >> i & 0xff);
    }
    return result;
}

static inline uint64_t sg_bitreverse(unsigned n, uint64_t x)
{
    uint64_t result = 0;
    for (unsigned i = 0; i < n; i++) {
        result = result << 1 | (x >> i & 1);
    }
    return result;
}

/* The high (fshl) or low (fshr) n bits of the 2n-bit number x:y shifted by `amount` modulo n. */
static inline uint64_t sg_fshl(unsigned n, uint64_t x, uint64_t y, uint64_t amount)
{
    const unsigned shift = (unsigned)(amount % n);
    return shift ? sg_wrap(n, x << shift | y >> (n - shift)) : x;
}

static inline uint64_t sg_fshr(unsigned n, uint64_t x, uint64_t y, uint64_t amount)
{
    const unsigned shift = (unsigned)(amount % n);
    return shift ? sg_wrap(n, x << (n - shift) | y >> shift) : y;
}

static inline uint64_t sg_uadd_sat(unsigned n, uint64_t x, uint64_t y)
{
    return x > sg_mask(n) - y ? sg_mask(n) : x + y;
}

static inline uint64_t sg_usub_sat(unsigned n, uint64_t x, uint64_t y)
{
    (void)n;
    return x > y ? x - y : 0;
}

static inline uint64_t sg_ushl_sat(unsigned n, uint64_t x, uint64_t amount)
{
    const unsigned shift = (unsigned)(amount % n);
    return x > sg_mask(n) >> shift ? sg_mask(n) : x << shift;
}

/* The largest or smallest signed n-bit number, by the sign that the true result has. */
static inline uint64_t sg_signed_limit(unsigned n, int negative)
{
    return negative ? UINT64_C(1) << (n - 1) : sg_mask(n) >> 1;
}

static inline uint64_t sg_sadd_sat(unsigned n, uint64_t x, uint64_t y)
{
    const uint64_t sum = sg_wrap(n, x + y), overflow = (x ^ sum) & (y ^ sum);
    return overflow >> (n - 1) & 1 ? sg_signed_limit(n, sg_signed(n, x) < 0) : sum;
}

static inline uint64_t sg_ssub_sat(unsigned n, uint64_t x, uint64_t y)
{
    const uint64_t difference = sg_wrap(n, x - y), overflow = (x ^ y) & (x ^ difference);
    return overflow >> (n - 1) & 1 ? sg_signed_limit(n, sg_signed(n, x) < 0) : difference;
}

static inline uint64_t sg_sshl_sat(unsigned n, uint64_t x, uint64_t amount)
{
    const uint64_t shifted = sg_shl(n, x, amount);
    return sg_ashr(n, shifted, amount) == x ? shifted : sg_signed_limit(n, sg_signed(n, x) < 0);
}

/* -1, 0 or 1 in `bits` bits: two numbers of n bits compared. */
static inline uint64_t sg_ucmp(unsigned bits, uint64_t x, uint64_t y)
{
    return sg_wrap(bits, (uint64_t)(x > y) - (uint64_t)(x < y));
}

static inline uint64_t sg_double_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline uint64_t sg_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

#endif
