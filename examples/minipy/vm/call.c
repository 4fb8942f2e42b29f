/* Calls. The caller has put into consecutive slots:
 *
 *     base      what is called; after the call its result
 *     base + 1  free, or the object whose method it is
 *     base + 2  the arguments
 *
 * The callee's slots begin at its first argument: nothing is copied.
 */
#include "references.h"

#include <string.h>

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static bool wrong_arguments(Thread *thread, const Function *function, uint64_t given)
{
    const Code *const code = function->code;
    const uint64_t most = code->parameters, least = most - function->default_count;
    if (given > most && least < most) {
        return fail(thread, "TypeError", "%s() takes from %llu to %llu positional arguments but %llu %s given",
                    code->qualified_name, (unsigned long long)least, (unsigned long long)most, (unsigned long long)given,
                    given == 1 ? "was" : "were");
    }
    if (given > most) {
        return fail(thread, "TypeError", "%s() takes %llu positional argument%s but %llu %s given", code->qualified_name,
                    (unsigned long long)most, plural(most), (unsigned long long)given, given == 1 ? "was" : "were");
    }
    const uint64_t missing = least - given;
    char names[160] = "";
    for (uint64_t i = given; i < least; i++) {
        const char *const comma = i == given ? "" : missing == 2 ? " and " : i + 1 == least ? ", and " : ", ";
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s'%s'", comma, code->parameter_names[i]);
    }
    return fail(thread, "TypeError", "%s() missing %llu required positional argument%s: %s", code->qualified_name,
                (unsigned long long)missing, plural(missing), names);
}

static bool fill_defaults(Thread *thread, const Function *function, Value *parameters, uint64_t given)
{
    const uint64_t most = function->code->parameters, least = most - function->default_count;
    if (UNLIKELY_(given < least || given > most)) {
        return wrong_arguments(thread, function, given);
    }
    for (uint64_t i = given; i < most; i++) {
        put(thread, &parameters[i], retain(function->defaults[i - least]));
    }
    return true;
}

static Value new_instance(Class *class)
{
    const size_t size = sizeof(Instance) + class->attribute_count * sizeof(Value);
    Instance *const instance = (Instance *)allocate(KIND_INSTANCE, size);
    instance->class = class;
    retain_object(&class->object);
    for (uint64_t i = 0; i < class->attribute_count; i++) {
        instance->attributes[i] = EMPTY;
    }
    return from_object(instance);
}

/* The instance goes to where the result goes, and becomes the first argument of __init__. */
static bool plan_instance(Thread *thread, Value *base, uint64_t arguments, Plan *plan)
{
    Class *const class = (Class *)base[0];
    const Value init = thread->init_name < 0 ? EMPTY : class->members[thread->init_name];
    if (init == EMPTY && arguments != 0) {
        return fail(thread, "TypeError", "%s() takes no arguments", class->name);
    }
    const Value instance = new_instance(class);
    if (init == EMPTY) {
        *plan = (Plan){NULL, 0, 0};
        put(thread, &base[0], instance);
        return true;
    }
    if (!is_kind(init, KIND_FUNCTION)) {
        release(thread, instance);
        return fail(thread, "TypeError", "'%s' object is not callable", type_name(init));
    }
    *plan = (Plan){(const Function *)init, 1, 0};
    put(thread, &base[1], retain(instance));
    put(thread, &base[0], instance);
    return fill_defaults(thread, plan->function, &base[1], arguments + 1);
}

bool plan_call(Thread *thread, Value *base, uint64_t arguments, bool has_self, Plan *plan)
{
    has_self = has_self && base[1] != EMPTY;
    if (is_kind(base[0], KIND_METHOD) && !has_self) {
        Method *const method = (Method *)base[0];
        put(thread, &base[1], retain(method->self));
        put(thread, &base[0], retain(method->function));
        has_self = true;
    }
    if (is_kind(base[0], KIND_FUNCTION)) {
        const int window = has_self ? 1 : 2;
        *plan = (Plan){(const Function *)base[0], (uint32_t)window, -window};
        return fill_defaults(thread, plan->function, &base[window], arguments + has_self);
    }
    if (is_kind(base[0], KIND_CLASS)) {
        return plan_instance(thread, base, arguments, plan);
    }
    if (is_kind(base[0], KIND_BUILTIN)) {
        *plan = (Plan){NULL, 0, 0};
        return call_list_method(thread, base, arguments);
    }
    return fail(thread, "TypeError", "'%s' object is not callable", type_name(base[0]));
}

const Instruction *enter_call(Thread *thread, Value *slots, const Instruction *ip, Value *base, uint64_t arguments)
{
    Plan plan;
    thread->slots = slots;
    if (thread->interrupted || !plan_call(thread, base, arguments, ip->operand, &plan)) {
        return NULL;
    }
    if (plan.function == NULL) {
        return ip + 1;
    }
    if (thread->call == thread->last_call) {
        fail(thread, "RecursionError", "maximum recursion depth exceeded");
        return NULL;
    }
    const uint32_t window = (uint32_t)(base - slots) + plan.window;
    *++thread->call = (Call){plan.function->code, ip + 1, window, plan.result};
    thread->slots = slots + window;
    return plan.function->code->instructions;
}

const Instruction *leave_call(Thread *thread, Value *slots, Value result)
{
    const Call *const call = thread->call;
    thread->slots = slots;
    if (call->result != 0) {
        put(thread, &slots[call->result], retain(result));
    }
    thread->slots = slots - call->window;
    thread->call--;
    if (call->result == 0 && result != NONE) { /* the caller's mistake, since it asked for an instance */
        fail(thread, "TypeError", "__init__() should return None, not '%s'", type_name(result));
        thread->error.at = call->back - 1;
        return NULL;
    }
    return call->back;
}
