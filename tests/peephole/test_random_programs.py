"""Optimised code does on the processor what the original does: random stencils, random states, random symbol values.

The programs are made of instructions that rules look at, over few registers, so that rules fire in every second one.
Control flows forward only, through conditional jumps, so that what is live is decided across blocks.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import HealthCheck, event, example, given, settings

from dasc import NEXT
from stencilgen.layout.code import Block, Branch, Code, Convention, Jump
from stencilgen.layout.liveness import EVERYTHING, Liveness, flags_mask, parts
from stencilgen.peephole import optimize
from x86_64 import Flags, Instruction, Label, Register, rax, rsp

from .native import NativeState, Processor, encode, random_state
from .programs import WIDTHS, Range, at_width, bind, program, text

SYMBOLS: dict[str, Range] = {"E": (0, 31), "F": (-(1 << 31), (1 << 31) - 1), "G": (0, (1 << 32) - 1)}
REGISTERS = "rax rbx rcx rdx".split()  # noqa: SIM905
CONDITIONS = ("e", "ne", "s", "b", "l", "a")
NO_CONVENTION = Convention(frozenset(), frozenset())

# One a line; {x} and {y} are two different registers, {m} memory. rsi and rsp point into memory and are never changed.
TEMPLATES = """
    mov {x}, {y}
    mov {x}, E
    mov {x}, -5
    mov {x}, {m}
    mov {m}, {x}
    add {x}, {y}
    adc {x}, {y}
    sub {x}, {y}
    and {x}, {y}
    or {x}, {y}
    xor {x}, {y}
    xor {x}, {x}
    cmp {x}, {y}
    test {x}, {y}
    test {x}, {x}
    add {x}, E
    and {x}, 15
    cmp {x}, 0
    cmp {x}, {m}
    inc {x}
    dec {x}
    neg {x}
    not {x}
    shl {x}, cl
    shr {x}, cl
    sar {x}, 3
    rol {x}, cl
    imul rdx, rbx
    bt rax, rcx
    sete al
    setl dl
    setb bl
    cmovs rax, rdx
    cmovae ebx, ecx
    movzx eax, cl
    movzx ecx, byte [rsi+3]
    mov ah, cl
    mov cl, bh
    mov rbx, rbx
    lea rcx, [rsi + E]
    lea rdx, [rsi + rbx*2 - 4]; and rbx, 1
    mov rax, rsi
    mov {m}, {x}; mov {x}, [rsi + 8]
    and {x}, 3; setne bl
    sub {x}, {y}; setb al
    sar {x}, 1; test {x}, {x}; setl al
    mov {x}, {m}; sub {y}, {x}
    mov ecx, ebx; not ecx; test cl, 3
    mov eax, edx; and eax, 7; cmp eax, 5; sete bl
    lea rax, [E]
    lea rdx, [rbx + E]
    mov ecx, F; add {x}, {y}
    mov ecx, G; add {x}, {y}
    mov ecx, F; add rax, rcx; mov ecx, edx
    mov ecx, G; xor eax, ecx
    mov edx, E; cmp [rsi], dl; mov rdx, rax
    mov ebx, E; mov [rsi+2], bl
    mov rdx, F; xor rdx, rbx
    mov eax, G; and eax, [rsi]
    mov rcx, F; imul rax, rcx
    mov ecx, E; imul ecx, ebx
    mov ecx, E; shl {x}, cl
    mov ecx, E; bt rdx, rcx
    mov ecx, E; movzx ecx, cl
    mov ecx, G; movsxd rdx, ecx
    mov eax, E; cdqe
    mov ecx, E; and cl, 31
    mov [rsp+8], rbx; mov rax, [rsp+8]
    mov [rsp], ecx; add edx, ecx; movsxd rbx, dword [rsp]
    mov {x}, {m}; test {x}, {x}
    mov {x}, {m}; cmp {x}, {y}
    and {x}, {y}; test {x}, {x}; sete al
    sub {x}, {y}; test {x}, {x}; sets dl
""".strip().splitlines()
DEFINES_ALL_FLAGS = program("cmp rsi, rsi")


@st.composite
def straight_lines(draw: st.DrawFn) -> tuple[Instruction, ...]:
    """Code that reads no undefined flag: whoever would gets flags that are defined first."""
    lines: list[Instruction] = []
    undefined = Flags(0)
    for template in draw(st.lists(st.sampled_from(TEMPLATES), max_size=8)):
        x, y = draw(st.permutations("abcd"))[:2]
        form = template.replace("{x}", f"{{{x}}}").replace("{y}", f"{{{y}}}")
        for instruction in program(at_width(form, draw(st.sampled_from(WIDTHS))), **SYMBOLS):
            effects = instruction.effects
            # what a shift by zero leaves alone is both read and written
            merges = effects.flags_read & (effects.flags_written | effects.flags_undefined)
            if effects.flags_read & undefined & ~merges:
                lines += DEFINES_ALL_FLAGS
                undefined = Flags(0)
            undefined = undefined & ~(effects.flags_written & ~merges) | effects.flags_undefined
            lines.append(instruction)
    return (*lines, *DEFINES_ALL_FLAGS) if undefined else tuple(lines)


@st.composite
def stencils(draw: st.DrawFn) -> Code:
    """One to four blocks in a row; each may jump to any later one."""
    bodies = draw(st.lists(straight_lines(), min_size=1, max_size=4))
    names = [f"block {i}" for i in range(len(bodies))]
    blocks = []
    for i, body in enumerate(bodies):
        following = [*map(Label, names[i + 1 :]), NEXT]
        end: Jump | Branch = Jump(following[0])
        if draw(st.booleans()):
            end = Branch(
                "J" + draw(st.sampled_from(CONDITIONS)).upper(), draw(st.sampled_from(following)), following[0]
            )
        blocks.append(Block(names[i], body, end))
    live_out = draw(st.sets(st.sampled_from(REGISTERS), min_size=1))
    registers = frozenset(Register.named(name) for name in (*live_out, "rsp"))
    return Code("random", tuple(blocks), registers, {}, NO_CONVENTION)


def assembled(code: Code, values: dict[str, int], extra: dict[tuple[str, int], Sequence[Instruction]]) -> bytes:
    """Machine code of a stencil whose blocks lie in order; `extra` is put before the instruction at (block,
    position).
    """
    bodies: dict[str, bytes] = {}
    for block in code.blocks:
        pieces: list[Instruction] = []
        for position, instruction in enumerate([*block.instructions, None]):
            pieces += extra.get((block.name, position), ())
            pieces += [instruction] if instruction is not None else []
        bodies[block.name] = encode(bind(pieces, values))
    sizes = {block.name: len(bodies[block.name]) + 6 * isinstance(block.end, Branch) for block in code.blocks}
    starts, total = {}, 0
    for name, size in sizes.items():
        starts[name] = total
        total += size
    result = b""
    for block in code.blocks:
        result += bodies[block.name]
        if isinstance(block.end, Branch):
            jump = Instruction(block.end.mnemonic, (Label("target"),)).encodings()[-1].code
            distance = starts.get(block.end.target.name, total) - (len(result) + 6)
            result += jump[:2] + distance.to_bytes(4, "little", signed=True)
            assert len(jump) == 6
    return result


@dataclass(frozen=True, slots=True)
class Run:
    """What a stencil must leave: the live registers, and memory."""

    registers: dict[str, int]
    memory: bytes

    @classmethod
    def of(cls, code: Code, state: NativeState) -> "Run":
        return cls({register.name: state.registers[register.name] for register in code.live_out}, state.memory)


def starts_and_values(seed: int) -> tuple[list[NativeState], dict[str, int]]:
    source = random.Random(seed)
    values = {name: source.choice([low, high, source.randint(low, high)]) for name, (low, high) in SYMBOLS.items()}
    return [random_state(source) for _ in range(4)], values


def listing(code: Code) -> str:
    return "\n".join(f"{block.name}: {text(block.instructions)}; {block.end}" for block in code.blocks)


QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


@QUICK
@given(code=stencils(), seed=st.integers(0, 2**32))
def test_optimised_code_leaves_the_same_live_state(processor: Processor, code: Code, seed: int) -> None:
    optimised, fired = optimize(code)
    for rule, count in fired.items():
        if count:
            event(rule)
    states, values = starts_and_values(seed)
    old, new = processor.run([(assembled(c, values, {}), states) for c in (code, optimised)])
    for state, before, after in zip(states, old, new, strict=True):
        assert Run.of(code, before) == Run.of(code, after), f"{listing(code)}\n→\n{listing(optimised)}\nfrom {state}"


@QUICK
@given(code=stencils())
def test_optimising_again_changes_nothing(code: Code) -> None:
    once, _ = optimize(code)
    twice, fired = optimize(once)
    assert twice == once
    assert not any(fired.values())


def one_block(body: str, live_out: frozenset[Register]) -> Code:
    return Code("block", (Block("block", program(body, **SYMBOLS), Jump(NEXT)),), live_out, {}, NO_CONVENTION)


@QUICK
@given(code=stencils())
@example(code=one_block("mov ecx, F; add ecx, ebx; mov eax, ecx", frozenset({rax, rsp})))  # lea reads all of rbx
@example(code=one_block("lea rax, [E]; mov ecx, F; add eax, ebx", frozenset({rax, rsp})))
def test_optimising_makes_nothing_live_at_the_start_of_a_block(code: Code) -> None:
    """The driver relies on it: within a pass it does not look at other blocks again."""
    optimised, _ = optimize(code, value_rules=())
    before, after = Liveness(code).live_in, Liveness(optimised).live_in
    for block in code.blocks:
        assert after[block.name] & ~before[block.name] == 0


@QUICK
@given(code=stencils(), seed=st.integers(0, 2**32))
def test_what_is_dead_may_be_overwritten_anywhere(processor: Processor, code: Code, seed: int) -> None:
    """Liveness errs to the safe side: garbage in all that it calls dead changes nothing."""
    liveness = Liveness(code)
    garbage: dict[tuple[str, int], Sequence[Instruction]] = {}
    for block in code.blocks:
        for position, live in enumerate([liveness.live_in[block.name], *liveness.live_after(block.name)]):
            garbage[block.name, position] = overwriting(EVERYTHING & ~live)
    states, values = starts_and_values(seed)
    clean, dirty = processor.run([(assembled(code, values, g), states) for g in ({}, garbage)])
    for state, before, after in zip(states, clean, dirty, strict=True):
        assert Run.of(code, before) == Run.of(code, after), f"{listing(code)}\nfrom {state}"


def overwriting(dead: int) -> list[Instruction]:
    """Instructions that put garbage into as much as possible of what is dead."""
    result: list[Instruction] = []
    if dead & flags_mask(ALL) == flags_mask(ALL):
        result += program("cmp rsp, -1")
    elif dead & flags_mask(Flags.CF):
        result += program("cmc")
    for whole in map(Register.named, REGISTERS):
        if dead & parts(whole) == parts(whole):
            result += program(f"mov {whole}, 0x5bad5bad5bad5bad")
            continue
        high = Register.named(whole.name[1] + "h")
        for part, size in ((whole.resize(2), 2), (whole.resize(1), 1), (high, 1)):
            if dead & parts(part) == parts(part):
                result += program(f"mov {part}, {0x5B5B >> 8 * (2 - size)}")
    return result


ALL = Flags.CF | Flags.PF | Flags.AF | Flags.ZF | Flags.SF | Flags.OF
