"""What minipy's tests share: how long they run, and a VM that is built before the first of them."""

import contextlib

import pytest

from tests.minipy.running import run_minipy_raw


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # another folder's tests know it too
        parser.addoption("--long", action="store_true", help="run minutes: thousands of random programs")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--long", default=False))


@pytest.fixture(scope="session", autouse=True)
def built(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first run builds the VM, which may take longer than any test."""
    file = tmp_path_factory.mktemp("minipy") / "first.py"
    file.write_text("print(1)\n")
    output, errors, status = run_minipy_raw(file, "--jit", "off", seconds=600)
    assert (output, status) == ("1\n", 0), errors
