"""A stencil's own frame goes; what it needs of the trace's frame stays known."""

from collections.abc import Callable

import pytest

from stencilgen.errors import UserError
from stencilgen.layout.code import Code
from stencilgen.layout.frame import strip_frame

Make = Callable[[str], Code]


def instructions(code: Code) -> list[str]:
    return [str(instruction) for block in code.blocks for instruction in block.instructions]


@pytest.mark.parametrize(
    ("prologue", "epilogue", "frame"),
    [
        ("pushq %rax", "popq %rax", 8),
        ("pushq %rax", "addq $8, %rsp", 8),
        ("subq $24, %rsp", "addq $24, %rsp", 24),
        ("subq $4120, %rsp", "addq $4120, %rsp", 4120),
        ("subq $24, %rsp", "leaq 24(%rsp), %rsp", 24),
    ],
)
def test_prologue_and_epilogue_go(code: Make, prologue: str, epilogue: str, frame: int) -> None:
    stripped = strip_frame(code(f"S:\n {prologue}\n movq %rdi, (%rsp)\n callq slow\n {epilogue}\n jmp __sg_continue\n"))
    assert instructions(stripped) == ["mov qword [rsp], rdi", "call extern slow"]
    assert stripped.frame == frame


def test_without_a_frame_nothing_changes(code: Make) -> None:
    before = code("S:\n incq (%r12)\n jmp __sg_continue\n")
    assert strip_frame(before) == before


def test_a_fence_may_touch_the_stack_without_a_frame(code: Make) -> None:
    """`__atomic_thread_fence(__ATOMIC_SEQ_CST)`: what it writes is what was there."""
    stripped = strip_frame(code("S:\n lock\n orl $0, (%rsp)\n jmp __sg_continue\n"))
    assert instructions(stripped) == ["lock or dword [rsp], 0"]


def test_a_frame_that_only_the_cold_part_makes(code: Make) -> None:
    stripped = strip_frame(
        code(
            "S:\n decq (%rdi)\n je S.cold\n jmp __sg_continue\n"
            "\t.section\t.text.split.S\nS.cold:\n pushq %rax\n callq slow\n popq %rax\n jmp __sg_continue\n"
        )
    )
    assert stripped.frame == 8
    assert instructions(stripped) == ["dec qword [rdi]", "call extern slow"]


@pytest.mark.parametrize(
    ("assembly", "words"),
    [
        (
            "pushq %rbp\n movq %rsp, %rbp\n andq $-64, %rsp\n subq $128, %rsp\n movq %rbp, %rsp\n popq %rbp\n jmp __sg_continue",
            "keeps a value on the stack in passing: push rbp",
        ),
        ("subq %rax, %rsp\n jmp __sg_continue", "moves the stack pointer"),
        ("movq %r13, -8(%rsp)\n jmp __sg_continue", "uses the stack outside of its frame"),
        ("movq 8(%rsp), %rax\n jmp __sg_continue", "uses the stack outside of its frame"),
        (
            "subq $24, %rsp\n pushq %rax\n callq slow\n addq $32, %rsp\n jmp __sg_continue",
            "makes a frame inside its frame",
        ),
        ("subq $24, %rsp\n addq $16, %rsp\n jmp __sg_continue", "leaves a part of its frame"),
        ("subq $24, %rsp\n callq slow\n jmp __sg_continue", "leaves with its frame in place"),
        ("subq $24, %rsp\n callq slow\n jmp __sg_label_target", "leaves with its frame in place"),
        ("subq $24, %rsp\n callq slow\n retq", "leaves with its frame in place"),
        ("subq $24, %rsp\n callq slow\n jmp vm_handler", "leaves with its frame in place"),
        (
            "testl %esi, %esi\n je .LBB_1\n subq $8, %rsp\n.LBB_1:\n callq slow\n jmp __sg_continue",
            "on one way to a place and none",
        ),
        ("pushq $7\n popq %rax\n jmp __sg_continue", "keeps a value on the stack"),
        ("pushq %rax\n callq slow\n popq %r12\n jmp __sg_continue", "keeps a value on the stack"),
        ("pushq %rcx\n callq slow\n popq %rax\n retq", "keeps a value on the stack"),
        ("pushq %rdi\n callq slow\n addq $8, %rsp\n jmp __sg_continue", "keeps a value on the stack"),
        (
            "pushq %rbp\n xorl %ebp, %ebp\n popq %rbp\n retq",
            "changes rbp, by which every trace finds its frame: xor ebp",
        ),
        ("pushq %rbp\n popq %rbp\n jmp slow", "changes rbp, by which every trace finds its frame: pop rbp"),
        ("movb $1, %bpl\n jmp __sg_continue", "changes rbp, by which every trace finds its frame: mov bpl, 1"),
        (
            "subq $2000008, %rsp\n callq slow\n addq $2000008, %rsp\n jmp __sg_continue",
            "needs 2,000,008 bytes of stack",
        ),
    ],
)
def test_anything_else_that_moves_the_stack_is_refused(code: Make, assembly: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        strip_frame(code(f"S:\n {assembly}\n"), file="stencils.c", line=12)
    assert words in str(caught.value)
    assert str(caught.value).startswith("stencils.c:12: stencil S: ")


def test_rbp_may_be_read(code: Make) -> None:
    """It is the shim's frame pointer; a walk up the stack begins there."""
    before = code("S:\n movq %rbp, %rax\n movq 8(%rbp), %rdi\n jmp __sg_continue\n")
    assert strip_frame(before) == before
