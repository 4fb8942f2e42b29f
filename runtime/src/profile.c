/* Profiles: a line of text for each trace that is compiled, from which `stencilgen build` learns what to fuse.
 *
 *     1 LOAD_FAST ADD_INT:3,1,2 ^STORE_FAST:3 JUMP
 *
 * Its weight, then its micro-ops by name; `^` before one that jumps arrive at, as far as the VM's header tells; behind a colon
 * the operands that sequences are told apart by, if the VM has such.
 */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

bool sg_profile_open(sg_jit *jit, const char *path, sg_error *error)
{
    jit->profile = fopen(path, "ae");
    if (jit->profile == NULL) {
        sg_error_format(error, "cannot append to the profile %s: %s", path, strerror(errno));
    }
    return jit->profile != NULL;
}

void sg_profile_trace(sg_jit *jit, const void *trace, uint32_t length)
{
    const sg_vm *const vm = jit->vm;
    const uint8_t *const targets = sg_planner_targets(jit->planner);
    if (length == 0) {
        return;
    }
    fputc('1', jit->profile);
    for (uint32_t i = 0; i < length; i++) {
        const uint8_t *const instruction = (const uint8_t *)trace + i * vm->instruction_size;
        uint64_t operands[SG_MAX_OPERANDS];
        const uint32_t count = vm->operands == NULL ? 0 : vm->operands(instruction, operands);
        fprintf(jit->profile, " %s%s", targets != NULL && targets[i] ? "^" : "", vm->ops[vm->opcode(instruction)].name);
        for (uint32_t j = 0; j < count; j++) {
            fprintf(jit->profile, "%c%" PRId64, j == 0 ? ':' : ',', (int64_t)operands[j]);
        }
    }
    fputc('\n', jit->profile);
    fflush(jit->profile); /* whole lines, also of a process that is killed */
}

void sg_profile_close(sg_jit *jit)
{
    if (jit->profile != NULL) {
        fclose(jit->profile);
    }
}
