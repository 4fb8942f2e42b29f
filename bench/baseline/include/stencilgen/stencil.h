/* The stencil language for copy-and-patch: the same sources, the same header, another meaning of a hole.
 *
 * A hole is the address of an extern symbol, which the compiler leaves to the linker; here the trace's assembler is the
 * linker. The symbols are weak because the compiler takes for granted that no other symbol's address is 0. The ends of a
 * stencil are tail calls of symbols that are hidden, so that they become direct jumps.
 */
#pragma GCC visibility push(hidden)
#pragma push_macro("SG_HOLES")
#undef SG_HOLES
#define SG_NO_FACTS /* there is no table to ask */
#include_next <stencilgen/stencil.h>
#pragma pop_macro("SG_HOLES")
#pragma GCC visibility pop

#ifndef COPY_AND_PATCH_STENCIL_H
#define COPY_AND_PATCH_STENCIL_H

/* What HOLE() calls: one symbol for each kind of type, as the value is converted before it is patched in. */
#undef SG_DECLARE_
#define SG_DECLARE_(type, kind, name)                                                                       \
    extern __attribute__((weak)) char __sg_address_##kind##_##name[];                                       \
    static inline __attribute__((always_inline)) type __sg_hole_##kind##_##name(void)                       \
    {                                                                                                       \
        return CP_VALUE_##kind(type, (__UINTPTR_TYPE__)__sg_address_##kind##_##name);                       \
    }
#define CP_VALUE_b(type, address) (((address)&1) != 0)
#define CP_VALUE_i8(type, address) ((type)(address))
#define CP_VALUE_u8(type, address) ((type)(address))
#define CP_VALUE_i16(type, address) ((type)(address))
#define CP_VALUE_u16(type, address) ((type)(address))
#define CP_VALUE_i32(type, address) ((type)(address))
#define CP_VALUE_u32(type, address) ((type)(address))
#define CP_VALUE_i64(type, address) ((type)(address))
#define CP_VALUE_u64(type, address) ((type)(address))
#define CP_VALUE_p(type, address) ((type)(address))
#define CP_VALUE_f32(type, address) ((union { __UINT32_TYPE__ bits; type value; }){(__UINT32_TYPE__)(address)}).value
#define CP_VALUE_f64(type, address) ((union { __UINT64_TYPE__ bits; type value; }){(address)}).value

#undef SG_DECLARE_HERE_
#define SG_DECLARE_HERE_(name)
SG_HOLES

#undef JUMP
#define JUMP(hole)                                                               \
    do {                                                                         \
        extern __attribute__((visibility("hidden"))) STENCIL(__sg_label_##hole); \
        SG_TAIL_(__sg_label_##hole);                                             \
    } while (0)

#endif
