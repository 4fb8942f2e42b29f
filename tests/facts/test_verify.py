"""Code built with `--verify` trusts no fact: a false one ends the program, with the words that find the stencil."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from stencilgen.config import load_config
from tests.facts.harness import HERE, build_quietly, compile_vm, random_trace

CONFIG = (HERE / "stencilgen.toml").read_text()
RUN = """
import ctypes, stencilgen
vm = stencilgen.load({folder!r}, verify={verify})
slots = (ctypes.c_uint64 * 8)(4, 7)
code = vm.compile([{trace}])
exit = code(ctypes.addressof(slots), 0)
print(exit.value if exit.returned else f"exit {{exit.index}}")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VM of liars."""
    folder = tmp_path_factory.mktemp("liars")
    for name in ("vm.h", "vm.c", "liars.c"):
        (folder / name).write_text((HERE / name).read_text())
    (folder / "stencilgen.toml").write_text(CONFIG.replace("stencils.c", "liars.c"))
    return folder


def run(folder: Path, trace: str, *, verify: bool = True) -> subprocess.CompletedProcess[str]:
    script = RUN.format(folder=str(folder), verify=verify, trace=trace)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_a_false_fact_stops_the_program(folder: Path) -> None:
    ended = run(folder, "vm.SAY_IT_IS_ODD(a=0), vm.ASK(a=0), vm.READ(a=0)")
    assert ended.returncode == -6
    assert "liars.c:23: stencil ASK: what is known is false: odd" in ended.stderr


def test_a_false_constant_stops_the_program(folder: Path) -> None:
    ended = run(folder, "vm.SAY_IT_IS_7(a=0), vm.READ(a=0)")
    assert ended.returncode == -6
    assert "liars.c:30: stencil READ: what is known is false: the value of a constant" in ended.stderr


def test_true_facts_do_not(folder: Path) -> None:
    assert run(folder, "vm.SAY_IT_IS_ODD(a=1), vm.ASK(a=1), vm.SAY_IT_IS_7(a=1), vm.READ(a=1)").stdout == "7\n"
    assert run(folder, "vm.SAY_IT_IS_ODD(a=1), vm.ASK(a=0), vm.READ(a=0)").stdout == "exit 1\n"


def test_without_it_they_are_believed(folder: Path) -> None:
    trace = "vm.SAY_IT_IS_ODD(a=0), vm.ASK(a=0), vm.SAY_IT_IS_7(a=0), vm.READ(a=0)"
    assert run(folder, trace, verify=False).stdout == "7\n"


def test_honest_traces_run_to_their_end(tmp_path: Path) -> None:
    config = load_config(HERE)
    vm = compile_vm(config, tmp_path, build_quietly(config, verify=True))
    rng = random.Random(8)
    for number in range(2000):
        failure = vm.check(random_trace(rng, vm, rng.randrange(0, 40)), seed=number, runs=6)
        assert failure is None, failure


def test_a_vm_without_facts_has_none_to_verify(tmp_path: Path) -> None:
    (tmp_path / "vm.h").write_text((HERE / "vm.h").read_text())
    (tmp_path / "stencils.c").write_text("")
    table = '[facts]\nnames = ["odd", "small", "marked"]\n'
    (tmp_path / "stencilgen.toml").write_text(CONFIG.replace(table, ""))
    command = [sys.executable, "-m", "stencilgen", "build", "-c", str(tmp_path), "--verify"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode != 0
    assert "there are no facts to verify" in ended.stderr
