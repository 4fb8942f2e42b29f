"""From an object file with one trace to bytes that run where they are put: what a linker does, for code without symbols.

    hot     .text            from the trace's entry on
    cold    .text.split.…    what LLVM has moved apart
    data    .rodata…         constants
    jumps                    to callees that turn out to be out of reach

Sizes are known before addresses are; so room can be found first, and `place` then fills in every reference.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

from bench.baseline.objects import relocation_kind
from stencilgen.errors import UserError

__all__ = ["Placeable", "Reference", "is_cold", "placeable"]

PARTS = ("hot", "cold", "data")
_EXIT, _UNKNOWN = "exit_", "address_"
_FAR_JUMP = bytes.fromhex("ff2500000000")
"""jmp [rip]: the address stands behind it."""
_ALIGNMENT = 16


@dataclass(frozen=True, slots=True)
class Reference:
    """A field to fill in, in a part; kind: as ELF names it. target: a part, or a symbol that the object does not define."""

    part: str
    offset: int
    kind: str
    target: str
    addend: int


@dataclass(frozen=True, slots=True)
class Placeable:
    """exits: the micro-ops that the code leaves by, ascending; seconds: what LLVM took."""

    contents: Mapping[str, bytes]
    references: tuple[Reference, ...]
    seconds: float

    @property
    def exits(self) -> list[int]:
        return sorted({int(r.target.removeprefix(_EXIT)) for r in self.references if r.target.startswith(_EXIT)})

    @property
    def callees(self) -> list[str]:
        """Functions of the VM that may turn out to be out of reach."""
        calls = (r.target for r in self.references if r.kind == "PLT32" and r.target not in PARTS)
        return sorted({name for name in calls if not name.startswith(_EXIT)})

    def sizes(self) -> tuple[int, ...]:
        """Bytes of hot code, of cold code, of constants, and of jumps at most."""
        return *(len(self.contents[part]) for part in PARTS), (len(_FAR_JUMP) + 8) * len(self.callees)

    def place(
        self,
        where: Mapping[str, int],
        exits: Sequence[int],
        symbols: Mapping[str, int],
        unknown: Sequence[int],
    ) -> dict[str, bytes]:
        """The parts' bytes. where: addresses of these, and of the jumps; exits: of the stubs; symbols: of the VM's; unknown: by
        number.
        """
        stubs = {f"{_EXIT}{index}": address for index, address in zip(self.exits, exits, strict=True)}
        contents = {part: bytearray(content) for part, content in (*self.contents.items(), ("jumps", b""))}
        jumps: dict[str, int] = {}

        def address(target: str) -> int:
            if target in where:
                return where[target]
            if target in stubs:
                return stubs[target]
            if target.startswith(_UNKNOWN):
                return unknown[int(target.removeprefix(_UNKNOWN))]
            if target not in symbols:
                raise UserError(f"LLVM's code refers to {target}, which the VM does not name")
            return symbols[target]

        def jump_to(target: str) -> int:
            if target not in jumps:
                jumps[target] = where["jumps"] + len(contents["jumps"])
                contents["jumps"] += _FAR_JUMP + address(target).to_bytes(8, "little")
            return jumps[target]

        for reference in self.references:
            place = where[reference.part] + reference.offset
            value = address(reference.target) + reference.addend
            size = 8 if reference.kind == "64" else 4
            if size == 4:
                value -= place
                if not -(1 << 31) <= value < 1 << 31 and reference.kind == "PLT32":
                    value = jump_to(reference.target) + reference.addend - place
                if not -(1 << 31) <= value < 1 << 31:
                    raise UserError(f"{reference.target} is out of reach of LLVM's code")
            field = (value % (1 << 8 * size)).to_bytes(size, "little")
            contents[reference.part][reference.offset : reference.offset + size] = field
        return {part: bytes(content) for part, content in contents.items()}


def is_cold(section: str) -> bool:
    """Whether LLVM has moved what is in this section out of the way."""
    return section.startswith((".text.split", ".text.unlikely"))


def placeable(file: bytes, entry: str, seconds: float) -> Placeable:
    """Read an object file; the function `entry` has to be its first."""
    sections = list(ELFFile(io.BytesIO(file)).iter_sections())
    bases: dict[int, tuple[str, int]] = {}
    contents = {part: bytearray() for part in PARTS}
    for index, section in enumerate(sections):
        if part := _part(section):
            content = contents[part]
            content.extend((b"\xcc" if part != "data" else b"\0") * (-len(content) % int(section["sh_addralign"] or 1)))
            bases[index] = part, len(content)
            content.extend(section.data())
    references: list[Reference] = []
    for section in sections:
        if isinstance(section, RelocationSection) and section["sh_info"] in bases:
            part, base = bases[section["sh_info"]]
            table = sections[section["sh_link"]]
            assert isinstance(table, SymbolTableSection)
            references += (_reference(entry, part, base, table, bases) for entry in section.iter_relocations())
    _require_first(sections, entry, bases)
    return Placeable({part: bytes(content) for part, content in contents.items()}, tuple(references), seconds)


def _part(section: Section) -> str | None:
    flags, kind = section["sh_flags"], section["sh_type"]
    write, allocate, execute = 1, 2, 4
    if not flags & allocate or not section["sh_size"] or section.name.startswith(".eh_frame"):
        return None
    if kind != "SHT_PROGBITS" or (flags & write and not section.name.startswith(".data.rel.ro")):
        raise UserError(f"LLVM's code has variables of its own, in {section.name}")
    if int(section["sh_addralign"]) > _ALIGNMENT:
        raise UserError(f"LLVM aligns {section.name} to more than {_ALIGNMENT} bytes")
    return ("cold" if is_cold(section.name) else "hot") if flags & execute else "data"


def _reference(
    entry: object, part: str, base: int, table: SymbolTableSection, bases: Mapping[int, tuple[str, int]]
) -> Reference:
    fields = entry.entry  # type: ignore[attr-defined]
    symbol = table.get_symbol(fields["r_info_sym"])
    kind, addend = relocation_kind(fields["r_info_type"]), int(fields["r_addend"])
    if kind not in ("64", "PC32", "PLT32"):
        raise UserError(f"LLVM's code refers to {symbol.name} by a relocation {kind}")
    offset, where = base + int(fields["r_offset"]), symbol["st_shndx"]
    if where in bases:
        inner, start = bases[where]
        return Reference(part, offset, kind, inner, start + int(symbol["st_value"]) + addend)
    return Reference(part, offset, kind, symbol.name, addend)


def _require_first(sections: Sequence[Section], entry: str, bases: Mapping[int, tuple[str, int]]) -> None:
    tables = [section for section in sections if isinstance(section, SymbolTableSection)]
    symbols = [symbol for table in tables for symbol in table.iter_symbols() if symbol.name == entry]
    if [(*bases[s["st_shndx"]], s["st_value"]) for s in symbols] != [("hot", 0, 0)]:
        raise UserError(f"{entry} is not where LLVM's code begins")
