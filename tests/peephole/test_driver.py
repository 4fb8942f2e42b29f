"""The driver: rules run over whole stencils until none fires, and each firing is counted."""

from dasc import EXIT, NEXT
from stencilgen.layout.code import Block, Branch, Code, Convention, End, Jump, Return
from stencilgen.peephole import RULES, VALUE_RULES, optimize
from x86_64 import Label, r12, rax, rcx, rdi, rsi, rsp

from .programs import program, text

SYMBOL = (0, 1000)
CALLEE = Convention(reads=frozenset({rdi, rsi}), clobbers=frozenset({rax, rcx, rdi, rsi}))


def code(*blocks: tuple[str, str, End]) -> Code:
    return Code(
        name="TEST",
        blocks=tuple(Block(name, program(body, E=SYMBOL), end, cold=name == "cold") for name, body, end in blocks),
        live_out=frozenset({r12, rdi, rsp}),
        conventions={"f": CALLEE},
        indirect=CALLEE,
        frame=24,
    )


def bodies(result: Code) -> dict[str, str]:
    return {block.name: text(block.instructions) for block in result.blocks}


def test_a_stencil_without_work_comes_back_as_it_is() -> None:
    before = code(("hot", "add rdi, 8", Jump(NEXT)))
    after, fired = optimize(before)
    assert after is before
    assert fired == dict.fromkeys(
        [*(rule.name for rule in RULES), *(rule.name for rule in VALUE_RULES), "repeated_value"], 0
    )


def test_all_but_the_instructions_stays() -> None:
    before = code(
        ("hot", "mov ecx, E; add rdi, rcx", Branch("JE", Label("cold"), NEXT)),
        ("cold", "mov rax, rax", Jump(EXIT)),
    )
    after, _ = optimize(before)
    assert bodies(after) == {"hot": "add rdi, E", "cold": ""}
    assert [block.end for block in after.blocks] == [block.end for block in before.blocks]
    assert [block.cold for block in after.blocks] == [False, True]
    assert (after.name, after.frame, after.live_out) == (before.name, before.frame, before.live_out)


def test_firings_are_counted_by_rule() -> None:
    _, fired = optimize(code(("hot", "mov ecx, E; add rdi, rcx; mov ecx, E; sub rdi, rcx; mov rax, rax", Jump(NEXT))))
    assert {name: count for name, count in fired.items() if count} == {"fold_constant": 2, "self_move": 1}


def test_rules_work_on_what_others_made() -> None:
    after, fired = optimize(code(("hot", "lea rcx, [E]; mov rdx, rcx; add rdi, rdx", Jump(NEXT))))
    assert bodies(after) == {"hot": "add rdi, E"}
    assert fired["absolute_address"] == 1
    assert fired["fold_constant"] == 2


def test_code_dies_when_its_reader_in_another_block_has_gone() -> None:
    after, _ = optimize(
        code(
            ("hot", "lea rcx, [rdi + 8]", Branch("JE", NEXT, Label("next"))),
            ("next", "lea rdx, [rcx + 8]", Jump(NEXT)),
        )
    )
    assert bodies(after) == {"hot": "", "next": ""}


def test_arguments_of_calls_are_live_and_registers_they_destroy_are_not() -> None:
    after, _ = optimize(code(("hot", "mov esi, E; mov edx, E; mov rcx, r12; call f; mov rdi, rax", Jump(NEXT))))
    assert bodies(after) == {"hot": "mov esi, E; call extern f; mov rdi, rax"}


def test_flags_that_a_branch_needs_stay() -> None:
    after, _ = optimize(code(("hot", "mov eax, E; and eax, edi; add rdi, 1; test eax, eax", Branch("JE", EXIT, NEXT))))
    assert bodies(after)["hot"].endswith("test eax, eax")


def test_a_constant_is_not_folded_across_a_call() -> None:
    before = code(("hot", "mov ebx, E; call f; add rax, rbx", Return()))
    assert optimize(before)[0] is before
