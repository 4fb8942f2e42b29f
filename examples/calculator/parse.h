#ifndef PARSE_H
#define PARSE_H

#include "vm.h"

/* Read a program; the number of its instructions, of which an END added here is the last. Exits with status 2, and a
 * message that names the line, when something is wrong with it. */
uint32_t parse(const char *path, Instruction *program, uint32_t capacity);

#endif
