"""AT&T mnemonics: from the text's name to the table's.

By a list of special names (`cltq`), by its own name (`movaps`), or by dropping the size suffix (`addl`).
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

from x86_64 import table
from x86_64.errors import OperandError

SPECIAL = {  # AT&T name: the table's name, bytes of the memory operand (0: see the instruction)
    "cbtw": ("CBW", 0), "cwtl": ("CWDE", 0), "cltq": ("CDQE", 0),
    "cwtd": ("CWD", 0), "cltd": ("CDQ", 0), "cqto": ("CQO", 0),
    "movabsq": ("MOV", 8), "movabsl": ("MOV", 4), "movabsw": ("MOV", 2), "movabsb": ("MOV", 1), "movabs": ("MOV", 0),
    "movzbw": ("MOVZX", 1), "movzbl": ("MOVZX", 1), "movzbq": ("MOVZX", 1), "movzwl": ("MOVZX", 2),
    "movzwq": ("MOVZX", 2), "movsbw": ("MOVSX", 1), "movsbl": ("MOVSX", 1), "movsbq": ("MOVSX", 1),
    "movswl": ("MOVSX", 2), "movswq": ("MOVSX", 2), "movslq": ("MOVSXD", 4),
    "movzww": ("MOVZX", 2), "movsww": ("MOVSX", 2),
    "movsl": ("MOVSD", 0), "stosl": ("STOSD", 0), "lodsl": ("LODSD", 0), "scasl": ("SCASD", 0), "cmpsl": ("CMPSD", 0),
    "insl": ("INSD", 0), "outsl": ("OUTSD", 0), "fcompi": ("FCOMIP", 0), "fucompi": ("FUCOMIP", 0),
    "pushf": ("PUSHFQ", 0), "popf": ("POPFQ", 0), "iret": ("IRETD", 0), "iretl": ("IRETD", 0), "iretw": ("IRETW", 0),
    "lret": ("RETF", 0), "lretl": ("RETF", 0), "lretq": ("RETFQ", 0), "lretw": ("RETFW", 0),
    "pcmpestriq": ("PCMPESTRI64", 0), "pcmpestrmq": ("PCMPESTRM64", 0),
    "vpcmpestriq": ("VPCMPESTRI64", 0), "vpcmpestrmq": ("VPCMPESTRM64", 0),
}  # fmt: skip
_SUFFIX = {"b": 1, "w": 2, "l": 4, "q": 8}
_VECTOR_SUFFIX = {"x": 16, "y": 32, "z": 64}
_FLOAT_SUFFIX = {"s": 4, "l": 8, "t": 10}
_INTEGER_SUFFIX = {"s": 2, "l": 4, "q": 8, "ll": 8}  # of the x87 instructions on integers: fildl
STRINGS = frozenset(
    f"{stem}{letter}" for stem in ("MOVS", "STOS", "LODS", "SCAS", "CMPS", "INS", "OUTS") for letter in "BWDQ"
)
SHIFTS = frozenset(["SHL", "SHR", "SAR", "ROL", "ROR", "RCL", "RCR"])
FAR = frozenset({"LCALL", "LJMP"})
_FAR_SUFFIX = {"w": 4, "l": 6, "q": 10}  # of the whole pointer
BRANCH = re.compile(r"(?:j\w+|call[qlw]?|loop\w*|xbegin)\Z")
REGISTER_SUFFIX = frozenset({"LAR", "LSL"})  # their suffix is the register's size, not the memory operand's
SAME_ORDER = frozenset({"ENTER", "ENTERW"})

# x87: with the destination st(i), AT&T assemblers exchange the names of the two subtractions and of the two divisions.
REVERSED = {"FSUB": "FSUBR", "FSUBR": "FSUB", "FDIV": "FDIVR", "FDIVR": "FDIV",
             "FSUBP": "FSUBRP", "FSUBRP": "FSUBP", "FDIVP": "FDIVRP", "FDIVRP": "FDIVP"}  # fmt: skip

# Comparisons whose predicate is part of the name: cmpltsd, vcmpnge_uqpd, vpcmpltud, vpcomgtb, pclmullqhqdq.
_SSE_PREDICATES = ["eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"]
_AVX_PREDICATES = [
    *_SSE_PREDICATES, "eq_uq", "nge", "ngt", "false", "neq_oq", "ge", "gt", "true",
    "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s",
    "eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq", "true_us",
]  # fmt: skip
_INTEGER_PREDICATES = {"eq": 0, "lt": 1, "le": 2, "false": 3, "neq": 4, "ne": 4, "nlt": 5, "nle": 6, "true": 7}
_XOP_PREDICATES = ["lt", "le", "gt", "ge", "eq", "neq", "false", "true"]
_COMPARE = re.compile(r"(v?cmp)([a-z]+(?:_[a-z]+)?)([sp][sdh])\Z")
_INTEGER_COMPARE = re.compile(r"(vpcmp)(eq|lt|le|neq|ne|nlt|nle|false|true)(u?[bwdq])\Z")
_XOP_COMPARE = re.compile(r"(vpcom)(lt|le|gt|ge|eq|neq|false|true)(u?[bwdq])\Z")
_MULTIPLY = re.compile(r"(v?pclmul)([lh])q([lh])qdq\Z")


@lru_cache(maxsize=4096)
def meanings(word: str) -> tuple[tuple[str, int, int], ...]:
    """What an AT&T mnemonic may mean, likeliest first: the table's mnemonic, bytes of the memory operand (0: see the
    instruction), and a predicate to add as an immediate (-1: none)."""
    result: list[tuple[str, int, int]] = []

    def add(name: str, size: int, predicate: int = -1) -> None:
        with suppress(OperandError):
            result.append((table.canonical(name.upper()), size, predicate))

    if word in SPECIAL:
        add(*SPECIAL[word])
    if word.upper() in FAR:
        add(word, 6)
    add(word, 0)
    if word[:-1].upper() in FAR:
        suffixes = _FAR_SUFFIX
    elif word.startswith("fi") or word in ("fnstsw", "fstsw"):
        suffixes = _INTEGER_SUFFIX
    elif word.startswith("f"):
        suffixes = _FLOAT_SUFFIX
    elif word.startswith("v"):
        suffixes = _SUFFIX | _VECTOR_SUFFIX
    else:
        suffixes = _SUFFIX
    for suffix, size in suffixes.items():
        if word.endswith(suffix):
            add(word.removesuffix(suffix), size)
    if match := _MULTIPLY.match(word):
        add(f"{match[1]}qdq", 0, (match[2] == "h") * 1 | (match[3] == "h") * 16)
    for pattern, predicates in (
        (_COMPARE, {name: i for i, name in enumerate(_AVX_PREDICATES if word[0] == "v" else _SSE_PREDICATES)}),
        (_INTEGER_COMPARE, _INTEGER_PREDICATES),
        (_XOP_COMPARE, {name: i for i, name in enumerate(_XOP_PREDICATES)}),
    ):
        if (match := pattern.match(word)) and match[2] in predicates:
            add(match[1] + match[3], 0, predicates[match[2]])
    return tuple(result)
