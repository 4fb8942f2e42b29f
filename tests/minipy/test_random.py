"""Random programs (`generate.py`) show in every mode what CPython shows.

With --long all seeds up to LONG are run, in all modes. The seed is in the file's name: reduce.py makes a program small.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.minipy.generate import random_program
from tests.minipy.running import MODES, check_same, modes, run_python

PROGRAMS = 60
LONG = 2000


@pytest.mark.parametrize("classes", (False, True), ids=("plain", "classes"))
@pytest.mark.parametrize("part", range(4))
def test_random_programs(part: int, classes: bool, long: bool, tmp_path: Path) -> None:
    """The last of four parts has more errors."""
    for seed in range(part, LONG if long else PROGRAMS, 4):
        file = tmp_path / f"seed_{seed}.py"
        file.write_text(random_program(seed, errors=0.1 if part == 3 else 0.01, classes=classes))
        expected = run_python(file, checked=True)
        for options in modes(seed // 4, long):
            check_same(file, expected, *options)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**64),
    errors=st.sampled_from((0.0, 0.02, 0.2)),
    classes=st.booleans(),
    mode=st.sampled_from(sorted(MODES)),
)
def test_any_program(
    tmp_path_factory: pytest.TempPathFactory, seed: int, errors: float, classes: bool, mode: str
) -> None:
    """Seeds without bounds, and more or fewer errors."""
    file = tmp_path_factory.getbasetemp() / f"any_{seed}.py"
    file.write_text(random_program(seed, errors=errors, classes=classes))
    check_same(file, run_python(file, checked=True), *MODES[mode])


def test_most_random_programs_end_well(tmp_path: Path) -> None:
    """Else they would test little more than their first error."""
    file = tmp_path / "random.py"
    good = 0
    for seed in range(60):
        file.write_text(random_program(seed))
        good += run_python(file, checked=True).status == 0
    assert good > 45
