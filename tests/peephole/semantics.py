"""What the instructions that peephole rules touch do, in z3's words.

The key idea: a machine state is a set of z3 terms (sixteen 64-bit vectors, six flags, one array of bytes), and
running an instruction builds new terms from them. Run on variables this gives a proof about all states; run on
numbers it gives one concrete state, and so the very same definitions are compared with the processor
(`test_semantics.py`).

Facts are from the Intel SDM, volume 2. Three of them need care:
  - A 32-bit result clears bits 63..32 of its register; 8- and 16-bit results keep the other bits.
  - A flag the manual calls *undefined* carries a mark. Whoever reads one is refused, and a rule may replace
    an undefined flag by any value, but never a defined flag by an undefined one.
  - A shift by 0 (after masking the count to 5 or 6 bits) changes no flag at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import z3

from x86_64 import Instruction, Memory, Register, Symbol, Symbolic, eax, rax

__all__ = ["FLAGS", "SEMANTICS", "Flag", "Machine", "UndefinedFlagRead"]

FLAGS = ("CF", "PF", "AF", "ZF", "SF", "OF")
GENERAL = tuple("rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split())  # noqa: SIM905
VALUE_BITS = 72
"""Bits of a symbol's value: enough for every signed and every unsigned 64-bit number plus an addend."""


class UndefinedFlagRead(Exception):
    """An instruction reads a flag that an earlier one left undefined: no program may."""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag's value, and whether the processor is free to choose it."""

    value: z3.BoolRef
    undefined: z3.BoolRef = field(default_factory=lambda: z3.BoolVal(False))


def multiply(left: z3.BitVecRef, right: z3.BitVecRef) -> z3.BitVecRef:
    """The product, at the operands' width."""
    return left * right


class Machine:
    """A state that instructions change in place; `copy()` before running two programs from the same one."""

    def __init__(
        self,
        registers: Mapping[str, z3.BitVecRef],
        flags: Mapping[str, z3.BoolRef],
        memory: z3.ArrayRef,
        product: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef] = multiply,
    ) -> None:
        self.registers = dict(registers)
        self.flags = {name: Flag(value) for name, value in flags.items()}
        self.memory = memory
        self.product = product
        self.encodable: list[z3.BoolRef] = []
        """Conditions under which every field of the instructions that ran can hold its value."""

    @classmethod
    def symbolic(cls, product: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef] = multiply) -> "Machine":
        """A state about which nothing is known."""
        return cls(
            {name: z3.BitVec(name, 64) for name in GENERAL},
            {name: z3.Bool(name) for name in FLAGS},
            z3.Array("memory", z3.BitVecSort(64), z3.BitVecSort(8)),
            product,
        )

    def copy(self) -> "Machine":
        twin = Machine(self.registers, {}, self.memory, self.product)
        twin.flags = dict(self.flags)
        twin.encodable = list(self.encodable)
        return twin

    def run(self, program: Iterable[Instruction]) -> "Machine":
        """Execute in order. KeyError for an instruction without semantics."""
        for instruction in program:
            SEMANTICS[instruction.mnemonic](self, *instruction.operands)
        return self

    # Operands.

    def register(self, register: Register) -> z3.BitVecRef:
        low = bit_offset(register)
        return z3.Extract(low + 8 * register.size - 1, low, self.registers[register.whole.name])

    def address(self, memory: Memory) -> z3.BitVecRef:
        total = self.number(memory.displacement, 64, signed_bits=32)
        if memory.base is not None:
            total = total + self.register(memory.base)
        if memory.index is not None:
            total = total + self.register(memory.index) * memory.scale
        return total

    def load(self, memory: Memory, bits: int) -> z3.BitVecRef:
        start = self.address(memory)
        cells = [z3.Select(self.memory, start + i) for i in range(bits // 8)]
        return cells[0] if len(cells) == 1 else z3.Concat(*reversed(cells))

    def number(self, value: int | Symbolic, bits: int, signed_bits: int) -> z3.BitVecRef:
        """A constant at `bits`; a field of `signed_bits` < bits is sign-extended by the processor and must hold it."""
        wide = value_of(value)
        low, high = (-(1 << signed_bits - 1), (1 << signed_bits - 1) - 1)
        if signed_bits == bits:
            high = (1 << bits) - 1
        self.encodable.append(z3.And(wide >= low, wide <= high))
        return z3.Extract(bits - 1, 0, wide)

    def read(self, operand: object, bits: int) -> z3.BitVecRef:
        """An operand's value at an operation width of `bits`; immediates are 32 bits at most."""
        match operand:
            case Register():
                return self.register(operand)
            case Memory():
                return self.load(operand, bits)
            case int() | Symbolic():
                return self.number(operand, bits, min(bits, 32))
        raise TypeError(f"no semantics for operand {operand!r}")

    def write(self, operand: object, value: z3.BitVecRef) -> None:
        match operand:
            case Register():
                self.registers[operand.whole.name] = merged(self.registers[operand.whole.name], operand, value)
            case Memory():
                start = self.address(operand)
                for i in range(value.size() // 8):
                    self.memory = z3.Store(self.memory, start + i, z3.Extract(8 * i + 7, 8 * i, value))
            case _:
                raise TypeError(f"cannot write {operand!r}")

    # Flags.

    def flag(self, name: str) -> z3.BoolRef:
        flag = self.flags[name]
        if not z3.is_false(z3.simplify(flag.undefined)):
            raise UndefinedFlagRead(name)
        return flag.value

    def set_flags(self, undefined: str = "", **values: z3.BoolRef | bool) -> None:
        for name, value in values.items():
            self.flags[name] = Flag(value if isinstance(value, z3.BoolRef) else z3.BoolVal(value))
        for name in undefined.split():
            self.flags[name] = Flag(z3.BoolVal(False), z3.BoolVal(True))

    def set_result_flags(self, result: z3.BitVecRef) -> None:
        """ZF, SF and PF, which nearly every instruction derives from its result alike."""
        self.set_flags(ZF=result == 0, SF=top_bit(result), PF=even_parity(result))


def value_of(value: int | Symbolic) -> z3.BitVecRef:
    """A constant's mathematical value."""
    if isinstance(value, Symbolic):
        return symbol_value(value.symbol) + z3.BitVecVal(value.addend, VALUE_BITS)
    return z3.BitVecVal(value, VALUE_BITS)


def symbol_value(symbol: Symbol) -> z3.BitVecRef:
    return z3.BitVec(f"symbol {symbol.name}", VALUE_BITS)


def in_range(symbol: Symbol) -> z3.BoolRef:
    """What is known about a symbol."""
    value = symbol_value(symbol)
    return z3.And(value >= symbol.low, value <= symbol.high)


def bit_offset(register: Register) -> int:
    return 8 if register.name in ("ah", "ch", "dh", "bh") else 0


def merged(whole: z3.BitVecRef, register: Register, value: z3.BitVecRef) -> z3.BitVecRef:
    """`whole` after `value` was written to its part `register`."""
    bits = value.size()
    match bits:
        case 64:
            return value
        case 32:
            return z3.ZeroExt(32, value)
    low = bit_offset(register)
    below = [z3.Extract(low - 1, 0, whole)] if low else []
    return z3.Concat(z3.Extract(63, low + bits, whole), value, *below)


def top_bit(value: z3.BitVecRef) -> z3.BoolRef:
    return z3.Extract(value.size() - 1, value.size() - 1, value) == 1


def even_parity(value: z3.BitVecRef) -> z3.BoolRef:
    """PF looks at the lowest byte only, whatever the width."""
    odd = z3.Extract(0, 0, value)
    for i in range(1, 8):
        odd = odd ^ z3.Extract(i, i, value)
    return odd == 0


def operand_bits(*operands: object) -> int:
    """The operation's width: what its first register, else its memory operand, says."""
    for kind in (Register, Memory):
        for operand in operands:
            if isinstance(operand, kind) and operand.size:
                return 8 * int(operand.size)
    raise TypeError(f"no operand of {operands} tells its width")


# Instructions. Each takes the machine and the operands in Intel order.

Semantics = Callable[..., None]


def move(machine: Machine, destination: object, source: object) -> None:
    bits = operand_bits(destination, source)
    if isinstance(destination, Register) and isinstance(source, int | Symbolic):
        value = machine.number(source, bits, bits)  # the one instruction with a full 64-bit immediate
    else:
        value = machine.read(source, bits)
    machine.write(destination, value)


def load_address(machine: Machine, destination: Register, source: Memory) -> None:
    machine.write(destination, z3.Extract(8 * destination.size - 1, 0, machine.address(source)))


def extend(how: Callable[[int, z3.BitVecRef], z3.BitVecRef]) -> Semantics:
    def run(machine: Machine, destination: Register, source: Register | Memory) -> None:
        narrow = machine.read(source, operand_bits(source))
        machine.write(destination, how(8 * destination.size - narrow.size(), narrow))

    return run


def addition(*, carry_in: bool = False) -> Semantics:
    def run(machine: Machine, destination: object, source: object) -> None:
        bits = operand_bits(destination, source)
        left, right = machine.read(destination, bits), machine.read(source, bits)
        carry = as_bits(machine.flag("CF"), bits + 1) if carry_in else z3.BitVecVal(0, bits + 1)
        wide = z3.ZeroExt(1, left) + z3.ZeroExt(1, right) + carry
        result = z3.Extract(bits - 1, 0, wide)
        machine.set_flags(
            CF=z3.Extract(bits, bits, wide) == 1,
            OF=top_bit((left ^ result) & (right ^ result)),
            AF=z3.Extract(4, 4, left ^ right ^ result) == 1,
        )
        machine.set_result_flags(result)
        machine.write(destination, result)

    return run


def subtraction(*, borrow_in: bool = False, keep: bool = True) -> Semantics:
    def run(machine: Machine, destination: object, source: object) -> None:
        bits = operand_bits(destination, source)
        left, right = machine.read(destination, bits), machine.read(source, bits)
        borrow = as_bits(machine.flag("CF"), bits + 1) if borrow_in else z3.BitVecVal(0, bits + 1)
        wide = z3.ZeroExt(1, left) - z3.ZeroExt(1, right) - borrow
        result = z3.Extract(bits - 1, 0, wide)
        machine.set_flags(
            CF=z3.Extract(bits, bits, wide) == 1,
            OF=top_bit((left ^ right) & (left ^ result)),
            AF=z3.Extract(4, 4, left ^ right ^ result) == 1,
        )
        machine.set_result_flags(result)
        if keep:
            machine.write(destination, result)

    return run


def bitwise(combine: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef], *, keep: bool = True) -> Semantics:
    def run(machine: Machine, destination: object, source: object) -> None:
        bits = operand_bits(destination, source)
        result = combine(machine.read(destination, bits), machine.read(source, bits))
        machine.set_flags("AF", CF=False, OF=False)
        machine.set_result_flags(result)
        if keep:
            machine.write(destination, result)

    return run


def step(amount: int) -> Semantics:
    def run(machine: Machine, destination: object) -> None:
        bits = operand_bits(destination)
        old = machine.read(destination, bits)
        result = old + amount
        extreme = (1 << bits - 1) - 1 if amount > 0 else 1 << bits - 1  # CF is left alone
        machine.set_flags(OF=old == extreme, AF=z3.Extract(4, 4, old ^ result) == 1)
        machine.set_result_flags(result)
        machine.write(destination, result)

    return run


def negate(machine: Machine, destination: object) -> None:
    bits = operand_bits(destination)
    old = machine.read(destination, bits)
    result = -old
    machine.set_flags(CF=old != 0, OF=old == 1 << bits - 1, AF=z3.Extract(4, 4, old ^ result) == 1)
    machine.set_result_flags(result)
    machine.write(destination, result)


def complement(machine: Machine, destination: object) -> None:
    machine.write(destination, ~machine.read(destination, operand_bits(destination)))


def signed_multiply(machine: Machine, destination: Register, *sources: object) -> None:
    left, right = sources if len(sources) == 2 else (destination, sources[0])
    bits = 8 * destination.size
    product = machine.product(z3.SignExt(bits, machine.read(left, bits)), z3.SignExt(bits, machine.read(right, bits)))
    result = z3.Extract(bits - 1, 0, product)
    overflow = z3.SignExt(bits, result) != product
    machine.set_flags("ZF SF PF AF", CF=overflow, OF=overflow)
    machine.write(destination, result)


def masked_count(machine: Machine, count: object, bits: int) -> z3.BitVecRef:
    """A shift count as the processor sees it, at the operand's width."""
    byte = machine.read(count, 8) & (63 if bits == 64 else 31)
    return z3.ZeroExt(bits - 8, byte) if bits > 8 else byte


def shift(
    result_of: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef],
    carry_of: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BoolRef],
    overflow_of: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BoolRef],
    *,
    carry_past_width: bool,
) -> Semantics:
    """carry_of: the last bit shifted out; overflow_of: OF after a shift by one, from operand and result."""

    def run(machine: Machine, destination: object, amount: object) -> None:
        bits = operand_bits(destination)
        old, count = machine.read(destination, bits), masked_count(machine, amount, bits)
        result = result_of(old, count)
        new = {
            "CF": Flag(carry_of(old, count), z3.BoolVal(False) if carry_past_width else z3.UGE(count, bits)),
            "OF": Flag(overflow_of(old, result), count != 1),
            "AF": Flag(z3.BoolVal(False), z3.BoolVal(True)),
            "ZF": Flag(result == 0),
            "SF": Flag(top_bit(result)),
            "PF": Flag(even_parity(result)),
        }
        unless_zero(machine, count, new)
        machine.write(destination, result)

    return run


def rotate(
    result_of: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef],
    carry_of: Callable[[z3.BitVecRef], z3.BoolRef],
    overflow_of: Callable[[z3.BitVecRef], z3.BoolRef],
) -> Semantics:
    def run(machine: Machine, destination: object, amount: object) -> None:
        bits = operand_bits(destination)
        old, count = machine.read(destination, bits), masked_count(machine, amount, bits)
        result = result_of(old, count)
        unless_zero(machine, count, {"CF": Flag(carry_of(result)), "OF": Flag(overflow_of(result), count != 1)})
        machine.write(destination, result)

    return run


def unless_zero(machine: Machine, count: z3.BitVecRef, new: Mapping[str, Flag]) -> None:
    for name, flag in new.items():
        old = machine.flags[name]
        machine.flags[name] = Flag(
            z3.If(count == 0, old.value, flag.value), z3.If(count == 0, old.undefined, flag.undefined)
        )


def shifted_out_left(old: z3.BitVecRef, count: z3.BitVecRef) -> z3.BoolRef:
    """Bit (width - count) of the operand, as bit `width` of it shifted left at one bit more."""
    bits = old.size()
    return z3.Extract(bits, bits, z3.ZeroExt(1, old) << z3.ZeroExt(1, count)) == 1


def shifted_out_right(how: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef]) -> Callable[..., z3.BoolRef]:
    return lambda old, count: z3.Extract(0, 0, how(old, count - 1)) == 1


def second_bit(value: z3.BitVecRef) -> z3.BoolRef:
    return z3.Extract(value.size() - 2, value.size() - 2, value) == 1


def as_bits(condition: z3.BoolRef, bits: int) -> z3.BitVecRef:
    return z3.If(condition, z3.BitVecVal(1, bits), z3.BitVecVal(0, bits))


def bit_test(new_value: Callable[[z3.BitVecRef, z3.BitVecRef], z3.BitVecRef] | None) -> Semantics:
    """Of a register only: with a bit number in a register, a memory operand is a bit string of any length."""

    def run(machine: Machine, destination: Register, number: object) -> None:
        if isinstance(destination, Memory) and isinstance(number, Register):
            raise TypeError("no semantics for a bit string in memory")
        bits = operand_bits(destination)
        old = machine.read(destination, bits)
        if isinstance(number, Register):
            place = machine.read(number, bits) & (bits - 1)
        else:
            place = machine.read(number, 8) & (bits - 1)
            place = z3.ZeroExt(bits - 8, place) if bits > 8 else place
        machine.set_flags("PF AF SF OF", CF=z3.Extract(0, 0, z3.LShR(old, place)) == 1)
        if new_value is not None:
            machine.write(destination, new_value(old, z3.BitVecVal(1, bits) << place))

    return run


CONDITIONS: Mapping[str, Callable[[Machine], z3.BoolRef]] = {
    "O": lambda m: m.flag("OF"),
    "B": lambda m: m.flag("CF"),
    "E": lambda m: m.flag("ZF"),
    "BE": lambda m: z3.Or(m.flag("CF"), m.flag("ZF")),
    "S": lambda m: m.flag("SF"),
    "P": lambda m: m.flag("PF"),
    "L": lambda m: m.flag("SF") != m.flag("OF"),
    "LE": lambda m: z3.Or(m.flag("ZF"), m.flag("SF") != m.flag("OF")),
}
OPPOSITES = {"O": "NO", "B": "AE", "E": "NE", "BE": "A", "S": "NS", "P": "NP", "L": "GE", "LE": "G"}


def conditional(act: Callable[[Machine, z3.BoolRef, Sequence[object]], None], code: str, opposite: bool) -> Semantics:
    def run(machine: Machine, *operands: object) -> None:
        holds = CONDITIONS[code](machine)
        act(machine, z3.Not(holds) if opposite else holds, operands)

    return run


def set_byte(machine: Machine, holds: z3.BoolRef, operands: Sequence[object]) -> None:
    machine.write(operands[0], as_bits(holds, 8))


def move_if(machine: Machine, holds: z3.BoolRef, operands: Sequence[object]) -> None:
    destination, source = operands
    bits = operand_bits(destination)
    machine.write(destination, z3.If(holds, machine.read(source, bits), machine.read(destination, bits)))


SEMANTICS: dict[str, Semantics] = {
    "MOV": move,
    "LEA": load_address,
    "MOVZX": extend(z3.ZeroExt),
    "MOVSX": extend(z3.SignExt),
    "MOVSXD": extend(z3.SignExt),
    "CDQE": lambda machine: extend(z3.SignExt)(machine, rax, eax),
    "ADD": addition(),
    "ADC": addition(carry_in=True),
    "SUB": subtraction(),
    "SBB": subtraction(borrow_in=True),
    "CMP": subtraction(keep=False),
    "AND": bitwise(lambda a, b: a & b),
    "TEST": bitwise(lambda a, b: a & b, keep=False),
    "OR": bitwise(lambda a, b: a | b),
    "XOR": bitwise(lambda a, b: a ^ b),
    "INC": step(1),
    "DEC": step(-1),
    "NEG": negate,
    "NOT": complement,
    "IMUL": signed_multiply,
    "SHL": shift(
        lambda a, n: a << n, shifted_out_left, lambda old, new: top_bit(old) != top_bit(new), carry_past_width=False
    ),
    "SHR": shift(z3.LShR, shifted_out_right(z3.LShR), lambda old, _: top_bit(old), carry_past_width=False),
    "SAR": shift(
        lambda a, n: a >> n,
        shifted_out_right(lambda a, n: a >> n),
        lambda _, __: z3.BoolVal(False),
        carry_past_width=True,
    ),
    "BT": bit_test(None),
    "BTS": bit_test(lambda old, bit: old | bit),
    "BTR": bit_test(lambda old, bit: old & ~bit),
    "BTC": bit_test(lambda old, bit: old ^ bit),
    "ROL": rotate(
        z3.RotateLeft, lambda new: z3.Extract(0, 0, new) == 1, lambda new: top_bit(new) != (z3.Extract(0, 0, new) == 1)
    ),
    "ROR": rotate(z3.RotateRight, top_bit, lambda new: top_bit(new) != second_bit(new)),
}
for _code, _opposite in OPPOSITES.items():
    for _prefix, _act in (("SET", set_byte), ("CMOV", move_if)):
        SEMANTICS[_prefix + _code] = conditional(_act, _code, opposite=False)
        SEMANTICS[_prefix + _opposite] = conditional(_act, _code, opposite=True)
