"""JIT-time expressions rendered as C compute, bit for bit, what they compute in Python and so in LLVM IR."""

import ctypes
import random
from pathlib import Path

import pytest

from llvm_passes.expression import OPERATIONS, Const, ExpressionTooLarge, Hole, JitExpr, Operation, holes_of, operation
from stencilgen.emit.expressions import HoleSource, render
from stencilgen.paths import runtime
from stencilgen.toolchain.cc import find_compiler, link

SOURCES = {
    "u8_a": HoleSource("in->a", "uint8_t"),
    "i16_b": HoleSource("in->b"),
    "u32_c": HoleSource("in->c", "uint32_t"),
    "i64_d": HoleSource("in->d", "int64_t"),
    "b_e": HoleSource("in->e"),
}
HOLES = [
    Hole("u8_a", 8),
    Hole("i16_b", 16, signed=True),
    Hole("u32_c", 32),
    Hole("i64_d", 64, signed=True),
    Hole("b_e", 1),
]
EDGES = [
    0,
    1,
    2,
    7,
    8,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
]


class Instruction(ctypes.Structure):
    _fields_ = (
        ("a", ctypes.c_uint8),
        ("b", ctypes.c_uint64),
        ("c", ctypes.c_uint32),
        ("d", ctypes.c_int64),
        ("e", ctypes.c_uint64),
    )


COMPARISONS = [name for name in OPERATIONS if name.startswith("icmp.")]
CASTS = ("zext", "sext", "trunc")
THREE_WAY = ("ucmp", "scmp")


def random_expression(rng: random.Random, bits: int, depth: int) -> JitExpr:
    if depth == 0 or rng.random() < 0.1:
        fitting = [hole for hole in HOLES if hole.bits == bits]
        if fitting and rng.random() < 0.8:
            return rng.choice(fitting)
        return Const(bits, rng.choice([rng.getrandbits(bits), rng.choice(EDGES) % (1 << bits)]))
    if bits == 1 and rng.random() < 0.7:
        width = rng.choice([8, 16, 32, 64])
        return operation(
            rng.choice(COMPARISONS),
            1,
            random_expression(rng, width, depth - 1),
            random_expression(rng, width, depth - 1),
        )
    kind = rng.random()
    if kind < 0.3:
        wider, narrower = [b for b in (8, 16, 24, 32, 64) if b > bits], [b for b in (1, 8, 16, 24, 32) if b < bits]
        if narrower and (rng.random() < 0.5 or not wider):
            return operation(
                rng.choice(["zext", "sext"]), bits, random_expression(rng, rng.choice(narrower), depth - 1)
            )
        if wider:
            return operation("trunc", bits, random_expression(rng, rng.choice(wider), depth - 1))
    if kind < 0.4:
        choice = [random_expression(rng, bits, depth - 1) for _ in range(2)]
        return operation("select", bits, random_expression(rng, 1, depth - 1), *choice)
    if kind < 0.45 and bits >= 8:
        width = rng.choice([8, 16, 32, 64])
        pair = tuple(random_expression(rng, width, depth - 1) for _ in range(2))
        return operation(rng.choice(THREE_WAY), bits, *pair)
    opcodes = [name for name in OPERATIONS if name not in (*COMPARISONS, *CASTS, *THREE_WAY, "select")]
    opcode = rng.choice(opcodes)
    if bits == 1:
        opcode = rng.choice(["and", "or", "xor", "add", "mul"])
    if opcode == "bswap" and bits % 16:
        opcode = "bitreverse"
    count = {"abs": 1, "ctpop": 1, "ctlz": 1, "cttz": 1, "bswap": 1, "bitreverse": 1, "fshl": 3, "fshr": 3}.get(
        opcode, 2
    )
    return operation(opcode, bits, *(random_expression(rng, bits, depth - 1) for _ in range(count)))


def expressions(seed: int, count: int) -> list[JitExpr]:
    rng = random.Random(seed)
    found: list[JitExpr] = []
    while len(found) < count:
        try:
            tree = random_expression(rng, rng.choice([1, 8, 16, 24, 32, 64, 64]), rng.randint(1, 5))
        except ExpressionTooLarge:
            continue
        if holes_of(tree):  # constants are folded long before
            found.append(tree)
    return found


def test_c_and_python_agree_on_random_expressions(tmp_path: Path) -> None:
    trees = expressions(seed=20, count=400)
    functions = [
        f"uint64_t f{n}(const Instruction *in) {{ return {render(tree, SOURCES)}; }}" for n, tree in enumerate(trees)
    ]
    source = tmp_path / "expressions.c"
    source.write_text(
        "#include <stencilgen/expression.h>\n"
        "typedef struct Instruction { uint8_t a; uint64_t b; uint32_t c; int64_t d; uint64_t e; } Instruction;\n"
        + "\n".join(functions)
    )
    library = tmp_path / "expressions.so"
    flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-I", str(runtime() / "include")]
    # constant operands make tautologies, which a person would not write
    flags += [
        "-Wno-type-limits",
        "-Wno-unknown-warning-option",
        "-Wno-tautological-compare",
        "-Wno-bool-operation",
        "-Wno-bool-compare",
    ]
    flags += ["-Wno-tautological-constant-out-of-range-compare"]
    link(find_compiler(), [source], library, flags, directory=tmp_path)
    loaded = ctypes.CDLL(str(library))
    rng = random.Random(21)
    for number, tree in enumerate(trees):
        function = loaded[f"f{number}"]
        function.restype = ctypes.c_uint64
        for _ in range(12):
            fields = [rng.choice([rng.choice(EDGES), rng.getrandbits(64)]) for _ in range(5)]
            instruction = Instruction(*fields)
            # the hole's type takes the field's value as by a cast; to bool, that is a test against zero
            values = dict(zip(SOURCES, fields, strict=True))
            values["b_e"] = int(values["b_e"] != 0)
            assert function(ctypes.byref(instruction)) == tree.evaluate(values), (str(tree), functions[number], fields)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (
            Operation(
                "add",
                64,
                (Operation("mul", 64, (Operation("zext", 64, (Hole("u8_a", 8),)), Const(64, 8))), Const(64, 80)),
            ),
            "(uint64_t)in->a * 8 + 80",
        ),
        (
            Operation("zext", 64, (Operation("add", 8, (Hole("u8_a", 8), Const(8, 1))),)),
            "(uint64_t)(uint8_t)((uint64_t)in->a + 1)",
        ),
        (Operation("sext", 64, (Hole("i16_b", 16, signed=True),)), "(uint64_t)(int64_t)(int16_t)in->b"),
        (
            Operation(
                "select", 64, (Operation("icmp.eq", 1, (Hole("u8_a", 8), Const(8, 0))), Const(64, 3), Const(64, 1))
            ),
            "(uint64_t)((uint64_t)((uint64_t)in->a == 0) ? 3 : 1)",
        ),
    ],
    ids=["address", "wrap", "signed", "select"],
)
def test_c_reads_as_a_person_would_write_it(tree: JitExpr, text: str) -> None:
    assert render(tree, SOURCES) == text
