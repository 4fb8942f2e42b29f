"""Upstream DynASM accepts what the writer writes, and our back end for its engine writes the same C.

Runs where lupa and DynASM are found, but for what needs neither.
"""

from random import Random

import pytest

from dasc import Comments, DynasmError, File, InstructionLine, Options, Stencil, Value, compile_text, write
from dasc.dynasm.spelling import for_dynasm, in_bytes
from tests.dasc import examples, generate
from tests.dasc.upstream import folder, parse_output
from x86_64 import Address, Instruction, Label, Memory, Symbol, Symbolic, rax, rbx, si, zmm1, zmm2

E0 = Symbol("E0", -1000, 1000)


def test_dynasm_and_we_make_the_same_of_generated_stencils() -> None:
    text = write(examples.FILE)
    theirs = parse_output(compile_text(text, "examples.dasc", "dynasm", dynasm=folder()))
    ours = parse_output(compile_text(text, "examples.dasc", "actionlist").replace("(unsigned long long)", ""))
    assert ours == theirs
    assert len(ours) >= len(examples.FILE.stencils)


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        (Instruction("VPOPCNTD", (zmm1, zmm2)), ".byte 0x62, 0xf2, 0x7d, 0x48, 0x55, 0xca"),
        (Instruction("CMP", (si, Symbolic(E0, 1))), ".byte 0x66, 0x81, 0xfe; .word E0+1"),
        (Instruction("MOV", (rax, Memory(rbx, displacement=Symbolic(E0)))), ".byte 0x48, 0x8b, 0x83; .dword E0"),
        (Instruction("JE", (Label("1"),)), None),
        (Instruction("CALL", (Address("f"),)), None),
    ],
)
def test_instructions_can_be_spelt_as_bytes(instruction: Instruction, text: str | None) -> None:
    assert in_bytes(instruction) == text


def test_what_dynasm_does_not_know_is_spelt_as_bytes_for_it() -> None:
    known, unknown = Instruction("ADD", (rax, 1)), Instruction("VPOPCNTD", (zmm1, zmm2))
    file = File(
        stencils=(Stencil("S", values=(Value(E0, "x"),), hot=(InstructionLine(known), InstructionLine(unknown))),)
    )
    text, count = for_dynasm(file, folder())
    assert count == 1
    assert "    | .byte 0x62, 0xf2, 0x7d, 0x48, 0x55, 0xca  // vpopcntd zmm1, zmm2\n" in text
    compile_text(text, "in.dasc", "dynasm", dynasm=folder())


def test_random_stencils_are_the_same_for_dynasm_and_for_us() -> None:
    """Except for those that hold a reference which neither DynASM's instructions nor bytes can express."""
    random, compared = Random(1), 0
    for number in range(12):
        file = File(stencils=(generate.stencil(random, f"S{number}"),))
        try:
            text, _ = for_dynasm(file, folder())
        except DynasmError as error:
            assert "DynASM has no way to write" in str(error)
            continue
        options = Options(comments=Comments(""), line_numbers=False)
        theirs = parse_output(compile_text(text, "in.dasc", "dynasm", options, folder()))
        ours = parse_output(compile_text(text, "in.dasc", "actionlist", options).replace("(unsigned long long)", ""))
        assert [put.arguments for put in ours] == [put.arguments for put in theirs]
        assert [put.actions for put in ours] == [put.actions for put in theirs]
        compared += 1
    assert compared
