/* One row of a product with an infinite matrix, of which no element is stored:
 *
 *     for j in range(n):
 *         ij = i + j
 *         sum += 1.0 / ((ij * (ij + 1) >> 1) + i + 1) * vector[j]
 */
#include "../machine.h"

enum { I, J, IJ, SUM, VECTOR };

const Float spectral_one = {{UINT32_MAX, 0, &float_type}, 1.0};

static const Instruction trace[] = {
    OP(CHECK_VALIDITY),
    OP(GUARD_NOT_EXHAUSTED_RANGE),
    OP(ITER_NEXT_RANGE),
    OP_ARG(STORE_FAST, J),
    OP_ARG(LOAD_FAST_BORROW, I),
    OP(GUARD_TOS_INT),
    OP_ARG(LOAD_FAST_BORROW, J),
    OP(ADD_INT),
    OP_ARG(STORE_FAST, IJ),
    OP_ARG(LOAD_FAST_BORROW, SUM),
    OP_ADDRESS(LOAD_CONST, &spectral_one),
    OP_ARG(LOAD_FAST_BORROW, IJ),
    OP_ARG(LOAD_FAST_BORROW, IJ),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(ADD_INT),
    OP(MUL_INT),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(RSHIFT_INT),
    OP_ARG(LOAD_FAST_BORROW, I),
    OP(ADD_INT),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(ADD_INT),
    OP(DIV_FLOAT_INT),
    OP_ARG(LOAD_FAST_BORROW, VECTOR),
    OP_ARG(LOAD_FAST_BORROW, J),
    OP(GUARD_NOS_LIST),
    OP(LIST_GET),
    OP(GUARD_TOS_FLOAT),
    OP(MUL_FLOAT),
    OP(GUARD_NOS_FLOAT),
    OP(ADD_FLOAT),
    OP_ADDRESS(SET_IP, bytecode + 40),
    OP_ARG(STORE_FAST, SUM),
    OP_TARGET(JUMP_TO_TOP, 0),
};

enum { SIZE = 1000 };

static void set_up(Machine *machine)
{
    Ref *const locals = machine->frame.locals;
    locals[I] = from_int(17);
    locals[SUM] = new_float(&machine->thread, 0.0);
    locals[VECTOR] = new_list(SIZE);
    for (uint64_t i = 0; i < SIZE; i++) {
        list_set(&machine->thread, locals[VECTOR], i, new_float(&machine->thread, 1.0 / (double)(i + 1)));
    }
    machine->frame.stack[0] = new_range(0, 0);
    machine->stack = 1;
}

static void reset(Machine *machine)
{
    set_range(machine->frame.stack[0], 0, SIZE);
}

const Workload spectral = {"spectral", trace, LENGTH(trace), SIZE, set_up, reset};
