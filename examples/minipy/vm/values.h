/* Values and objects: what a slot can hold.
 *
 * A value is 64 bits and says by its two lowest what it is:
 *
 *     iiii…iii1   a small int: 63 bits, two's complement
 *     ……………..10   an immediate: EMPTY (no value), None, False, True
 *     pppp…pp00   a pointer to an object with a reference count; the slot that holds it owns one count
 *
 * "Plain" values are all but pointers: they are copied and overwritten without thinking. Ints have 64 bits; those that
 * do not fit 63 are boxed (KIND_WIDE), so there is one representation for each number.
 */
#ifndef MINIPY_VALUES_H
#define MINIPY_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t Value;

#define LIKELY_(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY_(condition) __builtin_expect(!!(condition), 0)
#define INLINE static inline __attribute__((always_inline))
#define COLD __attribute__((cold, noinline))

#define EMPTY ((Value)2)
#define NONE ((Value)6)
#define FALSE ((Value)10)
#define TRUE ((Value)14)

INLINE bool is_int(Value value) { return value & 1; }
INLINE bool is_object(Value value) { return (value & 3) == 0; }
INLINE bool is_bool(Value value) { return (value | 4) == TRUE; }
INLINE Value from_bool(bool truth) { return truth ? TRUE : FALSE; }
INLINE int64_t to_int(Value value) { return (int64_t)value >> 1; }
INLINE Value from_int(int64_t number) { return (uint64_t)number << 1 | 1; } /* number: 63 bits */
INLINE bool fits_int(int64_t number) { return to_int(from_int(number)) == number; }

typedef enum Kind {
    KIND_FREE, /* on a free list */
    KIND_FLOAT, KIND_WIDE, KIND_STRING, KIND_LIST, KIND_TUPLE,
    KIND_FUNCTION, KIND_BUILTIN, KIND_METHOD, KIND_CLASS, KIND_INSTANCE,
} Kind;

typedef struct Object {
    uint32_t references;
    uint32_t kind;
} Object;

typedef struct Float {
    Object object;
    union {
        double number;
        struct Float *next; /* on the free list */
    };
} Float;

typedef struct Wide {
    Object object;
    int64_t number; /* of more than 63 bits */
} Wide;

typedef struct String {
    Object object;
    uint64_t length; /* bytes, which are characters: minipy's strings are ASCII */
    char text[];
} String;

typedef struct List {
    Object object;
    Value *items;
    uint64_t length, capacity;
} List;

typedef struct Tuple {
    Object object;
    uint64_t length;
    Value items[];
} Tuple;

typedef struct Code Code;

typedef struct Function {
    Object object;
    const Code *code;
    uint64_t default_count;
    Value defaults[]; /* of the last parameters */
} Function;

/* A method of a list, by itself: `xs.append` on the way to its call. */
typedef struct Builtin {
    Object object;
    uint64_t method;
} Builtin;

/* obj.method, when it is not called at once. */
typedef struct Method {
    Object object;
    Value function, self;
} Method;

/* Every attribute that instances can have is known when the program is compiled: so a class is a table from names to
 * places, and an instance an array without a capacity. */
typedef struct Class {
    Object object;
    const char *name;
    struct Class *base;
    uint64_t attribute_count, name_count;
    int16_t *places;  /* name → index into an instance's attributes, or -1 */
    Value *members;   /* name → method or class attribute, or EMPTY */
} Class;

typedef struct Instance {
    Object object;
    Class *class;
    Value attributes[];
} Instance;

INLINE Object *to_object(Value value) { return (Object *)value; }
INLINE Value from_object(const void *object) { return (Value)object; }
INLINE bool is_kind(Value value, Kind kind) { return is_object(value) && to_object(value)->kind == kind; }
INLINE bool is_float(Value value) { return is_kind(value, KIND_FLOAT); }
INLINE double to_float(Value value) { return ((const Float *)value)->number; }
INLINE List *to_list(Value value) { return (List *)value; }
INLINE Tuple *to_tuple(Value value) { return (Tuple *)value; }

#endif
