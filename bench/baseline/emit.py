"""A stencil's code and relocations → its emit function in C: copy, then patch."""

import re
import textwrap

from bench.baseline.objects import Code, Relocation
from stencilgen.config import Config
from stencilgen.emit.header import Emitter, extern_symbol
from stencilgen.errors import UserError

__all__ = ["emitter", "externs_of", "labels_of"]

_HOLE = re.compile(r"__sg_address_(b|[iu]\d+|f\d+|p)_(\w+)")
_LABEL = re.compile(r"__sg_label_(\w+)")
_EXIT = "__sg_exit"
_MAX_EXIT_STUB = 7 + 3


def externs_of(code: Code) -> set[str]:
    """The VM's functions and objects that the stencil refers to."""
    names = {relocation.symbol for relocation in code.relocations if relocation.symbol}
    return {name for name in names if not name.startswith("__sg_")}


def labels_of(code: Code, config: Config) -> list[str]:
    """In C, the positions that the stencil may jump to."""
    found = (_LABEL.fullmatch(relocation.symbol) for relocation in code.relocations if relocation.symbol)
    return list(dict.fromkeys(config.holes[match[1]].value for match in found if match))


def emitter(code: Code, continues: bool, config: Config) -> Emitter:
    """The emit function. UserError for a relocation that cannot be patched."""
    slots = sum("GOT" in relocation.kind for relocation in code.relocations)
    exits = any(relocation.symbol == _EXIT for relocation in code.relocations)
    lines = [f"static void emit_{code.name}(sg_assembler *as, const {config.instruction.type} *instruction)", "{"]
    if code.content:
        array = ", ".join(f"0x{byte:02x}" for byte in code.content)
        lines.append(f"    static const uint8_t code[{len(code.content)}] = {{")
        lines += textwrap.wrap(array, 110, initial_indent="        ", subsequent_indent="        ")
        lines.append("    };")
        lines += ["    uint8_t *const p = as->hot;", "    memcpy(p, code, sizeof code);"]
    if exits:
        lines += ["    const uint8_t *const exit = as->cold;", "    as->cold = sg_exit_stub(as, as->cold);"]
    lines += [f"    {_patch(relocation, config, code)}" for relocation in code.relocations]
    if code.content:
        lines.append("    as->hot = p + sizeof code;")
    lines += ["    (void)instruction;", "}"]
    return Emitter(
        name=code.name,
        function=f"emit_{code.name}",
        c_source="\n".join(lines) + "\n",
        max_hot=len(code.content),
        max_cold=(_MAX_EXIT_STUB if exits else 0) + 8 * slots,  # where a trace has an offset table of its own
        frame=0,
        ends=not continues,
    )


def _patch(relocation: Relocation, config: Config, code: Code) -> str:
    place = f"p + {relocation.offset}"
    symbol = relocation.symbol
    if symbol == _EXIT:
        _require(relocation, code, "PLT32", "PC32")
        return f"sg_relative32({place}, exit);"
    if symbol and (label := _LABEL.fullmatch(symbol)):
        _require(relocation, code, "PLT32", "PC32")
        return f"sg_label32(as, {place}, (uint64_t)({config.holes[label[1]].value}));"
    value = _value(symbol, config)
    match relocation.kind:
        case "64":
            return f"sg_put64({place}, {value} + UINT64_C({relocation.addend % 2**64:#x}));"
        case "PC32" | "PLT32" | "GOTPC32":
            return f"cp_relative32(as, {place}, {value} + UINT64_C({(relocation.addend + 4) % 2**64:#x}));"
        case "GOTPCREL":
            return f"cp_got(as, {place}, {value}, {relocation.addend + 4});"
        case "GOTPCRELX" | "REX_GOTPCRELX" if relocation.addend == -4:
            has_rex = "true" if relocation.kind.startswith("REX") else "false"
            return f"cp_got_relaxed(as, {place}, {value}, {has_rex});"
    raise UserError(f"{code.name}: relocation {relocation.kind} of {symbol}")


def _require(relocation: Relocation, code: Code, *kinds: str) -> None:
    if relocation.kind not in kinds or relocation.addend != -4:
        raise UserError(f"{code.name}: relocation {relocation.kind} of {relocation.symbol}")


def _value(symbol: str | None, config: Config) -> str:
    if symbol is None:
        return "(uint64_t)(uintptr_t)as->rodata"
    if not (hole := _HOLE.fullmatch(symbol)):
        return f"(uint64_t)(uintptr_t)&{extern_symbol(symbol)}"
    kind, name = hole[1], hole[2]
    value = config.holes[name].value
    match kind:
        case "b":
            return f"(uint64_t)(bool)({value})"
        case "p":
            return f"(uint64_t)(uintptr_t)({value})"
        case "f64":
            return f"sg_double_bits((double)({value}))"
        case "f32":
            return f"sg_float_bits((float)({value}))"
        case _:
            sign, bits = kind[0], kind[1:]
            return f"(uint64_t)({'u' if sign == 'u' else ''}int{bits}_t)({value})"
