/* Attributes: an instance's own first, then its class's; a function of the class becomes a method. */
#include "references.h"

#include <string.h>

static bool missing(Thread *thread, Value object, uint64_t name)
{
    if (is_kind(object, KIND_CLASS)) {
        return fail(thread, "AttributeError", "type object '%s' has no attribute '%s'", ((Class *)object)->name,
                    thread->names[name]);
    }
    return fail(thread, "AttributeError", "'%s' object has no attribute '%s'", type_name(object), thread->names[name]);
}

/* EMPTY: it has none. is_method: it is to be called with the object. */
static Value look_up(Value object, uint64_t name, bool *is_method)
{
    *is_method = false;
    if (is_kind(object, KIND_CLASS)) {
        return ((Class *)object)->members[name];
    }
    if (!is_kind(object, KIND_INSTANCE)) {
        return EMPTY;
    }
    const Instance *const instance = (const Instance *)object;
    const int16_t place = instance->class->places[name];
    if (place >= 0 && instance->attributes[place] != EMPTY) {
        return instance->attributes[place];
    }
    const Value member = instance->class->members[name];
    *is_method = is_kind(member, KIND_FUNCTION);
    return member;
}

static Value new_method(Value function, Value self)
{
    Method *const method = (Method *)allocate(KIND_METHOD, sizeof *method);
    method->function = retain(function);
    method->self = retain(self);
    return from_object(method);
}

static int list_method(const char *name)
{
    static const char *const names[] = {
#define NAME(name, arguments) #name,
        LIST_METHODS(NAME)
#undef NAME
    };
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static Value new_builtin(int method)
{
    Builtin *const builtin = (Builtin *)allocate(KIND_BUILTIN, sizeof *builtin);
    builtin->method = (uint64_t)method;
    return from_object(builtin);
}

bool load_attribute(Thread *thread, Value *d, Value object, uint64_t name)
{
    bool is_method;
    const Value value = look_up(object, name, &is_method);
    if (value != EMPTY) {
        put(thread, d, is_method ? new_method(value, object) : retain(value));
        return true;
    }
    if (is_kind(object, KIND_LIST) && list_method(thread->names[name]) >= 0) {
        const Value builtin = new_builtin(list_method(thread->names[name]));
        const Value method = new_method(builtin, object);
        release(thread, builtin);
        put(thread, d, method);
        return true;
    }
    return missing(thread, object, name);
}

bool check_attribute(Thread *thread, Value object, uint64_t name)
{
    bool is_method;
    const bool has = look_up(object, name, &is_method) != EMPTY ||
                     (is_kind(object, KIND_LIST) && list_method(thread->names[name]) >= 0);
    return has || missing(thread, object, name);
}

bool store_attribute(Thread *thread, Value object, uint64_t name, Value value)
{
    if (is_kind(object, KIND_CLASS)) {
        return fail(thread, "TypeError", "minipy's classes do not change: attribute '%s' of '%s'", thread->names[name],
                    ((Class *)object)->name);
    }
    if (!is_kind(object, KIND_INSTANCE) || ((Instance *)object)->class->places[name] < 0) {
        return missing(thread, object, name);
    }
    Instance *const instance = (Instance *)object;
    put(thread, &instance->attributes[instance->class->places[name]], retain(value));
    return true;
}

bool load_method(Thread *thread, Value *base, Value object, uint64_t name)
{
    bool is_method;
    Value function = look_up(object, name, &is_method);
    if (function == EMPTY && is_kind(object, KIND_LIST) && list_method(thread->names[name]) >= 0) {
        function = new_builtin(list_method(thread->names[name]));
        is_method = true;
    } else if (function == EMPTY) {
        return missing(thread, object, name);
    } else {
        retain(function);
    }
    const Value self = is_method ? retain(object) : EMPTY; /* `object` may be what base holds */
    put(thread, &base[0], function);
    put(thread, &base[1], self);
    return true;
}
