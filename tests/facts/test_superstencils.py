"""Micro-ops that are fused know what they would know one by one: from before the unit, and from each other."""

import random
from pathlib import Path
from unittest.mock import patch

import pytest

from stencilgen.config import load_config
from stencilgen.units.building import Superstencils
from tests.facts.harness import HERE, FactsVM, Instruction, build_quietly, compile_vm, random_trace

TRACES = 6000
CHANGES = {"SET": "ODD", "ADD": "ODD", "MOVE": "ODD", "SWAP": "ODD", "UNMARK": "MARKED", "TWO_ENDS": "SMALL"}
"""Micro-ops that change what is known, and a guard that asks for it: each pair is a unit, for equal operands."""

CONSTANTS = (
    *("SET d=1, ADD d=2 a=1 b=1", "SET d=1, SET d=2, ADD d=3 a=1 b=2", "SET d=1, ADD d=2 a=1 b=1, GUARD_SMALL a=2"),
    *("SET d=1, MOVE d=2 a=1, GUARD_SMALL a=2", "SET d=1, SWAP d=2 a=1, ADD d=1 a=2 b=2", "SET d=1, GUARD_ODD a=1"),
    *("SET d=1, GUARD_SMALL a=1", "SET_REAL d=1, ADD d=2 a=1 b=1", "SET_POINTER d=1, MOVE d=2 a=1"),
    *("SET_ADDRESS d=1, MOVE d=2 a=1", "ADD d=2 a=1 b=1, ADD d=3 a=2 b=1", "SET d=1, ADD d=1 a=1 b=1, ADD d=1 a=1 b=1"),
)
"""Sequences that are units, in which a later part uses a constant that an earlier one tells."""


def written(vm: FactsVM, text: str, imm: int = 2) -> list[Instruction]:
    """The micro-ops that a text of CONSTANTS stands for."""
    words = [part.split() for part in text.split(", ")]
    operands = [{name: int(value) for name, value in (one.split("=") for one in rest)} for _, *rest in words]
    return [vm.instruction(name, imm=imm, **given) for (name, *_), given in zip(words, operands, strict=True)]


def change_and_ask(vm: FactsVM, name: str, imm: int = 2) -> list[Instruction]:
    """Of slot 1, which is written to. What is known of slot 0 is not asked for."""
    where = {"a": 1} if name == "UNMARK" else {"d": 1, "a": 0}
    change = vm.instruction(name, **where, imm=imm)
    return [change, vm.instruction(f"GUARD_{CHANGES[name]}", a=1)]


@pytest.fixture(scope="module")
def wish(vm: FactsVM, tmp_path_factory: pytest.TempPathFactory) -> Superstencils:
    """Units for what is frequent in random traces, and for a few sequences that are more so."""
    folder = tmp_path_factory.mktemp("profiles")
    profile = folder / "vm.profile"
    rng = random.Random(1)
    for _ in range(300):
        vm.profile(random_trace(rng, vm, 24), profile)
    for _ in range(100):
        vm.profile([vm.instruction("GUARD_ODD"), vm.instruction("GUARD_BOTH")], profile)
        vm.profile([vm.instruction("MOVE", d=1), vm.instruction("GUARD_ODD", a=1)], profile)
        vm.profile([vm.instruction("SET", d=1), vm.instruction("GUARD_SMALL"), vm.instruction("GUARD_SMALL")], profile)
    for often in (*(change_and_ask(vm, name) for name in CHANGES), *(written(vm, text) for text in CONSTANTS)):
        for _ in range(200):
            vm.profile(often, profile)
    return Superstencils((profile,), count=80)


@pytest.fixture(scope="module")
def fused(wish: Superstencils, tmp_path_factory: pytest.TempPathFactory) -> FactsVM:
    """With units that are not worth while where facts are known, as they are in these traces."""
    config = load_config(HERE)
    with patch("stencilgen.units.cost.of_versions", lambda costs, _: sum(costs) // len(costs)):
        built = build_quietly(config, superstencils=wish)
    return compile_vm(config, tmp_path_factory.mktemp("fused"), built)


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


@pytest.mark.parametrize("text", CONSTANTS)
def test_a_later_part_uses_a_constant_that_an_earlier_one_tells(fused: FactsVM, vm: FactsVM, text: str) -> None:
    """The unit is no longer than its micro-ops are by themselves, for which the table knows the constants; but for encodings."""
    names = "__".join(part.split()[0] for part in text.split(", "))
    assert any(unit.name.startswith(f"{names}__p") for unit in fused.build.units)
    for imm in (2, 3, 255, 256, 2**40 + 1, 2**63 + 5):
        trace = written(fused, text, imm)
        for before in ([], [fused.instruction("SET", d=slot, imm=imm + 7) for slot in (1, 2, 3)]):
            failure = fused.check([*before, *trace], seed=imm, runs=20)
            assert failure is None, failure
            assert sum(fused.sizes) <= sum(vm.emitted(*before, *trace)) + 4, (imm, fused.sizes, vm.sizes)


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("SET d=1, ADD d=2 a=1 b=1", 2),
        ("SET d=1, SET d=2, ADD d=3 a=1 b=2", 3),
        ("SET d=1, SWAP d=2 a=1, ADD d=1 a=2 b=2", 1),
        ("SET d=1, ADD d=1 a=1 b=1, ADD d=1 a=1 b=1", 1),
        ("SET d=4, ADD d=2 a=1 b=1, ADD d=3 a=2 b=1", 3),
    ],
)
def test_what_it_computes_from_constants_is_known_behind(fused: FactsVM, text: str, slot: int) -> None:
    """What is said depends on what an earlier part says; the last sequence's constant is from before the unit."""
    before = [fused.instruction("SET", d=1, imm=3)] if text.startswith("SET d=4") else []
    guard = fused.instruction("GUARD_SMALL", a=slot)
    for imm in (3, 2**40):
        trace = [*before, *written(fused, text, imm)]
        if before:
            trace[0].imm = imm
        grown = sum(fused.emitted(*trace, guard)) - sum(fused.emitted(*trace))
        assert (grown == 0) == (imm == 3), (imm, grown)


def test_what_parts_tell_each_other_is_true(wish: Superstencils, tmp_path: Path) -> None:
    """Units that trust nothing test what is known between their parts, too."""
    config = load_config(HERE)
    verified = compile_vm(config, tmp_path, build_quietly(config, superstencils=wish, verify=True))
    rng = random.Random(3)
    for number in range(TRACES // 3):
        failure = verified.check(random_trace(rng, verified, rng.randrange(2, 40)), seed=number * 10, runs=6)
        assert failure is None, f"trace {number}: {failure}"
