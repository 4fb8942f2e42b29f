"""GARBAGE: the stencil that does nothing, as badly as it may.

Between micro-ops only the state is live. GARBAGE overwrites everything else: every other register, the flags, the bits
of state registers above the state's type, slots of the frame, and the stack below it. Whatever micro-op wrongly relies
on one of these then differs from the reference, where GARBAGE does not run.
"""

from collections.abc import Sequence

__all__ = ["garbage_source"]

_INTEGERS = ("r12", "r13", "r14", "r15", "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r11", "rax")
_NEVER_STATE = ("rbx", "r10")
_VECTORS = tuple(f"xmm{number}" for number in range(16))
_NARROW = ("bool", "int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int", "unsigned")


def garbage_source(state: Sequence[tuple[str, str]]) -> str:
    """C source of GARBAGE for a machine state given as (type, name)."""
    vectors = [(kind, name) for kind, name in state if kind in ("float", "double")]
    integers = [(kind, name) for kind, name in state if kind not in ("float", "double")]
    free = [*_NEVER_STATE, *_INTEGERS[len(integers) :]]
    free_vectors = _VECTORS[len(vectors) :]
    first = free[0]
    moves = [f"movabsq $0xBADC0FFEE0DDF00D, %%{first}"]
    moves += [f"movq %%{first}, %%{register}" for register in free[1:]]
    moves += [f"movq %%{first}, %%{register}" for register in free_vectors]
    moves += [f"punpcklqdq %%{register}, %%{register}" for register in free_vectors]
    moves += [f"addq %%{first}, %%{first}"]
    clobbers = ", ".join(f'"{register}"' for register in (*free, *free_vectors, "cc", "memory"))
    text = "".join(f'        "{move}\\n\\t"\n' for move in moves)
    return f"""\
#include "language.h"

extern void harness_scribble(void);

STENCIL(GARBAGE)
{{
    volatile uint64_t slots[64];
    for (int i = 0; i < 64; i++)
        slots[i] = UINT64_C(0xBAD0BAD0BAD0BAD0) + (unsigned)i;
    harness_scribble();
{"".join(_upper_bits(kind, name) for kind, name in state)}    __asm__ volatile(
{text}        ::: {clobbers});
    CONTINUE();
}}
"""


def _upper_bits(kind: str, name: str) -> str:
    """Fill what a state register holds above a value of this type."""
    load = "movabsq $0xBADF00D5BADF00D5, %%r10\\n\\tmovq %%r10, %%xmm15\\n\\tpunpcklqdq %%xmm15, %%xmm15\\n\\t"
    if kind == "double":
        return f'    __asm__ volatile("{load}punpcklqdq %%xmm15, %0" : "+x"({name})::"r10", "xmm15");\n'
    if kind == "float":
        text = f"{load}movss %0, %%xmm15\\n\\tmovaps %%xmm15, %0"
        return f'    __asm__ volatile("{text}" : "+x"({name})::"r10", "xmm15");\n'
    if kind in _NARROW:
        text = "movabsq $0xBAD0BAD000000000, %%r10\\n\\torq %%r10, %q0"
        return f'    __asm__ volatile("{text}" : "+r"({name})::"r10", "cc");\n'
    return ""
