#include "vm.h"

/* Changes all slots from here on. */
void vm_change(Machine *machine, uint64_t *from)
{
    for (uint64_t *slot = from; slot < machine->slots + SLOTS; slot++) {
        *slot = *slot * 5 + ++machine->calls;
        machine->marks[slot - machine->slots] = false;
    }
}

void vm_unmark(Machine *machine)
{
    for (int i = 0; i < SLOTS; i++) {
        machine->marks[i] = false;
    }
}
