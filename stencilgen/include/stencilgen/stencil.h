/* The stencil language: how a VM author writes a micro-op in C.
 *
 *     #define STENCIL_STATE Frame *frame, Value *sp, Thread *thread
 *     #include <stencilgen/stencil.h>
 *
 *     STENCIL(LOAD_FAST)
 *     {
 *         *sp++ = frame->locals[HOLE(uint16_t, oparg)];
 *         CONTINUE();
 *     }
 *
 * The key idea: a stencil is an ordinary C function whose parameters are the machine state, and whose every end is a
 * tail call that hands the state on. `preserve_none` passes the state in registers that no callee must save, so
 * between two stencils nothing is moved. A hole is a call of a function that the optimiser knows to be pure and of
 * which it knows nothing else: so it hoists and merges the value but never assumes what it is. stencilgen replaces
 * these calls by constants that are filled in when a trace is assembled.
 *
 * STENCIL_STATE is a parameter list of at most 12 pointers and integers (of 32 or 64 bits: preserve_none has no register
 * for narrower ones), and 8 floats and doubles. SG_STATE_NAMES, the names of these parameters, is defined by `stencilgen
 * build` on the compiler's command line, and in the compile_commands.json that it writes for editors.
 */
#ifndef STENCILGEN_STENCIL_H
#define STENCILGEN_STENCIL_H

#ifdef __cplusplus
#error "stencils are C, not C++: remove -x c++ from stencils.flags, or rename the source to .c"
#endif
#ifndef STENCIL_STATE
#error "define STENCIL_STATE, the machine state as a parameter list, before including <stencilgen/stencil.h>"
#endif
#ifndef SG_STATE_NAMES
#error "stencils are compiled by `stencilgen build`; editors take the flags from its compile_commands.json"
#endif

/* STENCIL(NAME) { body }: one micro-op. `extern STENCIL(name);` declares a function that TAIL_CALL may go to.
 * The name stands in parentheses so that a stencil may be called JUMP or RETURN, like the macros below. */
#define STENCIL(NAME) __attribute__((preserve_none)) __UINT64_TYPE__(NAME)(STENCIL_STATE)

/* HOLE(type, name): a value known when a trace is assembled: any integer type, bool, pointer, float or double.
 * stencilgen.toml says where the emit function finds it. The value is converted to `type` as by a cast.
 * Each kind of type has a symbol of its own, `__sg_hole_<kind>_<name>`, so that one hole may be read as several types. */
#define HOLE(type, name)                            \
    ({                                              \
        SG_DECLARE_HERE_(name)                      \
        _Static_assert(sizeof(type) <= 8, "HOLE(" #type ", " #name "): a hole has 64 bits at most"); \
        (type) _Generic((type)0,                    \
            _Bool: __sg_hole_b_##name,              \
            char: __sg_hole_i8_##name,              \
            signed char: __sg_hole_i8_##name,       \
            unsigned char: __sg_hole_u8_##name,     \
            short: __sg_hole_i16_##name,            \
            unsigned short: __sg_hole_u16_##name,   \
            int: __sg_hole_i32_##name,              \
            unsigned int: __sg_hole_u32_##name,     \
            long: __sg_hole_i64_##name,             \
            unsigned long: __sg_hole_u64_##name,    \
            long long: __sg_hole_i64_##name,        \
            unsigned long long: __sg_hole_u64_##name, \
            float: __sg_hole_f32_##name,            \
            double: __sg_hole_f64_##name,           \
            default: __sg_hole_p_##name)();         \
    })
/* What you know of a hole beyond its type makes code shorter. `range` and `multiple_of` in stencilgen.toml are always verified
 * when a trace is compiled. So is `__builtin_assume(condition)` in front of the first branch on run-time values, as far as
 * Clang leaves it in place; what Clang has used up already is undefined behaviour where it is false, as anywhere in C. */
#define SG_DECLARE_HOLE(name)              \
    SG_DECLARE_(_Bool, b, name)            \
    SG_DECLARE_(signed char, i8, name)     \
    SG_DECLARE_(unsigned char, u8, name)   \
    SG_DECLARE_(short, i16, name)          \
    SG_DECLARE_(unsigned short, u16, name) \
    SG_DECLARE_(int, i32, name)            \
    SG_DECLARE_(unsigned int, u32, name)   \
    SG_DECLARE_(long, i64, name)           \
    SG_DECLARE_(unsigned long, u64, name)  \
    SG_DECLARE_(float, f32, name)          \
    SG_DECLARE_(double, f64, name)         \
    SG_DECLARE_(void *, p, name)
#define SG_DECLARE_(type, kind, name) extern __attribute__((const, nothrow)) type __sg_hole_##kind##_##name(void);

/* SG_HOLES, SG_DECLARE_HOLE(name) for each hole of stencilgen.toml, comes from the command line too: declaring a hole once
 * makes Clang's front end several times as fast as declaring it wherever it is read, which works for any name. */
#ifdef SG_HOLES
SG_HOLES
#define SG_DECLARE_HERE_(name)
#else
#define SG_DECLARE_HERE_(name) SG_DECLARE_HOLE(name)
#endif

/* The ends of a stencil. Each leaves the function; code after it is unreachable.
 * CONTINUE()           go on with the next micro-op of the trace
 * JUMP(hole)           go on with the micro-op whose position in the trace is the label hole's value
 * SIDE_EXIT()          leave the trace; whoever entered it learns which micro-op it was, and the state
 * RETURN(value)        leave the trace with a value (integer, pointer, float or double; widened to 64 bits)
 * TAIL_CALL(function)  leave the trace for a function that takes the state, declared by `extern STENCIL(function);` */
#define CONTINUE() SG_TAIL_(__sg_continue)
#define SIDE_EXIT() SG_TAIL_(__sg_exit)
#define TAIL_CALL(function) SG_TAIL_(function)
#define JUMP(hole)                              \
    do {                                        \
        extern STENCIL(__sg_label_##hole);      \
        SG_TAIL_(__sg_label_##hole);            \
    } while (0)
#define RETURN(value) return _Generic((value),  \
    float: __sg_bits_of_float,                  \
    double: __sg_bits_of_double,                \
    _Bool: __sg_bits_of_unsigned,               \
    char: __sg_bits_of_signed,                  \
    signed char: __sg_bits_of_signed,           \
    short: __sg_bits_of_signed,                 \
    int: __sg_bits_of_signed,                   \
    long: __sg_bits_of_signed,                  \
    long long: __sg_bits_of_signed,             \
    unsigned char: __sg_bits_of_unsigned,       \
    unsigned short: __sg_bits_of_unsigned,      \
    unsigned int: __sg_bits_of_unsigned,        \
    unsigned long: __sg_bits_of_unsigned,       \
    unsigned long long: __sg_bits_of_unsigned,  \
    default: __sg_bits_of_pointer)(value)
#define SG_TAIL_(function) \
    do { \
        __attribute__((musttail)) return function(SG_STATE_NAMES); \
    } while (0)

/* Which way a condition usually goes: the other way's code is placed in the cold part. */
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* COLLECTING(call, value...): a call during which a collector may run and move objects. The values, at most 8 variables
 * of 64 bits, lie in the trace's frame meanwhile, where sg_stack_map finds them by the call's return address; after the
 * call each is what the collector has made of it.
 *
 *     COLLECTING(made = allocate(thread, 16), tos, list);
 *
 * No other variable may hold a reference, or an address derived from one, across the call. */
#define COLLECTING(...) SG_COLLECTING_(SG_PICK_(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0, ), __VA_ARGS__)
#define SG_PICK_(call, a, b, c, d, e, f, g, h, count, ...) count
#define SG_COLLECTING_(count, ...) SG_COLLECTING_OF_(count, __VA_ARGS__)
#define SG_COLLECTING_OF_(count, ...) \
    do {                              \
        SG_DO_##count(__VA_ARGS__)    \
    } while (0)
#define SG_DO_0(call) SG_CALL_(call)
#define SG_DO_1(call, a) SG_KEEP_(a, SG_DO_0(call))
#define SG_DO_2(call, a, ...) SG_KEEP_(a, SG_DO_1(call, __VA_ARGS__))
#define SG_DO_3(call, a, ...) SG_KEEP_(a, SG_DO_2(call, __VA_ARGS__))
#define SG_DO_4(call, a, ...) SG_KEEP_(a, SG_DO_3(call, __VA_ARGS__))
#define SG_DO_5(call, a, ...) SG_KEEP_(a, SG_DO_4(call, __VA_ARGS__))
#define SG_DO_6(call, a, ...) SG_KEEP_(a, SG_DO_5(call, __VA_ARGS__))
#define SG_DO_7(call, a, ...) SG_KEEP_(a, SG_DO_6(call, __VA_ARGS__))
#define SG_DO_8(call, a, ...) SG_KEEP_(a, SG_DO_7(call, __VA_ARGS__))
/* The places are described behind the call, by a no-operation that begins the list and one with each as its operand
 * (stencilgen/layout/stack_maps.py). The memory operands make the compiler keep the value there, and read it again. */
#define SG_CALL_(call) \
    call;              \
    __asm__ volatile("nopl (%%rbx)" : : : "memory");
#define SG_KEEP_(value, inner)                                                                       \
    {                                                                                                \
        _Static_assert(sizeof(value) == 8, "COLLECTING keeps pointers and integers of 64 bits");     \
        __typeof__(value) sg_kept = (value);                                                         \
        __asm__ volatile("" : "+m"(sg_kept) : : "memory");                                           \
        inner                                                                                        \
        __asm__ volatile("nopl %0" : "+m"(sg_kept) : : "memory");                                    \
        (value) = sg_kept;                                                                           \
    }

/* Facts carried along the trace: what micro-ops have found out about *locations* (slots of a register machine, fields that
 * do not move), numbered by the VM as it likes. A location is an int that is known when a trace is assembled: a hole, or
 * computed from holes; ON_STACK(-1) is the location of sp[-1], the top of an operand stack. Facts are named in [facts] of stencilgen.toml. While a trace is assembled, a table holds what is
 * known at the micro-op in hand; asking it costs the trace nothing, and a branch on the answer is decided then.
 *
 *     STENCIL(GUARD_FLOAT)
 *     {
 *         const int a = HOLE(int16_t, a);
 *         if (UNLIKELY(!HOLDS(a, float, is_float(slots[a]))))       // known: no code at all
 *             SIDE_EXIT();
 *         LEARN(a, float);
 *         CONTINUE();
 *     }
 *
 * Questions are about what was known when the micro-op began: ask before you write.
 * HOLDS(location, fact, predicate)   whether it holds: by the table, and then the predicate is taken to be true; else the
 *                                    predicate itself, which looks at the value
 * IS_KNOWN(location, fact)           whether the table says so: to choose among ways, each of which is right where it is taken
 * IS_CONSTANT(location)              whether the value itself is known
 * CONSTANT(location)                 the value, as 64 bits, where it is known; 0 elsewhere
 * VALUE_AT(location, value)          the 64-bit value at the location: a constant where it is known
 *
 * What a micro-op says holds for those behind it, when it ends with CONTINUE(). Of what is said on one of several ways that a run
 * may take, only what is lost is kept. At the head of a loop is known what holds in each iteration; where other jumps arrive, and
 * at a trace's start, nothing.
 * LEARN(location, fact)              the fact holds for the value at the location, besides those that did
 * LEARN_OF_VALUE(location, fact)     the same, and the fact also holds where the value was copied from (COPY_FACTS), if it is still
 *                                    there: for facts that are true of both or of neither
 * LEARN_CONSTANT(location, value)    the value is these 64 bits, known when the trace is assembled
 * UNLEARN(location, fact)            the fact need not hold any more
 * FORGET(location)                   something else was written there
 * COPY_FACTS(to, from)               the value at `from` was written to `to`
 * EXCHANGE_FACTS(one, other)         the values changed places
 * UNLEARN_EVERYWHERE(fact), FORGET_FROM(location), FORGET_ALL()      at all locations, at this and all above, everything
 * SHIFT_LOCATIONS(amount)            what was location amount + i is location i from now on; locations on the stack stay
 * SHIFT_STACK(amount)                the stack pointer moved up by so many entries: what was ON_STACK(amount + i) is ON_STACK(i)
 *                                    from now on. What then lies above the top is forgotten: copy it first
 * Locations on the stack count as above all others. Each is where it is, in memory or (`[stack]`) in a register.
 *
 * `stencilgen build --verify` makes code that trusts no table: it tests what is known, and stops the program where it is false.
 * With the flag -DSG_NO_FACTS stencils are compiled as if they did not ask. */
#define ON_STACK(index) ((1 << 30) + (index)) /* SG_ON_STACK of facts.h */
#ifdef SG_NO_FACTS /* nothing is known, and nobody listens */
#define HOLDS(location, fact, predicate) ((_Bool)(predicate))
#define IS_KNOWN(location, fact) 0
#define IS_CONSTANT(location) 0
#define CONSTANT(location) ((__UINT64_TYPE__)0)
#define VALUE_AT(location, value) (value)
#define LEARN(location, fact) ((void)0)
#define LEARN_OF_VALUE(location, fact) ((void)0)
#define LEARN_CONSTANT(location, value) ((void)0)
#define UNLEARN(location, fact) ((void)0)
#define FORGET(location) ((void)0)
#define COPY_FACTS(to, from) ((void)0)
#define EXCHANGE_FACTS(one, other) ((void)0)
#define UNLEARN_EVERYWHERE(fact) ((void)0)
#define FORGET_FROM(location) ((void)0)
#define FORGET_ALL() ((void)0)
#define SHIFT_LOCATIONS(amount) ((void)0)
#define SHIFT_STACK(amount) ((void)0)
#else
#define HOLDS(location, fact, predicate)                                   \
    ({                                                                     \
        const int sg_at = (location);                                      \
        __sg_fact_holds(sg_at, SG_FACT_##fact)                             \
            ? SG_TRUSTED_(sg_at, SG_FACT_##fact, (predicate), #fact)       \
            : (_Bool)(predicate);                                          \
    })
#define IS_KNOWN(location, fact) __sg_fact_holds(location, SG_FACT_##fact)
#define IS_CONSTANT(location) __sg_fact_is_constant(location)
#define CONSTANT(location) __sg_fact_constant(location)
#define VALUE_AT(location, value)                                                                            \
    ({                                                                                                       \
        const int sg_at = (location);                                                                        \
        const __typeof__(value) sg_value = (value);                                                          \
        _Static_assert(sizeof sg_value == 8, "VALUE_AT takes integers and pointers of 64 bits");             \
        __sg_fact_is_constant(sg_at) ? SG_CONSTANT_(sg_at, sg_value) : sg_value;                             \
    })
#define LEARN(location, fact) __sg_effect_learn(location, SG_FACT_##fact)
#define LEARN_OF_VALUE(location, fact) __sg_effect_learn_of_value(location, SG_FACT_##fact)
#define LEARN_CONSTANT(location, value) __sg_effect_learn_constant(location, (__UINT64_TYPE__)(value))
#define UNLEARN(location, fact) __sg_effect_unlearn(location, SG_FACT_##fact)
#define FORGET(location) __sg_effect_forget(location)
#define COPY_FACTS(to, from) __sg_effect_copy(to, from)
#define EXCHANGE_FACTS(one, other) __sg_effect_exchange(one, other)
#define UNLEARN_EVERYWHERE(fact) __sg_effect_unlearn_everywhere(SG_FACT_##fact)
#define FORGET_FROM(location) __sg_effect_forget_from(location)
#define FORGET_ALL() __sg_effect_forget_all()
#define SHIFT_LOCATIONS(amount) __sg_effect_shift(amount)
#define SHIFT_STACK(amount) __sg_effect_shift_stack(amount)

/* Questions are pure functions, as holes are, with the location as their argument. What is said are calls that the passes take
 * out of the code and put into the emit function; merging two of them would hide what each is about. */
#define SG_QUESTION_ extern __attribute__((const, nothrow))
#define SG_EFFECT_ extern __attribute__((nothrow, nomerge)) void
SG_QUESTION_ _Bool __sg_fact_holds(int location, unsigned facts);
SG_QUESTION_ _Bool __sg_fact_trust(int location, unsigned facts, _Bool predicate);
SG_QUESTION_ _Bool __sg_fact_is_constant(int location);
SG_QUESTION_ __UINT64_TYPE__ __sg_fact_constant(int location);
SG_EFFECT_ __sg_effect_learn(int location, unsigned facts);
SG_EFFECT_ __sg_effect_learn_of_value(int location, unsigned facts);
SG_EFFECT_ __sg_effect_learn_constant(int location, __UINT64_TYPE__ value);
SG_EFFECT_ __sg_effect_unlearn(int location, unsigned facts);
SG_EFFECT_ __sg_effect_forget(int location);
SG_EFFECT_ __sg_effect_copy(int to, int from);
SG_EFFECT_ __sg_effect_exchange(int one, int other);
SG_EFFECT_ __sg_effect_unlearn_everywhere(unsigned facts);
SG_EFFECT_ __sg_effect_forget_from(int location);
SG_EFFECT_ __sg_effect_forget_all(void);
SG_EFFECT_ __sg_effect_shift(int amount);
SG_EFFECT_ __sg_effect_shift_stack(int amount);

#ifdef SG_VERIFY
extern __attribute__((noreturn, cold, nothrow)) void sg_fact_is_false(const char *stencil, const char *file, int line,
                                                                      const char *fact);
#define SG_MUST_(condition, what)                                   \
    do {                                                            \
        if (UNLIKELY(!(condition)))                                 \
            sg_fact_is_false(__func__, __FILE__, __LINE__, what);   \
    } while (0)
#define SG_TRUSTED_(location, facts, predicate, name) \
    ({                                                \
        SG_MUST_(predicate, name);                    \
        (_Bool)1;                                     \
    })
/* Compared with what LLVM does not see to be the constant: else it would take the value for the constant in what is said. */
#define SG_CONSTANT_(location, value)                                                            \
    ({                                                                                           \
        __UINT64_TYPE__ sg_constant = __sg_fact_constant(location);                              \
        __asm__("" : "+r"(sg_constant));                                                         \
        SG_MUST_((__UINT64_TYPE__)(value) == sg_constant, "the value of a constant");            \
        (value);                                                                                 \
    })
#else
#define SG_TRUSTED_(location, facts, predicate, name) __sg_fact_trust(location, facts, predicate)
#define SG_CONSTANT_(location, value) (__typeof__(value))__sg_fact_constant(location)
#endif
#endif /* SG_NO_FACTS */

extern STENCIL(__sg_continue);
extern __attribute__((cold)) STENCIL(__sg_exit);

/* SG_PLACES, SG_PLACE(name, place) for each place of [last] in stencilgen.toml, comes from the command line: places like
 * `frame->ip` whose stores are put off. Stencils write `frame->ip = HOLE(const void *, operand);` as ever. What they store is known
 * when a trace is assembled, so the trace remembers it, and stores it only where somebody may look: where control leaves, before
 * calls. In return stencils access the place by its name only (no pointer to it is kept), nobody finds it by another way while a
 * trace runs (no signal handler, no other thread), and [last] tells the truth about the functions in `blind` and `writers`. */
#ifdef SG_PLACES
#define SG_PLACE(name, place)                                                          \
    static __attribute__((used)) const volatile void *__sg_place_##name(STENCIL_STATE) \
    {                                                                                  \
        return &(place);                                                               \
    }                                                                                  \
    static __attribute__((used)) unsigned long __sg_size_##name(STENCIL_STATE)         \
    {                                                                                  \
        return sizeof(place);                                                          \
    }
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wunused-parameter"
#pragma clang diagnostic ignored "-Wreturn-stack-address"
SG_PLACES
#pragma clang diagnostic pop
#endif

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
