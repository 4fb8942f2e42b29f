"""Cold code without anything of its own becomes a part that micro-ops call."""

from collections.abc import Callable

import pytest

from stencilgen.layout.code import Code
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place
from stencilgen.layout.shared_cold import share_cold
from tests.layout.conftest import shown

HOT = """
    movq {slot}(%r12), %rsi
    decl (%rsi)
    je S.cold
    jmp __sg_continue
    .section .text.split.S,"ax",@progbits
S.cold:
"""
FREE = (
    HOT
    + """
    cmpl $1, 4(%rsi)
    jne .LBB0_2
    movl $0, 4(%rsi)
    movq (%r13), %rax
    movq %rax, 8(%rsi)
    movq %rsi, (%r13)
    jmp {end}
.LBB0_2:
    movq %r13, %rdi
    callq free
    jmp {end}
"""
)
LONG = """
    movl $0, 4(%rsi)
    movq (%r13), %rax
    movq %rax, 8(%rsi)
    movq %rsi, (%r13)
"""


def shared(code: Code) -> tuple[list[str], dict[str, list[str]]]:
    """The cold lines that are left, and each part's."""
    rest, parts = share_cold(code)
    return shown(place(rest, Liveness(rest))[1]), {name: shown(lines) for name, lines in parts.items()}


@pytest.mark.parametrize("end", ["__sg_continue", "__sg_exit", "__sg_label_target"])
def test_a_slow_path_becomes_a_call_and_a_jump(code: Callable[[str], Code], end: str) -> None:
    cold, parts = shared(code(FREE.format(slot=8, end=end)))
    (name,) = parts
    place = {"__sg_continue": "=>NEXT", "__sg_exit": "=>EXIT", "__sg_label_target": "=>(instruction->target)"}[end]
    assert cold == ["=>L(0):", f"call &SG_COLD({name})", f"jmp {place}"]
    assert name.startswith("sg_cold_free_")
    assert parts[name] == [
        "cmp dword [rsi+4], 1",
        "jne =>L(0)",
        "mov dword [rsi+4], 0",
        "mov rax, qword [r13]",
        "mov qword [rsi+8], rax",
        "mov qword [r13], rsi",
        "ret",
        "=>L(0):",
        "mov rdi, r13",
        "jmp extern free",
    ]


def test_equal_parts_have_one_name_whatever_stencil_they_come_from(code: Callable[[str], Code]) -> None:
    parts = [
        share_cold(code(FREE.format(slot=slot, end=end)))[1]
        for slot, end in ((8, "__sg_continue"), (16, "__sg_continue"), (8, "__sg_exit"))
    ]
    assert parts[0] == parts[1] == parts[2]
    other = share_cold(code(FREE.replace("$1, 4(%rsi)", "$2, 4(%rsi)").format(slot=8, end="__sg_exit")))[1]
    assert len(other) == 1 and other.keys() != parts[0].keys()


def test_the_stack_is_aligned_for_calls_inside(code: Callable[[str], Code]) -> None:
    _, parts = shared(
        code(HOT.format(slot=8) + "callq one\nmovq %rax, %rdi\ncallq *%rdx\ncallq slow\njmp __sg_continue")
    )
    assert list(parts.values()) == [
        [
            "lea rsp, [rsp-8]",
            "call extern one",
            "lea rsp, [rsp+8]",
            "mov rdi, rax",
            "lea rsp, [rsp-8]",
            "call rdx",
            "lea rsp, [rsp+8]",
            "jmp extern slow",
        ]
    ]


def test_a_conditional_way_out_goes_to_a_ret(code: Callable[[str], Code]) -> None:
    text = LONG + "testq %rax, %rax\nje __sg_continue_too\ncallq slow\njmp __sg_continue"
    _, parts = shared(
        code(HOT.format(slot=8) + text.replace("je __sg_continue_too", "je .LBB0_9") + "\n.LBB0_9:\njmp __sg_continue")
    )
    (lines,) = parts.values()
    assert lines[-4:] == ["je =>L(0)", "jmp extern slow", "=>L(0):", "ret"]


def test_nobody_comes_back_from_a_call_that_does_not_return(code: Callable[[str], Code]) -> None:
    cold, parts = shared(code(HOT.format(slot=8) + LONG + "callq vm_abort\nud2"))
    (name,) = parts
    assert cold == ["=>L(0):", f"call &SG_COLD({name})"]
    assert parts[name][-1] == "jmp extern vm_abort"


def test_a_way_back_into_hot_code(code: Callable[[str], Code]) -> None:
    text = """
        movq 8(%r12), %rsi
        testq %rsi, %rsi
        je S.cold
    .LBB0_1:
        movq %rsi, 16(%r12)
        jmp __sg_continue
        .section .text.split.S,"ax",@progbits
    S.cold:
    """
    cold, parts = shared(code(text + "xorl %esi, %esi\n" + LONG.replace("rsi", "rdi") + "jmp .LBB0_1"))
    (name,) = parts
    assert cold == ["=>L(1):", f"call &SG_COLD({name})", "jmp =>L(0)"]


@pytest.mark.parametrize(
    "why, body",
    [
        ("a JIT-time value", LONG + "movq %rax, E0(%r12)\njmp __sg_continue"),
        ("a slot of the frame", LONG + "movq %rax, 8(%rsp)\njmp __sg_continue"),
        ("the address of the frame", LONG + "movq %rsp, %rdi\ncallq slow\njmp __sg_continue"),
        ("a variable that may be far", LONG + "incq counter(%rip)\njmp __sg_continue"),
        ("what a collector reads", LONG + "callq slow\nnopl (%rbx)\njmp __sg_continue"),
        ("flags from the hot code", "setg 8(%r12)\n" + LONG + "jmp __sg_continue"),
        (
            "two ways out",
            LONG + "testb $1, %al\nje .LBB0_3\njmp __sg_continue\n.LBB0_3:\nincq (%rdi)\njmp __sg_exit",
        ),
        ("a return", LONG + "retq"),
        ("a tail call", LONG + "jmp elsewhere"),
        ("too little to pay", "movq %r13, %rdi\ncallq slow\njmp __sg_continue"),
    ],
)
def test_what_stays_where_it_is(code: Callable[[str], Code], why: str, body: str) -> None:
    before = code(HOT.format(slot=8) + body)
    assert share_cold(before) == (before, {}), why


def test_what_is_entered_in_its_midst_is_shared_from_there(code: Callable[[str], Code]) -> None:
    """Hot code goes to the second half by itself, so only that is a part."""
    text = """
        testq %rsi, %rsi
        je S.cold
        testq %rdi, %rdi
        je .LBB0_3
        jmp __sg_continue
        .section .text.split.S,"ax",@progbits
    S.cold:
        movq E0(%r12), %rsi
    .LBB0_3:
    """
    cold, parts = shared(code(text + LONG + "jmp __sg_continue"))
    (name,) = parts
    assert cold == ["=>L(0):", "mov rsi, qword [r12+E0]", "=>L(1):", f"call &SG_COLD({name})", "jmp =>NEXT"]
