"""Units of several micro-ops do what their parts do, leave where their parts leave, and are chosen by what they save."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from stencilgen.config import Target, load_config
from stencilgen.pipeline import Build, build
from stencilgen.units.building import Superstencils
from tests.across.harness import BEST, OPS, RANDOM, Instruction, StackVM, compile_vm, random_trace, wide_accesses

HERE = Path(__file__).parent / "vm"
LOCALS = ("MOVE_LOCAL", "ADD_LOCAL", "SWAP_LOCALS", "DOUBLE_LOCAL", "GUARD_LOCAL", "MIX_LOCAL", "LOAD", "STORE")
LIVELY = tuple(name for name in OPS if name not in ("GARBAGE", "POP_SOME", "RETURN_TOP", "RETURN_ACCUMULATOR", "TAIL"))
COUNT = 40


def _profiled(vm: StackVM) -> list[tuple[list[Instruction], int]]:
    """Traces of all micro-ops, and of those that use locals."""
    rng = random.Random(11)
    return [random_trace(rng, vm, 24, names) for names in (LIVELY, LOCALS) for _ in range(7)]


@pytest.fixture(scope="module", params=["with a stack, for two levels", "without"])
def fused(request: pytest.FixtureRequest, vm: StackVM, tmp_path_factory: pytest.TempPathFactory) -> StackVM:
    folder = tmp_path_factory.mktemp("fused")
    for trace, _ in _profiled(vm):
        assert vm.profile(trace, folder / "profile.txt") is None
    config = load_config(HERE)
    if request.param == "without":
        config = config.model_copy(update={"stack": None})
    else:
        config = config.model_copy(update={"target": Target(cpus=["x86-64", "x86-64-v3"])})
    result = build(config, cache=False, superstencils=Superstencils((folder / "profile.txt",), COUNT))
    return compile_vm(config, folder, result)


def _superstencils(result: Build) -> list[str]:
    return list(result.stats["units"]["superstencils"])


def test_profiled_traces_end_as_without_superstencils(fused: StackVM) -> None:
    """Under the cheapest choice, and under random ones until every unit has been emitted."""
    assert len(_superstencils(fused.build)) > COUNT // 2
    traces = _profiled(fused)
    for number in range(150):
        for trace, height in traces:
            failure = fused.check(trace, height, RANDOM if number else BEST, plan=number, seed=number * 50, runs=8)
            assert failure is None, failure
    longer = {name for name, count in fused.emitted.items() if count and name.count("__") > 2}
    assert len(longer) >= COUNT // 2


def test_random_traces(fused: StackVM) -> None:
    rng = random.Random(12)
    for number in range(1500):
        trace, height = random_trace(rng, fused, rng.randrange(1, 40))
        failure = fused.check(trace, height, rng.choice((BEST, RANDOM)), plan=number, seed=rng.getrandbits(40), runs=4)
        assert failure is None, failure


def test_units_for_other_operands_are_found_out(fused: StackVM, tmp_path: Path) -> None:
    """Without the comparison of operands the traces above would end otherwise."""
    header = fused.build.header
    start = header.index("static uint32_t sg_fitting(")
    end = header.index("\n}\n", start)
    compared = re.sub(
        r"if \(\(uint64_t\).*?\)\n +return", "if (instruction != 0)\n            return", header[start:end], flags=re.S
    )
    changed = replace(fused.build, header=header[:start] + compared + header[end:])
    mutant = compile_vm(fused.build.config, tmp_path, changed)
    rng = random.Random(14)
    traces = (random_trace(rng, mutant, 30, LOCALS) for _ in range(2000))
    assert any(mutant.check(trace, height, RANDOM, plan=n) for n, (trace, height) in enumerate(traces))


def test_equal_operands_become_one(tmp_path: Path) -> None:
    """What the first micro-op stores, the second has in a register; what is not the same place, it loads."""
    profile = tmp_path / "profile.txt"
    profile.write_text("5 MOVE_LOCAL:1,2 ADD_LOCAL:3,1\n5 MOVE_LOCAL:1,2 ADD_LOCAL:3,4\n")
    wish = Superstencils((profile,), 10)
    result = build(load_config(HERE), only=["MOVE_LOCAL", "ADD_LOCAL"], cache=False, superstencils=wish)
    assert _superstencils(result) == ["MOVE_LOCAL:0,1 ADD_LOCAL:2,0"]
    unit = next(unit for unit in result.units if unit.name == "MOVE_LOCAL__ADD_LOCAL__p01_20__0_0")
    assert unit.dasc.count("mov rax, qword") == 1 and "add qword" in unit.dasc


def test_what_is_chosen_saves_something(fused: StackVM) -> None:
    savings = [row["saved_cost"] for row in fused.build.stats["units"]["superstencils"].values()]
    assert all(saving > 0 for saving in savings)
    assert savings == sorted(savings, reverse=True)


def test_no_unit_loads_or_stores_two_entries_at_once(fused: StackVM) -> None:
    """A wide load of what two stores have just written has to wait until they are done."""
    made_of_pairs = [unit for unit in fused.build.units if "COPY_PAIR" in unit.name or "SWAP_2" in unit.name]
    assert any(unit.name.count("__") > 2 for unit in made_of_pairs)
    assert {unit.name: wide for unit in fused.build.units if (wide := wide_accesses(unit.stencil))} == {}


def _build_few(profile: Path) -> set[str]:
    names = ["PUSH", "ADD", "SUB", "NEGATE"]
    wish = Superstencils((profile,), 10)
    return set(_superstencils(build(load_config(HERE), only=names, cache=False, superstencils=wish)))


def test_a_stale_profile_is_harmless(tmp_path: Path) -> None:
    """Micro-ops that no longer exist cut its traces."""
    profile = tmp_path / "profile.txt"
    profile.write_text("5 GONE PUSH ADD GONE_TOO ^PUSH SUB\n")
    assert _build_few(profile) == {"PUSH ADD", "PUSH SUB"}


def test_no_unit_spans_a_place_that_jumps_arrive_at(tmp_path: Path) -> None:
    profile = tmp_path / "profile.txt"
    profile.write_text("5 PUSH ADD PUSH SUB\n")
    assert any(len(name.split()) > 2 for name in _build_few(profile))
    profile.write_text("5 PUSH ADD ^PUSH SUB\n")
    assert _build_few(profile) == {"PUSH ADD", "PUSH SUB"}


def test_what_is_chosen_does_not_depend_on_traces_before(vm: StackVM, tmp_path: Path) -> None:
    """Where jumps arrive, several choices are tried; none looks at what another trial has left."""
    rng = random.Random(1)
    names = ("PUSH", "NEGATE", "ADD", "LOAD", "STORE", "LESS", "BRANCH", "BRANCH_KEEP", "BRANCH_KEEP", "BRANCH_RARELY")
    for _ in range(14):
        assert vm.profile(random_trace(rng, vm, 24, names)[0], tmp_path / "profile.txt") is None
    config = load_config(HERE)
    result = build(config, cache=False, superstencils=Superstencils((tmp_path / "profile.txt",), COUNT))
    branching = compile_vm(config, tmp_path, result)
    traces = [random_trace(rng, branching, rng.randrange(2, 40), (*names, "LOOP")) for _ in range(3000)]

    def states(trace: list[Instruction], height: int) -> dict[int, int]:
        assert branching.check(trace, height, BEST, runs=1) is None
        return branching.arrivals(len(trace))

    chosen = [states(*trace) for trace in traces]
    assert chosen == [states(*trace) for trace in reversed(traces)][::-1]
