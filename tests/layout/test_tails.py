"""Blocks that end alike share their tail, where that saves bytes and costs no jump."""

import random
from collections.abc import Callable, Mapping

import pytest

from dasc import NEXT
from stencilgen.layout import tails
from stencilgen.layout.code import Block, Branch, Code, Jump
from stencilgen.layout.conventions import INDIRECT
from stencilgen.layout.liveness import Liveness
from stencilgen.layout.placement import place
from stencilgen.layout.tails import merge_tails
from tests.layout.conftest import shown
from tests.peephole.programs import program
from x86_64 import Label, r12, rax, rcx

COPIED = """
    testb $1, %al
    je .LBB0_1
    movq %rax, 8(%r12)
    jmp __sg_continue
.LBB0_1:
    incl (%rax)
    movq %rax, 8(%r12)
    jmp {end}
"""


def merged(code: Callable[[str], Code], text: str) -> list[str]:
    result, _ = merge_tails(code(text))
    return shown(place(result, Liveness(result))[0])


def test_a_copied_tail_is_shared(code: Callable[[str], Code]) -> None:
    assert merged(code, COPIED.format(end="__sg_continue")) == [
        "test al, 1",
        "jne =>L(0)",
        "inc dword [rax]",
        "=>L(0):",
        "mov qword [r12+8], rax",
    ]


def test_tails_that_go_on_elsewhere_are_not_the_same(code: Callable[[str], Code]) -> None:
    before = code(COPIED.format(end="__sg_exit"))
    assert merge_tails(before) == (before, 0)


def test_hot_code_does_not_go_to_a_cold_tail(code: Callable[[str], Code]) -> None:
    before = code(
        """
        testb $1, %al
        je S.cold
        movq %rax, 8(%r12)
        jmp __sg_exit
        .section .text.split.S,"ax",@progbits
        S.cold:
        incl (%rax)
        movq %rax, 8(%r12)
        jmp __sg_exit
        """
    )
    assert merge_tails(before) == (before, 0)


def test_a_tail_that_would_cost_a_jump_stays_copied(code: Callable[[str], Code]) -> None:
    """A loop's way out: its block cannot lie before both."""
    text = """
        testb $1, %al
        je .LBB0_1
        testb $2, %al
        je .LBB0_2
        incq %rdi
        movq %rax, 8(%r12)
        jmp __sg_continue
    .LBB0_1:
        decq %rdi
        movq %rax, 8(%r12)
        jmp __sg_exit
    .LBB0_2:
        movq %rax, 8(%r12)
        jmp __sg_exit
        """
    lines = merged(code, text)
    assert sum(line.startswith("jmp") for line in lines) <= 2
    assert lines.count("mov qword [r12+8], rax") == 2


def test_equal_blocks_become_one(code: Callable[[str], Code]) -> None:
    text = """
        testb $1, %al
        je .LBB0_1
        movq %rax, 8(%r12)
        jmp __sg_continue
    .LBB0_1:
        movq %rax, 8(%r12)
        jmp __sg_continue
        """
    assert merged(code, text)[-1] == "mov qword [r12+8], rax"
    assert merged(code, text).count("mov qword [r12+8], rax") == 1


# ---- Proof: the same instructions in the same order, whatever way control takes ----

Point = tuple[str, int]
"""A place in a stencil: a block (or a boundary) and a position in it."""


def step_at(blocks: Mapping[str, Block], point: Point) -> tuple[object, tuple[Point, ...]]:
    """What is done next from a place, and the places that it may lead to. Jumps are nothing, nor are branches to one place."""
    seen = set()
    while (block := blocks.get(point[0])) is not None and point not in seen:
        name, position = point
        seen.add(point)
        if position < len(block.instructions):
            return block.instructions[position], ((name, position + 1),)
        match block.end:
            case Jump(target):
                point = (target.name, 0)
            case Branch(mnemonic, target, otherwise):
                ways = place_of(blocks, target.name), place_of(blocks, otherwise.name)
                if ways[0] != ways[1]:
                    return mnemonic, ways
                point = ways[0]
            case end:
                return end, ()
    return ("forever" if block else point[0]), ()


def place_of(blocks: Mapping[str, Block], name: str) -> Point:
    """Where a jump arrives, after blocks that only jump on."""
    seen = set()
    while (block := blocks.get(name)) and not block.instructions and isinstance(block.end, Jump) and name not in seen:
        seen.add(name)
        name = block.end.target.name
    return name, 0


def same_runs(one: Code, other: Code) -> bool:
    """Whether both do the same: every pair of places that a run can be at together does the same next, and leads to such
    pairs. That is a bisimulation, so it holds for runs of any length, around loops too.

    A branch of the first may be gone in the second, if both its ways do what the second does; but not around a loop in
    which nothing else is done.
    """
    blocks = [{block.name: block for block in code.blocks} for code in (one, other)]
    start = (one.blocks[0].name, 0), (other.blocks[0].name, 0)
    pending = [(start, frozenset({start}))]
    seen = {start}
    while pending:
        pair, idle = pending.pop()
        (first, nexts), (second, others) = (step_at(of, point) for of, point in zip(blocks, pair, strict=True))
        if first == second:
            following, waits = list(zip(nexts, others, strict=True)), frozenset[tuple[Point, Point]]()
        elif isinstance(first, str) and len(nexts) == 2:
            following, waits = [(point, pair[1]) for point in nexts], idle
        else:
            return False
        for reached in following:
            if reached in waits:
                return False
            if reached not in seen:
                seen.add(reached)
                pending.append((reached, waits | {reached}))
    return True


LINES = ("inc rax", "mov [r12 + 8], rax", "add rax, rcx", "mov rcx, [r12]")


def random_code(rng: random.Random) -> Code:
    """Blocks of few instructions, so that many end alike; jumps go anywhere, some blocks are cold."""
    names = [f"b{number}" for number in range(rng.randint(2, 6))]
    blocks = []
    for number, name in enumerate(names):
        following = Label(names[number + 1]) if number + 1 < len(names) else NEXT
        end = rng.choice([Jump(NEXT), Jump(NEXT), Jump(following), Jump(Label(rng.choice(names)))])
        if rng.random() < 0.4:
            end = Branch(rng.choice(["JE", "JB"]), Label(rng.choice(names)), following)
        body = program("; ".join(rng.choice(LINES) for _ in range(rng.randint(0, 3))))
        blocks.append(Block(name, body, end, cold=number > 0 and rng.random() < 0.3))
    return Code("random", tuple(blocks), frozenset({rax, rcx, r12}), {}, INDIRECT)


def test_every_run_of_the_merged_stencil_is_one_of_the_original() -> None:
    merged_tails = 0
    for seed in range(3000):
        before = random_code(random.Random(seed))
        after, count = merge_tails(before)
        merged_tails += count
        assert same_runs(before, after), seed
    assert merged_tails > 100


def test_a_merge_of_what_only_looks_alike_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_eager(block: Block, tail: Block) -> bool:
        return block.instructions[-len(tail.instructions) :] == tail.instructions

    monkeypatch.setattr(tails, "_ends_with", too_eager)
    codes = [random_code(random.Random(seed)) for seed in range(300)]
    assert not all(same_runs(code, merge_tails(code)[0]) for code in codes)
