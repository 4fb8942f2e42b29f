"""Inline assembly that a trace can carry."""

from collections.abc import Callable

import pytest

from stencilgen.errors import UserError
from stencilgen.pipeline import Build


def test_a_system_call(built: Callable[..., Build]) -> None:
    (stencil,) = built(
        "STENCIL(S)\n{\n    long id;\n"
        '    __asm__ volatile("syscall" : "=a"(id) : "a"(39) : "rcx", "r11", "memory");\n'
        "    thread->count = id;\n    CONTINUE();\n}\n"
    ).stencils
    assert "| syscall" in stencil.dasc


def test_a_local_label(built: Callable[..., Build]) -> None:
    (stencil,) = built(
        'STENCIL(S)\n{\n    __asm__ volatile("1: decq %0; jnz 1b" : "+r"(thread->count));\n    CONTINUE();\n}\n'
    ).stencils
    assert "| jne =>L(0)" in stencil.dasc


@pytest.mark.parametrize(
    "assembly",
    [
        '__asm__ volatile("movl $5, %%ebp" : : : "rbp")',
        '__asm__ volatile("movl $5, %%ebp" : : : "memory")',  # a lie, which Clang believes
        'register long x __asm__("rbp") = thread->count; __asm__ volatile("incq %0" : "+r"(x)); thread->count = x',
    ],
)
def test_rbp_is_the_traces(built: Callable[..., Build], assembly: str) -> None:
    with pytest.raises(UserError, match="stencil S: changes rbp, by which every trace finds its frame") as caught:
        built(f"STENCIL(S)\n{{\n    {assembly};\n    CONTINUE();\n}}\n")
    assert 'let the compiler choose registers ("r")' in str(caught.value)
