"""Encoders of single instructions, as the Python packages of that kind are: iced-x86's BlockEncoder and Keystone.

They are given the very instructions of the trace's hot code. iced-x86 encodes values that were made before; Keystone reads
text. So both do less than a JIT would have to: nobody chooses instructions or operands.
"""

import importlib
import time
from importlib.util import find_spec

import iced_x86

from bench.emission.library import Emitted

__all__ = ["Iced", "Keystone"]


def _decoded(emitted: Emitted) -> list[iced_x86.Instruction]:
    return list(iced_x86.Decoder(64, emitted.hot, ip=emitted.hot_address))


class Iced:
    name = "iced-x86"

    def measure(self, emitted: Emitted) -> float:
        """Seconds to encode a trace's hot code once."""
        instructions = _decoded(emitted)
        start = time.perf_counter()
        encoder = iced_x86.BlockEncoder(64)
        encoder.add_many(instructions)
        code = encoder.encode(emitted.hot_address)
        seconds = time.perf_counter() - start
        assert code
        return seconds


class Keystone:
    name = "Keystone"

    def __init__(self) -> None:
        keystone = importlib.import_module("keystone")
        self._assembler = keystone.Ks(keystone.KS_ARCH_X86, keystone.KS_MODE_64)

    @staticmethod
    def is_here() -> bool:
        return find_spec("keystone") is not None

    def measure(self, emitted: Emitted) -> float:
        """Seconds to assemble the text of a trace's hot code once."""
        formatter = iced_x86.Formatter(iced_x86.FormatterSyntax.INTEL)
        formatter.hex_prefix, formatter.hex_suffix = "0x", ""
        formatter.rip_relative_addresses = True
        formatter.branch_leading_zeros = False
        text = ";".join(formatter.format(instruction).replace("short ", "") for instruction in _decoded(emitted))
        start = time.perf_counter()
        code, _ = self._assembler.asm(text, emitted.hot_address)
        seconds = time.perf_counter() - start
        assert code
        return seconds
