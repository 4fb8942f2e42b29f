"""Copy-and-patch with the operand stack's top in registers, as CPython 3.15 has it: one stencil for each number of entries
in registers before and after a micro-op.

CPython writes these variants by hand (`_r01` … `_r33`). Here they are derived from the same sources as everything else, by
the pass that derives stencilgen's own (`llvm_passes.window`), from the IR that Clang makes for copy-and-patch; then Clang
compiles them with copy-and-patch's flags, and they are copied and patched like any other stencil: holes as addresses, calls
through the offset table, slow paths among the fast ones, no frame that a trace shares. Which variant is copied where,
stencilgen's planner decides, for the cheapest way through the whole trace: CPython decides one micro-op at a time.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from iced_x86 import Decoder, Instruction, Mnemonic, OpKind

from bench.baseline.build import Baseline, copy, render
from bench.baseline.compile import TARGET, compiler_flags, run
from bench.baseline.emit import labels_of
from bench.baseline.flavours import Flavour
from bench.baseline.split import hot_code
from llvm_passes import link
from llvm_passes.codegen import derive
from llvm_passes.derive import DeriveRequest, Variant
from llvm_passes.module import split_module
from stencilgen.config import Config
from stencilgen.facts import examine
from stencilgen.pipeline import compile_sources
from stencilgen.toolchain.clang import find_clang
from stencilgen.units.choice import Choices, Costed, choose
from stencilgen.units.cost import INSTRUCTION
from stencilgen.units.derivation import stack_of
from stencilgen.units.plan import plan
from stencilgen.units.profile import Trace
from stencilgen.units.table import Tables, Unit

__all__ = ["Cached", "build_cached"]


@dataclass(frozen=True, slots=True)
class Cached:
    """copied: as it is without caching but with every variant; choices: which of them there are for a micro-op; hot: bytes of
    the hot blocks of each.
    """

    copied: Baseline
    choices: Choices
    hot: Mapping[str, int]

    def units_of(self, trace: Trace) -> list[str]:
        """The units that a trace is copied from, in order."""
        states = [state or 0 for state in plan(trace, self.choices.matrices, frozenset(), self.choices.states).states]
        units = []
        for op, before, after in zip(trace.ops, states, states[1:], strict=False):
            step = self.choices.matrices[op,][before][after]
            assert step is not None
            units += [name for name in (step.before, step.unit, step.after) if name]
        return units


def build_cached(config: Config, flavour: Flavour) -> Cached:
    """Compile the variants of a configuration's stencils; it says which is the stack (`[stack]`)."""
    clang = find_clang()
    module, names = compile_sources(config, clang, os.cpu_count() or 1)
    facts = examine(module, config, names)
    stack = stack_of(config, facts)
    assert stack is not None, "a configuration with [stack] is needed"
    texts = [
        run(
            [*compiler_flags(config, clang, flavour, names), "-S", "-emit-llvm", "-o", "-", str(source)],
            clang,
            config.directory,
        )
        for source in config.sources
    ]
    plain = split_module(texts[0] if len(texts) == 1 else link(texts))
    request = DeriveRequest("", ((), *((name,) for name in facts.stencils)), stack)
    module, derived = derive(plain, request, os.cpu_count() or 1)
    variants = {name: Variant(name, (name,), 0, 0) for name in facts.stencils}
    # without those by which entries are in registers where jumps arrive
    in_line = [
        variant for variant in derived.variants if not variant.jump and (variant.parts or variant.kin > variant.kout)
    ]
    variants |= {variant.name: variant for variant in in_line}
    parts = [plain.extract(list(facts.stencils)), module.extract([variant.name for variant in in_line])]
    whole = link(parts)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "variants.ll").write_text(whole)
        command = [*TARGET, *flavour.flags, "-x", "ir", "-S", "-o", "-", "variants.ll"]
        assembly = run(command, clang, Path(folder))
    copied = copy([assembly], list(variants), config, clang)
    hot = hot_code(whole, flavour, clang)
    costed = [Costed(v.name, v.parts, v.kin, v.kout, _cost(hot[v.name])) for v in variants.values()]
    choices = choose(costed, stack.registers, tolerance=0)
    used = [name for name in choices.used if name not in facts.stencils]
    room = {name: (emitter.max_hot, emitter.max_cold, 0) for name, emitter in copied.emitters.items()}
    labels = {name: labels_of(copied.stencils[name].code, config) for name in facts.stencils}
    units = [Unit(name, {"": copied.emitters[name].function}, 0) for name in used]
    sources = [copied.emitters[name].c_source for name in used]
    header = render(config, facts, copied, Tables(units, sources, choices, labels, room))
    return Cached(Baseline(flavour, header, copied.stencils), choices, {name: len(code) for name, code in hot.items()})


def _cost(code: bytes) -> int:
    """Of a unit's hot instructions, by the rules of stencilgen.units.cost."""
    return sum(map(_of_instruction, Decoder(64, code))) + min(len(code) // 8, 7)


def _of_instruction(instruction: Instruction) -> int:
    kinds = {instruction.op_kind(number) for number in range(instruction.op_count)}
    if instruction.mnemonic == Mnemonic.MOV and kinds == {OpKind.REGISTER}:
        return INSTRUCTION // 2
    accesses = OpKind.MEMORY in kinds and instruction.mnemonic != Mnemonic.LEA
    return INSTRUCTION + INSTRUCTION // 2 * accesses
