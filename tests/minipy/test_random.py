"""Random programs (`generate.py`), made and made small by hypothesis, show in every mode what CPython shows.

In CI they are the same each time, in two modes each; with --long thousands of new ones, in all modes. What hypothesis has
made small, `reduce.py` makes smaller.
"""

from pathlib import Path

import pytest

from tests.minipy.generate import each_program
from tests.minipy.running import MODES, check_same, run_python

COUNTS = {0.0: (40, 500), 0.01: (100, 1000), 0.1: (40, 500)}
"""By how likely errors are: how many programs in CI, and with --long."""


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
@pytest.mark.parametrize("errors", COUNTS)
def test_random_programs(errors: float, classes: bool, long: bool, tmp_path: Path) -> None:
    file = tmp_path / "random.py"

    def check(program: str, mode: str) -> None:
        file.write_text(program)
        expected = run_python(file, checked=True)
        for name in MODES if long else {"always", mode}:
            check_same(file, expected, *MODES[name])

    each_program(check, COUNTS[errors][long], 1, errors=errors, classes=classes, long=long)


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
def test_most_random_programs_end_well(classes: bool, tmp_path: Path) -> None:
    """Else they would test little more than their first error; and few are met twice."""
    file = tmp_path / "random.py"
    statuses: dict[str, int] = {}
    runs = 0

    def check(program: str, mode: str) -> None:
        nonlocal runs
        file.write_text(program)
        statuses[program] = run_python(file, checked=True).status
        runs += 1

    each_program(check, 60, 1, errors=0.01, classes=classes, long=False)
    assert len(statuses) > 0.85 * runs >= 0.85 * 60
    assert sum(status == 0 for status in statuses.values()) > 0.7 * len(statuses)
