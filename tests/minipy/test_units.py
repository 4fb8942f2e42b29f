"""Traces do the same whatever units they are put together from: micro-ops by themselves, or sequences of them fused."""

from pathlib import Path

import pytest

from tests.minipy.running import MINIPY, PROGRAMS, check_same, run_minipy_raw, run_python, smaller
from tests.minipy.test_programs import SIZES

FUSED = ("--superstencils", "40")


@pytest.fixture(scope="module", autouse=True)
def fused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first run builds the VM, which may take longer than any test."""
    file = tmp_path_factory.mktemp("fused") / "first.py"
    file.write_text("print(1)\n")
    output, errors, status = run_minipy_raw(file, *FUSED, "--check-refcounts", seconds=600)
    assert (output, status) == ("1\n", 0), errors


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program: Path, tmp_path: Path, long: bool) -> None:
    file = tmp_path / program.name
    file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
    expected = run_python(file)
    for selection in ("best", "plain", *(f"random:{seed}" for seed in range(40 if long else 2))):
        check_same(file, expected, *FUSED, "--jit", "always", "--selection", selection)


def test_a_profile_tells_micro_ops_with_their_operands(tmp_path: Path) -> None:
    """What it is for: sequences whose second micro-op uses what the first one made."""
    file = tmp_path / "loop.py"
    file.write_text("xs = [1, 2, 3]\ntotal = 0\nfor i in range(3000):\n    total += xs[i % 3]\nprint(total)\n")
    profile = tmp_path / "profile"
    output, errors, status = run_minipy_raw(file, "--profile", str(profile))
    assert (output, status) == ("6000\n", 0), errors
    heaviest = max(profile.read_text().splitlines(), key=lambda line: int(line.split()[0]))
    assert int(heaviest.split()[0]) > 2000
    assert " ^" in heaviest and "GET_LIST" in heaviest and ":" in heaviest
    assert (MINIPY / "minipy.profile").read_text().count("\n") > 50
