"""Every stencil alone: each of its holes at every edge of every width, from random states."""

import random

from tests.differential.harness import EDGES, FAR, GARBAGE, Failure, TestVM, random_instruction, random_value

STATES = 6

VALUES = {
    "imm": tuple(value - 2**64 if value >> 63 else value for value in EDGES),
    "operand": EDGES,
    "bias": tuple(value - 2**64 if value >> 63 else value for value in EDGES),
    "oparg": tuple(sorted({value % 2**16 for value in EDGES})),
    "slot": tuple(range(64)),
    "step": tuple(range(-3, 4)),
    "choice": tuple(range(8)),
    "target": (0, 1) * 8,
    "other": (0, 1) * 8,
}
"""What each hole is set to, in turn; pointers and real numbers come from `random_instruction`."""


def test_each_stencil_does_what_its_source_says(machine: TestVM, scale: int) -> None:
    rng = random.Random(1)
    failures: dict[str, Failure] = {}
    for name, stencil in machine.stencils.items():
        cases = [(hole, value) for hole in stencil.holes for value in VALUES.get(hole, range(16))] or [("oparg", 0)] * 8
        for hole, value in cases:
            for flags in (0, GARBAGE):
                instruction = random_instruction(rng, machine, name, 1, random_value(rng))
                if hole in VALUES:
                    setattr(instruction, hole, value)
                failure = machine.check([instruction], rng.getrandbits(40), STATES * scale, flags)
                if failure:
                    failures.setdefault(name, failure)
    assert not failures, "\n".join(map(str, failures.values()))
    least, count = min(machine.executed.items(), key=lambda pair: pair[1])
    assert machine.executed.keys() == set(machine.names)
    assert count >= 8 * STATES, f"{least} ran {count} times only"
    failures = [*call_for_every_version(machine, rng), *run_out_of_reach(machine, rng)]
    assert not failures, "\n".join(map(str, failures))
    assert not unemitted(machine), "versions that no trace called for"
    assert len(machine.versions) > len(machine.names)
    print(f"\n{len(machine.versions)} versions of {len(machine.names)} stencils, {machine.runs} runs:")
    print(f"{machine.ended} reached the end,")
    print(f"{machine.exited} left by an exit, {machine.returned} returned, {machine.aborted} aborted")


def unemitted(machine: TestVM) -> list[tuple[str, str]]:
    """The versions that no trace has called for yet."""
    counts = zip(machine.versions, machine.emitted(), strict=True)
    return [version for version, count in counts if count == 0 and version[0] != "GARBAGE"]


def run_out_of_reach(machine: TestVM, rng: random.Random) -> list[Failure]:
    """Run stencils that have versions for variables out of reach where nothing is in reach."""
    names = [name for name, stencil in machine.stencils.items() if "SG_NEAR" in stencil.dasc]
    traces = ([random_instruction(rng, machine, name, 1, random_value(rng))] for name in names for _ in range(200))
    failures = [machine.check(trace, rng.getrandbits(40), 2, FAR | GARBAGE) for trace in traces]
    return [failure for failure in failures if failure is not None]


def call_for_every_version(machine: TestVM, rng: random.Random) -> list[Failure]:
    """Go on with stencils that have versions not yet emitted: all small operands, and any."""
    failures = []
    for name in dict.fromkeys(name for name, _ in unemitted(machine)):
        for small in range(600):
            instruction = random_instruction(rng, machine, name, 1, random_value(rng))
            if small < 256:
                instruction.oparg, instruction.choice, instruction.operand = small, small % 8, small
            failures.append(machine.check([instruction], rng.getrandbits(40), 2, GARBAGE))
    return [failure for failure in failures if failure is not None]


def test_functions_and_variables_may_be_more_than_2_gb_away(machine: TestVM, scale: int) -> None:
    rng = random.Random(2)
    calls = variables = 0
    for name, stencil in machine.stencils.items():
        failure = machine.check(
            [random_instruction(rng, machine, name, 1, 7)], rng.getrandbits(40), 20 * scale, FAR | GARBAGE
        )
        assert failure is None, str(failure)
        calls += "call extern" in stencil.dasc
        variables += "SG_NEAR(" in stencil.dasc
    assert calls >= 7
    assert variables >= 3 or machine.build.config.directory.name != "vm"
