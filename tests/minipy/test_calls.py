"""Calls at their limits: recursion without end, and wide frames."""

from pathlib import Path

import pytest

from tests.minipy.running import MODES, run_minipy

ENDLESS = {
    "direct": "def f(n):\n    return f(n + 1) + 1\n\n\nprint(1)\nf(0)\n",
    "mutual": "def f(n):\n    return g(n)\n\n\ndef g(n):\n    return f(n * 0.5) + 1.5\n\n\nprint(1)\nf(3.0)\n",
    "in a loop": "def f(n):\n    for i in range(100):\n        f(i)\n\n\nprint(1)\nf(0)\n",
    "after it became hot": "def f(n):\n    return 0 if n == 0 else f(n - 1)\n\n\n"
    "for i in range(200):\n    f(100)\nprint(1)\nf(100000)\n",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ENDLESS)
def test_recursion_without_end_is_an_error(kind: str, mode: str, tmp_path: Path) -> None:
    file = tmp_path / "endless.py"
    file.write_text(ENDLESS[kind])
    got = run_minipy(file, "--check-refcounts", *MODES[mode])
    assert got.output == "1\n"
    assert got.error.startswith("RecursionError: maximum recursion depth exceeded")
    assert got.status == 1


@pytest.mark.parametrize("mode", MODES)
def test_functions_with_many_variables_recurse(mode: str, tmp_path: Path) -> None:
    """Whether they reach the bottom or the limit: nothing is overwritten."""
    assignments = "".join(f"    v{i} = n + {i}\n" for i in range(230))
    total = " + ".join(f"v{i}" for i in range(0, 230, 7))
    file = tmp_path / "wide.py"
    file.write_text(
        f"def f(n):\n{assignments}    return {total} + (f(n - 1) if n else 0)\n\n\nprint(f(5))\nprint(f(980))\n"
    )
    got = run_minipy(file, "--check-refcounts", *MODES[mode])
    five = sum(sum(n + i for i in range(0, 230, 7)) for n in range(6))
    deep = sum(sum(n + i for i in range(0, 230, 7)) for n in range(981))
    if got.status == 0:
        assert got.output == f"{five}\n{deep}\n"
    else:
        assert got.output == f"{five}\n"
        assert got.error.startswith("RecursionError: maximum recursion depth exceeded")
