/* A VM that exists to be compared: its frame, objects and thread lie in one arena, all pointers in it lead into it. */
#ifndef VM_H
#define VM_H

#include "../support/instruction.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Object Object;
typedef struct Frame Frame;
typedef struct Thread Thread;

typedef struct Type {
    const char *name;
    void (*dealloc)(Object *);
    uint64_t flags;
} Type;

struct Object {
    int64_t refcount;
    const Type *type;
    double number;
    int64_t integer;
    Object *next; /* on the free list, or NULL */
    Object **items;
    uint64_t length; /* of items; 0 to 8 */
};

struct Frame {
    int64_t registers[8];
    Object *locals[64];   /* never NULL */
    Object *optional[64]; /* may be NULL */
    int64_t (*callback)(int64_t, Thread *);
    __attribute__((preserve_none)) uint64_t (*continuation)(Frame *, Object **, Thread *, int64_t);
};

typedef struct Pair {
    int64_t first, second;
} Pair;

typedef struct Triple {
    int64_t first, second, third;
} Triple;

typedef struct Block {
    int64_t values[26]; /* as large a struct as compilers copy by calling memcpy */
} Block;

/* One value of every type that a hole can have. */
typedef struct Cells {
    bool b;
    int8_t i8;
    uint8_t u8;
    int16_t i16;
    uint16_t u16;
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    float f32;
    double f64;
    void *p;
} Cells;

/* Addresses: of scratch[24] once a hole's `bias`, read as this type, has been added. */
typedef struct Bases {
    uintptr_t i8, u8, i16, u16, i32, u32, i64, u64;
} Bases;

struct Thread {
    Object *freelist;
    int32_t free_count;
    uint32_t fuel; /* how many more times this run may jump */
    int64_t counter;
    Object *result;
    int32_t status;
    uint32_t small; /* 0 to 7 */
    uint32_t never; /* 1 in few runs, else 0 */
    int32_t level;
    Cells cells;
    Bases bases; /* + bias        */
    Bases rows;  /* + 8 * bias    */
    uint64_t scratch[64] __attribute__((aligned(16)));
    double reals[8];
    float singles[8] __attribute__((aligned(16)));
};

enum { OBJECTS = 32, STACK = 2048 };

extern const Type Float_Type, Int_Type, List_Type;
extern int64_t vm_counter;
extern uint8_t vm_flags[256];
extern uint64_t vm_table[64];
extern Object *vm_none;

void vm_raise(Thread *, const char *);
void vm_dealloc(Object *);
Object *vm_float_new(Thread *, double);
int vm_print(const char *, ...);
__attribute__((noreturn, cold)) void vm_abort(const char *);
int64_t vm_opaque(int64_t, Thread *);
int64_t vm_other(int64_t, Thread *);
double vm_real(double);
void vm_nothing(void);
int64_t vm_sum6(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
int64_t vm_sum9(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
double vm_mixed(int8_t, double, uint16_t, float, bool, int64_t, double);
double vm_reals10(double, double, double, double, double, double, double, double, double, double);
Pair vm_pair(int64_t, int64_t);
Triple vm_triple(int64_t, int64_t);
int64_t vm_triple_sum(Triple);
void vm_fill(int64_t *, uint64_t);
int64_t vm_bytes(const uint8_t *, uint64_t);
__attribute__((preserve_most)) void vm_slow(Thread *);
__attribute__((preserve_most)) int64_t vm_slow_value(Thread *, int64_t);
__attribute__((cold)) void vm_rare(Thread *);
__attribute__((preserve_none)) uint64_t vm_tail(Frame *, Object **, Thread *, int64_t);
__attribute__((preserve_none)) int64_t vm_none_call(Thread *, int64_t);

#endif
