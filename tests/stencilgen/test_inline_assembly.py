"""Inline assembly that a trace can carry."""

from collections.abc import Callable

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
