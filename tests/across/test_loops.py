"""Entries stay in registers around loops: where jumps arrive, all ways meet in one state, and it pays."""

import random
import re
from collections import Counter

import stencilgen
from tests.across.harness import BEST, HERE, JUMPS, PLAIN, RANDOM, StackVM, random_trace

LOOPY = (
    *("PUSH", "POP", "LOAD", "STORE", "COPY_1", "COPY_2", "SWAP_2", "ROTATE_3", "ADD", "SUB", "NEGATE", "LESS"),
    *(
        "TO_ACCUMULATOR",
        "FROM_ACCUMULATOR",
        "GUARD_EVEN",
        "GUARD_POP",
        "GUARD_LOCAL",
        "MIX",
        "RARE_CALL",
        "WALK_RARELY",
    ),
    *("ARRAY_2", "LOOK", "PICK", *JUMPS, "JUMP_BACK", "LOOP_PUSHING", "ROTATE_3", "ROTATE_3"),
)
"""Micro-ops of which a trace has many jumps."""


def test_random_loops_in_random_states(vm: StackVM) -> None:
    """Nested ones, and jumps forwards, in cold code, to several places, that push and pop. Every state is met in, and every unit
    takes part that leads there: those that jump to where entries are in registers, transitions that fill them.
    """
    rng = random.Random(31)
    met: Counter[int] = Counter()
    before = vm.emitted
    for number in range(6000):
        trace, height = random_trace(rng, vm, rng.randrange(2, 30), LOOPY)
        failure = vm.check(trace, height, RANDOM, plan=number, seed=rng.getrandbits(40), runs=6)
        assert failure is None, failure
        met.update(vm.arrivals(len(trace)).values())
    assert set(met) == {0, 1, 2, 3}
    emitted = {name for name, count in vm.emitted.items() if count > before[name]}
    leading = {name for name in vm.emitted if name.startswith("sg_transition") or re.search(r"__\d_\d_\d$", name)}
    assert any(name.startswith("ITERATE") for name in leading)
    assert leading <= emitted, leading - emitted


def test_random_loops_in_the_cheapest_states(vm: StackVM) -> None:
    rng = random.Random(32)
    met: Counter[int] = Counter()
    for number in range(6000):
        trace, height = random_trace(rng, vm, rng.randrange(2, 30), LOOPY)
        failure = vm.check(trace, height, BEST, plan=number, seed=rng.getrandbits(40), runs=6)
        assert failure is None, failure
        met.update(vm.arrivals(len(trace)).values())
    assert set(met) == {0, 1, 2, 3}


def arrivals(vm: StackVM, *ops: tuple[str, int] | str, selection: int = BEST, height: int = 4) -> dict[int, int]:
    """The states where jumps of a trace arrive, which is right, too. ops: micro-ops, those that jump with their targets."""
    pairs = [(op, 0) if isinstance(op, str) else op for op in ops]
    trace = [vm.instruction(name, number, 3 * number, target) for number, (name, target) in enumerate(pairs)]
    for seed in (0, 1):  # the planner has two ways to take minima
        failure = vm.check(trace, height, selection, plan=seed, seed=77, runs=20)
        assert failure is None, failure
    return vm.arrivals(len(trace))


def test_values_stay_in_registers_around_a_loop(vm: StackVM) -> None:
    assert arrivals(vm, "PUSH", "NEGATE", ("LOOP", 1), "STORE") == {1: 1}
    assert arrivals(vm, "PUSH", "PUSH", "SWAP_2", "NEGATE", ("LOOP", 2), "STORE", "STORE") == {2: 2}
    assert arrivals(vm, "PUSH", "PUSH", "PUSH", "ROTATE_3", "NEGATE", ("LOOP", 3), "STORE") == {3: 3}


def test_a_loop_on_values_in_registers_accesses_no_stack() -> None:
    machine = stencilgen.load(HERE)
    body = [machine.LOAD(oparg=1), machine.ADD(), machine.NEGATE(), machine.LOOP(target=1)]
    listing = machine.compile([machine.PUSH(imm=3), *body, machine.STORE(oparg=0)]).listing()
    assert "dec" in listing and "add r15" in listing
    assert "[r13" not in listing and ", r13" not in listing and "r13," not in listing


def test_registers_are_filled_where_a_trace_begins_with_its_loop(vm: StackVM) -> None:
    """An exit comes first; that there is an entry, the micro-op behind it says."""
    assert arrivals(vm, "GUARD_LOCAL", "NEGATE", ("JUMP_BACK", 0)) == {0: 1}


def test_nothing_is_filled_without_an_entry_that_the_loop_accesses(vm: StackVM) -> None:
    assert arrivals(vm, "GUARD_LOCAL", ("LOOP", 0), height=0) == {0: 0}
    assert arrivals(vm, "PUSH", "NEGATE", "STORE", ("LOOP", 0), height=0) == {0: 0}
    assert arrivals(vm, "POP_SOME", "NEGATE", ("LOOP", 1), height=40) == {1: 1}
    assert arrivals(vm, "POP_SOME", "NEGATE", ("LOOP", 0), height=40) == {
        0: 0
    }  # by how much it moves the top nobody knows


def test_a_loop_that_needs_its_values_in_memory_keeps_them_there(vm: StackVM) -> None:
    assert arrivals(vm, "PUSH", "PICK", "STORE", "PICK", "STORE", ("LOOP", 1)) == {1: 0}
    assert arrivals(vm, "PUSH", "NEGATE", ("LOOP", 1), selection=PLAIN) == {1: 0}


def test_loops_in_loops(vm: StackVM) -> None:
    """The inner one comes first, the outer one takes it as it is."""
    inner = ("NEGATE", "GUARD_EVEN", ("LOOP", 2))
    assert arrivals(vm, "PUSH", "NEGATE", *inner, "NEGATE", ("LOOP", 1)) == {1: 1, 2: 1}


def test_ways_that_part_and_meet_again(vm: StackVM) -> None:
    assert arrivals(vm, "PUSH", "NEGATE", ("BRANCH_KEEP", 6), "NEGATE", "NEGATE", "NEGATE", "NEGATE", "STORE") == {6: 1}


def test_several_jumps_to_one_head(vm: StackVM) -> None:
    assert arrivals(vm, "PUSH", "NEGATE", ("BRANCH_KEEP", 1), "NEGATE", ("LOOP", 1), "STORE") == {1: 1}


def test_a_micro_op_that_jumps_to_several_places_finds_all_in_memory(vm: StackVM) -> None:
    trace = [
        vm.instruction(name, target=0, other=other) for name, other in (("NEGATE", 0), ("NEGATE", 0), ("SWITCH", 1))
    ]
    assert vm.check(trace, 4, BEST) is None
    assert vm.arrivals(len(trace)) == {0: 0, 1: 0}


def test_a_jump_to_the_next_position_does_not_run_into_a_transition(vm: StackVM) -> None:
    """It is no jump where a unit ends in it, unless a transition stands behind the unit, for control that goes on."""
    before = vm.emitted["LOOP_CHANGING__1_1"]
    for plan in range(40):
        trace = [vm.instruction(name, target=2) for name in ("PUSH", "LOOP_CHANGING", "STORE")]
        failure = vm.check(trace, 4, RANDOM, plan=plan, seed=77)
        assert failure is None, failure
    assert vm.emitted["LOOP_CHANGING__1_1"] > before


def test_more_jumps_than_the_planner_looks_at(vm: StackVM) -> None:
    """Or a trace longer than it looks at: jumps arrive where all is in memory."""
    loops = [(name, 2 * number) for number in range(65) for name in ("NEGATE", "LOOP")]
    assert set(arrivals(vm, *loops[:-2]).values()) == {1}
    assert set(arrivals(vm, *loops).values()) == {0}
    assert arrivals(vm, *["NEGATE"] * 2047, ("LOOP", 0)) == {0: 1}
    assert arrivals(vm, *["NEGATE"] * 2048, ("LOOP", 0)) == {0: 0}
