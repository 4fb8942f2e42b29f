"""The programs print what CPython prints, at a size that takes CPython milliseconds."""

from pathlib import Path

import pytest

from tests.minipy.running import MODES, PROGRAMS, check_same, run_python, smaller

SIZES = {
    "chaos": {"SIZE": 6000},
    "deltablue": {"SIZE": 80},
    "fannkuch": {"SIZE": 6},
    "fft": {"SIZE": 8},
    "float": {"SIZE": 2500},
    "lu": {"SIZE": 24},
    "mandelbrot": {"SIZE": 24},
    "matrix_multiply": {"SIZE": 22},
    "monte_carlo": {"SIZE": 15000},
    "nbody": {"SIZE": 250},
    "nqueens": {"SIZE": 6, "ROUNDS": 2},
    "richards": {"SIZE": 1200},
    "sieve": {"SIZE": 15000},
    "sor": {"SIZE": 20, "SWEEPS": 20},
    "sparse_mat_mult": {"SIZE": 4},
    "spectral_norm": {"SIZE": 14},
}


def test_every_program_has_a_small_size() -> None:
    assert [program.stem for program in PROGRAMS] == sorted(SIZES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_program(program: Path, mode: str, tmp_path: Path) -> None:
    file = tmp_path / program.name
    file.write_text(smaller(program.read_text(), list(SIZES[program.stem].items())))
    expected = run_python(file)
    assert expected.status == 0 and expected.output
    check_same(file, expected, *MODES[mode])
