"""What LLVM prints for the stencils of all examples is read without loss, and encoded as LLVM would or shorter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stencilgen
from llvm_passes.symbols import SYMBOL_PREFIX
from stencilgen.config import load_config
from stencilgen.pipeline import build
from stencilgen.toolchain.clang import ziglang
from x86_64 import Address, AssemblyError, Instruction, Label, OperandError, Symbol, format_att, parse_att, parse_intel

from .assemblers import assemble
from .decoding import decoded

ROOT = Path(stencilgen.__file__).parent.parent
JIT_TIME = SYMBOL_PREFIX
VALUE = 3  # of every JIT-time value: small enough for a shift count
EXAMPLES = ["tests/golden/vm", "examples/calculator", "tests/differential/vm", "examples/minipy"]
PREFIXES = ("lock", "rep", "repe", "repz", "repne", "repnz")  # LLVM prints these on lines of their own

pytestmark = pytest.mark.skipif(ziglang() is None, reason="the ziglang wheel is not installed")


def resolve(name: str) -> Symbol | Address | Label:
    if name.startswith(JIT_TIME) or "@" in name:
        return Symbol(name, -(1 << 31), (1 << 31) - 1)
    return Label(name) if name.startswith(".L") else Address(name)


def instruction_lines(assembly: str) -> Iterator[str]:
    """The instructions' text: no labels, directives or comments; a prefix stands before its instruction."""
    prefix = ""
    for raw in assembly.splitlines():
        for piece in raw.split("#", 1)[0].split(";"):
            line = re.sub(r'^\s*("[^"]+"|[\w.$@]+):', "", piece).strip()
            if not line or line[0] == ".":
                continue
            if line in PREFIXES:
                prefix = f"{line} "
                continue
            yield re.sub(r"\s+", " ", prefix + line)
            prefix = ""


@cache
def stencil_lines(folder: str) -> tuple[str, ...]:
    """Each different line of the stencils' assembly."""
    built = build(load_config(ROOT / folder))
    return tuple(sorted({line for stencil in built.stencils for line in instruction_lines(stencil.assembly)}))


@pytest.mark.filterwarnings("ignore::Warning")  # what the builds have to say, their own tests show
@pytest.mark.parametrize("folder", EXAMPLES)
def test_every_line_survives_both_syntaxes(folder: str) -> None:
    lines = stencil_lines(folder)
    assert len(lines) > 30
    for line in lines:
        instruction = parse_att(line, resolve)
        assert parse_att(format_att(instruction), resolve) == instruction
        known = names_in(instruction)
        assert parse_intel(str(instruction), lambda name: known[name]) == instruction  # noqa: B023


def names_in(instruction: Instruction) -> dict[str, Symbol | Address | Label]:
    """Intel text's names of what the operands refer to."""
    found: dict[str, Symbol | Address | Label] = {}
    for operand in instruction.operands:
        for value in (operand, getattr(operand, "displacement", None), getattr(operand, "target", None)):
            match value:
                case Address(name):
                    found[name] = Address(name)
                case Label(name):
                    found[f"=>{name}"] = Label(name)
                case _ if hasattr(value, "symbol"):
                    found[value.symbol.name] = value.symbol
    return found


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize("folder", EXAMPLES)
def test_bytes_are_those_of_llvm_or_fewer(folder: str) -> None:
    # a label that is defined nowhere has the widest field, as our last choice has
    texts = list(dict.fromkeys(numbered(line).replace(".L", "L_") for line in stencil_lines(folder)))
    wrong = []
    for line, result in zip(texts, assemble(texts, "llvm"), strict=True):
        instruction = parse_att(line, resolve)
        try:
            code = bytes(instruction.encode())
        except OperandError:
            code = instruction.encodings()[-1].code
        if result.code is None or len(code) > len(result.code) or meaning(code) != meaning(result.code):
            wrong.append(f"{line}: {code.hex()}, not {result.code.hex() if result.code else result.message}")
    assert not wrong, "\n".join(wrong)


def numbered(line: str) -> str:
    """The line with a number in the place of each JIT-time value."""
    return re.sub(rf"{JIT_TIME}\w+([+-]\d+)?", lambda match: str(VALUE + int(match[1] or 0)), line)


def meaning(code: bytes) -> tuple[object, ...]:
    """What a decoder reads; the two operands of xchg and test can stand either way."""
    try:
        name, *operands = decoded(code)
    except AssertionError as error:
        raise AssemblyError(str(error)) from None
    return (name, *sorted(operands, key=str)) if name in ("XCHG", "TEST") else (name, *operands)
