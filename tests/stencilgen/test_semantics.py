"""One meaning three times: LLVM's machine code, Python's evaluation and the emit function's C agree, operation by operation.

Every operation at every width, as the fold pass reads it from IR. Where IR leaves a result open, C and Python still agree:
emit functions compute it for operands with which the stencil never comes there.
"""

import ctypes
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llvm_passes.expression import Const, Hole, JitExpr, Operation
from stencilgen.emit.expressions import HoleSource, render
from stencilgen.paths import runtime
from stencilgen.toolchain.cc import find_compiler, link
from tests.llvm_passes.test_expression import (
    CASES,
    VALUES,
    Expressions,
    Native,
    expressions,
    is_defined,
    native,
)

__all__ = ["expressions", "native"]

SOURCES = {name: HoleSource(f"in->{name}", "uint64_t") for name in "abc"}
HOLE_WIDTHS = (1, 8, 16, 32, 64)

# what a person would not write, but constants in small widths make
TAUTOLOGIES = ("type-limits", "tautological-compare", "bool-operation", "bool-compare", "unknown-warning-option")


class InC(dict[tuple[int, bool], "ctypes._NamedFuncPointer"]):
    """C functions by position in CASES, and by whether they read the holes as signed."""

    def __repr__(self) -> str:
        return "in_c"


class Instruction(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in "abc"]


def with_holes(expression: JitExpr, signed: bool) -> JitExpr:
    """The expression with holes that C has types for."""
    match expression:
        case Hole(name, bits) if bits in HOLE_WIDTHS:
            return Hole(name, bits, signed and bits > 1)
        case Hole(name, bits):
            return Operation("trunc", bits, (Hole(name, 64, signed),))
        case Operation(opcode, bits, operands):
            return Operation(opcode, bits, tuple(with_holes(operand, signed) for operand in operands))
    return expression


@pytest.fixture(scope="module")
def in_c(expressions: Expressions, tmp_path_factory: pytest.TempPathFactory) -> InC:
    directory: Path = tmp_path_factory.mktemp("semantics")
    lines = ["#include <stencilgen/expression.h>", "typedef struct Instruction { uint64_t a, b, c; } Instruction;"]
    names = {}
    for number, expression in enumerate(expressions):
        for signed in (False, True):
            names[number, signed] = f"f{number}{'s' if signed else 'u'}"
            text = render(with_holes(expression, signed), SOURCES)
            unused = "(void)in; " if isinstance(expression, Const) else ""
            lines.append(f"uint64_t {names[number, signed]}(const Instruction *in) {{ {unused}return {text}; }}")
    source, library = directory / "semantics.c", directory / "semantics.so"
    source.write_text("\n".join(lines) + "\n")
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-I", str(runtime() / "include")]
    flags += [f"-Wno-{name}" for name in (*TAUTOLOGIES, "tautological-constant-out-of-range-compare")]
    link(find_compiler(), [source], library, flags, directory=directory)
    loaded = ctypes.CDLL(str(library))
    functions = InC()
    for key, name in names.items():
        functions[key] = loaded[name]
        functions[key].restype = ctypes.c_uint64
    return functions


def check(native: Native, expressions: Expressions, in_c: InC, number: int, operands: tuple[int, int, int]) -> None:
    """The three agree on one case; above a hole's width the VM's field may hold anything."""
    case = CASES[number]
    mask = (1 << case.bits) - 1
    a, b, c = (int(value != 0) if case.bits == 1 else value & mask for value in operands)
    value = expressions[number].evaluate({"a": a, "b": b, "c": c})
    if is_defined(case, a, b, c):
        assert value & case.result_mask == native[number](a, b, c), case.text
    instruction = Instruction(*operands)
    for signed in (False, True):
        assert in_c[number, signed](ctypes.byref(instruction)) == value, (case.text, signed)


@settings(max_examples=3000, deadline=None)
@given(number=st.integers(0, len(CASES) - 1), operands=st.tuples(VALUES, VALUES, VALUES))
def test_three_agree_on_random_operands(native, expressions, in_c, number, operands) -> None:
    check(native, expressions, in_c, number, operands)


@settings(max_examples=20, deadline=None)
@given(operands=st.tuples(VALUES, VALUES, VALUES))
def test_three_agree_on_every_operation(native, expressions, in_c, operands) -> None:
    for number in range(len(CASES)):
        check(native, expressions, in_c, number, operands)


def test_every_operation_is_among_the_cases(expressions) -> None:
    from llvm_passes.expression import OPERATIONS, walk

    read = {node.opcode for expression in expressions for node in walk(expression) if isinstance(node, Operation)}
    assert OPERATIONS.keys() <= read
