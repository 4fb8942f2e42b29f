"""The test VMs, compiled once a session."""

import random
import re
from pathlib import Path

import pytest

from stencilgen.config import Code, Target, Versions, load_config
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


MACHINES = [
    ("vm", "x86-64"),
    ("wide_vm", "x86-64"),
    ("vm", "x86-64-v3"),
    ("wide_vm", "x86-64-v3"),
    ("vm", "x86-64-v4"),
    ("vm", "x86-64", "plain"),  # without versions, folding and splitting, as it is built to measure what they bring
]


@pytest.fixture(scope="session", params=MACHINES, ids=" for ".join)
def machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TestVM:
    """Each test VM in turn, built for a level of x86-64 that this machine has."""
    name, cpu, *plain = request.param
    if not has(cpu):
        pytest.skip(f"this machine is not {cpu}")
    config = load_config(HERE / name)
    if cpu != "x86-64":
        config = config.model_copy(update={"target": Target(cpus=[cpu])})
    if plain:
        config = config.model_copy(update={"code": Code(fold=False, split=False), "versions": Versions(limit=1)})
    return compile_vm(config, tmp_path_factory.mktemp(name))


def has(cpu: str) -> bool:
    """By the kernel's word: the features of this level that say most."""
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    needed = {
        "x86-64": set[str](),
        "x86-64-v3": {"avx2", "bmi2", "fma"},
        "x86-64-v4": {"avx512bw", "avx512dq", "avx512vl"},
    }
    return needed[cpu] <= set(flags[1].split() if flags else ())
