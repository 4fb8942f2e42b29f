"""Object files of stencils: each stencil's code with its relocations, and the data that they share."""

import io
from dataclasses import dataclass

from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_x64
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

from stencilgen.emit.constants import Pool, PoolRelocation
from stencilgen.errors import UserError

__all__ = [
    "Code",
    "Objects",
    "Relocation",
    "read_objects",
    "relocation_kind",
    "section_contents",
    "section_sizes",
    "symbol_values",
]

_KINDS = {number: name.removeprefix("R_X86_64_") for name, number in ENUM_RELOC_TYPE_x64.items()}
_KINDS |= {41: "GOTPCRELX", 42: "REX_GOTPCRELX"}  # newer than pyelftools' table
_WRITE, _ALLOC, _EXECUTE = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Relocation:
    """kind: as ELF names it, without R_X86_64_; symbol: a name, or None for the constants, whose offset is in addend."""

    offset: int
    kind: str
    symbol: str | None
    addend: int


@dataclass(frozen=True, slots=True)
class Code:
    """One stencil's bytes."""

    name: str
    content: bytes
    relocations: tuple[Relocation, ...]


@dataclass(frozen=True, slots=True)
class Objects:
    """All stencils, and their constants as one block."""

    stencils: dict[str, Code]
    constants: Pool


def read_objects(files: list[bytes]) -> Objects:
    """Read relocatable ELF files in which each function has a section of its own. UserError for what cannot be copied."""
    stencils: dict[str, Code] = {}
    content = bytearray()
    inner: list[PoolRelocation] = []
    for file in files:
        elf = ELFFile(io.BytesIO(file))
        sections = list(elf.iter_sections())
        data = {index: s for index, s in enumerate(sections) if _is_data(s)}
        bases = {}
        for index, section in data.items():
            content.extend(bytes(-len(content) % max(int(section["sh_addralign"]), 1)))
            bases[index] = len(content)
            content.extend(bytes(section["sh_size"]) if section["sh_type"] == "SHT_NOBITS" else section.data())
        functions = _functions(sections)
        for section in sections:
            if not isinstance(section, RelocationSection):
                continue
            table = sections[section["sh_link"]]
            assert isinstance(table, SymbolTableSection)
            index = section["sh_info"]
            target = sections[index]
            relocations = tuple(_relocation(r, table, sections, bases) for r in section.iter_relocations())
            if index in bases:
                inner += [found for r in relocations if (found := _inner(r, bases[index], content))]
            elif index in functions:
                stencils[functions[index]] = Code(functions[index], target.data(), relocations)
        for index, name in functions.items():
            if name not in stencils:
                stencils[name] = Code(name, sections[index].data(), ())
    return Objects(stencils, Pool(bytes(content), {"cp_constants": 0}, tuple(inner)))


def relocation_kind(number: int) -> str:
    """A relocation's type by its name, without R_X86_64_."""
    return _KINDS[number]


def symbol_values(file: bytes) -> dict[str, int]:
    """Where each named symbol lies in its section."""
    tables = [
        section for section in ELFFile(io.BytesIO(file)).iter_sections() if isinstance(section, SymbolTableSection)
    ]
    return {symbol.name: int(symbol["st_value"]) for table in tables for symbol in table.iter_symbols() if symbol.name}


def section_contents(file: bytes) -> dict[str, bytes]:
    """What each section holds."""
    return {section.name: section.data() for section in ELFFile(io.BytesIO(file)).iter_sections()}


def section_sizes(file: bytes) -> dict[str, int]:
    """Bytes of each section."""
    return {section.name: int(section["sh_size"]) for section in ELFFile(io.BytesIO(file)).iter_sections()}


def _functions(sections: list[Section]) -> dict[int, str]:
    """The sections that hold a function, by its name."""
    tables = [section for section in sections if isinstance(section, SymbolTableSection)]
    symbols = [symbol for table in tables for symbol in table.iter_symbols()]
    return {int(s["st_shndx"]): s.name for s in symbols if s["st_info"]["type"] == "STT_FUNC"}


def _is_data(section: Section) -> bool:
    flags = section["sh_flags"]
    if flags & _WRITE and flags & _ALLOC and section["sh_size"] and not section.name.startswith(".data.rel.ro"):
        raise UserError(f"the stencils define variables (in {section.name})")
    return bool(flags & _ALLOC) and not flags & _EXECUTE and section["sh_type"] in ("SHT_PROGBITS", "SHT_NOBITS")


def _relocation(entry: object, table: SymbolTableSection, sections: list[Section], bases: dict[int, int]) -> Relocation:
    fields = entry.entry  # type: ignore[attr-defined]
    symbol = table.get_symbol(fields["r_info_sym"])
    kind, addend = relocation_kind(fields["r_info_type"]), int(fields["r_addend"])
    place = symbol["st_shndx"]
    if place == "SHN_UNDEF" or (isinstance(place, int) and symbol["st_info"]["bind"] == "STB_GLOBAL"):
        return Relocation(fields["r_offset"], kind, symbol.name, addend)
    if place in bases:
        return Relocation(fields["r_offset"], kind, None, bases[place] + symbol["st_value"] + addend)
    section = sections[place] if isinstance(place, int) else None
    raise UserError(f"a stencil calls {symbol.name or (section.name if section else place)}, which is not inlined")


def _inner(relocation: Relocation, base: int, content: bytearray) -> PoolRelocation | None:
    """An address within the constants, to be filled in; or a distance, which is known already."""
    place = base + relocation.offset
    if relocation.kind == "PC32" and relocation.symbol is None:
        content[place : place + 4] = (relocation.addend - place).to_bytes(4, "little", signed=True)
        return None
    if relocation.kind != "64":
        raise UserError(f"constants with a relocation {relocation.kind}")
    return PoolRelocation(place, relocation.symbol, relocation.addend)
