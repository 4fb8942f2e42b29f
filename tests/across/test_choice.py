"""Steps are closed under transitions, units that others replace are left out, plans are the cheapest there are."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from stencilgen.units.automaton import automaton_of
from stencilgen.units.choice import Choices, Costed, Step, choose
from stencilgen.units.plan import plan
from stencilgen.units.profile import Trace

TRANSITIONS = [Costed(f"t{a}{b}", (), a, b, 10 * (a - b)) for a in range(4) for b in range(a)]


def unit(name: str, kin: int, kout: int, cost: int) -> Costed:
    return Costed(f"{name}_{kin}{kout}", (name,), kin, kout, cost)


def test_a_step_spills_before_and_after_as_needed() -> None:
    choices = choose([*TRANSITIONS, unit("A", 0, 0, 100), unit("A", 1, 1, 5)], 3, 0)
    matrix = choices.matrices["A",]
    assert matrix[0][0] == Step("", "A_00", "", 1, 100)
    assert matrix[3][0] == Step("t31", "A_11", "t10", 1, 20 + 5 + 10)
    assert matrix[0][1] is None


def test_a_unit_that_a_transition_makes_up_for_is_left_out() -> None:
    units = [*TRANSITIONS, unit("A", 0, 0, 100), unit("A", 2, 2, 5), unit("A", 3, 2, 14)]
    assert "A_32" in choose(units, 3, 0).used
    assert "A_32" not in choose(units, 3, 1).used


def test_a_stencil_is_never_left_out() -> None:
    units = [*TRANSITIONS, unit("A", 0, 0, 100), unit("A", 1, 0, 1)]
    assert choose(units, 3, 1000).matrices["A",][0][0] is not None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_a_plan_is_the_cheapest_of_all_ways(seed: int, length: int) -> None:
    rng = random.Random(seed)
    units = [*TRANSITIONS]
    for name in "AB":
        units.append(unit(name, 0, 0, rng.randrange(50, 100)))
        units += [
            unit(name, kin, kout, rng.randrange(100))
            for kin, kout in itertools.product(range(4), repeat=2)
            if (kin or kout) and rng.random() < 0.6
        ]
    units.append(Costed("AB", ("A", "B"), 0, 1, rng.randrange(120)))
    units.append(Costed("AB_", ("A", "B"), 0, 0, rng.randrange(120)))
    choices = choose(units, 3, 0)
    trace = Trace(tuple(rng.choice("AB") for _ in range(length)), (rng.randrange(length),))
    assert plan(trace, choices.matrices, frozenset({("A", "B")}), 4).cost == _by_trying_all(trace, choices)


def _by_trying_all(trace: Trace, choices: Choices, position: int = 0, state: int = 0) -> int:
    if position == len(trace.ops):
        return 0 if state == 0 else 1 << 60
    if position in trace.targets and state:
        return 1 << 60
    best = 1 << 60
    for size in (1, 2):
        parts = trace.ops[position : position + size]
        if len(parts) < size or parts not in choices.matrices or (size == 2 and position + 1 in trace.targets):
            continue
        for after, step in enumerate(choices.matrices[parts][state]):
            if step:
                best = min(best, step.cost + _by_trying_all(trace, choices, position + size, after))
    return best


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ABC", min_size=2, max_size=4), min_size=1, max_size=8), st.text("ABCX", max_size=30))
def test_the_automaton_tells_which_sequences_end_where(sequences: list[str], trace: str) -> None:
    automaton = automaton_of([tuple(text) for text in dict.fromkeys(sequences)])
    node = 0
    for end, op in enumerate(trace, start=1):
        node = automaton.next[node][automaton.letters.get(op, 0)]
        expected = {tuple(text) for text in sequences if trace[:end].endswith(text)}
        assert set(automaton.endings[node]) == expected
        assert len(automaton.endings[node]) == len(expected)
