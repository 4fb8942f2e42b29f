/* Workloads by name; machines for them, and what they look like afterwards. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

const char *const opcode_names[] = {
#define NAME(name) #name,
    OPCODES(NAME)
#undef NAME
};

const uint8_t bytecode[256];
const Workload *const workloads[] = {&nbody, &sieve, &fannkuch, &spectral};
const uint32_t workload_count = LENGTH(workloads);

const Workload *find_workload(const char *name)
{
    for (uint32_t i = 0; i < workload_count; i++) {
        if (strcmp(workloads[i]->name, name) == 0) {
            return workloads[i];
        }
    }
    return NULL;
}

Machine *machine_new(const Workload *workload)
{
    Machine *const machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        abort();
    }
    for (uint32_t i = 0; i < FRAME_LOCALS; i++) {
        machine->frame.locals[i] = from_int(0);
    }
    for (uint32_t i = 0; i < FRAME_STACK; i++) {
        machine->frame.stack[i] = from_int(0);
    }
    machine->frame.ip = bytecode;
    machine->frame.sp = machine->frame.stack;
    machine->thread.valid = 1;
    workload->set_up(machine);
    workload->reset(machine);
    return machine;
}

void machine_free(Machine *machine)
{
    for (uint32_t i = 0; i < FRAME_LOCALS; i++) {
        release(&machine->thread, machine->frame.locals[i]);
    }
    for (uint32_t i = 0; i < machine->stack; i++) {
        release(&machine->thread, machine->frame.stack[i]);
    }
    while (machine->thread.free_floats != NULL) {
        Float *const box = machine->thread.free_floats;
        machine->thread.free_floats = (Float *)box->object.type;
        free(box);
    }
    free(machine);
}

Ref *machine_entry(Machine *machine)
{
    return machine->frame.stack + machine->stack;
}

uint64_t machine_digest(const Machine *machine, const Ref *sp)
{
    uint64_t digest = (uint64_t)(sp - machine->frame.stack);
    for (uint32_t i = 0; i < FRAME_LOCALS; i++) {
        digest = digest_value(digest, machine->frame.locals[i]);
    }
    for (const Ref *entry = machine->frame.stack; entry < sp; entry++) {
        digest = digest_value(digest, *entry);
    }
    for (const Float *box = machine->thread.free_floats; box != NULL; box = (const Float *)box->object.type) {
        digest = digest * 31 + 1;
    }
    return digest_value(digest, from_int((const uint8_t *)machine->frame.ip - bytecode));
}
