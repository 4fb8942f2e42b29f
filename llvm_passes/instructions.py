"""Instructions and constant expressions as values: the part of textual IR that JIT-time arithmetic is written in.

`parse` reads one line of a function into an `Instruction` if its operation could be computed at emit time (integer
arithmetic, comparisons, selects, casts, address arithmetic, bit intrinsics, calls of holes), else None: the passes
treat every other line as opaque text. Metadata must be gone or at the end of the line.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from llvm_passes.expression import (
    MAXIMUM_SIZE,
    ROOM,
    Const,
    ExpressionTooLarge,
    JitExpr,
    SymbolAddress,
    add,
    operation,
    scale,
    to_signed,
)
from llvm_passes.holes import HOLE_PREFIX, QUESTION_PREFIX
from llvm_passes.layout import Layout, UnknownType, integer_bits
from llvm_passes.text import NAME, closing, split_top, split_words, unquote, without_metadata

_LINE = re.compile(rf"^  %({NAME}) = (?:(?:tail|notail) )?([a-z]\w*) (.*)$")
_FLAGS = re.compile(r"(?:(?:nuw|nsw|exact|disjoint|nneg|samesign|inbounds|nusw|inrange\([^)]*\)) )*")
_CALL = re.compile(rf"^(.*?)([\w.]+) @({NAME})\((.*)\)[^()]*(?:\([^()]*\)[^()]*)*$")
_INTRINSIC = re.compile(r"llvm\.([a-z.]+?)\.i\d+(?:\.i\d+)?$|llvm\.(ptrmask)\.p0\.i64$")
_HOLE = re.compile(rf"^(.*?)(\w+) @{HOLE_PREFIX}(\w+)\(\)")
_QUESTION = re.compile(rf"^.*?(\w+) @{QUESTION_PREFIX}(holds|is_constant|constant)(?=\()")

BINARY = frozenset(["add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "shl", "lshr", "ashr", "and", "or", "xor"])
CASTS = frozenset(["zext", "sext", "trunc", "ptrtoint", "inttoptr", "ptrtoaddr", "bitcast"])
INTRINSICS = frozenset(
    [
        "umin",
        "umax",
        "smin",
        "smax",
        "abs",
        "ctpop",
        "ctlz",
        "cttz",
        "bswap",
        "bitreverse",
        "fshl",
        "fshr",
        "uadd.sat",
        "usub.sat",
        "sadd.sat",
        "ssub.sat",
        "ushl.sat",
        "sshl.sat",
        "ucmp",
        "scmp",
        "ptrmask",
    ]
)
WITH_EXTRA_FLAG = frozenset({"abs", "ctlz", "cttz"})  # their second operand only says what is poison


@dataclass(frozen=True, slots=True)
class Instruction:
    """`%name = opcode …`: operand tokens are texts (`%x`, `@g`, `7`, `getelementptr (…)`), each with its type's text.

    `opcode` is LLVM's, with the predicate for `icmp.eq` and the family for intrinsics; `hole` for a hole's call, whose
    name is then `element` and whose attributes are in `flags`. `element` is a getelementptr's source type.
    """

    name: str
    opcode: str
    type: str
    operands: tuple[tuple[str, str], ...]
    flags: frozenset[str] = frozenset()
    element: str = ""


def parse(line: str) -> Instruction | None:
    """The instruction on `line`, or None when it is not one that could be computed at emit time."""
    match = _LINE.match(line)
    if not match:
        return None
    name, opcode, rest = match.groups()
    reader = _READERS.get(opcode)
    return reader(name, opcode, without_metadata(rest)) if reader else None


def _flags(rest: str) -> tuple[frozenset[str], str]:
    match = _FLAGS.match(rest)
    assert match is not None
    return frozenset(match[0].split()), rest[match.end() :]


def _typed(piece: str) -> tuple[str, str]:
    """`i64 %x` as ("i64", "%x"); the type may hold blanks only inside brackets."""
    if piece[0] in "[{<":
        end = closing(piece, 0) + 1
        return piece[:end], piece[end:].strip()
    type_text, _, value = piece.partition(" ")
    return type_text, value


def argument(piece: str) -> tuple[str, str]:
    """`i64 noundef %x`, an argument of a call, as ("i64", "%x")."""
    type_text, *words = split_words(piece)
    while words[0] in ("noundef", "zeroext", "signext") or words[0].startswith("range("):
        del words[0]
    return type_text, " ".join(words)


def _binary(name: str, opcode: str, rest: str) -> Instruction | None:
    flags, rest = _flags(rest)
    pieces = split_top(rest)
    type_text, first = _typed(pieces[0])
    if integer_bits(type_text) is None:
        return None
    second = pieces[1].removeprefix(f"{type_text} ")  # a constant expression repeats the type
    return Instruction(name, opcode, type_text, ((type_text, first), (type_text, second)), flags)


def _cast(name: str, opcode: str, rest: str) -> Instruction | None:
    flags, rest = _flags(rest)
    value, _, target = rest.rpartition(" to ")
    source = _typed(value)
    return Instruction(name, opcode, target, (source,), flags)


def _icmp(name: str, opcode: str, rest: str) -> Instruction | None:
    _, rest = _flags(rest)
    predicate, _, rest = rest.partition(" ")
    pieces = split_top(rest)
    type_text, first = _typed(pieces[0])
    if integer_bits(type_text) is None:
        return None
    return Instruction(name, f"icmp.{predicate}", "i1", ((type_text, first), (type_text, pieces[1])))


def _select(name: str, opcode: str, rest: str) -> Instruction | None:
    if not rest.startswith("i1 "):
        return None  # a vector of conditions, or fast-math flags
    condition, first, second = (_typed(piece) for piece in split_top(rest))
    return Instruction(name, opcode, first[0], (condition, first, second))


def _freeze(name: str, opcode: str, rest: str) -> Instruction | None:
    operand = _typed(rest)
    return Instruction(name, opcode, operand[0], (operand,))


def _getelementptr(name: str, opcode: str, rest: str) -> Instruction | None:
    flags, rest = _flags(rest)
    element, *operands = split_top(rest)
    typed = tuple(_typed(piece) for piece in operands)
    if any(integer_bits(type_text) is None for type_text, _ in typed):
        return None
    return Instruction(name, "getelementptr", "ptr", typed, flags, element)


def _call(name: str, opcode: str, rest: str) -> Instruction | None:
    if match := _HOLE.match(rest):
        return Instruction(name, "hole", match[2], (), frozenset(match[1].split()), match[3])
    if match := _QUESTION.match(rest):
        arguments = rest[match.end() + 1 : closing(rest, match.end())]
        return Instruction(name, f"fact.{match[2]}", match[1], tuple(map(argument, split_top(arguments))))
    if "@llvm." not in rest:
        return None
    match = _CALL.match(rest)
    intrinsic = match and _INTRINSIC.match(match[3])
    if not match or not intrinsic:
        return None
    family = intrinsic[1] or intrinsic[2]
    if family not in INTRINSICS:
        return None
    operands = []
    for piece in split_top(match[4]):
        type_text, value = _typed(piece)
        operands.append((type_text, value.rsplit(" ", 1)[-1] if value.startswith(("noundef ", "range(")) else value))
    if family in WITH_EXTRA_FLAG:
        operands = operands[:1]
    return Instruction(name, "and" if family == "ptrmask" else family, match[2], tuple(operands))


_READERS: dict[str, Callable[[str, str, str], Instruction | None]] = {
    **dict.fromkeys(BINARY, _binary),
    **dict.fromkeys(CASTS, _cast),
    "icmp": _icmp,
    "select": _select,
    "freeze": _freeze,
    "getelementptr": _getelementptr,
    "call": _call,
}

_CONSTANT_EXPRESSION = re.compile(
    r"^(ptrtoint|inttoptr|ptrtoaddr|trunc|bitcast|add|sub|xor|getelementptr)((?: \w+| inrange\([^)]*\))*) ?\("
)
_DECIMAL = re.compile(r"-?\d+$")
_FLOATING = re.compile(r"-?\d+\.\d+e[+-]\d+$|0x[0-9A-F]{16}$")

Resolve = Callable[[str], JitExpr | None]
"""A global's token (without `@`) -> its value: its address, or what an absolute symbol stands for."""


@lru_cache(maxsize=4096)
def literal(type_text: str, token: str) -> Const | None:
    """An integer, pointer or floating-point literal as its bits; undefined values are 0, the simplest of their
    values.
    """
    bits = integer_bits(type_text) or {"double": 64, "float": 32}.get(type_text)
    if bits is None:
        return None
    if _DECIMAL.match(token):
        return Const(bits, int(token))
    if token in ("null", "false", "undef", "poison", "zeroinitializer"):
        return Const(bits, 0)
    if token == "true":
        return Const(bits, 1)
    if _FLOATING.match(token):
        value = struct.unpack("<d", int(token, 16).to_bytes(8, "little"))[0] if token.startswith("0x") else float(token)
        raw = struct.pack("<d" if type_text == "double" else "<f", value)
        return Const(bits, int.from_bytes(raw, "little"))
    return None


def constant(type_text: str, token: str, layout: Layout, resolve: Resolve) -> JitExpr | None:
    """The value of a constant operand (literal, global's address, constant expression), or None if it is not one we
    know.
    """
    first = token[0]
    if first == "%":
        return None
    if first == "@":
        return resolve(token[1:])
    known = literal(type_text, token)
    if known is not None:
        return known
    match = _CONSTANT_EXPRESSION.match(token)
    if not match:
        return None
    opcode, body = match[1], token[match.end() : -1]
    reader = _READERS[opcode]
    instruction = reader("", opcode, body)
    if instruction is None:
        return None
    operands = [constant(operand_type, operand, layout, resolve) for operand_type, operand in instruction.operands]
    if any(operand is None for operand in operands):
        return None
    return compute(instruction, [operand for operand in operands if operand is not None], layout)


def compute(instruction: Instruction, operands: list[JitExpr], layout: Layout) -> JitExpr | None:
    """The instruction's result as an expression over `operands`; None when it cannot be one (too large, odd types)."""
    bits = integer_bits(instruction.type) or {"double": 64, "float": 32}.get(instruction.type)
    if bits is None:
        return None
    try:
        result = _result(instruction, bits, operands, layout)
    except (ExpressionTooLarge, UnknownType):
        return None
    return result if result.size <= MAXIMUM_SIZE - ROOM else None


def _result(instruction: Instruction, bits: int, operands: list[JitExpr], layout: Layout) -> JitExpr:
    match instruction.opcode:
        case "getelementptr":
            return _address(instruction, operands, layout)
        case "ptrtoint" | "inttoptr" | "ptrtoaddr" | "bitcast" | "freeze":
            (operand,) = operands
            return operation("zext" if bits > operand.bits else "trunc", bits, operand)
        case opcode:
            return operation(opcode, bits, *operands)


def strides(instruction: Instruction, layout: Layout, indices: list[int | None]) -> list[tuple[int, bool]]:
    """For each index of a getelementptr: (bytes, is_stride): a stride to multiply with, or the offset of a known index.

    Raises UnknownType.
    """
    steps: list[tuple[int, bool]] = [(layout.size(instruction.element), True)]
    current = instruction.element
    for index in indices[1:]:
        aggregate = current
        try:
            current, stride = layout.step(aggregate, None)
            steps.append((stride, True))
        except UnknownType:
            current, offset = layout.step(aggregate, index)
            steps.append((offset, False))
    return steps


def constant_distance(instruction: Instruction, layout: Layout) -> int | None:
    """Bytes that a getelementptr adds to its base; None if they are not constant. Raises UnknownType."""
    indices: list[int | None] = []
    for type_text, token in instruction.operands[1:]:
        value = constant(type_text, token, layout, global_address)
        if not isinstance(value, Const):
            return None
        indices.append(to_signed(value.value, value.bits))
    return sum(
        amount * (index or 0) if is_stride else amount
        for index, (amount, is_stride) in zip(indices, strides(instruction, layout, indices), strict=True)
    )


def _address(instruction: Instruction, operands: list[JitExpr], layout: Layout) -> JitExpr:
    result = operands[0]
    indices = [operand.value if isinstance(operand, Const) else None for operand in operands[1:]]
    for operand, (amount, is_stride) in zip(operands[1:], strides(instruction, layout, indices), strict=True):
        if is_stride:
            result = add(result, scale(operation("sext" if operand.bits < 64 else "trunc", 64, operand), amount))
        else:
            result = add(result, Const(64, amount))
    return result


def global_address(token: str) -> SymbolAddress:
    """The address of the global written as `token` (without `@`)."""
    return SymbolAddress(unquote(token))
