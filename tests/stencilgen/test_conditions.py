"""JIT-time conditions in C hold for the same instructions as in Python, and read as a person would write them."""

import ctypes
import random
from pathlib import Path

import pytest

from llvm_passes.decisions import narrowness_test
from llvm_passes.expression import Const, Hole, JitExpr, Operation, operation
from llvm_passes.knowledge import Knowledge
from llvm_passes.symbols import JitSymbol
from stencilgen.emit.conditions import both, either, negated, render_condition
from stencilgen.emit.expressions import HoleSource
from stencilgen.paths import runtime
from stencilgen.toolchain.cc import find_compiler, link
from tests.stencilgen.test_expressions import EDGES

TYPES = {
    **{f"u{bits}": (bits, False, f"uint{bits}_t") for bits in (8, 16, 32, 64)},
    **{f"i{bits}": (bits, True, f"int{bits}_t") for bits in (8, 16, 32, 64)},
}
SOURCES = {name: HoleSource(f"in->{name}", type_) for name, (_, _, type_) in TYPES.items()}
HOLES = {name: Hole(name, bits, signed) for name, (bits, signed, _) in TYPES.items()}
FIELDS = {name: getattr(ctypes, f"c_{type_.removesuffix('_t')}") for name, (_, _, type_) in TYPES.items()}


class Instruction(ctypes.Structure):
    _fields_ = tuple(FIELDS.items())


def random_condition(rng: random.Random, depth: int = 2) -> JitExpr:
    if depth and rng.random() < 0.3:
        opcode = rng.choice(("and", "or", "xor"))
        return operation(opcode, 1, random_condition(rng, depth - 1), random_condition(rng, depth - 1))
    if depth and rng.random() < 0.15:
        return operation("xor", 1, random_condition(rng, depth - 1), Const(1, 1))
    if rng.random() < 0.1:
        return narrow(rng.choice((HOLES["u64"], operation("add", 64, HOLES["i64"], Const(64, 8)))))
    left: JitExpr = rng.choice(list(HOLES.values()))
    if rng.random() < 0.4 and left.bits < 64:
        left = operation(rng.choice(("zext", "sext")), 64, left)
    if rng.random() < 0.2:
        left = operation(rng.choice(("and", "add")), left.bits, left, Const(left.bits, rng.choice((1, 3, 4, 255))))
    value = rng.choice((*EDGES, *(-edge for edge in EDGES))) + rng.choice((-1, 0, 1))
    predicate = rng.choice(("eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge"))
    return Operation(f"icmp.{predicate}", 1, (left, Const(left.bits, value)))


def narrow(value: JitExpr) -> JitExpr:
    symbols = {"__sg_e_f_0": JitSymbol(value, -(1 << 63), (1 << 63) - 1, True)}
    test = narrowness_test("  store i64 ptrtoint (ptr @__sg_e_f_0 to i64), ptr %p\n", symbols, Knowledge())
    assert test is not None
    return test


def test_c_and_python_agree(tmp_path: Path) -> None:
    rng = random.Random(4)
    pairs = [(random_condition(rng), random_condition(rng)) for _ in range(250)]
    functions = []
    for number, (a, b) in enumerate(pairs):
        x, y = render_condition(a, SOURCES), render_condition(b, SOURCES)
        tests = (x, negated(x), both(x, y), either(x, y), negated(both(x, negated(y))))
        body = " ".join(f"if ({test}) {{ r |= {1 << n}; }}" for n, test in enumerate(tests))
        functions.append(f"unsigned f{number}(const Instruction *in) {{ unsigned r = 0; (void)in; {body} return r; }}")
    fields = " ".join(f"{type_} {name};" for name, (_, _, type_) in TYPES.items())
    source, library = tmp_path / "conditions.c", tmp_path / "conditions.so"
    lines = ["#include <stencilgen/expression.h>", f"typedef struct {{ {fields} }} Instruction;", *functions]
    source.write_text("\n".join(lines) + "\n")
    flags = [
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-type-limits",
        "-I",
        str(runtime() / "include"),
    ]
    flags += [
        "-Wno-unknown-warning-option",
        "-Wno-tautological-compare",
        "-Wno-tautological-constant-out-of-range-compare",
    ]
    link(find_compiler(), [source], library, flags, directory=tmp_path)
    loaded = ctypes.CDLL(str(library))
    seen = set()
    for number, (a, b) in enumerate(pairs):
        for _ in range(40):
            base = rng.choice((*EDGES, rng.getrandbits(64)))
            values = {name: base + rng.choice((-1, 0, 1)) for name in TYPES}
            instruction = Instruction(**values)
            x, y = a.evaluate(values), b.evaluate(values)
            expected = (x, 1 - x, x & y, x | y, 1 - (x & (1 - y)))
            actual = loaded[f"f{number}"](ctypes.byref(instruction))
            assert actual == sum(bit << n for n, bit in enumerate(expected)), (
                str(a),
                str(b),
                functions[number],
                values,
            )
            seen.add((number, x))
    assert len(seen) > 1.3 * len(pairs)


def compare(predicate: str, left: JitExpr, value: int) -> JitExpr:
    return Operation(f"icmp.{predicate}", 1, (left, Const(left.bits, value)))


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (compare("eq", HOLES["u16"], 3), "in->u16 == 3"),
        (compare("sgt", HOLES["i16"], -1), "in->i16 >= 0"),
        (compare("slt", operation("sext", 32, HOLES["i16"]), 0), "in->i16 < 0"),
        (compare("ult", operation("zext", 64, HOLES["u8"]), 8), "in->u8 < 8"),
        (compare("ugt", HOLES["u8"], 255), "(uint64_t)in->u8 > 255"),
        (compare("slt", HOLES["u16"], 0), "(int16_t)(uint64_t)in->u16 < 0"),
        (
            operation("and", 1, compare("ne", HOLES["u16"], 0), compare("ne", HOLES["u8"], 1)),
            "in->u16 != 0 && in->u8 != 1",
        ),
        (narrow(HOLES["u64"]), "sg_narrow((uint64_t)in->u64)"),
        (Hole("u8", 1), "(uint64_t)(_Bool)in->u8"),
    ],
)
def test_it_reads_as_a_person_would_write_it(test: JitExpr, text: str) -> None:
    assert render_condition(test, SOURCES) == text


def test_opposites() -> None:
    assert negated("in->a == 0") == "in->a != 0" and negated("in->a < 3") == "in->a >= 3"
    assert negated("a && b") == "!(a && b)" and negated("f(a == 1)") == "!(f(a == 1))"
    assert either("a && b", "c") == "(a && b) || c" and both("a || b", "c") == "(a || b) && c"
