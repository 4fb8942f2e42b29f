"""LLVM itself, through llvmlite: parsing, the clean-up passes, code generation, and the options all of it depends on.

Only worker processes import this module: loading LLVM takes a while, its options are global to the process, and an
error in inline assembly ends the process. Each option carries its reason; since LLVM ignores unknown options in
silence, `check_options` compiles a probe and looks for every effect.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence

import llvmlite.binding as llvm

from llvm_passes.cold import STENCIL_ATTRIBUTES

TRIPLE = "x86_64-unknown-linux-gnu"

OPTIONS: tuple[tuple[str, str], ...] = (
    ("-enable-split-machine-functions", "blocks that are never executed go to F.cold, in a section of their own"),
    ("-disable-branch-fold", "conditional tail calls lose branch weights, and with them their coldness"),
    ("-branch-fold-placement=false", "the same folding once more, during block placement"),
    ("-no-x86-call-frame-opt", "call arguments are stored, not pushed: rsp is written in the frame's set-up only"),
    ("-combiner-store-merging=false", "one wide load of what two stores have just written waits until they are done"),
)


class LlvmError(Exception):
    """LLVM rejects a module; the text is LLVM's."""


@functools.cache
def _target() -> llvm.Target:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.initialize_native_asmparser()  # inline assembly is parsed even where only text is wanted
    for option, _ in OPTIONS:
        llvm.set_option("", option)
    return llvm.Target.from_triple(TRIPLE)


def _target_machine() -> llvm.TargetMachine:
    """A fresh one for every use: a used one remembers module flags of earlier modules.

    Position-independent code with the small model reaches the VM's data relative to rip and leaves absolute symbols
    alone.
    """
    return _target().create_target_machine(cpu="x86-64", opt=3, reloc="pic", codemodel="small")


@functools.cache
def _pass_builder() -> llvm.PassBuilder:
    return llvm.create_pass_builder(_target_machine(), llvm.create_pipeline_tuning_options())


def parse(text: str) -> llvm.ModuleRef:
    """The verified module. Raises LlvmError."""
    _target()
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise LlvmError(str(error).strip()) from None
    return module


def name_values(text: str) -> str:
    """The module's text in LLVM's canonical form, with a name for every value and block."""
    module = parse(text)
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_namer_pass()
    passes.run(module, _pass_builder())
    return str(module)


def optimize(text: str) -> str:
    """The module's text after constants were written into it, with names for all values. Sound only before holes are
    symbols.
    """
    module = parse(text)
    passes = llvm.create_new_function_pass_manager()
    passes.add_sccp_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_namer_pass()
    builder = _pass_builder()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    return str(module)


def clean_up(text: str, names: Collection[str] | None = None) -> llvm.ModuleRef:
    """The module with its functions `names` (None: all) after instcombine and simplifycfg: no more than folding needs,
    each further pass is a soundness risk.
    """
    module = parse(text)
    passes = llvm.create_new_function_pass_manager()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_instruction_namer_pass()
    builder = _pass_builder()
    for function in module.functions:
        if not function.is_declaration and (names is None or function.name in names):
            passes.run(function, builder)
    return module


def simplify(text: str, names: Collection[str]) -> llvm.ModuleRef:
    """The module with its functions `names` after LLVM's scalar optimisations, as Clang runs them on a function; nothing is
    vectorised or unrolled.
    """
    module = parse(text)
    passes = llvm.create_pass_builder(_target_machine(), _scalar_tuning()).getFunctionPassManager()
    passes.add_dead_store_elimination_pass()
    passes.add_simplify_cfg_pass()
    builder = _pass_builder()
    wanted = frozenset(names)
    for function in module.functions:
        if function.name in wanted:
            passes.run(function, builder)
    return module


def inline(text: str) -> str:
    """The module's text with the functions inlined that say `alwaysinline`, and a name for every value and block."""
    module = parse(text)
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_instruction_namer_pass()
    passes.run(module, _pass_builder())
    return str(module)


def _scalar_tuning() -> llvm.PipelineTuningOptions:
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.loop_unrolling = tuning.loop_vectorization = tuning.slp_vectorization = False
    return tuning


def link(texts: Sequence[str]) -> str:
    """The modules as one. Raises LlvmError, for instance when two define the same function."""
    first, *others = (parse(text) for text in texts)
    try:
        for other in others:
            first.link_in(other)
    except RuntimeError as error:
        raise LlvmError(str(error).strip() or "the sources do not fit together") from None
    return str(first)


def emit(module: llvm.ModuleRef) -> str:
    """The module's assembly text."""
    return str(_target_machine().emit_assembly(module))


_PROBE = """
target triple = "x86_64-unknown-linux-gnu"
@E = extern_weak hidden global [0 x i8], !absolute_symbol !{i64 0, i64 65536}
@W = extern_weak hidden global i8, code_model "large", !absolute_symbol !{i64 -1, i64 -1}
declare dso_local void @nine(i64, i64, i64, i64, i64, i64, i64, i64, i64)
declare dso_local preserve_nonecc i64 @next(ptr, ptr)
declare dso_local preserve_nonecc i64 @exit(ptr, ptr)
define hidden preserve_nonecc i64 @probe(ptr %a, ptr %b) ATTRIBUTES !prof !0 {
entry:
  %p = getelementptr i8, ptr %a, i64 ptrtoint (ptr @E to i64)
  %v = load i64, ptr %p
  %c = icmp eq i64 %v, ptrtoint (ptr @E to i64)
  br i1 %c, label %cold, label %hot, !prof !1
cold:
  %x = musttail call preserve_nonecc i64 @exit(ptr %a, ptr %b)
  ret i64 %x
hot:
  call void @nine(i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8, i64 %v)
  store i64 ptrtoint (ptr @W to i64), ptr %b
  %a1 = getelementptr i8, ptr %a, i64 8
  %a2 = getelementptr i8, ptr %a, i64 16
  %b1 = getelementptr i8, ptr %b, i64 8
  %b2 = getelementptr i8, ptr %b, i64 16
  %v1 = load i64, ptr %a1
  %v2 = load i64, ptr %a2
  store i64 %v1, ptr %b1
  store i64 %v2, ptr %b2
  switch i64 %v, label %end [
    i64 0, label %one
    i64 1, label %two
    i64 2, label %one
    i64 3, label %two
    i64 4, label %one
    i64 5, label %two
  ]
one:
  store i64 1, ptr %a
  br label %end
two:
  store i64 2, ptr %a
  br label %end
end:
  %y = musttail call preserve_nonecc i64 @next(ptr %a, ptr %b)
  ret i64 %y
}
!0 = !{!"function_entry_count", i64 1000}
!1 = !{!"branch_weights", i32 1, i32 2000}
""".replace("ATTRIBUTES", STENCIL_ATTRIBUTES)

# (what must hold, text, whether the probe's assembly must contain it)
_EFFECTS: tuple[tuple[str, str, bool], ...] = (
    ("-enable-split-machine-functions moves cold blocks out of line", "probe.cold:", True),
    ("-disable-branch-fold keeps tail calls unconditional", "je\tprobe.cold", True),
    ("-disable-branch-fold keeps tail calls unconditional", "je\texit", False),
    ("-no-x86-call-frame-opt stores call arguments", "pushq\t$", False),
    ("-combiner-store-merging=false copies entry by entry", "movups", False),
    ('"frame-pointer"="reserved" leaves rbp alone', "%rbp", False),
    ('"no-jump-tables" compares one by one', ".LJTI", False),
    ("a bounded absolute symbol is a displacement", "E(%r12)", True),
    ("a bounded absolute symbol is an immediate", "$E, %", True),
    ("a wide absolute symbol is a movabs", "movabsq\t$W, %", True),
)


@functools.cache
def check_options() -> None:
    """Compile a probe stencil. Raises LlvmError when an option has no effect in this LLVM."""
    assembly = emit(parse(_PROBE))
    missing = dict.fromkeys(what for what, text, wanted in _EFFECTS if (text in assembly) != wanted)
    if missing:
        version = ".".join(map(str, llvm.llvm_version_info))
        raise LlvmError(f"LLVM {version} does not generate code as stencils need it: {'; '.join(missing)}")
