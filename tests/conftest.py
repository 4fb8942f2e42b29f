"""Fixtures that every room's tests may use."""

import difflib
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("house", deadline=None)  # no test depends on how fast the machine is
hypothesis.settings.load_profile("house")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="write what the tests compare with golden files into these files"
    )
    parser.addoption(
        "--long", action="store_true", help="many more random cases, from a new seed each time (which is printed)"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str | Path, str], None]:
    """`golden(path, text)`: the text must equal the golden file at `path`, relative to `goldens/` beside the test.

    `pytest --update-goldens` writes the files instead; review the difference with git before you commit it.
    """
    directory = request.path.parent / "goldens"
    update = request.config.getoption("--update-goldens")

    def compare(path: str | Path, text: str) -> None:
        file = directory / path
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        if not file.exists():
            pytest.fail(f"{file} does not exist: create it by pytest --update-goldens, and review it")
        expected = file.read_text(encoding="utf-8")
        if text != expected:
            lines = difflib.unified_diff(expected.splitlines(), text.splitlines(), str(file), "this run", lineterm="")
            pytest.fail("\n".join([*lines, "", "if this is what it should be: pytest --update-goldens"]), pytrace=False)

    return compare
