/* DynASM's way: calls of dasm_put, then linking and encoding by its engine, which upstream's dasm_x86.h is. Compiled with
 * `stencils.inc`, which DynASM or our back end for its engine makes of the generated stencils and embedder.dasc, and with
 * `table.h`, which says what each micro-op needs. Buffer and state are made once, as an embedder who cares would. */
#include "peer.h"

#include <stencilgen/emit.h>
#include <stencilgen/expression.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What the generated emit functions are handed over. */
typedef struct peer_state {
    struct dasm_State *state;
    uint32_t index, length, frame;
    uint32_t own; /* the first of the micro-op's own labels */
} peer_state;

static const void *extern_address(unsigned index);

#define Dst_DECL peer_state *Dst
#define Dst_REF (Dst->state)
#define DASM_EXTERN(context, place, index, relative)                                                                 \
    ((void)(context), (int)((uintptr_t)extern_address(index) - (uintptr_t)(place) - 4))
#define DASM_FDEF static
#include "dasm_proto.h"
#include "dasm_x86.h"

#define L(number) (int)(Dst->own + (number))
#define NEXT (int)(Dst->index + 1)
#define EXIT (int)(Dst->length + 1 + Dst->index)
#define SG_FRAME (int)(Dst->frame)
#undef SG_RODATA
#define SG_RODATA(offset) (*(const uint8_t(*)[1]) &sg_rodata[offset]) /* the pointer, and so is its address */

/* Constants in memory, each value once, as the runtime keeps them. */
enum { LITERALS = 1 << 14 };

static const void *literal(uint64_t value)
{
    static uint64_t values[LITERALS];
    static bool taken[LITERALS];
    uint32_t place = (uint32_t)(value * UINT64_C(0x9e3779b97f4a7c15) >> 50);
    while (taken[place] && values[place] != value) {
        place = (place + 1) % LITERALS;
    }
    taken[place] = true;
    values[place] = value;
    return &values[place];
}

#undef SG_LITERAL
#define SG_LITERAL(value) (*(const uint8_t(*)[1])literal((uint64_t)(value)))
#undef SG_AT
#define SG_AT(address) (*(const uint8_t(*)[1])(uintptr_t)(address))

/* Cold code that micro-ops share: nothing is run here, so what matters is that it has a place. */
static const uint8_t parts[1 << 12];

const void *peer_part(uint32_t index)
{
    return &parts[index];
}

#undef SG_COLD
#define SG_COLD(index) (*(const uint8_t(*)[1])peer_part(index))

/* Is it in reach of a rel32 wherever the code goes? */
static bool reaches(uintptr_t address);

#undef SG_NEAR
#undef SG_NEAR_AT
#define SG_NEAR(name) reaches((uintptr_t)&SG_EXTERN(name))
#define SG_NEAR_AT(address) reaches((uintptr_t)(address))

/* Facts (stencilgen/facts.h): nothing is known here, and nothing that is said is kept. */
static uint64_t answers[64];
#define SG_HOLDS(location, facts) ((void)(location), (void)(facts), 0)
#define SG_IS_CONSTANT(location) ((void)(location), 0)
#define SG_CONSTANT(location) ((void)(location), UINT64_C(0))
#define SG_ASK(number, value) (answers[number] = (uint64_t)(value))
#define SG_ANSWER(number) (answers[number])
#define SG_JUMPS(target) ((void)(target))
#define SG_JUMPS_KNOWING_NOTHING(target) ((void)(target))
#define SG_LEARN(location, facts) ((void)(location), (void)(facts))
#define SG_KNOW(location, facts) ((void)(location), (void)(facts))
#define SG_LEARN_CONSTANT(location, value) ((void)(location), (void)(value))
#define SG_UNLEARN(location, facts) ((void)(location), (void)(facts))
#define SG_FORGET(location) ((void)(location))
#define SG_COPY(to, from) ((void)(to), (void)(from))
#define SG_EXCHANGE(one, other) ((void)(one), (void)(other))
#define SG_UNLEARN_EVERYWHERE(facts) ((void)(facts))
#define SG_FORGET_FROM(location) ((void)(location))
#define SG_FORGET_ALL() ((void)0)
#define SG_SHIFT(amount) ((void)(amount))

/* Where exit stubs lead; nothing is run here. */
void exit_routine(void)
{
}

#include "stencils.inc"

typedef struct peer_op {
    void (*emit)(peer_state *peer, const Instruction *instruction);
    uint32_t labels, frame;
    bool exits, ends;
} peer_op;

typedef struct peer_extern {
    const char *name;
    const void *address;
} peer_extern;

#include "table.h" /* ops, externs, opcode_of */

enum { SPACE = 1 << 26, EXTERNS = sizeof extern_names / sizeof *extern_names };

static uint8_t space[SPACE] __attribute__((aligned(4096))); /* beside the VM's code: near, as the runtime's region is */
static const void *extern_addresses[EXTERNS];
static peer_state peer;
static uint32_t cold_start, hot_start;
static char failure[128];

static bool reaches(uintptr_t address)
{
    const int64_t distance = (int64_t)(address - (uintptr_t)space), room = INT32_MAX - (int64_t)SPACE;
    return distance >= -room && distance <= room;
}

static const void *extern_address(unsigned index)
{
    return extern_addresses[index];
}

bool peer_begin(uint32_t most, char *error)
{
    uint32_t labels = 0;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        labels = ops[i].labels > labels ? ops[i].labels : labels;
    }
    if (peer.state != NULL) {
        dasm_free(&peer);
    }
    dasm_init(&peer, DASM_MAXSECTION);
    /* No more than needed: dasm_setup clears them all for every trace. */
    dasm_growpc(&peer, 2 * (most + 1) + most * labels);
    for (size_t i = 0; i < EXTERNS && extern_names[i] != NULL; i++) {
        for (size_t j = 0; j < sizeof externs / sizeof *externs; j++) {
            if (strcmp(externs[j].name, extern_names[i]) == 0) {
                extern_addresses[i] = externs[j].address;
            }
        }
        if (extern_addresses[i] == NULL) {
            snprintf(error, 512, "the address of %s is not known", extern_names[i]);
            return false;
        }
    }
    return true;
}

static bool failed(const char *step, int status)
{
    snprintf(failure, sizeof failure, "%s: status 0x%08x", step, (unsigned)status);
    return false;
}

static uint32_t frame_of(const Instruction *trace, uint32_t length)
{
    uint32_t frame = 0;
    for (uint32_t i = 0; i < length; i++) {
        const peer_op *const op = &ops[opcode_of(&trace[i])];
        frame = op->frame > frame ? op->frame : frame;
    }
    return frame == 0 ? 0 : ((frame + 7) & ~15u) + 8;
}

bool peer_emit(const void *instructions, uint32_t length, peer_code *code)
{
    const Instruction *const trace = instructions;
    size_t size;
    dasm_setup(&peer, sg_actions);
    peer.length = length;
    peer.frame = frame_of(trace, length);
    peer.own = 2 * (length + 1);
    begin_trace(&peer);
    bool ends = false;
    for (uint32_t i = 0; i < length; i++) {
        const peer_op *const op = &ops[opcode_of(&trace[i])];
        peer.index = i;
        begin_micro_op(&peer);
        if (op->exits) {
            exit_stub(&peer);
        }
        op->emit(&peer, &trace[i]);
        peer.own += op->labels;
        ends = op->ends;
    }
    peer.index = length;
    (ends ? begin_micro_op : end_trace)(&peer);
    int status = dasm_link(&peer, &size);
    if (status != DASM_S_OK) {
        return failed("dasm_link", status);
    }
    if (size > SPACE) {
        return failed("the buffer is too small", (int)size);
    }
    status = dasm_encode(&peer, space);
    if (status != DASM_S_OK) {
        return failed("dasm_encode", status);
    }
    cold_start = (uint32_t)dasm_getpclabel(&peer, length + 1);
    *code = (peer_code){space, space + cold_start, cold_start, (uint32_t)size - cold_start};
    return true;
}

void peer_discard(void)
{
}

const char *peer_error(void)
{
    return failure;
}

void peer_place(uint32_t index, uint32_t *hot, uint32_t *cold)
{
    *hot = (uint32_t)dasm_getpclabel(&peer, index);
    *cold = (uint32_t)dasm_getpclabel(&peer, peer.length + 1 + index) - cold_start;
}

size_t peer_instruction_size(void)
{
    return sizeof(Instruction);
}
