"""Fixtures that every room's tests may use; and how tests are spread over workers, one for each core.

A worker takes a whole file, or several that share a VM which takes long to build. What takes longest is begun
first: else one worker would end with it while the others have nothing left to do.
"""

import difflib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("house", deadline=None)  # no test depends on how fast the machine is
hypothesis.settings.load_profile("house")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


TESTS = Path(__file__).parent
TOGETHER = {
    "across": ("across/",),
    "differential/machines": ("differential/test_stencils.py", "differential/test_traces.py"),
    "facts": ("facts/",),
    "last_values": ("last_values/",),
}
"""What one worker takes as a whole, because it shares VMs: by group, what the paths of its files begin with."""
LONGEST = (
    "facts",
    "differential/test_random_stencils",
    "minipy/test_units",
    "bench/test_same_states",
    "across",
    "minipy/test_sanitized",
    "differential/machines",
    "last_values",
    "dasc/test_traces",
)
"""What is begun first, in this order."""
MOST_WORKERS = 8
"""More would only wait for the longest group; and what a test builds is spread over all cores already."""


def group_of(file: str) -> str:
    """The tests that one worker takes together with those of this file, whose path is relative to TESTS."""
    return next((group for group, begin in TOGETHER.items() if file.startswith(begin)), file.removesuffix(".py"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """One worker for each core, unless the command line says how many. None for one file, for `-s`, and for debuggers."""
    option = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput") or option.numprocesses is not None:
        return
    one_file = len(config.args) == 1 and ".py" in config.args[0]
    watched = option.capture == "no" or option.usepdb or option.trace
    option.numprocesses = 0 if one_file or watched else min(len(os.sched_getaffinity(0)), MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out groups, in the order of the tests; unless the command line says how (`--dist`)."""
    if config.option.dist != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = config.rootpath / nodeid.partition("::")[0]
            return group_of(file.relative_to(TESTS).as_posix())

    config.option.loadscopereorder = False
    return Groups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ranks = {group: rank for rank, group in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(group_of(item.path.relative_to(TESTS).as_posix()), len(ranks)))


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
