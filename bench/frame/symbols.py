"""How large parts of a compiled library are, told by its symbols."""

import re
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

__all__ = ["symbol_bytes"]


def symbol_bytes(path: Path, pattern: str) -> int:
    """Bytes of all functions and objects whose names begin with a match of `pattern`."""
    total = 0
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, SymbolTableSection) and section["sh_type"] == "SHT_SYMTAB":
                total += sum(int(s["st_size"]) for s in section.iter_symbols() if re.match(pattern, s.name))
    return total
