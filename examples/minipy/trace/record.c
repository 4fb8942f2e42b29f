/* The recorder: from an instruction and the values it is about to meet, to the micro-ops that do just that.
 *
 * Guards come before anything is changed, so every exit resumes the interpreter at the instruction itself; those of branches
 * at the other way. Frames are pushed and popped in traces as in the interpreter. So an exit has nothing to restore.
 */
#include "recorder.h"

Ending as_it_is(Recorder *r, const Instruction *ip, Value *slots)
{
    (void)slots;
    emit(r, (Opcode)ip->opcode, ip->d, ip->a, ip->b, ip)->operand = ip->operand;
    return ENDING_NONE;
}

static Ending record_nothing(Recorder *r, const Instruction *ip, Value *slots)
{
    (void)r, (void)ip, (void)slots;
    return ENDING_NONE;
}

static Ending record_end(Recorder *r, const Instruction *ip, Value *slots)
{
    (void)r, (void)ip, (void)slots;
    return ENDING_STOP;
}

/* On to the trace of a loop. Traces that lead to each other are a loop, too: so here as well Ctrl-C is heeded. */
static Ending link_to(Recorder *r, Loop *loop, const Instruction *ip)
{
    emit(r, OP_CHECK_INTERRUPT, 0, 0, 0, ip);
    r->link = loop;
    r->next = loop->head;
    return ENDING_LINK;
}

/* A back edge: of the loop that is recorded, of one that has a trace, or of one that the interpreter goes on with. */
static Ending record_loop(Recorder *r, const Instruction *ip, Value *slots)
{
    (void)slots;
    Loop *const loop = &r->thread->loops[ip->operand];
    if (loop == r->root && r->thread->call == r->frame) {
        emit(r, OP_REPEAT, 0, 0, 0, ip);
        r->next = loop->head;
        return ENDING_REPEAT;
    }
    if (loop->trace != NULL) {
        return link_to(r, loop, ip);
    }
    r->awaited = loop;
    return ENDING_STOP;
}

static Loop *traced_loop_at(const Thread *thread, const Instruction *ip)
{
    for (uint32_t i = 0; i < thread->loop_count; i++) {
        if (thread->loops[i].head == ip && thread->loops[i].trace != NULL) {
            return &thread->loops[i];
        }
    }
    return NULL;
}

static RecordOne *const by_opcode[FIRST_SPECIAL] = { /* others: as_it_is */
    [OP_ADD] = record_binary, [OP_SUB] = record_binary, [OP_MUL] = record_binary, [OP_DIV] = record_binary,
    [OP_FLOORDIV] = record_binary, [OP_MOD] = record_binary, [OP_AND] = record_binary, [OP_OR] = record_binary,
    [OP_XOR] = record_binary, [OP_LSHIFT] = record_binary, [OP_RSHIFT] = record_binary,
    [OP_NEGATE] = record_negate, [OP_BUILTIN] = record_builtin,
    [OP_LT] = record_comparison, [OP_LE] = record_comparison, [OP_EQ] = record_comparison,
    [OP_NE] = record_comparison, [OP_GT] = record_comparison, [OP_GE] = record_comparison,
    [OP_BRANCH_LT] = record_compare_branch, [OP_BRANCH_LE] = record_compare_branch,
    [OP_BRANCH_EQ] = record_compare_branch, [OP_BRANCH_NE] = record_compare_branch,
    [OP_BRANCH_GT] = record_compare_branch, [OP_BRANCH_GE] = record_compare_branch,
    [OP_BRANCH_IS] = record_is_branch, [OP_BRANCH] = record_branch,
    [OP_GET_ITEM] = record_get_item, [OP_SET_ITEM] = record_set_item,
    [OP_CHECK_METHOD] = record_check_method, [OP_APPEND] = record_append,
    [OP_FOR_RANGE] = record_for_range, [OP_FOR_ITEM] = record_for_item,
    [OP_LOAD_ATTRIBUTE] = record_load_attribute, [OP_STORE_ATTRIBUTE] = record_store_attribute,
    [OP_LOAD_METHOD] = record_load_method, [OP_CALL] = record_call, [OP_RETURN] = record_return,
    [OP_JUMP] = record_nothing, [OP_LOOP] = record_loop, [OP_END] = record_end,
};

static bool leaves_loop(const Recorder *r, const Instruction *ip)
{
    const bool outside = r->thread->call == r->frame && (ip < r->root->head || ip > r->root->back_edge);
    return outside || r->depth < 0;
}

Ending record_instruction(Recorder *r, const Instruction *ip, Value *slots)
{
    if (r->recording->length > MAX_RECORDED || (r->must_stay && leaves_loop(r, ip))) {
        return ENDING_ABORT;
    }
    r->next = ip;
    Loop *const reached = ip == r->start ? NULL : traced_loop_at(r->thread, ip); /* not at once: it may have come from there */
    if (reached != NULL) {
        return link_to(r, reached, ip);
    }
    RecordOne *const record = by_opcode[ip->opcode];
    const Ending ending = record != NULL ? record(r, ip, slots) : as_it_is(r, ip, slots);
    if (ending == ENDING_STOP) {
        emit(r, OP_STOP, 0, 0, 0, ip);
    }
    return ending;
}
