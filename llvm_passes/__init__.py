"""Passes over LLVM IR: what in a stencil is known only at emit time, and how LLVM generates code around it.

    examine(ir) -> Facts                    stencils, state, layouts, problems, fingerprints: no LLVM needed
    compile_functions(ir, names, options, jobs) -> {name: CompiledFunction}         folded IR and assembly
    fold(ir_text, options) -> FoldedModule  the pass by itself
    link(modules) -> ir                     the modules of several sources made one

The way of a stencil: `module` takes it out of its file, `cold` marks it, `fold` (with `addends`) replaces what is known
at emit time by `symbols`, `backend` is LLVM, `assembly` cuts the result apart. `generate` reads like this line.
"""

from llvm_passes.assembly import DataObject
from llvm_passes.callees import Callee
from llvm_passes.checks import Problem
from llvm_passes.codegen import CodegenError, CompiledFunction, CompileOptions, InternalError, compile_functions, link
from llvm_passes.debug_info import Member, Structure
from llvm_passes.expression import Const, Hole, JitExpr, Operation, SymbolAddress
from llvm_passes.facts import Facts, StateParameter, StencilFact, examine
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
    "Facts",
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
    "StateParameter",
    "StencilFact",
    "Structure",
    "SymbolAddress",
    "UnreadableModule",
    "compile_functions",
    "examine",
    "fold",
    "link",
    "split_module",
]
