"""Reading bytes back with iced-x86's decoder, into a form that can be compared with our instructions."""

from __future__ import annotations

import iced_x86 as iced

from x86_64 import Encoding, Instruction, Masked, Memory, Rounding
from x86_64.registers import REGISTERS

_REGISTERS = {v: n.lower() for n, v in vars(iced.Register).items() if type(v) is int}
_MNEMONICS = {v: n for n, v in vars(iced.Mnemonic).items() if type(v) is int}
_MEMORY = {v for n, v in vars(iced.OpKind).items() if type(v) is int and n.startswith("MEMORY")}
_IMPLICIT = {v for n, v in vars(iced.OpKind).items() if type(v) is int and n.startswith("MEMORY_")}
_ADDRESS = 0x1000_0000
_NARROW = frozenset(r.name for r in REGISTERS if r.kind == "r32")
# Our names for what iced-x86 tells apart by operand size alone.
_NAMES = {
    "PUSHW": "PUSH", "PUSHFW": "PUSHF", "POPFW": "POPF", "POPW": "POP", "ENTERW": "ENTER", "LEAVEW": "LEAVE",
    "RETFW": "RETF", "RETFQ": "RETF", "IRETW": "IRET",
}  # fmt: skip


def fill(encoding: Encoding, values: list[int]) -> bytes:
    """The instruction's bytes with the values (symbol + addend) in the fields, which must hold them."""
    code = bytearray(encoding.code)
    for field, value in zip(encoding.fields, values, strict=True):
        assert holds(encoding, [value], field_index=encoding.fields.index(field))
        stored = _signed(value, field.bits) // field.scale
        code[field.offset : field.offset + field.size] = (stored & (1 << field.size * 8) - 1).to_bytes(
            field.size, "little"
        )
    return bytes(code)


def holds(encoding: Encoding, values: list[int], field_index: int | None = None) -> bool:
    """Whether the fields may hold the values: what an emit function tests."""
    fields = encoding.fields if field_index is None else (encoding.fields[field_index],)
    return all(
        f.low <= _signed(v, f.bits) <= f.high and _signed(v, f.bits) % f.scale == 0
        for f, v in zip(fields, values, strict=True)
    )


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _address(base: str, index: str, scale: int, displacement: int, segment: str) -> tuple[object, ...]:
    """An address in one of its spellings: [a*1] is [a], [a*2] is [a+a], [a+b] is [b+a]."""
    terms: dict[str, int] = {}
    for name, factor in ((base, 1), (index, scale)):
        if name not in ("", "none"):
            terms[name] = terms.get(name, 0) + factor
    return (
        "memory",
        tuple(sorted(terms.items())),
        _signed(displacement, 64),
        segment if segment in ("fs", "gs") else "",
    )


def ours(instruction: Instruction) -> tuple[object, ...]:
    """Mnemonic and operands, comparable with `decoded`."""
    operands: list[object] = []
    for operand in instruction.operands:
        match operand:
            case Masked(inner, mask, zeroing):
                operands.append((_ours(inner), mask.name, zeroing))
            case _:
                operands.append(_ours(operand))
    return (_NAMES.get(instruction.mnemonic, instruction.mnemonic), *operands)


def _ours(operand: object) -> object:
    match operand:
        case Memory():
            name = operand.base.name if operand.base else ""
            index = operand.index.name if operand.index else ""
            assert isinstance(operand.displacement, int)
            segment = operand.segment.name if operand.segment else ""
            return (*_address(name, index, operand.scale, operand.displacement, segment), operand.broadcast > 0)
        case int():
            return operand & 0xFF  # widths differ: the low byte tells enough beside the assemblers' comparison
        case Rounding():
            return operand.value
    return str(operand)


def decoded(code: bytes) -> tuple[object, ...]:
    """Mnemonic and explicit operands of one instruction that must take up all of the bytes."""
    instruction = iced.Decoder(64, code, ip=_ADDRESS).decode()
    assert instruction.len == len(code), (
        f"{code.hex()}: only {instruction.len} bytes make the instruction {instruction}"
    )
    operands: list[object] = []
    for position in range(instruction.op_count):
        kind = instruction.op_kind(position)
        value: object
        if kind in _IMPLICIT:
            continue
        if kind == iced.OpKind.REGISTER:
            value = _name(instruction.op_register(position))
        elif kind in _MEMORY:
            base = _REGISTERS[instruction.memory_base]
            index = _name(instruction.memory_index)
            displacement = instruction.memory_displacement - ((_ADDRESS + len(code)) if base == "rip" else 0)
            if {base, index} & _NARROW:
                displacement = _signed(displacement, 32)
            value = (
                *_address(
                    base, index, instruction.memory_index_scale, displacement,
                    _REGISTERS[instruction.segment_prefix],
                ),
                instruction.is_broadcast,
            )  # fmt: skip
        elif "BRANCH" in _KINDS[kind]:
            value = (instruction.near_branch_target - _ADDRESS - len(code)) & 0xFF
        else:
            value = instruction.immediate(position) & 0xFF
        if position == 0 and instruction.has_op_mask:
            value = (value, _REGISTERS[instruction.op_mask], instruction.zeroing_masking)
        operands.append(value)
    if instruction.rounding_control:
        operands.append(_ROUNDING[instruction.rounding_control])
    elif instruction.suppress_all_exceptions:
        operands.append("sae")
    far = instruction.is_call_far_indirect or instruction.is_jmp_far_indirect
    return ("L" * far + _MNEMONICS[instruction.mnemonic], *operands)


_KINDS = {v: n for n, v in vars(iced.OpKind).items() if type(v) is int}
_ROUNDING = {
    iced.RoundingControl.ROUND_TO_NEAREST: "rn-sae",
    iced.RoundingControl.ROUND_DOWN: "rd-sae",
    iced.RoundingControl.ROUND_UP: "ru-sae",
    iced.RoundingControl.ROUND_TOWARD_ZERO: "rz-sae",
}


def _name(register: int) -> str:
    name = _REGISTERS[register]
    return name[:-1] + "b" if name[0] == "r" and name[-1] == "l" else name
