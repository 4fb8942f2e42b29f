"""A stencil does the same before and after folding: for many hole values, all memory and the state at its end."""

import ctypes
import itertools

import pytest

from llvm_passes.backend import name_values
from llvm_passes.cold import mark
from llvm_passes.fold import FoldOptions, fold
from llvm_passes.module import split_module
from tests.llvm_passes.conftest import to_ir
from tests.llvm_passes.execute import new_memory, run, with_constants, with_hole_functions

STENCILS = """
STENCIL(LOAD) { Object *o = frame->locals[OPARG & 15]; o->refcount += OPARG; *sp++ = o; CONTINUE(); }
STENCIL(GUARD) { if (UNLIKELY((uint64_t)thread->counter < OPERAND)) SIDE_EXIT(); thread->counter -= OPARG; CONTINUE(); }
STENCIL(CHOOSE) { thread->counter = (OPERAND == 0 ? 3 : 1) + (OPARG & 1 ? 100 : 200); CONTINUE(); }
STENCIL(NARROW)
{
    thread->pad = (int8_t)OPARG; *(uint8_t *)sp = OPARG >> 3; thread->scratch[1] = (int16_t)OPARG;
    CONTINUE();
}
STENCIL(OBJECT) { Object *o = HOLE(Object *, pointer); o->refcount++; o->integer ^= OPARG; *sp++ = o; CONTINUE(); }
STENCIL(ALIASES)
{
    int64_t *p = HOLE(int64_t *, pointer), *q = HOLE(int64_t *, other);
    thread->counter = 1; *p = 2; *q = 3;
    thread->scratch[3] = thread->counter + *p;
    CONTINUE();
}
STENCIL(NEIGHBOURS)
{
    int64_t *p = HOLE(int64_t *, pointer);
    p[OPARG & 3] += p[1]; p[(OPARG & 3) + 1] = 5; thread->counter = (int64_t)(p + 2) - (int64_t)thread;
    CONTINUE();
}
STENCIL(PICK) { Object *o = thread->pad & 1 ? HOLE(Object *, pointer) : frame->locals[0]; o->refcount++; CONTINUE(); }
STENCIL(EITHER)
{
    uint64_t v = thread->pad & 2 ? OPERAND : (uint64_t)thread->counter;
    thread->scratch[2] = v * 3;
    CONTINUE();
}
STENCIL(REAL) { thread->reals[0] += HOLE(double, real); thread->single *= HOLE(float, single); CONTINUE(); }
STENCIL(CONVERT) { thread->reals[1] = HOLE(int32_t, number) * 0.5 + OPARG; CONTINUE(); }
STENCIL(FLAG) { if (HOLE(bool, flag)) thread->counter++; else if (OPARG > 7) JUMP(target); CONTINUE(); }
STENCIL(SWITCH)
{
    switch (OPARG) {
    case 0: thread->counter++; break;
    case 1: thread->counter *= 3; break;
    case 7: thread->pad = 4; break;
    case 300: RETURN(OPERAND);
    default: SIDE_EXIT();
    }
    CONTINUE();
}
STENCIL(AFFINE) { thread->scratch[0] = (thread->counter + OPARG) * 8 + 80 - (thread->pad - OPARG) * 24; CONTINUE(); }
STENCIL(INDEX) { thread->counter = thread->scratch[(OPARG & 7) + (thread->pad & 7)]; CONTINUE(); }
STENCIL(STACK) { sp -= OPARG & 1; sp[0] = sp[-(OPARG & 1) - 1]; sp += OPARG & 1; CONTINUE(); }
STENCIL(BITS)
{
    uint32_t x = OPARG; uint64_t y = OPERAND;
    thread->pad = __builtin_popcount(x) + (int)__builtin_bswap32(x) + __builtin_ctz(x | 1) + (x > 10 ? x - 10 : 0);
    thread->scratch[4] = (y << 13 | y >> 51) + (thread->counter & (int64_t)y) + __builtin_clzll(y | 1);
    CONTINUE();
}
STENCIL(DIVIDE)
{
    if (OPARG) thread->counter = thread->counter / OPARG + 1000 % OPARG;
    if (HOLE(int32_t, number)) thread->pad = -77 / HOLE(int32_t, number);
    CONTINUE();
}
STENCIL(MINIMUM)
{
    int a = OPARG, b = HOLE(int32_t, number);
    thread->pad = (a < b ? a : b) + (b > 100 ? 100 : b);
    CONTINUE();
}
STENCIL(SHIFT)
{
    thread->counter <<= OPARG & 63; thread->scratch[1] = 1ull << (OPARG & 63); thread->pad >>= OPARG & 31;
    CONTINUE();
}
STENCIL(TABLE)
{
    static const int32_t powers[8] = {1, 10, 100, 1000, 7, 77, 777, 7777};
    thread->counter = powers[OPARG & 7] + powers[thread->pad & 7];
    CONTINUE();
}
STENCIL(LOOP)
{
    int64_t sum = 0;
    for (int i = 0; i < (OPARG & 15); i++) sum += thread->scratch[i] * OPARG + i;
    thread->counter = sum;
    CONTINUE();
}
STENCIL(COMPARE)
{
    thread->counter = (thread->counter == HOLE(int32_t, number)) + 2 * (thread->pad < HOLE(int32_t, number));
    CONTINUE();
}
STENCIL(TAGGED)
{
    uint64_t v = OPERAND;
    if ((v & 7) == 3) thread->counter++;
    thread->pad = v & 7; thread->scratch[5] = v & ~7ull;
    CONTINUE();
}
STENCIL(WIDE)
{
    __int128 product = (__int128)thread->counter * OPERAND;
    thread->scratch[0] = product >> 64; thread->scratch[1] = product;
    CONTINUE();
}
STENCIL(OVERFLOW) { if (__builtin_add_overflow(thread->counter, OPERAND, &thread->scratch[2])) SIDE_EXIT(); CONTINUE(); }
"""

NAMES = [line.split("(", 1)[1].split(")", 1)[0] for line in STENCILS.splitlines() if line.startswith("STENCIL(")]

FRAME, SP, THREAD = 0, 160, 192  # offsets of the state's parts in memory; `locals` starts one word into the frame

OPERANDS = (0, 1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1)
OPARGS = (0, 1, 7, 127, 128, 300, 65535)
NUMBERS = (0, -1, 99, -(2**31), 2**31 - 1)


def driver(name: str, text: str) -> str:
    """The module with a function that enters the stencil, and ends that tell the state they get."""
    for number, end in enumerate(("__sg_continue", "__sg_exit", "__sg_label_target"), start=1):
        body = f"""define preserve_nonecc i64 @{end}(ptr %a, ptr %b, ptr %c) {{
          %x = ptrtoint ptr %a to i64
          %y = ptrtoint ptr %b to i64
          %z = ptrtoint ptr %c to i64
          %d = sub i64 %y, %x
          %e = sub i64 %z, %x
          %f = shl i64 %d, 20
          %g = add i64 %f, %e
          %r = add i64 %g, {number << 50}
          ret i64 %r
        }}"""
        lines = [line for line in text.splitlines() if not (line.startswith("declare ") and f"@{end}(" in line)]
        text = "\n".join([*lines, body if f"@{end}(" in text else ""])
    return f"""{text}
        define void @f(ptr %m, i64 %x, i64 %y) {{
          %sp = getelementptr i8, ptr %m, i64 {SP}
          %thread = getelementptr i8, ptr %m, i64 {THREAD}
          %r = call preserve_nonecc i64 @{name}(ptr %m, ptr %sp, ptr %thread)
          %last = getelementptr i8, ptr %m, i64 504
          store i64 %r, ptr %last
          ret void
        }}"""


def fill(memory: ctypes.Array[ctypes.c_uint64], seed: int) -> None:
    """Numbers everywhere; locals and the stack's top point at objects inside the memory."""
    base = ctypes.addressof(memory)
    for word in range(len(memory)):
        memory[word] = (word * 0x9E3779B97F4A7C15 + seed * 0xBF58476D1CE4E5B9) % 2**64 >> (seed * 7 % 40)
    for word in (*range(1, 17), 18, 19):
        memory[word] = base + THREAD + 56 + 24 * (word % 9)


@pytest.mark.parametrize("expressions", [True, False], ids=["expressions", "holes alone"])
@pytest.mark.parametrize("name", NAMES)
def test_folding_keeps_what_a_stencil_does(name, expressions):
    text = mark(name_values(split_module(to_ir(STENCILS)).extract([name])))
    folded = fold(text, FoldOptions(expressions=expressions))
    memory = new_memory()
    base = ctypes.addressof(memory)
    choices = list(itertools.product(OPERANDS, OPARGS, NUMBERS))
    for seed, (operand, oparg, number) in enumerate(choices[len(name) :: 41]):
        holes = {
            "operand": operand,
            "oparg": oparg,
            "number": number % 2**64,
            "pointer": base + THREAD + 8 * (seed % 5 * 2),
            "other": base + THREAD + 8 * (seed % 3),
            "flag": oparg & 1,
            "real": 0x400921FB54442D18 + seed,
            "single": 0x3FC00000 + seed,
        }
        results = []
        for version in (with_hole_functions(text, holes), with_constants(folded, holes)):
            fill(memory, seed)
            results.append(run(driver(name, version), (0, 0), memory))
        assert results[0] == results[1], holes
