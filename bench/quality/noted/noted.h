/* sg_compile_trace, which also writes down where the code lies and what it is (bench/quality/executed.py reads that). */
#ifndef NOTED_H
#define NOTED_H

#include <stencilgen/jit.h>

sg_code *noted_compile_trace(sg_jit *jit, const void *trace, size_t length, sg_error *error);

#endif
