"""That these tests can fail: a header in which one unit stands in for another gives other results."""

import random
import re
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
        ("BRANCH_KEEP__1_1_1", "BRANCH_KEEP__1_1"),  # a jump arrives with other entries in registers
        ("sg_transition__0_2", "sg_transition__0_1"),  # control falls through to where jumps arrive with other entries
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


def test_an_entry_that_is_not_on_the_stack_is_found_out(vm: StackVM, tmp_path: Path) -> None:
    """If micro-ops are said to access one entry more than they do, a word below the stack is written back that has changed."""
    header = vm.build.header
    start = header.index("static const sg_height sg_heights[")
    end = header.index("};", start)
    more = re.sub(r"= \{(\d+),", lambda match: f"= {{{int(match[1]) + 1},", header[start:end])
    assert more != header[start:end]
    mutant = compile_vm(vm.build.config, tmp_path, replace(vm.build, header=header[:start] + more + header[end:]))
    trace = [mutant.instruction(name) for name in ("PUSH", "MIX", "GUARD_EVEN", "POP", "LOOP")]
    assert vm.check(trace, 0, RANDOM, plan=2) is None
    assert any(mutant.check(trace, 0, RANDOM, plan=plan) for plan in range(20))
