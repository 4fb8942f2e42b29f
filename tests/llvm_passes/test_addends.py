"""Addends move outwards without changing any value, and end as one displacement or immediate."""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from llvm_passes.fold import fold
from tests.llvm_passes.conftest import compile_c, instructions
from tests.llvm_passes.execute import HEADER, SLOTS, run, with_constants, with_hole_functions

HOLES = {"a": 16, "b": 32, "c": 64, "d": 8}


class Writer:
    """Writes a random straight-line function; knows bounds, so that no-wrap flags are never false."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.values: dict[str, tuple[int, int, int]] = {}  # name -> bits, low, high (signed reading)
        self.pointers = ["m"]
        self.stored = 0
        for name in ("x", "y"):
            self.values[name] = (64, -(1 << 20), 1 << 20)

    def emit(self, text: str) -> str:
        name = f"v{len(self.lines)}"
        self.lines.append(f"  %{name} = {text}")
        return name

    def value(self, bits: int) -> str:
        fitting = [name for name, (width, _, _) in self.values.items() if width == bits]
        return self.draw(st.sampled_from(fitting)) if fitting else self.narrow(bits)

    def narrow(self, bits: int) -> str:
        name = self.emit(f"trunc i64 %x to i{bits}")
        limit = 1 << (bits - 1)
        self.values[name] = (bits, -limit, limit - 1) if bits < 22 else (bits, -(1 << 20), 1 << 20)
        return name

    def arithmetic(self, bits: int) -> None:
        opcode = self.draw(st.sampled_from(("add", "add", "add", "sub", "shl", "mul", "or disjoint")))
        left = self.value(bits)
        _, low, high = self.values[left]
        if opcode in ("shl", "mul"):
            constant = self.draw(st.integers(0, 3) if opcode == "shl" else st.integers(-5, 12))
            corners = [bound * (1 << constant if opcode == "shl" else constant) for bound in (low, high)]
            right = str(constant)
        elif opcode == "or disjoint":
            left = self.emit(f"shl i{bits} %{left}, 4")
            right, corners = str(self.draw(st.integers(0, 15))), [-(1 << (bits - 1)), (1 << (bits - 1)) - 1]
            low = -1
        elif self.draw(st.booleans()):
            other = self.value(bits)
            _, other_low, other_high = self.values[other]
            right = f"%{other}"
            corners = [low + other_low, high + other_high] if opcode == "add" else [low - other_high, high - other_low]
        else:
            constant = self.draw(st.integers(-100, 100))
            right = str(constant)
            corners = [low + constant, high + constant] if opcode == "add" else [low - constant, high - constant]
        half = 1 << (bits - 1)
        fits = min(corners) >= -half and max(corners) < half
        flags = " nsw" if fits and opcode != "or disjoint" and self.draw(st.booleans()) else ""
        if fits and low >= 0 and min(corners) >= 0 and opcode == "add" and "%" not in right and int(right) >= 0:
            flags += self.draw(st.sampled_from(("", " nuw")))
        name = self.emit(f"{opcode}{flags} i{bits} %{left}, {right}")
        self.values[name] = (bits, min(corners), max(corners)) if fits else (bits, -half, half - 1)

    def widen(self) -> None:
        source = self.value(32)
        _, low, high = self.values[source]
        signed = low < 0 or self.draw(st.booleans())
        name = self.emit(f"{'sext' if signed else 'zext nneg'} i32 %{source} to i64")
        self.values[name] = (64, low, high)

    def address(self) -> None:
        base = self.draw(st.sampled_from(self.pointers))
        index = f"i64 %{self.value(64)}" if self.draw(st.booleans()) else f"i32 %{self.value(32)}"
        element = self.draw(st.sampled_from(("i8", "i32", "ptr", "{ i64, i64, i32 }", "[5 x i16]")))
        if element == "[5 x i16]" and self.draw(st.booleans()):
            index = f"i64 1, {index}"
        if self.draw(st.integers(0, 3)) == 0:
            index = f"i64 {self.draw(st.integers(-9, 9))}"
        self.pointers.append(self.emit(f"getelementptr {element}, ptr %{base}, {index}"))

    def compare(self) -> None:
        bits = self.draw(st.sampled_from((32, 64)))
        predicate = self.draw(st.sampled_from(("eq", "ne")))
        bit = self.emit(f"icmp {predicate} i{bits} %{self.value(bits)}, %{self.value(bits)}")
        name = self.emit(f"zext i1 %{bit} to i64")
        self.values[name] = (64, 0, 1)

    def store(self, name: str, bits: int) -> None:
        if self.stored < SLOTS - 1:
            slot = self.emit(f"getelementptr i8, ptr %m, i64 {8 * self.stored}")
            self.lines.append(f"  store i{bits} %{name}, ptr %{slot}")
            self.stored += 1


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A function over a memory pointer, two integers and four holes, in IR."""
    writer = Writer(draw)
    for hole, bits in HOLES.items():
        name = writer.emit(f"call i{bits} @__sg_hole_{hole}()")
        limit = 1 << (bits - 1)
        writer.values[name] = (bits, -limit, limit - 1)
        if bits < 32:
            wide = draw(st.sampled_from((32, 64)))
            extended = writer.emit(f"zext i{bits} %{name} to i{wide}")
            writer.values[extended] = (wide, 0, (1 << bits) - 1)
    writer.narrow(32)
    for _ in range(draw(st.integers(3, 14))):
        step = draw(st.sampled_from(("add32", "add64", "add64", "widen", "address", "address", "compare", "store")))
        match step:
            case "add32":
                writer.arithmetic(32)
            case "add64":
                writer.arithmetic(64)
            case "widen":
                writer.widen()
            case "address":
                writer.address()
            case "compare":
                writer.compare()
            case "store":
                writer.store(writer.value(64), 64)
    for name, (bits, _, _) in list(writer.values.items()):
        if bits in (32, 64) and name.startswith("v"):
            writer.store(name, bits)
    base = writer.emit("ptrtoint ptr %m to i64")
    for pointer in writer.pointers[1:]:
        writer.store(writer.emit(f"sub i64 %{writer.emit(f'ptrtoint ptr %{pointer} to i64')}, %{base}"), 64)
    declared = "".join(f"declare i{bits} @__sg_hole_{hole}()\n" for hole, bits in HOLES.items())
    body = "\n".join(writer.lines)
    return f"{HEADER}{declared}define void @f(ptr %m, i64 %x, i64 %y) {{\nentry:\n{body}\n  ret void\n}}\n"


@settings(max_examples=150, deadline=None)
@given(
    text=programs(),
    x=st.integers(-(1 << 20), 1 << 20),
    y=st.integers(-(1 << 20), 1 << 20),
    holes=st.fixed_dictionaries({name: st.integers(0, (1 << bits) - 1) for name, bits in HOLES.items()}),
)
def test_folding_keeps_every_value(text, x, y, holes):
    folded = fold(text)
    assume(folded.symbols)
    arguments = (x % (1 << 64), y % (1 << 64))
    assert run(with_constants(folded, holes), arguments) == run(with_hole_functions(text, holes), arguments)


def folded_body(lines: str, holes: str = "declare i16 @__sg_hole_h()") -> tuple[str, list[str]]:
    """(instructions after folding, the symbols' expressions) of a function body over %m, %x (i64) and %n (i32)."""
    folded = fold(f"{holes}\ndefine void @f(ptr %m, i64 %x, i32 %n) {{\nentry:\n{lines}  ret void\n}}\n")
    body = folded.ir.split("entry:\n", 1)[1].split("\n}", 1)[0]
    return re.sub(r"__sg_e_f_", "E", body), [str(symbol.expression) for symbol in folded.symbols.values()]


HOLE_64 = "  %h = call i16 @__sg_hole_h()\n  %j = zext i16 %h to i64\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("  %a = add i64 %x, %j\n  %b = shl i64 %a, 3\n  %c = add i64 %b, 80\n", "(add64 (mul64 (zext64 h) 8) 80)"),
        ("  %a = sub i64 %x, %j\n  %c = mul i64 %a, 12\n", "(mul64 (sub64 0 (zext64 h)) 12)"),
        ("  %a = sub i64 %j, %x\n  %c = mul i64 %a, 3\n", "(mul64 (zext64 h) 3)"),
        ("  %a = shl i64 %x, 4\n  %b = or disjoint i64 %a, 7\n  %c = add i64 %b, %j\n", "(add64 (zext64 h) 7)"),
    ],
)
def test_integer_chains_end_in_one_addition(lines, expected):
    body, expressions = folded_body(HOLE_64 + lines + "  store i64 %c, ptr %m\n")
    assert expressions == [expected]
    assert "%c = add i64 " in body and "ptrtoint (ptr @E0 to i64)" in body


def test_a_widened_sum_needs_its_no_wrap_flag():
    hole = "  %h = call i16 @__sg_hole_h()\n  %j = zext i16 %h to i32\n"
    uses = "  %b = sext i32 %a to i64\n  %c = getelementptr ptr, ptr %m, i64 %b\n  store i64 1, ptr %c\n"
    body, expressions = folded_body(f"{hole}  %a = add nsw i32 %n, %j\n{uses}")
    assert expressions == ["(mul64 (sext64 (zext32 h)) 8)"] and "sext i32 %n to i64" in body
    body, expressions = folded_body(f"{hole}  %a = add i32 %n, %j\n{uses}")
    assert expressions == ["h"] and "sext i32 %a to i64" in body


def test_inner_additions_of_a_widened_sum_are_widened_one_by_one():
    hole = "  %h = call i16 @__sg_hole_h()\n  %s = sext i16 %h to i32\n  %j = mul i32 %s, 65000\n"
    lines = "  %a = add nsw i32 %n, %j\n  %b = add nsw i32 %a, 2000000000\n  %c = sext i32 %b to i64\n"
    _, expressions = folded_body(hole + lines + "  store i64 %c, ptr %m\n")
    assert expressions == ["(add64 (sext64 (mul32 (sext32 h) 65000)) 2000000000)"]


def test_an_inner_operation_with_several_uses_is_taken_apart_only_if_that_is_free():
    uses = "  store i64 %b, ptr %m\n  %p = getelementptr i8, ptr %m, i64 8\n  store i64 %c, ptr %p\n"
    body, expressions = folded_body(HOLE_64 + "  %b = add i64 %x, %j\n  %c = shl i64 %b, 1\n" + uses)
    assert expressions == ["(mul64 (zext64 h) 2)", "h"] and "shl i64 %x, 1" in body
    body, expressions = folded_body(
        HOLE_64 + "  %a = add i64 %x, %j\n  %b = mul i64 %a, 24\n  %c = shl i64 %b, 1\n" + uses
    )
    assert expressions == ["(mul64 (zext64 h) 24)"] and "%c = shl i64 %b, 1" in body


def test_equality_with_a_sum_compares_with_a_difference():
    body, expressions = folded_body(
        HOLE_64 + "  %a = add i64 %x, %j\n  %c = icmp eq i64 %a, 5\n  %z = zext i1 %c to i64\n  store i64 %z, ptr %m\n"
    )
    assert expressions == ["(add64 (sub64 0 (zext64 h)) 5)"] and "icmp eq i64 %x, ptrtoint" in body


STENCILS = """
STENCIL(INDEX) { thread->counter = thread->scratch[OPARG + thread->pad]; CONTINUE(); }
STENCIL(AFFINE) { thread->counter = (thread->counter + OPARG) * 8 + 80; CONTINUE(); }
STENCIL(DROP) { sp -= OPARG; CONTINUE(); }
STENCIL(PEEK) { sp[-1] = sp[-(int)OPARG - 2]; CONTINUE(); }
STENCIL(GROW) { thread->counter += OPARG * 24 + 5; CONTINUE(); }
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("INDEX", ["movslq 8(%r14), %rax", "movq E0(%r14,%rax,8), %rax", "movq %rax, (%r14)"]),
        ("AFFINE", ["movq (%r14), %rax", "leaq E0(,%rax,8), %rax", "movq %rax, (%r14)"]),
        ("DROP", ["leaq E0(%r13), %r13"]),
        ("PEEK", ["movq E0(%r13), %rax", "movq %rax, -8(%r13)"]),
        ("GROW", ["addq $E0, (%r14)"]),
    ],
)
def test_addends_become_displacements_and_immediates(name, expected):
    assert instructions(compile_c(STENCILS)[name].assembly) == [*expected, "jmp __sg_continue"]


def test_blocks_may_stand_in_any_order():
    head = HOLE_64 + "  br label %last\nmiddle:\n  %c = add i64 %b, 80\n  store i64 %c, ptr %m\n  br label %end\n"
    body, expressions = folded_body(
        head + "last:\n  %a = add i64 %x, %j\n  %b = shl i64 %a, 3\n  br label %middle\nend:\n"
    )
    assert expressions == ["(add64 (mul64 (zext64 h) 8) 80)"]
    assert "%a" not in body and "shl i64 %x, 3" in body


def test_long_chains_are_taken_apart_step_by_step():
    """A chain longer than one look reaches, with a second use in its middle."""
    chain = "".join(f"  %a{n + 1} = add i64 %a{n}, {n + 1}\n" for n in range(2000))
    lines = f"{HOLE_64}  %a0 = add i64 %x, %j\n{chain}  %p = getelementptr i8, ptr %m, i64 8\n"
    body, _ = folded_body(lines + "  store i64 %a1000, ptr %p\n  store i64 %a2000, ptr %m\n")
    defined = set(re.findall(r"^  %(\S+) = ", body, re.M)) | {"m", "x"}
    assert set(re.findall(r"[ ,]%([\w.]+)", body)) <= defined
