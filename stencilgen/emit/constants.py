"""Constants of all stencils → one block of bytes, each constant once.

Clang gives every function its own copy of a literal and numbers them; here they are named by what they hold, so a
stencil's code does not depend on its neighbours, and equal constants of different stencils are one.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stencilgen.assembly import Data

__all__ = ["Pool", "PoolRelocation", "constant_name", "merged", "pool", "reachable"]


@dataclass(frozen=True, slots=True)
class PoolRelocation:
    """Eight bytes at `offset` that hold the address of a VM symbol, or of the block itself (symbol None), plus addend."""

    offset: int
    symbol: str | None
    addend: int


@dataclass(frozen=True, slots=True)
class Pool:
    """All constants: bytes, where each lies (in bytes from the start, itself 64-aligned or better), and addresses inside."""

    content: bytes
    offsets: Mapping[str, int]
    relocations: tuple[PoolRelocation, ...]


def reachable(names: Iterable[str], data: Mapping[str, Data]) -> dict[str, Data]:
    """The constants that `names` refer to, and those that these refer to in turn."""
    found: dict[str, Data] = {}
    work = [name for name in names if name in data]
    while work:
        name = work.pop()
        if name not in found:
            found[name] = data[name]
            work += [r.symbol for r in data[name].relocations if r.symbol in data]
    return found


def constant_name(name: str, data: Mapping[str, Data]) -> str:
    """A C identifier made of a constant's content: equal for equal constants, whatever Clang called them."""
    item = data[name]
    digest = hashlib.sha256(_signature(name, data, ()).encode()).hexdigest()[:10]
    if not item.relocations and len(item.content) in (4, 8, 16):
        return f"sg_c{len(item.content)}_{item.content[::-1].hex()}"
    if not item.relocations and item.content.endswith(b"\0") and item.content[:-1].isascii():
        word = re.sub(r"\W+", "_", item.content[:-1].decode("ascii")).strip("_")[:24].rstrip("_")
        return f"sg_s_{word}_{digest}" if word else f"sg_s_{digest}"
    return f"sg_d_{digest}"


def _signature(name: str, data: Mapping[str, Data], outer: tuple[str, ...]) -> str:
    """Content and, in place of addresses, what they lead to; a constant that leads back to itself is named by its depth."""
    if name in outer:
        return f"^{len(outer) - outer.index(name)}"
    item = data[name]
    inner = (*outer, name)
    parts = [
        f"{r.offset}:{_signature(r.symbol, data, inner) if r.symbol in data else r.symbol}{r.addend:+d}"
        for r in item.relocations
    ]
    return f"{item.alignment}|{item.content.hex()}|{','.join(parts)}"


def merged(constants: Iterable[tuple[str, Data]]) -> dict[str, Data]:
    """Constants by their `constant_name`. Equal ones are one, aligned as the strictest of them."""
    found: dict[str, Data] = {}
    for name, item in constants:
        if name not in found or found[name].alignment < item.alignment:
            found[name] = item
    return found


def pool(constants: Mapping[str, Data]) -> Pool:
    """Lay out constants, keyed by their `constant_name`, largest alignment first and then by name; relocations' symbols
    that are keys are constants of the pool, others are symbols of the VM."""
    content, offsets = bytearray(), dict[str, int]()
    for name, item in sorted(constants.items(), key=lambda pair: (-pair[1].alignment, pair[0])):
        content += bytes(-len(content) % item.alignment)
        offsets[name] = len(content)
        content += item.content
    relocations = [
        PoolRelocation(offsets[name] + r.offset, None, offsets[r.symbol] + r.addend)
        if r.symbol in offsets
        else PoolRelocation(offsets[name] + r.offset, r.symbol, r.addend)
        for name, item in constants.items()
        for r in item.relocations
    ]
    return Pool(bytes(content), offsets, tuple(sorted(relocations, key=lambda r: r.offset)))
