"""Sharing tails and slow paths, threading jumps and ordering blocks change no path through a stencil."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, given, settings

from dasc import EXIT, NEXT, InstructionLine, LabelHole, LabelLine, Line
from stencilgen.layout.blocks import reachable
from stencilgen.layout.code import Block, Branch, Code, End, Jump, Return, TailCall, Unreachable
from stencilgen.layout.conventions import INDIRECT, LIBCALL
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place, thread_jumps
from stencilgen.layout.shared_cold import share_cold
from stencilgen.layout.tails import merge_tails
from tests.layout.paths import NO_RETURN, Laid, difference
from tests.layout.test_shared_cold import FREE
from tests.layout.test_tails import COPIED
from x86_64 import Address, Instruction, Label, parse_intel, r12, rsp

CODE = [
    parse_intel(text, Address)
    for text in (
        "inc dword [rax]",
        "mov [r12+8], rax",
        "mov rdi, r13",
        "mov rsi, [r12+16]",
        "mov dword [rsi+4], 0",
        "mov rax, [rsp+8]",
        "cmp rsi, 5",
        "call free",
        "call rdx",
    )
]
CONDITIONS = ("JE", "JNE", "JL", "JAE", "JRCXZ")
HOLE = LabelHole("instruction->target")


@st.composite
def ends(draw: st.DrawFn, names: Sequence[str], usual: Label) -> End:
    targets = st.one_of(st.just(usual), st.sampled_from([*map(Label, names), NEXT, EXIT, HOLE]))
    match draw(st.integers(0, 11)):
        case 0:
            return Return()
        case 1:
            return Unreachable()
        case 2:
            return TailCall(Instruction("JMP", (Address("handler"),)))
        case 3 | 4 | 5:
            return Branch(draw(st.sampled_from(CONDITIONS)), draw(targets), draw(targets))
    return Jump(draw(targets))


@st.composite
def stencils(draw: st.DrawFn) -> Code:
    """Up to eight blocks, hot before cold, that end alike more often than not; all are entered from the first ones."""
    names = [f"b{i}" for i in range(draw(st.integers(2, 8)))]
    hot = draw(st.integers(1, len(names)))
    tails = draw(st.lists(st.lists(st.sampled_from(CODE), min_size=3, max_size=6), min_size=1, max_size=2))
    usual = draw(st.sampled_from([NEXT, EXIT, HOLE]))
    blocks = []
    for i, name in enumerate(names):
        body = (*draw(st.lists(st.sampled_from(CODE), max_size=1)), *draw(st.sampled_from(tails)))
        end = draw(ends(names, usual))
        if 2 * i + 2 < len(names) and draw(st.booleans()):
            end = Branch(draw(st.sampled_from(CONDITIONS)), Label(names[2 * i + 1]), Label(names[2 * i + 2]))
        blocks.append(block(name, body, end, i >= hot))
    return Code("S", tuple(reachable(blocks)), frozenset({r12, rsp}), {"free": LIBCALL}, INDIRECT)


def block(name: str, instructions: tuple[Instruction, ...], end: End, cold: bool) -> Block:
    """What control does not leave ends in a call that does not return."""
    return Block(name, (*instructions, NO_RETURN) if end == Unreachable() else instructions, end, cold)


def laid(code: Code, parts: dict[str, tuple[Line, ...]] | None = None) -> Laid:
    return Laid(*place(code, Liveness(code)), parts or {})


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(stencils())
def test_every_path_stays_what_it_is(code: Code) -> None:
    before = laid(code)
    threaded = thread_jumps(code)
    merged, tails = merge_tails(threaded)
    shared, parts = share_cold(merged)
    event(f"tails: {min(tails, 2)}")
    event(f"parts: {min(len(parts), 2)}")
    assert difference(before, laid(threaded)) is None
    assert difference(before, laid(merged)) is None
    assert difference(before, laid(shared, parts)) is None


def resolve(name: str) -> Label | Address:
    return Label(name[1:]) if name.startswith("L") else Address("SG_COLD(p)" if name == "part" else name)


def test_tails_and_parts_of_real_code(code: Callable[[str], Code]) -> None:
    for end in ("__sg_continue", "__sg_label_target"):
        stencil = code(COPIED.format(end="__sg_continue"))
        merged, count = merge_tails(stencil)
        assert count == 1 and difference(laid(stencil), laid(merged)) is None
        stencil = code(FREE.format(slot=8, end=end))
        shared, parts = share_cold(stencil)
        assert len(parts) == 1 and difference(laid(stencil), laid(shared, parts)) is None


def line(text: str) -> InstructionLine:
    return InstructionLine(parse_intel(text, resolve))


BEFORE = Laid(
    [line("cmp rsi, 5"), line("je L1"), line("inc rax")],
    [LabelLine(Label("1")), line("mov rdi, r13"), line("jmp LNEXT")],
    {},
)


@pytest.mark.parametrize(
    "after",
    [
        replace(BEFORE, hot=[line("cmp rsi, 6"), *BEFORE.hot[1:]]),  # another instruction
        replace(BEFORE, hot=[BEFORE.hot[0], line("jne L1"), BEFORE.hot[2]]),  # the other way
        replace(BEFORE, hot=[line("inc rax"), *BEFORE.hot[:2]]),  # another order
        replace(BEFORE, cold=[*BEFORE.cold[:2], line("jmp LEXIT")]),  # another place
        replace(BEFORE, cold=[BEFORE.cold[0], BEFORE.cold[2]]),  # one instruction less
        replace(BEFORE, cold=[BEFORE.cold[0], line("call part"), BEFORE.cold[2]], parts={"p": [line("ret")]}),
        replace(BEFORE, hot=[*BEFORE.hot[:2], line("call part")], parts={"p": [line("mov rax, [rsp]"), line("ret")]}),
    ],
)
def test_the_walk_sees_what_differs(after: Laid) -> None:
    assert difference(BEFORE, BEFORE) is None
    assert difference(BEFORE, after) is not None
    assert difference(after, BEFORE) is not None


def test_the_walk_sees_through_jumps_and_calls() -> None:
    part = [line("mov rdi, r13"), line("ret")]
    after = Laid(
        [
            line("cmp rsi, 5"),
            line("jne L2"),
            line("call part"),
            line("jmp LNEXT"),
            LabelLine(Label("2")),
            line("inc rax"),
        ],
        [],
        {"p": part},
    )
    assert difference(BEFORE, after) is None
