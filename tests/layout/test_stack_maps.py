"""Maps of the frame move up to the calls that they describe."""

from collections.abc import Callable

import pytest

from stencilgen.errors import UserError
from stencilgen.layout.code import Code
from stencilgen.layout.stack_maps import gather_stack_maps


def gathered(code: Callable[[str], Code], text: str) -> list[str]:
    result = gather_stack_maps(code(text), file="stencils.c", line=7)
    return [str(instruction) for block in result.blocks for instruction in block.instructions]


def test_a_map_moves_to_its_call_and_keeps_its_order(code: Callable[[str], Code]) -> None:
    assert gathered(
        code,
        """
        callq allocate
        movq %rax, %rbx
        nopl (%rbx)
        nopl 16(%rsp)
        movq 16(%rsp), %rcx
        nopl 8(%rsp)
        retq
        """,
    ) == [
        "call extern allocate",
        "nop dword [rbx]",
        "nop dword [rsp+16]",
        "nop dword [rsp+8]",
        "mov rbx, rax",
        "mov rcx, qword [rsp+16]",
    ]


def test_each_call_has_its_own(code: Callable[[str], Code]) -> None:
    text = """
        callq allocate
        nopl (%rbx)
        movq %rax, 8(%rsp)
        callq other
        movq %rax, %r12
        callq allocate
        nopl (%rbx)
        movq %rax, %rcx
        nopl 8(%rsp)
        retq
        """
    assert gathered(code, text) == [
        "call extern allocate",
        "nop dword [rbx]",
        "mov qword [rsp+8], rax",
        "call extern other",
        "mov r12, rax",
        "call extern allocate",
        "nop dword [rbx]",
        "nop dword [rsp+8]",
        "mov rcx, rax",
    ]


def test_code_without_maps_stays_as_it_is(code: Callable[[str], Code]) -> None:
    before = code("callq allocate\nnopl 8(%rsp)\nretq\n")
    assert gather_stack_maps(before) is before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nopl (%rbx)\nretq\n", "does not stand around a call"),
        ("callq allocate\ntestq %rax, %rax\nje .LBB0_1\nnopl (%rbx)\n.LBB0_1:\nretq\n", "does not stand around a call"),
        ("callq allocate\nnopl (%rbx)\nnopl (%rbx)\nretq\n", "does not stand around a call"),
        ("callq allocate\nnopl (%rbx)\nnopl 8(%rax)\nretq\n", "no fixed place in the frame"),
        ("callq allocate\nnopl (%rbx)\nnopl 8(%rsp,%rax)\nretq\n", "no fixed place in the frame"),
    ],
)
def test_a_map_without_a_call_or_a_place_is_refused(code: Callable[[str], Code], text: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as refused:
        gathered(code, text)
    (diagnostic,) = refused.value.diagnostics
    assert (str(diagnostic.file), diagnostic.line) == ("stencils.c", 7)


def test_a_write_of_a_last_value_is_no_call(code: Callable[[str], Code]) -> None:
    """It comes behind the map, so that the map is at the call's return address."""
    text = "callq allocate\ncallq __sg_write_last_0\nnopl (%rbx)\nnopl 8(%rsp)\nretq"
    assert gathered(code, text) == [
        "call extern allocate",
        "nop dword [rbx]",
        "nop dword [rsp+8]",
        "call extern __sg_write_last_0",
    ]
