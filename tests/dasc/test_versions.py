"""Stencils that decide among versions: as text, and as emit functions that emit the version which the values call for."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasc import (
    CompileError,
    DascError,
    Decision,
    File,
    Stencil,
    Value,
    Version,
    compile_stencil,
    parse,
    versions,
    write,
)
from tests.dasc import examples, generate
from tests.dasc.execute import Request, run
from tests.dasc.verify import Verifier
from x86_64 import Symbol

CASE = "instruction->v[3]"
"""What tests compare: no version's code uses it."""


def tree(random: Random, first: int, last: int, outer: int = 0) -> Version:
    """Versions for the cases from first to last, each a random stencil's code."""
    shared = ()
    if random.random() < 0.3:
        shared = (Value(Symbol(f"H{outer}", -(1 << 63), (1 << 63) - 1), "instruction->v[0] ^ 5", 64),)
    if first == last:
        leaf = generate.stencil(random, "X")
        return (
            Version((*shared, *leaf.values[:3]), leaf.hot, leaf.cold)
            if len(leaf.values) < 4
            else tree(random, first, last, outer)
        )
    middle = random.randrange(first, last)
    condition = f"{CASE} <= {middle}" if middle > first else f"{CASE} == {first}"
    return Version(
        shared,
        decision=Decision(condition, tree(random, first, middle, outer + 1), tree(random, middle + 1, last, outer + 1)),
    )


def stencil(random: Random, name: str, cases: int) -> Stencil:
    """A stencil with a version for each value of CASE from 0 to cases - 1."""
    top = tree(random, 0, cases - 1)
    return Stencil(name, values=top.values, hot=top.hot, cold=top.cold, decision=top.decision)


@given(st.randoms(use_true_random=False))
def test_whatever_is_written_is_read_back(random: Random) -> None:
    file = File(stencils=tuple(stencil(random, f"S{n}", random.randrange(1, 6)) for n in range(2)))
    assert parse(write(file)) == file


@pytest.mark.parametrize("seed", range(2))
def test_the_version_is_emitted_that_the_values_call_for(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    stencils, requests, expected = [], [], []
    for number in range(40):
        cases = random.randrange(2, 6)
        stencils.append(stencil(random, f"S{number}", cases))
        leaves = list(versions(stencils[-1]))
        assert len(leaves) == cases
        for case in [*range(cases)] * 4:
            leaf = leaves[case]
            own = [value for value in leaf.values if value.symbol.name[0] == "E"]
            values = [generate.value_of(random, value) for value in own]
            everything = (*values, *[0] * (3 - len(values)), case)
            index = random.randrange(8)
            requests.append(Request(number, index, 16, random.choice((0, 8, 136)), everything, random.randrange(16)))
            expected.append((replace(leaf, values=tuple(own)), replace(requests[-1], values=tuple(values))))
    answers = run(stencils, requests, tmp_path, "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    compiled = [compile_stencil(stencil) for stencil in stencils]
    for (leaf, request), answer in zip(expected, answers, strict=True):
        Verifier(leaf, request, answer).check()
        done = compiled[request.op]
        assert len(answer.hot_code) <= done.max_hot == max(hot for hot, _ in done.versions)
        assert len(answer.cold_code) <= done.max_cold == max(cold for _, cold in done.versions)


HEAD = "static void emit_S(sg_assembler *Dst)  // @stencil frame 0\n"
LEAF = "|.hot\n| ret\n"


def test_it_is_written_as_a_person_would() -> None:
    leaf = Version(hot=examples.LOOP.hot[-1:])
    value = Value(Symbol("E0", 0, 7), "instruction->a", 64)
    decision = Decision("a == 1", leaf, Version(decision=Decision("a == 2", leaf, Version((value,), leaf.hot))))
    text = write(File(stencils=(Stencil("S", decision=decision),)))
    code = "\n".join(line for line in text.split("\n") if "|" not in line and line).split("\n", 1)[1]
    assert (
        code
        == """\
{
    if (a == 1) {
    } else if (a == 2) {
    } else {
        const int64_t E0 = instruction->a;  // @value 0..7 64
    }
}"""
    )


@pytest.mark.parametrize(
    ("body", "line", "cause"),
    [
        (f"if (x) {{\n{LEAF}}}\n", 6, "this `if` has no `else`"),
        (f"if (x) {{\n{LEAF}}} else {{\n{LEAF}}}\n{LEAF}", 10, "code after an if"),
        (f"{LEAF}if (x) {{\n{LEAF}}} else {{\n{LEAF}}}\n", 5, "code before an if"),
        (f"if (x)) {{\n{LEAF}}} else {{\n{LEAF}}}\n", 3, "is not an expression on one line"),
        (f"if (x) {{\n{LEAF}}} else {{\n{LEAF}", 0, "this stencil has no end"),
        (f"if (x) {{\n{LEAF}}} else {{\n| ret\n}}\n", 7, "is this code hot or cold?"),
        (
            "if (x) {\nconst int64_t E0 = 1;  // @value 0..1 64\n" + LEAF + "} else {\n|.hot\n| mov eax, E0\n}\n",
            9,
            "`E0` is neither a register nor a value",
        ),
    ],
)
def test_errors_point_at_the_line(body: str, line: int, cause: str) -> None:
    with pytest.raises(DascError) as caught:
        parse(f"{HEAD}{{\n{body}}}\n", "s.dasc")
    assert str(caught.value).startswith(f"s.dasc:{line or 1}:") and cause in str(caught.value)


def test_unsound_decisions_are_refused_by_the_compiler() -> None:
    leaf = Version(hot=examples.LOOP.hot[-1:])
    for stencil, cause in (
        (Stencil("S", decision=Decision("a; b", leaf, leaf)), "is not an expression"),
        (Stencil("S", hot=leaf.hot, decision=Decision("a", leaf, leaf)), "code before an if"),
    ):
        with pytest.raises(CompileError, match=cause):
            compile_stencil(stencil)
