"""The check can fail: emit functions with one wrong value, immediate or branch are found out, nearly all of them."""

import random
import re
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.pipeline import Build, build
from tests.differential.harness import GARBAGE, TestVM, compile_vm, random_instruction, random_value, with_garbage

VM = Path(__file__).parent / "vm"

_JUMP = re.compile(r"(\\x0f\\x8)([0-9a-f])(.*// j(?!mp)\w+ =>EXIT)$", re.MULTILINE)
_VALUE = re.compile(r"(const int64_t [EW]\d+ = )(.*)(;)$", re.MULTILINE)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(with_garbage(load_config(VM), tmp_path_factory.mktemp("mutations")), cache=False)


def undetected(machine: TestVM, names: set[str]) -> set[str]:
    rng = random.Random(5)

    def detected(name: str) -> bool:
        traces = ([random_instruction(rng, machine, name, 1, random_value(rng))] for _ in range(40))
        return any(machine.check(trace, rng.getrandbits(40), 10, GARBAGE) for trace in traces)

    return {name for name in names if not detected(name)}


def test_a_wrong_expression_is_detected(built: Build, tmp_path: Path) -> None:
    """Every JIT-time value one too large."""
    with_values = {stencil.name for stencil in built.stencils if stencil.expressions}

    def wrong(header: str) -> str:
        changed, count = _VALUE.subn(r"\1(int64_t)((uint64_t)(\2) + 1)\3", header)
        assert count >= len(with_values)
        return changed

    machine = compile_vm(load_config(VM), tmp_path, result=built, change=wrong)
    missed = undetected(machine, with_values)
    print(f"\n{len(with_values)} stencils with a wrong value, {len(missed)} undetected: {', '.join(sorted(missed))}")
    assert len(with_values) >= 100
    assert len(missed) <= len(with_values) // 20


def test_a_wrong_side_exit_is_detected(built: Build, tmp_path: Path) -> None:
    """Every conditional jump to the exit stub goes the other way: je for jne and so on."""
    exiting = {s.name for s in built.stencils if re.search(r"\| j(?!mp)\w+ =>EXIT", s.dasc)}

    def wrong(header: str) -> str:
        def opposite(line: re.Match[str]) -> str:
            return f"{line[1]}{int(line[2], 16) ^ 1:x}{line[3]}"

        changed, count = _JUMP.subn(opposite, header)
        assert count >= len(exiting)
        return changed

    machine = compile_vm(load_config(VM), tmp_path, result=built, change=wrong)
    missed = undetected(machine, exiting)
    print(f"\n{len(exiting)} stencils with a wrong exit, {len(missed)} undetected: {', '.join(sorted(missed))}")
    assert len(exiting) >= 15
    assert len(missed) <= len(exiting) // 10
