"""A trace's frame: none where no stencil needs one, else as large as the neediest of them, and made once."""

import ctypes
import itertools
import re
from pathlib import Path

import pytest

import stencilgen
from tests.embed.conftest import Write

HEADER = """
typedef struct Instruction { int opcode; int target; } Instruction;
void vm_touch(double *sp);
"""
STENCILS = """
#define STENCIL_STATE double *sp, long fuel
#include <stencilgen/stencil.h>
STENCIL(ADD) { sp[0] += sp[1]; CONTINUE(); }
STENCIL(CALL) { vm_touch(sp); CONTINUE(); }
STENCIL(CALL_IF_RARE) { if (UNLIKELY(sp[1] > 1e9)) vm_touch(sp); CONTINUE(); }
STENCIL(SPILL)
{
    double a = sp[0], b = sp[1], c = sp[2], d = sp[3];
    vm_touch(sp);
    sp[0] += a;
    sp[1] += b;
    sp[2] += c;
    sp[3] += d;
    CONTINUE();
}
STENCIL(ARRAY)
{
    volatile double list[30];
    for (int i = 0; i < 30; i++)
        list[i] = sp[i % 4];
    sp[0] += list[fuel % 30];
    CONTINUE();
}
STENCIL(LOOP) { if (--fuel == 0) SIDE_EXIT(); JUMP(target); }
"""
NEEDS = {"ADD": 0, "CALL": 8, "CALL_IF_RARE": 8, "SPILL": 40, "ARRAY": 248}
"""Bytes: 4 values and what aligns them for the call; 30 values and the same (≡ 8 modulo 16)."""


@pytest.fixture
def vm(write: Write) -> stencilgen.VM:
    folder: Path = write(
        HEADER,
        STENCILS,
        holes='target = { value = "instruction->target", kind = "label" }',
        vm="void vm_touch(double *sp) { if ((uintptr_t)__builtin_frame_address(0) % 16) sp[0] = -1e300; else sp[0] += 1; }",
    )
    return stencilgen.load(folder)


def moves_of_rsp(listing: str) -> list[str]:
    """The instructions that set rsp; a call puts it back by itself."""
    texts = [
        line[36:].partition(";")[0].strip() for line in listing.splitlines() if re.match(r"    [0-9a-f]{4}  ", line)
    ]
    return [text for text in texts if re.match(r"(\w+ rsp,|push|pop|leave|enter)", text)]


def test_a_frame_is_as_large_as_the_neediest_and_made_once(vm: stencilgen.VM) -> None:
    """Every set of stencils, each twice, in a loop: the loop goes past the one instruction that makes the frame."""
    for size in range(len(NEEDS) + 1):
        for names in itertools.combinations(NEEDS, size):
            frame = max((NEEDS[name] for name in names), default=0)
            code = vm.compile([*(vm[name]() for name in names * 2), vm.LOOP(target=0)])
            assert code.info.frame == frame, names
            hot, cold = code.listing().split("── cold")
            made = f"lea rsp, [rbp-{56 + frame:#x}]"
            assert moves_of_rsp(hot) == ([made] if frame else []), names
            assert code.extent(0).hot - code.info.hot == (0 if not frame else 4 if 56 + frame <= 128 else 7)
            # Without a frame, what enters by a link drops the other trace's.
            assert moves_of_rsp(cold) == ([] if frame else ["lea rsp, [rbp-0x38]"]), names


def test_all_of_them_find_their_values_and_an_aligned_stack(vm: stencilgen.VM) -> None:
    stack = (ctypes.c_double * 4)(1, 2, 3, 4)
    exit = vm.compile([*(vm[name]() for name in NEEDS), vm.LOOP(target=0)])(stack, 1)
    # 1 + 2 = 3; a call: 4; none; a call: 5, and all plus what they were before it; list[1] is 4
    assert (exit.index, list(stack)) == (5, [13, 4, 6, 8])
