/* The forces of pairs of bodies on each other, of which each is a list [[x, y, z], velocity, mass]:
 *
 *     for k in range(n):
 *         [x1, y1, z1], v1, m1 = first[k]
 *         [x2, y2, z2], v2, m2 = second[k]
 *         dx, dy, dz = x1 - x2, y1 - y2, z1 - z2
 *         square = dx * dx + dy * dy + dz * dz
 *         mag = dt / (square * sqrt(square))
 *         b1, b2 = m1 * mag, m2 * mag
 *         v1[0] -= dx * b2; ...
 *         v2[0] += dx * b1; ...
 */
#include "../machine.h"

enum { FIRST, SECOND, K, DT, X1, Y1, Z1, V1, M1, X2, Y2, Z2, V2, M2, DX, DY, DZ, SQUARE, MAG, B1, B2 };

/* [xN, yN, zN], vN, mN = list[k] */
#define BODY(list, n)                                                                                        \
    OP_ARG(LOAD_FAST_BORROW, list), OP_ARG(LOAD_FAST_BORROW, K), OP(GUARD_NOS_LIST), OP(LIST_GET),           \
        OP(GUARD_TOS_LIST), OP(UNPACK_LIST_3), OP(GUARD_TOS_LIST), OP(UNPACK_LIST_3), OP_ARG(STORE_FAST, X##n), \
        OP_ARG(STORE_FAST, Y##n), OP_ARG(STORE_FAST, Z##n), OP_ARG(STORE_FAST, V##n), OP_ARG(STORE_FAST, M##n)
/* dx = x1 - x2 */
#define DISTANCE(x)                                                                                 \
    OP_ARG(LOAD_FAST_BORROW, x##1), OP(GUARD_TOS_FLOAT), OP_ARG(LOAD_FAST_BORROW, x##2), OP(GUARD_TOS_FLOAT), \
        OP(SUB_FLOAT), OP_ARG(STORE_FAST, D##x)
#define PRODUCT(a, b) OP_ARG(LOAD_FAST_BORROW, a), OP_ARG(LOAD_FAST_BORROW, b), OP(MUL_FLOAT)
/* b1 = m1 * mag */
#define IMPULSE(n)                                                                                 \
    OP_ARG(LOAD_FAST_BORROW, M##n), OP(GUARD_TOS_FLOAT), OP_ARG(LOAD_FAST_BORROW, MAG), OP(MUL_FLOAT), \
        OP_ARG(STORE_FAST, B##n)
/* v[axis] -= d * b, or +=; v is on the stack already */
#define UPDATE(axis, d, b, operator)                                                                         \
    OP_ARG(LOAD_SMALL_INT, axis), OP(COPY_2), OP(COPY_2), OP(LIST_GET), OP(GUARD_TOS_FLOAT), PRODUCT(d, b), \
        OP(operator), OP(SWAP_3), OP(SWAP_2), OP(LIST_SET)

static const Instruction trace[] = {
    OP(CHECK_VALIDITY),
    OP(GUARD_NOT_EXHAUSTED_RANGE),
    OP(ITER_NEXT_RANGE),
    OP_ARG(STORE_FAST, K),
    BODY(FIRST, 1),
    BODY(SECOND, 2),
    DISTANCE(X),
    DISTANCE(Y),
    DISTANCE(Z),
    PRODUCT(DX, DX), /* square = dx * dx + dy * dy + dz * dz */
    PRODUCT(DY, DY),
    OP(ADD_FLOAT),
    PRODUCT(DZ, DZ),
    OP(ADD_FLOAT),
    OP_ARG(STORE_FAST, SQUARE),
    OP_ARG(LOAD_FAST_BORROW, DT), /* mag = dt / (square * sqrt(square)) */
    OP(GUARD_TOS_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, SQUARE),
    OP_ARG(LOAD_FAST_BORROW, SQUARE),
    OP(SQRT_FLOAT),
    OP(MUL_FLOAT),
    OP(DIV_FLOAT),
    OP_ARG(STORE_FAST, MAG),
    IMPULSE(1),
    IMPULSE(2),
    OP_ARG(LOAD_FAST_BORROW, V1),
    OP(GUARD_TOS_LIST),
    UPDATE(0, DX, B2, SUB_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, V1),
    UPDATE(1, DY, B2, SUB_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, V1),
    UPDATE(2, DZ, B2, SUB_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, V2),
    OP(GUARD_TOS_LIST),
    UPDATE(0, DX, B1, ADD_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, V2),
    UPDATE(1, DY, B1, ADD_FLOAT),
    OP_ARG(LOAD_FAST_BORROW, V2),
    UPDATE(2, DZ, B1, ADD_FLOAT),
    OP_TARGET(JUMP_TO_TOP, 0),
};

enum { PAIRS = 1000, BODIES = 5 };

static Ref vector(Thread *thread, double x, double y, double z)
{
    const Ref list = new_list(3);
    list_set(thread, list, 0, new_float(thread, x));
    list_set(thread, list, 1, new_float(thread, y));
    list_set(thread, list, 2, new_float(thread, z));
    return list;
}

static Ref new_body(Thread *thread, int number)
{
    const Ref body = new_list(3);
    list_set(thread, body, 0, vector(thread, number + 0.5, 2.0 / (number + 1), 0.1 * number));
    list_set(thread, body, 1, vector(thread, 0.1 * number, 0.01, -0.02 * number));
    list_set(thread, body, 2, new_float(thread, 1.0 / (1 << number)));
    return body;
}

static void set_up(Machine *machine)
{
    Thread *const thread = &machine->thread;
    Ref *const locals = machine->frame.locals;
    Ref bodies[BODIES];
    for (int i = 0; i < BODIES; i++) {
        bodies[i] = new_body(thread, i);
    }
    locals[FIRST] = new_list(PAIRS);
    locals[SECOND] = new_list(PAIRS);
    locals[DT] = new_float(thread, 1e-6);
    for (uint64_t k = 0, i = 0, j = 1; k < PAIRS; k++) {
        list_set(thread, locals[FIRST], k, duplicate(bodies[i]));
        list_set(thread, locals[SECOND], k, duplicate(bodies[j]));
        if (++j == BODIES) {
            i = i + 2 < BODIES ? i + 1 : 0;
            j = i + 1;
        }
    }
    for (int i = 0; i < BODIES; i++) {
        release(thread, bodies[i]);
    }
    machine->frame.stack[0] = new_range(0, 0);
    machine->stack = 1;
}

static void reset(Machine *machine)
{
    set_range(machine->frame.stack[0], 0, PAIRS);
}

const Workload nbody = {"nbody", trace, LENGTH(trace), PAIRS, set_up, reset};
