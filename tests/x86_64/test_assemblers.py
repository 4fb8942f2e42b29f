"""The encoder and two independent assemblers write the same bytes for every form of the table.

What they refuse or write differently is listed in oracles.py, each with its reason; anything else fails. With --long,
also for a million random instructions.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from x86_64 import Instruction, format_att

from .assemblers import assemble, gnu_available
from .cases import all_instructions, random_instructions
from .oracles import DIFFERENT, REFUSED, knows, listed

MILLION = 1_000_000


def text_for(instruction: Instruction, length: int, which: str) -> str:
    """AT&T text; a numeric branch target counts from the start of the instruction.

    LLVM takes a prefix for an instruction of its own.
    """
    if instruction.forms[0].kinds[:1] in (("rel8",), ("rel32",)):
        offset = instruction.operands[0]
        assert isinstance(offset, int)
        offset += length - (len(instruction.prefixes) if which == "llvm" else 0)
        return " ".join([*map(str.lower, instruction.prefixes), f"{instruction.mnemonic.lower()} .{offset:+d}"])
    return format_att(instruction)


def compare(instructions: Iterable[Instruction], which: str, seen: set[int] | None = None) -> tuple[int, list[str]]:
    """How many different lines the assembler was given, and the differences that are not listed.

    Lines whose hash is in `seen` were given before, and are left out; those of this time are added.
    """
    known = (instruction for instruction in instructions if knows(which, instruction))
    codes = {text_for(i, len(code), which): bytes(code) for i in known for code in [i.encode()]}
    if seen is not None:
        codes = {line: code for line, code in codes.items() if hash(line) not in seen}
        seen.update(map(hash, codes))
    wrong = []
    for (line, code), result in zip(codes.items(), assemble(list(codes), which), strict=True):
        if result.code is None and not listed(REFUSED[which], line):
            wrong.append(f"{line}: {result.message}")
        elif result.code is not None and result.code != code and not listed(DIFFERENT[which], line):
            wrong.append(f"{line}: we write {code.hex()}, {which} writes {result.code.hex()}")
    return len(codes), wrong


@pytest.mark.parametrize("which", ["gnu", "llvm"])
def test_every_form_matches(which: str) -> None:
    if which == "gnu" and not gnu_available():
        pytest.skip("GNU as is not on PATH")
    count, wrong = compare(all_instructions(), which)
    assert count > 30_000
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:40]])


@pytest.mark.parametrize("which", ["gnu", "llvm"])
def test_random_instructions_match(which: str, pytestconfig: pytest.Config) -> None:
    if which == "gnu" and not gnu_available():
        pytest.skip("GNU as is not on PATH")
    long = pytestconfig.getoption("--long")
    wanted, batch = (MILLION, 20_000) if long else (3_000, 5_000)
    compared, seen = 0, set[int]()
    while compared < wanted:
        seed = random.SystemRandom().getrandbits(32) if long else 1
        count, wrong = compare(random_instructions(random.Random(seed), batch), which, seen)
        compared += count
        print(f"seed {seed}: {count:,} lines, {compared:,} in all")
        assert not wrong, "\n".join([f"seed {seed}: {len(wrong)} differences", *wrong[:40]])
