/* Program text → instructions.
 *
 *     3 4 + print        # a word after the other: numbers are pushed, operators take what is on top of the stack
 *     5 =n               # store into the variable n; `n` alone loads it
 *     again:             # a label
 *     n print
 *     n 1 - =n
 *     n unless done      # jump if 0
 *     jump again
 *     done: end
 */
#include "parse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = VARIABLES, NOWHERE = UINT32_MAX };

typedef struct Names {
    char *text[MAX_NAMES];
    uint32_t position[MAX_NAMES]; /* labels: of their instruction */
    uint32_t count;
} Names;

static const struct {
    const char *word;
    Opcode opcode;
} words[] = {
    {"+", OP_ADD}, {"-", OP_SUB}, {"*", OP_MUL}, {"/", OP_DIV}, {"^", OP_POW}, {"sqrt", OP_SQRT}, {"sin", OP_SIN},
    {"dup", OP_DUP}, {"swap", OP_SWAP}, {"print", OP_PRINT}, {"jump", OP_JUMP}, {"unless", OP_JUMP_UNLESS}, {"end", OP_END},
};

static _Noreturn void fail(const char *path, int line, const char *what, const char *word)
{
    fprintf(stderr, "%s:%d: %s: '%s'\n", path, line, what, word);
    exit(2);
}

/* The number of a label or variable, a new one for a name not seen before; NOWHERE when there are too many. */
static uint32_t number_of(Names *names, const char *name)
{
    uint32_t i = 0;
    while (i < names->count && strcmp(names->text[i], name) != 0) {
        i++;
    }
    if (i == names->count && i < MAX_NAMES) {
        names->text[i] = strdup(name);
        names->position[i] = NOWHERE;
        names->count++;
    }
    return i < MAX_NAMES ? i : NOWHERE;
}

/* The instruction that a word stands for; jumps have their label's number as target until all labels are known. */
static Instruction instruction_of(const char *path, int line, const char *word, Names *labels, Names *variables)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) == 0) {
            Instruction instruction = {.opcode = (uint16_t)words[i].opcode};
            if (instruction.opcode == OP_JUMP || instruction.opcode == OP_JUMP_UNLESS) {
                const char *const label = strtok(NULL, " \t\n");
                instruction.target = label == NULL ? NOWHERE : number_of(labels, label);
                if (instruction.target == NOWHERE) {
                    fail(path, line, label == NULL ? "a label must follow" : "too many labels", word);
                }
            }
            return instruction;
        }
    }
    char *end;
    const Value number = strtod(word, &end);
    if (*end == '\0') {
        return (Instruction){.opcode = OP_PUSH, .number = number};
    }
    const char *const name = word + (word[0] == '=');
    if (!isalpha((unsigned char)name[0])) {
        fail(path, line, "neither a number, an operator nor a name", word);
    }
    const uint32_t slot = number_of(variables, name);
    if (slot == NOWHERE) {
        fail(path, line, "too many variables", word);
    }
    return (Instruction){.opcode = name == word ? OP_LOAD : OP_STORE, .slot = (uint16_t)slot};
}

uint32_t parse(const char *path, Instruction *program, uint32_t capacity)
{
    Names labels = {0}, variables = {0};
    char text[1024];
    int line = 0;
    uint32_t length = 0;
    FILE *const file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while (fgets(text, sizeof text, file) != NULL) {
        line++;
        text[strcspn(text, "#")] = '\0';
        for (char *word = strtok(text, " \t\n"); word != NULL; word = strtok(NULL, " \t\n")) {
            const size_t last = strlen(word) - 1;
            if (length == capacity - 1) {
                fail(path, line, "the program is too long", word);
            }
            if (word[last] == ':') {
                word[last] = '\0';
                const uint32_t label = number_of(&labels, word);
                if (label == NOWHERE) {
                    fail(path, line, "too many labels", word);
                }
                labels.position[label] = length;
            } else {
                program[length] = instruction_of(path, line, word, &labels, &variables);
                length++;
            }
        }
    }
    fclose(file);
    program[length++] = (Instruction){.opcode = OP_END};
    for (uint32_t i = 0; i < length; i++) {
        if (program[i].opcode == OP_JUMP || program[i].opcode == OP_JUMP_UNLESS) {
            const uint32_t label = program[i].target;
            if (labels.position[label] == NOWHERE) {
                fail(path, line, "there is no label", labels.text[label]);
            }
            program[i].target = labels.position[label];
        }
    }
    return length;
}
