"""That these tests can fail: what forgets to write, or believes too much of memory, is found out."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.last_values.harness import PLAIN, PUT_OFF, Machine, compile_vm
from tests.last_values.test_traces import linked_traces

MUTATIONS = {
    "jumps arrive where memory is not right": (r"sg_meet_last\(as, plan, \(uint32_t\)i\);", "(void)plan;"),
    "exits write nothing": (r"sg_writing_exit_stub\(as, cold, \w+\)", "sg_exit_stub(as, cold)"),
    "exits trust memory that was perhaps written": (
        r"sg_writing_exit_stub\(as, cold, false\)",
        "sg_writing_exit_stub(as, cold, true)",
    ),
    "code writes nothing before a look": (r"sg_write_last\(as, (\w+(?: \+ \d+)?), \d, \w+\)", r"\1 + 0"),
    "code trusts memory that was perhaps written": (
        r"sg_write_last\(as, (\w+(?: \+ \d+)?), (\d), false\)",
        r"sg_write_last(as, \1, \2, true)",
    ),
    "what was perhaps written counts as not written": (r"sg_last_unsure\(as, (\w+(?: \+ \d+)?), \d\)", r"\1 + 0"),
    "what is not known is believed": (r"sg_last_forget\(as, (\w+(?: \+ \d+)?), \d\)", r"\1 + 0"),
    "what is known to be written is not": (r"sg_last_written\(as, (\w+(?: \+ \d+)?), \d\)", r"\1 + 0"),
    "a store is forgotten": (r"sg_set_last\(as, (\w+(?: \+ \d+)?), \d, [^)]*\)\w+\)", r"\1 + 0"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mistake_is_found_out(plain: Machine, tmp_path: Path, mutation: str) -> None:
    pattern, replacement = MUTATIONS[mutation]
    header, count = re.subn(pattern, replacement, plain.build.header)
    assert count > 0
    header = re.sub(r"^    const int64_t (L\d+) = .*$", r"\g<0> (void)\1;", header, flags=re.M)
    mutant = compile_vm(plain.build.config, tmp_path, replace(plain.build, header=header))
    rng = random.Random(31)

    def fails() -> bool:
        traces, links = linked_traces(rng, mutant)
        return mutant.check(traces, links=links, mode=PUT_OFF, selection=PLAIN, seed=rng.getrandbits(40)) is not None

    assert any(fails() for _ in range(6000))
