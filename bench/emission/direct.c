/* stencilgen's own way: the generated emit functions, called by the runtime. */
#include "jit_stencils.h"

#include "peer.h"

static sg_jit *jit;
static sg_code *code;
static sg_error failure;

bool peer_begin(uint32_t most, char *error)
{
    (void)most;
    if (jit != NULL) {
        return true;
    }
    /* no facts: what is emitted is what DynASM emits, which knows none */
    jit = sg_jit_new(&(sg_options){.near = (const void *)&peer_begin, .no_facts = true}, &failure);
    memcpy(error, failure.text, sizeof failure.text);
    return jit != NULL;
}

bool peer_emit(const void *trace, uint32_t length, peer_code *result)
{
    code = sg_compile(jit, trace, length, &failure);
    if (code == NULL) {
        return false;
    }
    const sg_info info = sg_code_info(code);
    *result = (peer_code){info.hot, info.cold, info.hot_size, info.cold_size};
    return true;
}

void peer_discard(void)
{
    sg_free(code);
}

const char *peer_error(void)
{
    return failure.text;
}

void peer_place(uint32_t index, uint32_t *hot, uint32_t *cold)
{
    const sg_info info = sg_code_info(code);
    const sg_extent extent = sg_code_extent(code, index);
    *hot = (uint32_t)(extent.hot - info.hot);
    *cold = (uint32_t)(extent.cold - info.cold);
}

const void *peer_part(uint32_t index)
{
    return sg_jit_part(jit, index);
}

size_t peer_instruction_size(void)
{
    return sizeof(Instruction);
}

const char *peer_op_name(uint32_t opcode)
{
    return opcode < sizeof sg_ops / sizeof *sg_ops ? sg_ops[opcode].name : NULL;
}

uint32_t peer_op_count(void)
{
    return sizeof sg_ops / sizeof *sg_ops;
}
