"""Mistakes in [stack] are told with their line; the Python API works for a VM that has one."""

from pathlib import Path
from types import SimpleNamespace

import pytest

import stencilgen
from stencilgen.config import load_config
from stencilgen.errors import UserError
from stencilgen.pipeline import build
from stencilgen.units.derivation import stack_of

HERE = Path(__file__).parent / "vm"


@pytest.mark.parametrize(
    ("old", "new", "what", "line"),
    [
        ('pointer = "sp"', 'pointer = "top"', "no 'top'", 'pointer = "top"'),
        ('pointer = "sp"', 'pointer = "acc"', "has the type uint64_t", 'pointer = "acc"'),
        ('pointer = "sp"', 'pointer = "sp"\nregisters = 9', "registers", "registers = 9"),
        ('pointer = "sp"', 'pointer = "sp"\nslot = 4', "slot", "slot = 4"),
        ('pointer = "sp"', 'pointer = "sp"\nregisters = 0', "asks for nothing", "registers = 0"),
        (
            'escapes = ["vm_look"]',
            'depth = "static"\n[holes.sg_depth]\nvalue = "instruction->d"\ntype = "int16_t"',
            "has the name of the one that holds the depth",
            "[holes.sg_depth]",
        ),
        ('pointer = "sp"', 'pointer = "sp"\ndepth = "known"', "depth", 'depth = "known"'),
        ('["vm_look"]', '["vm_lok"]', "no stencil calls the function vm_lok", 'escapes = ["vm_lok"]'),
        (
            'escapes = ["vm_look"]',
            'depth = "static"\n[last]\ntop = { place = "sp[0]" }',
            "found by the stack pointer",
            'top = { place = "sp[0]" }',
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, what: str, line: str) -> None:
    for path in HERE.glob("*.[ch]"):
        (tmp_path / path.name).write_text(path.read_text())
    text = (HERE / "stencilgen.toml").read_text().replace(old, new)
    (tmp_path / "stencilgen.toml").write_text(text)
    with pytest.raises(UserError, match=what) as error:
        build(load_config(tmp_path), only=["ADD"], cache=False)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.line == 1 + text.splitlines().index(line)


@pytest.mark.parametrize(
    ("integers", "words"), [(10, "there are 2 registers left"), (12, "no registers left"), (13, "no reg")]
)
def test_a_state_that_leaves_too_few_registers(integers: int, words: str) -> None:
    state = [SimpleNamespace(name=f"p{number}", type="uint64_t *", kind="i") for number in range(integers - 1)]
    facts = SimpleNamespace(state=[SimpleNamespace(name="sp", type="uint64_t *", kind="i"), *state])
    with pytest.raises(UserError, match=words) as error:
        stack_of(load_config(HERE), facts)
    (diagnostic,) = error.value.diagnostics
    assert ("make the state smaller" in diagnostic.remedy) == (integers >= 12)


def test_statistics_say_why_a_stencil_keeps_its_stack_in_memory() -> None:
    rows = build(load_config(HERE), only=["ADD", "HEIGHT", "PICK", "RELOAD"], cache=False).stats["units"]["stencils"]
    assert rows["ADD"]["kept"]
    assert rows["HEIGHT"] == {"memory_form": "computes with the stack pointer as a number"}
    assert rows["PICK"] == {"memory_form": "accesses the stack at a distance from the top that is not constant"}
    assert rows["RELOAD"] == {"memory_form": "hands on a stack pointer that it has from elsewhere"}


def test_the_python_api_runs_and_lists_units(tmp_path: Path) -> None:
    for path in (*HERE.glob("vm.[ch]"), *HERE.glob("language.h"), *HERE.glob("stencils.c"), HERE / "stencilgen.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    vm = stencilgen.load(tmp_path)
    code = vm.compile([vm.PUSH(imm=40), vm.PUSH(imm=2), vm.ADD(), vm.TO_ACCUMULATOR()])
    assert "PUSH" in code.listing() and "TO_ACCUMULATOR" in code.listing()
