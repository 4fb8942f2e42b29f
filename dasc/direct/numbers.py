"""C for registers whose numbers are known only when the code is emitted.

The key idea: a number's low three bits go into ModRM, SIB or the opcode, its fourth into a REX or VEX prefix, which has
to be written first. So the numbers are computed first of all, as `sg_r0`, `sg_r1`, …, and everything after is stores.
"""

from collections.abc import Iterator

from dasc.language.machine import Code

__all__ = ["fields", "numbers", "prefix", "quoted", "quoted_text"]

_EXTENSION = {"reg": 2, "index": 1, "rm": 0, "address": 0, "base": 0, "opcode": 0}
"""Field: which bit of REX, counted from the right, extends it; in VEX the same five bits further left, inverted."""


def quoted(code: bytes | bytearray) -> str:
    """Bytes as a C string."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in code) + '"'


def quoted_text(text: str) -> str:
    """Text as a C string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def numbers(item: Code, place: str) -> Iterator[str]:
    """The statements that compute the numbers. place: where the instruction was written, as a C string."""
    for index, variable in enumerate(item.variables):
        is_index = "true" if variable.field == "index" else "false"
        yield f"const uint32_t sg_r{index} = SG_DASM_NUMBER({variable.expression}, {is_index}, {place});"


def fields(item: Code) -> Iterator[str]:
    """The statements that put the numbers' low bits where they belong; the byte after the prefix is at `sg_i`."""
    for index, variable in enumerate(item.variables):
        shift = 3 if variable.field in ("reg", "index") else 0
        if variable.field != "vvvv":
            yield f"sg_i[{variable.at - item.prefix_end}] |= (uint8_t)((sg_r{index} & 7) << {shift});"


def prefix(item: Code) -> Iterator[str]:
    """The statements that write everything before the opcode, and move the cursor behind it."""
    at = item.prefix_at
    if item.prefix and at:
        yield f"memcpy(sg_p, {quoted(item.code[:at])}, {at});"
        yield f"sg_p += {at};"
    if item.prefix == "rex":
        store = f"*sg_p++ = (uint8_t)({item.code[at]:#x} | {_extension(item)});"
        used = _either(item, list(_EXTENSION))
        yield f"if (({used}) & 8) {{ {store} }}" if item.shrinks else store
    elif item.prefix == "vex":
        yield from _vex(item)


def _vex(item: Code) -> Iterator[str]:
    code = item.code[item.prefix_at : item.prefix_end]
    vvvv = [index for index, variable in enumerate(item.variables) if variable.field == "vvvv"]
    last = f"({code[-1]:#x} ^ (sg_r{vvvv[0]} & 15) << 3)" if vvvv else f"{code[-1]:#x}"
    if len(code) == 2:
        yield f"sg_p[0] = 0xc5; sg_p[1] = (uint8_t)({last} ^ ({_extension(item)}) << 5); sg_p += 2;"
        return
    first = f"(uint8_t)({code[1]:#x} ^ ({_extension(item)}) << 5)"
    long = f"sg_p[0] = {code[0]:#x}; sg_p[1] = {first}; sg_p[2] = (uint8_t){last}; sg_p += 3;"
    if not item.shrinks:
        yield long
        return
    reg = " | ".join(f"(sg_r{n} >> 3 & 1) << 7" for n, v in enumerate(item.variables) if v.field == "reg") or "0"
    short = f"sg_p[0] = 0xc5; sg_p[1] = (uint8_t)(({last} | {code[1] & 0x80:#x}) ^ ({reg})); sg_p += 2;"
    yield f"if (({_either(item, ['index', 'rm', 'address', 'base'])}) & 8) {{ {long} }} else {{ {short} }}"


def _extension(item: Code) -> str:
    terms = [
        f"(sg_r{n} >> 3 & 1) << {_EXTENSION[v.field]}" for n, v in enumerate(item.variables) if v.field in _EXTENSION
    ]
    return " | ".join(terms) or "0"


def _either(item: Code, among: list[str]) -> str:
    return " | ".join(f"sg_r{n}" for n, v in enumerate(item.variables) if v.field in among) or "0"
