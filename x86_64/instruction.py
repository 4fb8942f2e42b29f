"""An instruction as a value, and mnemonics as functions that make one.

ADD(eax, 5).encode()                                    bytearray(b'\\x83\\xc0\\x05')
LOCK(ADD(qword[rdi], 1))                                a prefix is a function of an instruction
Instruction("MOV", (rdi, qword[r12 + E0])).encodings()  every width that the symbol's range may need, shortest first
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from x86_64 import table
from x86_64.effects import Effects, effects_of
from x86_64.encoder import Draft, Encoding, drafts, finish, useful, viable
from x86_64.errors import OperandError
from x86_64.operands import DefaultFlags, Masked, Memory, Operand, Rounding, Symbol, Symbolic, address, unfrozen
from x86_64.prefixes import PREFIX_BYTES
from x86_64.registers import Register
from x86_64.selection import REQUESTS, Plan, plans, select, settle_size
from x86_64.selection import shape as _shape
from x86_64.table import Form


@dataclass(frozen=True, slots=True, init=False)
class Instruction:
    """A checked instruction: mnemonic in capitals, operands in Intel order (destination first), prefixes by name.

    Construction canonicalises: aliases (JZ is JE), a Symbol becomes a Symbolic, `[rsi]` a Memory, the memory
    operand's size is filled in from the instruction, a rounding mode moves to the end. OperandError if there is no
    such instruction.
    """

    mnemonic: str
    operands: tuple[Operand, ...] = ()
    prefixes: tuple[str, ...] = ()
    _plan: Plan = field(init=False, repr=False, compare=False)
    _effects: Effects = field(init=False, repr=False, compare=False)  # unset until asked for

    def __init__(self, mnemonic: str, operands: Iterable[object] = (), prefixes: tuple[str, ...] = ()) -> None:
        name = table.canonical(mnemonic)
        given = tuple(map(_operand, operands))
        if any(isinstance(o, Rounding) for o in given[:-1]):
            given = tuple(sorted(given, key=lambda o: isinstance(o, Rounding)))
        found = select(name, given, prefixes)
        if not found.ready:
            given = settle_size(name, given, found.forms)
            found = select(name, given, prefixes)
        object.__setattr__(self, "mnemonic", name)
        object.__setattr__(self, "operands", given)
        object.__setattr__(self, "prefixes", prefixes)
        object.__setattr__(self, "_plan", found)
        for prefix in prefixes:
            self._check_prefix(prefix)

    @classmethod
    def of_plan(cls, plan: Plan, operands: tuple[Operand, ...]) -> Instruction:
        """The instruction of canonical operands whose plan, with forms and settled, is known."""
        instruction = _UnfrozenInstruction()
        instruction.mnemonic = plan.mnemonic
        instruction.operands = operands
        instruction.prefixes = ()
        instruction._plan = plan
        instruction.__class__ = cls
        return instruction  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[object, ...]:
        return Instruction, (self.mnemonic, self.operands, self.prefixes)

    def _check_prefix(self, prefix: str) -> None:
        if prefix in REQUESTS:  # selection has seen to it
            return
        if prefix not in PREFIX_BYTES:
            raise OperandError(f"{prefix}: unknown prefix; there are {', '.join([*PREFIX_BYTES, *REQUESTS])}")
        words = self._plan.forms[0].effects.split()
        if prefix == "LOCK":
            if not any("lock" in f.effects.split() for f in self._plan.forms) or not isinstance(
                self.operands[0], Memory
            ):
                raise OperandError(f"LOCK {self.mnemonic}: only read-modify-write instructions on memory can be locked")
        elif prefix.lower() not in words and not (prefix == "REP" and self.mnemonic in ("BSF", "BSR", "RET")):
            raise OperandError(f"{prefix} {self.mnemonic}: the prefix has no meaning here")

    @property
    def effects(self) -> Effects:
        """What the instruction reads, writes and where it continues (computed once)."""
        try:
            return self._effects
        except AttributeError:
            known = effects_of(self._form(), self.operands, self.prefixes)
            object.__setattr__(self, "_effects", known)
            return known

    def _form(self) -> Form:
        """The preferred form: the first that can name these registers."""
        forms = self._plan.forms
        if len(forms) > 1 and _names_high(self.operands):
            for form in forms:
                with suppress(OperandError):
                    next(drafts(form, self.operands, self.prefixes))
                    return form
        return forms[0]

    @property
    def plan(self) -> Plan:
        """What the mnemonic and the operands' shapes decide."""
        return self._plan

    @property
    def forms(self) -> tuple[Form, ...]:
        """The rows of the instruction table that accept the operands, in order of preference."""
        return self._plan.forms

    def encode(self) -> bytearray:
        """The shortest encoding.

        OperandError when an operand's value is not known yet, RangeError when a number fits no field.
        """
        code = None if self.prefixes else self._plan.encode(self.operands)
        if code is None:
            self._require_numbers()
            code = finish(viable(self._plan.forms, self.operands, self.prefixes)[0]).code
        return bytearray(code)

    def encode_options(self) -> list[bytearray]:
        """All encodings, without repeats."""
        self._require_numbers()
        drafts = viable(self._plan.forms, self.operands, self.prefixes, every=True)
        return [bytearray(code) for code in dict.fromkeys(finish(draft).code for draft in drafts)]

    def encode_length_options(self) -> dict[int, bytearray]:
        """Length in bytes to an encoding of that length."""
        result: dict[int, bytearray] = {}
        for code in self.encode_options():
            result.setdefault(len(code), code)
        return result

    def encodings(self) -> tuple[Encoding, ...]:
        """All choices of width for the JIT-time operands, shortest first.

        An emitter takes the first whose fields can hold the values.
        Left out are encodings that the symbols' ranges can never satisfy, and those never needed because a shorter
        one serves whenever they would. `mov r64, value` offers the zero-extending `mov r32, imm32` too: it leaves the
        same register. RangeError when nothing is left.
        """
        return _encodings(self)

    def _require_numbers(self) -> None:
        for operand in self.operands:
            inner = operand.operand if isinstance(operand, Masked) else operand
            values = (inner.displacement, inner.target) if isinstance(inner, Memory) else (inner,)
            for value in values:
                if value is not None and not isinstance(value, int | Register | Rounding | Masked | DefaultFlags):
                    name = value.symbol.name if isinstance(value, Symbolic) else value.name
                    raise OperandError(f"{self.mnemonic}: {name} has no value yet: use encodings()")

    def __str__(self) -> str:
        from x86_64.intel import format_intel

        return format_intel(self)


def _names_high(operands: tuple[Operand, ...]) -> bool:
    """Whether some register is above the 15 that every form can name."""
    inner = [operand.operand if isinstance(operand, Masked) else operand for operand in operands]
    registers = [r for o in inner for r in ((o.base, o.index) if isinstance(o, Memory) else (o,))]
    return any(isinstance(register, Register) and register.number > 15 for register in registers)


_UnfrozenInstruction = unfrozen(Instruction)


@functools.lru_cache(maxsize=1 << 12)  # versions of a stencil have most of their instructions in common
def _encodings(instruction: Instruction) -> tuple[Encoding, ...]:
    drafts = viable(instruction.forms, instruction.operands, instruction.prefixes)
    if instruction.mnemonic == "MOV":
        drafts = sorted(_zero_extending(instruction) + drafts, key=lambda draft: draft.length)
    return tuple(map(finish, useful(drafts)))


def _zero_extending(instruction: Instruction) -> list[Draft]:
    """`mov r64, value` as `mov r32, imm32`, for values of 0 … 2³²−1."""
    match instruction.operands:
        case (Register(kind="r64") as register, int() | Symbolic() as value):
            narrow = (register.resize(4), 0)
            draft = viable(select("MOV", narrow).forms, narrow, ())[0]
            part = draft.tail[0]._replace(value=value, bits=64, low=0, high=0xFFFF_FFFF)
            return [Draft(draft.head, (part,))] if part.holds() else []
    return []


def _operand(value: object) -> Operand:
    match value:
        case Symbol():
            return Symbolic(value)
        case list():
            return address(value)
        case set() | frozenset() if len(value) == 1 and isinstance(rounding := next(iter(value)), Rounding):
            return rounding
        case bool():
            raise OperandError(f"{value} is not an operand: write 0 or 1")
    return value  # type: ignore[return-value]  # selection refuses everything else


class Mnemonic:
    """`ADD`, `VPSLLVD`, …: a function from operands to an Instruction."""

    __slots__ = ("_plans", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._plans = plans(table.canonical(name))

    def __call__(self, *operands: Any) -> Instruction:
        # This is the way of most instructions, so two and three operands are spelled out.
        try:
            if len(operands) == 2:
                a, b = operands
                found = self._plans[
                    a.shape if type(a) is not int else _shape(a), b.shape if type(b) is not int else _shape(b)
                ]
            elif len(operands) == 3:
                a, b, c = operands
                found = self._plans[a.shape, b.shape, c.shape if type(c) is not int else _shape(c)]
            else:
                found = self._plans[tuple(map(_shape, operands))]
        except (KeyError, AttributeError, OperandError):  # a new plan, or an operand to canonicalise
            return Instruction(self.name, operands)
        if not found.ready:
            return Instruction(self.name, operands)
        instruction = _UnfrozenInstruction()
        instruction.mnemonic = found.mnemonic
        instruction.operands = operands
        instruction.prefixes = ()
        instruction._plan = found
        instruction.__class__ = Instruction
        return instruction  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Prefix:
    """`LOCK`, `REP`, …: a function from an Instruction to the same with the prefix."""

    name: str

    def __call__(self, instruction: Instruction) -> Instruction:
        return replace(instruction, prefixes=(*instruction.prefixes, self.name))

    def __repr__(self) -> str:
        return self.name


LOCK = Prefix("LOCK")
REP = Prefix("REP")
REPE = Prefix("REP")
REPNE = Prefix("REPNE")
NOTRACK = Prefix("NOTRACK")
ADDR32 = Prefix("ADDR32")  # implied addresses and counts of 32 bits: esi, edi, ecx
NF = Prefix("NF")  # APX: leave the flags alone
# Which of several encodings is meant, as assemblers' {vex}, {disp32} …
VEX, VEX2, VEX3, EVEX = Prefix("VEX"), Prefix("VEX2"), Prefix("VEX3"), Prefix("EVEX")
DISP8, DISP32 = Prefix("DISP8"), Prefix("DISP32")
