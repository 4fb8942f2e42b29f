"""LLVM without optimisation (-O0, MCJIT through llvmlite): the fastest that a general compiler back end does it.

A trace is a module with a function for each micro-op: the stencil's own IR with its holes filled in, which goes on to the
next one by a tail call. Only making machine code of it is timed; building and parsing the IR, which a JIT must do as
well, is not.
"""

import gc
import os
import re
import time
from collections.abc import Mapping

import llvmlite.binding as llvm

from bench.emission.library import Peer
from bench.emission.vms import Trace, Vm
from llvm_passes.module import Module, split_module
from stencilgen.pipeline import compile_sources

__all__ = ["Llvm"]

_HOLE = re.compile(
    r"(%\S+) = (?:tail |notail )?call [^\n]*?(i\d+|ptr|double|float) @__sg_hole_[a-z0-9]+_(\w+)\(\)[^\n]*"
)
_FIELDS = {"pointer": "operand", "number": "operand", "result": "target"}
"""Members of a union with another name for the same bytes."""


class Llvm:
    """One VM's traces through LLVM."""

    name = "LLVM -O0"

    def __init__(self, vm: Vm, peer: Peer) -> None:
        """peer: the VM compiled, which the addresses of its functions are taken from."""
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._peer = peer
        self._module = _module(vm)

    def measure(self, trace: Trace) -> float:
        """Seconds to make machine code of the trace once."""
        text = module_of(self._module, trace)
        for name in re.findall(r"^@(\w+) = external|^declare [^@]*@(\w+)\(", text, re.MULTILINE):
            symbol = name[0] or name[1]
            if not symbol.startswith("llvm"):
                self._declare(symbol)
        machine = llvm.Target.from_default_triple().create_target_machine(
            opt=0, jit=True
        )  # the engine's own from now on
        parsed, backing = llvm.parse_assembly(text), llvm.parse_assembly("")
        parsed.triple = backing.triple = machine.triple
        with llvm.create_mcjit_compiler(backing, machine) as engine:
            gc.disable()
            start = time.perf_counter()
            engine.add_module(parsed)
            engine.finalize_object()
            address = engine.get_function_address("op_0")
            seconds = time.perf_counter() - start
            gc.enable()
        assert address != 0
        return seconds

    def _declare(self, symbol: str) -> None:
        """MCJIT ends the process when it finds a symbol nowhere: those of the trace itself are never called."""
        try:
            llvm.add_symbol(symbol, self._peer.symbol(symbol))
        except AttributeError:
            llvm.add_symbol(symbol, self._peer.symbol("peer_begin"))


def _module(vm: Vm) -> Module:
    built = vm.built
    module, _ = compile_sources(built.config, built.clang, os.cpu_count() or 1)
    return module


def module_of(module: Module, trace: Trace) -> str:
    """The IR of a trace. Its end, and its exits, are calls of functions outside."""
    needed = split_module(module.extract({name for name, _ in trace.ops}))
    functions = [
        _micro_op(needed.functions[name], name, index, fields, len(trace.ops))
        for index, (name, fields) in enumerate(trace.ops)
    ]
    parts = [
        needed.header,
        *needed.types.values(),
        *needed.globals.values(),
        *(text for name, text in needed.declarations.items() if not name.startswith(("__sg_hole_", "__sg_label_"))),
        "@end = external global i8",
        *functions,
        *needed.attributes.values(),
        *(f"{node} = {text}" for node, text in needed.metadata.items()),
    ]
    return "\n".join(parts) + "\n"


def _micro_op(text: str, name: str, index: int, fields: Mapping[str, int], length: int) -> str:
    def successor(position: int) -> str:
        return f"@op_{position}" if position < length else "@end"

    def fill(match: re.Match[str]) -> str:
        result, type_, hole = match.groups()
        value = fields.get(_FIELDS.get(hole, hole), 0)
        match type_:
            case "ptr":
                return f"{result} = inttoptr i64 {value} to ptr"
            case "double":
                return f"{result} = bitcast i64 {value} to double"
            case "float":
                return f"{result} = bitcast i32 {value & 0xFFFFFFFF} to float"
            case _:
                return f"{result} = add {type_} {value & (1 << int(type_[1:])) - 1}, 0"

    text = _HOLE.sub(fill, text)
    text = re.sub(r"@__sg_label_\w+", successor(fields.get("target", 0)), text)
    text = text.replace("@__sg_continue(", f"{successor(index + 1)}(")
    return text.replace(f"@{name}(", f"@op_{index}(", 1)
