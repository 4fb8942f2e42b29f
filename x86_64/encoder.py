"""From a form and its operands to bytes and fields.

The key idea: an encoding is a fixed *head* (prefixes, opcode, ModRM, SIB) and a *tail* of parts (displacement,
immediate). Every choice the machine offers (no displacement, 8 or 32 bits of it; a sign-extended immediate) is
another head and tail, a `Draft`. Numbers are packed into the tail; JIT-time values become `Field`s. The same drafts
serve a plain assembler (the shortest that holds the numbers) and the emit-function compiler (all that a symbol's
range may need).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from x86_64.errors import AssemblyError, OperandError, RangeError
from x86_64.operands import Address, DefaultFlags, Label, Masked, Memory, Operand, Rounding, Symbolic
from x86_64.prefixes import FAMILY_PREFIX, Mode, Slots, opening
from x86_64.registers import Register
from x86_64.table import Form

LONGEST = 15  # bytes of an instruction
_GENERAL = frozenset({"r8", "r16", "r32", "r64"})
_VECTORS = frozenset({"xmm", "ymm", "zmm"})
IMMEDIATES = {  # kind: bytes in the code, bits of the operand
    "i8": (1, 8), "i16": (2, 16), "i32": (4, 32), "i64": (8, 64),
    "i8s16": (1, 16), "i8s32": (1, 32), "i8s64": (1, 64), "i32s64": (4, 64),
}  # fmt: skip
_ROUNDING = {Rounding.RN_SAE: 0, Rounding.RD_SAE: 1, Rounding.RU_SAE: 2, Rounding.RZ_SAE: 3, Rounding.SAE: 0}


@dataclass(frozen=True, slots=True)
class Field:
    """A hole in an encoding's bytes, to be filled when the value is known.

    offset, size: bytes; size 0 is a displacement left out, allowed when the value is zero.
    kind: "displacement", "immediate" or "relative".
    operand: the Symbolic, Address or Label whose value goes there, addend included.
    low, high, bits, scale: the field may hold the value iff, taken as a signed integer of `bits` bits, it lies in
        low … high and is a multiple of `scale`; what is stored is the value divided by `scale` (EVEX disp8*N; 1 for
        every other field).
    trailing: bytes of the instruction after the field's end. A relative field holds target − (field end + trailing).
    """

    offset: int
    size: int
    kind: str
    operand: Symbolic | Address | Label
    low: int
    high: int
    bits: int
    trailing: int = 0
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to write an instruction: its bytes, zero where `fields` go."""

    code: bytes
    fields: tuple[Field, ...] = ()


class Part(NamedTuple):
    """A piece of the tail: `size` bytes that hold `value`."""

    kind: str  # as Field.kind, or "raw" for bytes that are part of the opcode
    size: int
    value: int | Symbolic | Address | Label
    bits: int
    low: int
    high: int
    scale: int = 1

    def holds(self) -> bool:
        """Whether the number fits, or the symbol's value may fit."""
        value = self.value
        if isinstance(value, int):
            if not -(1 << self.bits - 1) <= value < 1 << self.bits:
                return False
            return self.low <= signed(value, self.bits) <= self.high and value % self.scale == 0
        if isinstance(value, Symbolic):
            return any(low <= self.high and self.low <= high for low, high in _signed_ranges(value, self.bits))
        return True

    def certain(self) -> bool:
        """Whether every value the symbol may have fits. Of a label 32 bits are certain, of an address nothing is."""
        value = self.value
        if isinstance(value, Symbolic):
            return self.scale == 1 and all(
                self.low <= a and b <= self.high for a, b in _signed_ranges(value, self.bits)
            )
        return isinstance(value, int) or (isinstance(value, Label) and self.size == 4)


class Draft(NamedTuple):
    head: bytes
    tail: tuple[Part, ...]
    vex: int = 0  # bytes of the VEX prefix

    @property
    def length(self) -> int:
        return len(self.head) + sum(part.size for part in self.tail)


def signed(value: int, bits: int) -> int:
    """The low `bits` bits of value as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _signed_ranges(value: Symbolic, bits: int) -> tuple[tuple[int, int], ...]:
    """The values a symbol + addend takes, as signed `bits`-bit numbers: one range, or two where it wraps."""
    smallest, largest = -(1 << bits - 1), (1 << bits - 1) - 1
    if value.high - value.low >= 1 << bits:
        return ((smallest, largest),)
    low, high = signed(value.low, bits), signed(value.high, bits)
    return ((low, high),) if low <= high else ((low, largest), (smallest, high))


def _signed_limits(size: int, scale: int = 1) -> tuple[int, int]:
    return -(1 << size * 8 - 1) * scale, ((1 << size * 8 - 1) - 1) * scale


def _immediate(kind: str, value: int | Symbolic | Address) -> Part:
    size, bits = IMMEDIATES[kind]
    low, high = _signed_limits(size)
    if isinstance(value, Symbolic) and not (-(1 << bits - 1) <= value.symbol.low and value.symbol.high < 1 << bits):
        # Wider than the operand: what does not fit must be noticed, not cut off.
        return Part("immediate", size, value, 64, low, (1 << bits) - 1 if size * 8 == bits else high)
    return Part("immediate", size, value, bits, low, high)


def _displacements(value: int | Symbolic, scale: int, optional: bool) -> Iterator[tuple[int, Part]]:
    """ModRM.mod and displacement for an address with a base register; `optional`: the base allows leaving it out."""
    if optional:
        yield 0, Part("displacement", 0, value, 64, 0, 0)
    yield 1, Part("displacement", 1, value, 64, *_signed_limits(1, scale), scale)
    yield 2, Part("displacement", 4, value, 64, *_signed_limits(4))


def _modes(memory: Memory, scale: int, every: bool, sib: bool = False) -> Iterator[Mode]:
    """All ways to write an address.

    With `every`, also the needlessly long ones (a SIB byte that says nothing); with `sib`, only ways with a SIB byte.
    """
    displacement, base, index = memory.displacement, memory.base, memory.index
    if memory.target is not None:
        yield Mode(5, b"", Part("relative", 4, memory.target, 64, *_signed_limits(4)), 0, 0)
        return
    if base is not None and base.kind == "rip":
        yield Mode(5, b"", Part("displacement", 4, displacement, 64, *_signed_limits(4)), 0, 0)
        return
    factor = memory.scale
    if base is None and index is not None and index.kind in ("r64", "r32"):
        if factor == 1:  # [reg*1 + d] is [reg + d]
            base, index = index, None
        elif factor == 2:  # [reg*2 + d] is [reg + reg*1 + d]
            base, factor = index, 1
    selector = {1: 0, 2: 0x40, 4: 0x80, 8: 0xC0}[factor] | ((index.number & 7) << 3 if index is not None else 0x20)
    high = index.number if index is not None else 0
    if base is None:
        yield Mode(4, bytes([selector | 5]), Part("displacement", 4, displacement, 64, *_signed_limits(4)), high, 0)
        return
    low = base.number & 7
    for mod, part in _displacements(displacement, scale, low != 5):
        if index is None and low != 4 and not sib:
            yield Mode(mod << 6 | low, b"", part, 0, base.number)
        else:
            yield Mode(mod << 6 | 4, bytes([selector | low]), part, high, base.number)
    if every and index is None and low != 4:
        for mod, part in _displacements(displacement, scale, low != 5):
            if part.holds():
                yield Mode(mod << 6 | 4, bytes([0x20 | low]), part, 0, base.number)
                return


def _sort(form: Form, operands: tuple[Operand, ...], prefixes: tuple[str, ...]) -> Slots:
    slots = Slots(form.modrm & 7 if form.modrm >= 0 else 0, no_flags=form.no_flags or "NF" in prefixes)
    tail: list[Part] = []
    is4: int | None = None  # an immediate byte that names a register in its upper half
    for position, operand in enumerate(operands):
        if isinstance(operand, Rounding):
            slots.rounding = _ROUNDING[operand]
            continue
        kind, place = form.kinds[position], form.places[position]
        if isinstance(operand, Masked):
            slots.mask, slots.zeroing, operand = operand.mask.number, int(operand.zeroing), operand.operand
        if isinstance(operand, Register):
            number = operand.number
            if operand.kind == "r8h":
                slots.high_byte = operand.name
            elif operand.kind == "r8" and 4 <= number < 8:
                slots.needs_rex = True
            if number > 15:
                if operand.kind in _GENERAL:
                    slots.high = operand.name
                elif form.family != "EVEX":
                    raise OperandError(f"{form.mnemonic}: {operand.name} can be used only by AVX-512 forms")
            if "+" in kind and number % (count := int(kind[-1]) + 1):
                raise OperandError(
                    f"{form.mnemonic}: {operand.name}: a group of {count} registers starts at a multiple of {count}"
                )
            match place:
                case "R":
                    slots.reg = number
                case "M":
                    slots.rm = number
                    slots.vector_rm = operand.kind in _VECTORS
                case "V":
                    slots.vvvv = number
                case "O":
                    slots.in_opcode = number
                case "4":
                    is4 = (is4 or 0) | number << 4
        elif isinstance(operand, Memory):
            slots.memory = operand
            for register in (operand.base, operand.index):
                if register is not None and register.number > 15:
                    if register.kind in _GENERAL:
                        slots.high = register.name
                    elif form.family != "EVEX":
                        raise OperandError(f"{form.mnemonic}: {register.name} can be used only by AVX-512 forms")
        elif isinstance(operand, DefaultFlags):
            slots.vvvv = operand.bits
        elif place == "4":
            assert isinstance(operand, int)
            if not 0 <= operand < 16:
                raise RangeError(f"{form.mnemonic}: {operand} does not fit the 4-bit immediate")
            is4 = (is4 or 0) | operand
        elif place == "D":
            assert not isinstance(operand, Symbolic)
            size = 1 if kind == "rel8" else 4
            tail.append(Part("relative", size, operand, 64, *_signed_limits(size)))
        elif place == "I":
            assert not isinstance(operand, Label)
            tail.append(_immediate(kind, operand))
    if is4 is not None:
        tail.append(Part("raw", 1, is4, 8, -128, 127))
    if form.suffix:
        tail.append(Part("raw", 1, form.suffix[0], 8, -128, 127))
    slots.tail = tuple(tail)
    return slots


def _check_distinct(form: Form, operands: tuple[Operand, ...]) -> None:
    """Refuse what the processor refuses: gathers, tile and complex products that would overwrite what they still read."""
    everywhere = form.allows("distinct")
    if not everywhere and not form.allows("distinct-destination") and not form.allows("no-rsp"):
        return
    inner = [o.operand if isinstance(o, Masked) else o for o in operands]
    registers = [o.index if isinstance(o, Memory) else o for o in inner]
    wholes = [r.whole for r in registers if isinstance(r, Register) and r.kind in ("r64", "xmm", "ymm", "zmm", "tmm")]
    if form.allows("no-rsp") and any(isinstance(r, Register) and r.name == "rsp" for r in registers):
        raise OperandError(f"{form.mnemonic}: rsp cannot be an operand, as the instruction changes it")
    only_destination = form.allows("distinct-destination") and wholes[0] in wholes[1:]
    if only_destination or (everywhere and len(set(wholes)) < len(wholes)):
        which = "all registers" if everywhere else "destination and sources"
        raise OperandError(f"{form.mnemonic}: {which} must be different, or the processor refuses the instruction")


def _check_address_size(form: Form, memory: Memory) -> None:
    """Refuse two widths of address in one instruction: movdir64b and enqcmd have one in a register, one in memory."""
    register = memory.base or memory.index
    if register is not None and "+[#0" in form.effects and (register.kind == "r32") != form.address32:
        raise OperandError(f"{form.mnemonic}: both addresses must have the same width")


def _modes_of(form: Form, slots: Slots, every: bool) -> Iterator[Mode]:
    memory = slots.memory
    if memory is None:
        rm = slots.rm
        if form.modrm < 0:
            yield Mode(-1, b"", None, 0, slots.in_opcode)
        elif slots.vector_rm:  # its fifth bit stands where an index has its fourth (EVEX.X), its fourth as a base has
            yield Mode(0xC0 | rm & 7, b"", None, rm >> 1 & 8, rm & 15)
        else:
            yield Mode(0xC0 | rm & 7, b"", None, 0, rm)
    elif "A" in form.places:
        yield Mode(-1, b"", Part("displacement", 8, memory.displacement, 64, *_signed_limits(8)), 0, 0)
    else:
        scale = form.broadcast_scale if memory.broadcast else form.scale
        yield from _modes(memory, scale, every, "sibmem" in form.kinds)


# `{vex3}` and its like: what of the choices they leave. (Which forms they leave, `selection.REQUESTS` says.)
_CHOICES: dict[str, Callable[[Draft], bool]] = {
    "VEX2": lambda draft: draft.vex == 2,
    "VEX3": lambda draft: draft.vex == 3,
    "DISP8": lambda draft: any(part.kind == "displacement" and part.size == 1 for part in draft.tail),
    "DISP32": lambda draft: any(part.kind == "displacement" and part.size == 4 for part in draft.tail),
}


def drafts(
    form: Form, operands: tuple[Operand, ...], prefixes: tuple[str, ...], every: bool = False
) -> Iterator[Draft]:
    """All drafts of one form, whether or not their fields can hold the operands' values.

    OperandError when the form cannot name these registers together (ah beside a REX prefix, xmm16 outside AVX-512).
    """
    _check_distinct(form, operands)
    slots = _sort(form, operands, prefixes)
    if slots.memory is not None:
        _check_address_size(form, slots.memory)
    first = opening(form, slots.memory, prefixes)
    family_prefix = FAMILY_PREFIX[form.family]
    opcode = form.opcode
    if form.in_opcode:
        opcode = opcode[:-1] + bytes([opcode[-1] + (slots.in_opcode & 7)])
    for mode in _modes_of(form, slots, every):
        rest = opcode
        if mode.modrm >= 0:
            rest += bytes([mode.modrm | (slots.reg & 7) << 3]) + mode.sib
        tail = slots.tail if mode.displacement is None else (mode.displacement, *slots.tail)
        prefix = family_prefix(form, slots, mode, False)
        vex = len(prefix) if form.family == "VEX" else 0
        yield Draft(first + prefix + rest, tail, vex)
        if every and vex == 2:
            yield Draft(first + family_prefix(form, slots, mode, True) + rest, tail, 3)


def viable(
    found: tuple[Form, ...], operands: tuple[Operand, ...], prefixes: tuple[str, ...], every: bool = False
) -> list[Draft]:
    """The drafts that can hold the operands, of the first family of forms that has any; shortest first.

    With `every` also those of later families; but an AVX-512 encoding of what earlier ones can do must be asked for.
    """
    choices = [_CHOICES[prefix] for prefix in prefixes if prefix in _CHOICES]
    result: list[Draft] = []
    refusal: AssemblyError | None = None
    tried: list[Draft] = []
    family = ""
    for form in found:
        if result and form.family != family and (not every or form.family == "EVEX"):
            break
        family = form.family
        try:
            for draft in drafts(form, operands, prefixes, every or bool(choices)):
                if not all(choice(draft) for choice in choices):
                    continue
                tried.append(draft)
                if draft.length > LONGEST:
                    raise OperandError(f"{form.mnemonic}: more than the {LONGEST} bytes that processors accept")
                if all(part.holds() for part in draft.tail):
                    result.append(draft)
        except AssemblyError as error:
            refusal = error
    if not result and choices and not tried:
        raise refusal or OperandError(f"{found[0].mnemonic}: no encoding is as {', '.join(prefixes)} wants it")
    if not result:
        raise refusal or _out_of_range(found[0].mnemonic, tried)
    result.sort(key=lambda draft: draft.length)
    return result


def _out_of_range(mnemonic: str, tried: list[Draft]) -> RangeError:
    failed = [part for draft in tried for part in draft.tail if not part.holds()]
    part = max(failed, key=lambda p: p.high)
    value = part.value
    text = f"{value.symbol.name} with range {value.low}..{value.high}" if isinstance(value, Symbolic) else str(value)
    high = (
        max(part.high, (1 << part.bits) - 1) if part.kind == "immediate" and part.size * 8 == part.bits else part.high
    )
    return RangeError(f"{mnemonic}: {text} does not fit: the widest {part.kind} field holds {part.low}..{high}")


def _subsumes(a: Draft, b: Draft) -> bool:
    """Whether the (not longer) draft a can be used whenever b can."""
    return len(a.tail) == len(b.tail) and all(
        p.certain() or (p.bits == q.bits and p.low <= q.low and q.high <= p.high and q.scale % p.scale == 0)
        for p, q in zip(a.tail, b.tail, strict=True)
    )


def useful(candidates: list[Draft]) -> list[Draft]:
    """Of drafts sorted by length, those that a shorter one does not make useless."""
    kept: list[Draft] = []
    for draft in candidates:
        if not any(_subsumes(shorter, draft) for shorter in kept):
            kept.append(draft)
    return kept


def finish(draft: Draft) -> Encoding:
    """Pack the numbers, describe the rest as fields."""
    code = bytearray(draft.head)
    fields: list[Field] = []
    for part in draft.tail:
        if isinstance(part.value, int):
            stored = signed(part.value, part.bits) // part.scale
            code += (stored & (1 << part.size * 8) - 1).to_bytes(part.size, "little")
        else:
            fields.append(
                Field(len(code), part.size, part.kind, part.value, part.low, part.high, part.bits, 0, part.scale)
            )
            code += bytes(part.size)
    return Encoding(
        bytes(code), tuple(replace(field, trailing=len(code) - field.offset - field.size) for field in fields)
    )
