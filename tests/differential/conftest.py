"""The test VMs, compiled once a session."""

import random
from pathlib import Path

import pytest

from stencilgen.config import load_config
from tests.differential.harness import TestVM, compile_vm

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> int:
    """How many times more to run than in the usual half a minute."""
    return 60 if request.config.getoption("--long") else 1


@pytest.fixture(scope="session")
def seed(scale: int) -> int:
    """Where random choices start: always at the same place, but elsewhere in every long run. Failures name it."""
    return 20240 if scale == 1 else random.SystemRandom().getrandbits(32)


@pytest.fixture(scope="session", params=["vm", "wide_vm"])
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TestVM:
    """Each test VM in turn."""
    return compile_vm(load_config(HERE / request.param), tmp_path_factory.mktemp(request.param))
