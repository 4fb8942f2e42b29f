"""Every choice of encoding, read back by a second decoder, GNU objdump, and its text by our own parser."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from x86_64 import AssemblyError, Instruction, parse_att

from .cases import all_instructions
from .decoding import ours
from .oracles import OBJDUMP, knows, listed
from .test_decoder import WIDTHLESS, whole

_LINE = re.compile(r"^\s*([0-9a-f]+):\t(?:rex\.W )?(.*)$", re.MULTILINE)
_STRING = re.compile(r"(?:rep\w* )?(?:movs|stos|lods|scas|cmps|ins|outs|xlat)\w* .*[:(]\(?%")


def disassembled(code: bytes) -> dict[int, str]:
    """Address to text."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", "-w", file.name]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {int(address, 16): text.strip() for address, text in _LINE.findall(output)}


def agrees(instruction: Instruction, text: str, end: int) -> bool:
    """Whether objdump's text is the instruction; immediates are compared by their low bytes, as objdump drops signs."""
    text = re.sub(r"\(,%eiz,1\)|,%[re]iz,1|^\{evex\} ", "", text)  # these name a longer encoding of the same
    if instruction.forms[0].kinds[:1] in (("rel8",), ("rel32",)):
        word, target = text.split()
        offset = instruction.operands[0]
        assert isinstance(offset, int)
        return (
            parse_att(f"{word} 0").mnemonic == instruction.mnemonic
            and int(target, 16) - end & 0xFFFFFFFF == offset & 0xFFFFFFFF
        )
    if _STRING.match(text):
        return text[:3].upper() == instruction.mnemonic[:3]
    mine, theirs = ours(instruction), ours(parse_att(text))
    if mine[0] in ("XCHG", "TEST") and mine[1:] == theirs[:0:-1]:
        return mine[0] == theirs[0]
    if WIDTHLESS.fullmatch(instruction.mnemonic):
        return [whole(o) for o in mine] == [whole(o) for o in theirs]
    return mine == theirs


def differences() -> Iterator[str]:
    known = (i for i in all_instructions() if knows("objdump", i))
    choices = [(i, bytes(code)) for i in known if not i.forms[0].wait for code in i.encode_options()]
    texts = disassembled(b"".join(code + b"\x90" * 16 for _, code in choices))  # so that none can swallow the next
    address = 0
    for instruction, code in choices:
        text, end = texts.get(address, "(none)"), address + len(code)
        address = end + 16
        try:
            right = texts.get(end) == "nop" and agrees(instruction, text, end)
        except (AssemblyError, ValueError):
            right = False
        if not right and not listed(OBJDUMP, text):
            yield f"{instruction}: {code.hex()} is {text!r}"


@pytest.mark.skipif(shutil.which("objdump") is None, reason="GNU objdump is not on PATH")
def test_objdump_reads_every_choice_as_the_same_instruction() -> None:
    wrong = list(differences())
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:200]])
