/* Constants and tables of the stencils, and variables of the VM. */
#include "language.h"

typedef float Float4 __attribute__((vector_size(16)));
typedef uint64_t Long2 __attribute__((vector_size(16)));

STENCIL(VECTOR_CONSTANT)
{
    Float4 *p = (Float4 *)(void *)thread->singles;
    *p = *p * (Float4){1.5f, 2.5f, 3.5f, 4.5f} + (Float4){1, 2, 3, 4};
    CONTINUE();
}

STENCIL(VECTOR_SPILL)
{
    Float4 a = *(Float4 *)(void *)thread->singles;
    float x = (float)vm_real(1.0);
    *(Float4 *)(void *)thread->singles = a + x;
    Long2 *q = (Long2 *)(void *)thread->scratch;
    q[1] = (q[0] ^ (Long2){0x0123456789ABCDEF, OPARG}) + q[2];
    CONTINUE();
}

static const double reals[8] = {1.0, 2.0, 4.5, 8.0, 0.1, 0.2, 0.3, 0.4};
static const int32_t integers[4] = {7, 77, 777, -7777};
static const char *const names[4] = {"aa", "bb", "cc", "dd"};
static const Type *const types[4] = {&Float_Type, &Int_Type, &List_Type, &Float_Type};
static const struct {
    const char *name;
    int64_t value;
    const int32_t *more;
} records[2] = {{"first", 11, &integers[1]}, {"second", 22, &integers[3]}};

STENCIL(TABLE_RUNTIME)
{
    thread->scratch[0] = (uint64_t)integers[thread->small & 3];
    thread->reals[0] = reals[thread->small];
    CONTINUE();
}

STENCIL(TABLE_HOLE)
{
    thread->reals[1] = reals[CHOICE];
    acc = ADD(acc, integers[OPARG & 3]);
    CONTINUE();
}

STENCIL(TABLE_OF_STRINGS)
{
    vm_raise(thread, names[thread->small & 3]);
    CONTINUE();
}

STENCIL(TABLE_OF_SYMBOLS)
{
    sp[-1]->type = types[CHOICE & 3];
    acc = (int64_t)types[thread->small & 3]->flags;
    CONTINUE();
}

STENCIL(TABLE_OF_RECORDS)
{
    vm_raise(thread, records[thread->small & 1].name);
    acc = ADD(records[OPARG & 1].value, *records[thread->small & 1].more);
    CONTINUE();
}

STENCIL(STRING)
{
    vm_raise(thread, "a string that is longer than the others, and is kept in the constants");
    CONTINUE();
}

STENCIL(STRING_CHOSEN)
{
    vm_raise(thread, OPARG & 1 ? "odd" : "even");
    CONTINUE();
}

STENCIL(CONSTANT_CHOSEN)
{
    thread->scratch[0] = thread->small & 1 ? 0x123456789ABCDEF : 0x7FFFFFFF;
    thread->reals[0] = thread->small & 1 ? 1.5 : 2.5;
    thread->singles[0] = thread->small & 2 ? 0.1f : 0.2f;
    CONTINUE();
}

STENCIL(VM_VARIABLE)
{
    vm_counter++;
    vm_flags[OPARG & 255] = 1;
    vm_table[SLOT] += vm_table[thread->small];
    thread->scratch[1] = (uintptr_t)(vm_flags + (OPARG & 127u) + 5);
    CONTINUE();
}

STENCIL(VM_VARIABLE_AND_CALL)
{
    int64_t before = vm_counter;
    vm_counter = vm_opaque(before, thread);
    acc = SUB(vm_counter, before);
    CONTINUE();
}

STENCIL(ADDRESS_OF_FUNCTION)
{
    frame->callback = vm_opaque;
    acc = frame->callback == HOLE(void *, pointer);
    CONTINUE();
}

STENCIL(ADDRESS_OF_VARIABLE)
{
    thread->cells.p = OPARG & 1 ? (void *)&vm_counter : (void *)&vm_table[3];
    acc = thread->cells.p == (void *)&vm_counter;
    CONTINUE();
}
