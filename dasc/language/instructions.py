"""From a mnemonic and operands to machine code.

The table of instructions and the encoder are `x86_64`'s. This module chooses among what they offer as DynASM does:
numbers take the shortest field, C expressions a wide one that the engine may shorten when it emits the code. What is not
known yet is encoded with a stand-in: register number 8, which makes the encoder write every prefix that might be needed
and leaves the low bits zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dasc.errors import DascError
from dasc.language.machine import Code, Displacement, Immediate, Variable
from dasc.language.operands import Imm, Mem, Operand, Place, Round
from dasc.language.registers import VECTORS, Reg
from dasc.language.source import Statement
from dasc.language.spelling import OWN_NAMES, PREFIXES, Spelled, respell
from x86_64 import (
    REGISTERS,
    AssemblyError,
    Form,
    Instruction,
    Label,
    Masked,
    Memory,
    Register,
    Rounding,
    Symbol,
    Symbolic,
    mnemonics,
)
from x86_64 import Operand as MachineOperand
from x86_64.encoder import drafts
from x86_64.table import canonical, forms

__all__ = ["assemble", "is_instruction", "load64", "mnemonic_names"]

_ANYTHING = Symbolic(Symbol("expression", -(1 << 31), (1 << 31) - 1))
_TARGET = Label("target")
_REGISTERS = {(register.kind, register.number): register for register in REGISTERS}
_SIZES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "i8s16": 1, "i8s32": 1, "i8s64": 1, "i32s64": 4}
_ESCAPES = {0: 0, 1: 1, 2: 2, 3: 2}
_EXTENDED = {"reg": 4, "index": 2, "rm": 1, "address": 1, "base": 1, "opcode": 1, "vvvv": 0}
"""Field: the bit of a REX prefix that extends it; those of VEX stand 5 bits further to the left, inverted."""
_ORDER = ["vvvv", "opcode", "reg", "rm", "address", "index", "base"]


def mnemonic_names() -> set[str]:
    """Every mnemonic, as it is written."""
    return {name.lower() for name in mnemonics()} | PREFIXES.keys() | OWN_NAMES


def is_instruction(name: str) -> bool:
    """Whether an instruction, or a prefix, is called this."""
    if name in PREFIXES or name in OWN_NAMES:
        return True
    try:
        canonical(name.upper())
    except AssemblyError:
        return False
    return True


def assemble(statement: Statement, operands: Sequence[Operand], x64: bool) -> Code:
    """The machine code of an instruction. Raises `DascError`."""
    if not operands and statement.name in PREFIXES:
        return Code(bytes([PREFIXES[statement.name]]))
    if statement.name in PREFIXES:
        after = statement.text.strip().removeprefix(statement.name).strip()
        raise statement.error("a prefix is a statement of its own", f"write {statement.name}; {after}", statement.name)
    try:
        in_order = sorted(operands, key=lambda operand: isinstance(operand, Round))  # a rounding mode is the last one
        spelled = respell(statement.name, tuple(in_order), x64)
    except AssemblyError as error:
        raise statement.error(str(error)) from None
    try:
        return _Assembly(spelled, x64).code()
    except AssemblyError as error:
        raise _explained(statement, operands, error) from None


def _explained(statement: Statement, operands: Sequence[Operand], error: AssemblyError) -> DascError:
    cause, _, remedy = str(error).partition("; ")
    if "ambiguous" in cause:
        cause, _, remedy = cause.partition(": write")
        remedy = f"write{remedy}"
    elif any(isinstance(operand, Mem) and operand.size is None for operand in operands) and not remedy:
        remedy = "write the size of the memory operand: byte, word, dword, qword, …"
    return statement.error(cause, remedy)


def load64(statement: Statement, operands: Sequence[Operand]) -> Code:
    """`mov64 reg, constant`, and `mov64` of rax, eax, ax or al from or to an absolute address, all with 64 bits."""
    match operands:
        case (Reg(kind="r64") as register, Imm(value)):
            code = bytearray(Instruction("MOV", (_stand_in64(register), 1 << 40)).encode()[:2])
            if register.expression is None:
                return Code(bytes(code), immediates=(Immediate(value, 8),))
            code[0] &= 0xFE
            return Code(bytes(code), "rex", 0, variables=(Variable("opcode", 1, register.expression),),
                        immediates=(Immediate(value, 8),))  # fmt: skip
        case (Reg(number=0, expression=None) as register, Mem(displacement=(int() | str()) as value) as memory):
            store = False
        case (Mem(displacement=(int() | str()) as value) as memory, Reg(number=0, expression=None) as register):
            store = True
        case _:
            raise statement.error("mov64 takes a 64-bit register and a constant", "or rax and [address]")
    if memory.base is not None or memory.index is not None or register.kind not in ("r64", "r32", "r16", "r8"):
        raise statement.error("mov64 takes rax, eax, ax or al and an address without registers")
    machine: tuple[MachineOperand, ...] = (_REGISTERS[register.kind, 0], Memory(displacement=1 << 40))
    head = bytes(Instruction("MOV", machine[::-1] if store else machine).encode()[:-8])
    return Code(head, immediates=(Immediate(value, 8),))


def _stand_in64(register: Reg) -> Register:
    return _REGISTERS["r64", 8 if register.expression is not None else register.number]


@dataclass(frozen=True, slots=True)
class _Choice:
    """One way to encode it."""

    form: Form
    head: bytes
    displacement: Displacement | None
    immediates: tuple[Immediate, ...]

    @property
    def length(self) -> int:
        displacement = self.displacement.size if self.displacement is not None else 0
        return len(self.head) + displacement + sum(immediate.size for immediate in self.immediates)


@dataclass(frozen=True, slots=True)
class _Assembly:
    spelled: Spelled
    x64: bool

    def code(self) -> Code:
        operands, found = self.forms()
        choices: list[_Choice] = []
        refusal: AssemblyError | None = None
        near_only = all("rel8" in form.kinds for form in found)  # loop, jecxz and the like
        for form in found:
            if choices and choices[0].form.family != form.family:
                break
            if "A" in form.places or ("rel8" in form.kinds and not near_only):
                continue
            if (self.spelled.wide and not form.w) or (self.spelled.narrow and not form.operand16):
                continue
            try:
                choices += self.choices(form, operands)
            except AssemblyError as error:
                refusal = error
        if not choices:
            values = ", ".join(str(o.value) for o in self.spelled.operands if isinstance(o, Imm))
            raise refusal or AssemblyError(f"{self.spelled.mnemonic}: {values} does not fit")
        shrinking = [choice for choice in choices if any(i.kind == "shrinks" for i in choice.immediates)]
        return self.finish(min(shrinking or choices, key=lambda choice: choice.length))

    def forms(self) -> tuple[tuple[MachineOperand, ...], tuple[Form, ...]]:
        """The stand-ins and the forms that accept them.

        Memory of unknown size is as wide as the first register, where the instruction leaves a choice.
        """
        operands = tuple(map(self.stand_in, self.spelled.operands))
        try:
            return operands, Instruction(self.spelled.mnemonic, operands).forms
        except AssemblyError as error:
            sizes = [operand.size for operand in operands if isinstance(operand, Register)]
            sized = tuple(
                replace(operand, size=sizes[0])
                if isinstance(operand, Memory) and operand.size is None and sizes
                else operand
                for operand in operands
            )
            if sized == operands:
                raise
            try:
                return sized, Instruction(self.spelled.mnemonic, sized).forms
            except AssemblyError:
                raise error from None

    # ---- Operands ----

    def stand_in(self, operand: Operand) -> MachineOperand:
        match operand:
            case Reg(mask=mask) | Mem(mask=mask) if mask:
                plain = replace(operand, mask="")
                whole = self.register(plain) if isinstance(plain, Reg) else self.memory(plain)
                return Masked(whole, Register.named(mask), operand.zeroing)
            case Reg():
                return self.register(operand)
            case Mem():
                return self.memory(operand)
            case Round(name):
                return Rounding(name)
            case Imm(int() as value):
                return _near_zero(value)
            case Imm():
                return _ANYTHING
            case Place():
                return _TARGET if self.x64 or self.is_branch else _ANYTHING

    @property
    def is_branch(self) -> bool:
        return self.spelled.mnemonic[0] in "JC" and self.spelled.mnemonic[:3] != "CMP"

    def register(self, register: Reg) -> Register:
        number = register.number
        if register.expression is not None:
            number = 1 if register.kind == "st" else 8 if self.x64 else 0
        return _REGISTERS[register.kind, number]

    def address(self, register: Reg | None) -> Register | None:
        """Of a 32-bit register the whole is used: in 64-bit code only the prefix `a32` would narrow the address."""
        if register is None:
            return None
        return self.register(register if register.kind in VECTORS else replace(register, kind="r64"))

    def memory(self, operand: Mem) -> Memory:
        segment = Register.named(operand.segment) if operand.segment else None
        if isinstance(operand.displacement, Place):
            if operand.base is not None or operand.index is not None:
                raise AssemblyError(f"{operand.displacement} cannot be added to a register")
            return Memory(size=operand.size, target=_TARGET, segment=segment, broadcast=operand.broadcast)
        base, index = self.address(operand.base), self.address(operand.index)
        # The encoder knows better ways to write [rax*2]; DynASM has none.
        scale = 4 if base is None and index is not None else operand.scale
        known = self.displacement()
        value = _ANYTHING if known is None or known.size == 4 or isinstance(known.value, str) else known.value
        return Memory(base, index, scale, value, operand.size, segment, None, operand.broadcast)  # type: ignore[arg-type]

    # ---- Encodings ----

    def choices(self, form: Form, operands: tuple[MachineOperand, ...]) -> Iterator[_Choice]:
        """The encoding in this form, if the values fit it."""
        immediates = self.immediates(form)
        if immediates is None:
            return
        displacement = self.displacement()
        for draft in drafts(form, operands, ()):
            if displacement is None or isinstance(displacement.value, Place):
                yield _Choice(form, draft.head, displacement, immediates)
                return
            part = draft.tail[0]
            if part.size == 4 if displacement.size == 4 else part.holds():
                value = displacement.value // part.scale if isinstance(displacement.value, int) else displacement.value
                elastic = displacement.elastic and part.scale == 1
                yield _Choice(form, draft.head, Displacement(value, part.size, elastic), immediates)
                return

    def displacement(self) -> Displacement | None:
        """The displacement as written; its size is 4 where the value is not known, else 0: as small as can be."""
        for operand in self.spelled.operands:
            if isinstance(operand, Mem):
                value, base = operand.displacement, operand.base
                if isinstance(value, Place):
                    return Displacement(value, 4)
                variable = base is not None and base.expression is not None
                if isinstance(value, str) or (value == 0 and variable):
                    return Displacement(value, 4, base is not None)
                return Displacement(_signed32(value), 0)
        return None

    def immediates(self, form: Form) -> tuple[Immediate, ...] | None:
        """The immediates in this form; None when a number does not fit."""
        result = []
        for operand, kind, place in zip(self.spelled.operands, form.kinds, form.places.ljust(9, "-"), strict=False):
            match place, operand:
                case "4", Reg(expression=str() as expression):
                    result.append(Immediate(expression, 1, "register"))
                case "4", Reg(number=number):
                    result.append(Immediate(number << 4, 1))
                case "I", Place():
                    if _SIZES[kind] != 4:
                        return None
                    result.append(Immediate(operand, 4))
                case "I", Imm(str() as value):
                    if kind.startswith("i8s") and _has_sibling(form, -2):
                        return None
                    shrinks = form.modrm >= 0 and _has_sibling(form, 2)
                    result.append(Immediate(value, _SIZES[kind], "shrinks" if shrinks else "plain"))
                case "I", Imm(int() as value):
                    value = _signed32(value) if kind == "i32s64" else _near_zero(value)
                    size, extended = _SIZES[kind], "s" in kind
                    if kind == "i64" or not -(1 << size * 8 - 1) <= value < 1 << (size * 8 - extended):
                        return None
                    result.append(Immediate(value, size))
        return (*result, *(Immediate(byte, 1) for byte in form.suffix))

    # ---- Bytes ----

    def finish(self, choice: _Choice) -> Code:
        """Where everything stands, and the stand-ins taken out."""
        form, code = choice.form, bytearray(choice.head)
        memory = next((operand for operand in self.spelled.operands if isinstance(operand, Mem)), None)
        sib = form.modrm >= 0 and memory is not None and _has_sib(memory)
        modrm_at = len(code) - 1 - sib if form.modrm >= 0 else -1
        opcode_at = (modrm_at if form.modrm >= 0 else len(code)) - 1
        if sib and memory is not None and memory.base is None:
            code[-1] = code[-1] & 0x3F | memory.scale.bit_length() - 1 << 6
            if memory.index is None and not self.x64:  # only 64-bit code needs a SIB byte here
                code[modrm_at] += 1
                del code[-1]
        variables = tuple(self.variables(form, modrm_at, opcode_at, sib))
        if "st" in form.kinds:
            code[opcode_at] -= len(variables)
        if form.mnemonic.startswith("SET"):
            code[modrm_at] |= 0x10  # ignored by processors, and there in DynASM's code
        clear = _clear_vex if form.family != "legacy" else _clear_rex
        prefix, prefix_at, shrinks = clear(form, code, opcode_at, variables) if self.x64 else ("", 0, False)
        byte = any(isinstance(operand, Reg) and _needs_rex(operand) for operand in self.spelled.operands)
        places = [operand for operand in self.spelled.operands if isinstance(operand, Place)]
        target = places[0] if places and not any(i.value is places[0] for i in choice.immediates) else None
        return Code(
            bytes(code),
            prefix,
            prefix_at,
            shrinks and not byte,
            modrm_at,
            variables,
            choice.displacement,
            choice.immediates,
            target,
            "rel8" in form.kinds,
        )

    def variables(self, form: Form, modrm_at: int, opcode_at: int, sib: bool) -> list[Variable]:
        """The registers whose numbers are not known yet, in the order in which their bytes come."""
        places = {"R": ("reg", modrm_at), "M": ("rm", modrm_at), "O": ("opcode", opcode_at), "V": ("vvvv", -1)}
        found = []
        for operand, place in zip(self.spelled.operands, form.places, strict=False):
            match operand:
                case Reg(expression=str() as expression) if place in places:
                    field, at = places[place]
                    at = opcode_at - len(form.opcode) if field == "vvvv" else at
                    found.append(Variable(field, at, expression))
                case Mem(base=base, index=index):
                    if base is not None and base.expression is not None:
                        found.append(Variable("base" if sib else "address", modrm_at + sib, base.expression))
                    if index is not None and index.expression is not None:
                        found.append(Variable("index", modrm_at + 1, index.expression))
        return sorted(found, key=lambda variable: _ORDER.index(variable.field))


def _has_sib(memory: Mem) -> bool:
    if isinstance(memory.displacement, Place):
        return False
    if memory.index is not None or memory.base is None:
        return True
    return memory.base.expression is None and memory.base.number & 7 == 4


def _needs_rex(register: Reg) -> bool:
    """Whether it is a byte that needs a REX prefix to be told from ah … bh, whatever its number."""
    return register.kind == "r8" and (register.expression is not None or register.number >= 4)


_Prefix = tuple[str, int, bool]
"""As `Code` has them: prefix, prefix_at, shrinks."""


def _clear_rex(form: Form, code: bytearray, opcode_at: int, variables: Sequence[Variable]) -> _Prefix:
    at = opcode_at - len(form.opcode) - _ESCAPES[form.map]
    bits = 0
    for variable in variables:
        bits |= _EXTENDED[variable.field]
    if not bits or "st" in form.kinds:
        return "", 0, False
    code[at] &= ~bits
    return "rex", at, code[at] == 0x40


def _clear_vex(form: Form, code: bytearray, opcode_at: int, variables: Sequence[Variable]) -> _Prefix:
    if form.family == "EVEX" and variables:
        names = " and ".join(variable.expression for variable in variables)
        raise AssemblyError(f"the register {names} cannot be encoded in an EVEX prefix; name the register")
    last = opcode_at - len(form.opcode)
    length = 2 if code[last - 1] == 0xC5 else 3
    at = last - length + 1
    bits = 0
    for variable in variables:
        bits |= _EXTENDED[variable.field]
        if variable.field == "vvvv":
            code[last] |= 0x78
    code[at + 1] |= bits << 5
    shrinks = length == 3 and form.map == 1 and not form.w and code[at + 1] & 0x60 == 0x60 and bits & 3
    return "vex", at, bool(shrinks)


def _near_zero(value: int) -> int:
    """A number just below 2³² is a small negative one."""
    return value - (1 << 32) if value >= (1 << 32) - 128 else value


def _signed32(value: int) -> int:
    """The low 32 bits as a signed number."""
    return value - (1 << 32) if value >= 1 << 31 else value


def _has_sibling(form: Form, distance: int) -> bool:
    """Whether there is the same instruction with an opcode so much higher, for another width of immediate."""
    opcode = bytes([*form.opcode[:-1], form.opcode[-1] + distance & 0xFF])
    return any(
        other.opcode == opcode and other.modrm == form.modrm and other.kinds[:-1] == form.kinds[:-1]
        for other in forms(form.mnemonic)
    )
