/* Reversing the beginning of a permutation:
 *
 *     while low < high:
 *         numbers[low], numbers[high] = numbers[high], numbers[low]
 *         low += 1
 *         high -= 1
 *         swaps += 1
 */
#include "../machine.h"

enum { NUMBERS, LOW, HIGH, SWAPS };

static const Instruction trace[] = {
    OP(CHECK_VALIDITY),
    OP_ARG(LOAD_FAST_BORROW, LOW),
    OP(GUARD_TOS_INT),
    OP_ARG(LOAD_FAST_BORROW, HIGH),
    OP(GUARD_TOS_INT),
    OP(LT_INT),
    OP(GUARD_IS_TRUE_POP),
    OP_ARG(LOAD_FAST_BORROW, NUMBERS), /* numbers[high] */
    OP_ARG(LOAD_FAST_BORROW, HIGH),
    OP(GUARD_NOS_LIST),
    OP(LIST_GET),
    OP_ARG(LOAD_FAST_BORROW, NUMBERS), /* numbers[low] */
    OP_ARG(LOAD_FAST_BORROW, LOW),
    OP(LIST_GET),
    OP(SWAP_2),
    OP_ARG(LOAD_FAST_BORROW, NUMBERS), /* numbers[low] = */
    OP_ARG(LOAD_FAST_BORROW, LOW),
    OP_ADDRESS(SET_IP, bytecode + 30),
    OP(LIST_SET),
    OP_ARG(LOAD_FAST_BORROW, NUMBERS), /* numbers[high] = */
    OP_ARG(LOAD_FAST_BORROW, HIGH),
    OP_ADDRESS(SET_IP, bytecode + 36),
    OP(LIST_SET),
    OP_ARG(LOAD_FAST_BORROW, LOW),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(ADD_INT),
    OP_ARG(STORE_FAST, LOW),
    OP_ARG(LOAD_FAST_BORROW, HIGH),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(SUB_INT),
    OP_ARG(STORE_FAST, HIGH),
    OP_ARG(LOAD_FAST_BORROW, SWAPS),
    OP_ARG(LOAD_SMALL_INT, 1),
    OP(GUARD_NOS_INT),
    OP(ADD_INT),
    OP_ARG(STORE_FAST, SWAPS),
    OP_TARGET(JUMP_TO_TOP, 0),
};

enum { SIZE = 2000 };

static void set_up(Machine *machine)
{
    Ref *const locals = machine->frame.locals;
    locals[NUMBERS] = new_list(SIZE);
    for (uint64_t i = 0; i < SIZE; i++) {
        list_set(&machine->thread, locals[NUMBERS], i, from_int((int64_t)(i * 7 % SIZE)));
    }
}

static void reset(Machine *machine)
{
    machine->frame.locals[LOW] = from_int(0);
    machine->frame.locals[HIGH] = from_int(SIZE - 1);
}

const Workload fannkuch = {"fannkuch", trace, LENGTH(trace), SIZE / 2, set_up, reset};
