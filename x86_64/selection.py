"""From a mnemonic and operands to the forms that accept them.

Operands are first reduced to *shapes* (a register to its class, a memory operand to its size); whether a form accepts
a shape never depends on anything else, so the answer for a mnemonic and a tuple of shapes is computed once and
remembered, as a `Plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from x86_64 import table
from x86_64.errors import OperandError
from x86_64.operands import Address, DefaultFlags, Label, Masked, Memory, MemoryShape, Operand, Rounding, Symbolic
from x86_64.registers import Register, k1
from x86_64.table import Form

# Prefixes that say which forms are meant; DISP8 and its like choose among a form's encodings.
REQUESTS: dict[str, Callable[[Form], bool]] = {
    "VEX": lambda form: form.family == "VEX",
    "VEX2": lambda form: form.family == "VEX",
    "VEX3": lambda form: form.family == "VEX",
    "EVEX": lambda form: form.family == "EVEX",
    "NF": lambda form: form.allows("{nf}"),
    "LOAD": lambda form: form.places.startswith("RM") and "I" not in form.places,
    "STORE": lambda form: form.places.startswith("MR") and "I" not in form.places,
    "DISP8": lambda form: True,
    "DISP32": lambda form: True,
}

# A string for a register's or a value's class, a MemoryShape, or ("k", shape, zeroing).
Shape = Hashable
_CLASS = {"al": "r8", "cl": "r8", "r8h": "r8", "ax": "r16", "dx": "r16", "eax": "r32", "rax": "r64", "st0": "st", "xmm0": "xmm",
          "r8+": "r8", "r16+": "r16", "r32+": "r32", "r64+": "r64",
          **dict.fromkeys(("es", "cs", "ss", "ds", "fs", "gs"), "sreg")}  # fmt: skip


def shape(operand: Operand) -> Shape:
    if isinstance(operand, int):
        return "1" if operand == 1 else "value"
    try:
        return operand.shape
    except AttributeError:
        raise OperandError(f"{operand!r} is not an operand") from None


def _unmasked(given: Shape) -> Shape:
    return given[1] if isinstance(given, tuple) and not isinstance(given, MemoryShape) else given


def _accepts_memory(kind: str, given: MemoryShape) -> bool:
    size, broadcast, vector, place, _, _ = given
    for part in kind.split("/"):
        if part.startswith("vm"):
            if vector and vector[0] == part[-1] and not broadcast:
                return True
        elif vector:
            continue
        elif part in ("sibmem", "mib"):
            if place == "" and not broadcast:
                return True
        elif part.startswith("mo"):
            if place == "absolute" and size in (None, int(part[2:]) // 8):
                return True
        elif part[0] == "m" and (part == "m" or part[1:].isdigit()) and not broadcast:
            if part == "m" or size is None or size == int(part[1:]) // 8:
                return True
        elif part[0] == "b" and part != "bnd" and broadcast:
            element = int(part[1:])
            elements = int(kind.split("/")[1][1:]) // element
            if broadcast == elements and size in (None, element // 8):
                return True
    return False


@cache
def _accepts(kind: str, given: Shape) -> bool:
    if isinstance(given, MemoryShape):
        return _accepts_memory(kind, given)
    if isinstance(given, tuple):
        return _accepts(kind, given[1])
    match given:
        case "1" | "value":
            return (kind == "1" and given == "1") or (kind[0] == "i" and kind[1].isdigit()) or kind.startswith("rel")
        case "symbol":
            return kind[0] == "i" and kind[1].isdigit() and kind != "i4"
        case "address":
            return kind in ("i64", "rel32")
        case "label":
            return kind in ("rel8", "rel32")
        case "dfv":
            return kind == "dfv"
    register = kind.split("/")[0]
    assert isinstance(given, str)
    if "+" in register:
        register = register.split("+")[0]
    if register == "r32-eax":
        return given in ("r32", "r32+")
    return register == given or register == _CLASS.get(given)


def _matches(form: Form, shapes: tuple[Shape, ...]) -> bool:
    words = form.effects.split()
    if shapes and shapes[-1] in ("{er}", "{sae}"):
        if shapes[-1] not in words or any(isinstance(_unmasked(s), MemoryShape) for s in shapes):
            return False
        shapes = shapes[:-1]
    if len(shapes) != len(form.kinds):
        return False
    for position, given in enumerate(shapes):
        if isinstance(given, tuple) and not isinstance(given, MemoryShape):
            if position or not ("{kz}" in words or (not given[2] and ("{k}" in words or "{k!}" in words))):
                return False
            if given[2] and isinstance(given[1], MemoryShape):
                return False  # stores can only merge
        elif position == 0 and "{k!}" in words:
            return False
        if not _accepts(form.kinds[position], given):
            return False
    return True


def _wanted(form: Form, shapes: tuple[Shape, ...], requests: tuple[str, ...]) -> bool:
    """Whether the form is one of those asked for: without r16 … r31 an APX form of an older one only when asked for."""
    if not form.allows("{evex}") or requests:
        return all(REQUESTS[request](form) for request in requests)
    return any(_is_high(given) for given in shapes)


def _is_high(given: Shape) -> bool:
    given = _unmasked(given)
    return given.high if isinstance(given, MemoryShape) else str(given).endswith("+")


@dataclass(slots=True)
class Plan:
    """What a mnemonic and operand shapes decide: the forms, and how to encode (made when first needed)."""

    mnemonic: str
    shapes: tuple[Shape, ...]
    forms: tuple[Form, ...]
    ready: bool  # there are forms, and the memory operand, if any, has the size that they give it
    encode: Callable[[Sequence[Any]], bytes | None]


_PLANS: dict[str, dict[tuple[Shape, ...], Plan]] = {}


def plans(mnemonic: str) -> dict[tuple[Shape, ...], Plan]:
    """The plans made so far of a canonical mnemonic."""
    return _PLANS.setdefault(mnemonic, {})


def plan(mnemonic: str, operands: tuple[Operand, ...], prefixes: tuple[str, ...] = ()) -> Plan:
    """The plan for operands of a canonical mnemonic; its forms are empty when none accepts them."""
    shapes = tuple(map(shape, operands))
    requests = tuple(prefix for prefix in prefixes if prefix in REQUESTS)
    known = plans(mnemonic)
    key = (*shapes, *requests)
    found = known.get(key)
    if found is None:
        forms = tuple(
            form for form in table.forms(mnemonic) if _wanted(form, shapes, requests) and _matches(form, shapes)
        )
        found = known[key] = Plan(mnemonic, shapes, forms, bool(forms) and _settled(forms, operands), lambda _: None)

        def first(operands: Sequence[Any]) -> bytes | None:
            from x86_64.recipes import compile_recipes

            found.encode = compile_recipes(forms, shapes) or (lambda _: None)
            return found.encode(operands)

        found.encode = first
    return found


def matches(mnemonic: str, operands: tuple[Operand, ...], prefixes: tuple[str, ...] = ()) -> tuple[Form, ...]:
    """The forms of a canonical mnemonic that accept the operands; empty when there is none."""
    return plan(mnemonic, operands, prefixes).forms


def select(mnemonic: str, operands: tuple[Operand, ...], prefixes: tuple[str, ...] = ()) -> Plan:
    """The plan for operands of a canonical mnemonic; OperandError if no form accepts them."""
    found = plan(mnemonic, operands, prefixes)
    if not found.forms:
        if plan(mnemonic, operands).forms:
            wanted = ", ".join(prefix for prefix in prefixes if prefix in REQUESTS)
            raise OperandError(f"{mnemonic}: no form with these operands is as {wanted} wants it")
        raise OperandError(_explain(mnemonic, operands))
    return found


def _settled(found: tuple[Form, ...], operands: tuple[Operand, ...]) -> bool:
    for position, operand in enumerate(operands):
        memory = operand.operand if isinstance(operand, Masked) else operand
        if isinstance(memory, Memory):
            sizes = {_memory_sizes(form.kinds[position])[memory.broadcast > 0] for form in found}
            return memory.size in sizes or (sizes == {None} and memory.size is None)
    return True


@cache
def _memory_sizes(kind: str) -> tuple[int | None, int | None]:
    """Bytes of the memory alternative of a kind and of its broadcast element; None where the kind names no size."""
    plain = element = None
    for part in kind.split("/"):
        if part[0] == "m" and part[1:].isdigit():
            plain = int(part[1:]) // 8
        elif part.startswith("mo"):
            plain = int(part[2:]) // 8
        elif part[0] == "b" and part[1:].isdigit():
            element = int(part[1:]) // 8
    return plain, element


def memory_sizes(found: Iterable[Form], operands: tuple[Operand, ...]) -> set[int | None]:
    """The sizes the forms give to the memory operand among the operands."""
    for position, operand in enumerate(operands):
        memory = operand.operand if isinstance(operand, Masked) else operand
        if isinstance(memory, Memory):
            return {_memory_sizes(form.kinds[position])[memory.broadcast > 0] for form in found}
    return set()


def settle_size(mnemonic: str, operands: tuple[Operand, ...], found: Iterable[Form]) -> tuple[Operand, ...]:
    """The operands with the memory operand's size filled in from the forms, or dropped where the forms name none."""
    for position, operand in enumerate(operands):
        memory = operand.operand if isinstance(operand, Masked) else operand
        if not isinstance(memory, Memory):
            continue
        sizes = {_memory_sizes(form.kinds[position])[memory.broadcast > 0] for form in found}
        if memory.size in sizes:
            return operands
        if len(sizes) > 1:
            known = " or ".join(str(s) for s in sorted(s for s in sizes if s is not None))
            raise OperandError(
                f"{mnemonic}: the size of the memory operand is ambiguous, {known} bytes: write for example dword[…]"
            )
        sized = replace(memory, size=sizes.pop())
        changed: Operand = replace(operand, operand=sized) if isinstance(operand, Masked) else sized
        return (*operands[:position], changed, *operands[position + 1 :])
    return operands


def _describe(operand: Operand) -> str:
    match operand:
        case Register():
            return operand.name
        case Memory():
            return f"{operand.size}-byte memory" if operand.size else "memory"
        case Masked():
            return f"masked {_describe(operand.operand)}"
        case Rounding():
            return f"{{{operand.value}}}"
        case DefaultFlags():
            return f"{{dfv={','.join(operand.names)}}}"
        case Address() | Label():
            return operand.name
        case Symbolic():
            return operand.symbol.name
    return str(operand)


def _without_rounding(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    return tuple(operand for operand in operands if not isinstance(operand, Rounding))


def _without_mask(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    return tuple(operand.operand if isinstance(operand, Masked) else operand for operand in operands)


def _without_zeroing(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    return tuple(replace(operand, zeroing=False) if isinstance(operand, Masked) else operand for operand in operands)


def _with_mask(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    first = operands[0] if operands else None
    return (Masked(first, k1), *operands[1:]) if isinstance(first, Register | Memory) else operands


def _without_broadcast(operands: tuple[Operand, ...]) -> tuple[Operand, ...]:
    return tuple(replace(o, broadcast=0, size=None) if isinstance(o, Memory) and o.broadcast else o for o in operands)


# What would be accepted if it were otherwise, and why it is not accepted as it is.
_ALMOST: tuple[tuple[Callable[[tuple[Operand, ...]], tuple[Operand, ...]], str], ...] = (
    (
        _without_rounding,
        "{er} and {sae} are for registers only, 512-bit vectors or scalars, where the instruction rounds",
    ),
    (_with_mask, "the first operand needs a mask, as in zmm0(k1)"),
    (_without_zeroing, "what is masked out cannot be cleared here, only kept: leave out .z"),
    (_without_mask, "no operand can be masked, or another than the first"),
    (_without_broadcast, "the memory operand cannot be broadcast so"),
)


def _explain(mnemonic: str, operands: tuple[Operand, ...]) -> str:
    """What was given, and the forms nearest to it: same number of operands, most operands accepted."""
    shapes = [shape(o) for o in operands if not isinstance(o, Rounding)]

    def distance(form: Form) -> tuple[int, int]:
        accepted = sum(_accepts(kind, given) for kind, given in zip(form.kinds, shapes, strict=False))
        return abs(len(form.kinds) - len(shapes)), -accepted

    nearest = sorted(table.forms(mnemonic), key=distance)[:4]
    given = f"{mnemonic} {', '.join(map(_describe, operands))}".rstrip()
    for operand in operands:
        if isinstance(operand, Address | Label):
            return (
                f"{given}: the address of {operand.name} does not fit 32 bits; it can be a branch target, a 64-bit "
                "immediate of mov, or rip-relative memory: use lea, compile as position-independent code"
            )
    for change, reason in _ALMOST:
        changed = change(operands)
        if changed != operands and plan(mnemonic, changed).forms:
            return f"{given}: {reason}"
    return f"{given}: no such form; the nearest are: " + "; ".join(dict.fromkeys(map(str, nearest)))
