"""Jumps, returns and fall-through become the ends of blocks; nothing else is control flow."""

from collections.abc import Callable

import pytest

from stencilgen.errors import UserError
from stencilgen.layout.code import Branch, Code, Jump, Return, TailCall, Unreachable
from tests.layout.conftest import TARGET
from x86_64 import Address, Instruction, Label, rax

Make = Callable[[str], Code]


def test_a_straight_stencil_is_one_block_that_goes_on(code: Make) -> None:
    (block,) = code("S:\n addq $8, %r13\n jmp __sg_continue\n.Lfunc_end:\n").blocks
    assert [str(instruction) for instruction in block.instructions] == ["add r13, 8"]
    assert block.end == Jump(Label("NEXT")) and not block.cold


def test_a_conditional_jump_ends_a_block_and_names_both_ways(code: Make) -> None:
    first, second, third = code(
        "S:\n cmpq $0, (%r12)\n je .LBB_1\n incq (%r12)\n jmp __sg_continue\n.LBB_1:\n jmp __sg_exit\n"
    ).blocks
    assert first.end == Branch("JE", Label(".LBB_1"), Label(second.name))
    assert second.end == Jump(Label("NEXT"))
    assert third.end == Jump(Label("EXIT"))


def test_a_label_that_control_falls_into_is_jumped_to(code: Make) -> None:
    first, second = code(
        "S:\n xorl %eax, %eax\n.LBB_1:\n incq %rax\n cmpq %rax, %rsi\n jne .LBB_1\n jmp __sg_continue\n"
    ).blocks[:2]
    assert first.end == Jump(Label(".LBB_1"))
    assert isinstance(second.end, Branch) and second.end.target == Label(".LBB_1")


def test_ends_that_leave(code: Make) -> None:
    ends = {
        "jmp __sg_label_target": Jump(TARGET),
        "retq": Return(),
        "jmp vm_handler": TailCall(Instruction("JMP", (Address("vm_handler"),))),
        "jmpq *%rax": TailCall(Instruction("JMP", (rax,))),
        "ud2": Unreachable(),
        "callq vm_abort": Unreachable(),
    }
    for text, end in ends.items():
        assert code(f"S:\n {text}\n.Lfunc_end:\n").blocks[0].end == end, text


def test_nothing_follows_a_call_that_does_not_return(code: Make) -> None:
    blocks = code("S:\n testl %esi, %esi\n je .LBB_1\n callq vm_abort\n.LBB_1:\n jmp __sg_continue\n").blocks
    assert [block.end for block in blocks][1:] == [Unreachable(), Jump(Label("NEXT"))]


def test_code_that_ends_in_undefined_behaviour_falls_nowhere(code: Make) -> None:
    *_, last = code("S:\n testl %esi, %esi\n jne .LBB_END_0\n jmp __sg_continue\n.LBB_END_0:\n.Lfunc_end:\n").blocks
    assert last.end == Unreachable() and not last.instructions


def test_the_cold_section_is_cold(code: Make) -> None:
    blocks = code(
        "S:\n decq (%rdi)\n je S.cold\n jmp __sg_continue\n"
        '\t.section\t.text.split.S,"ax",@progbits\nS.cold:\n callq slow\n jmp __sg_continue\n.LBB_END_1:\n'
        '\t.section\t.text.S,"ax",@progbits\n.Lfunc_end:\n'
    ).blocks
    assert [(block.name, block.cold) for block in blocks][-1] == ("S.cold", True)
    assert [block.cold for block in blocks[:-1]] == [False, False]


def test_blocks_that_nobody_reaches_are_dropped(code: Make) -> None:
    names = [block.name for block in code("S:\n jmp __sg_continue\n.LBB_1:\n incq %rax\n jmp .LBB_1\n").blocks]
    assert ".LBB_1" not in names


def test_a_conditional_jump_out_of_the_stencil_is_refused(code: Make) -> None:
    with pytest.raises(UserError, match="a conditional jump to outside of the stencil"):
        code("S:\n je vm_handler\n jmp __sg_continue\n")
