"""One line of assembly as DynASM spells it, in both directions.

    operand        text                            value
    register       rdi, xmm0, zmm1{k2}{z}          Register, Masked
    integer        5, -5, 0x123456789              int
    JIT-time       E0, E0+8                        Symbolic
    label          =>L(3), =>NEXT, =>EXIT          Label("3"), Label("NEXT"), Label("EXIT")
    trace position =>(instruction->target)         LabelHole("instruction->target")
    address        extern f+8, &SG_RODATA(16)+8    Address("f", 8), Address("SG_RODATA(16)", 8)
    memory         qword [r12+rax*8+E0+16]         Memory; its target, if any: [extern f], [&SG_RODATA(16)], [=>L(3)]

`mov64` is DynASM's name of a mov of a 64-bit constant into a register; prefixes are statements of their own: `lock; inc
dword [rdi]`. The spellings that DynASM lacks are Intel's: `qword fs:[rax]`, masks, `{1to8}`, `{rn-sae}`, `zword`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from dasc.errors import Text
from dasc.model import EXIT, NEXT, DropFrame, InstructionLine, LabelHole, LabelLine, LastValue, Line, is_identifier
from x86_64 import REGISTERS as _ALL_REGISTERS
from x86_64 import (
    Address,
    AssemblyError,
    Instruction,
    Label,
    Masked,
    Memory,
    Operand,
    Register,
    Rounding,
    Symbol,
    Symbolic,
)

__all__ = ["format_address", "format_line", "parse_address", "parse_instruction", "parse_label", "split_commas"]

FLAGS_DEAD = "@flags-dead"

_SIZES = {
    1: "byte", 2: "word", 4: "dword", 6: "fword", 8: "qword", 10: "tword", 16: "oword", 32: "yword", 64: "zword"
}  # fmt: skip
_REGISTERS = {register.name: register for register in _ALL_REGISTERS}
_SIZE_NAMES = {name: size for size, name in _SIZES.items()} | {"tbyte": 10}
_PREFIXES = {
    "lock": "LOCK",
    "rep": "REP",
    "repe": "REP",
    "repz": "REP",
    "repne": "REPNE",
    "repnz": "REPNE",
    "notrack": "NOTRACK",
}


# ---- Value to text ----


def format_line(line: Line) -> str:
    """A line of a stencil's code, from its `|` on."""
    match line:
        case LabelLine(label):
            return f"|{_label(label)}:"
        case DropFrame():
            return "| drop_frame"
        case LastValue(action, place, value):
            return f"| last {action} {place}" + (f", {value.name}" if value is not None else "")
        case InstructionLine(instruction, flags_dead):
            return f"| {format_instruction(instruction)}" + (f"  // {FLAGS_DEAD}" if flags_dead else "")


def format_instruction(instruction: Instruction) -> str:
    """An instruction as one line of DynASM holds it."""
    prefixes = "".join(f"{prefix.lower()}; " for prefix in instruction.prefixes)
    match instruction.mnemonic, instruction.operands:
        case "MOV", (Register(kind="r64") as register, (Address() | Symbolic() | int()) as constant) if _wide(constant):
            value = (
                f"(uintptr_t)&{_sum(constant.name, constant.addend)}"
                if isinstance(constant, Address)
                else _operand(constant)
            )
            return f"{prefixes}mov64 {register.name}, {value}"
        case mnemonic, operands:
            return f"{prefixes}{mnemonic.lower()} {', '.join(map(_operand, operands))}".rstrip()


def _wide(constant: Address | Symbolic | int) -> bool:
    match constant:
        case Address():
            return True
        case Symbolic():
            return constant.low < -(1 << 31) or constant.high >= 1 << 31
        case _:
            return not -(1 << 31) <= constant < 1 << 31


def _operand(operand: Operand) -> str:
    match operand:
        case Register(name=name):
            return name
        case Masked(operand=inner, mask=mask, zeroing=zeroing):
            return f"{_operand(inner)}{{{mask.name}}}" + ("{z}" if zeroing else "")
        case Rounding():
            return f"{{{operand.value}}}"
        case Symbolic(symbol=symbol, addend=addend):
            return _sum(symbol.name, addend)
        case Address():
            return format_address(operand)
        case Label():
            return _label(operand)
        case Memory():
            return _memory(operand)
        case int():
            return str(operand) if operand < 1 << 31 else hex(operand)
        case _:
            raise TypeError(f"{operand!r} is not an operand")


def _sum(name: str, addend: int) -> str:
    return f"{name}{addend:+}" if addend else name


def format_address(address: Address) -> str:
    """`extern f` for an identifier, `&expression` for any other lvalue, with the addend."""
    return ("extern " if is_identifier(address.name) else "&") + _sum(address.name, address.addend)


def _label(label: Label) -> str:
    if isinstance(label, LabelHole):
        return f"=>({label.expression})"
    name = label.name if label.name in (NEXT.name, EXIT.name) else f"L({label.name})"
    return _sum(f"=>{name}", label.addend)


def _memory(memory: Memory) -> str:
    size = f"{_SIZES[memory.size]} " if memory.size is not None else ""
    segment = f"{memory.segment.name}:" if memory.segment is not None else ""
    broadcast = f"{{1to{memory.broadcast}}}" if memory.broadcast else ""
    return f"{size}{segment}[{_place(memory)}]{broadcast}"


def _place(memory: Memory) -> str:
    if memory.target is not None:
        return _operand(memory.target)
    terms = []
    if memory.base is not None:
        terms.append(memory.base.name)
    if memory.index is not None:
        scale = f"*{memory.scale}" if memory.scale != 1 or memory.base is None else ""
        terms.append(memory.index.name + scale)
    displacement = memory.displacement
    if isinstance(displacement, Symbolic):
        terms.append(_operand(displacement))
    elif displacement or not terms:
        terms.append(str(displacement))
    return "+".join(terms).replace("+-", "-")


# ---- Text to value ----


def parse_instruction(text: Text, symbols: Mapping[str, Symbol]) -> Instruction:
    """The inverse of `format_instruction`; `symbols` are the stencil's values by name."""
    prefixes = []
    while (statement := text.partition(";"))[1] is not None:
        prefix = statement[0].strip()
        if prefix.text not in _PREFIXES:
            raise prefix.error(f"`{prefix.text}` is not an instruction prefix", "write one instruction a line")
        prefixes.append(_PREFIXES[prefix.text])
        text = statement[1]
    words = _match(r"\s*(?P<mnemonic>\w+)\s*(?P<operands>.*?)\s*", text)
    if words is None:
        raise text.strip().error("an instruction was expected here", "write it as `mov rdi, qword [r12+8]`")
    mnemonic, operands = words["mnemonic"], words["operands"]
    wide = mnemonic.text == "mov64"
    parsed = tuple(_parse_operand(operand, symbols, wide) for operand in split_commas(operands))
    return Instruction("MOV" if wide else mnemonic.text.upper(), parsed, tuple(prefixes))


def _match(pattern: str, text: Text) -> dict[str, Text] | None:
    """The named groups of a pattern that matches the whole text; a group that took no part is left out."""
    match = re.fullmatch(pattern, text.text, re.ASCII)
    if match is None:
        return None
    return {name: text.cut(*match.span(name)) for name, value in match.groupdict().items() if value is not None}


def _split(text: Text, is_separator: Callable[[str, int], bool]) -> Iterator[Text]:
    """The pieces between separators that lie outside of brackets, each piece with its separator in front."""
    depth = start = 0
    for position, character in enumerate(text.text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and position > start and is_separator(text.text, position):
            yield text.cut(start, position)
            start = position
    yield text.cut(start)


def split_commas(text: Text) -> list[Text]:
    """The parts of a list, without white space around them; an empty text has none."""
    if not text.text.strip():
        return []
    parts = list(_split(text, lambda characters, position: characters[position] == ","))
    return [(part.cut(1) if index else part).strip() for index, part in enumerate(parts)]


def _parse_operand(text: Text, symbols: Mapping[str, Symbol], wide: bool) -> Operand:
    if text.text.startswith("=>"):
        return parse_label(text)
    if text.text.startswith(("extern ", "&")):
        return parse_address(text)
    if wide and text.text.startswith("(uintptr_t)&"):
        return _parse_lvalue(text.cut(len("(uintptr_t)&")))
    decorated = _match(r"(?P<inner>.*?)\s*\{(?P<mask>k\d)\}(?P<zeroing>\{z\})?", text)
    if decorated is not None:
        inner = _parse_operand(decorated["inner"], symbols, wide)
        if not isinstance(inner, Register | Memory):
            raise decorated["inner"].error("only registers and memory can be masked")
        return Masked(inner, Register.named(decorated["mask"].text), "zeroing" in decorated)
    if memory := _match(
        r"((?P<size>\w+)\s*)??((?P<segment>[c-gs]s)\s*:\s*)?\[(?P<place>[^\]]*(\[[^\]]*\][^\]]*)*)\](\{1to(?P<broadcast>\d+)\})?",
        text,
    ):
        return _parse_memory(memory, symbols)
    if rounding := _match(r"\{(?P<name>[a-z-]+)\}", text):
        try:
            return Rounding(rounding["name"].text)
        except ValueError:
            raise text.error(
                f"`{text.text}` is not a rounding mode", "write {rn-sae}, {rd-sae}, {ru-sae}, {rz-sae} or {sae}"
            ) from None
    value = _parse_sum(text, symbols)
    match value.registers, value.symbol:
        case [], None:
            return value.number
        case [], Symbol() as symbol:
            return Symbolic(symbol, value.number)
        case [(register, None)], None if not value.number:
            return register
    raise text.error("a sum with registers is an address, not a value", "write it in brackets")


def parse_label(text: Text) -> Label:
    """`=>NEXT`, `=>EXIT`, `=>L(name)` or `=>(expression)`."""
    if label := _match(r"=>\s*(L\(\s*(?P<name>\w+)\s*\)|(?P<special>NEXT|EXIT))\s*(?P<addend>[+-]\d+)?", text):
        return Label((label.get("name") or label["special"]).text, _integer(label.get("addend")))
    if hole := _match(r"=>\s*\(\s*(?P<expression>.*?)\s*\)", text):
        return LabelHole(hole["expression"].text)
    raise text.error(
        f"`{text.text}` is not a jump target",
        "write =>L(1), =>NEXT, =>EXIT, or =>(expression) for a position in the trace",
    )


def parse_address(text: Text) -> Address:
    """The inverse of `format_address`."""
    if text.text.startswith("&"):
        return _parse_lvalue(text.cut(1))
    address = _match(r"extern\s+(?P<name>[A-Za-z_]\w*)\s*(?P<addend>[+-]\d+)?", text)
    if address is None:
        raise text.error(
            "the name of a function or variable was expected after `extern`", "write an expression as &expression"
        )
    return Address(address["name"].text, _integer(address.get("addend")))


def _parse_lvalue(text: Text) -> Address:
    address = _match(r"\s*(?P<name>.+?)\s*(?P<addend>[+-]\d+)?", text)
    if address is None:
        raise text.error("the address of what?", "write a C expression after the &")
    return Address(address["name"].text, _integer(address.get("addend")))


def _integer(text: Text | None) -> int:
    return 0 if text is None else int(text.text, 0)


def _parse_memory(parts: Mapping[str, Text], symbols: Mapping[str, Symbol]) -> Memory:
    size, place = parts.get("size"), parts["place"].strip()
    if size is not None and size.text not in _SIZE_NAMES:
        raise size.error(f"`{size.text}` is not a size", f"the sizes are {', '.join(_SIZE_NAMES)}")
    decorations = {
        "size": None if size is None else _SIZE_NAMES[size.text],
        "segment": Register.named(parts["segment"].text) if "segment" in parts else None,
        "broadcast": _integer(parts.get("broadcast")),
    }
    if place.text.startswith("=>"):
        return Memory(target=parse_label(place), **decorations)  # type: ignore[arg-type]
    if place.text.startswith(("extern ", "&")):
        return Memory(target=parse_address(place), **decorations)  # type: ignore[arg-type]
    value = _parse_sum(place, symbols)
    displacement = value.number if value.symbol is None else Symbolic(value.symbol, value.number)
    try:
        return Memory(*value.base_and_index(), displacement, **decorations)  # type: ignore[arg-type]
    except AssemblyError as error:
        raise place.error(str(error)) from None


@dataclass(slots=True)
class _Sum:
    """Registers with their scales, if any, a JIT-time value and a number, added up."""

    registers: list[tuple[Register, int | None]] = field(default_factory=list)
    symbol: Symbol | None = None
    number: int = 0

    def base_and_index(self) -> tuple[Register | None, Register | None, int]:
        """The registers as an address has them: an unscaled one is the base, the other one is the index."""
        match sorted(self.registers, key=lambda pair: pair[1] is not None):
            case []:
                return None, None, 1
            case [(base, None)]:
                return base, None, 1
            case [(index, int() as scale)]:
                return None, index, scale
            case [(base, None), (index, scale)]:
                return base, index, scale or 1
        raise AssemblyError("an address has one base and one index at most")


_TERM = r"\s*(?P<sign>[+-])?\s*((?P<number>0x[0-9a-fA-F]+|\d+)|(?P<name>[A-Za-z_]\w*)(\s*\*\s*(?P<scale>\d+))?)\s*"


def _parse_sum(text: Text, symbols: Mapping[str, Symbol]) -> _Sum:
    total = _Sum()
    for piece in _split(text, lambda characters, position: characters[position] in "+-"):
        term = _match(_TERM, piece)
        if term is None:
            raise piece.error("a register, a value or a number was expected here")
        negative = "sign" in term and term["sign"].text == "-"
        if "number" in term:
            total.number += -_integer(term["number"]) if negative else _integer(term["number"])
            continue
        name = term["name"]
        register = _REGISTERS.get(name.text)
        if negative:
            raise name.error(f"`{name.text}` cannot be subtracted", "only numbers can")
        if register is not None:
            total.registers.append((register, _integer(term["scale"]) if "scale" in term else None))
        elif name.text not in symbols:
            remedy = f"declare it: const int64_t {name.text} = …;  // @value LOW..HIGH 64"
            raise name.error(f"`{name.text}` is neither a register nor a value of this stencil", remedy)
        elif total.symbol is not None or "scale" in term:
            raise piece.strip().error(
                "an operand holds one JIT-time value at most", "compute the sum or product as a value of its own"
            )
        else:
            total.symbol = symbols[name.text]
    return total
