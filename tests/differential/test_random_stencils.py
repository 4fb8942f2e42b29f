"""Random stencils: C that nobody would write, through the whole pipeline, and back to its meaning."""

import random
import shutil
from pathlib import Path

import pytest

from stencilgen.config import Config, load_config
from tests.differential.generate import STATES, random_stencils, state_files
from tests.differential.harness import GARBAGE, compile_vm, random_instruction, random_value

HERE = Path(__file__).parent

BATCHES, STENCILS = 3, 60
SINGLE_RUNS, TRACES, STATES_OF_TRACE = 24, 200, 10


def write_vm(directory: Path, seed: int, count: int, state: tuple[str, ...]) -> Config:
    """A folder with the configuration, sources and headers of a VM of random stencils."""
    directory.mkdir(parents=True, exist_ok=True)
    sources = random_stencils(seed, count, state)
    files = {**state_files(state), "stencils.c": '#include "language.h"\n\n' + "\n".join(sources.values())}
    for name, text in files.items():
        (directory / name).write_text(text)
    for name in ("vm.h", "helpers.c"):
        text = (HERE / "random_vm" / name).read_text().replace("../support/", f"{HERE / 'support'}/")
        (directory / name).write_text(text)
    shutil.copy(HERE / "random_vm" / "stencilgen.toml", directory)
    return load_config(directory)


def run_batch(workspace: Path, seed: int, state: tuple[str, ...]) -> None:
    config = write_vm(workspace / "vm", seed, STENCILS, state)
    machine = compile_vm(config, workspace / "build", follows_pointers=True)
    rng = random.Random(seed)
    for name in machine.names:
        for number in range(SINGLE_RUNS):
            trace = [random_instruction(rng, machine, name, 1, random_value(rng))]
            failure = machine.check(trace, rng.getrandbits(40), 8, GARBAGE * (number % 2))
            assert failure is None, f"batch {seed}: {failure}\n{random_stencils(seed, STENCILS, state)[name]}"
    for number in range(TRACES):
        length = rng.randrange(2, 20)
        trace = [random_instruction(rng, machine, rng.choice(machine.names), length, 0) for _ in range(length)]
        failure = machine.check(trace, rng.getrandbits(40), STATES_OF_TRACE, rng.choice((0, GARBAGE)))
        assert failure is None, f"batch {seed}, trace {number}: {failure}"
    print(f"\nbatch {seed}: {len(machine.names)} stencils, {machine.runs} runs: {machine.ended} reached the end,")
    print(f"{machine.exited} left by an exit, {machine.returned} returned, {machine.aborted} aborted")
    assert machine.runs == STENCILS * SINGLE_RUNS * 8 + TRACES * STATES_OF_TRACE
    assert machine.executed.keys() == set(machine.names)
    assert min(machine.ended, machine.exited, machine.returned) > 0


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_stencils_do_what_their_source_says(batch: int, tmp_path: Path, scale: int, seed: int) -> None:
    for number in range(scale):
        run_batch(tmp_path / str(number), seed + batch + BATCHES * number, STATES[batch % len(STATES)])
