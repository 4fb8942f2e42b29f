"""Direct stores: what a compiled file emits is what DynASM's engine would, with branches as short as is known.

The programs are compiled with warnings as errors and run; no file of DynASM is needed.
"""

import subprocess
from itertools import product
from pathlib import Path

import pytest
from iced_x86 import Decoder, Formatter, FormatterSyntax

from tests.dasc.engine import emit
from tests.dasc.execute import ROOT, WARNINGS, c_compiler
from tests.dasc.translate import direct, put

NUMBERS, EXPRESSIONS = range(16), (0, 1, -128, 127, 128, -129, 1000)

STATEMENTS = """
mov eax, expr; mov rax, [rbx+expr]; mov [rsp+expr], ecx; mov rdx, [rbp+expr]; mov rdx, [r13+rax*2+expr]; mov cl, [r12+expr]
mov rax, [rax+rcx*8+expr]; mov rax, [rcx*8+expr]; mov rax, [expr]; lea rax, [rbx+expr]
add eax, expr; add rcx, expr; sub word [rax], expr; cmp dword [rbx+expr], expr; cmp qword [rsp+rax*4+expr], expr
and word [r13+expr], expr; or dword [rbp+8], expr; xor qword [r8+1000], expr; imul eax, [rdx+expr], expr; push expr
mov byte [rax+expr], 5; mov dword [rax+rcx*8+expr], expr; test ecx, expr; mov rax, expr
mov Rd(n), Rd(m); mov Rq(n), [Rq(m)]; mov Rq(n), [Rq(m)+8]; mov Rq(n), [Rq(m)+expr]; mov Rb(n), Rb(m); mov [Rq(n)+1000], Rw(m)
add Rq(n), expr; cmp dword [Rq(n)+expr], expr; cmp dword [Rq(n)+8], expr; mov r9, [Rq(n)+rax*4]; mov rax, [rbx+Rq(1)*4+expr]
push Rq(n); pop Rq(n); bswap Rd(n); bswap Rq(n); mov Rd(n), expr; mov Rq(n), expr; setz Rb(n); inc Rq(n)
addsd xmm(n), xmm(m); addsd xmm(n), qword [Rq(m)+expr]; pshufd xmm(n), xmm(m), 3; movd xmm(n), Rd(m); movq xmm(n), Rq(m)
vaddpd ymm(n), ymm(m), ymm(n); vaddsd xmm1, xmm2, qword [Rq(n)+expr]; vaddsd xmm(n), xmm(m), qword [rax]; vmovaps ymm(n), ymm(m)
vblendvpd xmm(n), xmm1, xmm2, xmm(m); vpermq ymm(n), ymm(m), 3; vpshufb xmm(n), xmm1, [Rq(m)]; vmovd xmm(n), Rd(m)
movzx Rd(n), byte [Rq(m)+8]; crc32 Rd(n), byte [Rq(m)]; mulx Rq(n), Rq(m), [rax]; shlx Rd(n), ecx, Rd(m); rorx Rq(n), rax, 3
""".replace("\n", ";")

NOP = "| nop\n"
MAIN = """
#include <stdio.h>
#define DASM_FDEF static
#include <stencilgen/dasm.h>
#include <stencilgen/dasm_encode.h>
#define Dst (&state)
static dasm_State *state;
%s
static uint8_t code[1 << 16];
static void *globals[16];
int main(void)
{
    dasm_init(Dst, 2);
    dasm_setupglobal(Dst, globals, 16);
    %s
    (void)dasm_getpclabel(Dst, 0);
    dasm_free(Dst);
    return 0;
}
"""


def run(functions: str, main: str, directory: Path, *flags: str) -> list[str]:
    """The lines that a program prints."""
    source, program = directory / "main.c", directory / "main"
    source.write_text(MAIN % (functions, main))
    command = [*c_compiler(), *WARNINGS, "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"]
    done = subprocess.run([*command, *flags, str(source), "-o", str(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()


ENCODE = """
        size_t size;
        int status = dasm_link(Dst, &size);
        if (status == 0) {
            status = dasm_encode(Dst, code);
        }
        printf("%x ", (unsigned)status);
        for (size_t i = 0; i < size; i++) {
            printf("%02x", code[i]);
        }
        printf("\\n");
"""


def test_every_statement_emits_what_the_engine_would(tmp_path: Path) -> None:
    statements = [statement.strip() for statement in STATEMENTS.split(";") if statement.strip()]
    values = [(n, (n * 5 + 3) % 16, e) for n, e in product(NUMBERS, EXPRESSIONS)]
    text = "|.arch x64\n" + "".join(
        f"static void emit{index}(int n, int m, int expr)\n{{\n  (void)n; (void)m; (void)expr;\n  | {statement}\n}}\n"
        for index, statement in enumerate(statements)
    )
    calls = "".join(
        f"for (int k = 0; k < {len(values)}; k++) {{ dasm_setup(Dst, NULL); emit{index}(v[k][0], v[k][1], v[k][2]); {ENCODE} }}\n"
        for index in range(len(statements))
    )
    table = ", ".join(f"{{{n}, {m}, {e}}}" for n, m, e in values)
    lines = iter(run(direct(text), f"static const int v[][3] = {{{table}}};\n{calls}", tmp_path))
    for statement in statements:
        made = put(statement)
        for n, m, expression in values:
            known = {"(n)": n, "(m)": m, "(1)": 1, "expr": expression}
            arguments = [int(known.get(argument, 0)) for argument in made.arguments]
            assert next(lines) == f"0 {emit(made.actions, arguments).hex()}", (statement, n, m, expression)


def assemble(body: str, directory: Path, sections: str = "one") -> bytes:
    text = f"|.arch x64\n|.section {sections}\n|.globals G_\nstatic void build(void)\n{{\n{body}\n}}\n"
    functions = direct(text)
    main = f"dasm_growpc(Dst, 4); dasm_setup(Dst, NULL); build(); {{ {ENCODE} }}"
    [line] = run(functions, main, directory)
    status, code = line.split(" ")
    assert status == "0", line
    return bytes.fromhex(code)


def disassemble(code: bytes) -> list[str]:
    formatter = Formatter(FormatterSyntax.INTEL)
    formatter.digit_separator = ""
    return [formatter.format(instruction) for instruction in Decoder(64, code)]


@pytest.mark.parametrize(
    ("statement", "values", "status"),
    [
        ("mov byte [rax], expr", {-129: False, -128: True, 255: True, 256: False}, 0x11000000),
        ("mov word [rax], expr", {-32769: False, -32768: True, 65535: True, 65536: False}, 0x11000000),
        ("mov eax, (long)expr*1048576", {2047: True, 4095: True, 4096: False, -2048: True, -2049: False}, 0x11000000),
        ("mov rcx, [rax+((long)expr*1048576)]", {2047: True, 4096: False, -2049: False}, 0x11000000),
        ("mov eax, Rd(expr)", {-1: False, 0: True, 15: True, 16: False}, 0x15000000),
        ("mov eax, [rbx+Rq(expr)*8]", {4: False, 12: True, 16: False}, 0x15000000),
    ],
)
def test_values_out_of_range_are_errors_with_dasm_checks(
    statement: str, values: dict[int, bool], status: int, tmp_path: Path
) -> None:
    text = f"|.arch x64\n|.section one\nstatic void build(int expr)\n{{\n| nop; {statement}\n}}\n"
    report = "size_t size; const int status = dasm_link(Dst, &size); if (status == 0) { dasm_encode(Dst, code); }"
    report += 'printf("%x %s\\n", (unsigned)status, state->wrong ? state->wrong : "-");'
    main = "".join(f"{{ dasm_setup(Dst, NULL); build({value}); {report} }}\n" for value in values)
    expected = ["0 -" if fits else f"{status:x} in.dasc:5" for fits in values.values()]
    assert run(direct(text), main, tmp_path, "-DDASM_CHECKS") == expected


def test_branches_are_short_where_the_distance_is_known(tmp_path: Path) -> None:
    body = "| jmp >1\n| mov eax, 5\n|1:\n| jnz <1\n| jmp ->end\n|->end:\n| ret"
    assert assemble(body, tmp_path).hex(" ") == "eb 05 b8 05 00 00 00 75 fe eb 00 c3"


def test_branches_of_one_byte_only_go_to_labels_nearby(tmp_path: Path) -> None:
    body = "|1:\n| jrcxz >2\n| loop <1\n| jecxz ->end\n|2:\n| loopne <1\n|->end:\n| ret"
    assert assemble(body, tmp_path).hex(" ") == "e3 05 e2 fc 67 e3 02 e0 f7 c3"


@pytest.mark.parametrize(
    "body", ["| loop >1\n;\n|1:\n| ret", "|1:\n" + "| nop\n" * 127 + "| loop <1", "| jrcxz extern f"]
)
def test_a_branch_of_one_byte_that_may_not_reach_is_an_error_with_its_line(body: str, tmp_path: Path) -> None:
    text = f"|.arch x64\n|.section one\n|.externnames names\nstatic void build(void)\n{{\n{body}\n}}\n"
    main = f'(void)names; dasm_setup(Dst, NULL); build(); {{ {ENCODE} printf("%s\\n", state->wrong); }}'
    lines = run(direct(text), main, tmp_path)
    assert lines[0].startswith("13000000 ")
    assert lines[1].startswith("in.dasc:")


def test_branches_over_c_code_have_32_bits(tmp_path: Path) -> None:
    body = "| jmp >1\n;\n|1:\n| ret\n| jz >1\n;\n|1:"
    assert assemble(body, tmp_path).hex(" ") == "e9 00 00 00 00 c3 0f 84 00 00 00 00"


def test_a_branch_whose_target_may_be_too_far_has_32_bits(tmp_path: Path) -> None:
    near, far = ("| jmp >1\n" + NOP * count + "|1:" for count in (127, 128))
    assert assemble(near, tmp_path)[0] == 0xEB
    assert assemble(far, tmp_path)[0] == 0xE9


def test_a_branch_back_is_short_when_it_can_be(tmp_path: Path) -> None:
    assert assemble("|1:\n;\n" + NOP * 126 + ";\n| jmp <1", tmp_path)[-2:].hex() == "eb80"
    assert assemble("|1:\n;\n" + NOP * 127 + ";\n| jmp <1", tmp_path)[-5:].hex() == "e97cffffff"


def test_labels_of_all_kinds_meet(tmp_path: Path) -> None:
    body = (
        "|.one\n|->start:\n| jmp =>2\n| call ->other\n| lea rax, [->start]\n| cmp byte [->start], 7\n|.two\n|->other:\n"
        "| ret\n|=>2:\n| jmp ->start\n|.one\n| nop"
    )
    assert disassemble(assemble(body, tmp_path, "one, two")) == [
        "jmp 000000000000001Ah",
        "call 0000000000000019h",
        "lea rax,[0]",
        "cmp byte ptr [0],7",
        "nop",
        "ret",
        "jmp 0",
    ]


def test_data_alignment_and_space(tmp_path: Path) -> None:
    body = "| ret\n|.align 4\n|.byte 1, -1\n|.word 0x1234\n|.dword 5\n|.qword 0x123456789\n|.space 3, 0xcc\n| nop"
    expected = "c3 90 90 90 01 ff 34 12 05 00 00 00 89 67 45 23 01 00 00 00 cc cc cc 90"
    assert assemble(body, tmp_path).hex(" ") == expected


def test_nothing_is_allocated_once_buffers_are_large_enough(tmp_path: Path) -> None:
    text = "|.arch x64\nstatic void build(int n)\n{\n  | jmp >1\n  ;\n  | add eax, n\n  ;\n  |1:\n  | call ->out\n}\n"
    main = """
        int allocations = 0;
        for (int k = 0; k < 100; k++) {
            void *const fixups = state->fixups, *const start = state->sections[0].start;
            size_t size;
            dasm_setup(Dst, NULL);
            build(k);
            dasm_link(Dst, &size);
            dasm_encode(Dst, code);
            allocations += fixups != state->fixups || start != state->sections[0].start;
        }
        printf("%d\\n", allocations);
    """
    assert run(direct(text), main, tmp_path) == ["1"]


def test_the_headers_are_c_plus_plus_too(tmp_path: Path) -> None:
    source = tmp_path / "main.cpp"
    source.write_text("#include <stencilgen/dasm_encode.h>\n")
    flags = ["-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'runtime/include'}"]
    done = subprocess.run([*c_compiler(), *flags, str(source)], capture_output=True, text=True)
    if "cc1plus" in done.stderr:
        pytest.skip("the C compiler at hand has no C++")
    assert done.returncode == 0, done.stderr
