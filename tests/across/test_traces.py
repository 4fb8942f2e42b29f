"""A trace ends in the same state whatever units it is put together from."""

import random
import re
from itertools import combinations
from pathlib import Path

from stencilgen.config import Target, load_config
from tests.across.harness import BEST, HERE, OPS, PLAIN, RANDOM, StackVM, compile_vm, random_trace, wide_accesses

TRACES, RUNS, LONGEST = 3000, 6, 40


def test_random_traces_of_units_chosen_at_random(vm: StackVM) -> None:
    """Every unit that the planner may choose takes part (test_loops has those that jump to where entries are in registers), and
    every way out is taken.
    """
    rng = random.Random(7)
    for number in range(TRACES):
        trace, height = random_trace(rng, vm, rng.randrange(1, LONGEST))
        failure = vm.check(trace, height, RANDOM, plan=number, seed=rng.getrandbits(40), runs=RUNS)
        assert failure is None, failure
    missing = sorted(name for name, n in vm.emitted.items() if n == 0 and not re.search(r"__\d_\d_\d$", name))
    assert not missing, missing
    assert vm.ended >= vm.runs // 10
    exiting = {"GUARD_EVEN", "GUARD_SECOND", "GUARD_POP", "ADD_CHECKED", "EXIT_CHANGED", "JUMP_BACK"}
    assert exiting <= vm.exits.keys(), vm.exits


def test_random_traces_of_the_cheapest_units(vm: StackVM) -> None:
    rng = random.Random(8)
    for number in range(TRACES):
        trace, height = random_trace(rng, vm, rng.randrange(0, LONGEST))
        failure = vm.check(trace, height, rng.choice((BEST, PLAIN)), plan=number, seed=number * 100, runs=RUNS)
        assert failure is None, failure


def test_every_micro_op_by_itself(vm: StackVM) -> None:
    rng = random.Random(9)
    for name in OPS:
        for selection in (BEST, PLAIN, RANDOM):
            trace, height = random_trace(rng, vm, 1, (name, name))
            failure = vm.check(trace, height, selection, plan=5, runs=60)
            assert failure is None, failure


def test_every_order_of_two_micro_ops(vm: StackVM) -> None:
    rng = random.Random(10)
    for first in OPS:
        for second in OPS:
            trace = [
                vm.instruction(name, rng.randrange(8), rng.randrange(-9, 99), target=2) for name in (first, second)
            ]
            failure = vm.check(trace, 12, RANDOM, plan=rng.getrandbits(30), seed=rng.getrandbits(30), runs=4)
            assert failure is None, failure


def test_units_for_several_levels_of_x86_64(tmp_path: Path) -> None:
    """The lowest level decides which there are; each has code of its own where that differs."""
    config = load_config(HERE)
    config = config.model_copy(update={"target": Target(cpus=["x86-64", "x86-64-v3"])})
    vm = compile_vm(config, tmp_path)
    functions = re.findall(r"sg_units_v3\[\].*?= \{\n(.*?)\};", vm.build.header, re.S)[0].split()
    higher = [name for name in functions if name.endswith("_v3,")]
    assert 0 < len(higher) < len(functions) // 2
    assert any("ADD_REAL__" in name for name in higher)
    rng = random.Random(20)
    for number in range(TRACES // 3):
        trace, height = random_trace(rng, vm, rng.randrange(1, LONGEST))
        failure = vm.check(trace, height, RANDOM, plan=number, seed=rng.getrandbits(40), runs=RUNS)
        assert failure is None, failure


def test_transitions_are_units(vm: StackVM) -> None:
    """They spill the deepest of the entries in registers, or fill registers with those below."""
    transitions = {(int(name[-3]), int(name[-1])) for name in vm.emitted if name.startswith("sg_transition")}
    assert {(1, 0), (2, 0), (3, 0)} <= transitions
    assert {(before, after) for before, after in transitions if before < after} == set(combinations(range(4), 2))


def test_no_stencil_and_no_unit_loads_or_stores_two_entries_at_once(vm: StackVM) -> None:
    """A wide load of what two stores have just written has to wait until they are done."""
    made = {unit.name: wide_accesses(unit.stencil) for unit in (*vm.build.stencils, *vm.build.units)}
    assert {"COPY_PAIR", "SWAP_2"} <= made.keys()
    assert {name: wide for name, wide in made.items() if wide} == {}
