/* What the micro-ops call. Every helper notes what it is given and, where it may, what it finds on the stack. */
#include "vm.h"

static void note(Machine *machine, uint64_t value)
{
    machine->log = (machine->log ^ value) * UINT64_C(0x9E3779B97F4A7C15) + 1;
    machine->calls++;
    machine->base[-1] += value | 1;
}

uint64_t vm_mix(Machine *machine, uint64_t value)
{
    note(machine, value);
    return (value ^ (value >> 29)) * UINT64_C(0xBF58476D1CE4E5B9) + machine->calls;
}

void vm_rare(Machine *machine, uint64_t value)
{
    note(machine, value + 1);
}

uint64_t vm_array(Machine *machine, uint64_t *values, uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        note(machine, values[i]);
        sum += values[i];
        values[i] ^= sum << 7;
    }
    return sum;
}

void vm_walk(Machine *machine)
{
    for (uint64_t *entry = machine->base; entry < machine->saved; entry++) {
        note(machine, *entry);
    }
    if (machine->saved > machine->base) {
        machine->saved[-1] += 0x100;
    }
}

void vm_walk_rarely(Machine *machine)
{
    vm_walk(machine);
}

/* The lowest two entries, which the micro-op says exist. */
void vm_look(Machine *machine)
{
    note(machine, machine->base[0]);
    note(machine, machine->base[1]);
    machine->base[0] += 0x30;
}

uint64_t *vm_pushed(Machine *machine, uint64_t *sp, uint64_t value)
{
    *sp = value + 5;
    note(machine, sp[-1]);
    return sp + 1;
}

void vm_drop(Machine *machine, uint64_t **sp)
{
    note(machine, *--*sp);
}

__attribute__((preserve_none)) uint64_t vm_tail(Machine *machine, uint64_t *sp, uint64_t acc)
{
    for (uint64_t *entry = machine->base; entry < sp; entry++) {
        note(machine, *entry);
    }
    machine->saved = sp;
    return acc + 7;
}
