"""Instructions that exercise every form of the table: low and high registers, kinds of address, edges of immediates."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache

from x86_64 import AssemblyError, Instruction, Masked, Memory, Operand, OperandError, Register, Rounding, dfv, mnemonics
from x86_64.registers import (
    HIGH_REGISTERS,
    REGISTERS,
    ebx,
    ecx,
    fs,
    gs,
    r9,
    r12,
    r13,
    r14,
    r17,
    r20,
    r21,
    r28,
    rax,
    rbp,
    rbx,
    rcx,
    rip,
    rsi,
    rsp,
)  # fmt: skip
from x86_64.table import Form, forms

_BY_KIND = {(r.kind, r.number): r for r in (*REGISTERS, *HIGH_REGISTERS)}
_COUNT = {
    "r8": 16,
    "r16": 16,
    "r32": 16,
    "r64": 16,
    "xmm": 16,
    "ymm": 16,
    "zmm": 16,
    "mm": 8,
    "k": 8,
    "tmm": 8,
    "bnd": 4,
    "st": 8,
    "sreg": 6,
}

ADDRESSES = (
    Memory(rbx),
    Memory(r13),
    Memory(rsp, displacement=8),
    Memory(rbp, rcx, 2, -128),
    Memory(r12, r9, 4, 0x12345),
    Memory(r14, rax, 8, 127),
    Memory(rax, displacement=-129),
    Memory(None, rsi, 8, 64),
    Memory(displacement=0x11223344),
    Memory(rip, displacement=0x1000),
    Memory(r9, displacement=128, segment=fs),
    Memory(ebx, ecx, 4, 0x100),
)  # fmt: skip
HIGH_ADDRESSES = (Memory(r20), Memory(r21, rax, 2, 8), Memory(rbx, r28, 8, 0x1234), Memory(r17, r20, 1, -8))
_IMMEDIATES = {
    "i8": (3, -128, 127),
    "i16": (3, -32768, 32767),
    "i32": (3, -(1 << 31), (1 << 31) - 1, 128),
    "i64": (1 << 40, -(1 << 63), (1 << 63) - 1),
    "i8s16": (3, -128, 127),
    "i8s32": (3, -128, 127),
    "i8s64": (3, -128, 127),
    "i32s64": (3, -(1 << 31), (1 << 31) - 1, 128),
    "i4": (3, 0, 15),
    "1": (1,),
    "rel8": (0, -128, 127),
    "rel32": (200, -200, (1 << 31) - 300),
}
VARIANTS = len(ADDRESSES)
HIGH_VARIANTS = len(HIGH_ADDRESSES)  # with r16 … r31
_GENERAL = ("r8", "r16", "r32", "r64")


def _register(kind: str, position: int, variant: int, evex: bool) -> Register:
    """Different registers for the operands of one instruction; higher ones in later variants."""
    vector = kind in ("xmm", "ymm", "zmm")
    if kind in _GENERAL and variant >= VARIANTS:
        return _BY_KIND[kind, (17 + position * 3 + variant * 5) % 16 + 16 * ((position + variant) % 3 > 0)]
    count = 32 if vector and evex else _COUNT[kind]
    number = (1 + position * 3 + variant * (5 if vector else 3)) % count
    if kind == "sreg":
        return (fs, gs)[variant % 2]
    if kind == "r8" and variant == 2:
        return _BY_KIND["r8h", 4 + position % 4]
    return _BY_KIND[kind, number]


def _memory(kind: str, variant: int, form: Form) -> Memory:
    address = (*ADDRESSES, *HIGH_ADDRESSES)[variant]
    if form.address32:
        base, index = ((None if r is None or r is rip else r.resize(4)) for r in (address.base, address.index))
        address = Memory(base, index, address.scale, address.displacement, None, address.segment)
    size = None if kind in ("m", "sibmem", "mib") or kind.startswith("vm") else int(kind.lstrip("mo")) // 8
    if kind.startswith("mo"):
        return Memory(displacement=0x1122334455667788, size=size)
    if kind.startswith("vm"):
        vector = {"x": "xmm", "y": "ymm", "z": "zmm"}[kind[-1]]
        base = address.base if address.base is not rip else rbx
        return Memory(
            base, _BY_KIND[vector, 6 + variant % 9], address.scale, address.displacement, None, address.segment
        )
    if kind in ("sibmem", "mib") and (address.base is None or address.base is rip or address.base is ebx):
        address = ADDRESSES[2]
    return Memory(address.base, address.index, address.scale, address.displacement, size, address.segment)


def _operand(kind: str, position: int, variant: int, form: Form) -> Operand:
    evex = form.family == "EVEX"
    if kind in _IMMEDIATES:
        values = _IMMEDIATES[kind]
        return values[variant % len(values)]
    if kind == "dfv":
        return dfv(*(("cf",), ("zf", "of"), (), ("sf",), ("of", "sf", "zf", "cf"))[variant % 5])
    if kind == "r32-eax":
        return _BY_KIND["r32", 1 + variant]
    if "+" in kind:
        return _BY_KIND[kind[:-2], 4]
    first, *rest = kind.split("/")
    if (first[0] == "m" and first != "mm") or first.startswith(("vm", "sibmem", "mib")):
        return _memory(first, variant, form)
    if first in _COUNT:
        if rest and variant % 2:
            return _memory(rest[0], variant, form)
        return _register(first, position, variant, evex)
    return Register.named(first)


def instructions(form: Form) -> Iterator[Instruction]:
    """Instructions that the form accepts (another form may be the one chosen to encode them)."""
    explicit_memory = any((k[0] == "m" and k != "mm") or "/m" in k or k[0] in "vs" for k in form.kinds)
    general = explicit_memory or any(kind.split("/")[0] in _GENERAL for kind in form.kinds)
    high = range(VARIANTS, VARIANTS + HIGH_VARIANTS * general)
    for variant in (*range(VARIANTS if explicit_memory else 4), *high):
        operands: list[Operand] = [_operand(k, p, variant, form) for p, k in enumerate(form.kinds)]
        words = form.effects.split()
        if "{k!}" in words or (variant >= 2 and ("{k}" in words or "{kz}" in words)):
            zeroing = variant % 3 == 2 and "{kz}" in words and isinstance(operands[0], Register)
            operands[0] = Masked(operands[0], _BY_KIND["k", 1 + variant % 7], zeroing)  # type: ignore[arg-type]
        registers_only = not any(
            isinstance(o, Memory) or (isinstance(o, Masked) and isinstance(o.operand, Memory)) for o in operands
        )
        if registers_only and variant % 4 == 2 and "{er}" in words:
            operands.append(list(Rounding)[variant // 4 % 4])
        elif registers_only and variant % 4 == 2 and "{sae}" in words:
            operands.append(Rounding.SAE)
        broadcast = next((i for i, k in enumerate(form.kinds) if "/b" in k), None)
        if broadcast is not None and variant in (3, 5) and isinstance(operands[broadcast], Memory):
            _, memory, element = form.kinds[broadcast].split("/")
            plain = operands[broadcast]
            assert isinstance(plain, Memory)
            operands[broadcast] = Memory(
                plain.base, plain.index, plain.scale, plain.displacement, int(element[1:]) // 8, plain.segment,
                broadcast=int(memory[1:]) // int(element[1:]),
            )  # fmt: skip
        for prefixes in _prefixes(form):
            try:
                instruction = Instruction(form.mnemonic, tuple(operands), prefixes)
                instruction.encode()
            except OperandError as error:
                assert re.search(_TOGETHER, str(error)), error
                continue
            yield instruction


# What cannot go together: ah beside r8, r16 in an opcode that takes no REX2, two widths of address, pop2 of one register or rsp.
_TOGETHER = "|".join((
    "beside", "with an EVEX prefix", "takes no REX2", "only by APX forms", "no such form", "same width", "more than the 15 bytes",
    "must be different", "rsp cannot be an operand",
))  # fmt: skip


def _prefixes(form: Form) -> tuple[tuple[str, ...], ...]:
    """What must be said, or may be said, for the form to be chosen."""
    plain = ("EVEX",) if form.allows("{evex}") else ()
    if form.allows("addr32"):
        return plain, ("ADDR32",)
    return (plain, ("NF",)) if form.allows("{nf}") else (plain,)


@cache
def all_instructions() -> tuple[Instruction, ...]:
    result = dict.fromkeys(i for name in sorted(mnemonics()) for form in forms(name) for i in instructions(form))
    return tuple(result)


@cache
def _all_forms() -> tuple[Form, ...]:
    return tuple(form for name in sorted(mnemonics()) for form in forms(name))


def random_instructions(generator: random.Random, count: int) -> Iterator[Instruction]:
    """Instructions of random forms, with any registers, and numbers at the edges of the fields' widths."""
    made = 0
    while made < count:
        form = generator.choice(_all_forms())
        words = form.effects.split()
        operands: list[Operand] = [_random_operand(kind, form, generator) for kind in form.kinds]
        first = operands[0] if operands else None
        if isinstance(first, Register | Memory) and (
            "{k!}" in words or ({"{k}", "{kz}"} & {*words} and generator.random() < 0.4)
        ):
            zeroing = "{kz}" in words and isinstance(first, Register) and generator.random() < 0.5
            operands[0] = Masked(first, _BY_KIND["k", generator.randrange(1, 8)], zeroing)
        if {"{er}", "{sae}"} & {*words} and generator.random() < 0.3:
            operands.append(generator.choice(list(Rounding)[:4]) if "{er}" in words else Rounding.SAE)
        try:
            instruction = Instruction(form.mnemonic, tuple(operands), generator.choice(_prefixes(form)))
            instruction.encode()
        except AssemblyError:
            continue  # what cannot go together: a rounding mode beside memory, ah beside r8, xmm16 in a VEX form
        made += 1
        yield instruction


def _random_operand(kind: str, form: Form, generator: random.Random) -> Operand:
    if kind in ("rel8", "rel32"):
        return generator.choice((0, -128, 127, generator.randrange(-(1 << 31) + 300, (1 << 31) - 300)))
    if kind in _IMMEDIATES:
        low, high = min(_IMMEDIATES[kind]), max(_IMMEDIATES[kind])
        edges = [n for n in (-129, -128, -1, 0, 1, 127, 128, 255, low, high) if low <= n <= high]
        return generator.choice(edges) if generator.random() < 0.6 else generator.randint(low, high)
    first, *rest = kind.split("/")
    if rest and generator.random() < 0.5:
        first = generator.choice(rest)
    if first == "dfv":
        return dfv(*(name for name in ("of", "sf", "zf", "cf") if generator.random() < 0.5))
    if first == "k+1":
        return _BY_KIND["k", generator.randrange(0, 8, 2)]
    if "+" in first:
        return _BY_KIND[first[:-2], generator.randrange(0, 32, 4)]
    if first == "r32-eax":
        return _BY_KIND["r32", generator.randrange(1, 16)]
    if first == "sreg":
        return generator.choice((fs, gs))
    if first in _COUNT:
        vector = first in ("xmm", "ymm", "zmm") and form.family == "EVEX"
        if first == "r8" and generator.random() < 0.2:
            return _BY_KIND["r8h", generator.randrange(4, 8)]
        if first in _GENERAL and generator.random() < 0.1:
            return _BY_KIND[first, generator.randrange(16, 32)]
        return _BY_KIND[first, generator.randrange(32 if vector else _COUNT[first])]
    if first[0] in "mbvs" and first not in ("bx", "bl"):
        return _random_memory(kind, first, form, generator)
    return Register.named(first)


def _random_memory(whole: str, part: str, form: Form, generator: random.Random) -> Memory:
    if part.startswith("mo"):
        return Memory(displacement=generator.getrandbits(63) | 1 << 62, size=int(part[2:]) // 8)
    broadcast = 0
    size = int(part[1:]) // 8 if part[1:].isdigit() else None
    unit = form.scale
    if part[0] == "b":
        broadcast = int(whole.split("/")[1][1:]) // int(part[1:])
        unit = form.broadcast_scale
    edges = (
        0,
        1,
        -1,
        *(n * unit for n in (1, -128, -129, 127, 128)),
        127 * unit + 1,
        1 << 20,
        -(1 << 31),
        (1 << 31) - 1,
    )
    displacement = generator.choice(edges)
    kind = "r32" if form.address32 or generator.random() < 0.1 else "r64"
    count = 32 if generator.random() < 0.1 else 16
    base = _BY_KIND[kind, generator.randrange(count)]
    index = _BY_KIND[kind, generator.choice([n for n in range(count) if n != 4])]
    scale = generator.choice((1, 2, 4, 8))
    if part.startswith("vm"):
        name = {"x": "xmm", "y": "ymm", "z": "zmm"}[part[-1]]
        return Memory(base, _BY_KIND[name, generator.randrange(32)], scale, displacement)
    segment = generator.choice((None, None, None, fs, gs)) if form.mnemonic != "LEA" else None
    match generator.randrange(6):
        case 0 if part not in ("sibmem", "mib"):
            return Memory(rip, None, 1, displacement, size, segment, None, broadcast)
        case 1 if part not in ("sibmem", "mib"):
            return Memory(None, None, 1, displacement, size, segment, None, broadcast)
        case 2:
            return Memory(None, index, generator.choice((4, 8)), displacement, size, segment, None, broadcast)
        case 3 | 4:
            return Memory(base, index, scale, displacement, size, segment, None, broadcast)
    return Memory(base, None, 1, displacement, size, segment, None, broadcast)
