"""Is what was emitted the stencil with its values put in? Judged by an independent decoder.

The emitted bytes are decoded one line of the stencil at a time. That gives every line an address, so that then each
operand can be compared: registers and constants with the stencil's, distances with the addresses they should lead to.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import iced_x86
from iced_x86 import Decoder, Mnemonic, OpKind

from dasc import DropFrame, InstructionLine, LabelHole, LabelLine, Line, Stencil
from tests.dasc.execute import Answer, Request
from x86_64 import Address, AssemblyError, Instruction, Label, Memory, Operand, Register, Symbol, Symbolic

REGISTER_NAMES = {
    value: re.sub(r"^(r\d+)l$", r"\1b", name.lower())
    for name, value in vars(iced_x86.Register).items()
    if isinstance(value, int)
}
MNEMONICS = {value: name for name, value in vars(Mnemonic).items() if isinstance(value, int)}
BRANCHES = (OpKind.NEAR_BRANCH16, OpKind.NEAR_BRANCH32, OpKind.NEAR_BRANCH64)
MICRO_OP_SPACING = 40


def signed(value: int, bits: int) -> int:
    value %= 1 << bits
    return value - (1 << bits) if value >> bits - 1 else value


@dataclass(frozen=True)
class Emitted:
    """A line of the stencil and the instructions decoded for it, none for a label."""

    line: Line
    address: int
    decoded: tuple[iced_x86.Instruction, ...]


@dataclass
class Verifier:
    """Compares one answer with its stencil."""

    stencil: Stencil
    request: Request
    answer: Answer

    def check(self) -> None:
        values = {v.symbol.name: value for v, value in zip(self.stencil.values, self.request.values, strict=True)}
        self.values: Mapping[str, int] = {name: signed(value, 64) for name, value in values.items()}
        if self.refused():
            assert self.answer.error, "a value that fits no encoding must be refused"
            return
        assert self.answer.error == ""
        hot = list(self.decode(self.stencil.hot, self.answer.hot_code, self.answer.hot, in_hot=True))
        exits = any(label == "EXIT" for line in (*self.stencil.hot, *self.stencil.cold) for label in labels_of(line))
        stub = self.stub_length() if exits else 0
        cold_start = self.answer.cold + stub
        cold = list(self.decode(self.stencil.cold, self.answer.cold_code[stub:], cold_start, in_hot=False))
        self.places = {e.line.label.name: e.address for e in (*hot, *cold) if isinstance(e.line, LabelLine)}
        self.places |= {"NEXT": self.answer.hot + len(self.answer.hot_code), "EXIT": self.answer.cold}
        for emitted in (*hot, *cold):
            self.compare(emitted)

    def concrete(self, operand: Operand, bits: int) -> Operand:
        """The operand with its value put in; AssemblyError when the value does not fit `bits` bits."""
        match operand:
            case Symbolic(symbol=symbol, addend=addend):
                value = signed(self.values[symbol.name] + addend, 64)
                if is_wider(symbol, bits) and not -(1 << bits - 1) <= value < 1 << bits:
                    raise AssemblyError(f"{value} has more than {bits} bits")
                return signed(value, bits)
            case Memory(displacement=Symbolic() as displacement):
                value = self.concrete(displacement, 64)
                assert isinstance(value, int)
                return Memory(operand.base, operand.index, operand.scale, value, operand.size, operand.segment)
        return operand

    def instruction(self, line: InstructionLine) -> Instruction:
        """The line's instruction with all values put in."""
        instruction = line.instruction
        bits = immediate_bits(instruction)
        return Instruction(
            instruction.mnemonic, tuple(self.concrete(o, bits) for o in instruction.operands), instruction.prefixes
        )

    def refused(self) -> bool:
        """Whether some value breaks a promise, or fits no encoding of its instruction."""
        for value in self.stencil.values:
            low, high = value.symbol.low, value.symbol.high
            actual = self.values[value.symbol.name]
            if value.checked and not (low <= actual <= high or low <= actual + (1 << 64) <= high):
                return True
        for line in (*self.stencil.hot, *self.stencil.cold):
            if isinstance(line, InstructionLine):
                try:
                    self.instruction(line).encodings()
                except AssemblyError:
                    return True
        return False

    def stub_length(self) -> int:
        for instruction in Decoder(64, self.answer.cold_code, ip=self.answer.cold):
            if instruction.mnemonic == Mnemonic.JMP:
                assert instruction.near_branch_target == self.answer.exit_routine
                return int(instruction.next_ip - self.answer.cold)
        raise AssertionError("the exit stub has no jump")

    def decode(self, lines: tuple[Line, ...], code: bytes, start: int, *, in_hot: bool) -> Iterator[Emitted]:
        decoder = Decoder(64, code, ip=start)
        last = max((index for index, line in enumerate(lines) if not isinstance(line, LabelLine)), default=-1)
        for index, line in enumerate(lines):
            address = decoder.ip
            match line:
                case LabelLine():
                    yield Emitted(line, address, ())
                case DropFrame():
                    yield Emitted(line, address, (decoder.decode(),) if self.request.frame else ())
                case InstructionLine(instruction):
                    nothing = self.is_left_out(instruction, lines[index + 1 :], in_hot=in_hot, last=index == last)
                    yield Emitted(line, address, () if nothing else (decoder.decode(),))
        assert decoder.ip == start + len(code), "bytes are left over"

    def is_left_out(self, instruction: Instruction, rest: tuple[Line, ...], *, in_hot: bool, last: bool) -> bool:
        """A jump to where it falls through anyway needs no code."""
        match instruction.mnemonic, instruction.operands:
            case "JMP", (LabelHole(),):
                return in_hot and last and self.request.target == self.request.index + 1
            case "JMP", (Label(name=name),):
                followers = []
                for line in rest:
                    if not isinstance(line, LabelLine):
                        return name in followers
                    followers.append(line.label.name)
                return name in followers or (name == "NEXT" and in_hot)
            case "LEA", (
                Register(kind="r64") as register,
                Memory(index=None, displacement=Symbolic() as value) as place,
            ):
                return place.base == register and self.concrete(value, 64) == 0
            case "SHL", (Register(kind="r64"), Symbolic(addend=0) as count):
                return self.concrete(count, 8) == 0
        return False

    # ---- Comparisons ----

    def compare(self, emitted: Emitted) -> None:
        if not emitted.decoded:
            return
        decoded = emitted.decoded[0]
        assert not decoded.is_invalid, emitted
        if isinstance(emitted.line, DropFrame):
            assert str(decoded).startswith("add rsp,") and decoded.immediate(1) == self.request.frame
            return
        assert isinstance(emitted.line, InstructionLine)
        instruction = self.instruction(emitted.line)
        match instruction.mnemonic, instruction.operands:
            case "MOV" | "LEA", (
                Register(kind="r32" | "r64") as register,
                (int() | Address() | Memory()) as source,
            ) if not (
                isinstance(source, Memory)
                and (source.target is None or instruction.mnemonic == "MOV" or register.size == 4)
            ):
                self.compare_constant(decoded, register, source, emitted.line.flags_dead)
                return
            case "CALL" | "JMP", (Address() as address,):
                self.compare_branch(decoded, instruction.mnemonic, address)
                return
        instruction = self.narrowed_test(emitted.line.instruction, instruction, decoded)
        context = f"{instruction} was emitted as {decoded}"
        assert MNEMONICS[decoded.mnemonic] == instruction.mnemonic, context
        assert decoded.has_lock_prefix == ("LOCK" in instruction.prefixes), context
        bits = immediate_bits(instruction)
        for index, operand in enumerate(instruction.operands):
            assert self.matches(decoded, index, operand, bits), context
        if self.is_shortest(emitted.line):
            assert len(instruction.encode()) == decoded.len, f"{context}, but there is a shorter encoding"

    def narrowed_test(self, symbolic: Instruction, concrete: Instruction, decoded: iced_x86.Instruction) -> Instruction:
        """A test of the low byte says the same as one of all, where only the low seven bits can be set."""
        match symbolic.mnemonic, symbolic.operands, concrete.operands:
            case "TEST", (_, Symbolic()), ((Register() | Memory()) as tested, int() as mask) if (
                tested.size in (4, 8) and 0 <= mask <= 127 and decoded.op1_kind == OpKind.IMMEDIATE8
            ):
                low = tested.resize(1) if isinstance(tested, Register) else replace(tested, size=1)
                return Instruction("TEST", (low, mask))
        return concrete

    def is_shortest(self, line: InstructionLine) -> bool:
        """Whether no encoding shorter than the one chosen may exist.

        Distances are not chosen by value; a shift by one has an opcode that nobody looks for at emit time; and a value
        declared wider than its operand is compared as it is, so that 0xFFFF does not count as a 16-bit -1.
        """
        if any(labels_of(line)) or holds_address(line.instruction) or line.instruction.mnemonic == "SHL":
            return False
        bits = immediate_bits(line.instruction)
        symbols = [operand.symbol for operand in line.instruction.operands if isinstance(operand, Symbolic)]
        return not any(is_wider(symbol, bits) for symbol in symbols)

    def matches(self, decoded: iced_x86.Instruction, index: int, operand: Operand, bits: int) -> bool:
        kind = decoded.op_kind(index)
        match operand:
            case Register(name=name):
                return kind == OpKind.REGISTER and REGISTER_NAMES[decoded.op_register(index)] == name
            case int():
                return bool(signed(decoded.immediate(index), bits) == signed(operand, bits))
            case Label() | Address():
                return kind in BRANCHES and self.leads_to(decoded, decoded.near_branch_target, operand)
            case Memory():
                if operand.size is not None and iced_x86.MemorySizeInfo(decoded.memory_size).size != operand.size:
                    return False
                if operand.target is not None:
                    return decoded.is_ip_rel_memory_operand and self.leads_to(
                        decoded, decoded.ip_rel_memory_address, operand.target
                    )
                assert isinstance(operand.displacement, int)
                names = [REGISTER_NAMES[decoded.memory_base], REGISTER_NAMES[decoded.memory_index]]
                expected = [
                    register.name if register is not None else "none" for register in (operand.base, operand.index)
                ]
                return (
                    names == expected
                    and signed(decoded.memory_displacement, 64) == operand.displacement
                    and decoded.memory_index_scale == operand.scale
                )
        raise AssertionError(operand)

    def leads_to(self, decoded: iced_x86.Instruction, address: int, target: Label | Address) -> bool:
        match target:
            case Address(name=name, addend=addend):
                return address == self.answer.addresses[name] + addend
            case LabelHole():
                place = decoded.ip + decoded.len - 4
                if self.request.target > self.request.index:
                    return self.answer.jumps.get(place) == self.request.target
                if self.request.target == self.request.index:
                    return address == self.answer.hot
                return address == self.answer.previous + MICRO_OP_SPACING * self.request.target
        return address == self.places[target.name] + target.addend

    def compare_constant(
        self, decoded: iced_x86.Instruction, register: Register, source: Operand, flags_dead: bool
    ) -> None:
        """Any instruction will do that leaves the value in the whole register; only some may touch the flags."""
        bits = register.size * 8
        target = source.target if isinstance(source, Memory) else source
        name = REGISTER_NAMES[decoded.op_register(0)]
        assert Register.named(name).whole is register.whole
        if decoded.mnemonic == Mnemonic.LEA and isinstance(target, Label):
            assert self.leads_to(decoded, decoded.ip_rel_memory_address, target)
            return
        assert isinstance(target, int | Address)
        expected = target if isinstance(target, int) else self.answer.addresses[target.name] + target.addend
        match MNEMONICS[decoded.mnemonic]:
            case "XOR":
                assert flags_dead and decoded.op0_register == decoded.op1_register
                actual = 0
            case "LEA":
                actual = decoded.ip_rel_memory_address
            case "MOV":
                actual = decoded.immediate(1) % (1 << Register.named(name).size * 8)
            case _:
                raise AssertionError(str(decoded))
        assert actual == expected % (1 << bits), f"{decoded} does not load {expected:#x}"
        assert decoded.len <= shortest_load(actual, register, flags_dead) or decoded.mnemonic == Mnemonic.LEA, (
            f"{decoded} loads {actual:#x} in {decoded.len} bytes ({flags_dead=})"
        )

    def compare_branch(self, decoded: iced_x86.Instruction, mnemonic: str, address: Address) -> None:
        expected = self.answer.addresses[address.name] + address.addend
        assert MNEMONICS[decoded.mnemonic] == mnemonic
        if decoded.op0_kind in BRANCHES:
            assert decoded.near_branch_target == expected
        else:
            assert self.answer.slots[decoded.ip_rel_memory_address] == expected


def is_wider(symbol: Symbol, bits: int) -> bool:
    """Whether the range has values that are neither signed nor unsigned numbers of so many bits."""
    return symbol.low < -(1 << bits - 1) or symbol.high >= 1 << bits


def shortest_load(value: int, register: Register, flags_dead: bool) -> int:
    """Bytes of the shortest instruction that loads a value, lea aside."""
    extended = register.number >> 3
    if value == 0 and flags_dead:
        return 2 + extended
    if value < 1 << 32:
        return 5 + extended
    return 7 if -(1 << 31) <= signed(value, 64) < 0 else 10


def immediate_bits(instruction: Instruction) -> int:
    """The width that an immediate operand has."""
    first = instruction.operands[0] if instruction.operands else None
    if instruction.mnemonic in ("SHL", "SHR", "SAR"):
        return 8
    return first.size * 8 if isinstance(first, Register | Memory) and first.size is not None else 64


def holds_address(instruction: Instruction) -> bool:
    places = (o.target if isinstance(o, Memory) else o for o in instruction.operands)
    return any(isinstance(place, Address) for place in places)


def labels_of(line: Line) -> Iterator[str]:
    if isinstance(line, InstructionLine):
        for operand in line.instruction.operands:
            place = operand.target if isinstance(operand, Memory) else operand
            if isinstance(place, Label):
                yield place.name
