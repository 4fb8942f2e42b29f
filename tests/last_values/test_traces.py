"""Whenever stores to declared places are made, traces end in the same memory, and helpers see the same on the way."""

import random

import pytest

from tests.last_values.harness import (
    AT_ONCE,
    BEST,
    LENGTH,
    LONGEST,
    PLAIN,
    PUT_OFF,
    RANDOM,
    STORED,
    TRACES,
    Instruction,
    Machine,
    random_trace,
)

COUNT, RUNS = 2000, 6
MODES, SELECTIONS = (PUT_OFF, AT_ONCE, STORED), (BEST, PLAIN, RANDOM)


def linked_traces(rng: random.Random, vm: Machine) -> tuple[list[list[Instruction]], list[list[int]]]:
    """Some traces, and links from exits of each to later ones."""
    traces = [random_trace(rng, vm, rng.randrange(1, LENGTH), vm.names) for _ in range(TRACES)]
    links = [
        [rng.choice((0, rng.randrange(number + 1, TRACES) + 1)) if number + 1 < TRACES else 0 for _ in range(LONGEST)]
        for number in range(TRACES)
    ]
    return traces, links


def test_random_linked_traces(machine: Machine) -> None:
    rng = random.Random(21)
    for number in range(COUNT):
        traces, links = linked_traces(rng, machine)
        # entries that a trace left on the stack are more than the next one needs
        failure = machine.check(
            traces,
            links=links,
            mode=rng.choice((PUT_OFF, PUT_OFF, AT_ONCE, STORED)),
            selection=rng.choice(SELECTIONS),
            plan=number,
            seed=rng.getrandbits(40),
            runs=RUNS,
        )
        assert failure is None, failure
    returned, exited, elsewhere = machine.ends
    assert min(returned, exited, elsewhere) > COUNT * RUNS // 20, list(machine.ends)


@pytest.mark.parametrize("mode", MODES)
def test_loops_that_are_emitted_again(machine: Machine, mode: int) -> None:
    """What was known of a cell at a loop's head turns out not to hold in each iteration, and emission goes back there."""
    rng = random.Random(23)
    names = ("SET_IP", "SET_LINE", "EXIT", "LOOK_RARELY", "MAKE_ANY", "EXIT_UNLESS_ODD_SET", "SET_BY_FACT", "SET_EXIT")
    for number in range(300):
        before = [machine.instruction("MAKE_ODD", rng.getrandbits(40), cell) for cell in range(4)]
        loop = [
            machine.instruction(name, 0x7F00_0000_1000 + rng.randrange(300), rng.randrange(4), len(before))
            for name in (
                *rng.choices(names, k=rng.randrange(2, 12)),
                rng.choice(("JUMP_BACK", "SET_JUMP_BACK", "BRANCH")),
            )
        ]
        after = [machine.instruction(name, 0x7F00_0000_1000 + rng.randrange(300)) for name in rng.choices(names, k=3)]
        selection = rng.choice(SELECTIONS)
        failure = machine.check(
            [[*before, *loop, *after]], mode=mode, selection=selection, plan=number, seed=number * 50
        )
        assert failure is None, failure


@pytest.mark.parametrize("mode", MODES)
def test_every_order_of_two_micro_ops(machine: Machine, mode: int) -> None:
    """With a store before them, and somebody who looks after them."""
    rng = random.Random(22)
    for first in machine.names:
        for second in machine.names:
            trace = [
                machine.instruction("SET_BOTH", 0x7F00_0000_1000, 3),
                *(machine.instruction(name, 0x7F00_0000_1000 + rng.randrange(300), 1, 3) for name in (first, second)),
                machine.instruction("LOOK"),
            ]
            selection = rng.choice(SELECTIONS)
            failure = machine.check([trace], mode=mode, selection=selection, plan=rng.getrandbits(30), runs=10)
            assert failure is None, failure
