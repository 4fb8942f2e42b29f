"""That these tests can fail: a header in which one unit stands in for another gives other results."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.across.harness import RANDOM, StackVM, compile_vm, random_trace


@pytest.mark.parametrize(
    ("unit", "other"),
    [
        ("sg_transition__2_0", "sg_transition__1_0"),  # an entry is lost
        ("NEGATE__2_2", "NEGATE__1_1"),  # another register
        ("GUARD_EVEN__1_1", "NOTHING__1_1"),  # an exit is not taken
        ("ADD_CHECKED__2_1", "ADD__2_1"),  # the same unless it overflows
    ],
)
def test_a_unit_in_the_place_of_another_is_found_out(vm: StackVM, tmp_path: Path, unit: str, other: str) -> None:
    header = vm.build.header
    table = header.index("sg_units[]")
    assert f"    emit_{unit},\n" in header[table:] and f"static void emit_{other}(" in header
    changed = header[:table] + header[table:].replace(f"    emit_{unit},\n", f"    emit_{other},\n", 1)
    changed += (
        f"static void (*const sg_unused)(sg_assembler *, const Instruction *) __attribute__((unused)) = emit_{unit};\n"
    )
    mutant = compile_vm(vm.build.config, tmp_path, replace(vm.build, header=changed))
    rng = random.Random(13)
    traces = (random_trace(rng, mutant, 30) for _ in range(3000))
    assert any(mutant.check(trace, height, RANDOM, plan=n) for n, (trace, height) in enumerate(traces))
