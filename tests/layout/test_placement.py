"""The order of blocks and the jumps between them: as few as the graph allows, and the hot path runs on."""

from collections.abc import Callable

from stencilgen.layout.code import Code, Jump
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place, thread_jumps
from tests.layout.conftest import shown
from x86_64 import Label

Make = Callable[[str], Code]


def placed(code: Code) -> tuple[list[str], list[str]]:
    threaded = thread_jumps(code)
    hot, cold = place(threaded, Liveness(threaded))
    return shown(hot), shown(cold)


def test_the_jump_to_the_next_micro_op_is_elided(code: Make) -> None:
    assert placed(code("S:\n addq $8, %r13\n jmp __sg_continue\n")) == (["add r13, 8"], [])


def test_a_jump_to_an_exit_goes_straight_there(code: Make) -> None:
    hot, cold = placed(
        code(
            "S:\n cmpq $0, (%r12)\n jne S.cold\n jmp __sg_continue\n"
            "\t.section\t.text.split.S\nS.cold:\n jmp __sg_exit\n"
        )
    )
    assert hot == ["cmp qword [r12], 0", "jne =>EXIT"]
    assert cold == []


def test_a_conditional_jump_over_a_jump_is_turned_round(code: Make) -> None:
    hot, _ = placed(code("S:\n cmpq $0, (%r12)\n je .LBB_1\n jmp __sg_exit\n.LBB_1:\n incq %rax\n jmp __sg_continue\n"))
    assert hot == ["cmp qword [r12], 0", "jne =>EXIT", "inc rax"]


def test_the_block_that_goes_on_comes_last(code: Make) -> None:
    """A loop that LLVM placed after the way out of it: the way out moves behind it, and its jump is gone."""
    hot, _ = placed(
        code(
            "S:\n testl %esi, %esi\n jne .LBB_2\n.LBB_1:\n incq (%r12)\n jmp __sg_continue\n"
            ".LBB_2:\n decq (%r12)\n jne .LBB_2\n jmp .LBB_1\n"
        )
    )
    assert hot == [
        "test esi, esi",
        "je =>L(1)",
        "=>L(0):",
        "dec qword [r12]",
        "jne =>L(0)",
        "=>L(1):",
        "inc qword [r12]",
    ]


def test_cold_code_reaches_back_by_one_jump(code: Make) -> None:
    hot, cold = placed(
        code(
            "S:\n decq (%rdi)\n je S.cold\n.LBB_1:\n movq %r13, (%r14)\n jmp __sg_continue\n"
            "\t.section\t.text.split.S\nS.cold:\n callq slow\n jmp .LBB_1\n"
        )
    )
    assert hot == ["dec qword [rdi]", "je =>L(1)", "=>L(0):", "mov qword [r14], r13"]
    assert cold == ["=>L(1):", "call extern slow", "jmp =>L(0)"]


def test_a_conditional_end_that_may_go_on_needs_one_jump(code: Make) -> None:
    hot, _ = placed(code("S:\n decq (%r12)\n je .LBB_1\n jmp __sg_label_target\n.LBB_1:\n jmp __sg_continue\n"))
    assert hot == ["dec qword [r12]", "jne =>(instruction->target)"]


def test_leaving_drops_the_frame(code: Make) -> None:
    assert placed(code("S:\n movl $1, %eax\n retq\n"))[0] == ["mov eax, 1  // @flags-dead", "drop_frame", "ret"]
    assert placed(code("S:\n jmp vm_handler\n"))[0] == ["drop_frame", "jmp extern vm_handler"]


def test_a_constant_between_a_compare_and_its_branch_may_not_become_xor(code: Make) -> None:
    hot, _ = placed(
        code("S:\n cmpq $0, (%r12)\n movl $E0, %eax\n je .LBB_1\n movq %rax, (%r14)\n.LBB_1:\n jmp __sg_continue\n")
    )
    assert hot == ["cmp qword [r12], 0", "mov eax, E0", "je =>NEXT", "mov qword [r14], rax"]


def test_chains_of_empty_blocks_are_threaded_and_rings_of_them_end(code: Make) -> None:
    threaded = thread_jumps(
        code("S:\n jmp .LBB_1\n.LBB_1:\n jmp .LBB_2\n.LBB_2:\n jmp .LBB_3\n.LBB_3:\n jmp __sg_continue\n")
    )
    assert [block.end for block in threaded.blocks] == [Jump(Label("NEXT"))]
    ring = thread_jumps(code("S:\n incq %rax\n jmp .LBB_1\n.LBB_1:\n jmp .LBB_2\n.LBB_2:\n jmp .LBB_1\n"))
    assert len(ring.blocks) >= 2
