"""The shortest encoding of an instruction without JIT-time values, in about a microsecond.

The key idea: once the mnemonic and the operands' shapes are known, everything but register numbers and values is
constant. So each form that accepts the shapes becomes a *recipe*, a closure over those constants from the operands to
bytes. What is rare (segment overrides, 32-bit addresses, ah, …) has no recipe: `encode` then asks `encoder.viable`,
whose first answer every recipe must equal; tests/x86_64 compares the two over the whole table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, error
from typing import Any, TypeAlias

from x86_64.encoder import IMMEDIATES
from x86_64.operands import Memory, MemoryShape
from x86_64.prefixes import ESCAPES, PP_BITS
from x86_64.selection import Shape
from x86_64.table import Form

# From operands to bytes; None: this form cannot hold them.
Recipe: TypeAlias = Callable[[Sequence[Any]], bytes | None]

_BYTE = tuple(bytes([n]) for n in range(256))
_ROUNDING = {"rn-sae": 0, "rd-sae": 0x20, "ru-sae": 0x40, "rz-sae": 0x60, "sae": 0}
_INT, _SIB_INT = Struct("<Bi").pack, Struct("<BBi").pack  # ModRM, SIB, displacement
_SIB_SCALE = {1: 0, 2: 0x40, 4: 0x80, 8: 0xC0}


_UNUSUAL_SHAPES = frozenset({"symbol", "address", "label", "r8h", "r8+", "r16+", "r32+", "r64+", "dfv"})


class _Unusual(Exception):
    """No recipe for this form."""


def compile_recipes(forms: tuple[Form, ...], shapes: tuple[Shape, ...]) -> Recipe | None:
    """What finds the shortest encoding among the forms, which accept the shapes; None if no recipe serves them.

    Forms of one family compete, the earlier winning a draw; a later family serves what no earlier one can.
    """
    families: dict[str, list[tuple[Recipe, int]]] = {}
    served: set[Form] = set()
    try:
        for form in forms:
            recipes = families.setdefault(form.family, [])
            if form in served or any(_dominates(earlier, form, shapes) for earlier in forms[: forms.index(form)]):
                continue
            wider = next((other for other in forms if _is_wider(other, form)), None)
            if wider is not None:
                served.add(wider)
            recipes.append((_recipe(form, shapes, wider), _least_length(form, shapes)))
    except _Unusual:
        return None
    groups = [recipes for recipes in families.values() if recipes]
    if len(groups) > 1:
        return _first(*map(_shortest, groups))
    return _shortest(groups[0])


def _first(choice: Recipe, *others: Recipe) -> Recipe:
    """The first of these that can hold the operands."""
    other = _first(*others) if len(others) > 1 else others[0]

    def choose(operands: Sequence[Any]) -> bytes | None:
        code = choice(operands)
        return other(operands) if code is None else code

    return choose


def _shortest(group: list[tuple[Recipe, int]]) -> Recipe:
    """The shortest of what these (recipe, least length) make, the first of equally short ones."""
    if len(group) == 1:
        return group[0][0]
    plan = [
        (recipe, min((least for _, least in group[position + 1 :]), default=99))
        for position, (recipe, _) in enumerate(group)
    ]

    def choose(operands: Sequence[Any]) -> bytes | None:
        best: bytes | None = None
        for recipe, least_of_rest in plan:
            code = recipe(operands)
            if code is not None:
                if len(code) <= least_of_rest and best is None:
                    return code
                if best is None or len(code) < len(best):
                    best = code
        return best

    return choose


def _dominates(a: Form, b: Form, shapes: tuple[Shape, ...]) -> bool:
    """Whether the earlier form a is never longer than b and fails only when b fails."""
    plain = a.family == b.family in ("legacy", "EVEX") and a.places != b.places
    return (
        plain
        and sorted(a.places) == sorted(b.places)
        and (a.modrm >= 0) == (b.modrm >= 0)
        and not any(isinstance(s, MemoryShape) for s in shapes)
        and (a.map, a.prefix, a.w, a.operand16, len(a.opcode)) == (b.map, b.prefix, b.w, b.operand16, len(b.opcode))
        and "I" not in a.places
    )


def _is_wider(other: Form, form: Form) -> bool:
    """Whether `other` differs from `form`, whose immediate is one sign-extended byte, only by having all of it."""
    return (
        form.family == "legacy"
        and form.modrm >= 0
        and form.kinds[-1:] in (("i8s16",), ("i8s32",), ("i8s64",))
        and other is not form
        and other.kinds[:-1] == form.kinds[:-1]
        and (other.places, other.modrm, other.map, other.w) == (form.places, form.modrm, form.map, form.w)
    )


def _least_length(form: Form, shapes: tuple[Shape, ...]) -> int:
    """A lower bound of the encoding's length."""
    immediates = sum(IMMEDIATES[k][0] for k, p in zip(form.kinds, form.places, strict=False) if p == "I")
    opcode = len(form.opcode) + (form.modrm >= 0) + immediates
    if form.family == "legacy":
        return opcode + len(ESCAPES[form.map]) + (form.prefix > 0) + form.operand16 + form.w
    return opcode + {"VEX": 2, "XOP": 3, "EVEX": 4}[form.family]


def _recipe(form: Form, shapes: tuple[Shape, ...], wider: Form | None) -> Recipe:
    memory = None
    if form.allows("distinct") or form.allows("distinct-destination") or form.allows("no-rsp"):
        raise _Unusual
    if form.rex2 or form.address32 or "APX_F" in form.features:
        raise _Unusual
    for position, given in enumerate(shapes):
        inner = given[1] if isinstance(given, tuple) and not isinstance(given, MemoryShape) else given
        if isinstance(inner, MemoryShape):
            if not inner.plain or "sibmem" in form.kinds or "A" in form.places:
                raise _Unusual
            memory = position
        elif inner in _UNUSUAL_SHAPES or any("+" in kind for kind in form.kinds):
            raise _Unusual
    if form.family == "legacy":
        return _legacy(form, shapes, memory, wider)
    return _evex(form, shapes, memory) if form.family == "EVEX" else _vex(form, shapes, memory)


def _positions(form: Form, *letters: str) -> list[int]:
    """Where the operands of these places stand; −1 for none."""
    return [form.places.find(letter) for letter in letters]


def _masked(shapes: tuple[Shape, ...]) -> bool:
    first = shapes[0] if shapes else None
    return isinstance(first, tuple) and not isinstance(first, MemoryShape)


# --- numbers


def _fixed(size: int, bits: int) -> Callable[[int], bytes | None]:
    """Packs a number into `size` bytes that the processor takes for one of `bits` bits, sign-extended."""
    low, high = -(1 << size * 8 - 1), (1 << size * 8 - 1) - 1
    wrapped, end = (1 << bits) + low, 1 << bits

    def pack(value: int) -> bytes | None:
        if low <= value <= high:
            return value.to_bytes(size, "little", signed=True)
        return (value - end).to_bytes(size, "little", signed=True) if wrapped <= value < end else None

    def pack_byte(value: int) -> bytes | None:
        return _BYTE[value & 255] if -128 <= value <= 127 or wrapped <= value < end else None

    return pack_byte if size == 1 else pack


def _tail(form: Form, shapes: tuple[Shape, ...]) -> tuple[int, Callable[[Any], bytes | None]]:
    """What follows ModRM and displacement: the operand it is made of (−1: none) and how."""
    immediate, relative, selector = _positions(form, "I", "D", "4")
    if sum(form.places.count(letter) for letter in "ID4") > 1:
        raise _Unusual
    if immediate >= 0:
        return immediate, _fixed(*IMMEDIATES[form.kinds[immediate]])
    if relative >= 0:
        return relative, _fixed(1 if form.kinds[relative] == "rel8" else 4, 64)
    if selector >= 0:
        return selector, lambda register: _BYTE[register.number << 4] if register.number < 16 else None
    return -1, lambda _: form.suffix


def address(memory: Any, reg: int, unit: int) -> bytes | None:
    """ModRM with `reg` (already shifted), SIB and displacement of a plain address; None if the displacement is too wide.

    unit: bytes that an 8-bit displacement counts in.
    """
    base, index, scale, displacement = memory.base, memory.index, memory.scale, memory.displacement
    try:
        if base is None:
            if index.kind != "r64" or scale > 2:
                return _SIB_INT(reg | 4, _SIB_SCALE[scale] | (index.number & 7) << 3 | 5, displacement)
            base, index, scale = index, (index if scale == 2 else None), 1  # [i*1] is [b], [i*2] is [b + i*1]
        low = base.number & 7
        count, rest = (displacement, 0) if unit == 1 else divmod(displacement, unit)
        if index is None and low != 4:
            reg |= low
            if displacement == 0 and low != 5:
                return _BYTE[reg]
            if rest == 0 and -128 <= count <= 127:
                return bytes((reg | 0x40, count & 255))
            return _INT(reg | 0x80, displacement)
        sib = 0x24 if index is None else _SIB_SCALE[scale] | (index.number & 7) << 3 | low
        if displacement == 0 and low != 5:
            return bytes((reg | 4, sib))
        if rest == 0 and -128 <= count <= 127:
            return bytes((reg | 0x44, sib, count & 255))
        return _SIB_INT(reg | 0x84, sib, displacement)
    except error:  # more than 32 bits
        return None


# --- families


def _heads(form: Form) -> tuple[bytes, ...]:
    """Prefixes and opcode for each REX.RXB; the ninth has a REX byte that says nothing else (spl … dil)."""
    opening = (
        (b"\x9b" if form.wait else b"") + (b"\x67" if form.address32 else b"") + (b"\x66" if form.operand16 else b"")
    )
    opening += bytes([form.prefix]) if form.prefix else b""
    rexes = [bytes([0x40 | form.w << 3 | bits]) if form.w or bits else b"" for bits in range(8)]
    rexes.append(bytes([0x40 | form.w << 3]))
    return tuple(opening + rex + ESCAPES[form.map] + form.opcode for rex in rexes)


def _legacy(form: Form, shapes: tuple[Shape, ...], memory: int | None, wider: Form | None) -> Recipe:
    reg_at, rm_at, opcode_at = _positions(form, "R", "M", "O")
    tail_at, tail = _tail(form, shapes)
    heads = _heads(form)
    _, wide_tail = (-1, None) if wider is None else _tail(wider, shapes)
    wide_heads = heads if wider is None else _heads(wider)
    memory_at = -1 if memory is None else memory
    digit = (form.modrm & 7) << 3
    suffix = form.suffix
    byte_sized = [
        p
        for p, (s, place) in enumerate(zip(shapes, form.places, strict=False))
        if s in ("r8", "al", "cl") and place in "RMO"
    ]

    vectors = "xmm" in shapes or "xmm0" in shapes

    def needs_rex(operands: Sequence[Any]) -> bool:
        return any(4 <= operands[p].number < 8 for p in byte_sized)

    def with_memory(operands: Sequence[Any]) -> bytes | None:
        end = suffix if tail_at < 0 else tail(operands[tail_at])
        chosen = heads
        if end is None:
            end = wide_tail(operands[tail_at]) if wide_tail is not None else None
            if end is None:
                return None
            chosen = wide_heads
        if reg_at >= 0:
            number = operands[reg_at].number
            if number > 15:
                return None
            reg, bits = (number & 7) << 3, number >> 3 << 2
        else:
            reg, bits = digit, 0
        where = operands[memory_at]
        place = address(where, reg, 1)
        if place is None:
            return None
        base, index = where.base, where.index
        if base is not None:
            bits |= base.number >> 3
        if index is not None:
            bits |= index.number >> 3 << 1
            if base is None and index.kind == "r64" and where.scale < 3:
                bits = bits & 4 | (index.number >> 3) * (where.scale * 2 - 1)
        if byte_sized and not bits and needs_rex(operands):
            bits = 8
        code: bytes = chosen[bits] + place + end
        return code

    def with_registers(operands: Sequence[Any]) -> bytes | None:
        end = suffix if tail_at < 0 else tail(operands[tail_at])
        chosen = heads
        if end is None:
            end = wide_tail(operands[tail_at]) if wide_tail is not None else None
            if end is None:
                return None
            chosen = wide_heads
        rm = operands[rm_at].number
        if reg_at >= 0:
            number = operands[reg_at].number
            modrm, bits = 0xC0 | (number & 7) << 3 | rm & 7, number >> 3 << 2 | rm >> 3
        else:
            modrm, bits = 0xC0 | digit | rm & 7, rm >> 3
            number = 0
        if vectors and (rm > 15 or number > 15):
            return None
        if byte_sized and not bits and needs_rex(operands):
            bits = 8
        code: bytes = chosen[bits] + _BYTE[modrm] + end
        return code

    def with_opcode(operands: Sequence[Any]) -> bytes | None:
        code = heads[0]
        if opcode_at >= 0:
            number = operands[opcode_at].number
            bits = number >> 3
            if byte_sized and not bits and needs_rex(operands):
                bits = 8
            code = heads[bits]
            code = code[:-1] + _BYTE[code[-1] + (number & 7)]
        if tail_at < 0:
            return code
        end = tail(operands[tail_at])
        return None if end is None else code + end

    if memory is not None:
        return with_memory
    if rm_at >= 0:
        return with_registers
    if form.modrm >= 0 or reg_at >= 0 or wider is not None:
        raise _Unusual
    return with_opcode


def _vex(form: Form, shapes: tuple[Shape, ...], memory: int | None) -> Recipe:
    reg_at, rm_at, vvvv_at = _positions(form, "R", "M", "V")
    tail_at, tail = _tail(form, shapes)
    digit = form.modrm & 7
    if form.modrm < 0 or len(form.opcode) > 1 or (memory is None and rm_at < 0):
        raise _Unusual
    opcode = form.opcode[0]
    short = form.family == "VEX" and form.map == 1 and not form.w
    escape = 0xC4 if form.family == "VEX" else 0x8F
    map_ = form.map
    last = form.w << 7 | form.length << 2 | PP_BITS[form.prefix]

    def encode(operands: Sequence[Any]) -> bytes | None:
        reg = operands[reg_at].number if reg_at >= 0 else digit
        vvvv = operands[vvvv_at].number if vvvv_at >= 0 else 0
        if memory is None:
            rm = operands[rm_at].number
            if rm > 15:
                return None
            place, x, b = _BYTE[0xC0 | (reg & 7) << 3 | rm & 7], 0x40, (rm >> 3 ^ 1) << 5
        else:
            where = operands[memory]
            found = address(where, (reg & 7) << 3, 1)
            if found is None:
                return None
            place = found
            x, b = _inverted(where)
        if reg > 15 or vvvv > 15 or x > 0x40:
            return None
        third = last | (~vvvv & 15) << 3
        if short and x and b:
            head = bytes((0xC5, (reg >> 3 ^ 1) << 7 | third, opcode))
        else:
            head = bytes((escape, (reg >> 3 ^ 1) << 7 | x | b | map_, third, opcode))
        code: bytes = head + place
        if tail_at < 0:
            return code
        end = tail(operands[tail_at])
        return None if end is None else code + end

    return encode


def _inverted(memory: Memory) -> tuple[int, int]:
    """VEX.X and .B of a plain address at their places; X is 0x80 or more for an index register above 15."""
    base, index = memory.base, memory.index
    if base is None:
        assert index is not None
        high = index.number >> 3
        if index.kind != "r64":
            return (0x40 if high == 0 else 0 if high == 1 else 0x80), 0x20
        if memory.scale == 1:
            return 0x40, (high ^ 1) << 5
        return (high ^ 1) << 6, ((high ^ 1) << 5 if memory.scale == 2 else 0x20)
    if index is None:
        return 0x40, (base.number >> 3 ^ 1) << 5
    high = index.number >> 3
    return (0x40 if high == 0 else 0 if high == 1 else 0x80), (base.number >> 3 ^ 1) << 5


def _evex(form: Form, shapes: tuple[Shape, ...], memory: int | None) -> Recipe:
    reg_at, rm_at, vvvv_at = _positions(form, "R", "M", "V")
    tail_at, tail = _tail(form, shapes)
    digit = form.modrm & 7
    opcode, map_ = form.opcode[0], form.map
    masked = _masked(shapes)
    rounding = bool(shapes) and shapes[-1] in ("{er}", "{sae}")
    zeroing = 0x80 if masked and shapes[0][2] else 0  # type: ignore[index]
    second = form.w << 7 | 4 | PP_BITS[form.prefix]
    third = zeroing | form.length << 5
    unit = form.scale
    memory_at = -1 if memory is None else memory
    vector_index = False
    if memory is not None:
        shape = shapes[memory]
        inner = shape if isinstance(shape, MemoryShape) else shape[1]  # type: ignore[index]
        vector_index = bool(inner.vector)
        if inner.broadcast:
            third |= 0x10
            unit = form.broadcast_scale
    elif rm_at < 0:
        raise _Unusual

    def with_registers(operands: Sequence[Any]) -> bytes | None:
        last, first = third, operands[0]
        if masked:
            last |= first.mask.number
            first = first.operand
        if rounding:
            last = last & 0x9F | 0x10 | _ROUNDING[operands[-1].value]
        reg = first.number if reg_at == 0 else operands[reg_at].number if reg_at > 0 else digit
        vvvv = first.number if vvvv_at == 0 else operands[vvvv_at].number if vvvv_at > 0 else 0
        rm = first.number if rm_at == 0 else operands[rm_at].number
        code = bytes(
            (
                0x62,
                (~reg & 8) << 4 | (~rm & 0x10) << 2 | (~rm & 8) << 2 | (~reg & 16) | map_,
                second | (~vvvv & 15) << 3,
                last | (~vvvv & 16) >> 1,
                opcode,
                0xC0 | (reg & 7) << 3 | rm & 7,
            )
        )
        if tail_at < 0:
            return code
        end = tail(operands[tail_at])
        return None if end is None else code + end

    def with_memory(operands: Sequence[Any]) -> bytes | None:
        last, first = third, operands[0]
        if masked:
            last |= first.mask.number
            first = first.operand
        reg = first.number if reg_at == 0 else operands[reg_at].number if reg_at > 0 else digit
        vvvv = first.number if vvvv_at == 0 else operands[vvvv_at].number if vvvv_at > 0 else 0
        where = operands[memory_at] if memory_at else first
        place = address(where, (reg & 7) << 3, unit)
        if place is None:
            return None
        x, b = _inverted(where)
        high = vvvv
        if vector_index:
            high = where.index.number
            x = (~high & 8) << 3
        head = bytes(
            (
                0x62,
                (~reg & 8) << 4 | x | b | (~reg & 16) | map_,
                second | (~vvvv & 15) << 3,
                last | (~high & 16) >> 1,
                opcode,
            )
        )
        code: bytes = head + place
        if tail_at < 0:
            return code
        end = tail(operands[tail_at])
        return None if end is None else code + end

    return with_registers if memory is None else with_memory
