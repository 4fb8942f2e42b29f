"""Random traces: micro-ops of all kinds one after the other, jumping forwards and backwards."""

import random

from tests.differential.harness import GARBAGE, Instruction, TestVM, random_instruction, random_value

LONGEST = 32
TRACES, STATES = 1200, 10


def _leaves(name: str) -> bool:
    """Whether it always leaves the trace, so that what follows it would seldom run."""
    return name.startswith(("RETURN_", "TAIL", "ABORT")) or name == "EXIT"


def random_trace(rng: random.Random, machine: TestVM) -> list[Instruction]:
    length = rng.randrange(1, LONGEST + 1)
    names = machine.names if rng.random() < 0.3 else [name for name in machine.names if not _leaves(name)]
    bias = random_value(rng)
    return [random_instruction(rng, machine, rng.choice(names), length, bias) for _ in range(length)]


def test_traces_do_what_their_stencils_say(machine: TestVM, scale: int, seed: int) -> None:
    rng = random.Random(seed)
    before = machine.runs, machine.ended, machine.exited
    executed = dict(machine.executed)
    for number in range(TRACES * scale):
        trace = random_trace(rng, machine)
        failure = machine.check(trace, rng.getrandbits(40), STATES, rng.choice((0, GARBAGE)))
        assert failure is None, f"trace {number} of seed {seed}: {failure}"
    runs, ended, exited = (
        now - then for now, then in zip((machine.runs, machine.ended, machine.exited), before, strict=True)
    )
    steps = {name: machine.executed[name] - executed.get(name, 0) for name in machine.names}
    print(
        f"\nseed {seed}: {runs} runs of {sum(steps.values())} micro-ops, {ended} reached the end, {exited} left by an exit"
    )
    assert runs == TRACES * STATES * scale
    assert ended >= runs // 5
    assert exited >= runs // 5
    assert all(count >= 5 for count in steps.values()), sorted(steps.items(), key=lambda pair: pair[1])[:5]
