"""The C that the compiler writes: what is decided when it is built, and what when it runs."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dasc import (
    EXIT,
    NEXT,
    CompiledStencil,
    CompileError,
    DropFrame,
    File,
    InstructionLine,
    LabelHole,
    Line,
    Stencil,
    Value,
    compile_file,
    compile_stencil,
    parse,
    write,
)
from tests.dasc import examples, generate
from tests.dasc.examples import at, label, line
from tests.dasc.execute import Request, run
from x86_64 import Address, Instruction, Label, Memory, Symbol, Symbolic, eax, ecx, edi, r12, rax, rcx, rdi


def test_emit_functions_read_as_if_a_person_had_written_them(golden: Callable[[str, str], None]) -> None:
    golden("examples.c", compile_file(examples.FILE, "examples.dasc"))


def compiled(hot: list[Line], cold: list[Line] | None = None, *values: Value) -> CompiledStencil:
    return compile_stencil(Stencil("S", values=values, hot=tuple(hot), cold=tuple(cold or ())))


def value(low: int, high: int, bits: int = 64) -> tuple[Symbolic, Value]:
    symbol = Symbol("E0", low, high)
    return Symbolic(symbol), Value(symbol, "instruction->oparg", bits)


def conditions(source: str) -> list[str]:
    return re.findall(r"if \((.*)\) \{", source)


# ---- Values ----


@pytest.mark.parametrize(
    ("low", "high", "tests"),
    [
        (0, 0, []),  # no displacement
        (1, 127, []),  # always 8 bits
        (128, 5000, []),  # always 32 bits
        (1, 5000, ["E0 <= 127"]),
        (-5000, 127, ["E0 == 0", "E0 >= -128"]),
        (0, 5000, ["E0 == 0", "E0 <= 127"]),
        (-5000, -1, ["E0 >= -128"]),
        (-5000, 5000, ["E0 == 0", "E0 >= -128 && E0 <= 127"]),
    ],
)
def test_the_declared_range_decides_tests_of_a_displacement(low: int, high: int, tests: list[str]) -> None:
    symbolic, declared = value(low, high)
    assert conditions(compiled([line("MOV", rdi, at(rax, symbolic))], None, declared).c_source) == tests


def test_32_bit_values_are_compared_as_unsigned_and_fit_as_signed() -> None:
    symbolic, declared = value(0, (1 << 32) - 1, 32)
    source = compiled([line("CMP", edi, symbolic)], None, declared).c_source
    assert conditions(source) == ["E0 <= 127 || E0 >= 4294967168"]


def test_displacement_and_immediate_are_chosen_together() -> None:
    symbolic, declared = value(0, 5000)
    source = compiled([line("ADD", at(rdi, symbolic), symbolic)], None, declared).c_source
    assert conditions(source) == ["E0 == 0", "E0 <= 127"]


def test_zero_is_loaded_by_xor_only_where_no_flag_is_read() -> None:
    symbolic, declared = value(0, 5000, 32)
    assert conditions(compiled([line("MOV", eax, symbolic, flags_dead=True)], None, declared).c_source) == ["E0 == 0"]
    assert conditions(compiled([line("MOV", eax, symbolic)], None, declared).c_source) == []
    assert '"\\x31\\xc0"' in compiled([line("MOV", rax, 0, flags_dead=True)]).c_source
    assert '"\\xb8\\x00\\x00\\x00\\x00"' in compiled([line("MOV", rax, 0)]).c_source


@pytest.mark.parametrize(
    ("low", "high", "most"), [(0, 5000, 5), (-5, 5000, 7), (-1 << 31, (1 << 32) - 1, 7), (0, 1 << 32, 10)]
)
def test_64_bit_constants_take_what_their_range_needs(low: int, high: int, most: int) -> None:
    symbolic, declared = value(low, high)
    result = compiled([line("MOV", rax, symbolic)], None, declared)
    assert result.max_hot == most
    assert ("sg_load" in result.c_source) == (most == 10)


def test_a_value_that_fits_no_field_is_refused_in_words(tmp_path: Path) -> None:
    symbol = Symbol("E0", 0, 1 << 40)
    stencil = Stencil(
        "S",
        values=(Value(symbol, "instruction->v[0]"),),
        hot=(line("MOV", rdi, at(r12, Symbolic(symbol, 8))),),
    )
    fits, too_large = run([stencil], [Request(0, 0, 1, 0, (v,), 0) for v in ((1 << 31) - 9, (1 << 31) - 8)], tmp_path)
    assert fits.error == ""
    assert too_large.error == (
        "instruction->v[0] is 2147483640, but `mov rdi, qword [r12+E0+8]` holds 0..2147483639 only"
    )


def test_a_promised_range_is_checked_and_nothing_emitted_when_it_is_broken(tmp_path: Path) -> None:
    promised = Value(Symbol("E0", -5, 5000), "instruction->v[0]", checked=True)
    stencil = Stencil("S", values=(promised,), hot=(line("MOV", rdi, at(r12, Symbolic(promised.symbol))),))
    fits, too_small = run([stencil], [Request(0, 0, 1, 0, (v,), 0) for v in (-5, -6)], tmp_path)
    assert fits.error == "" and fits.hot_code
    assert too_small.error == "instruction->v[0] is -6, outside of its range -5..5000"
    assert too_small.hot_code == b""


def test_an_expression_in_an_error_is_no_format() -> None:
    symbol = Symbol("E0", 0, 1 << 40)
    stencil = Stencil(
        "S", values=(Value(symbol, 'f("\\"", 7 % 3)'),), hot=(line("MOV", rdi, at(r12, Symbolic(symbol))),)
    )
    assert r'"f(\"\\\"\", 7 %% 3) is %lld, but ' in compile_stencil(stencil).c_source


# ---- Jumps ----


def padding(size: int) -> list[Line]:
    """Code of this many bytes."""
    return [line("NOP")] * size


@pytest.mark.parametrize(("distance", "opcode"), [(127, "\\x75\\x7f"), (128, "\\x0f\\x85\\x80\\x00\\x00\\x00")])
def test_forward_jumps_are_short_up_to_127_bytes(distance: int, opcode: str) -> None:
    source = compiled([line("JNE", Label("1")), *padding(distance), label("1"), line("RET")]).c_source
    assert f'"{opcode}"' in source


@pytest.mark.parametrize(("distance", "opcode"), [(126, "\\xeb\\x80"), (127, "\\xe9\\x7c\\xff\\xff\\xff")])
def test_backward_jumps_are_short_up_to_128_bytes(distance: int, opcode: str) -> None:
    source = compiled([label("1"), *padding(distance), line("JMP", Label("1"))]).c_source
    assert f'"{opcode}"' in source


def test_one_jump_that_grows_pushes_another_out_of_reach() -> None:
    hot = [
        line("JNE", Label("1")),
        line("JE", Label("2")),
        *padding(124),
        label("1"),
        *padding(4),
        label("2"),
        line("RET"),
    ]
    result = compiled(hot)
    assert result.max_hot == 6 + 6 + 128 + 1


def test_a_distance_over_code_of_fixed_length_is_part_of_the_template() -> None:
    source = compiled([line("JNE", Label("1")), *padding(3), label("1"), line("RET")]).c_source
    assert source.count("memcpy") == 1 and "jump_" not in source and "label_" not in source


def test_a_distance_over_a_call_is_stored_when_its_target_is_reached() -> None:
    source = compiled([line("JNE", Label("1")), line("CALL", Address("f")), label("1"), line("RET")]).c_source
    assert "uint8_t *const jump_1 = hot + 1;" in source
    assert "sg_put8(jump_1, (uint8_t)(hot - jump_1 - 1));" in source


def test_a_jump_to_where_it_falls_through_is_no_code() -> None:
    assert compiled([line("JMP", NEXT)]).max_hot == 0
    assert compiled([line("JMP", Label("1")), label("2"), label("1"), line("RET")]).max_hot == 1
    assert compiled([line("JE", NEXT)]).max_hot == 2


def test_exits_share_one_stub_at_the_start_of_the_cold_part() -> None:
    result = compiled([line("JE", EXIT), line("JNE", EXIT)], [line("JMP", EXIT)])
    assert result.exits and result.c_source.count("sg_exit_stub") == 1
    assert result.c_source.count("as->cold);") == 2


def test_a_jump_to_a_position_is_left_to_the_runtime_where_it_may_fall_through() -> None:
    target = LabelHole("instruction->target")
    assert "sg_jump_label(as, hot, (uint64_t)(instruction->target))" in compiled([line("JMP", target)]).c_source
    in_the_middle = compiled([line("JMP", target), label("1"), line("JMP", Label("1"))])
    assert "sg_label32(as, hot + 1, (uint64_t)(instruction->target))" in in_the_middle.c_source
    assert "sg_label32(as, hot + 2, " in compiled([line("JE", target)]).c_source


def test_a_jump_that_cannot_reach_is_an_error() -> None:
    with pytest.raises(CompileError, match=r"`jrcxz =>L\(1\)` can jump no further than 128 bytes"):
        compiled([line("JRCXZ", Label("1")), *padding(128), label("1"), line("RET")])
    with pytest.raises(CompileError, match="stencil S: `jrcxz =>EXIT` can jump no further"):
        compiled([line("JRCXZ", EXIT)])


# ---- Facts about a stencil ----


@pytest.mark.parametrize(
    ("hot", "cold", "continues"),
    [
        ([], [], True),
        ([line("NOP")], [], True),
        ([line("RET")], [], False),
        ([line("UD2")], [], False),
        ([line("JMP", rax)], [], False),
        ([line("JMP", EXIT)], [], False),
        ([line("JMP", EXIT)], [line("JMP", NEXT)], True),
        ([line("JE", NEXT), line("RET")], [], True),
        ([line("CALL", Address("f"))], [], True),
        ([DropFrame()], [], True),
    ],
)
def test_whether_the_next_micro_op_may_follow(hot: list[Line], cold: list[Line], continues: bool) -> None:
    assert compiled(hot, cold).continues == continues


def test_the_frame_is_handed_on() -> None:
    assert compile_stencil(Stencil("S", frame=24)).frame == 24


def test_compiling_is_reproducible() -> None:
    again = parse(write(examples.FILE))
    assert compile_file(again, "x") == compile_file(examples.FILE, "x")


# ---- What cannot be compiled ----


@pytest.mark.parametrize(
    ("stencil", "cause"),
    [
        (Stencil("1S"), "`1S` is not an identifier"),
        (Stencil("S", frame=-8), "a frame of -8 bytes"),
        (Stencil("S", parameters=("int x;",)), "does not declare a parameter"),
        (Stencil("S", hot=(line("JE", Label("7")),)), r"no line of this stencil is called =>L\(7\):"),
        (Stencil("S", hot=(line("MOV", eax, Symbolic(Symbol("E0", 0, 1))),)), "`E0` with this range is not a value"),
        (Stencil("S", hot=(label("a b"),)), "`a b` cannot name a line"),
        (Stencil("S", values=(Value(Symbol("hot", 0, 1), "1"),)), "a value cannot be called `hot`"),
        (Stencil("S", values=(Value(Symbol("label_1", 0, 1), "1"),)), "a value cannot be called `label_1`"),
        (Stencil("S", values=(Value(Symbol("E0", 0, 1), "1; f()"),)), "is not an expression on one line"),
        (Stencil("S", hot=(line("CALL", Address("f + 8")),)), "is not an lvalue"),
        (Stencil("S", hot=(line("CALL", LabelHole("f)(")),)), "is not an expression"),
    ],
)
def test_unsound_stencils_are_refused_by_writer_and_compiler(stencil: Stencil, cause: str) -> None:
    for use in (compile_stencil, lambda stencil: write(File(stencils=(stencil,)))):
        with pytest.raises(CompileError, match=cause):
            use(stencil)


@pytest.mark.parametrize("preamble", [("| mov",), ("", "x"), ("x", ""), ("a\nb",), ("f(); // @stencil frame 0",)])
def test_a_preamble_that_would_be_read_differently_is_refused(preamble: tuple[str, ...]) -> None:
    with pytest.raises(CompileError, match="preamble"):
        write(File(preamble))


def test_an_operand_no_encoding_takes_is_an_error() -> None:
    symbolic, declared = value(1 << 40, 1 << 41)
    with pytest.raises(CompileError, match=r"stencil S: .*does not fit"):
        compiled([line("ADD", rax, symbolic)], None, declared)


def test_a_label_and_a_value_in_one_instruction_are_refused() -> None:
    symbolic, declared = value(0, 5000)
    compare = InstructionLine(Instruction("CMP", (Memory(target=Label("1"), size=4), symbolic)))
    with pytest.raises(CompileError, match="holds both a label and a JIT-time value"):
        compiled([label("1"), compare], None, declared)


def test_a_position_in_the_trace_and_a_constant_in_one_instruction_are_refused() -> None:
    compare = InstructionLine(Instruction("CMP", (Memory(target=LabelHole("1"), size=4), 5)))
    with pytest.raises(CompileError, match="holds both a position in the trace and a constant"):
        compiled([compare])


# ---- Under every C compiler at hand ----


def test_clang_has_no_complaint_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang", reason="the ziglang wheel is the Clang of the tests")
    from random import Random
    from sys import executable

    monkeypatch.setenv("CC", f"{executable} -m ziglang cc")
    random = Random(1)
    stencils = [generate.stencil(random, f"S{number}") for number in range(20)]
    run(stencils, [], tmp_path, "-Wno-unused-command-line-argument")


def test_many_registers() -> None:
    """`mov r32` zero-extends: a 64-bit load of an unsigned 32-bit value takes no REX.W."""
    symbolic, declared = value(0, (1 << 32) - 1)
    assert compiled([line("MOV", rcx, symbolic)], None, declared).max_hot == 5
    assert compiled([line("MOV", ecx, symbolic)], None, declared).max_hot == 5
