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

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static Ref random_value(Machine *machine, uint64_t *state)
{
    static const int64_t edges[] = {3, 1, -1, 2, 7, INT64_MAX >> 2, INT64_MIN >> 2, 1 << 20};
    switch (next_random(state) % 6) {
    case 0:
        return new_float(&machine->thread, (double)(next_random(state) % 1000) - 500);
    case 1:
        return new_list(next_random(state) % 5);
    case 2:
        return duplicate(machine->frame.locals[next_random(state) % FRAME_LOCALS]);
    case 3:
        return borrow((Ref)&true_object);
    default:
        return from_int(edges[next_random(state) % LENGTH(edges)]);
    }
}

void machine_disturb(Machine *machine, uint64_t seed)
{
    uint64_t state = seed;
    Thread *const thread = &machine->thread;
    for (uint64_t i = next_random(&state) % 4; i > 0; i--) {
        Ref *const local = &machine->frame.locals[next_random(&state) % FRAME_LOCALS];
        const bool is_list = !is_int(*local) && to_object(*local)->type == &list_type;
        const uint64_t length = is_list ? ((const List *)to_object(*local))->length : 0;
        Ref value = random_value(machine, &state);
        value = value == from_int(0) ? from_int(3) : value; /* a step of 0 would never end */
        if (length != 0 && next_random(&state) % 3 != 0 && value != *local) {
            list_set(thread, *local, next_random(&state) % length, value);
        } else {
            store(thread, local, value);
        }
    }
    thread->eval_breaker = next_random(&state) % 16 == 0;
    thread->valid = next_random(&state) % 16 != 0;
    if (machine->stack != 0 && next_random(&state) % 4 == 0) {
        set_range(machine->frame.stack[0], (int64_t)(next_random(&state) % 1000), 1000);
    }
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
