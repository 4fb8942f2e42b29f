"""Micro-ops that are fused know what they would know one by one: from before the unit, and from each other."""

import random

import pytest

from stencilgen.config import load_config
from stencilgen.units.building import Superstencils
from tests.facts.harness import HERE, FactsVM, build_quietly, compile_vm, random_trace

TRACES = 6000


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
