/* Crossing out multiples:
 *
 *     while multiple < limit:
 *         flags[multiple] = False
 *         multiple += step
 *         count += 1
 */
#include "../machine.h"

enum { FLAGS, MULTIPLE, STEP, LIMIT, COUNT };

static const Instruction trace[] = {
    OP(CHECK_VALIDITY),
    OP_ARG(LOAD_FAST_BORROW, MULTIPLE),
    OP(GUARD_TOS_INT),
    OP_ARG(LOAD_FAST_BORROW, LIMIT),
    OP(GUARD_TOS_INT),
    OP(LT_INT),
    OP(GUARD_IS_TRUE_POP),
    OP_ADDRESS(LOAD_CONST, &false_object),
    OP_ARG(LOAD_FAST_BORROW, FLAGS),
    OP_ARG(LOAD_FAST_BORROW, MULTIPLE),
    OP(GUARD_NOS_LIST),
    OP_ADDRESS(SET_IP, bytecode + 10),
    OP(LIST_SET),
    OP_ARG(LOAD_FAST_BORROW, MULTIPLE),
    OP_ARG(LOAD_FAST_BORROW, STEP),
    OP(GUARD_TOS_INT),
    OP(ADD_INT),
    OP_ARG(STORE_FAST, MULTIPLE),
    OP_ARG(LOAD_FAST_BORROW, COUNT),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(GUARD_NOS_INT),
    OP(ADD_INT),
    OP_ARG(STORE_FAST, COUNT),
    OP_TARGET(JUMP_TO_TOP, 0),
};

enum { SIZE = 3000 };

static void set_up(Machine *machine)
{
    Ref *const locals = machine->frame.locals;
    locals[FLAGS] = new_list(SIZE);
    locals[STEP] = from_int(3);
    locals[LIMIT] = from_int(SIZE);
}

static void reset(Machine *machine)
{
    machine->frame.locals[MULTIPLE] = from_int(0);
}

const Workload sieve = {"sieve", trace, LENGTH(trace), SIZE / 3, set_up, reset};
