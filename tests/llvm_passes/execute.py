"""Running IR before and after folding on the same inputs: holes are ordinary functions in one, constants in the
other.
"""

import ctypes
import re
from collections.abc import Mapping, Sequence
from functools import partial

import llvmlite.binding as llvm

from llvm_passes.backend import clean_up
from llvm_passes.expression import SymbolAddress, walk
from llvm_passes.fold import FoldedModule
from llvm_passes.holes import HOLE_PREFIX, split_name
from llvm_passes.layout import integer_bits

HEADER = """target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"
"""

SLOTS = 64
"""Eight-byte words of memory that a function under test gets a pointer to."""


def new_memory() -> ctypes.Array[ctypes.c_uint64]:
    """Memory for one or more runs."""
    return (ctypes.c_uint64 * SLOTS)()


def run(text: str, arguments: Sequence[int], memory: ctypes.Array[ctypes.c_uint64] | None = None) -> list[int]:
    """Call `void @f(ptr, i64, i64)` of a module; the words of memory (given, or made for the run) that it leaves."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    if memory is None:
        memory = new_memory()
        memory[:] = range(0x1111, 0x1111 * (SLOTS + 1), 0x1111)
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    prototype(engine.get_function_address("f"))(ctypes.addressof(memory), *arguments)
    return list(memory)


def with_hole_functions(text: str, holes: Mapping[str, int]) -> str:
    """A module in which each declared hole returns its value."""

    def define(match: re.Match[str]) -> str:
        floating = {"double": 64, "float": 32}.get(match[1])
        bits = integer_bits(match[1]) or floating
        assert bits is not None
        value = holes[split_name(match[2])[1]] & ((1 << bits) - 1)
        literal = "true" if (bits, value) == (1, 1) else "false" if bits == 1 else str(value)
        if match[1] == "ptr":
            literal = f"inttoptr (i64 {value} to ptr)"
        elif floating:
            literal = f"bitcast (i{bits} {value} to {match[1]})"
        return f"define {match[1]} @__sg_hole_{match[2]}() noinline {{\n  ret {match[1]} {literal}\n}}"

    pattern = rf"^declare (?:dso_local )?(?:(?:zero|sign)ext )?(\w+) @{HOLE_PREFIX}(\w+)\(\).*$"
    return re.sub(pattern, define, text, flags=re.M)


def with_constants(folded: FoldedModule, holes: Mapping[str, int]) -> str:
    """A folded module, cleaned up as for code generation, in which each symbol is its value."""
    text = str(clean_up(folded.ir))
    for name, symbol in folded.symbols.items():
        tables = [node.name for node in walk(symbol.expression) if isinstance(node, SymbolAddress)]
        value = symbol.expression.evaluate(holes, dict.fromkeys(tables, 0))
        if symbol.low < 0 and value >> (symbol.expression.bits - 1):
            value -= 1 << symbol.expression.bits
        assert tables or symbol.low <= value <= symbol.high, (name, symbol, value)
        address = f"inttoptr (i64 {value} to ptr)"
        if tables:  # an offset from a table of the module's own
            address = f"getelementptr (i8, ptr @{tables[0]}, i64 {value})"
        marker = rf'call (ptr|i64) asm "movabsq \$\${name}, \$0", "=r"\(\)[^\n]*'
        text = re.sub(marker, partial(_without_marker, address), text)
        text = re.sub(rf"^@{name} = .*\n", "", text, flags=re.M)
        text = re.sub(rf"@{name}\b", address, text)
    return text


def _without_marker(address: str, marker: re.Match[str]) -> str:
    return f"freeze ptr {address}" if marker[1] == "ptr" else f"ptrtoint ptr {address} to i64"
