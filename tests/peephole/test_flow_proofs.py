"""What rules conclude over a whole stencil is proved over the whole stencil, loops included.

A rule about known values rests on an analysis: at this place, on whatever way control came, the register holds what that
instruction would put into it. The proof is by induction over steps from block to block, of the stencil before and after the
rule side by side. Assumed at a block's start: what is live agrees, and each register holds what the analysis says it
holds. Shown at its end by z3, for all states and all values of symbols: memory agrees, both branch alike, and for every
successor the same holds again. At the entry the states are one, and nothing is claimed yet.

Stencils are random graphs of instructions that rules look at; that the proof notices a wrong analysis is tested too.
"""

import random
from collections import Counter

import pytest
import z3

from dasc import NEXT
from stencilgen.layout.blocks import successors
from stencilgen.layout.code import Block, Branch, Code, Jump
from stencilgen.layout.liveness import Liveness, flags_mask, usage_of
from stencilgen.peephole import known_value
from stencilgen.peephole.driver import REPEATED, REPEATED_VALUE, VALUE_RULES
from stencilgen.peephole.known_value import drop_repeated
from x86_64 import Flags, Instruction, Label, Register, rsp

from .programs import program, symbols_of, text
from .prover import PART_BITS, Products, equal_parts
from .semantics import CONDITIONS, FLAGS, GENERAL, Flag, Machine, in_range
from .test_random_programs import NO_CONVENTION, SYMBOLS

# {x}, {y}, {z}: different registers
LINES = """
    lea {x}, [rsi + E]
    lea {x}, [rsi + E]; mov {y}, [{x}]
    lea {x}, [rsi + E]; mov [{x} + 8], {y}; add {z}, [{x}]
    lea {x}, [{y} + 8]
    mov {x}, F
    mov {x}, {y}
    mov {x}, E; mov {y}, [rsi + {x}]
    mov {x}, [{y}]
    mov [{x} + 8], {y}
    mov qword [{x}], 5
    mov rsi, {x}
    add {x}, {y}
    add {x}, [{y}]
    sub {x}, F
    and {x}, {y}
    cmp {x}, {y}
    test {x}, {x}
    inc {x}
    neg {x}
    xor {x}, {x}
    movzx {x}, byte [{y} + E]
    lea {x}, [{y} + {z}]
""".strip().splitlines()
NARROW_LINES = """
    mov {x}, F
    mov {x}, {y}
    add {x}, {y}
    cmp {x}, {y}
    mov dword [rsi], {x}
    sub {x}, 9
""".strip().splitlines()
ENDS = ("JE", "JNE", "JB", "JA", "JS")
STENCILS = 400


def random_stencil(rng: random.Random) -> Code:
    """Two to four blocks, each ending in a jump to any other; a few definitions stand in many places."""
    names = [f"block {number}" for number in range(rng.randint(2, 4))]
    often = [line(rng) for _ in range(2)]
    blocks = []
    for number, name in enumerate(names):
        body = [rng.choice(often) if rng.random() < 0.4 else line(rng) for _ in range(rng.randint(1, 5))]
        following = Label(names[number + 1]) if number + 1 < len(names) else NEXT
        targets = [*map(Label, names), NEXT]
        end = Branch(rng.choice(ENDS), rng.choice(targets), following) if rng.random() < 0.7 else Jump(following)
        # all flags are defined at a block's end
        blocks.append(Block(name, program("; ".join([*body, "cmp rsi, rax"]), **SYMBOLS), end))
    live = frozenset(Register.named(name) for name in rng.sample(["rax", "rbx", "rcx", "rdx"], 2))
    return Code("random", tuple(blocks), live | {rsp, Register.named("rsi")}, {}, NO_CONVENTION)


def line(rng: random.Random) -> str:
    wide = rng.random() < 0.75
    names = rng.sample(["rax", "rbx", "rcx", "rdx"] if wide else ["eax", "ebx", "ecx", "edx"], 3)
    return rng.choice(LINES if wide else NARROW_LINES).strip().format(x=names[0], y=names[1], z=names[2])


def twin(machine: Machine, live: int) -> Machine:
    """A state that agrees with this one in what is live, and otherwise in nothing."""
    other = machine.copy()
    for number, name in enumerate(GENERAL):
        pieces = []
        for part, (high, low) in enumerate(PART_BITS):
            unknown = z3.BitVec(f"dead {name} {part}", high - low + 1)
            pieces.append(z3.Extract(high, low, machine.registers[name]) if live >> 4 * number + part & 1 else unknown)
        other.registers[name] = z3.Concat(*reversed(pieces))
    for name in FLAGS:
        if not live & flags_mask(Flags[name]):
            other.flags[name] = Flag(z3.Bool(f"dead {name}"))
    return other


def holds(machine: Machine, definition: Instruction) -> z3.BoolRef:
    """Whether its register holds what the definition would put into it."""
    register = definition.operands[0]
    assert isinstance(register, Register)
    name = register.whole.name
    return machine.copy().run([definition]).registers[name] == machine.registers[name]


def taken(machine: Machine, mnemonic: str) -> z3.BoolRef:
    """Whether a conditional jump is taken. Each condition has its opposite."""
    positive = {"JE": ("E", False), "JNE": ("E", True), "JB": ("B", False), "JA": ("BE", True), "JS": ("S", False)}
    code, opposite = positive[mnemonic]
    condition = CONDITIONS[code](machine)
    return z3.Not(condition) if opposite else condition


def counterexample(before: Code, after: Code) -> str | None:
    """None if the induction goes through for every block; else where, and a state that shows why not."""
    live_before, live_after = Liveness(before), Liveness(after)
    definitions = list(known_value._definitions(before, REPEATED))
    known = {d: known_value._holds_at_start(before, live_before, d) for d in definitions}
    assert not any(starts[before.blocks[0].name] for starts in known.values())
    for old_block, new_block in zip(before.blocks, after.blocks, strict=True):
        assert (old_block.name, old_block.end) == (new_block.name, new_block.end)
        products = Products()
        old = Machine.symbolic(products)
        new = twin(old, live_after.live_in[old_block.name])
        solver = z3.Solver()
        solver.add([holds(old, d) for d in definitions if known[d][old_block.name]])
        old.run(old_block.instructions)
        new.run(new_block.instructions)
        claims = [*new.encodable, old.memory == new.memory]
        claims += equal_parts(old, new, live_after.live_out[old_block.name])
        if isinstance(old_block.end, Branch):
            claims.append(taken(old, old_block.end.mnemonic) == taken(new, old_block.end.mnemonic))
        for name in successors(old_block.end):
            claims += [holds(old, d) for d in definitions if known[d][name]]
        solver.add(products.axioms)
        solver.add(old.encodable)
        solver.add(
            [in_range(symbol) for block in (*before.blocks, *after.blocks) for symbol in symbols_of(block.instructions)]
        )
        solver.add(z3.Not(z3.And(*claims)))
        match solver.check():
            case z3.sat:
                return f"{old_block.name}: {text(old_block.instructions)} → {text(new_block.instructions)}: {solver.model()}"
            case z3.unknown:
                raise AssertionError(f"z3 gave up: {solver.reason_unknown()}")
    return None


def steps(code: Code, fired: Counter[str]) -> list[tuple[Code, Code]]:
    """What the rules about values make of a stencil, one definition at a time."""
    found: list[tuple[Code, Code]] = []
    refused = set[tuple[str, Instruction]]()
    current = code
    while attempt := known_value._first(current, Liveness(current), VALUE_RULES, refused):
        rule, changed, _ = attempt
        fired[rule.name] += 1
        found.append((current, changed))
        current = changed
    changed = drop_repeated(current, REPEATED, fired, REPEATED_VALUE)
    return [*found, (current, changed)] if changed != current else found


def listing(code: Code) -> str:
    return "\n".join(f"{block.name}: {text(block.instructions)}; {block.end}" for block in code.blocks)


def test_known_and_repeated_values_over_whole_stencils() -> None:
    fired: Counter[str] = Counter()
    for seed in range(STENCILS):
        for before, after in steps(random_stencil(random.Random(seed)), fired):
            found = counterexample(before, after)
            assert found is None, f"{listing(before)}\n→\n{listing(after)}\n{found}"
    assert fired.keys() == {*(rule.name for rule in VALUE_RULES), REPEATED_VALUE}
    assert min(fired.values()) >= 20, fired


def register_only(definition: Instruction) -> int:
    return usage_of(definition).changes


def everywhere(code: Code, _: Liveness, definition: Instruction) -> dict[str, bool]:
    return {block.name: block is not code.blocks[0] for block in code.blocks}


@pytest.mark.parametrize(("part", "wrong"), [("_depends_on", register_only), ("_holds_at_start", everywhere)])
def test_a_wrong_analysis_is_noticed(monkeypatch: pytest.MonkeyPatch, part: str, wrong: object) -> None:
    monkeypatch.setattr(known_value, part, wrong)
    fired: Counter[str] = Counter()
    pairs = (pair for seed in range(STENCILS) for pair in steps(random_stencil(random.Random(seed)), fired))
    assert any(counterexample(before, after) is not None for before, after in pairs)
