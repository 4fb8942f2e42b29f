"""Each rule does what its file says, is proved to be safe where it does, and stays away from near misses."""

from collections import Counter

import pytest

from stencilgen.layout.liveness import ALL_FLAGS
from stencilgen.peephole import RULES, VALUE_RULES
from x86_64 import Instruction

from .cases import CASES, Case
from .programs import ALL_REGISTERS, apply, apply_to_values, mask, program, text
from .prover import counterexample

BY_NAME = {rule.name: rule for rule in RULES}
VALUE_BY_NAME = {rule.name: rule for rule in VALUE_RULES}
FIRES = [case for case in CASES if case.after is not None]
STAYS = [case for case in CASES if case.after is None]


def name(case: Case) -> str:
    return f"{case.rule}: {case.before}"


def live(case: Case) -> int:
    return (ALL_REGISTERS | ALL_FLAGS) & ~mask(case.dead)


def applied(case: Case, before: tuple[Instruction, ...]) -> tuple[tuple[Instruction, ...], Counter[str]]:
    if case.rule in VALUE_BY_NAME:
        return apply_to_values([VALUE_BY_NAME[case.rule]], before, live(case))
    return apply([BY_NAME[case.rule]], before, live(case))


@pytest.mark.parametrize("case", FIRES, ids=name)
def test_rule_rewrites_and_the_rewrite_is_proved(case: Case) -> None:
    assert case.after is not None
    before = program(case.before, E=case.symbol)
    after, fired = applied(case, before)
    assert text(after) == text(program(case.after, E=case.symbol))
    assert fired[case.rule] >= 1
    assert counterexample(before, after, live(case)) is None


@pytest.mark.parametrize("case", [case for case in FIRES if case.rule in VALUE_BY_NAME], ids=name)
def test_rewritten_uses_of_a_value_are_proved_with_everything_live(case: Case) -> None:
    """The definition stays here: what the uses do does not rest on what is dead."""
    before = program(case.before, E=case.symbol)
    after, _ = applied(case, before)
    assert counterexample(before, (before[0], *after), ALL_REGISTERS | ALL_FLAGS) is None


@pytest.mark.parametrize("case", FIRES, ids=name)
def test_every_value_of_the_symbol_has_an_encoding(case: Case) -> None:
    after, _ = applied(case, program(case.before, E=case.symbol))
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
    after, fired = applied(case, before)
    assert text(after) == text(before)
    assert not fired


def test_every_rule_has_cases_of_both_kinds() -> None:
    assert {case.rule for case in FIRES} == {case.rule for case in STAYS} == BY_NAME.keys() | VALUE_BY_NAME.keys()


def test_rules_lie_one_in_a_file_of_their_name() -> None:
    rewrites = {rule.name: rule.rewrite.__module__ for rule in RULES}
    rewrites |= {rule.name: rule.rewrite.__module__ for rule in VALUE_RULES}
    assert rewrites == {name: f"stencilgen.peephole.{name}" for name in BY_NAME.keys() | VALUE_BY_NAME.keys()}


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
