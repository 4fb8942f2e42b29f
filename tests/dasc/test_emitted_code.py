"""Emit functions, compiled and run: what they emit is the stencil with its values put in.

Hundreds of random stencils at a time are compiled into one program, under the undefined-behaviour sanitizer where the C
compiler has one. Values are drawn from the edges of what encodings hold.
"""

from pathlib import Path
from random import Random

import pytest

from dasc import compile_stencil
from tests.dasc import generate
from tests.dasc.execute import Request, run
from tests.dasc.verify import Verifier

STENCILS, RUNS = 60, 25


@pytest.mark.parametrize("seed", range(4))
def test_random_stencils_emit_what_they_say(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    stencils = [generate.stencil(random, f"S{number}") for number in range(STENCILS)]
    requests = []
    for op, stencil in enumerate(stencils):
        for _ in range(RUNS):
            index = random.randrange(8)
            values = tuple(generate.value_of(random, value) for value in stencil.values)
            target = random.choice((index, index + 1, random.randrange(16)))
            requests.append(Request(op, index, 16, random.choice((0, 8, 136)), values, target))
    answers = run(stencils, requests, tmp_path, "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    limits = [(compiled.max_hot, compiled.max_cold) for compiled in map(compile_stencil, stencils)]
    for request, answer in zip(requests, answers, strict=True):
        Verifier(stencils[request.op], request, answer).check()
        max_hot, max_cold = limits[request.op]
        assert len(answer.hot_code) <= max_hot and len(answer.cold_code) <= max_cold
