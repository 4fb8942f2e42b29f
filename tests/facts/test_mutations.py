"""The comparison with the reference finds each way to know too much: emit functions that do not forget, forget too late, or
mix up locations.
"""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.pipeline import Build
from tests.facts.harness import HERE, FactsVM, compile_vm, random_trace

MUTATIONS = {
    "a value that was written is still known": ("SG_FORGET(", "(void)("),
    "the facts of a new value add to those of the old one": ("SG_KNOW(", "SG_LEARN("),
    "a fact that was lost is still known": ("SG_UNLEARN(", "SG_LEARN("),
    "a fact that was lost everywhere is still known": ("SG_UNLEARN_EVERYWHERE(", "(void)("),
    "what a call changes is still known": ("SG_FORGET_FROM(", "(void)("),
    "what a call that changes all changes is still known": ("SG_FORGET_ALL()", "(void)as"),
    "a copy is known from before": ("SG_COPY(", "SG_KEEP("),
    "values that change places leave behind what is known": ("SG_EXCHANGE(", "SG_KEEP("),
    "locations do not shift": ("SG_SHIFT(", "(void)("),
    "jumps arrive where more is known": (
        "        sg_facts_arrive(as, i);\n",
        "as->facts->targets[i] |= SG_FROM_BEFORE;\n",
    ),
    "jumps back are not compared with the loop's head": ("SG_JUMPS(", "(void)("),
    "what is lost before a jump is still known": ("SG_JUMPS_KNOWING_NOTHING(", "SG_JUMPS("),
    "a loop is not emitted again": (
        "            i = sg_facts_rewind(as);\n            continue;\n",
        "as->facts->again = 0;\n",
    ),
}
PREAMBLE = "#define SG_KEEP(to, from) ((void)(to), (void)(from))\n"
TRACES = 30000


@pytest.mark.parametrize("what", MUTATIONS)
def test_it_is_found(what: str, vm: FactsVM, tmp_path: Path) -> None:
    mutant = compile_vm(load_config(HERE), tmp_path, _mutated(vm.build, *MUTATIONS[what]))
    rng = random.Random(6)
    assert any(
        mutant.check(random_trace(rng, mutant, rng.randrange(4, 24)), seed=number, runs=6) for number in range(TRACES)
    )


def _mutated(build: Build, old: str, new: str) -> Build:
    assert old in build.header
    return replace(build, header=PREAMBLE + build.header.replace(old, new))
