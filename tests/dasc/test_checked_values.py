"""A range that was only promised is written down, read back, and verified by the emit function."""

import dasc
from dasc import InstructionLine, Stencil, Value
from x86_64 import MOV, Symbol, qword, r12, rax

INDEX = Symbol("index_", 0, 15)
SLOT = Symbol("E0", 8, 128)
STENCIL = Stencil(
    "LOAD",
    values=(
        Value(INDEX, 'vm("%d")', checked=True),
        Value(SLOT, "(uint64_t)instruction->index * 8 + 8"),
    ),
    hot=(InstructionLine(MOV(rax, qword[r12 + SLOT])),),
)


def test_text_and_back() -> None:
    text = dasc.write_stencil(STENCIL)
    assert '    const int64_t index_ = vm("%d");  // @value 0..15 64 checked\n' in text
    assert dasc.parse(dasc.write(dasc.File(stencils=(STENCIL,)))).stencils == (STENCIL,)


def test_the_emit_function_tells_what_is_out_of_range_and_emits_nothing() -> None:
    source = dasc.compile_stencil(STENCIL).c_source
    assert (
        "    if (SG_UNLIKELY(!(index_ >= 0 && index_ <= 15))) {\n"
        '        sg_fail(as, "vm(\\"%%d\\") is %lld, outside of its range 0..15", (long long)index_);\n'
        "        return;\n"
        "    }\n"
    ) in source
