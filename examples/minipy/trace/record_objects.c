/* Recording access to lists, tuples and instances, and iteration. An attribute of an instance of a known class is a place in
 * it: that guard and that place are the trace's inline cache.
 */
#include "recorder.h"

/* ---- Lists, tuples, iteration ---- */

Ending record_get_item(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    Sequence sequence;
    if (ip->a < 0 || !is_int(b) || !get_sequence(a, &sequence) || (uint64_t)to_int(b) >= sequence.length) {
        return as_it_is(r, ip, slots);
    }
    const bool list = is_kind(a, KIND_LIST);
    guard_kind(r, ip->a, list ? KIND_LIST : KIND_TUPLE, ip);
    guard_int(r, ip->b, ip);
    if (ip->b < 0) {
        emit(r, list ? OP_GET_LIST_CONST : OP_GET_TUPLE_CONST, ip->d, ip->a, 0, ip)->operand = (uint64_t)to_int(b);
    } else {
        emit(r, list ? OP_GET_LIST : OP_GET_TUPLE, ip->d, ip->a, ip->b, ip);
    }
    return ENDING_NONE;
}

Ending record_set_item(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    if (ip->a < 0 || ip->d < 0 || !is_int(b) || !is_kind(a, KIND_LIST) || (uint64_t)to_int(b) >= to_list(a)->length) {
        return as_it_is(r, ip, slots);
    }
    guard_kind(r, ip->a, KIND_LIST, ip);
    guard_int(r, ip->b, ip);
    const bool dying = ip->operand && ip->d != ip->a && ip->d != ip->b;
    if (ip->b < 0) {
        const Opcode opcode = dying ? OP_SET_LIST_CONST_TAKE : OP_SET_LIST_CONST;
        emit(r, opcode, ip->d, ip->a, 0, ip)->operand = (uint64_t)to_int(b);
    } else {
        emit(r, dying ? OP_SET_LIST_TAKE : OP_SET_LIST, ip->d, ip->a, ip->b, ip);
    }
    return ENDING_NONE;
}

static bool guard_class(Recorder *r, const Instruction *ip, Value value)
{
    if (ip->a < 0 || !is_kind(value, KIND_INSTANCE)) {
        return false;
    }
    Class *const class = ((const Instance *)value)->class;
    emit(r, OP_GUARD_CLASS, 0, ip->a, 0, ip)->pointer = class;
    hold(r, &class->object); /* and so its members */
    return true;
}

Ending record_check_method(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (!is_kind(a, KIND_LIST) || ip->a < 0) {
        return as_it_is(r, ip, slots);
    }
    guard_kind(r, ip->a, KIND_LIST, ip);
    return ENDING_NONE;
}

Ending record_append(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (is_kind(a, KIND_LIST) && ip->a >= 0) {
        guard_kind(r, ip->a, KIND_LIST, ip);
        emit(r, OP_APPEND_LIST, 0, ip->a, ip->b, ip);
        return ENDING_NONE;
    }
    return guard_class(r, ip, a) ? ENDING_NONE : ENDING_STOP;
}

Ending record_for_range(Recorder *r, const Instruction *ip, Value *slots)
{
    if (slots[ip->a + 1] == from_int(0)) {
        emit(r, OP_GUARD_EQ_INT_CONST, 0, ip->a + 1, 0, ip)->operand = from_int(0);
    } else {
        emit(r, OP_FOR_RANGE_INT, ip->d, ip->a, 0, ip);
    }
    return ENDING_NONE;
}

Ending record_for_item(Recorder *r, const Instruction *ip, Value *slots)
{
    Sequence sequence;
    if (!get_sequence(slots[ip->a], &sequence)) {
        return ENDING_STOP;
    }
    const bool list = is_kind(slots[ip->a], KIND_LIST);
    guard_kind(r, ip->a, list ? KIND_LIST : KIND_TUPLE, ip);
    if ((uint64_t)to_int(slots[ip->a + 1]) >= sequence.length) {
        emit(r, list ? OP_EXHAUSTED_LIST : OP_EXHAUSTED_TUPLE, 0, ip->a, 0, ip);
    } else {
        emit(r, list ? OP_FOR_LIST : OP_FOR_TUPLE, ip->d, ip->a, 0, ip);
    }
    return ENDING_NONE;
}

/* ---- Objects ---- */

Ending record_load_attribute(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (!is_kind(a, KIND_INSTANCE)) {
        return as_it_is(r, ip, slots);
    }
    const Instance *const instance = (const Instance *)a;
    const int16_t place = instance->class->places[ip->operand];
    const Value member = instance->class->members[ip->operand];
    if (place >= 0 && instance->attributes[place] != EMPTY) {
        guard_class(r, ip, a);
        emit(r, OP_LOAD_SLOT, ip->d, ip->a, place, ip);
    } else if (place < 0 && member != EMPTY && !is_object(member)) {
        guard_class(r, ip, a);
        emit(r, OP_SET_VALUE, ip->d, 0, 0, ip)->operand = member;
    } else if (place < 0 && is_object(member) && !is_kind(member, KIND_FUNCTION)) {
        guard_class(r, ip, a);
        emit(r, OP_LOAD_MEMBER, ip->d, 0, 0, ip)->operand = member;
    } else {
        return as_it_is(r, ip, slots);
    }
    return ENDING_NONE;
}

Ending record_store_attribute(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    const int16_t place = is_kind(a, KIND_INSTANCE) ? ((const Instance *)a)->class->places[ip->operand] : -1;
    if (place < 0) {
        return as_it_is(r, ip, slots);
    }
    guard_class(r, ip, a);
    const bool dying = ip->d && ip->b >= 0 && ip->b != ip->a;
    emit(r, dying ? OP_STORE_SLOT_TAKE : OP_STORE_SLOT, place, ip->a, ip->b, ip);
    return ENDING_NONE;
}

Ending record_load_method(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (!is_kind(a, KIND_INSTANCE)) {
        return as_it_is(r, ip, slots);
    }
    const Class *const class = ((const Instance *)a)->class;
    const Value member = class->members[ip->operand];
    if (class->places[ip->operand] >= 0 || !is_kind(member, KIND_FUNCTION)) {
        return as_it_is(r, ip, slots);
    }
    guard_class(r, ip, a);
    if (ip->a != ip->d + 1) {
        emit(r, OP_MOVE, ip->d + 1, ip->a, 0, ip);
    }
    emit(r, OP_LOAD_MEMBER, ip->d, 0, 0, ip)->operand = member;
    return ENDING_NONE;
}
