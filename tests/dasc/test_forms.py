"""Every instruction that DynASM accepts, with every kind of operand: the same bytes, or a shorter encoding.

Runs where lupa is installed and DynASM is found; `pytest --long` tries all combinations, otherwise one in many.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from iced_x86 import Decoder, Formatter, FormatterSyntax

from dasc.errors import DascError
from tests.dasc.engine import emit
from tests.dasc.translate import put
from tests.dasc.upstream import Put, assemble_all, one_in, statements, variations

NUMBERS = range(16)
EXPRESSIONS = (0, 5, -128, 127, 128, 1000, -129)

WRONG_UPSTREAM = {
    "insertps": "has the opcode of dppd",
    "clflush": "changes the opcode or has another's prefix, by an operand size that means nothing",
    "fldenv": "changes the opcode for a byte",
    "fnstenv": "changes the opcode for a byte",
    "fstenv": "changes the opcode for a byte, puts the prefix before fwait",
    "fxsave": "changes the opcode for a byte, has a meaningless prefix for a word",
    "fxrstor": "changes the opcode for a byte, has a meaningless prefix for a word",
    "into": "does not exist in 64-bit code",
    "xchg eax, eax": "is a nop, which leaves the upper half of rax",
}
"""What DynASM encodes wrongly."""


def _arguments(put_: Put, number: int, expression: int) -> list[int]:
    known = {"(n)": number, "(m)": (number * 7 + 3) % 16, "expr": expression, "-expr": -expression}
    return [known.get(argument, 77) for argument in put_.arguments]


def _decoded(code: bytes) -> list[str]:
    formatter = Formatter(FormatterSyntax.INTEL)
    # Instructions of different lengths end at the same address, so that relative operands look the same.
    return [formatter.format(instruction) for instruction in Decoder(64, code, ip=0x1000 - len(code))]


def _objdump(codes: list[bytes]) -> list[str]:
    """What the GNU disassembler makes of each; it has them end at the ends of slots of 32 bytes."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "code"
        file.write_bytes(b"".join(code.rjust(32, b"\x90") for code in codes))
        command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", str(file)]
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    texts = dict(re.findall(r"^\s*([0-9a-f]+):\t([^#\n]*)", listing, re.MULTILINE))
    starts = (f"{32 * index + 32 - len(code):x}" for index, code in enumerate(codes))
    return [re.sub(r"^rex\.W\w* ", "", texts[start].strip()) for start in starts]  # as a prefix it says nothing here


def _is_same(ours: Put, theirs: Put, statement: str, pairs: list[tuple[bytes, bytes]]) -> str:
    """ "equal", "as short or shorter" or "different": the bytes for all numbers of registers and some values.

    pairs: where bytes that differ are put, ours and theirs.
    """
    if ours == theirs:
        return "equal"
    verdict = "equal"
    for number in range(8) if "Rf" in statement else NUMBERS:
        for expression in EXPRESSIONS:
            mine = emit(ours.actions, _arguments(ours, number, expression))
            other = emit(theirs.actions, _arguments(theirs, number, expression))
            if mine == other:
                continue
            if len(mine) > len(other) or _decoded(mine) != _decoded(other):
                return "different"
            verdict = "as short or shorter"
            pairs.append((mine, other))
    return verdict


def _is_known(statement: str) -> bool:
    return statement.split()[0] in WRONG_UPSTREAM or statement in WRONG_UPSTREAM


def test_what_dynasm_accepts_has_the_same_bytes(request: pytest.FixtureRequest) -> None:
    every, varied = (1, 3) if request.config.getoption("--long") else (40, 40)
    answers = assemble_all(statements(every))
    accepted = [statement for statement, answer in answers.items() if isinstance(answer, Put)]
    more = dict.fromkeys(chain.from_iterable(map(variations, accepted)))
    answers |= assemble_all([statement for statement in more if one_in(varied, statement)])
    counts: Counter[str] = Counter()
    problems = []
    pairs: list[tuple[bytes, bytes]] = []
    for statement, theirs in answers.items():
        try:
            ours: Put | str = put(statement)
        except DascError as error:
            ours = str(error).splitlines()[0]
        match ours, theirs:
            case Put(), Put():
                verdict = _is_same(ours, theirs, statement, pairs)
            case Put(), _:
                verdict = "only we accept it"
            case _, Put() if "cannot be encoded beside" in str(ours) or "DynASM's engine cannot" in str(ours):
                verdict = "wrong in DynASM, an error in ours"
            case _, Put():
                verdict = "rejected"
            case _:
                verdict = "an error in both"
        if verdict in ("different", "rejected"):
            if _is_known(statement):
                verdict = "wrong in DynASM"
            else:
                problems.append((verdict, statement, ours, theirs))
        counts[verdict] += 1
    print(dict(counts))
    assert not problems, problems[:20]
    if shutil.which("objdump"):
        mine, other = (_objdump([pair[side] for pair in pairs]) for side in (0, 1))
        assert mine == other
    assert counts["equal"] > 300


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("test dil, 1", "40 f6 c7 01"),
        ("mov al, -1", "b0 ff"),
        ("mov si, -128", "66 be 80 ff"),
        ("movss xmm0, [rax]", "f3 0f 10 00"),
        ("xadd [rax], ecx", "0f c1 08"),
        ("insertps xmm0, xmm1, 3", "66 0f 3a 21 c1 03"),
        ("mov rax, qword fs:[40]", "64 48 8b 04 25 28 00 00 00"),
        ("mov gs:[r9+8], eax", "65 41 89 41 08"),
        ("vaddps zmm1{k1}{z}, zmm2, zmm3", "62 f1 6c c9 58 cb"),
        ("vaddps zmm1 {k2}, zmm2, dword [rax]{1to16}", "62 f1 6c 5a 58 08"),
        ("vaddps zmm1, zmm2, zmm3, {rn-sae}", "62 f1 6c 18 58 cb"),
        ("vcmpps k1{k2}, zmm2, zmm3, {sae}, 3", "62 f1 6c 1a c2 cb 03"),
        ("vmovups [rax+64]{k1}, zmm2", "62 f1 7c 49 11 50 01"),
        ("vmovups [rax+65]{k1}, zmm2", "62 f1 7c 49 11 90 41 00 00 00"),
        ("vgatherdps xmm1, [rax+xmm2*4], xmm3", "c4 e2 61 92 0c 90"),
        ("vgatherdps zmm1{k1}, [rax+zmm20*4+64]", "62 f2 7d 41 92 4c a0 10"),
        ("vpgatherdd ymm1, [ymm2*8+0x100], ymm3", "c4 e2 65 90 0c d5 00 01 00 00"),
    ],
)
def test_what_dynasm_rejects_or_gets_wrong_works(statement: str, code: str) -> None:
    made = put(statement)
    assert emit(made.actions, []) == bytes.fromhex(code)
