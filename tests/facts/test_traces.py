"""A trace ends in the same state whatever is known along it, and knows what it should."""

import random
from pathlib import Path

import pytest

from stencilgen.config import load_config
from tests.facts.harness import HERE, OPS, FactsVM, compile_vm, random_trace

TRACES, RUNS, LONGEST = 6000, 6, 40


def test_random_traces(vm: FactsVM) -> None:
    rng = random.Random(3)
    shorter = 0
    for number in range(TRACES):
        trace = random_trace(rng, vm, rng.randrange(0, LONGEST))
        seed = rng.getrandbits(40)
        sizes = []
        for facts in (True, False):
            failure = vm.check(trace, facts=facts, seed=seed, runs=RUNS)
            assert failure is None, f"trace {number}, facts {facts}: {failure}"
            sizes.append(sum(vm.sizes))
        shorter += sizes[0] < sizes[1]
    assert shorter > TRACES // 4
    assert vm.ended >= vm.runs // 10
    assert {
        "GUARD_ODD",
        "GUARD_SMALL",
        "GUARD_MARKED",
        "GUARD_BOTH",
        "HALF",
        "GO",
        "LEARN_AND_BRANCH",
    } <= vm.exits.keys()


def test_every_order_of_three_micro_ops(vm: FactsVM) -> None:
    """The first tells, the second changes, a guard asks: about the same slots and about others."""
    rng = random.Random(4)
    guards = [name for name in OPS if name.startswith("GUARD")]
    for first in OPS:
        for second in OPS:
            for guard in (*guards, "ADD"):
                trace = [
                    vm.instruction(
                        name, rng.randrange(2), rng.randrange(2), rng.randrange(2), rng.randrange(4), target=3
                    )
                    for name in (first, second, guard)
                ]
                failure = vm.check(trace, seed=rng.getrandbits(30), runs=6)
                assert failure is None, failure


@pytest.mark.parametrize(
    ("what", "table"),
    [
        ("what is computed from holes is left to run time", "[code]\nfold = false"),
        ("versions", "[versions]\nlimit = 1"),
    ],
)
def test_without(what: str, table: str, tmp_path: Path) -> None:
    """Facts are asked and told all the same; with one version, known or not is tested at run time."""
    for name in ("vm.h", "vm.c", "stencils.c"):
        (tmp_path / name).write_text((HERE / name).read_text())
    (tmp_path / "stencilgen.toml").write_text(f"{(HERE / 'stencilgen.toml').read_text()}\n{table}\n")
    vm = compile_vm(load_config(tmp_path), tmp_path)
    rng = random.Random(9)
    for number in range(TRACES // 4):
        failure = vm.check(random_trace(rng, vm, rng.randrange(0, LONGEST)), seed=number * 10, runs=RUNS)
        assert failure is None, f"without {what}, trace {number}: {failure}"


def test_nothing_is_allocated_for_a_trace(vm: FactsVM) -> None:
    rng = random.Random(5)
    traces = [random_trace(rng, vm, 40) for _ in range(20)]
    for trace in traces:
        vm.check(trace, runs=0)
    before = vm.library.facts_allocations()
    for trace in traces:
        vm.check(trace, runs=0)
    assert vm.library.facts_allocations() == before
