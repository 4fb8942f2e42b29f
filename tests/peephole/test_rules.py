"""Each rule does what its file says, is proved to be safe where it does, and stays away from near misses."""

import pytest

from stencilgen.layout.liveness import ALL_FLAGS
from stencilgen.peephole import RULES

from .cases import CASES, Case
from .programs import ALL_REGISTERS, apply, mask, program, text
from .prover import counterexample

BY_NAME = {rule.name: rule for rule in RULES}
FIRES = [case for case in CASES if case.after is not None]
STAYS = [case for case in CASES if case.after is None]


def name(case: Case) -> str:
    return f"{case.rule}: {case.before}"


def live(case: Case) -> int:
    return (ALL_REGISTERS | ALL_FLAGS) & ~mask(case.dead)


@pytest.mark.parametrize("case", FIRES, ids=name)
def test_rule_rewrites_and_the_rewrite_is_proved(case: Case) -> None:
    assert case.after is not None
    before = program(case.before, E=case.symbol)
    after, fired = apply([BY_NAME[case.rule]], before, live(case))
    assert text(after) == text(program(case.after, E=case.symbol))
    assert fired[case.rule] >= 1
    assert counterexample(before, after, live(case)) is None


@pytest.mark.parametrize("case", FIRES, ids=name)
def test_every_value_of_the_symbol_has_an_encoding(case: Case) -> None:
    after, _ = apply([BY_NAME[case.rule]], program(case.before, E=case.symbol), live(case))
    for instruction in after:
        widest = instruction.encodings()[-1]
        for field in widest.fields:
            low, high = field.operand.low, field.operand.high  # type: ignore[union-attr]
            if high - low >= 1 << field.bits - 1:
                assert field.size * 8 == field.bits, f"{instruction}: not every value fits"
                continue
            for value in (low, high):
                wrapped = value + (1 << field.bits - 1) & (1 << field.bits) - 1
                assert field.low <= wrapped - (1 << field.bits - 1) <= field.high, (
                    f"{instruction}: {value} does not fit"
                )


@pytest.mark.parametrize("case", STAYS, ids=name)
def test_rule_stays_away(case: Case) -> None:
    before = program(case.before, E=case.symbol)
    after, fired = apply([BY_NAME[case.rule]], before, live(case))
    assert text(after) == text(before)
    assert not fired


def test_every_rule_has_cases_of_both_kinds() -> None:
    assert {case.rule for case in FIRES} == {case.rule for case in STAYS} == set(BY_NAME)


def test_rules_lie_one_in_a_file_of_their_name() -> None:
    for rule in RULES:
        assert rule.rewrite.__module__ == f"stencilgen.peephole.{rule.name}"


@pytest.mark.parametrize(
    ("before", "after", "symbol", "dead"),
    [
        ("mov eax, eax", "", (0, 0), ""),  # clears the upper half
        ("mov ecx, E; add rax, rcx", "add rax, E", (0, 1 << 31), "rcx"),  # imm32 is sign-extended
        ("mov ecx, E; add rax, rcx", "add rax, E", (-1, 0), "rcx"),  # the move is not
        ("mov ecx, E; add rax, rcx", "add rax, E", (0, 1), "ecx flags"),  # rcx differs
        ("add eax, ebx; test eax, eax", "add eax, ebx", (0, 0), "CF"),  # OF differs
        ("shl eax, E; test eax, eax", "shl eax, E", (0, 31), "CF OF"),  # no flags for a count of zero
        ("and rax, rbx; test eax, eax", "and rax, rbx", (0, 0), ""),  # another sign bit
        ("mov eax, 1; add eax, ebx", "lea eax, [rbx + 1]", (0, 0), ""),  # lea sets no flags
        ("mov [rsi], rcx; mov [rdi], rdx; mov rax, [rsi]", "mov [rsi], rcx; mov [rdi], rdx; mov rax, rcx", (0, 0), ""),
        ("mov ecx, E; add al, cl", "add al, E", (0, 256), "rcx"),  # does not fit
        ("test eax, eax", "imul eax, ebx", (0, 0), "rax"),  # defined flags become undefined
        ("imul eax, ebx", "imul eax, ecx", (0, 0), "flags"),
    ],
)
def test_the_prover_refutes_wrong_rewrites(before: str, after: str, symbol: tuple[int, int], dead: str) -> None:
    everything = (ALL_REGISTERS | ALL_FLAGS) & ~mask(dead)
    assert counterexample(program(before, E=symbol), program(after, E=symbol), everything) is not None
