"""Facts of stack entries, wherever these are: variants, transitions and fused units do what the micro-ops say, knowing what is
known and no more.
"""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.units.building import Superstencils
from tests.facts.harness import build_quietly
from tests.facts.stack_harness import BEST, HERE, PLAIN, RANDOM, StackFactsVM, compile_vm, random_trace

TRACES = 600


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> StackFactsVM:
    """With up to three entries in registers."""
    return compile_vm(load_config(HERE), tmp_path_factory.mktemp("stacked"))


@pytest.fixture(scope="module")
def profile(stacked: StackFactsVM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profile") / "vm.profile"
    rng = random.Random(1)
    for _ in range(300):
        stacked.profile(random_trace(rng, stacked, 24)[0], path)
    return path


@pytest.fixture(scope="module", params=["a stack", "no stack", "static depth"])
def fused(request: pytest.FixtureRequest, profile: Path, tmp_path_factory: pytest.TempPathFactory) -> StackFactsVM:
    config = load_config(HERE)
    assert config.stack is not None
    if request.param == "no stack":
        config = config.model_copy(update={"stack": None})
    elif request.param == "static depth":
        stack = config.stack.model_copy(update={"registers": 0, "depth": "static"})
        config = config.model_copy(update={"stack": stack})
    many = 80 if request.param == "a stack" else 240  # there each sequence is compiled for several states
    built = build_quietly(config, superstencils=Superstencils((profile,), count=60, candidates=many))
    return compile_vm(config, tmp_path_factory.mktemp("fused"), built)


def compare(vm: StackFactsVM, seed: int, traces: int = TRACES) -> tuple[int, int]:
    """How many of so many random traces are shorter with facts than without, and longer."""
    rng = random.Random(seed)
    shorter = longer = 0
    for number in range(traces):
        trace, height = random_trace(rng, vm, rng.randrange(0, 40))
        for selection in (BEST, RANDOM, PLAIN):
            sizes = []
            for facts in (True, False):
                failure = vm.check(trace, height, selection, facts=facts, seed=number * 10)
                assert failure is None, f"trace {number}, facts {facts}, selection {selection}: {failure}"
                sizes.append(vm.size)
            shorter += sizes[0] < sizes[1]
            longer += sizes[0] > sizes[1]
    return shorter, longer


def test_random_traces(stacked: StackFactsVM) -> None:
    shorter, longer = compare(stacked, 2)
    assert shorter > TRACES and longer < shorter / 10
    assert stacked.ended >= stacked.runs // 20
    guards = {"GUARD_ODD", "GUARD_SECOND_SMALL", "GUARD_SINGLE", "GUARD_LOCAL", "GUARD_POP", "HALVE", "EXIT_CHANGED"}
    assert guards <= stacked.exits.keys()
    for seed in range(100, 130):  # some units are rare
        missing = [n for n, count in stacked.used.items() if count == 0 and "__" in n and "transition" not in n]
        if not missing:
            break
        compare(stacked, seed, TRACES // 4)
    assert not missing, missing


def test_random_traces_of_fused_micro_ops(fused: StackFactsVM) -> None:
    shorter, longer = compare(fused, 3)
    assert shorter > TRACES and longer < shorter / 10
    longest = {name for name, count in fused.used.items() if count and name.count("__") > 2}
    assert len(longest) >= 10


def test_verified_traces_run_to_their_end(profile: Path, tmp_path: Path) -> None:
    """What is known is true, in every unit."""
    built = build_quietly(
        load_config(HERE), superstencils=Superstencils((profile,), count=40, candidates=40), verify=True
    )
    compare(compile_vm(load_config(HERE), tmp_path, built), 4, TRACES // 8)


MUTATIONS = {
    "locations of entries do not shift": ("SG_SHIFT_STACK(", "(void)("),
    "what was popped is known of what is pushed": ("SG_SHIFT_STACK(", "SG_ONLY_SHIFT("),
    "another value is still known": ("SG_FORGET(", "(void)("),
    "entries that a callee has changed are still known": ("SG_FORGET_FROM(", "(void)("),
    "entries change places without what is known of them": ("SG_EXCHANGE(", "SG_KEEP("),
    "a value that was written over is still the one that was copied": ("SG_FORGET(", "SG_FORGET_FACTS("),
    "a value that was changed by a callee is still the one that was copied": (
        "SG_FORGET_FROM(",
        "SG_FORGET_FACTS_FROM(",
    ),
    "a copy is known from before": ("SG_COPY(", "SG_KEEP("),
}
PREAMBLE = """\
#define SG_KEEP(to, from) ((void)(to), (void)(from))
#define SG_FORGET_FACTS(location) sg_unlearn(as, location, UINT32_MAX)
#define SG_FORGET_FACTS_FROM(location) sg_unlearn_from(as, location, UINT32_MAX - 1), sg_unlearn_from(as, location, 1)
#define SG_ONLY_SHIFT(amount) (as->facts->ranges[1].origin += (amount))
"""


@pytest.mark.parametrize("what", MUTATIONS)
def test_knowing_too_much_is_found_out(what: str, stacked: StackFactsVM, tmp_path: Path) -> None:
    old, new = MUTATIONS[what]
    assert old in stacked.build.header
    changed = replace(stacked.build, header=PREAMBLE + stacked.build.header.replace(old, new))
    mutant = compile_vm(load_config(HERE), tmp_path, changed)
    rng = random.Random(6)
    traces = (random_trace(rng, mutant, rng.randrange(4, 24)) for _ in range(6000))
    assert any(mutant.check(trace, height, RANDOM, seed=n) for n, (trace, height) in enumerate(traces))


# ---- What is known, and until when ----


def known(vm: StackFactsVM, *before: tuple[str, dict[str, int]], guard: str = "GUARD_ODD") -> bool:
    """Whether a guard behind these micro-ops takes no code, all entries being in memory."""
    trace = [vm.instruction(name, **operands) for name, operands in before]
    return vm.emitted(*trace, vm.instruction(guard), selection=PLAIN) == vm.emitted(*trace, selection=PLAIN)


ODD = ("GUARD_ODD", {})


def op(name: str, **operands: int) -> tuple[str, dict[str, int]]:
    return name, operands


def test_an_entry_takes_with_it_what_is_known(stacked: StackFactsVM) -> None:
    assert not known(stacked)
    assert known(stacked, ODD)
    assert known(stacked, ODD, op("COPY_1"))
    assert known(stacked, ODD, op("PUSH", imm=4), op("SWAP_2"))
    assert known(stacked, ODD, op("PUSH", imm=4), op("COPY_2"))
    assert known(stacked, ODD, op("PUSH", imm=4), op("POP"))
    assert known(stacked, ODD, op("STORE", d=3), op("LOAD", a=3))
    assert known(stacked, ODD, op("STORE", d=3), op("MOVE_LOCAL", d=1, a=3), op("LOAD", a=1))
    rotated = op("PUSH", imm=7), op("PUSH", imm=4), op("PUSH", imm=4), op("ROTATE_3")
    assert known(stacked, *rotated[:-1], op("POP"), op("POP"))
    assert not known(stacked, *rotated)
    assert known(stacked, *rotated, op("POP"))
    assert not known(stacked, *rotated, op("POP"), op("POP"))


def test_what_is_pushed_again_is_another_value(stacked: StackFactsVM) -> None:
    assert not known(stacked, ODD, op("MIX"))
    assert not known(stacked, ODD, op("POP"), op("LOAD", a=1))
    assert not known(stacked, ODD, op("POP"), op("PUSH_CALLS"))
    assert not known(stacked, ODD, op("COPY_1"), op("DROP_SOME", d=2), op("LOAD", a=1))
    assert not known(stacked, ODD, op("CHANGE_2"))
    assert not known(stacked, ODD, op("POP_ONE_OR_TWO"))


def test_what_is_learnt_of_a_copy_is_known_of_what_it_was_copied_from(stacked: StackFactsVM) -> None:
    load = op("LOAD", a=1)
    assert known(stacked, load, ODD, op("POP"), load)
    assert known(stacked, load, op("COPY_1"), ODD, op("POP"), op("POP"), load)
    assert known(stacked, load, op("PUSH", imm=4), op("SWAP_2"), ODD, op("POP"), op("POP"), load)
    assert known(stacked, load, op("STORE", d=2), op("LOAD", a=2), ODD, op("POP"), load)
    for change in (op("CHANGE_LOCAL", d=1), op("CHANGE_ALL_LOCALS"), op("MOVE_LOCAL", d=1, a=3)):
        assert not known(stacked, load, change, ODD, op("POP"), load), change
    for change in (op("MIX"), op("RARE_CALL"), op("CHANGE_2"), op("FORGET_IT_ALL")):
        assert not known(stacked, load, change, ODD, op("POP"), load), change


def test_what_was_a_copy_before_a_loop_is_none_in_it(stacked: StackFactsVM) -> None:
    """The entry below stays, the local changes in each iteration."""
    load = op("LOAD", a=1)
    body = (ODD, load, ODD, op("POP"), op("CHANGE_LOCAL", d=1), op("JUMP_BACK", target=1))
    trace = [stacked.instruction(name, **operands) for name, operands in (load, *body)]
    failure = stacked.check(trace, 4, PLAIN, runs=100)
    assert failure is None, failure


def test_locals_stay_where_they_are(stacked: StackFactsVM) -> None:
    local = op("STORE", d=1)
    for between in ("PUSH", "POP", "COPY_1", "DROP_SOME", "CHANGE_2", "TWO_ENDS"):
        assert known(stacked, ODD, local, op(between, d=2), op("LOAD", a=1)), between
    assert not known(stacked, ODD, local, op("CHANGE_ALL_LOCALS"), op("LOAD", a=1))


def test_what_is_known_of_an_entry_is_known_in_a_loop(stacked: StackFactsVM) -> None:
    """Relative to the top, that is where it was before."""
    guard, push, pop = (stacked.instruction(name) for name in ("GUARD_ODD", "PUSH", "POP"))
    back = stacked.instruction("JUMP_BACK", target=1)
    assert stacked.emitted(guard, guard, push, pop, back) == stacked.emitted(guard, push, pop, back)
    changed = stacked.instruction("MIX")
    assert stacked.emitted(guard, guard, changed, back) > stacked.emitted(guard, changed, back)
