/* The machine: instructions, functions, calls, the thread, and what its C files offer each other.
 *
 * minipy is a register machine. A function's parameters, variables and temporaries are *slots*; an instruction names
 * the slots that it reads and writes. Slots of all calls lie in one array: a callee's begin where the caller put the
 * arguments. A slot owns what it holds until something else is written to it, also when nobody reads it any more: a
 * float that is left over in a temporary is the box for the next result.
 */
#ifndef MINIPY_VM_H
#define MINIPY_VM_H

#include "opcodes.h"
#include "values.h"

#include <stdio.h>

/* One instruction: of bytecode or of a trace. */
typedef struct Instruction {
    uint16_t opcode;
    int16_t d, a, b; /* slots; a and b below 0: the constant ~a, ~b */
    union {
        uint64_t operand;
        double number;
        const void *pointer;
    };
    union {
        int32_t target;   /* bytecode: distance of the jump; trace: position of the micro-op */
        int32_t result;   /* PUSH_CALL */
    };
    uint32_t line;
    const void *back; /* PUSH_CALL: where the caller goes on */
} Instruction;

struct Code {
    const char *qualified_name; /* Class.method */
    const char *const *parameter_names;
    const char *name;
    const Instruction *instructions;
    uint32_t length;
    uint16_t slots, parameters;
};

/* One function that is being executed. */
typedef struct Call {
    const Code *code;
    const Instruction *back; /* where the caller goes on */
    uint32_t window;         /* its slots begin so many after the caller's */
    int32_t result;          /* its result goes to this slot, counted from its own first; 0: nowhere (__init__) */
} Call;

/* A loop of the bytecode, found by its back edge. */
typedef struct Loop {
    int64_t countdown; /* back edges until it is looked at */
    struct Trace *trace;
    const Instruction *head, *back_edge;
    uint32_t failures;
} Loop;

typedef struct Error {
    const char *type; /* NULL: none */
    const Instruction *at; /* or NULL: where control is */
    char text[240];
} Error;

enum { MAX_CALLS = 1000, STACK_SLOTS = 1 << 18 };

typedef struct Thread {
    Float *free_floats;
    const Value *constants;
    Value *globals; /* the module's variables: its slots */
    Call *call;     /* the innermost */
    Call *last_call;
    volatile uint64_t interrupted; /* Ctrl-C was pressed */
    Loop *loops;
    int64_t stress;              /* side exits on demand: guards until the next one fails, with --stress-exits */
    uint64_t traced, interpreted; /* bytecode instructions, counted with --stats */
    Value *slots;                /* where the interpreter stopped */
    bool finished;
    int64_t stress_period;       /* and when that happened, until the one after it */
    Error error;
    Call *calls;
    Value *stack;
    Value *constant_pool;
    Code *codes;
    const char **names;   /* the first name_count are those of attributes */
    int32_t init_name;    /* of `__init__`, or -1 */
    struct ClassPlan *classes;
    uint32_t constant_count, code_count, loop_count, name_count, class_count;
    const char *file;
    uint8_t *image; /* what was loaded; texts lie in it */
} Thread;

/* What MAKE_CLASS makes a class from. */
typedef struct ClassPlan {
    const char *name;
    uint32_t attribute_count, member_count;
    uint16_t *attributes, *members; /* names */
} ClassPlan;

extern const char *const opcode_names[];

/* Functions that can fail return false (or NULL, or -1) after fail(), and have then changed nothing.
 * `d`: where the result goes, over anything. */

/* ---- error.c ---- */
COLD bool fail(Thread *thread, const char *type, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Containers in containers, which are followed by recursion in C, count as Python counts them: as if they were calls. */
bool may_nest(Thread *thread, unsigned depth, const char *what);
const char *type_name(Value value);
void print_traceback(const Thread *thread, const Instruction *ip);

/* ---- heap.c ---- */
Object *allocate(Kind kind, size_t size);
COLD void deallocate(Thread *thread, Object *object); /* any but a float */
COLD Float *refill_floats(Thread *thread);
bool check_heap(const Thread *thread);

/* ---- objects.c ---- */
Value new_integer(int64_t number);
Value new_string(const char *text, size_t length);
Value new_list(uint64_t capacity);
Value new_tuple(uint64_t length);
Value build_list(Value *items, uint64_t count);  /* takes the items out of their slots */
Value build_tuple(Value *items, uint64_t count); /* likewise */
void list_append(List *list, Value value);       /* takes the count */
void make_function(Thread *thread, Value *d, Value *defaults, uint64_t default_count, uint64_t code);
bool make_class(Thread *thread, Value *d, Value *members, uint64_t plan);

/* ---- number.c ---- */
typedef struct Number {
    bool is_real;
    int64_t integer;
    double real;
} Number;
bool get_number(Value value, Number *number); /* false: it is none */
bool binary(Thread *thread, Operator operator, bool in_place, Value *d, Value a, Value b);
bool unary(Thread *thread, Unary operator, Value *d, Value a);
bool put_integer(Thread *thread, Value *d, int64_t number);

/* ---- compare.c: 0, 1, or -1 after fail() ---- */
int compare(Thread *thread, Comparison comparison, Value a, Value b);
int contains(Thread *thread, Value item, Value container);
bool truthy(Value value);

/* ---- sequence.c ---- */
typedef struct Sequence {
    const Value *items;
    uint64_t length;
} Sequence;
bool get_sequence(Value value, Sequence *sequence); /* of a list or a tuple */
Value iterable(Value value);                        /* itself, a list of a string's characters, or EMPTY; owned */
bool get_item(Thread *thread, Value *d, Value container, Value index);
bool set_item(Thread *thread, Value container, Value index, Value value);
bool unpack(Thread *thread, Value *d, Value sequence, uint64_t count);
bool join(Thread *thread, Operator operator, bool in_place, Value *d, Value a, Value b); /* + and * of sequences */
bool prepare_range(Thread *thread, Value *range);
bool prepare_iteration(Thread *thread, Value *iteration);
bool next_item(Value *iteration, Value *d, Thread *thread);

/* ---- attribute.c ---- */
bool load_attribute(Thread *thread, Value *d, Value object, uint64_t name);
bool store_attribute(Thread *thread, Value object, uint64_t name, Value value);
bool load_method(Thread *thread, Value *base, Value object, uint64_t name);
bool check_attribute(Thread *thread, Value object, uint64_t name);

/* ---- builtin.c ---- */
bool builtin(Thread *thread, Value *d, Value a, Value b, uint64_t which);
bool call_list_method(Thread *thread, Value *base, uint64_t arguments); /* its result goes to base[0] */
bool print_values(Thread *thread, const Value *values, uint64_t count); /* the last two: sep and end */

/* ---- format.c ---- */
typedef struct Text {
    char *bytes;
    size_t length, capacity;
} Text;
void text_add(Text *text, const char *bytes, size_t length);
void text_real(Text *text, double number);
bool text_value(Thread *thread, Text *text, Value value, bool repr); /* false after fail(): nested too deeply */

/* ---- template.c ---- */
bool format_value(Thread *thread, Value *d, Value value, Value specification);

/* ---- call.c ---- */
/* How base[0] is called, after arranging the arguments and defaults: false after fail(). `function` is NULL when it was
 * a built-in, and is done. */
typedef struct Plan {
    const Function *function;
    uint32_t window;
    int32_t result;
} Plan;
bool plan_call(Thread *thread, Value *base, uint64_t arguments, bool has_self, Plan *plan);
/* The next instruction, or NULL after fail(). thread->slots are its slots. */
const Instruction *enter_call(Thread *thread, Value *slots, const Instruction *ip, Value *base, uint64_t arguments);
const Instruction *leave_call(Thread *thread, Value *slots, Value result);

/* ---- interpreter.c: until finished, an error, an interrupt, or a hot loop; then at the returned instruction ---- */
typedef const Instruction *Interpreter(Value *slots, Thread *thread, const Instruction *ip);
Interpreter interpret_switch, interpret_threaded, interpret_counting, interpret_step;

/* ---- load.c ---- */
bool load_program(Thread *thread, const char *path);
void free_program(Thread *thread);

#endif
