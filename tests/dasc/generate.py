"""Random stencils and random values for them, from a `random.Random`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from dasc import EXIT, NEXT, DropFrame, InstructionLine, LabelHole, LabelLine, Line, Stencil, Value
from x86_64 import REGISTERS, Address, AssemblyError, Instruction, Label, Memory, Operand, Register, Symbol, Symbolic

GENERAL = [register.name for register in REGISTERS if register.kind == "r64" and register.name != "rsp"]
BASES = [*GENERAL, "rsp"]

RANGES = [
    *((0, 0), (5, 5), (-1, 1), (0, 1), (0, 127), (127, 128), (-129, -128), (-128, 127), (0, 255), (80, 524360)),
    *(
        (0, 65535),
        (-32768, 32767),
        (0, (1 << 31) - 1),
        (-(1 << 31), (1 << 31) - 1),
        (0, (1 << 32) - 1),
        (-(1 << 31), -1),
    ),
    *((1, (1 << 32) - 1), (-(1 << 40), 1 << 40), (-(1 << 63), (1 << 63) - 1), (0, (1 << 64) - 1)),
    *((1 << 63, (1 << 64) - 1), ((1 << 31) - 2, 1 << 32)),
]
EDGES = [
    edge + near
    for edge in (
        0,
        1 << 7,
        1 << 8,
        1 << 15,
        1 << 16,
        1 << 31,
        1 << 32,
        1 << 63,
        1 << 64,
        -(1 << 7),
        -(1 << 15),
        -(1 << 31),
        -(1 << 63),
    )
    for near in (-1, 0, 1)
]

NEAR_FUNCTION, NEAR_DATA = "near_function", "near_data"
FAR = "FAR"
FAR_ADDRESS = 0x1234_5678_9ABC


@dataclass
class Generator:
    """Makes the parts of one stencil."""

    random: Random
    values: list[Value] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def register(self, size: int) -> Register:
        if size == 16:
            return Register.named(f"xmm{self.random.randrange(16)}")
        return Register.named(self.random.choice(GENERAL)).resize(size)

    def symbolic(self) -> Symbolic:
        value = self.random.choice(self.values)
        return Symbolic(value.symbol, self.random.choice((0, 0, 0, 8, -8, 1, 127, -129, 1 << 20)))

    def immediate(self) -> Operand:
        if self.values and self.random.random() < 0.7:
            return self.symbolic()
        return self.random.choice((0, 1, -1, 5, 127, 128, -128, -129, 1000, (1 << 31) - 1, -(1 << 31)))

    def memory(self, size: int | None) -> Memory:
        shape = self.random.random()
        if shape < 0.1:
            return Memory(
                target=self.random.choice((Address(NEAR_DATA), Address(NEAR_DATA, 8), Address("SG_RODATA(16)"))),
                size=size,
            )
        base = Register.named(self.random.choice(BASES)) if shape < 0.95 else None
        index = Register.named(self.random.choice(GENERAL)) if self.random.random() < 0.4 else None
        scale = self.random.choice((1, 2, 4, 8)) if base is not None else self.random.choice((4, 8))
        displacement = (
            self.symbolic()
            if self.values and self.random.random() < 0.6
            else self.random.choice((0, 8, -8, 127, 128, 4096))
        )
        return Memory(base, index, scale if index is not None else 1, displacement, size)

    def size(self) -> int:
        return self.random.choice((1, 2, 4, 4, 8, 8))

    def target(self) -> Label:
        kind = self.random.random()
        if kind < 0.6 and self.labels:
            return Label(self.random.choice(self.labels))
        return self.random.choice((NEXT, EXIT, LabelHole("instruction->target")))

    def address(self) -> Address:
        return self.random.choice((Address(NEAR_FUNCTION), Address(NEAR_DATA, 4), Address(FAR), Address(FAR, -16)))

    def instruction(self) -> Instruction:
        """One from the pool, tried until its symbols' ranges admit an encoding."""
        while True:
            make = self.random.choice(POOL)
            try:
                instruction = make(self)
                instruction.encodings()
            except AssemblyError:
                continue
            return instruction

    def line(self) -> Line:
        if self.random.random() < 0.02:
            return DropFrame()
        return InstructionLine(self.instruction(), self.random.random() < 0.3)

    def lines(self, count: int, labels: list[str]) -> tuple[Line, ...]:
        lines = [self.line() for _ in range(count)]
        for label in labels:
            lines.insert(self.random.randint(0, len(lines)), LabelLine(Label(label)))
        return tuple(lines)


def _arithmetic(g: Generator) -> Instruction:
    size = g.size()
    mnemonic = g.random.choice(("ADD", "SUB", "CMP", "AND", "OR", "XOR", "ADC", "TEST", "MOV"))
    return Instruction(mnemonic, (g.random.choice((g.register(size), g.memory(size))), g.immediate()))


def _constant(g: Generator) -> Instruction:
    return Instruction("MOV", (g.register(g.random.choice((4, 8, 8))), g.immediate()))


def _load(g: Generator) -> Instruction:
    size = g.size()
    return Instruction("MOV", (g.register(size), g.memory(size)))


def _store(g: Generator) -> Instruction:
    size = g.size()
    return Instruction("MOV", (g.memory(size), g.register(size)))


def _vector(g: Generator) -> Instruction:
    mnemonic, size = g.random.choice((("MOVSD", 8), ("ADDSD", 8), ("MOVUPS", 16), ("XORPS", 16), ("MULSS", 4)))
    return Instruction(mnemonic, (g.register(16), g.random.choice((g.register(16), g.memory(size)))))


def _address(g: Generator) -> Instruction:
    if g.random.random() < 0.5:
        return Instruction("MOV", (g.register(8), g.address()))
    return Instruction("LEA", (g.register(8), Memory(target=g.random.choice((g.address(), Address("SG_RODATA(16)"))))))


def _place(g: Generator) -> Instruction:
    targets: list[Label] = [Label(name, g.random.choice((0, 3))) for name in g.labels] or [NEXT]
    if g.random.random() < 0.3:
        return Instruction("CMP", (Memory(target=g.random.choice(targets), size=4), g.random.choice((5, 500))))
    return Instruction(
        "LEA", (g.register(8), Memory(target=g.random.choice([*targets, EXIT, LabelHole("instruction->target")])))
    )


POOL: list[Callable[[Generator], Instruction]] = [
    _arithmetic, _arithmetic, _arithmetic, _constant, _constant, _load, _load, _store, _vector, _address, _place,
    lambda g: Instruction("LEA", (g.register(8), g.memory(None))),
    lambda g: Instruction("IMUL", (g.register(8), g.register(8), g.immediate())),
    lambda g: Instruction("IMUL", (g.register(4), g.memory(4), g.immediate())),
    lambda g: Instruction("SHL", (g.register(8), g.immediate())),
    lambda g: Instruction("INC", (g.memory(4),), ("LOCK",)),
    lambda g: Instruction("PUSH", (g.immediate(),)),
    lambda g: Instruction("MOVZX", (g.register(4), g.memory(1))),
    lambda g: Instruction("MOVSXD", (g.register(8), g.memory(4))),
    lambda g: Instruction("CALL", (g.address(),)),
    lambda g: Instruction("CALL", (g.memory(8),)),
    lambda g: Instruction("JMP", (g.address(),)),
    lambda g: Instruction("JMP", (g.target(),)),
    lambda g: Instruction(g.random.choice(("JE", "JNE", "JL", "JAE")), (g.target(),)),
    lambda g: Instruction(g.random.choice(("JE", "JNE", "JS")), (g.target(),)),
    lambda g: Instruction("JNE", (Address(NEAR_FUNCTION),)),
    lambda g: Instruction("VMOVUPS", (Register.named("zmm20"), g.memory(64))),  # its disp8 counts 64s
    lambda g: Instruction("RET"),
]  # fmt: skip


def stencil(random: Random, name: str) -> Stencil:
    """A sound stencil of up to 40 instructions."""
    g = Generator(random)
    for index in range(random.randrange(4)):
        low, high = random.choice(RANGES)
        bits = random.choice((8, 16, 32, 64))
        checked = random.random() < 0.2
        g.values.append(Value(Symbol(f"E{index}", low, high), f"instruction->v[{index}]", bits, checked))
    g.labels = [str(number) for number in range(1, random.randrange(1, 6))]
    cold_labels = [label for label in g.labels if random.random() < 0.3]
    hot = g.lines(random.choice((0, 1, 3, 8, 30)), [label for label in g.labels if label not in cold_labels])
    cold = g.lines(random.choice((0, 0, 2, 8)), cold_labels)
    source = random.choice(("", "stencils.c:12"))
    frame, static_depth = random.choice((0, 8, 136)), random.random() < 0.5
    return Stencil(name, source, frame, values=tuple(g.values), hot=hot, cold=cold, static_depth=static_depth)


def value_of(random: Random, value: Value) -> int:
    """A value in a symbol's range, mostly at an edge of something; sometimes outside of one that is only promised."""
    symbol = value.symbol
    if value.checked and random.random() < 0.2:
        return random.choice(EDGES)
    edges = [edge for edge in (*EDGES, symbol.low, symbol.high) if symbol.low <= edge <= symbol.high]
    return random.choice(edges) if random.random() < 0.9 else random.randint(symbol.low, symbol.high)
