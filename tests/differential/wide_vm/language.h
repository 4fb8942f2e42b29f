/* The machine state: doubles, a float, and integers narrower than a register. */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include "vm.h"

#include <string.h>

#define STENCIL_STATE Machine *machine, double *sp, double top, float ratio, uint32_t count, int32_t tiny, uint32_t flag, uint32_t half, double second, int32_t depth, int32_t level, uint32_t byte
#include <stencilgen/stencil.h>

#define NUMBER HOLE(double, number)
#define SLOT HOLE(uint8_t, slot)

#endif
