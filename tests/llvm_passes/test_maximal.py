"""What is computed from holes alone becomes one value, in whatever form Clang writes it: nothing of it is left in the code."""

import pytest

from tests.llvm_passes.conftest import compile_c, instructions

STENCILS = """
typedef struct Cell { int32_t kind; int64_t values[4][6]; } Cell;
extern int64_t matrix[7][9];
#define COLUMN HOLE(uint8_t, column)
#define NUMBER HOLE(int32_t, number)
#define CELLS ((Cell *)thread)

STENCIL(TWO_OF_THREE_INDICES) { thread->counter = CELLS[OPARG].values[thread->pad & 3][COLUMN]; CONTINUE(); }
STENCIL(INNER_INDICES) { thread->counter = CELLS[thread->pad & 1].values[OPARG & 3][COLUMN]; CONTINUE(); }
STENCIL(ALL_INDICES) { *sp++ = (Object *)&matrix[OPARG][COLUMN]; CONTINUE(); }
STENCIL(LAST_INDEX) { thread->counter = matrix[thread->pad][COLUMN]; CONTINUE(); }
STENCIL(DIFFERENCE_OF_ADDRESSES) { thread->counter = (uintptr_t)&vm_counter - (uintptr_t)table + OPARG; CONTINUE(); }
STENCIL(LOW_HALF_OF_AN_ADDRESS) { thread->pad = (uint32_t)(uintptr_t)&vm_counter ^ OPARG; CONTINUE(); }
STENCIL(TAGGED_ADDRESS) { *sp++ = (Object *)((uintptr_t)&table[12] | COLUMN); CONTINUE(); }
STENCIL(CLAMPED) { int32_t a = NUMBER; thread->pad = a < -5 ? -5 : a > OPARG ? OPARG : a; CONTINUE(); }
STENCIL(SWAPPED) { thread->pad = __builtin_bswap32(NUMBER) + __builtin_bswap16(OPARG); CONTINUE(); }
STENCIL(MASKED)
{
    thread->counter = (OPERAND & 0xF0) | (OPARG & 0xF);
    if ((OPERAND & 0x30) == 0x40)
        thread->pad = 1;
    CONTINUE();
}
STENCIL(COMPARED) { thread->pad = (OPARG < 7) + (NUMBER < 0 ? 2 : 4) + ((int16_t)OPARG >= -9); CONTINUE(); }
"""


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("TWO_OF_THREE_INDICES", "(add64 (add64 (mul64 (zext64 oparg) 200) (mul64 (zext64 column) 8)) 8)"),
        ("INNER_INDICES", "(add64 (add64 (mul64 (zext64 (and16 oparg 3)) 48) (mul64 (zext64 column) 8)) 8)"),
        ("ALL_INDICES", "(add64 (add64 &matrix (mul64 (zext64 oparg) 72)) (mul64 (zext64 column) 8))"),
        ("LAST_INDEX", "(mul64 (zext64 column) 8)"),
        ("DIFFERENCE_OF_ADDRESSES", "(add64 (zext64 oparg) (sub64 &vm_counter &table))"),
        ("LOW_HALF_OF_AN_ADDRESS", "(xor32 (zext32 oparg) (trunc32 &vm_counter))"),
        ("TAGGED_ADDRESS", "(or64 (zext64 column) &table+12)"),
        ("CLAMPED", "(select32 (icmp.slt1 number -5) -5 (smin32 number (zext32 oparg)))"),
        ("SWAPPED", "(add32 (bswap32 number) (zext32 (bswap16 oparg)))"),
        ("MASKED", "(or64 (and64 operand 240) (zext64 (and16 oparg 15)))"),
        (
            "COMPARED",
            "(add32 (add32 (zext32 (icmp.sgt1 oparg -10)) (zext32 (icmp.ult1 oparg 7)))"
            " (select32 (icmp.slt1 number 0) 2 4))",
        ),
    ],
)
def test_one_expression_holds_all_of_it(name: str, expression: str) -> None:
    assert [str(symbol.expression) for symbol in compile_c(STENCILS)[name].symbols.values()] == [expression]


@pytest.mark.parametrize("name", ["DIFFERENCE_OF_ADDRESSES", "LOW_HALF_OF_AN_ADDRESS", "CLAMPED", "SWAPPED", "MASKED"])
def test_the_code_only_moves_it(name: str) -> None:
    code = [line.split()[0] for line in instructions(compile_c(STENCILS)[name].assembly)]
    assert set(code) <= {"movl", "movq", "movabsq", "jmp"}, code
