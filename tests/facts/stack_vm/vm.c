/* What the micro-ops call. Every helper notes what it is given and, where it may, what it finds on the stack. */
#include "vm.h"

static void note(Machine *machine, uint64_t value)
{
    machine->log = (machine->log ^ value) * UINT64_C(0x9E3779B97F4A7C15) + 1;
    machine->calls++;
}

uint64_t vm_mix(Machine *machine, uint64_t value)
{
    note(machine, value);
    return value * 5 + machine->calls;
}

void vm_rare(Machine *machine, uint64_t value)
{
    note(machine, value + 1);
}

/* Changes so many values. */
void vm_change(Machine *machine, uint64_t *from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        note(machine, from[i]);
        from[i] = from[i] * 3 + machine->calls;
    }
}

/* Looks at all entries, and changes the topmost one. */
void vm_walk(Machine *machine)
{
    for (uint64_t *entry = machine->base; entry < machine->saved; entry++) {
        note(machine, *entry);
    }
    if (machine->saved > machine->base) {
        machine->saved[-1] += 0x101;
    }
}

/* Looks at the lowest two entries, which the micro-op says exist. */
void vm_look(Machine *machine)
{
    note(machine, machine->base[0]);
    note(machine, machine->base[1]);
}
