/* The recorder: from an instruction and the values it is about to meet, to the micro-ops that do just that.
 *
 * Each instruction becomes guards ("both are floats"), then the micro-op that relies on them. What is not worth one of
 * its own goes into the trace as it is: the bytecode's micro-ops are stencils too. Guards come before anything is
 * changed, so every exit resumes the interpreter at the instruction itself; those of branches at the other way.
 *
 * Frames are pushed and popped in traces as in the interpreter. So an exit has nothing to restore.
 */
#include "trace.h"

#include <math.h>

static Instruction *emit(Recorder *r, Opcode opcode, int d, int a, int b, const Instruction *resume)
{
    Recording *const recording = r->recording;
    Instruction *const op = &recording->ops[recording->length];
    *op = (Instruction){.opcode = (uint16_t)opcode, .d = (int16_t)d, .a = (int16_t)a, .b = (int16_t)b, .line = resume->line};
    recording->origin[recording->length] = r->next;
    recording->resume[recording->length++] = resume;
    return op;
}

/* The micro-op of the bytecode itself. */
static Ending as_it_is(Recorder *r, const Instruction *ip)
{
    emit(r, (Opcode)ip->opcode, ip->d, ip->a, ip->b, ip)->operand = ip->operand;
    return ENDING_NONE;
}

static Value value_of(const Recorder *r, const Value *slots, int16_t operand)
{
    return operand >= 0 ? slots[operand] : r->thread->constants[~operand];
}

static void guard_int(Recorder *r, int16_t slot, const Instruction *ip)
{
    if (slot >= 0) {
        emit(r, OP_GUARD_INT, 0, slot, 0, ip);
    }
}

static void guard_kind(Recorder *r, int16_t slot, Kind kind, const Instruction *ip)
{
    if (slot >= 0) {
        emit(r, kind == KIND_FLOAT ? OP_GUARD_FLOAT : OP_GUARD_KIND, 0, slot, 0, ip)->operand = kind;
    }
}

static void guard_is(Recorder *r, int16_t slot, Value value, const Instruction *ip, const Instruction *resume)
{
    (void)ip;
    if (slot >= 0) {
        emit(r, OP_GUARD_IS, 0, slot, 0, resume)->operand = value;
    }
}

/* ---- Arithmetic ---- */

static bool is_power_of_two(int64_t number)
{
    return number > 0 && (number & (number - 1)) == 0;
}

static bool integer_with_constant(Recorder *r, const Instruction *ip, Value b)
{
    const int64_t number = to_int(b);
    Opcode opcode;
    uint64_t operand;
    switch (ip->opcode) {
    case OP_ADD: opcode = OP_ADD_INT_CONST, operand = b; break;
    case OP_SUB:
        if (!fits_int(-number)) {
            return false;
        }
        opcode = OP_ADD_INT_CONST, operand = from_int(-number);
        break;
    case OP_MUL: opcode = OP_MUL_INT_CONST, operand = (uint64_t)number; break;
    case OP_AND: opcode = OP_AND_INT_CONST, operand = b; break;
    case OP_FLOORDIV:
    case OP_MOD:
        if (number <= 0) {
            return false;
        }
        if (is_power_of_two(number)) {
            const bool division = ip->opcode == OP_FLOORDIV;
            opcode = division ? OP_RSHIFT_INT_CONST : OP_AND_INT_CONST;
            operand = division ? (uint64_t)__builtin_ctzll((uint64_t)number) : from_int(number - 1);
        } else {
            opcode = ip->opcode == OP_FLOORDIV ? OP_FLOORDIV_INT_CONST : OP_MOD_INT_CONST;
            operand = (uint64_t)number;
        }
        break;
    case OP_RSHIFT:
    case OP_LSHIFT:
        if (number < 0 || number > (ip->opcode == OP_RSHIFT ? 62 : 61)) {
            return false;
        }
        opcode = ip->opcode == OP_RSHIFT ? OP_RSHIFT_INT_CONST : OP_MUL_INT_CONST;
        operand = ip->opcode == OP_RSHIFT ? (uint64_t)number : UINT64_C(1) << number;
        break;
    default: return false;
    }
    guard_int(r, ip->a, ip);
    emit(r, opcode, ip->d, ip->a, 0, ip)->operand = operand;
    return true;
}

static bool integers(Recorder *r, const Instruction *ip, Value a, Value b)
{
    if (ip->a < 0 && ip->b < 0) {
        return false;
    }
    if (ip->b < 0) {
        return integer_with_constant(r, ip, b);
    }
    if (ip->a < 0) {
        if (ip->opcode == OP_SUB) {
            guard_int(r, ip->b, ip);
            emit(r, OP_SUBTRACT_FROM_INT_CONST, ip->d, ip->b, 0, ip)->operand = a;
            return true;
        }
        if (ip->opcode != OP_ADD && ip->opcode != OP_MUL && ip->opcode != OP_AND) {
            return false;
        }
        Instruction swapped = *ip;
        swapped.a = ip->b, swapped.b = ip->a;
        const uint32_t before = r->recording->length;
        const bool done = integer_with_constant(r, &swapped, a);
        for (uint32_t i = before; i < r->recording->length; i++) {
            r->recording->resume[i] = ip;
        }
        return done;
    }
    Opcode opcode;
    switch (ip->opcode) {
    case OP_ADD: opcode = OP_ADD_INT; break;
    case OP_SUB: opcode = OP_SUB_INT; break;
    case OP_MUL: opcode = OP_MUL_INT; break;
    case OP_AND: opcode = OP_AND_INT; break;
    case OP_OR: opcode = OP_OR_INT; break;
    case OP_XOR: opcode = OP_XOR_INT; break;
    case OP_FLOORDIV: opcode = OP_FLOORDIV_INT; break;
    case OP_MOD: opcode = OP_MOD_INT; break;
    default: return false;
    }
    if ((ip->opcode == OP_FLOORDIV || ip->opcode == OP_MOD) && to_int(b) <= 0) {
        return false;
    }
    guard_int(r, ip->a, ip);
    guard_int(r, ip->b, ip);
    emit(r, opcode, ip->d, ip->a, ip->b, ip);
    return true;
}

static bool is_exact(Value integer)
{
    const int64_t number = to_int(integer);
    return number >= -(INT64_C(1) << 53) && number <= INT64_C(1) << 53;
}

static double real_of(Value value)
{
    return is_int(value) ? (double)to_int(value) : to_float(value);
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

static Ending record_binary(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    bool done = false;
    if (is_int(a) && is_int(b)) {
        done = ip->opcode == OP_DIV ? divide_integers(r, ip, a, b) : stays_small(ip, a, b) && integers(r, ip, a, b);
    } else if ((is_int(a) || is_float(a)) && (is_int(b) || is_float(b)) && ip->opcode <= OP_DIV) {
        done = floats(r, ip, a, b);
    }
    return done ? ENDING_NONE : as_it_is(r, ip);
}

static Ending record_negate(Recorder *r, const Instruction *ip, Value *slots)
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
    return as_it_is(r, ip);
}

static Ending record_builtin(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    Opcode opcode;
    if (ip->a < 0) {
        return as_it_is(r, ip);
    }
    if (is_float(a)) {
        switch (ip->operand) {
        case BUILTIN_abs:
        case MATH_fabs: opcode = OP_ABS_FLOAT_NEW; break;
        case BUILTIN_float: opcode = OP_MOVE; break;
        case BUILTIN_int:
            if (!(fabs(to_float(a)) < 0x1p62) || ip->d == ip->a) {
                return as_it_is(r, ip);
            }
            opcode = OP_INT_FLOAT;
            break;
        case MATH_sqrt:
            if (!(to_float(a) >= 0)) {
                return as_it_is(r, ip);
            }
            opcode = OP_SQRT_FLOAT_NEW;
            break;
        default: return as_it_is(r, ip);
        }
        guard_kind(r, ip->a, KIND_FLOAT, ip);
    } else if (is_int(a)) {
        switch (ip->operand) {
        case BUILTIN_abs:
            if (!fits_int(-to_int(a))) {
                return as_it_is(r, ip);
            }
            opcode = OP_ABS_INT;
            break;
        case BUILTIN_int: opcode = OP_MOVE; break;
        case BUILTIN_float: opcode = OP_FLOAT_INT_NEW; break;
        default: return as_it_is(r, ip);
        }
        guard_int(r, ip->a, ip);
    } else if (is_kind(a, KIND_LIST) && ip->operand == BUILTIN_len) {
        guard_kind(r, ip->a, KIND_LIST, ip);
        opcode = OP_LENGTH_LIST;
        if (ip->d == ip->a) {
            return as_it_is(r, ip); /* integer results go over plain slots */
        }
    } else {
        return as_it_is(r, ip);
    }
    emit(r, opcode, ip->d, ip->a, 0, ip);
    return ENDING_NONE;
}

/* ---- Comparisons and branches ---- */

typedef enum { LT_, LE_, EQ_, NE_, GT_, GE_ } Order;
static const Order mirrored[] = {[LT_] = GT_, [LE_] = GE_, [EQ_] = EQ_, [NE_] = NE_, [GT_] = LT_, [GE_] = LE_};
static const Order inverse[] = {[LT_] = GE_, [LE_] = GT_, [EQ_] = NE_, [NE_] = EQ_, [GT_] = LE_, [GE_] = LT_};

#define EACH(prefix, suffix) \
    {[LT_] = OP_##prefix##LT_##suffix, [LE_] = OP_##prefix##LE_##suffix, [EQ_] = OP_##prefix##EQ_##suffix, \
     [NE_] = OP_##prefix##NE_##suffix, [GT_] = OP_##prefix##GT_##suffix, [GE_] = OP_##prefix##GE_##suffix}
static const Opcode int_guards[] = EACH(GUARD_, INT), int_const_guards[] = EACH(GUARD_, INT_CONST),
                    int_values[] = EACH(, INT), int_const_values[] = EACH(, INT_CONST);
#undef EACH
/* [holds][form: FF, FI, FK]; != is "not ==" */
#define EACH(form) {[LT_] = {OP_GUARD_NOT_LT_##form, OP_GUARD_LT_##form}, [LE_] = {OP_GUARD_NOT_LE_##form, OP_GUARD_LE_##form}, \
    [EQ_] = {OP_GUARD_NOT_EQ_##form, OP_GUARD_EQ_##form}, [NE_] = {OP_GUARD_EQ_##form, OP_GUARD_NOT_EQ_##form}, \
    [GT_] = {OP_GUARD_NOT_GT_##form, OP_GUARD_GT_##form}, [GE_] = {OP_GUARD_NOT_GE_##form, OP_GUARD_GE_##form}}
static const Opcode float_guards[3][6][2] = {EACH(FF), EACH(FI), EACH(FK)};
#undef EACH

static bool order_holds(Order order, Value a, Value b)
{
    const bool integers = is_int(a) && is_int(b);
    const double x = real_of(a), y = real_of(b);
    switch (order) {
    case LT_: return integers ? (int64_t)a < (int64_t)b : x < y;
    case LE_: return integers ? (int64_t)a <= (int64_t)b : x <= y;
    case EQ_: return integers ? a == b : x == y;
    case NE_: return integers ? a != b : x != y;
    case GT_: return integers ? (int64_t)a > (int64_t)b : x > y;
    default: return integers ? (int64_t)a >= (int64_t)b : x >= y;
    }
}

/* Guard that the comparison comes out as it does now; false: only the general one will do. */
static bool guard_order(Recorder *r, const Instruction *ip, Order order, Value a, Value b, const Instruction *resume)
{
    int16_t left = ip->a, right = ip->b;
    const bool numbers = (is_int(a) || is_float(a)) && (is_int(b) || is_float(b));
    if (!numbers || (left < 0 && right < 0)) {
        return false;
    }
    if (left < 0 || (is_int(a) && is_float(b) && right >= 0)) { /* the constant, or the int, to the right */
        const Value other = a;
        a = b, b = other;
        left = ip->b, right = ip->a;
        order = mirrored[order];
    }
    const bool holds = order_holds(order, a, b);
    if (is_int(a) && is_int(b)) {
        const Order kept = holds ? order : inverse[order];
        guard_int(r, left, ip);
        guard_int(r, right, ip);
        if (right < 0) {
            emit(r, int_const_guards[kept], 0, left, 0, resume)->operand = b;
        } else {
            emit(r, int_guards[kept], 0, left, right, resume);
        }
        return true;
    }
    if (!is_float(a) || (is_int(b) && !is_exact(b))) {
        return false;
    }
    const int form = right < 0 ? 2 : is_int(b) ? 1 : 0;
    guard_kind(r, left, KIND_FLOAT, ip);
    form == 1 ? guard_int(r, right, ip) : form == 0 ? guard_kind(r, right, KIND_FLOAT, ip) : (void)0;
    /* an int that is no exact double fails the guard for a reason of its own: then compare again */
    Instruction *const op = emit(r, float_guards[form][order][holds], 0, left, right, form == 1 ? ip : resume);
    if (form == 2) {
        op->number = real_of(b);
    }
    return true;
}

static Ending record_comparison(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    const Order order = (Order)(ip->opcode - OP_LT);
    if (!is_int(a) || !is_int(b) || ip->a < 0) {
        return as_it_is(r, ip);
    }
    guard_int(r, ip->a, ip);
    guard_int(r, ip->b, ip);
    if (ip->b < 0) {
        emit(r, int_const_values[order], ip->d, ip->a, 0, ip)->operand = b;
    } else {
        emit(r, int_values[order], ip->d, ip->a, ip->b, ip);
    }
    return ENDING_NONE;
}

static Ending record_compare_branch(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    const Comparison comparison = (Comparison)(ip->opcode - OP_BRANCH_LT);
    const int result = compare(r->thread, comparison, a, b);
    if (result < 0) {
        r->thread->error.type = NULL; /* the interpreter will find it, too */
        return ENDING_ABORT;
    }
    const Instruction *const other = result == ip->d ? ip + 1 : ip + ip->target;
    if (!guard_order(r, ip, (Order)comparison, a, b, other)) {
        emit(r, OP_GUARD_COMPARE, result, ip->a, ip->b, ip)->operand = comparison;
    }
    return ENDING_NONE;
}

static Ending record_is_branch(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    const Instruction *const other = (a == b) == ip->d ? ip + 1 : ip + ip->target;
    if (ip->a >= 0 && ip->b >= 0) {
        emit(r, a == b ? OP_GUARD_SAME : OP_GUARD_NOT_SAME, 0, ip->a, ip->b, other);
    } else if (ip->a >= 0 || ip->b >= 0) {
        const int16_t slot = ip->a >= 0 ? ip->a : ip->b;
        emit(r, a == b ? OP_GUARD_IS : OP_GUARD_IS_NOT, 0, slot, 0, other)->operand = ip->a >= 0 ? b : a;
    }
    return ENDING_NONE;
}

static Ending record_branch(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    const bool truth = truthy(a);
    const Instruction *const other = truth == ip->d ? ip + 1 : ip + ip->target;
    if (ip->a < 0) {
        return ENDING_NONE;
    }
    if (is_bool(a)) {
        emit(r, OP_GUARD_BOOL, 0, ip->a, 0, ip);
        emit(r, OP_GUARD_IS, 0, ip->a, 0, other)->operand = a;
    } else if (is_int(a)) {
        guard_int(r, ip->a, ip);
        emit(r, truth ? OP_GUARD_NE_INT_CONST : OP_GUARD_EQ_INT_CONST, 0, ip->a, 0, other)->operand = from_int(0);
    } else {
        emit(r, truth ? OP_GUARD_TRUE : OP_GUARD_FALSE, 0, ip->a, 0, other);
    }
    return ENDING_NONE;
}

/* ---- Lists, tuples, iteration ---- */

static Ending record_get_item(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    Sequence sequence;
    if (ip->a < 0 || !is_int(b) || !get_sequence(a, &sequence) || (uint64_t)to_int(b) >= sequence.length) {
        return as_it_is(r, ip);
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

static Ending record_set_item(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    if (ip->a < 0 || ip->d < 0 || !is_int(b) || !is_kind(a, KIND_LIST) || (uint64_t)to_int(b) >= to_list(a)->length) {
        return as_it_is(r, ip);
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
    emit(r, OP_GUARD_CLASS, 0, ip->a, 0, ip)->pointer = ((const Instance *)value)->class;
    return true;
}

static Ending record_append(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (is_kind(a, KIND_LIST) && ip->a >= 0) {
        guard_kind(r, ip->a, KIND_LIST, ip);
        emit(r, OP_APPEND_LIST, 0, ip->a, ip->b, ip);
        return ENDING_NONE;
    }
    return guard_class(r, ip, a) ? ENDING_NONE : ENDING_STOP;
}

static Ending record_for_range(Recorder *r, const Instruction *ip, Value *slots)
{
    if (slots[ip->a + 1] == from_int(0)) {
        emit(r, OP_GUARD_EQ_INT_CONST, 0, ip->a + 1, 0, ip)->operand = from_int(0);
    } else {
        emit(r, OP_FOR_RANGE_INT, ip->d, ip->a, 0, ip);
    }
    return ENDING_NONE;
}

static Ending record_for_item(Recorder *r, const Instruction *ip, Value *slots)
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

static Ending record_load_attribute(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (!is_kind(a, KIND_INSTANCE)) {
        return as_it_is(r, ip);
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
        return as_it_is(r, ip);
    }
    return ENDING_NONE;
}

static Ending record_store_attribute(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    const int16_t place = is_kind(a, KIND_INSTANCE) ? ((const Instance *)a)->class->places[ip->operand] : -1;
    if (place < 0) {
        return as_it_is(r, ip);
    }
    guard_class(r, ip, a);
    const bool dying = ip->d && ip->b >= 0 && ip->b != ip->a;
    emit(r, dying ? OP_STORE_SLOT_TAKE : OP_STORE_SLOT, place, ip->a, ip->b, ip);
    return ENDING_NONE;
}

static Ending record_load_method(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a);
    if (!is_kind(a, KIND_INSTANCE)) {
        return as_it_is(r, ip);
    }
    const Class *const class = ((const Instance *)a)->class;
    const Value member = class->members[ip->operand];
    if (class->places[ip->operand] >= 0 || !is_kind(member, KIND_FUNCTION)) {
        return as_it_is(r, ip);
    }
    guard_class(r, ip, a);
    if (ip->a != ip->d + 1) {
        emit(r, OP_MOVE, ip->d + 1, ip->a, 0, ip);
    }
    emit(r, OP_LOAD_MEMBER, ip->d, 0, 0, ip)->operand = member;
    return ENDING_NONE;
}

/* ---- Calls ---- */

static void push_call(Recorder *r, const Instruction *ip, const Code *code, int window, int result)
{
    Instruction *const op = emit(r, OP_PUSH_CALL, ip->d + window, 0, 0, ip);
    op->pointer = code;
    op->back = ip + 1;
    op->result = result;
    r->depth++;
}

static Ending record_call(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value *const base = &slots[ip->d];
    const bool has_self = ip->operand && base[1] != EMPTY;
    const uint64_t arguments = (uint64_t)ip->b + has_self;
    if (r->depth >= MAX_INLINED || r->thread->call == r->thread->last_call) {
        return ENDING_STOP;
    }
    const bool function = is_kind(base[0], KIND_FUNCTION), class = is_kind(base[0], KIND_CLASS);
    if (function || class) {
        guard_is(r, ip->d, base[0], ip, ip);
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

static Ending record_return(Recorder *r, const Instruction *ip, Value *slots)
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
        guard_is(r, ip->a, NONE, ip, ip);
    } else if (ip->a >= 0) {
        emit(r, OP_TAKE, call->result, ip->a, 0, ip); /* every slot of a function that returns is read no more */
    } else {
        emit(r, OP_MOVE, call->result, ip->a, 0, ip);
    }
    emit(r, OP_POP_CALL, (int)call->window, 0, 0, ip);
    r->depth--;
    return ENDING_NONE;
}

/* ---- Loops ---- */

static Ending record_loop(Recorder *r, const Instruction *ip)
{
    Loop *const loop = &r->thread->loops[ip->operand];
    if (loop == r->root && r->thread->call == r->frame) {
        emit(r, OP_REPEAT, 0, 0, 0, ip);
        r->next = loop->head;
        return ENDING_REPEAT;
    }
    if (loop->trace != NULL) {
        emit(r, OP_CHECK_INTERRUPT, 0, 0, 0, ip);
        r->link = loop;
        r->next = loop->head;
        return ENDING_LINK;
    }
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

static Ending record_by_opcode(Recorder *r, const Instruction *ip, Value *slots)
{
    switch (ip->opcode) {
    case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_FLOORDIV: case OP_MOD:
    case OP_AND: case OP_OR: case OP_XOR: case OP_LSHIFT: case OP_RSHIFT: return record_binary(r, ip, slots);
    case OP_NEGATE: return record_negate(r, ip, slots);
    case OP_LT: case OP_LE: case OP_EQ: case OP_NE: case OP_GT: case OP_GE: return record_comparison(r, ip, slots);
    case OP_BRANCH_LT: case OP_BRANCH_LE: case OP_BRANCH_EQ: case OP_BRANCH_NE: case OP_BRANCH_GT:
    case OP_BRANCH_GE: return record_compare_branch(r, ip, slots);
    case OP_BRANCH_IS: return record_is_branch(r, ip, slots);
    case OP_BRANCH: return record_branch(r, ip, slots);
    case OP_JUMP: return ENDING_NONE;
    case OP_LOOP: return record_loop(r, ip);
    case OP_GET_ITEM: return record_get_item(r, ip, slots);
    case OP_SET_ITEM: return record_set_item(r, ip, slots);
    case OP_APPEND: return record_append(r, ip, slots);
    case OP_FOR_RANGE: return record_for_range(r, ip, slots);
    case OP_FOR_ITEM: return record_for_item(r, ip, slots);
    case OP_LOAD_ATTRIBUTE: return record_load_attribute(r, ip, slots);
    case OP_STORE_ATTRIBUTE: return record_store_attribute(r, ip, slots);
    case OP_LOAD_METHOD: return record_load_method(r, ip, slots);
    case OP_BUILTIN: return record_builtin(r, ip, slots);
    case OP_CALL: return record_call(r, ip, slots);
    case OP_RETURN: return record_return(r, ip, slots);
    case OP_END: return ENDING_STOP;
    default: return as_it_is(r, ip);
    }
}

Ending record_instruction(Recorder *r, const Instruction *ip, Value *slots)
{
    if (r->recording->length > MAX_RECORDED) {
        return ENDING_ABORT;
    }
    r->next = ip;
    const bool first = r->recording->length == 0;
    if (!first && (r->root == NULL || ip != r->root->head)) {
        r->link = traced_loop_at(r->thread, ip);
        if (r->link != NULL) {
            return ENDING_LINK;
        }
    }
    const Ending ending = record_by_opcode(r, ip, slots);
    if (ending == ENDING_STOP) {
        emit(r, OP_STOP, 0, 0, 0, ip);
    }
    return ending;
}
