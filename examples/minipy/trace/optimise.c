/* The optimiser: one walk along the trace that knows what each slot holds.
 *
 * A guard whose answer is known is dropped, a copy of a plain value needs no counts, a float result goes into the box of
 * the float that it replaces. For a loop the walk is made twice: the second copy begins with what the first has found out,
 * and since the same micro-ops establish it again, it holds for all further iterations. The first copy is then run once, the
 * second repeated.
 */
#include "trace.h"

#include <string.h>

typedef enum About {
    UNKNOWN,
    /* plain: */
    PLAIN, AN_INT, A_BOOL, THE_VALUE,
    /* objects: */
    A_FLOAT, OF_KIND, OF_CLASS, THE_OBJECT,
} About;

typedef struct Fact {
    About about;
    uint64_t what; /* THE_VALUE, THE_OBJECT: it; OF_KIND: the kind; OF_CLASS: the class */
} Fact;

enum { SLOTS = 8192, BELOW = 2048 }; /* slots known about, and how many of them lie below the trace's first */

typedef struct Facts {
    const Recording *in;
    Recording *out;
    uint32_t at;  /* the micro-op that is looked at */
    int base;     /* where the current call's slots begin */
    Fact slots[SLOTS];
    Fact outside; /* of a slot out of reach */
} Facts;

static Fact *fact(Facts *f, int slot)
{
    const int index = f->base + slot + BELOW;
    if (index < 0 || index >= SLOTS) {
        f->outside = (Fact){UNKNOWN, 0};
        return &f->outside;
    }
    return &f->slots[index];
}

static void learn(Facts *f, int slot, About about, uint64_t what)
{
    *fact(f, slot) = (Fact){about, what};
}

static bool is_plain(Facts *f, int slot)
{
    const About about = fact(f, slot)->about;
    return about >= PLAIN && about <= THE_VALUE;
}

/* A value that is neither EMPTY nor None, whatever else it is. */
static bool is_something(Facts *f, int slot)
{
    const About about = fact(f, slot)->about;
    return about == AN_INT || about == A_BOOL || about >= A_FLOAT;
}

static bool has_kind(const Fact *known, Kind kind)
{
    switch (known->about) {
    case A_FLOAT: return kind == KIND_FLOAT;
    case OF_KIND: return known->what == kind;
    case OF_CLASS: return kind == KIND_INSTANCE;
    case THE_OBJECT: return is_kind(known->what, kind);
    default: return false;
    }
}

static Fact about_value(Value value)
{
    if (is_int(value)) {
        return (Fact){AN_INT, 0};
    }
    if (!is_object(value)) {
        return (Fact){THE_VALUE, value};
    }
    return is_float(value) ? (Fact){A_FLOAT, 0} : (Fact){THE_OBJECT, value};
}

static Instruction *keep(Facts *f, const Instruction *op)
{
    Recording *const out = f->out;
    out->origin[out->length] = f->in->origin[f->at];
    out->resume[out->length] = f->in->resume[f->at];
    out->ops[out->length] = *op;
    return &out->ops[out->length++];
}

static void keep_as(Facts *f, const Instruction *op, int opcode)
{
    keep(f, op)->opcode = (uint16_t)opcode;
}

/* What is written next goes over a plain slot. */
static void make_plain(Facts *f, int slot)
{
    if (!is_plain(f, slot)) {
        keep(f, &(Instruction){.opcode = OP_CLEAR, .d = (int16_t)slot});
        learn(f, slot, THE_VALUE, EMPTY);
    }
}

static void forget_from(Facts *f, int slot)
{
    for (int index = f->base + slot + BELOW; index < SLOTS; index++) {
        if (index >= 0) {
            f->slots[index] = (Fact){UNKNOWN, 0};
        }
    }
}

static void set_value(Facts *f, const Instruction *op, Value value)
{
    make_plain(f, op->d);
    Instruction *const set = keep(f, op);
    set->opcode = OP_SET_VALUE;
    set->operand = value;
    *fact(f, op->d) = is_int(value) ? (Fact){AN_INT, 0} : (Fact){THE_VALUE, value};
}

static void move(Facts *f, const Instruction *op, const Value *constants)
{
    if (op->a < 0) {
        const Value value = constants[~op->a];
        if (!is_object(value)) {
            set_value(f, op, value);
        } else {
            keep(f, op);
            *fact(f, op->d) = about_value(value);
        }
        return;
    }
    const Fact known = *fact(f, op->a);
    if (is_plain(f, op->a)) {
        make_plain(f, op->d);
        keep_as(f, op, OP_COPY_PLAIN);
    } else {
        keep(f, op);
    }
    *fact(f, op->d) = known;
}

static void float_result(Facts *f, const Instruction *op)
{
    if (fact(f, op->d)->about == A_FLOAT) {
        keep_as(f, op, op->opcode + 1); /* REUSE */
    } else {
        make_plain(f, op->d);
        keep(f, op);
    }
    learn(f, op->d, A_FLOAT, 0);
}

static void integer_result(Facts *f, const Instruction *op, About about)
{
    make_plain(f, op->d);
    keep(f, op);
    learn(f, op->d, about, 0);
}

/* Something that is loaded, of unknown type. */
static void loaded(Facts *f, const Instruction *op)
{
    keep_as(f, op, is_plain(f, op->d) ? op->opcode + 1 : op->opcode); /* PLAIN */
    learn(f, op->d, UNKNOWN, 0);
}

/* A guard on a slot's type: kept unless known; either way it is known then. */
static void guard(Facts *f, const Instruction *op, bool known, Fact then)
{
    if (!known) {
        keep(f, op);
        *fact(f, op->a) = then;
    }
}

/* One value. Just after the guard that it is a bool this will do alone, but then the exit does not know which other it is. */
static void guard_is(Facts *f, const Instruction *op, Fact a)
{
    const bool known = (a.about == THE_VALUE || a.about == THE_OBJECT) && a.what == op->operand;
    Recording *const out = f->out;
    const bool is_branch = out->length > 0 && f->at > 0 && f->in->ops[f->at - 1].opcode == OP_GUARD_BOOL;
    const Instruction *const last = is_branch ? &out->ops[out->length - 1] : op;
    const bool replaces = last->opcode == OP_GUARD_BOOL && last->a == op->a;
    if (replaces) {
        out->length--;
    }
    guard(f, op, known, (Fact){is_object(op->operand) ? THE_OBJECT : THE_VALUE, op->operand});
    if (replaces) {
        out->resume[out->length - 1] = f->in->resume[f->at - 1];
    }
}

static void for_range(Facts *f, const Instruction *op)
{
    if (!is_plain(f, op->d)) { /* when nothing is left, the variable keeps its value */
        Instruction left = {.opcode = OP_GUARD_NE_INT_CONST, .a = (int16_t)(op->a + 1), .operand = from_int(0)};
        left.line = op->line;
        keep(f, &left);
    }
    integer_result(f, op, AN_INT);
}

static bool is_float_result(int opcode)
{
    return opcode >= OP_ADD_FF_NEW && opcode <= OP_FLOAT_INT_REUSE;
}

static void step(Facts *f, const Instruction *op, const Value *constants)
{
    if (is_float_result(op->opcode)) {
        float_result(f, op);
        return;
    }
    const Fact *const a = op->a >= 0 ? fact(f, op->a) : &f->outside;
    switch (op->opcode) {
    case OP_GUARD_INT: guard(f, op, a->about == AN_INT, (Fact){AN_INT, 0}); break;
    case OP_GUARD_FLOAT: guard(f, op, a->about == A_FLOAT, (Fact){A_FLOAT, 0}); break;
    case OP_GUARD_KIND: guard(f, op, has_kind(a, (Kind)op->operand), (Fact){OF_KIND, op->operand}); break;
    case OP_GUARD_CLASS: guard(f, op, a->about == OF_CLASS && a->what == op->operand, (Fact){OF_CLASS, op->operand}); break;
    case OP_GUARD_BOOL:
        guard(f, op, a->about == A_BOOL || (a->about == THE_VALUE && is_bool(a->what)), (Fact){A_BOOL, 0});
        break;
    case OP_GUARD_IS: guard_is(f, op, *a); break;
    case OP_GUARD_IS_NOT:
        if (!((op->operand == EMPTY || op->operand == NONE) && is_something(f, op->a)) &&
            !(a->about == THE_VALUE && a->what != op->operand)) {
            keep(f, op);
        }
        break;
    case OP_CHECK_BOUND:
    case OP_CHECK_LOCAL:
        if (!is_something(f, op->a)) {
            keep(f, op);
        }
        break;

    case OP_MOVE: move(f, op, constants); break;
    case OP_TAKE: {
        keep(f, op);
        const Fact old = *fact(f, op->d);
        *fact(f, op->d) = *fact(f, op->a);
        *fact(f, op->a) = old;
        break;
    }
    case OP_CLEAR: set_value(f, op, EMPTY); break;
    case OP_SET_VALUE: set_value(f, op, op->operand); break;
    case OP_LOAD_MEMBER:
        if (!(fact(f, op->d)->about == THE_OBJECT && fact(f, op->d)->what == op->operand)) {
            keep(f, op);
            *fact(f, op->d) = about_value(op->operand);
        }
        break;
    case OP_STORE_GLOBAL: /* may be any slot, if the trace started in a function */
        keep(f, op);
        memset(f->slots, 0, sizeof f->slots);
        break;

    case OP_ADD_INT: case OP_SUB_INT: case OP_MUL_INT: case OP_AND_INT: case OP_OR_INT: case OP_XOR_INT:
    case OP_FLOORDIV_INT: case OP_MOD_INT: case OP_FLOORDIV_INT_CONST: case OP_MOD_INT_CONST: case OP_ADD_INT_CONST:
    case OP_SUBTRACT_FROM_INT_CONST: case OP_MUL_INT_CONST: case OP_AND_INT_CONST: case OP_RSHIFT_INT_CONST:
    case OP_INT_FLOAT: case OP_ABS_INT: case OP_LENGTH_LIST: integer_result(f, op, AN_INT); break;
#define CASE(name, symbol, text) case OP_##name##_INT: case OP_##name##_INT_CONST:
    COMPARISONS(CASE) integer_result(f, op, A_BOOL); break;
#undef CASE
#define CASE(name, symbol, text) case OP_##name:
    COMPARISONS(CASE)
#undef CASE
    case OP_IS: case OP_IS_NOT: case OP_IN: case OP_NOT_IN: case OP_NOT:
        keep(f, op);
        learn(f, op->d, A_BOOL, 0);
        break;

    case OP_GET_LIST: case OP_GET_LIST_CONST: case OP_GET_TUPLE: case OP_GET_TUPLE_CONST: case OP_FOR_LIST:
    case OP_FOR_TUPLE: case OP_LOAD_SLOT: loaded(f, op); break;
    case OP_SET_LIST_TAKE:
    case OP_SET_LIST_CONST_TAKE:
        keep(f, op);
        learn(f, op->d, UNKNOWN, 0);
        break;
    case OP_STORE_SLOT_TAKE:
        keep(f, op);
        learn(f, op->b, UNKNOWN, 0);
        break;
    case OP_BUILD_LIST:
    case OP_BUILD_TUPLE:
        keep(f, op);
        for (int i = 0; i < op->b; i++) {
            learn(f, op->a + i, THE_VALUE, EMPTY);
        }
        learn(f, op->d, OF_KIND, op->opcode == OP_BUILD_LIST ? KIND_LIST : KIND_TUPLE);
        break;
    case OP_UNPACK:
        keep(f, op);
        for (int i = 0; i < op->b; i++) {
            learn(f, op->d + i, UNKNOWN, 0);
        }
        break;
    case OP_PREPARE_RANGE:
        keep(f, op);
        for (int i = 0; i < 3; i++) {
            learn(f, op->a + i, AN_INT, 0);
        }
        break;
    case OP_PREPARE_ITERATION:
        keep(f, op);
        learn(f, op->a + 1, AN_INT, 0);
        break;
    case OP_FOR_RANGE_INT: for_range(f, op); break;

    case OP_LOAD_METHOD:
        keep(f, op);
        learn(f, op->d, UNKNOWN, 0);
        learn(f, op->d + 1, UNKNOWN, 0);
        break;
    case OP_ARRANGE_CALL:
        keep(f, op);
        forget_from(f, op->d);
        break;
    case OP_PUSH_CALL:
        keep(f, op);
        f->base += op->d;
        break;
    case OP_POP_CALL:
        keep(f, op);
        f->base -= op->d;
        break;

    case OP_LOAD_GLOBAL: case OP_ADD: case OP_SUB: case OP_MUL: case OP_DIV: case OP_FLOORDIV: case OP_MOD: case OP_POW:
    case OP_AND: case OP_OR: case OP_XOR: case OP_LSHIFT: case OP_RSHIFT: case OP_NEGATE: case OP_POSITIVE:
    case OP_INVERT: case OP_GET_ITEM: case OP_LOAD_ATTRIBUTE: case OP_BUILTIN: case OP_MAKE_FUNCTION: case OP_MAKE_CLASS:
        keep(f, op);
        learn(f, op->d, UNKNOWN, 0);
        break;
    default: keep(f, op); break; /* writes no slot */
    }
}

static void walk(Facts *f, const Value *constants)
{
    f->base = 0;
    for (f->at = 0; f->at < f->in->length; f->at++) {
        step(f, &f->in->ops[f->at], constants);
    }
}

static bool same_from(const Recording *recording, uint32_t second)
{
    if (recording->length != 2 * second) {
        return false;
    }
    for (uint32_t i = 0; i < second; i++) {
        if (recording->ops[i].opcode != recording->ops[second + i].opcode) {
            return false;
        }
    }
    return true;
}

void optimise(const Recording *recorded, bool repeats, const Value *constants, Recording *result)
{
    static Facts facts; /* large */
    memset(&facts, 0, sizeof facts);
    facts.in = recorded;
    facts.out = result;
    result->length = 0;
    walk(&facts, constants);
    result->resume[result->length] = recorded->resume[recorded->length];
    if (!repeats) {
        return;
    }
    const uint32_t second = result->length;
    walk(&facts, constants);
    if (same_from(result, second)) {
        result->length = second;
        return;
    }
    result->resume[result->length] = recorded->resume[recorded->length];
    /* the first copy's REPEAT only has to look for interrupts */
    result->ops[second - 1].opcode = OP_CHECK_INTERRUPT;
    result->ops[result->length - 1].target = (int32_t)second;
}
