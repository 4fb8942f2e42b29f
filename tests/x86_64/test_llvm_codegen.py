"""Every line that LLVM's code generator prints is read, and the bytes are those of LLVM's assembler.

The functions are in llvm_samples.ll, compiled for processors from the x86-64 baseline to AVX-512.
"""

from __future__ import annotations

from pathlib import Path

import llvmlite.binding as llvm
import pytest

from x86_64 import Address, Instruction, Label, OperandError, Symbol, parse_att

from .assemblers import assemble

TRIPLE = "x86_64-unknown-linux-gnu"
PROCESSORS = ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4", "sapphirerapids", "znver4"]


def resolve(name: str) -> Symbol | Address | Label:
    if "TPOFF" in name:
        return Symbol(name, -(1 << 31), (1 << 31) - 1)
    return Label(name) if name.startswith(".L") else Address(name)


def printed(processor: str) -> list[str]:
    """The instructions of the samples' assembly."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(TRIPLE)
    machine = target.create_target_machine(cpu=processor, reloc="pic", codemodel="small", opt=2)
    module = llvm.parse_assembly(Path(__file__).with_name("llvm_samples.ll").read_text())
    lines = [line.split("#")[0].rstrip() for line in machine.emit_assembly(module).splitlines()]
    return [line for line in lines if line.startswith("\t") and line[1:2] not in ("", ".")]


@pytest.mark.parametrize("processor", PROCESSORS)
def test_what_the_code_generator_prints(processor: str) -> None:
    lines = printed(processor)
    assert len(lines) > 100
    instructions = [parse_att(line, resolve) for line in lines if line not in ("\tdata16", "\trex64")]
    assert all(instruction.encodings() for instruction in instructions)


def test_bytes_are_those_of_the_assembler() -> None:
    found: dict[str, Instruction] = {}
    for processor in PROCESSORS:
        found |= {line: parse_att(line, resolve) for line in printed(processor) if line not in ("\tdata16", "\trex64")}
    known: dict[str, bytes] = {}
    for line, instruction in found.items():
        try:
            known[line] = bytes(instruction.encode())
        except OperandError:
            continue  # names a symbol, address or label
    assert len(known) > 200
    results = assemble(list(known), "llvm")
    assert {line: result.code for line, result in zip(known, results, strict=True)} == known
