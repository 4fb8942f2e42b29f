"""Passes over LLVM IR: what in a stencil is known only at emit time, and how LLVM generates code around it.

    split_module(ir) -> Module              functions by name, canonical texts, fingerprints
    check(module, stencils, holes) -> [Problem]         what a stencil cannot contain, with file, line and remedy
    read_debug_info(module) -> DebugInfo    structure layouts, sources and state of the stencils
    compile_functions(module, names, options, jobs) -> {name: CompiledFunction}     folded IR and assembly
    fold(ir_text, options) -> FoldedModule  the pass by itself
    link(modules) -> ir                     the modules of several sources made one

The way of a stencil: `module` takes it out of its file, `cold` marks it, `fold` (with `arms`, `addends`) replaces what is known
at emit time by `symbols`, `undo` shortens what exits keep alive, `backend` is LLVM, `assembly` cuts the result apart. `generate`
reads like this line.
"""

from llvm_passes.assembly import DataObject
from llvm_passes.callees import Callee
from llvm_passes.checks import Problem, check
from llvm_passes.codegen import CodegenError, CompiledFunction, CompileOptions, InternalError, compile_functions, link
from llvm_passes.debug_info import DebugInfo, Member, Structure, read_debug_info
from llvm_passes.expression import Const, Hole, JitExpr, Operation, SymbolAddress
from llvm_passes.fold import FoldedModule, FoldOptions, fold
from llvm_passes.module import Module, UnreadableModule, split_module
from llvm_passes.symbols import JitSymbol

__all__ = [
    "Callee",
    "CodegenError",
    "CompileOptions",
    "CompiledFunction",
    "Const",
    "DataObject",
    "DebugInfo",
    "FoldOptions",
    "FoldedModule",
    "Hole",
    "InternalError",
    "JitExpr",
    "JitSymbol",
    "Member",
    "Module",
    "Operation",
    "Problem",
    "Structure",
    "SymbolAddress",
    "UnreadableModule",
    "check",
    "compile_functions",
    "fold",
    "link",
    "read_debug_info",
    "split_module",
]
