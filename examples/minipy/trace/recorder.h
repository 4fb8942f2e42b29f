/* What the files of the recorder share. Each records some kinds of instructions, all in the same way: look at the values
 * that the instruction is about to meet, emit guards that they are such, then the micro-op for just that. What is not worth
 * a micro-op of its own goes into the trace as it is.
 */
#ifndef MINIPY_RECORDER_H
#define MINIPY_RECORDER_H

#include "trace.h"

/* How one instruction is recorded. slots: those of the call that executes it. */
typedef Ending RecordOne(Recorder *r, const Instruction *ip, Value *slots);

/* record_numbers.c */
RecordOne record_binary, record_negate, record_builtin;
/* record_tests.c */
RecordOne record_comparison, record_compare_branch, record_is_branch, record_branch;
/* record_objects.c */
RecordOne record_get_item, record_set_item, record_check_method, record_append, record_for_range, record_for_item;
RecordOne record_load_attribute, record_store_attribute, record_load_method;
/* record_calls.c */
RecordOne record_call, record_return;
/* record.c: the micro-op of the bytecode itself. */
RecordOne as_it_is;

/* ---- Emitting ---- */

/* The next micro-op; if it exits, the interpreter goes on at `resume`. */
INLINE Instruction *emit(Recorder *r, Opcode opcode, int d, int a, int b, const Instruction *resume)
{
    Recording *const recording = r->recording;
    Instruction *const op = &recording->ops[recording->length];
    *op = (Instruction){.opcode = (uint16_t)opcode, .d = (int16_t)d, .a = (int16_t)a, .b = (int16_t)b, .line = resume->line};
    recording->origin[recording->length] = r->next;
    recording->resume[recording->length++] = resume;
    return op;
}

/* A micro-op compares with the address of this object, which must not become that of another. */
INLINE void hold(Recorder *r, Object *object)
{
    Recording *const recording = r->recording;
    for (uint32_t i = 0; i < recording->held_count; i++) {
        if (recording->held[i] == object) {
            return;
        }
    }
    object->references++;
    recording->held[recording->held_count++] = object;
}

INLINE Value value_of(const Recorder *r, const Value *slots, int16_t operand)
{
    return operand >= 0 ? slots[operand] : r->thread->constants[~operand];
}

/* ---- Guards on operands; a constant needs none ---- */

INLINE void guard_int(Recorder *r, int16_t operand, const Instruction *ip)
{
    if (operand >= 0) {
        emit(r, OP_GUARD_INT, 0, operand, 0, ip);
    }
}

INLINE void guard_kind(Recorder *r, int16_t operand, Kind kind, const Instruction *ip)
{
    if (operand >= 0) {
        emit(r, kind == KIND_FLOAT ? OP_GUARD_FLOAT : OP_GUARD_KIND, 0, operand, 0, ip)->operand = kind;
    }
}

INLINE void guard_is(Recorder *r, int16_t operand, Value value, const Instruction *ip)
{
    if (operand >= 0) {
        emit(r, OP_GUARD_IS, 0, operand, 0, ip)->operand = value;
        if (is_object(value)) {
            hold(r, to_object(value));
        }
    }
}

/* ---- Numbers ---- */

INLINE bool is_number(Value value) { return is_int(value) || is_float(value); }

INLINE double real_of(Value number) { return is_int(number) ? (double)to_int(number) : to_float(number); }

/* Whether a double holds the int exactly, as the micro-ops that convert it ask too. */
INLINE bool is_exact(Value integer)
{
    const int64_t number = to_int(integer);
    return number >= -(INT64_C(1) << 53) && number <= INT64_C(1) << 53;
}

#endif
