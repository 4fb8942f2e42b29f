/* The stencil language once more, for copy-and-patch: the same sources with another meaning of the same macros.
 *
 * A hole is the address of an extern symbol, which the compiler leaves to the linker; here the trace's assembler is the
 * linker. The symbols are weak because the compiler takes for granted that no other symbol's address is 0. The ends of a
 * stencil are tail calls of symbols that are hidden, so that they become direct jumps.
 */
#ifndef STENCILGEN_STENCIL_H
#define STENCILGEN_STENCIL_H

#define STENCIL(NAME) __attribute__((preserve_none)) __UINT64_TYPE__(NAME)(STENCIL_STATE)

typedef __UINTPTR_TYPE__ __sg_address;

static inline __attribute__((always_inline)) float __sg_float_of_address(__sg_address address)
{
    const __UINT32_TYPE__ bits = (__UINT32_TYPE__)address;
    float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}
static inline __attribute__((always_inline)) double __sg_double_of_address(__sg_address address)
{
    double value;
    __builtin_memcpy(&value, &address, sizeof value);
    return value;
}

/* HOLE(type, name): one symbol for each kind of type, as there the value is converted before it is patched in. */
#define HOLE(type, name)                                                             \
    ({                                                                               \
        SG_DECLARE_HERE_(name)                                                       \
        (type) _Generic((type)0,                                                     \
            _Bool: ((__sg_address)__sg_hole_b_##name & 1) != 0,                      \
            char: (signed char)(__sg_address)__sg_hole_i8_##name,                    \
            signed char: (signed char)(__sg_address)__sg_hole_i8_##name,             \
            unsigned char: (unsigned char)(__sg_address)__sg_hole_u8_##name,         \
            short: (short)(__sg_address)__sg_hole_i16_##name,                        \
            unsigned short: (unsigned short)(__sg_address)__sg_hole_u16_##name,      \
            int: (int)(__sg_address)__sg_hole_i32_##name,                            \
            unsigned int: (unsigned int)(__sg_address)__sg_hole_u32_##name,          \
            long: (long)(__sg_address)__sg_hole_i64_##name,                          \
            unsigned long: (unsigned long)(__sg_address)__sg_hole_u64_##name,        \
            long long: (long long)(__sg_address)__sg_hole_i64_##name,                \
            unsigned long long: (unsigned long long)(__sg_address)__sg_hole_u64_##name, \
            float: __sg_float_of_address((__sg_address)__sg_hole_f32_##name),        \
            double: __sg_double_of_address((__sg_address)__sg_hole_f64_##name),      \
            default: (void *)(__sg_address)__sg_hole_p_##name);                      \
    })
#define SG_DECLARE_HOLE(name)    \
    SG_DECLARE_(b, name)         \
    SG_DECLARE_(i8, name)        \
    SG_DECLARE_(u8, name)        \
    SG_DECLARE_(i16, name)       \
    SG_DECLARE_(u16, name)       \
    SG_DECLARE_(i32, name)       \
    SG_DECLARE_(u32, name)       \
    SG_DECLARE_(i64, name)       \
    SG_DECLARE_(u64, name)       \
    SG_DECLARE_(f32, name)       \
    SG_DECLARE_(f64, name)       \
    SG_DECLARE_(p, name)
#define SG_DECLARE_(kind, name) extern __attribute__((weak)) char __sg_hole_##kind##_##name[];

#ifdef SG_HOLES
SG_HOLES
#define SG_DECLARE_HERE_(name)
#else
#define SG_DECLARE_HERE_(name) SG_DECLARE_HOLE(name)
#endif

#define CONTINUE() SG_TAIL_(__sg_continue)
#define SIDE_EXIT() SG_TAIL_(__sg_exit)
#define TAIL_CALL(function) SG_TAIL_(function)
#define JUMP(hole)                                                            \
    do {                                                                      \
        extern __attribute__((visibility("hidden"))) STENCIL(__sg_label_##hole); \
        SG_TAIL_(__sg_label_##hole);                                          \
    } while (0)
#define SG_TAIL_(function)                                                  \
    do {                                                                    \
        __attribute__((musttail)) return function(SG_STATE_NAMES);          \
    } while (0)
#define RETURN(value) return _Generic((value), \
    float: __sg_bits_of_float,                 \
    double: __sg_bits_of_double,               \
    _Bool: __sg_bits_of_unsigned,              \
    char: __sg_bits_of_signed,                 \
    signed char: __sg_bits_of_signed,          \
    short: __sg_bits_of_signed,                \
    int: __sg_bits_of_signed,                  \
    long: __sg_bits_of_signed,                 \
    long long: __sg_bits_of_signed,            \
    unsigned char: __sg_bits_of_unsigned,      \
    unsigned short: __sg_bits_of_unsigned,     \
    unsigned int: __sg_bits_of_unsigned,       \
    unsigned long: __sg_bits_of_unsigned,      \
    unsigned long long: __sg_bits_of_unsigned, \
    default: __sg_bits_of_pointer)(value)

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

extern __attribute__((visibility("hidden"))) STENCIL(__sg_continue);
extern __attribute__((visibility("hidden"), cold)) STENCIL(__sg_exit);

static inline __attribute__((always_inline)) __UINT64_TYPE__ __sg_bits_of_signed(__INT64_TYPE__ value)
{
    return (__UINT64_TYPE__)value;
}
static inline __attribute__((always_inline)) __UINT64_TYPE__ __sg_bits_of_unsigned(__UINT64_TYPE__ value)
{
    return value;
}
static inline __attribute__((always_inline)) __UINT64_TYPE__ __sg_bits_of_pointer(const void *value)
{
    return (__UINT64_TYPE__)value;
}
static inline __attribute__((always_inline)) __UINT64_TYPE__ __sg_bits_of_double(double value)
{
    __UINT64_TYPE__ bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}
static inline __attribute__((always_inline)) __UINT64_TYPE__ __sg_bits_of_float(float value)
{
    __UINT32_TYPE__ bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
