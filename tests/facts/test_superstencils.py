"""Micro-ops that are fused know what they would know one by one: from before the unit, and from each other."""

import random

import pytest

from stencilgen.config import load_config
from stencilgen.units.building import Superstencils
from tests.facts.harness import HERE, FactsVM, Instruction, build_quietly, compile_vm, random_trace

TRACES = 6000
CHANGES = {"SET": "ODD", "ADD": "ODD", "MOVE": "ODD", "SWAP": "ODD", "UNMARK": "MARKED", "TWO_ENDS": "SMALL"}
"""Micro-ops that change what is known, and a guard that asks for it: each pair is a unit, for equal operands."""


def change_and_ask(vm: FactsVM, name: str, imm: int = 2) -> list[Instruction]:
    """Of slot 1, which is written to. What is known of slot 0 is not asked for."""
    where = {"a": 1} if name == "UNMARK" else {"d": 1, "a": 0}
    change = vm.instruction(name, **where, imm=imm)
    return [change, vm.instruction(f"GUARD_{CHANGES[name]}", a=1)]


@pytest.fixture(scope="module")
def fused(vm: FactsVM, tmp_path_factory: pytest.TempPathFactory) -> FactsVM:
    """The VM with units for what is frequent in random traces, and for a few sequences that are more so."""
    folder = tmp_path_factory.mktemp("fused")
    profile = folder / "vm.profile"
    rng = random.Random(1)
    for _ in range(300):
        vm.profile(random_trace(rng, vm, 24), profile)
    for _ in range(100):
        vm.profile([vm.instruction("GUARD_ODD"), vm.instruction("GUARD_BOTH")], profile)
        vm.profile([vm.instruction("MOVE", d=1), vm.instruction("GUARD_ODD", a=1)], profile)
        vm.profile([vm.instruction("SET", d=1), vm.instruction("GUARD_SMALL"), vm.instruction("GUARD_SMALL")], profile)
    for name in CHANGES:
        for _ in range(200):
            vm.profile(change_and_ask(vm, name), profile)
    config = load_config(HERE)
    wish = Superstencils((profile,), count=60)
    return compile_vm(config, folder, build_quietly(config, superstencils=wish))


def test_random_traces_of_fused_micro_ops(fused: FactsVM) -> None:
    assert len(fused.build.units) >= 40
    rng = random.Random(2)
    for number in range(TRACES):
        trace = random_trace(rng, fused, rng.randrange(2, 40))
        for facts in (True, False):
            failure = fused.check(trace, facts=facts, seed=number * 10, runs=6)
            assert failure is None, f"trace {number}, facts {facts}: {failure}"


@pytest.mark.parametrize("name", CHANGES)
def test_a_later_part_does_not_know_what_an_earlier_one_has_changed(fused: FactsVM, name: str) -> None:
    """Before the unit all is known of the slot."""
    known = [fused.instruction(f"GUARD_{fact}", a=slot) for slot in (1, 4, -2) for fact in ("ODD", "SMALL", "MARKED")]
    assert any(unit.startswith(f"{name}__GUARD_{CHANGES[name]}") for unit in (unit.name for unit in fused.build.units))
    for imm in (2, 3, 300):
        trace = [*known, *change_and_ask(fused, name, imm)]
        failure = fused.check(trace, seed=imm, runs=300)
        assert failure is None, failure


def test_a_later_part_knows_what_an_earlier_one_says(fused: FactsVM) -> None:
    """All of these are units of their own. Bytes of a unit count as those of its first micro-op."""
    guards = fused.instruction("GUARD_ODD"), fused.instruction("GUARD_BOTH")
    small = fused.instruction("GUARD_SMALL")
    known = fused.emitted(guards[0], small, *guards)[2:]
    assert known == [0, 0]
    moved = [fused.instruction("MOVE", d=1), fused.instruction("GUARD_ODD", a=1)]
    unknown = sum(fused.emitted(fused.instruction("CHANGE_ALL"), *moved)[1:])
    assert 0 < sum(fused.emitted(fused.instruction("CHANGE_ALL"), guards[0], *moved)[2:]) < unknown
    elsewhere = [fused.instruction("SET", d=1, imm=3), small, small]
    assert sum(fused.emitted(small, *elsewhere)[1:]) == sum(fused.emitted(small, elsewhere[0])[1:])
