/* Recording calls: the trace goes on in the callee. It pushes and pops the same frames as the interpreter. */
#include "recorder.h"

static void push_call(Recorder *r, const Instruction *ip, const Code *code, int window, int result)
{
    Instruction *const op = emit(r, OP_PUSH_CALL, ip->d + window, 0, 0, ip);
    op->pointer = code;
    op->back = ip + 1;
    op->result = result;
    r->depth++;
}

Ending record_call(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value *const base = &slots[ip->d];
    const bool has_self = ip->operand && base[1] != EMPTY;
    const uint64_t arguments = (uint64_t)ip->b + has_self;
    if (r->depth >= MAX_INLINED || r->thread->call == r->thread->last_call) {
        return ENDING_STOP;
    }
    const bool function = is_kind(base[0], KIND_FUNCTION), class = is_kind(base[0], KIND_CLASS);
    if (function || class) {
        guard_is(r, ip->d, base[0], ip);
        if (ip->operand) {
            emit(r, has_self ? OP_GUARD_IS_NOT : OP_GUARD_IS, 0, ip->d + 1, 0, ip)->operand = EMPTY;
        }
        emit(r, OP_GUARD_DEPTH, 0, 0, 0, ip);
    }
    if (function) {
        const Function *const callee = (const Function *)base[0];
        if (arguments > callee->code->parameters || arguments + callee->default_count < callee->code->parameters) {
            return ENDING_ABORT; /* an error */
        }
        if (arguments < callee->code->parameters) {
            emit(r, OP_ARRANGE_CALL, ip->d, 0, ip->b, ip)->operand = ip->operand;
        }
        push_call(r, ip, callee->code, has_self ? 1 : 2, has_self ? -1 : -2);
        return ENDING_NONE;
    }
    if (class) {
        const Class *const callee = (const Class *)base[0];
        const Value init = r->thread->init_name < 0 ? EMPTY : callee->members[r->thread->init_name];
        if (is_object(init) && !is_kind(init, KIND_FUNCTION)) {
            return ENDING_ABORT;
        }
        emit(r, OP_ARRANGE_CALL, ip->d, 0, ip->b, ip)->operand = ip->operand;
        if (init != EMPTY) {
            push_call(r, ip, ((const Function *)init)->code, 1, 0);
        }
        return ENDING_NONE;
    }
    if (is_kind(base[0], KIND_BUILTIN)) {
        guard_kind(r, ip->d, KIND_BUILTIN, ip);
        emit(r, OP_ARRANGE_CALL, ip->d, 0, ip->b, ip)->operand = ip->operand;
        return ENDING_NONE;
    }
    return ENDING_STOP;
}

Ending record_return(Recorder *r, const Instruction *ip, Value *slots)
{
    const Call *const call = r->thread->call;
    const Value value = value_of(r, slots, ip->a);
    if (call->result == 0 && value != NONE) {
        return ENDING_ABORT; /* an error */
    }
    if (r->depth <= 0) {
        Instruction *const op = emit(r, OP_GUARD_BACK, 0, 0, 0, ip);
        op->back = call->back;
        op->result = call->result;
    }
    if (call->result == 0) {
        guard_is(r, ip->a, NONE, ip);
    } else if (ip->a >= 0) {
        emit(r, OP_TAKE, call->result, ip->a, 0, ip); /* every slot of a function that returns is read no more */
    } else {
        emit(r, OP_MOVE, call->result, ip->a, 0, ip);
    }
    emit(r, OP_POP_CALL, (int)call->window, 0, 0, ip);
    r->depth--;
    return ENDING_NONE;
}
