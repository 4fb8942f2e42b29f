"""A register holds the value wherever the analysis says so, and what is dropped for that reason does nothing: proved.

The proof is an induction over the length of a path, so loops need no bound. At the stencil's start the analysis claims
nothing. Take any state in which its claim at a block's start is true: z3 shows that its claims at the starts of all blocks
that may follow are true after the block's instructions, and that each definition dropped on the way changes no register, flag
or byte of memory. Calls leave what their convention preserves, and anything in all else.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import hypothesis.strategies as st
import pytest
import z3
from hypothesis import HealthCheck, event, given, settings

from dasc import EXIT, NEXT
from stencilgen.layout.blocks import BOUNDARIES, reachable, successors
from stencilgen.layout.code import Block, Branch, Code, Convention, End, Jump
from stencilgen.layout.conventions import INDIRECT
from stencilgen.layout.liveness import Liveness
from stencilgen.peephole.known_value import definitions, drop_repeated, drop_where_held, holds_at_start
from x86_64 import Address, Instruction, Label, Register, r12, rax, rcx, rdx, rsp

from .programs import program, symbols_of
from .semantics import FLAGS, GENERAL, Flag, Machine, in_range

HEADS = frozenset({"MOV", "LEA"})
CALLEE = Convention(reads=frozenset({rsp}), clobbers=frozenset({rax, rcx, rdx}))
SYMBOLS = {"E": (0, 1000), "W": (-(1 << 62), 1 << 62)}
LINES = """
    mov rax, 0x123456789a
    mov rax, W
    mov eax, E
    mov ecx, 7
    lea rcx, [r12 + E]
    lea rcx, [r12 + rdx*8 + 16]
    lea eax, [rcx + 8]
    lea rbx, [r12 + 8]
    mov rdx, r12
    mov rax, rcx
    add r12, 8
    inc rcx
    mov al, 1
    mov ax, dx
    mov [rcx], rax
    mov rdx, [r12 + 8]
    mov [r12 + E], rcx
    call f
    call g
""".strip().splitlines()
fresh = count()


def call(machine: Machine, code: Code, instruction: Instruction) -> None:
    """Everything becomes unknown but what the callee's convention preserves."""
    (callee,) = instruction.operands
    assert isinstance(callee, Address)
    convention = code.conventions.get(callee.name)
    number = next(fresh)
    for name in GENERAL:
        if convention is None or Register.named(name) in convention.clobbers:
            machine.registers[name] = z3.BitVec(f"{name} after {number}", 64)
    for name in FLAGS:
        machine.flags[name] = Flag(z3.Bool(f"{name} after {number}"))
    machine.memory = z3.Array(f"memory after {number}", z3.BitVecSort(64), z3.BitVecSort(8))


def held(machine: Machine, definition: Instruction) -> z3.BoolRef:
    """The register has the value that the definition would give it."""
    return same(machine, machine.copy().run([definition]))


def same(one: Machine, other: Machine) -> z3.BoolRef:
    """Every register, every flag and all memory: only its register is what a definition changes, if anything."""
    return z3.And(
        one.memory == other.memory,
        *(one.registers[name] == other.registers[name] for name in GENERAL),
        *(one.flags[name].value == other.flags[name].value for name in FLAGS),
    )


def claims(code: Code, definition: Instruction, block: Block, kept: Block) -> Iterator[z3.BoolRef]:
    """What has to be true in this block: where the definition is left out of it, and where it goes to."""
    starts = holds_at_start(code, Liveness(code), definition)
    left = {id(instruction) for instruction in kept.instructions}
    machine = Machine.symbolic()
    given = held(machine, definition) if starts[block.name] else z3.BoolVal(True)
    for instruction in block.instructions:
        if id(instruction) not in left:
            yield z3.Implies(given, same(machine, machine.copy().run([instruction])))
        if instruction.mnemonic == "CALL":
            call(machine, code, instruction)
        else:
            machine.run([instruction])
    for target in successors(block.end):
        if target.name not in BOUNDARIES and starts[target.name]:
            yield z3.Implies(given, held(machine, definition))


def refuted(code: Code) -> str | None:
    """None if every claim is proved, for one definition after the other, as `drop_repeated` takes them."""
    for definition in list(definitions(code, HEADS)):
        after, _ = drop_where_held(code, definition)
        assert not holds_at_start(code, Liveness(code), definition)[code.blocks[0].name]
        for block, kept in zip(code.blocks, after.blocks, strict=True):
            for claim in claims(code, definition, block, kept):
                solver = z3.Solver()
                solver.add([in_range(symbol) for symbol in symbols_of([definition, *block.instructions])])
                if solver.check(z3.Not(claim)) != z3.unsat:
                    return f"{definition} in {block.name}: {claim}"
        code = after
    return None


def lines(text: str) -> tuple[Instruction, ...]:
    """Each an object of its own, by which it is known again."""
    return tuple(map(replace, program(text, **SYMBOLS)))


def graph(*blocks: tuple[str, str, End]) -> Code:
    made = tuple(Block(name, lines(body), end) for name, body, end in blocks)
    return Code("TEST", tuple(reachable(made)), frozenset({r12, rdx, rsp}), {"f": CALLEE}, INDIRECT)


@st.composite
def graphs(draw: st.DrawFn) -> Code:
    """Up to five blocks that jump anywhere but to the first, of a few lines that repeat."""
    names = [f"b{i}" for i in range(draw(st.integers(1, 5)))]
    targets = st.sampled_from([*map(Label, names[1:]), NEXT, EXIT])
    some = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=5))
    blocks = []
    for name in names:
        body = "; ".join(draw(st.lists(st.sampled_from(some), max_size=6)))
        branch = draw(st.booleans())
        blocks.append((name, body, Branch("JE", draw(targets), draw(targets)) if branch else Jump(draw(targets))))
    return graph(*blocks)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs())
def test_what_is_dropped_does_nothing(code: Code) -> None:
    fired: Counter[str] = Counter()
    drop_repeated(code, HEADS, fired, "repeated")
    event(f"dropped: {min(fired['repeated'], 2)}")
    assert refuted(code) is None


LOOP = Branch("JNE", Label("loop"), NEXT)


@pytest.mark.parametrize(
    ("body", "dropped"),
    [
        ("mov rax, W; mov [rcx], rax", 1),
        ("mov rax, W; call f; mov [rcx], rax", 0),
        ("lea rbx, [r12 + 8]; call f; mov [rbx], rdx", 1),
        ("lea rbx, [r12 + 8]; add r12, 8", 0),
        ("mov eax, E; mov [rcx], rax; mov eax, E", 2),
    ],
)
def test_loops(body: str, dropped: int) -> None:
    """The definition stands before the loop, and in it."""
    first = body.partition(";")[0]
    code = graph(("top", first, Jump(Label("loop"))), ("loop", body, LOOP))
    fired: Counter[str] = Counter()
    drop_repeated(code, HEADS, fired, "repeated")
    assert fired["repeated"] == dropped
    assert refuted(code) is None


@pytest.mark.parametrize("between", ["inc rax", "add rbx, 1", "mov al, 1", "call f", "call g"])
def test_a_wrong_claim_is_refuted(between: str) -> None:
    """As if the second definition were dropped although the register, or what it is made from, has changed."""
    code = graph(("top", f"lea rax, [rbx + 8]; {between}; lea rax, [rbx + 8]", Jump(NEXT)))
    (block,) = code.blocks
    wrong = replace(block, instructions=block.instructions[:-1])
    (claim,) = claims(code, block.instructions[0], block, wrong)
    assert z3.Solver().check(z3.Not(claim)) == z3.sat
