/* Arithmetic on state in vector registers, and on narrow integers, which have bits above them that mean nothing. */
#include "language.h"

STENCIL(PUSH)
{
    *sp++ = top;
    top = NUMBER;
    CONTINUE();
}

STENCIL(PUSH_SINGLE)
{
    *sp++ = top;
    ratio = HOLE(float, single);
    top = ratio;
    CONTINUE();
}

STENCIL(ADD)
{
    top = *--sp + top;
    CONTINUE();
}

STENCIL(SUBTRACT)
{
    top = *--sp - top;
    CONTINUE();
}

STENCIL(DIVIDE)
{
    if (UNLIKELY(top == 0))
        SIDE_EXIT();
    top = *--sp / top;
    CONTINUE();
}

STENCIL(SQUARE_ROOT)
{
    if (UNLIKELY(top < 0))
        SIDE_EXIT();
    top = __builtin_sqrt(top);
    CONTINUE();
}

STENCIL(WAVE)
{
    top = vm_wave(top);
    CONTINUE();
}

STENCIL(SINE)
{
    second = __builtin_sin(second);
    CONTINUE();
}

STENCIL(MIX)
{
    ratio = vm_mix(ratio, second, count);
    CONTINUE();
}

STENCIL(SWAP)
{
    double below = second;
    second = top;
    top = below;
    CONTINUE();
}

STENCIL(LOAD)
{
    *sp++ = top;
    top = machine->variables[SLOT];
    CONTINUE();
}

STENCIL(STORE)
{
    machine->variables[SLOT] = top;
    top = *--sp;
    CONTINUE();
}

STENCIL(SCALE)
{
    ratio *= HOLE(float, single);
    top += NUMBER * second;
    machine->singles[SLOT] = ratio + (float)top;
    CONTINUE();
}

STENCIL(COMPARE)
{
    flag = top < second;
    byte = (uint8_t)(ratio > 1.5f);
    if (UNLIKELY(top == NUMBER))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(LARGEST)
{
    top = top > second ? top : second;
    ratio = ratio < HOLE(float, single) ? ratio : HOLE(float, single);
    CONTINUE();
}

STENCIL(NEGATE)
{
    /* the sum of NaNs of both signs has either sign: C leaves it open, so none may come to be */
    if (UNLIKELY(top != top || ratio != ratio))
        SIDE_EXIT();
    top = -top;
    ratio = __builtin_fabsf(ratio);
    CONTINUE();
}

STENCIL(COUNT)
{
    count += HOLE(uint32_t, imm);
    tiny = (int8_t)(tiny + HOLE(int8_t, imm));
    half ^= HOLE(uint16_t, imm);
    depth = (int32_t)((uint32_t)depth - 1);
    byte++;
    CONTINUE();
}

STENCIL(COUNT_INTO_MEMORY)
{
    machine->integers[0] += count;
    machine->integers[1] += tiny;
    machine->integers[2] += half;
    machine->integers[3] += depth;
    machine->integers[4] += level;
    machine->integers[5] += (uint64_t)byte + flag;
    machine->integers[SLOT] ^= (int64_t)((uint64_t)tiny << (count & 31));
    CONTINUE();
}

STENCIL(INDEX)
{
    machine->integers[count & 63] = tiny;
    top = machine->variables[(uint32_t)(tiny & 63)];
    ratio = machine->singles[half & 63];
    level = (int32_t)((uint32_t)level * (uint32_t)depth);
    CONTINUE();
}

STENCIL(GUARD_NARROW)
{
    if (UNLIKELY(tiny == HOLE(int8_t, imm)))
        SIDE_EXIT();
    if (UNLIKELY(half > HOLE(uint16_t, imm)))
        SIDE_EXIT();
    if (UNLIKELY(depth < 0 && flag))
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(FLAG)
{
    flag = !flag;
    if (flag)
        level = (int32_t)((uint32_t)level + HOLE(uint32_t, imm));
    else
        count -= 3;
    CONTINUE();
}

STENCIL(CALL_NARROW)
{
    machine->integers[7] = vm_count((int8_t)tiny, (uint16_t)half, flag & 1, count);
    CONTINUE();
}

STENCIL(CALL_NARROW_HOLES)
{
    machine->integers[6] = vm_count(HOLE(int8_t, imm), HOLE(uint16_t, imm), HOLE(bool, oparg), HOLE(uint32_t, imm));
    CONTINUE();
}

STENCIL(PRINT)
{
    vm_print(machine, top);
    top = *--sp;
    CONTINUE();
}

STENCIL(PRINT_RARELY)
{
    if (UNLIKELY(count % 8 == 3))
        vm_print(machine, second);
    second += top;
    CONTINUE();
}

STENCIL(CONVERT)
{
    top = (double)level + (double)count;
    ratio = (float)tiny + (float)half;
    second = (double)ratio;
    CONTINUE();
}

STENCIL(JUMP)
{
    if (UNLIKELY(machine->fuel-- == 0))
        SIDE_EXIT();
    JUMP(target);
}

STENCIL(JUMP_UNLESS)
{
    if (UNLIKELY(machine->fuel-- == 0))
        SIDE_EXIT();
    double condition = top;
    top = *--sp;
    if (condition < second)
        JUMP(target);
    CONTINUE();
}

STENCIL(LOOP)
{
    for (uint32_t i = 0; i < HOLE(uint16_t, choice); i++)
        top = top * 0.5 + machine->variables[i];
    CONTINUE();
}

STENCIL(SPILL)
{
    double a = machine->variables[0], b = machine->variables[1];
    float c = machine->singles[2];
    double r = vm_wave(NUMBER);
    machine->variables[2] = a * r + b;
    machine->singles[3] = c * (float)r;
    CONTINUE();
}

STENCIL(EXIT_IF_FLAG)
{
    if (flag)
        SIDE_EXIT();
    CONTINUE();
}

STENCIL(RETURN_TOP)
{
    RETURN(top);
}

STENCIL(RETURN_RATIO)
{
    RETURN(ratio);
}

STENCIL(RETURN_TINY)
{
    RETURN(tiny);
}
