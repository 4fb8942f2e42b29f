"""Running IR before and after folding on the same inputs: holes are ordinary functions in one, constants in the
other.
"""

import ctypes
import re
from collections.abc import Mapping, Sequence

import llvmlite.binding as llvm

from llvm_passes.backend import clean_up
from llvm_passes.fold import FoldedModule
from llvm_passes.layout import integer_bits

HEADER = """target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-unknown-linux-gnu"
"""

SLOTS = 64
"""Eight-byte words of memory that a function under test gets a pointer to."""


def run(text: str, arguments: Sequence[int]) -> list[int]:
    """Call `void @f(ptr, i64, i64)` of a module; the words of memory that it leaves."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    memory = (ctypes.c_uint64 * SLOTS)(*range(0x1111, 0x1111 * (SLOTS + 1), 0x1111))
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    prototype(engine.get_function_address("f"))(ctypes.addressof(memory), *arguments)
    return list(memory)


def with_hole_functions(text: str, holes: Mapping[str, int]) -> str:
    """A module in which each declared hole returns its value."""

    def define(match: re.Match[str]) -> str:
        bits = integer_bits(match[1])
        assert bits is not None
        value = holes[match[2]] & ((1 << bits) - 1)
        literal = "true" if (bits, value) == (1, 1) else "false" if bits == 1 else str(value)
        result = literal if match[1] != "ptr" else f"inttoptr (i64 {value} to ptr)"
        return f"define {match[1]} @__sg_hole_{match[2]}() noinline {{\n  ret {match[1]} {result}\n}}"

    return re.sub(r"^declare (\w+) @__sg_hole_(\w+)\(\).*$", define, text, flags=re.M)


def with_constants(folded: FoldedModule, holes: Mapping[str, int]) -> str:
    """A folded module, cleaned up as for code generation, in which each symbol is its value."""
    text = str(clean_up(folded.ir))
    for name, symbol in folded.symbols.items():
        value = symbol.expression.evaluate(holes)
        if symbol.low < 0 and value >> (symbol.expression.bits - 1):
            value -= 1 << symbol.expression.bits
        assert symbol.low <= value <= symbol.high, (name, symbol, value)
        address = f"inttoptr (i64 {value} to ptr)"
        text = re.sub(
            rf'call ptr asm "movabsq \$\${name}, \$0", "=r"\(\)[^\n]*', f"select i1 true, ptr {address}, ptr null", text
        )
        text = re.sub(rf"^@{name} = .*\n", "", text, flags=re.M)
        text = re.sub(rf"@{name}\b", address, text)
    return text
