"""Static depth through the Python API: which code there is at which depth, and that exits and links hand on the true pointer.

The stack's pointer is the state's fifth integer, after a number, so in rdi: other tests have it in r13.
"""

import ctypes
import re
from collections.abc import Sequence

import pytest

import stencilgen
from stencilgen.embed import VM, MicroOp
from stencilgen.embed.listing import disassemble

NOPS = range(92, 124)
"""Bytes of rare code from which a short jump back to the stub just reaches it, or just does not."""

HEADER = """\
#pragma once
#include <stdint.h>
typedef struct Instruction { uint16_t opcode; uint32_t target; int64_t imm; } Instruction;
typedef struct Machine { int64_t leave, fuel; uint64_t seen, stack[128]; } Machine;
void look(Machine *machine, uint64_t *sp);
"""
STENCILS = """\
#include "vm.h"
#define STENCIL_STATE uint64_t acc, Machine *machine, double real, uint64_t b, uint64_t c, uint64_t *sp
#include <stencilgen/stencil.h>
STENCIL(PUSH) { *sp++ = (uint64_t)HOLE(int64_t, imm); CONTINUE(); }
STENCIL(POP) { sp--; CONTINUE(); }
STENCIL(ADD) { sp[-2] += sp[-1]; sp--; CONTINUE(); }
STENCIL(ACCUMULATE) { acc += sp[-1]; CONTINUE(); }
STENCIL(LOOK) { look(machine, sp); CONTINUE(); }
STENCIL(LOOP) { if (machine->fuel-- == 0) SIDE_EXIT(); JUMP(target); }
STENCIL(GO) { JUMP(target); }
"""
FAR = """\
STENCIL(FAR_{0}) {{
    if (UNLIKELY(machine->leave == HOLE(int64_t, imm))) {{ __asm__ volatile("{1}" ::: "memory"); SIDE_EXIT(); }}
    CONTINUE();
}}
"""
LOOK = (
    '#include "vm.h"\nvoid look(Machine *machine, uint64_t *sp) { machine->seen = (uint64_t)(sp - machine->stack); }\n'
)
CONFIGURATION = """\
[stencils]
sources = ["stencils.c"]
[instruction]
type = "Instruction"
header = "vm.h"
[holes]
imm = { value = "instruction->imm", type = "int64_t" }
target = { value = "instruction->target", kind = "label" }
[code]
share = false # each has its own rare code
[stack]
pointer = "sp"
registers = 0
depth = "static"
[vm]
sources = ["vm.c"]
"""


class Machine(ctypes.Structure):
    _fields_ = [
        ("leave", ctypes.c_int64),
        ("fuel", ctypes.c_int64),
        ("seen", ctypes.c_uint64),
        ("stack", ctypes.c_uint64 * 128),
    ]

    def run(self, code: stencilgen.Code) -> tuple[stencilgen.Exit, list[int]]:
        """Run from 32 entries; the exit, and the entries that are left."""
        base = ctypes.addressof(self) + Machine.stack.offset
        self.stack[:32] = range(100, 132)
        left = code(acc=0, machine=self, real=0.0, b=1, c=2, sp=base + 32 * 8)
        height, odd = divmod(left.state["sp"] - base, 8)
        assert odd == 0 and left.state["b"] == 1 and left.state["c"] == 2
        return left, self.stack[:height]


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> VM:
    folder = tmp_path_factory.mktemp("static_depth")
    far = "".join(FAR.format(count, r"nop\n\t" * count) for count in NOPS)
    texts = {"vm.h": HEADER, "vm.c": LOOK, "stencils.c": STENCILS + far, "stencilgen.toml": CONFIGURATION}
    for name, text in texts.items():
        (folder / name).write_text(text)
    return stencilgen.load(folder)


def moved(code: stencilgen.Code) -> list[int]:
    """The micro-ops in whose hot code the pointer is moved."""
    lines = {index: disassemble(code, index)[0] for index in range(len(code.trace) + 1)}
    return [
        i for i, hot in lines.items() if any(re.match(r"(add|sub|lea|inc|dec|mov) rdi\b", line.text) for line in hot)
    ]


def pushes(vm: VM, count: int) -> list[MicroOp]:
    return [vm.PUSH(imm=number) for number in range(count)]


def test_every_exit_hands_on_the_true_pointer_however_far_its_stub_is(vm: VM) -> None:
    for depth in (0, 1, 5):
        far = [vm[f"FAR_{count}"](imm=count) for count in NOPS]
        code = vm.compile([*pushes(vm, depth), *far])
        for index, count in enumerate(NOPS, start=depth):
            left, entries = Machine(leave=count).run(code)
            assert (left.index, len(entries)) == (index, 32 + depth)
        left, entries = Machine().run(code)
        assert (left.index, len(entries)) == (len(code.trace), 32 + depth)


def test_links_hand_on_the_true_pointer(vm: VM) -> None:
    first = vm.compile([*pushes(vm, 3), vm["FAR_92"](imm=1), vm.ADD()])
    second = vm.compile([vm.ADD(), vm.LOOK()])
    for index, leave, entries in ((3, 1, [0, 3]), (5, 0, [3])):
        first.link(index, second)
        machine = Machine(leave=leave)
        left, found = machine.run(first)
        assert left.code is second
        assert found[32:] == entries
        assert machine.seen == 32 + len(entries)


def test_displacements_are_as_short_as_they_can_be_at_each_depth(vm: VM) -> None:
    """How far the top is from the pointer when each micro-op begins: at most 64 bytes, so one byte always does."""
    code = vm.compile([*pushes(vm, 30), *[vm.ADD()] * 29, vm.ACCUMULATE()])
    left, entries = Machine().run(code)
    assert entries[32:] == [sum(range(30))] == [left.state["acc"]]
    found = set[int]()
    for index in range(30):
        (line,) = [line for line in disassemble(code, index)[0] if line.text.startswith("mov qword ptr [rdi")]
        displacement = int((re.search(r"rdi([+-].*?)?\]", line.text) or [""])[1] or "0", 0)
        found.add(displacement)
        assert len(line.code) == 7 + (displacement != 0), line  # REX C7 /0, displacement, imm32
    assert found == set(range(0, 72, 8))
    assert len(moved(code)) < 10


def test_a_loop_that_leaves_the_stack_as_it_was_moves_nothing(vm: VM) -> None:
    code = vm.compile([*pushes(vm, 2), vm.PUSH(imm=5), vm.ADD(), vm.LOOP(target=2)])
    left, entries = Machine(fuel=3).run(code)
    assert (left.index, entries[32:]) == (4, [0, 1 + 4 * 5])
    assert moved(code) == [1]  # before jumps arrive


def test_a_loop_that_pushes_moves_the_pointer_once(vm: VM) -> None:
    code = vm.compile([vm.PUSH(imm=5), vm.PUSH(imm=6), vm.LOOP(target=0)])
    left, entries = Machine(fuel=3).run(code)
    assert (left.index, entries[32:]) == (2, [5, 6] * 4)
    assert moved(code) == [2]


@pytest.mark.parametrize("before", [(), ("PUSH",), ("POP", "POP")])
def test_a_jump_to_the_next_micro_op_arrives_with_the_true_pointer(vm: VM, before: Sequence[str]) -> None:
    first = [vm[name](imm=9) if name == "PUSH" else vm[name]() for name in before]
    code = vm.compile([*first, vm.GO(target=len(first) + 1), vm.PUSH(imm=7), vm.LOOK()])
    machine = Machine()
    _, entries = machine.run(code)
    assert machine.seen == len(entries) == 33 + (1 if before == ("PUSH",) else -len(before))
    assert entries[-1] == 7


def test_listings_show_what_is_there(vm: VM) -> None:
    code = vm.compile([*pushes(vm, 2), vm.ADD(), vm["FAR_92"](imm=1)])
    listing = code.listing()
    assert re.search(r"ADD\n +\w+ +48 8b 47 08 +mov rax, \[rdi\+8\]", listing), listing
    hot, cold = listing.split("── cold")
    assert len(re.findall(r"add rdi, 8\b", hot)) == len(re.findall(r"add rdi, 8\b", cold)) == 1
