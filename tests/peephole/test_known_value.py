"""Where a register holds a value, over a whole stencil: at joins, around loops, across calls."""

from collections import Counter

import pytest

from dasc import EXIT, NEXT
from stencilgen.layout.code import Block, Branch, Code, Convention, End, Jump
from stencilgen.layout.conventions import INDIRECT
from stencilgen.peephole.driver import VALUE_RULES
from stencilgen.peephole.known_value import drop_repeated, propagate
from x86_64 import Label, r12, rax, rcx, rdx, rsp

from .programs import program, text

SYMBOL = (0, 1000)
CALLEE = Convention(reads=frozenset({rsp}), clobbers=frozenset({rax, rcx, rdx}))
LEFT, RIGHT, JOIN = Label("left"), Label("right"), Label("join")


def graph(*blocks: tuple[str, str, End]) -> Code:
    return Code(
        name="TEST",
        blocks=tuple(Block(name, program(body, E=SYMBOL), end, cold=name == "cold") for name, body, end in blocks),
        live_out=frozenset({r12, rdx, rsp}),
        conventions={"f": CALLEE},
        indirect=INDIRECT,
    )


def without_repetition(*blocks: tuple[str, str, End]) -> dict[str, str]:
    code = drop_repeated(graph(*blocks), frozenset({"MOV", "LEA"}), Counter(), "repeated")
    return {block.name: text(block.instructions) for block in code.blocks}


def propagated(*blocks: tuple[str, str, End]) -> dict[str, str]:
    return {block.name: text(block.instructions) for block in propagate(graph(*blocks), VALUE_RULES, Counter()).blocks}


def unchanged(*blocks: tuple[str, str, End]) -> bool:
    return propagated(*blocks) == {name: text(program(body, E=SYMBOL)) for name, body, _ in blocks}


def test_a_value_is_known_where_all_ways_come_from_its_definition() -> None:
    after = propagated(
        ("top", "lea rcx, [r12 + E]; test al, 1", Branch("JE", JOIN, LEFT)),
        ("left", "inc dword [rax]", Jump(JOIN)),
        ("join", "mov rdx, [rcx]; mov [rcx], rax", Jump(NEXT)),
    )
    assert after == {
        "top": "test al, 1",
        "left": "inc dword [rax]",
        "join": "mov rdx, qword [r12+E]; mov qword [r12+E], rax",
    }


def test_equal_definitions_on_both_ways_are_one() -> None:
    after = propagated(
        ("top", "test al, 1", Branch("JE", RIGHT, LEFT)),
        ("left", "lea rcx, [r12 + E]", Jump(JOIN)),
        ("right", "lea rcx, [r12 + E]", Jump(JOIN)),
        ("join", "mov rdx, [rcx]", Jump(NEXT)),
    )
    assert after == {"top": "test al, 1", "left": "", "right": "", "join": "mov rdx, qword [r12+E]"}


@pytest.mark.parametrize("other", ["lea rcx, [r12 + 8]", "mov rcx, rax", "lea rcx, [r12 + E]; add r12, 8"])
def test_another_value_on_one_way_is_none(other: str) -> None:
    assert unchanged(
        ("top", "test al, 1", Branch("JE", RIGHT, LEFT)),
        ("left", "lea rcx, [r12 + E]", Jump(JOIN)),
        ("right", other, Jump(JOIN)),
        ("join", "mov rdx, [rcx]; mov rax, [rcx]", Jump(NEXT)),
    )


def test_a_loop_that_keeps_the_value_knows_it() -> None:
    after = propagated(
        ("top", "lea rcx, [r12 + 8]", Jump(LEFT)),
        ("left", "add rdx, [rcx]; dec rax", Branch("JNE", LEFT, NEXT)),
    )
    assert after == {"top": "", "left": "add rdx, qword [r12+8]; dec rax"}


def test_a_loop_that_changes_what_the_value_is_made_from_does_not() -> None:
    assert unchanged(
        ("top", "lea rcx, [r12 + 8]", Jump(LEFT)),
        ("left", "add rdx, [rcx]; add r12, 8; dec rax", Branch("JNE", LEFT, NEXT)),
    )


def test_a_loop_back_to_the_start_knows_nothing_there() -> None:
    assert unchanged(
        ("top", "mov rdx, [rcx]; lea rcx, [r12 + 8]; dec rax", Branch("JNE", Label("top"), NEXT)),
    )


def test_calls_keep_what_their_convention_preserves() -> None:
    after = propagated(("top", "lea rbx, [r12 + 8]; mov rdx, [rbx]; call f; mov [rbx], rdx", Jump(NEXT)))
    assert after == {"top": "mov rdx, qword [r12+8]; call extern f; mov qword [r12+8], rdx"}


def test_calls_with_an_unknown_convention_keep_nothing() -> None:
    assert unchanged(("top", "lea rbx, [r12 + 8]; mov rdx, [rbx]; call g; mov [rbx], rdx", Jump(NEXT)))


def test_what_the_state_needs_stays() -> None:
    assert unchanged(("top", "lea rdx, [r12 + 8]; mov rax, [rdx]", Jump(NEXT)))
    assert unchanged(
        ("top", "lea rdx, [r12 + 8]; mov rax, [rdx]; test al, al", Branch("JE", EXIT, LEFT)),
        ("left", "mov rdx, rax", Jump(NEXT)),
    )


def test_cold_uses_are_cheap() -> None:
    """One hot instruction against four longer cold ones."""
    uses = "mov rdx, [rcx]; mov rax, [rcx]; mov rdx, [rcx]; mov [rcx], rdx"
    after = propagated(
        ("top", "lea rcx, [r12 + E]; test al, 1", Branch("JE", Label("cold"), NEXT)), ("cold", uses, Jump(NEXT))
    )
    assert after["top"] == "test al, 1"
    assert unchanged(("top", f"lea rcx, [r12 + E]; {uses}", Jump(NEXT)))


def test_what_a_register_holds_is_not_put_into_it_again() -> None:
    wide = "mov rax, 0x123456789a"
    after = without_repetition(
        ("top", f"{wide}; inc dword [rax]; mov rdx, [r12 + E]; {wide}; mov [r12], rax", Branch("JE", LEFT, NEXT)),
        ("left", f"{wide}; mov [r12 + 8], rax", Jump(NEXT)),
    )
    assert after == {
        "top": f"{wide}; inc dword [rax]; mov rdx, qword [r12+E]; mov qword [r12], rax".replace(
            "0x123456789a", "78187493530"
        ),
        "left": "mov qword [r12+8], rax",
    }


@pytest.mark.parametrize("between", ["inc rax", "mov al, 1", "call f", "call g", "add rbx, 1"])
def test_it_is_when_the_register_or_what_it_was_made_from_changed(between: str) -> None:
    body = f"lea rax, [rbx + 8]; {between}; lea rax, [rbx + 8]"
    assert without_repetition(("top", body, Jump(NEXT)))["top"].count("lea rax") == 2
