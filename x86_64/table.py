"""Loading the instruction table, one mnemonic at a time.

`table.txt` is text with one form a line (its grammar is at its head). Reading it whole into forms would take longer
than most uses of the assembler; so at first use the text is only cut by mnemonic, and a mnemonic's rows become
`Form`s when asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from x86_64.errors import OperandError

# Other names of the same instruction, besides the condition codes below.
ALIASES = {"SAL": "SHL", "XLAT": "XLATB", "FWAIT": "WAIT"}
CONDITIONS = {
    "Z": "E", "NZ": "NE", "C": "B", "NAE": "B", "NC": "AE", "NB": "AE", "NA": "BE", "NBE": "A", "NGE": "L", "NL": "GE",
    "NG": "LE", "NLE": "G", "PE": "P", "PO": "NP",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """One row of the table, taken apart. Sizes in bytes unless a kind's name says bits."""

    mnemonic: str
    kinds: tuple[str, ...]
    access: tuple[str, ...]
    places: str
    family: str  # "legacy", "VEX", "XOP", "EVEX"
    prefix: int  # mandatory prefix byte (66, F2, F3) or 0
    operand16: bool  # 66 for the operand size
    address32: bool  # 67
    wait: bool  # 9B first
    w: int  # REX.W, VEX.W
    length: int  # VEX.L: 0 = 128 bits, 1 = 256, 2 = 512
    map: int  # 1 = 0F, 2 = 0F38, 3 = 0F3A, 4 … 7 (EVEX), 8, 9, 10 (XOP); 0 for one-byte opcodes
    opcode: bytes  # without the map's escape bytes
    in_opcode: bool  # a register's low bits are added to the last opcode byte
    modrm: int  # -1: none, 0–7: /digit, 8: /r
    suffix: bytes  # opcode bytes after the ModRM operand (3DNow!)
    scale: int  # of disp8
    broadcast_scale: int
    rex2: bool  # needs a REX2 prefix, whatever its registers
    new_destination: bool  # EVEX.ND: the destination is a register of its own (or, imulzu and setzu, zero-extended)
    no_flags: bool  # EVEX.NF, as part of the opcode
    condition: int  # of ccmp and ctest, in the place of EVEX.V' and the mask; -1 for others
    features: tuple[str, ...]
    effects: str

    def __str__(self) -> str:
        return f"{self.mnemonic} {', '.join(self.kinds)}".rstrip()

    def allows(self, word: str) -> bool:
        """Whether the effects column has this word, such as "lock", "rep", "{kz}"."""
        return word in self.effects.split()


_MAPS = {"0F": 1, "0F38": 2, "0F3A": 3, "MAP4": 4, "MAP5": 5, "MAP6": 6, "MAP7": 7, "X8": 8, "X9": 9, "XA": 10}
_LENGTHS = {"128": 0, "256": 1, "512": 2, "L0": 0, "L1": 1, "LZ": 0, "LIG": 0}
_ENCODED = re.compile(r"ib|iw|id|io|cb|cd|mo|/is[45]")


def _parse(row: str) -> Form:
    mnemonic, operands, places, encoding, features, effects = row.split(" | ")
    pairs = [o.rsplit(":", 1) for o in operands.split()] if operands != "-" else []
    family, prefix, w, length, map_, modrm, scale, broadcast, condition = "legacy", 0, 0, 0, 0, -1, 1, 0, -1
    words: set[str] = set()
    opcode, suffix = bytearray(), bytearray()
    started = False
    for token in encoding.split():
        if token in ("NP", "66", "F2", "F3") and not started:
            prefix = 0 if token == "NP" else int(token, 16)
        elif "." in token:
            started = True
            family, *parts = token.split(".")
            for part in parts:
                match part:
                    case "66" | "F2" | "F3":
                        prefix = int(part, 16)
                    case "W1":
                        w = 1
                    case "ND" | "NF":
                        words.add(part)
                    case _ if part.startswith("SC"):
                        condition = int(part[2:], 16)
                    case _ if part in _MAPS:
                        map_ = _MAPS[part]
                    case _ if part in _LENGTHS:
                        length = _LENGTHS[part]
        elif token in ("o16", "o64", "a32", "wait", "rex2", "+r"):
            words.add(token)
        elif token == "/r":
            modrm = 8
        elif token[0] == "/" and token[1:].isdigit():
            modrm = int(token[1:])
        elif token[0] == "*":
            first, _, second = token[1:].partition("/")
            scale, broadcast = int(first), int(second or 0)
        elif not _ENCODED.fullmatch(token):
            started = True
            (opcode if modrm < 0 else suffix).append(int(token, 16))
    if family == "legacy" and len(opcode) > 1 and opcode[0] == 0x0F:
        map_ = {0x38: 2, 0x3A: 3}.get(opcode[1], 1) if len(opcode) > 2 else 1
        del opcode[: 1 if map_ == 1 else 2]
    return Form(
        mnemonic=mnemonic,
        kinds=tuple(kind for kind, _ in pairs),
        access=tuple(access for _, access in pairs),
        places=places if places != "-" or len(pairs) == 1 else "",
        family=family,
        prefix=prefix,
        operand16="o16" in words,
        address32="a32" in words,
        wait="wait" in words,
        w=1 if w or "o64" in words else 0,
        length=length,
        map=map_,
        opcode=bytes(opcode),
        in_opcode="+r" in words,
        modrm=modrm,
        suffix=bytes(suffix),
        scale=scale,
        broadcast_scale=broadcast,
        rex2="rex2" in words,
        new_destination="ND" in words,
        no_flags="NF" in words,
        condition=condition,
        features=tuple(features.split("+")),
        effects=effects,
    )


@cache
def _rows() -> dict[str, list[str]]:
    """Mnemonic to its rows, uncut."""
    from pathlib import Path  # here, because it takes a third of the package's import time

    text = Path(__file__).with_name("table.txt").read_text("utf-8")
    rows: dict[str, list[str]] = {}
    for row in text.splitlines():
        if row[0] != "#":
            rows.setdefault(row[: row.index(" ")], []).append(row)
    return rows


def mnemonics() -> frozenset[str]:
    """Every mnemonic of the table (capitals), aliases not included."""
    return frozenset(_rows())


@cache
def aliases() -> dict[str, str]:
    """Other names: JZ of JE, SETC of SETB, SAL of SHL, …"""
    conditional = {
        stem + other: stem + name
        for stem in ("J", "SET", "SETZU", "CMOV", "CFCMOV", "CCMP", "CTEST")
        for other, name in CONDITIONS.items()
        if stem + name in _rows()
    }
    return ALIASES | conditional


@cache
def canonical(mnemonic: str) -> str:
    """The table's name for a mnemonic in capitals: `JZ` is `JE`. OperandError when there is none."""
    name = aliases().get(mnemonic, mnemonic)
    if name not in _rows():
        raise OperandError(f"{mnemonic}: unknown instruction")
    return name


@cache
def forms(mnemonic: str) -> tuple[Form, ...]:
    """The forms of a (canonical) mnemonic, in order of preference."""
    return tuple(_parse(row) for row in _rows()[mnemonic])
