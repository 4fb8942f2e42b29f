"""Blocks that end alike share their tail, where that saves bytes and costs no jump."""

from collections.abc import Callable

from stencilgen.layout.code import Code
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place
from stencilgen.layout.tails import merge_tails
from tests.layout.conftest import shown

COPIED = """
    testb $1, %al
    je .LBB0_1
    movq %rax, 8(%r12)
    jmp __sg_continue
.LBB0_1:
    incl (%rax)
    movq %rax, 8(%r12)
    jmp {end}
"""


def merged(code: Callable[[str], Code], text: str) -> list[str]:
    result, _ = merge_tails(code(text))
    return shown(place(result, Liveness(result))[0])


def test_a_copied_tail_is_shared(code: Callable[[str], Code]) -> None:
    assert merged(code, COPIED.format(end="__sg_continue")) == [
        "test al, 1",
        "jne =>L(0)",
        "inc dword [rax]",
        "=>L(0):",
        "mov qword [r12+8], rax",
    ]


def test_tails_that_go_on_elsewhere_are_not_the_same(code: Callable[[str], Code]) -> None:
    before = code(COPIED.format(end="__sg_exit"))
    assert merge_tails(before) == (before, 0)


def test_hot_code_does_not_go_to_a_cold_tail(code: Callable[[str], Code]) -> None:
    before = code(
        """
        testb $1, %al
        je S.cold
        movq %rax, 8(%r12)
        jmp __sg_exit
        .section .text.split.S,"ax",@progbits
        S.cold:
        incl (%rax)
        movq %rax, 8(%r12)
        jmp __sg_exit
        """
    )
    assert merge_tails(before) == (before, 0)


def test_a_tail_that_would_cost_a_jump_stays_copied(code: Callable[[str], Code]) -> None:
    """A loop's way out: its block cannot lie before both."""
    text = """
        testb $1, %al
        je .LBB0_1
        testb $2, %al
        je .LBB0_2
        incq %rdi
        movq %rax, 8(%r12)
        jmp __sg_continue
    .LBB0_1:
        decq %rdi
        movq %rax, 8(%r12)
        jmp __sg_exit
    .LBB0_2:
        movq %rax, 8(%r12)
        jmp __sg_exit
        """
    lines = merged(code, text)
    assert sum(line.startswith("jmp") for line in lines) <= 2
    assert lines.count("mov qword [r12+8], rax") == 2


def test_equal_blocks_become_one(code: Callable[[str], Code]) -> None:
    text = """
        testb $1, %al
        je .LBB0_1
        movq %rax, 8(%r12)
        jmp __sg_continue
    .LBB0_1:
        movq %rax, 8(%r12)
        jmp __sg_continue
        """
    assert merged(code, text)[-1] == "mov qword [r12+8], rax"
    assert merged(code, text).count("mov qword [r12+8], rax") == 1
