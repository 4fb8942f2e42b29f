/* What micro-ops of a trace tell each other about slots.
 *
 *     integer   a small int                    object    has a reference count
 *     plain     no object: overwritten as it   real      a float
 *               is                             unique    a float that only this slot has: its box takes the next result
 *
 * The first four are about the value. The last one is lost as soon as anybody takes another count of the float, and a micro-op
 * that hands a slot's value to a C function says so, whether that does or not.
 */
#ifndef MINIPY_FACTS_H
#define MINIPY_FACTS_H

#ifdef MINIPY_INTERPRETER /* nothing is known, and nobody listens */
#define HOLDS(location, fact, predicate) (predicate)
#define LEARN(location, fact) ((void)0)
#define LEARN_CONSTANT(location, value) ((void)0)
#define UNLEARN(location, fact) ((void)0)
#define FORGET(location) ((void)0)
#define COPY_FACTS(to, from) ((void)0)
#define EXCHANGE_FACTS(one, other) ((void)0)
#define UNLEARN_EVERYWHERE(fact) ((void)0)
#define FORGET_FROM(location) ((void)0)
#define FORGET_ALL() ((void)0)
#endif

#define AT(name) HOLE(int16_t, name)
#define SLOT(name) slots[AT(name)]

/* The slot holds another value now, of which nothing, or only this is known. */
#define NOW_ANYTHING(location) FORGET(location)
#define NOW_PLAIN(location) (FORGET(location), LEARN(location, plain))
#define NOW_INTEGER(location) (FORGET(location), LEARN(location, plain), LEARN(location, integer))
#define NOW_OBJECT(location) (FORGET(location), LEARN(location, object))
#define NOW_UNIQUE(location) (FORGET(location), LEARN(location, object), LEARN(location, real), LEARN(location, unique))
/* Somebody else may have its value, too. A constant (below 0) takes what is known from another slot: no harm is done. */
#define SHARED(name) UNLEARN(AT(name), unique)

/* Whether a slot's value has a count. */
#define IS_COUNTED(name, value) (HOLDS(AT(name), object, is_object(value)) && !HOLDS(AT(name), plain, !is_object(value)))

/* Store over the slot `d`; takes the count of `value`. */
#define PUT(value) put_over(thread, &SLOT(d), value, HOLDS(AT(d), object, is_object(SLOT(d))))

#endif
