/* Checks for the runtime's test programs, which name each test that passes and stop at the first that fails. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                            \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition); \
            exit(1);                                                                                \
        }                                                                                           \
    } while (0)

#define CHECK_EQUAL(left, right)                                                                          \
    do {                                                                                                  \
        const unsigned long long left_value = (unsigned long long)(left);                                 \
        const unsigned long long right_value = (unsigned long long)(right);                               \
        if (left_value != right_value) {                                                                  \
            fprintf(stderr, "%s:%d: %s: %s is 0x%llx, not 0x%llx\n", __FILE__, __LINE__, __func__, #left, \
                    left_value, right_value);                                                             \
            exit(1);                                                                                      \
        }                                                                                                 \
    } while (0)

#define CHECK_TEXT(text, part)                                                                           \
    do {                                                                                                 \
        if (strstr((text), (part)) == NULL) {                                                            \
            fprintf(stderr, "%s:%d: %s: \"%s\" does not contain \"%s\"\n", __FILE__, __LINE__, __func__, \
                    (text), (part));                                                                     \
            exit(1);                                                                                     \
        }                                                                                                \
    } while (0)

#define RUN(test)                 \
    do {                          \
        test();                   \
        printf("ok %s\n", #test); \
        fflush(stdout);           \
    } while (0)

/* splitmix64: the same numbers in every run. */
static inline unsigned long long random64(unsigned long long *seed)
{
    unsigned long long z = (*seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

#endif
