"""Operations move into the arms of a run-time choice among JIT-time values: the value stays, instructions go."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llvm_passes.fold import fold
from tests.llvm_passes.conftest import compile_c, instructions
from tests.llvm_passes.execute import HEADER, run, with_constants, with_hole_functions

HOLES = {"a": 16, "b": 32, "c": 64, "d": 8}
WIDTHS = (8, 16, 32, 64)
BINARY = ("add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "udiv", "urem")
PREDICATES = ("eq", "ne", "ult", "sgt", "sle")
INTRINSICS = ("umin", "umax", "smin", "smax", "uadd.sat")


class Writer:
    """Writes a random function that chooses, computes with what it chose, and stores the result."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.declared: set[str] = set()
        self.names = 0

    def emit(self, text: str) -> str:
        self.names += 1
        self.lines.append(f"  %v{self.names} = {text}")
        return f"%v{self.names}"

    def jit(self, bits: int) -> str:
        """A JIT-time value or constant."""
        if self.draw(st.integers(0, 2)) == 0:
            return str(self.draw(st.one_of(st.integers(0, 9), st.integers(-(1 << (bits - 1)), (1 << (bits - 1)) - 1))))
        name = self.draw(st.sampled_from(sorted(HOLES)))
        value = self.emit(f"call i{HOLES[name]} @__sg_hole_{name}()")
        if HOLES[name] == bits:
            return value
        return self.emit(f"{'zext' if HOLES[name] < bits else 'trunc'} i{HOLES[name]} {value} to i{bits}")

    def step(self, value: str, bits: int) -> tuple[str, int]:
        """One operation on the value with JIT-time operands."""
        kind = self.draw(st.sampled_from(("binary", "binary", "binary", "compare", "intrinsic", "cast")))
        if bits == 1 or kind == "cast":
            wider = [width for width in WIDTHS if width > bits]
            narrower = [width for width in WIDTHS if width < bits]
            if wider and (not narrower or self.draw(st.booleans())):
                width = self.draw(st.sampled_from(wider))
                return self.emit(f"{self.draw(st.sampled_from(('zext', 'sext')))} i{bits} {value} to i{width}"), width
            width = self.draw(st.sampled_from(narrower))
            return self.emit(f"trunc i{bits} {value} to i{width}"), width
        if kind == "compare":
            return self.emit(f"icmp {self.draw(st.sampled_from(PREDICATES))} i{bits} {value}, {self.jit(bits)}"), 1
        if kind == "intrinsic":
            name = f"@llvm.{self.draw(st.sampled_from(INTRINSICS))}.i{bits}"
            self.declared.add(f"declare i{bits} {name}(i{bits}, i{bits})")
            return self.emit(f"call i{bits} {name}(i{bits} {value}, i{bits} {self.jit(bits)})"), bits
        opcode = self.draw(st.sampled_from(BINARY))
        other = self.jit(bits)
        if opcode in ("shl", "lshr", "ashr"):
            other = self.emit(f"and i{bits} {other}, {bits - 1}")
        elif opcode in ("udiv", "urem"):
            other = self.emit(f"or i{bits} {other}, 1")
        elif self.draw(st.booleans()):
            return self.emit(f"{opcode} i{bits} {other}, {value}"), bits
        return self.emit(f"{opcode} i{bits} {value}, {other}"), bits


@st.composite
def functions(draw: st.DrawFn) -> str:
    writer = Writer(draw)
    bits = draw(st.sampled_from(WIDTHS))
    arms = [writer.jit(bits) for _ in range(2)]
    head = writer.lines
    choice = ["  %bit = and i64 %x, 1", "  %c = icmp eq i64 %bit, 0"]
    if draw(st.booleans()):
        choice.append(f"  %s = select i1 %c, i{bits} {arms[0]}, i{bits} {arms[1]}")
    else:
        choice += ["  br i1 %c, label %one, label %two", "one:", "  store i64 7, ptr %m", "  br label %two", "two:"]
        choice.append(f"  %s = phi i{bits} [ {arms[0]}, %one ], [ {arms[1]}, %entry ]")
    writer.lines = []
    value, width = "%s", bits
    stored = []
    for _ in range(draw(st.integers(1, 4))):
        value, width = writer.step(value, width)
        if draw(st.integers(0, 4)) == 0:
            stored.append((value, width))
    body = [*head, *choice, *writer.lines]
    for number, (token, bits) in enumerate([*stored, (value, width)]):
        body.append(f"  %p{number} = getelementptr i64, ptr %m, i64 {number + 1}")
        body.append(f"  store i{bits} {token}, ptr %p{number}")
    declared = [*sorted(writer.declared), *(f"declare i{bits} @__sg_hole_{name}()" for name, bits in HOLES.items())]
    return "\n".join(
        [HEADER, *declared, "define void @f(ptr %m, i64 %x, i64 %y) {", "entry:", *body, "  ret void", "}"]
    )


@settings(max_examples=250, deadline=None)
@given(text=functions(), holes=st.fixed_dictionaries({n: st.integers(0, 2**b - 1) for n, b in HOLES.items()}))
def test_a_function_does_the_same_before_and_after(text: str, holes: dict[str, int]) -> None:
    before, after = with_hole_functions(text, holes), with_constants(fold(text), holes)
    for x in (0, 1):
        assert run(before, (x, 0)) == run(after, (x, 0))


STENCILS = """
STENCIL(ADD) { uint64_t v = thread->pad & 1 ? OPARG : 5; thread->counter = v + HOLE(uint16_t, other); CONTINUE(); }
STENCIL(OR) { uint64_t v = thread->pad > 3 ? OPARG * 8 : 16; thread->counter = v | HOLE(uint8_t, tag); CONTINUE(); }
STENCIL(INDEX)
{
    int v = thread->pad > 3 ? HOLE(int8_t, one) : HOLE(int8_t, other);
    thread->counter = thread->scratch[v * 2 + 1];
    CONTINUE();
}
STENCIL(PHI)
{
    uint64_t v = OPARG;
    if (thread->pad > 3)
        thread->single = 3;
    else {
        slow_path(thread);
        v = HOLE(uint16_t, other);
    }
    thread->counter = v * 8 + 1;
    CONTINUE();
}
STENCIL(COMPARE)
{
    uint64_t v = thread->pad > 3 ? OPARG : 5;
    if (v == HOLE(uint16_t, other)) thread->counter++;
    CONTINUE();
}
STENCIL(WIDE) { uint64_t v = thread->pad > 3 ? OPARG : 77; thread->counter = v ^ OPERAND; CONTINUE(); }
STENCIL(SEEN)
{
    uint64_t v = thread->pad > 3 ? OPARG : 5;
    thread->counter = v;
    thread->scratch[0] = v + HOLE(uint16_t, other);
    CONTINUE();
}
"""


@pytest.mark.parametrize(
    ("name", "expressions"),
    [
        ("ADD", {"(add64 (zext64 other) 5)", "(add64 (zext64 oparg) (zext64 other))"}),
        ("OR", {"(or64 (shl64 (zext64 oparg) 3) (zext64 tag))", "(or64 (zext64 tag) 16)"}),
        ("INDEX", {"(sext64 (shl32 (sext32 one) 1))", "(sext64 (shl32 (sext32 other) 1))"}),
        ("PHI", {"(or64 (shl64 (zext64 oparg) 3) 1)", "(or64 (shl64 (zext64 other) 3) 1)"}),
        ("COMPARE", {"(icmp.eq1 (zext64 oparg) (zext64 other))", "(icmp.eq1 5 (zext64 other))"}),
        ("WIDE", {"oparg", "operand"}),
        ("SEEN", {"oparg", "other"}),
    ],
)
def test_the_arms_of_a_choice(name: str, expressions: set[str]) -> None:
    assert {str(symbol.expression) for symbol in compile_c(STENCILS)[name].symbols.values()} == expressions


def test_what_was_done_with_the_choice_is_gone() -> None:
    code = instructions(compile_c(STENCILS)["ADD"].assembly)
    assert [line.split()[0] for line in code] == ["testb", "movl", "movl", "cmoveq", "movq", "jmp"]
    index = instructions(compile_c(STENCILS)["INDEX"].assembly)
    assert not {"addl", "cltq", "movsbl"} & {line.split()[0] for line in index}


def test_a_comparison_is_a_bit_for_each_arm_and_so_has_versions() -> None:
    assert compile_c(STENCILS)["COMPARE"].decision is not None
