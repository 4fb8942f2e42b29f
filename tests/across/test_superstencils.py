"""Units of several micro-ops do what their parts do, leave where their parts leave, and are chosen by what they save."""

import random
from collections import Counter
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.pipeline import Build, build
from stencilgen.units.building import Superstencils
from stencilgen.units.profile import Trace, write_profile
from tests.across.harness import BEST, JUMPS, OPS, RANDOM, Instruction, StackVM, compile_vm, random_trace, wide_accesses

HERE = Path(__file__).parent / "vm"
LIVELY = tuple(name for name in OPS if name not in ("GARBAGE", "POP_SOME", "RETURN_TOP", "RETURN_ACCUMULATOR", "TAIL"))
COUNT = 40


def _profiled(vm: StackVM) -> list[tuple[list[Instruction], int]]:
    rng = random.Random(11)
    return [random_trace(rng, vm, 24, LIVELY) for _ in range(9)]


def _profile(vm: StackVM, traces: list[tuple[list[Instruction], int]]) -> str:
    profile: Counter[Trace] = Counter()
    for trace, _ in traces:
        names = tuple(vm.names[instruction.opcode] for instruction in trace)
        targets = sorted(
            {i.target for i, name in zip(trace, names, strict=True) if name in JUMPS and i.target < len(trace)}
        )
        profile[Trace(names, tuple(targets))] += 1
    return write_profile(profile)


@pytest.fixture(scope="module", params=["with a stack", "without"])
def fused(request: pytest.FixtureRequest, vm: StackVM, tmp_path_factory: pytest.TempPathFactory) -> StackVM:
    folder = tmp_path_factory.mktemp("fused")
    (folder / "profile.txt").write_text(_profile(vm, _profiled(vm)))
    config = load_config(HERE)
    if request.param == "without":
        config = config.model_copy(update={"stack": None})
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
