/* Recording comparisons and branches: a guard that they come out as they do now; if not, the interpreter goes on at the
 * other way.
 */
#include "recorder.h"

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
    if (!is_number(a) || !is_number(b) || (left < 0 && right < 0)) {
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

Ending record_comparison(Recorder *r, const Instruction *ip, Value *slots)
{
    const Value a = value_of(r, slots, ip->a), b = value_of(r, slots, ip->b);
    const Order order = (Order)(ip->opcode - OP_LT);
    if (!is_int(a) || !is_int(b) || ip->a < 0) {
        return as_it_is(r, ip, slots);
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

Ending record_compare_branch(Recorder *r, const Instruction *ip, Value *slots)
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

Ending record_is_branch(Recorder *r, const Instruction *ip, Value *slots)
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

Ending record_branch(Recorder *r, const Instruction *ip, Value *slots)
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
