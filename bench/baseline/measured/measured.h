/* sg_compile_trace, as measuring wants it:
 *
 *     MEASURED_PLACE=n     the first n micro-ops of the first trace are compiled before it, and left lying: all code lies elsewhere
 *     MEASURED_CODE=FILE   where each trace lies and what its code is goes to the end of this file
 */
#ifndef MEASURED_H
#define MEASURED_H

#include <stencilgen/jit.h>

sg_code *measured_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error);

#endif
