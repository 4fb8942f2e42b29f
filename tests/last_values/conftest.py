"""The machine, compiled once a session: with units of all kinds, with stencils only, with a stack whose depth is static."""

import random

import pytest

from stencilgen.config import load_config
from stencilgen.pipeline import build
from stencilgen.units.building import Superstencils
from tests.last_values.harness import HERE, Machine, compile_vm, random_trace


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Each micro-op by itself."""
    config = load_config(HERE).model_copy(update={"stack": None})
    return compile_vm(config, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def united(plain: Machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """With stack entries in registers, and with superstencils for sequences that stand in random traces."""
    folder = tmp_path_factory.mktemp("united")
    profile = folder / "vm.profile"
    rng = random.Random(5)
    favourites = ("SET_IP", "SET_BOTH", "EXIT", "ADD", "PUSH", "LOOK_RARELY", "READ", "SET_LINE", "LOOK", "BLIND")
    favourites += ("EXIT_SET", "SET_SOMETIMES", "NEXT_FRAME", "WRITE_RARELY", "SET_EXIT", "BRANCH", "LOOK_EXIT")
    for _ in range(120):
        trace = random_trace(rng, plain, 12, favourites)
        assert plain.profile(trace, profile) is None
    result = build(load_config(HERE), cache=False, superstencils=Superstencils((profile,), count=60))
    return compile_vm(load_config(HERE), folder, result)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Each micro-op by itself, while the stack pointer stays where it is."""
    config = load_config(HERE)
    assert config.stack is not None
    stack = config.stack.model_copy(update={"depth": "static", "registers": 0})
    return compile_vm(config.model_copy(update={"stack": stack}), tmp_path_factory.mktemp("standing"))


@pytest.fixture(scope="session", params=["plain", "united", "standing"])
def machine(request: pytest.FixtureRequest) -> Machine:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Machine)
    return found
