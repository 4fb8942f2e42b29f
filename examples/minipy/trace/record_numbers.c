/* Recording arithmetic: on ints, on floats, on one of each. */
#include "recorder.h"

#include <math.h>

/* ---- Ints: a result that does not fit is left to the interpreter ---- */

static bool is_power_of_two(int64_t number)
{
    return number > 0 && (number & (number - 1)) == 0;
}

/* slot ∘ number, or number ∘ slot where that is the same. False: there is no micro-op for it. */
static bool with_constant(Recorder *r, const Instruction *ip, int16_t slot, int64_t number)
{
    Opcode opcode;
    uint64_t operand = (uint64_t)number;
    switch (ip->opcode) {
    case OP_ADD: opcode = OP_ADD_INT_CONST, operand = from_int(number); break;
    case OP_SUB:
        if (!fits_int(-number)) {
            return false;
        }
        opcode = OP_ADD_INT_CONST, operand = from_int(-number);
        break;
    case OP_MUL: opcode = OP_MUL_INT_CONST; break;
    case OP_AND: opcode = OP_AND_INT_CONST, operand = from_int(number); break;
    case OP_FLOORDIV:
    case OP_MOD:
        if (number <= 0) {
            return false;
        }
        if (!is_power_of_two(number)) {
            opcode = ip->opcode == OP_FLOORDIV ? OP_FLOORDIV_INT_CONST : OP_MOD_INT_CONST;
        } else if (ip->opcode == OP_FLOORDIV) {
            opcode = OP_RSHIFT_INT_CONST, operand = (uint64_t)__builtin_ctzll((uint64_t)number);
        } else {
            opcode = OP_AND_INT_CONST, operand = from_int(number - 1);
        }
        break;
    case OP_RSHIFT:
        if (number < 0 || number > 62) {
            return false;
        }
        opcode = OP_RSHIFT_INT_CONST;
        break;
    case OP_LSHIFT:
        if (number < 0 || number > 61) {
            return false;
        }
        opcode = OP_MUL_INT_CONST, operand = UINT64_C(1) << number;
        break;
    default: return false;
    }
    guard_int(r, slot, ip);
    emit(r, opcode, ip->d, slot, 0, ip)->operand = operand;
    return true;
}

static bool constant_with(Recorder *r, const Instruction *ip, Value constant, int16_t slot)
{
    switch (ip->opcode) {
    case OP_ADD: case OP_MUL: case OP_AND: return with_constant(r, ip, slot, to_int(constant));
    case OP_SUB:
        guard_int(r, slot, ip);
        emit(r, OP_SUBTRACT_FROM_INT_CONST, ip->d, slot, 0, ip)->operand = constant;
        return true;
    default: return false;
    }
}

static bool integers(Recorder *r, const Instruction *ip, Value a, Value b)
{
    static const Opcode of_two[FIRST_SPECIAL] = {
        [OP_ADD] = OP_ADD_INT, [OP_SUB] = OP_SUB_INT, [OP_MUL] = OP_MUL_INT, [OP_FLOORDIV] = OP_FLOORDIV_INT,
        [OP_MOD] = OP_MOD_INT, [OP_AND] = OP_AND_INT, [OP_OR] = OP_OR_INT, [OP_XOR] = OP_XOR_INT,
    };
    if (ip->a < 0 && ip->b < 0) {
        return false;
    }
    if (ip->b < 0) {
        return with_constant(r, ip, ip->a, to_int(b));
    }
    if (ip->a < 0) {
        return constant_with(r, ip, a, ip->b);
    }
    const bool divides = ip->opcode == OP_FLOORDIV || ip->opcode == OP_MOD;
    if (of_two[ip->opcode] == 0 || (divides && to_int(b) <= 0)) {
        return false;
    }
    guard_int(r, ip->a, ip);
    guard_int(r, ip->b, ip);
    emit(r, of_two[ip->opcode], ip->d, ip->a, ip->b, ip);
    return true;
}

/* int / int, whose result is a float. */
static bool divide_integers(Recorder *r, const Instruction *ip, Value a, Value b)
{
    if (ip->a < 0 || to_int(b) == 0 || !is_exact(a) || !is_exact(b)) {
        return false;
    }
    guard_int(r, ip->a, ip);
    if (ip->b < 0) {
        emit(r, OP_DIV_INT_CONST_NEW, ip->d, ip->a, 0, ip)->number = (double)to_int(b);
    } else {
        guard_int(r, ip->b, ip);
        emit(r, OP_DIV_INT_NEW, ip->d, ip->a, ip->b, ip);
    }
    return true;
}

static char letter(int16_t operand, Value value)
{
    return operand < 0 ? 'K' : is_int(value) ? 'I' : 'F';
}

static bool floats(Recorder *r, const Instruction *ip, Value a, Value b)
{
#define FORM(name, form) {#form, OP_##name##_##form##_NEW}
#define FORMS(name) {FORM(name, FF), FORM(name, FI), FORM(name, IF), FORM(name, FK), FORM(name, KF), FORM(name, IK), FORM(name, KI)}
    static const struct {
        char form[3];
        Opcode opcode;
    } table[4][7] = {FORMS(ADD), FORMS(SUB), FORMS(MUL), FORMS(DIV)};
#undef FORMS
#undef FORM
    if (ip->opcode == OP_DIV && real_of(b) == 0) {
        return false;
    }
    const char left = letter(ip->a, a), right = letter(ip->b, b);
    for (int i = 0; i < 7; i++) {
        if (table[ip->opcode - OP_ADD][i].form[0] == left && table[ip->opcode - OP_ADD][i].form[1] == right) {
            left == 'F' ? guard_kind(r, ip->a, KIND_FLOAT, ip) : guard_int(r, ip->a, ip);
            right == 'F' ? guard_kind(r, ip->b, KIND_FLOAT, ip) : guard_int(r, ip->b, ip);
            Instruction *const op = emit(r, table[ip->opcode - OP_ADD][i].opcode, ip->d, ip->a, ip->b, ip);
            if (left == 'K' || right == 'K') {
                op->number = real_of(left == 'K' ? a : b);
            }
            return true;
        }
    }
    return false;
}

/* Whether an int result of the operands is one that traces handle; if not, the guard would fail now and always. */
static bool stays_small(const Instruction *ip, Value a, Value b)
{
    int64_t result;
    switch (ip->opcode) {
    case OP_ADD: return !__builtin_add_overflow(to_int(a), to_int(b), &result) && fits_int(result);
    case OP_SUB: return !__builtin_sub_overflow(to_int(a), to_int(b), &result) && fits_int(result);
    case OP_MUL: return !__builtin_mul_overflow(to_int(a), to_int(b), &result) && fits_int(result);
    case OP_LSHIFT:
        return to_int(b) >= 0 && to_int(b) < 62 && !__builtin_mul_overflow(to_int(a), INT64_C(1) << to_int(b), &result) &&
               fits_int(result);
    default: return true;
    }
}

Ending record_binary(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    bool done = false;
    if (is_int(a) && is_int(b)) {
        done = ip->opcode == OP_DIV ? divide_integers(r, ip, a, b) : stays_small(ip, a, b) && integers(r, ip, a, b);
    } else if (is_number(a) && is_number(b) && ip->opcode <= OP_DIV) {
        done = floats(r, ip, a, b);
    }
    return done ? ENDING_NONE : as_it_is(r, ip, slots);
}

Ending record_negate(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (ip->a >= 0 && is_int(a) && fits_int(-to_int(a))) {
        guard_int(r, ip->a, ip);
        emit(r, OP_SUBTRACT_FROM_INT_CONST, ip->d, ip->a, 0, ip)->operand = from_int(0);
        return ENDING_NONE;
    }
    if (ip->a >= 0 && is_float(a)) {
        guard_kind(r, ip->a, KIND_FLOAT, ip);
        emit(r, OP_NEGATE_FLOAT_NEW, ip->d, ip->a, 0, ip);
        return ENDING_NONE;
    }
    return as_it_is(r, ip, slots);
}

Ending record_builtin(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    Opcode opcode;
    if (ip->a < 0) {
        return as_it_is(r, ip, slots);
    }
    if (is_float(a)) {
        switch (ip->operand) {
        case BUILTIN_abs:
        case MATH_fabs: opcode = OP_ABS_FLOAT_NEW; break;
        case BUILTIN_float: opcode = OP_MOVE; break;
        case BUILTIN_int:
            if (!(fabs(to_float(a)) < 0x1p62) || ip->d == ip->a) {
                return as_it_is(r, ip, slots);
            }
            opcode = OP_INT_FLOAT;
            break;
        case MATH_sqrt:
            if (!(to_float(a) >= 0)) {
                return as_it_is(r, ip, slots);
            }
            opcode = OP_SQRT_FLOAT_NEW;
            break;
        default: return as_it_is(r, ip, slots);
        }
        guard_kind(r, ip->a, KIND_FLOAT, ip);
    } else if (is_int(a)) {
        switch (ip->operand) {
        case BUILTIN_abs:
            if (!fits_int(-to_int(a))) {
                return as_it_is(r, ip, slots);
            }
            opcode = OP_ABS_INT;
            break;
        case BUILTIN_int: opcode = OP_MOVE; break;
        case BUILTIN_float: opcode = OP_FLOAT_INT_NEW; break;
        default: return as_it_is(r, ip, slots);
        }
        guard_int(r, ip->a, ip);
    } else if (is_kind(a, KIND_LIST) && ip->operand == BUILTIN_len) {
        guard_kind(r, ip->a, KIND_LIST, ip);
        opcode = OP_LENGTH_LIST;
        if (ip->d == ip->a) {
            return as_it_is(r, ip, slots); /* integer results go over plain slots */
        }
    } else {
        return as_it_is(r, ip, slots);
    }
    emit(r, opcode, ip->d, ip->a, 0, ip);
    return ENDING_NONE;
}
