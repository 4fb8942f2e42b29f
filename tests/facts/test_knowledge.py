"""What is known, and until when: a guard whose answer is known has no code."""

import pytest

from tests.facts.harness import WINDOW, FactsVM, Instruction

FORGETTING = [
    *("SET", "ADD", "TWO_ENDS", "PERHAPS_WRITE", "EITHER_WRITE", "COUNT_ODD"),  # another value, perhaps
    *("CHANGE_FROM", "CHANGE_ALL"),
]


def after(vm: FactsVM, *trace: Instruction, guard: Instruction, facts: bool = True) -> int:
    """Bytes that a guard takes behind a trace."""
    return vm.emitted(*trace, guard, facts=facts)[-1]


def odd(vm: FactsVM, slot: int = 0) -> Instruction:
    return vm.instruction("GUARD_ODD", a=slot)


def test_a_guard_is_needed_once(vm: FactsVM) -> None:
    for name in ("GUARD_ODD", "GUARD_SMALL", "GUARD_MARKED"):
        guard = vm.instruction(name, a=2)
        assert after(vm, guard=guard) > 0
        assert after(vm, guard, guard=guard) == 0
        assert after(vm, guard, guard=guard, facts=False) == after(vm, guard=guard)


def test_each_fact_of_each_slot_is_known_by_itself(vm: FactsVM) -> None:
    assert after(vm, odd(vm, 0), guard=odd(vm, 1)) > 0
    assert after(vm, odd(vm, 0), guard=vm.instruction("GUARD_SMALL", a=0)) > 0
    both = vm.instruction("GUARD_BOTH", a=0, b=1)
    alone = after(vm, guard=both)
    assert 0 < after(vm, odd(vm, 0), guard=both) < alone
    assert after(vm, odd(vm, 0), vm.instruction("GUARD_SMALL", a=1), guard=both) == 0


@pytest.mark.parametrize("name", FORGETTING)
def test_another_value_is_not_known(vm: FactsVM, name: str) -> None:
    change = vm.instruction(name, d=0, a=0, b=0, imm=2)
    assert after(vm, odd(vm), change, guard=odd(vm)) > 0 or name == "TWO_ENDS"
    assert after(vm, vm.instruction("GUARD_MARKED"), change, guard=vm.instruction("GUARD_MARKED")) > 0


def test_what_both_ways_say_is_known_and_what_one_says_is_not(vm: FactsVM) -> None:
    two_ends = vm.instruction("TWO_ENDS", d=0, a=1)
    assert after(vm, two_ends, guard=odd(vm)) == 0
    doubled = vm.instruction("ADD", d=3, a=0, b=0)
    assert after(vm, two_ends, guard=doubled) == after(vm, guard=doubled)  # a constant on one of the ways only
    assert after(vm, vm.instruction("PERHAPS_LEARN"), guard=odd(vm)) > 0


def test_a_value_takes_with_it_what_is_known(vm: FactsVM) -> None:
    assert after(vm, odd(vm, 0), vm.instruction("MOVE", d=1, a=0), guard=odd(vm, 1)) == 0
    assert after(vm, odd(vm, 1), vm.instruction("MOVE", d=1, a=0), guard=odd(vm, 1)) > 0
    swapped = odd(vm, 0), vm.instruction("SWAP", d=0, a=1)
    assert after(vm, *swapped, guard=odd(vm, 1)) == 0
    assert after(vm, *swapped, guard=odd(vm, 0)) > 0


def test_locations_shift_with_the_window(vm: FactsVM) -> None:
    call, back = (vm.instruction(name, b=WINDOW) for name in ("CALL_", "RETURN_"))
    assert after(vm, odd(vm, WINDOW + 1), call, guard=odd(vm, 1)) == 0
    assert after(vm, odd(vm, 1), call, guard=odd(vm, 1)) > 0
    assert after(vm, odd(vm, 1), call, back, guard=odd(vm, 1)) == 0
    assert after(vm, odd(vm, 0), back, guard=odd(vm, WINDOW)) == 0


def test_parts_are_forgotten(vm: FactsVM) -> None:
    learnt = odd(vm, 0), odd(vm, 5), vm.instruction("GUARD_MARKED", a=0)
    from_3 = vm.instruction("CHANGE_FROM", a=3)
    assert after(vm, *learnt, from_3, guard=odd(vm, 0)) == 0
    assert after(vm, *learnt, from_3, guard=odd(vm, 5)) > 0
    unmark_all = vm.instruction("UNMARK_ALL")
    assert after(vm, *learnt, unmark_all, guard=odd(vm, 0)) == 0
    assert after(vm, *learnt, unmark_all, guard=vm.instruction("GUARD_MARKED", a=0)) > 0
    unmark = vm.instruction("UNMARK", a=0)
    assert after(vm, *learnt, unmark, guard=odd(vm, 0)) == 0
    assert after(vm, *learnt, unmark, guard=vm.instruction("GUARD_MARKED", a=0)) > 0


def test_constants_become_immediates(vm: FactsVM) -> None:
    sum_of_two = vm.instruction("ADD", d=2, a=0, b=1)
    unknown = after(vm, guard=sum_of_two)
    set_0, set_1 = (vm.instruction("SET", d=slot, imm=7) for slot in (0, 1))
    assert after(vm, set_0, set_1, guard=sum_of_two) < unknown
    # so does what is computed from them, and a guard that looks at it is decided
    assert after(vm, set_0, set_1, sum_of_two, guard=vm.instruction("GUARD_SMALL", a=2)) == 0


def test_what_is_said_may_depend_on_operands(vm: FactsVM) -> None:
    """Of a constant it is known whether it is odd, though no code depends on it."""
    assert after(vm, vm.instruction("SET", imm=3), guard=odd(vm)) == 0
    assert after(vm, vm.instruction("SET", imm=4), guard=odd(vm)) > 0


def test_what_a_guard_compares_with_is_known_behind_it(vm: FactsVM) -> None:
    for imm in (2, 3, 300, 301):
        guarded = vm.instruction("GUARD_IS", imm=imm)
        assert (after(vm, guarded, guard=odd(vm)) == 0) == (imm % 2 == 1)
        assert (after(vm, guarded, guard=vm.instruction("GUARD_SMALL")) == 0) == (imm < 256)


def test_what_holds_is_assumed_in_the_code_behind(vm: FactsVM) -> None:
    """HALF tests again what its guard has found out: known or not, that takes no code."""
    half = next(stencil for stencil in vm.build.stencils if stencil.name == "HALF")
    assert len(half.versions) == 2
    assert str(0xBAD) not in half.dasc
    small = vm.instruction("GUARD_SMALL", a=0)
    assert after(vm, small, guard=vm.instruction("HALF", d=1, a=0)) < after(vm, guard=vm.instruction("HALF", d=1, a=0))


def test_nothing_is_known_where_jumps_arrive_from_before(vm: FactsVM) -> None:
    forward = vm.instruction("BRANCH", a=1, target=2)
    assert after(vm, odd(vm), forward, guard=odd(vm)) > 0
    elsewhere = vm.instruction("BRANCH", a=1, target=2)
    assert after(vm, elsewhere, odd(vm), odd(vm), guard=odd(vm)) == 0


def loop(vm: FactsVM, before: Instruction, *body: Instruction, back: Instruction | None = None) -> list[int]:
    """Bytes of each micro-op of a loop's body, with one micro-op before the loop."""
    return vm.emitted(before, *body, back or vm.instruction("GO", target=1))[1:-1]


def test_what_holds_in_every_iteration_is_known_in_the_loop(vm: FactsVM) -> None:
    write_odd, write_even = (vm.instruction("SET", d=0, imm=imm) for imm in (3, 4))
    assert loop(vm, odd(vm), odd(vm)) == [0]
    assert loop(vm, odd(vm), odd(vm), vm.instruction("SET", d=4, imm=4))[0] == 0
    assert loop(vm, odd(vm), odd(vm), write_odd)[0] == 0
    assert loop(vm, odd(vm), odd(vm), write_even)[0] > 0
    assert loop(vm, vm.instruction("MARK_IT"), odd(vm), write_odd)[0] > 0  # not at first


def test_what_the_loop_takes_for_known_must_come_back_to_the_same_location(vm: FactsVM) -> None:
    """Each iteration calls a function, or moves a value by one slot."""
    call = vm.instruction("CALL_", b=WINDOW)
    back = vm.instruction("GO", target=1)
    assert vm.emitted(odd(vm), odd(vm), call, vm.instruction("RETURN_", b=WINDOW), back)[1] == 0
    assert vm.emitted(odd(vm), odd(vm), vm.instruction("SWAP", d=0, a=1), back)[1] > 0


def test_a_constant_of_one_iteration_is_none_of_the_loop(vm: FactsVM) -> None:
    """Slot 0 is 2 at first, and twice as much in each iteration."""
    first, doubled = vm.instruction("SET", d=0, imm=2), vm.instruction("ADD", d=0, a=0, b=0)
    known, unknown = after(vm, first, guard=doubled), after(vm, guard=doubled)
    assert known < unknown
    assert loop(vm, first, doubled) == [unknown]
    elsewhere = vm.instruction("ADD", d=1, a=0, b=0)
    assert loop(vm, first, elsewhere) == [after(vm, first, guard=elsewhere)]


def test_a_jump_that_changes_something_first_knows_nothing(vm: FactsVM) -> None:
    assert loop(vm, odd(vm), odd(vm), back=vm.instruction("WRITE_AND_BRANCH", d=8, a=9, target=1))[0] > 0
    assert loop(vm, odd(vm), odd(vm), back=vm.instruction("LEARN_AND_BRANCH", a=9, target=1))[0] == 0


def test_loops_in_loops(vm: FactsVM) -> None:
    """What the inner loop loses the outer one does not know either."""
    inner, outer = vm.instruction("BRANCH", a=3, target=2), vm.instruction("GO", target=1)
    assert vm.emitted(odd(vm), odd(vm), odd(vm), vm.instruction("MARK_IT", a=5), inner, outer)[1:3] == [0, 0]
    loses = vm.emitted(odd(vm), odd(vm), odd(vm), vm.instruction("SET", d=0, imm=2), inner, outer)
    assert loses[1] > 0
    assert loses[2] > 0


def test_locations_out_of_the_table_are_never_known(vm: FactsVM) -> None:
    far = vm.instruction("SET", d=-32768, imm=3)
    trace = far, vm.instruction("GUARD_ODD", a=-32768)
    assert vm.check(trace, runs=0) is None
