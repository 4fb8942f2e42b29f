"""APX forms, derived from the rows of the instructions they extend (APX architecture specification, Intel 355828).

REX2, which lets older instructions name r16 … r31, needs no rows: `x86_64/encoder.py` writes it for every legacy form of
maps 0 and 1. What APX adds besides is in EVEX map 4, one row for each way in which an older row is extended:

    {evex}   the same instruction, for r16 … r31 where no REX2 can be, and for the prefix NF
    {nf}     the flags may be left alone
    ND       the destination is a new first operand, and zero-extended to 64 bits

`PROMOTED` says which mnemonics have which. CCMP and CTEST come from CMP and TEST, CFCMOV from CMOV, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

# Mnemonics, and what of "evex", "nd" and "nf" they have.
PROMOTED = {
    **dict.fromkeys(("ADD", "OR", "AND", "SUB", "XOR"), "evex nd nf"),
    **dict.fromkeys(("ADC", "SBB"), "evex nd"),
    **dict.fromkeys(("INC", "DEC", "NEG"), "evex nd nf"),
    **dict.fromkeys(("ROL", "ROR", "SHL", "SHR", "SAR", "SHLD", "SHRD"), "evex nd nf"),
    **dict.fromkeys(("NOT", "RCL", "RCR", "ADCX", "ADOX"), "evex nd"),
    **dict.fromkeys(("MUL", "DIV", "IDIV", "POPCNT", "TZCNT", "LZCNT"), "evex nf"),
    "IMUL": "evex nd nf",
    **dict.fromkeys(("CRC32", "MOVBE", "MOVDIRI", "MOVDIR64B", "ENQCMD", "WRSSD", "WRSSQ", "MOVRS"), "evex"),
    **dict.fromkeys(("AADD", "AAND", "AOR", "AXOR"), "evex"),
    # VEX, to EVEX of the same map and opcode:
    **dict.fromkeys(("ANDN", "BEXTR", "BLSI", "BLSMSK", "BLSR", "BZHI"), "evex nf"),
    **dict.fromkeys(("MULX", "PDEP", "PEXT", "RORX", "SARX", "SHLX", "SHRX"), "evex"),
    **dict.fromkeys(("KMOVB", "KMOVW", "KMOVD", "KMOVQ"), "evex"),
    **dict.fromkeys(("LDTILECFG", "STTILECFG", "TILELOADD", "TILELOADDT1", "TILESTORED"), "evex"),
    **dict.fromkeys(("TILELOADDRS", "TILELOADDRST1"), "evex"),
}  # fmt: skip
COMPARE_AND_EXCHANGE = re.compile(r"CMP\w+XADD")

# Opcodes that are others in map 4; all others keep their last byte. By mnemonic, legacy opcode.
MOVED = {
    "SHLD 0F A4": "24", "SHRD 0F AC": "2C", "POPCNT 0F B8": "88", "TZCNT 0F BC": "F4", "LZCNT 0F BD": "F5",
    "ADCX 0F 38 F6": "66", "ADOX 0F 38 F6": "66", "MOVBE 0F 38 F0": "60", "MOVBE 0F 38 F1": "61",
    "WRSSD 0F 38 F6": "66", "WRSSQ 0F 38 F6": "66",
}  # fmt: skip
NO_PREFIX = frozenset({"POPCNT", "TZCNT", "LZCNT", "CRC32"})  # their F2 or F3 is gone

# ccmp and ctest have the conditions of jumps, but for parity "always" and "never".
CONDITIONS = {
    "O": 0, "NO": 1, "B": 2, "AE": 3, "E": 4, "NE": 5, "BE": 6, "A": 7, "S": 8, "NS": 9, "T": 10, "F": 11,
    "L": 12, "GE": 13, "LE": 14, "G": 15,
}  # fmt: skip

NEW = """\
JMPABS | i64:r | I | rex2 A1 io | APX_F | jump
POP2 | r64:w r64:w | VM | EVEX.LZ.MAP4.W0.ND 8F /0 *1 | APX_F | +rsp:x +[rsp]16:r distinct no-rsp
POP2P | r64:w r64:w | VM | EVEX.LZ.MAP4.W1.ND 8F /0 *1 | APX_F | +rsp:x +[rsp]16:r distinct no-rsp
POPP | r64:w | O | rex2 o64 58 +r | APX_F | +rsp:x +[rsp]8:r
PUSH2 | r64:r r64:r | VM | EVEX.LZ.MAP4.W0.ND FF /6 *1 | APX_F | +rsp:x +[rsp-16]16:w no-rsp
PUSH2P | r64:r r64:r | VM | EVEX.LZ.MAP4.W1.ND FF /6 *1 | APX_F | +rsp:x +[rsp-16]16:w no-rsp
PUSHP | r64:r | O | rex2 o64 50 +r | APX_F | +rsp:x +[rsp-8]8:w
"""


@dataclass(frozen=True, slots=True)
class Row:
    mnemonic: str
    operands: str
    places: str
    encoding: str
    features: str
    effects: str

    def __str__(self) -> str:
        return " | ".join(
            (self.mnemonic, self.operands, self.places, self.encoding, self.features, self.effects or "-")
        )


def rows(known: list[str]) -> Iterator[str]:
    """The APX rows, from all other rows of the table."""
    older = [Row(*line.split(" | ")) for line in known]
    reads = {row.mnemonic[1:]: row.effects.split()[0] for row in older if row.mnemonic[0] == "J"}
    for row in older:
        if row.encoding.startswith(("EVEX", "XOP")) or "M" not in row.places:
            continue
        if row.encoding.startswith("VEX"):
            yield from map(str, _same_map(row))
        elif row.mnemonic in ("CMP", "TEST"):
            yield from map(str, _conditional_compare(row, reads))
        elif row.mnemonic.startswith("CMOV"):
            yield from map(str, _conditional_move(row))
        elif row.mnemonic.startswith("SET") and row.operands == "r8/m8:w":
            yield from map(str, _set(row))
        elif row.mnemonic in PROMOTED:
            yield from map(str, _promoted(row))
    yield from NEW.splitlines()


def _effects(row: Row, *words: str) -> str:
    """The row's effects without the prefixes that only legacy forms take."""
    kept = [word for word in row.effects.split() if word not in ("-", "lock", "addr32")]
    return " ".join([*kept, *words])


def _same_map(row: Row) -> Iterator[Row]:
    has = PROMOTED.get(row.mnemonic, "evex" if COMPARE_AND_EXCHANGE.fullmatch(row.mnemonic) else "")
    if has:
        words = ("{evex}", "{nf}") if "nf" in has else ("{evex}",)
        yield replace(
            row, encoding=f"E{row.encoding} *1", features=f"{row.features}+APX_F", effects=_effects(row, *words)
        )


def _map4(row: Row, *attributes: str, opcode: str = "", prefix: str = "") -> str:
    """The encoding in EVEX map 4 of a legacy row's."""
    tokens = row.encoding.split()
    wide = "W1" if "o64" in tokens else "W0"
    mandatory = prefix or next((t for t in tokens if t in ("66", "F2", "F3")), "")
    if "o16" in tokens:
        mandatory = "66"
    elif row.mnemonic in NO_PREFIX:
        mandatory = ""
    rest = [t for t in tokens if t not in ("NP", "66", "F2", "F3", "o16", "o64", "a32")]
    start = next((i for i, t in enumerate(rest) if t[0] == "/"), len(rest))
    legacy = " ".join(rest[:start])
    opcode = opcode or MOVED.get(f"{row.mnemonic} {legacy}", rest[start - 1])
    narrow = ["a32"] if "a32" in tokens else []
    dotted = ".".join(["EVEX", "LZ", *([mandatory] if mandatory else []), "MAP4", wide, *attributes])
    return " ".join([*narrow, dotted, opcode, *rest[start:], "*1"])


def _promoted(row: Row) -> Iterator[Row]:
    has = PROMOTED[row.mnemonic]
    flags = ("{nf}",) if "nf" in has else ()
    features = row.features if row.mnemonic in SEPARATE else ""
    features = f"{features}+APX_F".lstrip("+")
    yield replace(row, encoding=_map4(row), features=features, effects=_effects(row, "{evex}", *flags))
    if "nd" not in has:
        return
    if row.places == "RMI":  # imul: a new name, as the destination is new already; no assembler takes its {nf}
        yield replace(row, mnemonic="IMULZU", encoding=_map4(row, "ND"), features=features, effects=_effects(row, "zx"))
    elif row.mnemonic != "IMUL" or row.places == "RM":
        first, *others = row.operands.split()
        destination = first.split("/")[0].split(":")[0]
        source = f"{first.split(':')[0]}:r"
        operands = " ".join([f"{destination}:w", source, *others])
        yield replace(
            row, operands=operands, places=f"V{row.places}", encoding=_map4(row, "ND"), features=features,
            effects=_effects(row, "zx", *flags),
        )  # fmt: skip


# Extensions that a processor may have or not have beside APX.
SEPARATE = frozenset({
    "ADCX", "ADOX", "POPCNT", "TZCNT", "LZCNT", "CRC32", "MOVBE", "MOVDIRI", "MOVDIR64B", "ENQCMD", "WRSSD", "WRSSQ",
    "AADD", "AAND", "AOR", "AXOR", "MOVRS",
})  # fmt: skip


def _conditional_compare(row: Row, reads: dict[str, str]) -> Iterator[Row]:
    if row.mnemonic == "TEST" and row.places == "RM":  # the same bytes as MR
        return
    for condition, number in CONDITIONS.items():
        read = [reads[condition]] if condition in reads else []
        yield replace(
            row, mnemonic=f"C{row.mnemonic}{condition}", operands=f"dfv:- {row.operands}", places=f"F{row.places}",
            encoding=_map4(row, f"SC{number:X}"), features="APX_F",
            effects=" ".join([*read, "write:CPAZSO"]),
        )  # fmt: skip


def _conditional_move(row: Row) -> Iterator[Row]:
    """cmov with a new destination; cfcmov, which does not touch memory when the condition is false."""
    register, rm = (operand.split(":")[0] for operand in row.operands.split())
    opcode = f"4{row.encoding.split()[-2][1]}"
    faultless = replace(row, mnemonic=f"CF{row.mnemonic}", features="APX_F", effects=_effects(row))
    three = replace(
        row, operands=f"{register}:w {register}:r {rm}:r", places="VRM", features="APX_F", effects=_effects(row, "zx")
    )
    yield replace(three, encoding=_map4(row, "ND", opcode=opcode))
    store = replace(faultless, places="MR", encoding=_map4(row, "NF", opcode=opcode))
    yield replace(store, operands=f"{register}:w {register}:r")  # a register becomes zero when the condition is false
    yield replace(store, operands=f"{rm.split('/')[1]}:c {register}:r")
    yield replace(faultless, operands=f"{register}:w {rm}:r", places="RM", encoding=_map4(row, opcode=opcode))
    yield replace(three, mnemonic=faultless.mnemonic, encoding=_map4(row, "ND", "NF", opcode=opcode))


def _set(row: Row) -> Iterator[Row]:
    opcode = f"4{row.encoding.split()[1][1]}"
    legacy = replace(row, encoding=row.encoding.replace("/r", "/0"), features="APX_F")
    yield replace(legacy, encoding=_map4(legacy, opcode=opcode, prefix="F2"), effects=_effects(row, "{evex}"))
    zeroing = _map4(legacy, "ND", opcode=opcode, prefix="F2")
    yield replace(legacy, mnemonic=row.mnemonic.replace("SET", "SETZU"), encoding=zeroing, effects=_effects(row, "zx"))
