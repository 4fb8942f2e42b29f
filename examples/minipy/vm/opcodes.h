/* Every micro-op, once: the front end, the interpreters, the recorder and stencilgen all read this list.
 *
 *     OP(NAME, roles)
 *
 * Roles say what the fields are, for the front end's listing and the optimiser: d, a, b are slots that are read, D and A
 * slots that are written, n a number. `=` stands after the slots that are written.
 */
#ifndef MINIPY_OPCODES_H
#define MINIPY_OPCODES_H

/* clang-format off */
#define OPERATORS(X) \
    X(ADD, "+") X(SUB, "-") X(MUL, "*") X(DIV, "/") X(FLOORDIV, "//") X(MOD, "%") X(POW, "**") \
    X(AND, "&") X(OR, "|") X(XOR, "^") X(LSHIFT, "<<") X(RSHIFT, ">>")
#define COMPARISONS(X) \
    X(LT, <, "<") X(LE, <=, "<=") X(EQ, ==, "==") X(NE, !=, "!=") X(GT, >, ">") X(GE, >=, ">=")

/* ---- Bytecode: what the front end makes; any type. ---- */
#define BYTECODE(OP) \
    OP(MOVE, "D=a") OP(TAKE, "D=a") OP(CLEAR, "D=") OP(CHECK_BOUND, "a") OP(CHECK_LOCAL, "a") \
    OP(LOAD_GLOBAL, "D=") OP(STORE_GLOBAL, "a") \
    OP(ADD, "D=ab") OP(SUB, "D=ab") OP(MUL, "D=ab") OP(DIV, "D=ab") OP(FLOORDIV, "D=ab") OP(MOD, "D=ab") OP(POW, "D=ab") \
    OP(AND, "D=ab") OP(OR, "D=ab") OP(XOR, "D=ab") OP(LSHIFT, "D=ab") OP(RSHIFT, "D=ab") \
    OP(NEGATE, "D=a") OP(POSITIVE, "D=a") OP(INVERT, "D=a") OP(NOT, "D=a") \
    OP(LT, "D=ab") OP(LE, "D=ab") OP(EQ, "D=ab") OP(NE, "D=ab") OP(GT, "D=ab") OP(GE, "D=ab") \
    OP(IS, "D=ab") OP(IS_NOT, "D=ab") OP(IN, "D=ab") OP(NOT_IN, "D=ab") \
    OP(BRANCH_LT, "nab") OP(BRANCH_LE, "nab") OP(BRANCH_EQ, "nab") OP(BRANCH_NE, "nab") OP(BRANCH_GT, "nab") \
    OP(BRANCH_GE, "nab") OP(BRANCH_IS, "nab") OP(BRANCH, "na") OP(JUMP, "") OP(LOOP, "") \
    OP(BUILD_LIST, "D=an") OP(BUILD_TUPLE, "D=an") OP(UNPACK, "D=an") OP(GET_ITEM, "D=ab") OP(SET_ITEM, "dab") \
    OP(CHECK_METHOD, "a") OP(APPEND, "ab") OP(PREPARE_RANGE, "A=") OP(FOR_RANGE, "D=a") OP(PREPARE_ITERATION, "A=") OP(FOR_ITEM, "D=a") \
    OP(LOAD_ATTRIBUTE, "D=a") OP(STORE_ATTRIBUTE, "ab") OP(LOAD_METHOD, "D=a") \
    OP(BUILTIN, "D=ab") OP(PRINT, "an") OP(MAKE_FUNCTION, "D=an") OP(MAKE_CLASS, "D=an") \
    OP(CALL, "Dn") OP(RETURN, "a") OP(END, "")

/* ---- Traces: what the recorder makes of it once it has seen types. ----
 *
 * _INT: of two; _CONST: b is in the instruction. Two letters: of a float F, an int I, a constant K.
 * Integer results go over a plain slot. Float results are NEW, over a plain slot, or REUSE, over a float, whose box
 * they take when nobody else has it. What may be an object is stored over anything, or with _PLAIN over a plain slot. */
#define FLOAT_OPERATORS(X) X(ADD, +) X(SUB, -) X(MUL, *) X(DIV, /)
#define FLOAT_FORMS(X, name, op) X(name, op, FF, "ab") X(name, op, FI, "ab") X(name, op, IF, "ab") X(name, op, FK, "a") X(name, op, KF, "b") X(name, op, IK, "a") X(name, op, KI, "b")
#define FLOAT_TESTS(X) X(LT, <) X(LE, <=) X(EQ, ==) X(GT, >) X(GE, >=)
#define FLOAT_UNARIES(X) X(NEGATE_FLOAT) X(ABS_FLOAT) X(SQRT_FLOAT) X(FLOAT_INT)

#define OP_FLOAT_(OP, name, form, roles) OP(name##_##form##_NEW, "D=" roles) OP(name##_##form##_REUSE, "D=" roles)
#define OP_FLOATS_(OP, name) \
    OP_FLOAT_(OP, name, FF, "ab") OP_FLOAT_(OP, name, FI, "ab") OP_FLOAT_(OP, name, IF, "ab") OP_FLOAT_(OP, name, FK, "a") \
    OP_FLOAT_(OP, name, KF, "b") OP_FLOAT_(OP, name, IK, "a") OP_FLOAT_(OP, name, KI, "b")
#define OP_TEST_(OP, name) \
    OP(GUARD_##name##_FF, "ab") OP(GUARD_NOT_##name##_FF, "ab") OP(GUARD_##name##_FI, "ab") OP(GUARD_NOT_##name##_FI, "ab") \
    OP(GUARD_##name##_FK, "a") OP(GUARD_NOT_##name##_FK, "a")
#define OP_COMPARE_(OP, name) OP(GUARD_##name##_INT, "ab") OP(GUARD_##name##_INT_CONST, "a") OP(name##_INT, "D=ab") OP(name##_INT_CONST, "D=a")
#define OP_ITEM_(OP, name) OP(name, "D=ab") OP(name##_PLAIN, "D=ab") OP(name##_CONST, "D=a") OP(name##_CONST_PLAIN, "D=a")

#define SPECIAL(OP) \
    OP(GUARD_INT, "a") OP(GUARD_FLOAT, "a") OP(GUARD_KIND, "a") OP(GUARD_IS, "a") OP(GUARD_IS_NOT, "a") OP(GUARD_BOOL, "a") \
    OP(GUARD_CLASS, "a") OP(GUARD_TRUE, "a") OP(GUARD_FALSE, "a") OP(GUARD_SAME, "ab") OP(GUARD_NOT_SAME, "ab") \
    OP(GUARD_COMPARE, "nab") OP(SET_VALUE, "D=") OP(COPY_PLAIN, "D=a") \
    OP(ADD_INT, "D=ab") OP(SUB_INT, "D=ab") OP(MUL_INT, "D=ab") OP(AND_INT, "D=ab") OP(OR_INT, "D=ab") OP(XOR_INT, "D=ab") \
    OP(FLOORDIV_INT, "D=ab") OP(MOD_INT, "D=ab") OP(FLOORDIV_INT_CONST, "D=a") OP(MOD_INT_CONST, "D=a") OP(ADD_INT_CONST, "D=a") OP(SUBTRACT_FROM_INT_CONST, "D=a") \
    OP(MUL_INT_CONST, "D=a") OP(AND_INT_CONST, "D=a") OP(RSHIFT_INT_CONST, "D=a") \
    OP_COMPARE_(OP, LT) OP_COMPARE_(OP, LE) OP_COMPARE_(OP, EQ) OP_COMPARE_(OP, NE) OP_COMPARE_(OP, GT) OP_COMPARE_(OP, GE) \
    OP_FLOATS_(OP, ADD) OP_FLOATS_(OP, SUB) OP_FLOATS_(OP, MUL) OP_FLOATS_(OP, DIV) \
    OP(DIV_INT_NEW, "D=ab") OP(DIV_INT_REUSE, "D=ab") OP(DIV_INT_CONST_NEW, "D=a") OP(DIV_INT_CONST_REUSE, "D=a") OP(NEGATE_FLOAT_NEW, "D=a") OP(NEGATE_FLOAT_REUSE, "D=a") \
    OP(ABS_FLOAT_NEW, "D=a") OP(ABS_FLOAT_REUSE, "D=a") OP(SQRT_FLOAT_NEW, "D=a") OP(SQRT_FLOAT_REUSE, "D=a") \
    OP(FLOAT_INT_NEW, "D=a") OP(FLOAT_INT_REUSE, "D=a") OP(INT_FLOAT, "D=a") OP(ABS_INT, "D=a") \
    OP_TEST_(OP, LT) OP_TEST_(OP, LE) OP_TEST_(OP, EQ) OP_TEST_(OP, GT) OP_TEST_(OP, GE) \
    OP_ITEM_(OP, GET_LIST) OP_ITEM_(OP, GET_TUPLE) OP(SET_LIST, "dab") OP(SET_LIST_TAKE, "dab") OP(SET_LIST_CONST, "da") \
    OP(SET_LIST_CONST_TAKE, "da") OP(LENGTH_LIST, "D=a") OP(APPEND_LIST, "ab") OP(FOR_RANGE_INT, "D=a") OP(FOR_LIST, "D=a") \
    OP(FOR_LIST_PLAIN, "D=a") OP(FOR_TUPLE, "D=a") OP(FOR_TUPLE_PLAIN, "D=a") OP(EXHAUSTED_LIST, "a") OP(EXHAUSTED_TUPLE, "a") OP(LOAD_SLOT, "D=a") OP(LOAD_SLOT_PLAIN, "D=a") OP(STORE_SLOT, "ab") OP(STORE_SLOT_TAKE, "ab") \
    OP(LOAD_MEMBER, "D=") OP(GUARD_DEPTH, "") OP(PUSH_CALL, "") OP(POP_CALL, "") OP(GUARD_BACK, "") OP(ARRANGE_CALL, "Dn") \
    OP(CHECK_INTERRUPT, "") OP(REPEAT, "") OP(STRESS, "") OP(COUNT, "") OP(TALLY, "") OP(STOP, "")

#define OP_ENUM_(name, roles) OP_##name,
typedef enum Opcode { BYTECODE(OP_ENUM_) FIRST_SPECIAL, AFTER_BYTECODE_ = FIRST_SPECIAL - 1, SPECIAL(OP_ENUM_) OPCODES } Opcode;
/* clang-format on */

#define OPERATOR_ENUM_(name, text) OPERATOR_##name,
#define COMPARISON_ENUM_(name, symbol, text) COMPARE_##name,
typedef enum Operator { OPERATORS(OPERATOR_ENUM_) } Operator;
typedef enum Comparison { COMPARISONS(COMPARISON_ENUM_) } Comparison;
typedef enum Unary { UNARY_NEGATE, UNARY_POSITIVE, UNARY_INVERT } Unary;

/* Functions that the front end compiles to BUILTIN when the program does not define their names itself.
 * A name of `math` is the C function of that name. */
#define BUILTINS(X) \
    X(abs, 1) X(int, 1) X(float, 1) X(str, 1) X(repr, 1) X(bool, 1) X(len, 1) X(ord, 1) X(chr, 1) X(list, 1) X(tuple, 1) \
    X(min, 2) X(max, 2) X(pow, 2) X(divmod, 2) X(format, 2)
#define MATH_FUNCTIONS(X) \
    X(sqrt, 1) X(sin, 1) X(cos, 1) X(tan, 1) X(exp, 1) X(log, 1) X(fabs, 1) X(floor, 1) X(ceil, 1) X(atan, 1) X(atan2, 2) \
    X(hypot, 2)
#define BUILTIN_ENUM_(name, arguments) BUILTIN_##name,
#define MATH_ENUM_(name, arguments) MATH_##name,
typedef enum BuiltinFunction { BUILTINS(BUILTIN_ENUM_) MATH_FUNCTIONS(MATH_ENUM_) } BuiltinFunction;

#define LIST_METHODS(X) X(append, 1) X(pop, 0) X(reverse, 0) X(extend, 1) X(insert, 2) X(copy, 0)
#define METHOD_ENUM_(name, arguments) METHOD_##name,
typedef enum ListMethod { LIST_METHODS(METHOD_ENUM_) } ListMethod;

#endif
