"""What the encoder writes, a decoder reads as the same instruction: every form, every choice of encoding."""

from __future__ import annotations

import re

from x86_64 import Instruction, Register

from .cases import all_instructions
from .decoding import decoded, ours
from .oracles import knows

# Written without REX.W, which would change nothing: the decoder then sees the 32-bit register (or the selector's own
# 16 bits).
WIDTHLESS = re.compile(r"V?(EXTRACTPS|MOVMSKP[SD]|PEXTR[BW]|PINSR[BW]|PMOVMSKB)|MOV|VERR|VERW")


def same(instruction: Instruction, code: bytes) -> bool:
    if instruction.forms[0].wait:  # fclex is wait, fnclex
        assert code[0] == 0x9B
        theirs = decoded(code[1:])
        return ours(instruction) == (str(theirs[0]).replace("FN", "F", 1), *theirs[1:])
    mine, theirs = ours(instruction), decoded(code)
    if mine == theirs or (not instruction.operands and mine[0] == theirs[0]):  # string instructions imply theirs
        return True
    if mine[0] in ("XCHG", "TEST") and mine[1:] == theirs[:0:-1]:  # symmetric
        return True
    if mine[0] in ("FCOM", "FCOMP", "FUCOM", "FUCOMP", "FXCH") and theirs[1:] == ("st0", *mine[1:]):
        return True
    if mine[0] in ("PBLENDVB", "BLENDVPS", "BLENDVPD", "SHA256RNDS2") and theirs == mine[:-1]:
        return True  # xmm0 is implied
    if mine[0] == "XCHG" and theirs[0] == "NOP":
        return True
    if WIDTHLESS.fullmatch(instruction.mnemonic):
        return [whole(o) for o in mine] == [whole(o) for o in theirs]
    return False


def whole(operand: object) -> object:
    try:
        return Register.named(str(operand)).whole
    except KeyError:
        return operand


def test_every_choice_of_encoding_decodes_to_the_same_instruction() -> None:
    wrong = []
    for instruction in all_instructions():
        if not knows("iced", instruction):
            continue
        for code in instruction.encode_options():
            if not same(instruction, bytes(code)):
                wrong.append(f"{instruction}: {code.hex()} is {decoded(bytes(code))}, not {ours(instruction)}")
    assert not wrong, "\n".join([f"{len(wrong)} differences", *wrong[:40]])
