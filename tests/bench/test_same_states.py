"""One stencil source, three ways to machine code, one meaning: copy-and-patch (with the stack in registers too), LLVM over
the whole trace, and stencilgen with each of its steps across micro-ops.

On random states every guard of a trace fails at some time, so that also what an exit leaves is compared.
"""

import collections
import random
from pathlib import Path

import pytest

from bench import baseline, whole_trace
from bench import vm as machine
from bench.baseline.cached import build_cached
from bench.quality.variants import COMPILED, OPERANDS, PEELED, STACK
from bench.quality.ways import BOTH, EVERYTHING, SINGLE, Way, build_way, profile_of
from bench.vm import Library
from stencilgen.config import load_config
from stencilgen.pipeline import build
from tests.differential.harness import GARBAGE, compile_vm, with_garbage
from tests.differential.test_traces import random_trace

DIFFERENTIAL = Path(__file__).resolve().parent.parent / "differential"
STATES, TRACES = 200, 150


@pytest.fixture(scope="module")
def libraries() -> dict[str, Library]:
    config = machine.configuration()
    copied = {name: baseline.build(config, baseline.FLAVOURS[name]) for name in ("O3", baseline.BEST)}
    stacked = config.model_copy(update={"stack": STACK})
    copied |= {f"{n} cached": build_cached(stacked, baseline.FLAVOURS[n]).copied for n in ("O3", baseline.BEST)}
    plain, vm = build(config), machine.load()
    traces = [(1, [(op.name, op.operands) for op in machine.trace(vm, name)]) for name in machine.NAMES]
    profile = profile_of(traces, plain, OPERANDS)
    without = machine.configuration(facts=False)
    ways = {
        f"{way.name}, facts {bool(made.facts)}": build_way(
            made, way, stack=STACK.pointer, operands=OPERANDS, profile=profile, candidates=40
        )
        for way, made in (
            *((SINGLE, without), (Way(2), config), (BOTH, without), (EVERYTHING, config)),
            *((Way(static=True), without), (Way(2, static=True), config)),
        )
    }
    flags = ["-I", str(copied["O3"].include)]
    return {
        "paged": machine.library(baseline.paged(copied["O3"]), runtime=[baseline.PAGES], flags=flags),
        **{n: machine.library(b.header) for n, b in {"stencilgen": plain, **ways}.items()},
        **{n: machine.library(b.header, flags=["-I", str(b.include)]) for n, b in copied.items()},
    }


@pytest.mark.parametrize("name", machine.NAMES)
def test_random_states_end_alike(libraries: dict[str, Library], name: str) -> None:
    vm = machine.load()
    runs = {variant: library.run(name) for variant, library in libraries.items()}
    runs |= {f"{variant}, {PEELED}": library.run(f"{name}+{PEELED}") for variant, library in libraries.items()}
    for variant, told in COMPILED.items():
        suffix = f"+{PEELED}" if told.get("peeled") else ""
        runs[variant] = whole_trace.build(vm, name, **told).library.run(name + suffix)
    exits: collections.Counter[int] = collections.Counter()
    for seed in range(STATES):
        results = {variant: run.disturbed(seed) for variant, run in runs.items()}
        exits[results["stencilgen"].exit_index] += 1
        assert len(set(results.values())) == 1, f"seed {seed}: {results}"
    assert len(exits) >= 4, exits


@pytest.mark.parametrize(("folder", "flavour"), [("vm", baseline.BEST), ("wide_vm", baseline.BEST), ("wide_vm", "O3")])
def test_random_traces_of_copied_stencils_do_what_their_source_says(folder: str, flavour: str, tmp_path: Path) -> None:
    config = load_config(DIFFERENTIAL / folder)

    def copied(_: str) -> str:
        made = baseline.build(with_garbage(config, tmp_path), baseline.FLAVOURS[flavour])
        # the harness counts versions; copied stencils have one each
        uncounted = "static inline void count_nothing(void) { (void)count_version; }\n"
        return uncounted + made.header.replace('"copy_and_patch.h"', f'"{made.include}/copy_and_patch.h"')

    vm = compile_vm(config, tmp_path, change=copied)
    rng = random.Random(7)
    for number in range(TRACES):
        trace = random_trace(rng, vm)
        failure = vm.check(trace, rng.getrandbits(40), 10, rng.choice((0, GARBAGE)))
        assert failure is None, f"trace {number}: {failure}"
    assert vm.exited and vm.ended and vm.runs == 10 * TRACES
