"""Random programs: DynASM and our back end for its engine write the same C.

Programs are put together from lines that use every construct of the language. Runs where lupa and DynASM are found.
"""

from random import Random, SystemRandom

import pytest

from dasc import Comments, DynasmError, Options, TranslationError, compile_text
from tests.dasc.upstream import folder

HEAD = """\
|.arch x64
|.section code, cold
|.globals GLOB_
|.globalnames names
|.externnames externs
|.actionlist actions
|.type NODE, struct node, rbx
|.type ITEM, struct item
|.define BASE, rdx
|.define OFFSET, 8
|.macro load, reg, from; mov reg, from; .endmacro
|.macro store2, to, a, b
|  mov [to], a
|  mov [to+8], b
|.endmacro
|.macro guarded, condition, what
|.if condition
||  if (flag) {
|   load eax, what
||  }
|.else
|  store2 BASE, rax, rcx
|.endif
|.endmacro
|.macro pasted, letter
|  mov r..letter, [r..letter..+OFFSET]
|.endmacro
|.code
"""

LINES = """
| mov rax, {m}
| add {r}, {i}
| cmp dword [{r}+{i}], {i}
| lea {r}, [{r}+rcx*4+{e}]
| load {r}, BASE
| store2 {r}, rax, rcx
| guarded {i}, {e}
| guarded X64, [BASE]
| pasted 12
| mov {r}, NODE->next
| mov {r}, NODE:{r}->field[{e}]
| mov {r}, ITEM:BASE[{i}].value
| mov eax, #NODE
| mov Rd({e}), [Rq({e})+{e}]
| movsd xmm({e}), qword [{r}]
| vaddsd xmm1, xmm({e}), qword [Rq({e})+{i}]
| call extern function{i}
| call &pointer
| jmp ->global{i}
|->label{n}:
|=>{e}:
| jz =>{e}
|1:
| jnz <1
| jmp >2
|2:
| lea rax, [->global1]
| lea rax, [&table]
| mov64 {r}, {e}
| lock; inc dword [{r}]
| .byte 1, {e}, 255
| .word {e}; .dword -1, {e}
| .qword 5
| .aword ->global2
| .align 16
| .space {e}, 0xcc
|.cold
|.code
|.if {i}
|.elif X64 or {i} == 3
| ret
|.else
|.endif
|.define VALUE{n}, {e}
|.nop anything, at [all]
|.capture later
|.endcapture
int c = {i};
|| int d = {i};
  |  test al, {b}; setz al // comment
| push {r}; pop {r}; // two
| imul {r}, {r}, {i}
| xchg {r}, {r}
| fadd st{b}
| fld qword [{r}]
| rep; stosb
| shl {r}, {b}
| vblendvpd ymm1, ymm2, [{r}], ymm3
""".strip("\n").split("\n")  # fmt: skip


def program(random: Random) -> str:
    lines, number = [HEAD], 0
    capturing, depth = False, []
    for _ in range(random.randrange(5, 60)):
        line = random.choice(LINES)
        number += 1
        match line.split()[0]:
            case "|.if":
                depth.append("if")
            case "|.elif" if not depth or depth[-1] == "else":
                continue
            case "|.else":
                if not depth or depth[-1] == "else":
                    continue
                depth[-1] = "else"
            case "|.endif":
                if not depth:
                    continue
                depth.pop()
            case "|.capture" | "|.endcapture":
                if depth or capturing != line.startswith("|.end"):
                    continue
                capturing = not capturing
        lines.append(
            line.format(
                r=random.choice(["rax", "rbx", "rsp", "rbp", "r12", "r13", "r9"]),
                m=random.choice(["[rbx]", "[rsp+8]", "qword [0x10]", "[rax*8+n]", "5", "n"]),
                i=random.choice([0, 1, 3, -4, 100, 127, 128, -129, 0x12345]),
                e=random.choice(["n", "n+1", "f(a, b)", "x[1]", "(int)y"]),
                b=random.randrange(8),
                n=number,
            )
        )
    lines += ["|.endif"] * len(depth) + ["|.endcapture"] * capturing
    if any("|.capture" in line for line in lines):
        lines.append("|.dumpcapture later")
    return "\n".join(lines) + "\n"


def test_both_write_the_same_c(request: pytest.FixtureRequest) -> None:
    """`pytest --long`: 2,000 programs from a new seed."""
    long = request.config.getoption("--long")
    first, count = (SystemRandom().getrandbits(32), 2000) if long else (0, 25)
    refused = sum(_both_refuse(seed) for seed in range(first, first + count))
    print(f"\n{count} programs from seed {first}: {count - refused} the same, {refused} wrong for both")
    assert refused < count // 2


@pytest.mark.parametrize(
    "lines",
    [
        "| two 1,",
        "| two 1, 2",
        "| two , 1, 2",
        "| two ,, 1",
        "|.define A,\n| mov eax, 1 A",
        "|.define , A\n| mov eax, A",
    ],
)
def test_parameters_that_are_nothing(lines: str) -> None:
    """A macro may be given them; one before the first comma does not count."""
    text = HEAD + "|.macro two, a, b\n| mov eax, 7 b\n|.endmacro\n" + lines + "\n"
    options = Options(comments=Comments("/*|", " */"))
    try:
        theirs = compile_text(text, "in.dasc", "dynasm", options, folder())
    except DynasmError:
        with pytest.raises(TranslationError):
            compile_text(text, "in.dasc", "actionlist", options)
    else:
        assert _body(compile_text(text, "in.dasc", "actionlist", options)) == _body(theirs)


def test_calls_are_cut_where_dynasm_cuts_them() -> None:
    """At most 25 positions: after data, before all else."""
    for count in range(20, 26):
        for last in (
            ".word n, n, n, n",
            ".qword n",
            ".align 8",
            ".space n",
            "mov eax, n",
            ".cold",
            ".aword ->x; .align 4",
        ):
            text = HEAD + f"| {'; '.join(['.dword n'] * count)}\n| {last}\n| add eax, n\n"
            options = Options(comments=Comments("/*|", " */"))
            theirs = compile_text(text, "in.dasc", "dynasm", options, folder())
            assert _body(compile_text(text, "in.dasc", "actionlist", options)) == _body(theirs), (count, last)


def _both_refuse(seed: int) -> bool:
    """Whether both back ends find fault with a program; else they make the same of it."""
    random = Random(seed)
    text = program(random)
    options = Options(
        definitions=(("X64", "1"),),
        comments=random.choice([Comments(), Comments("/*|", " */"), Comments("")]),
        line_numbers=random.random() < 0.5,
        flush_lines=random.random() < 0.2,
    )
    try:
        theirs = compile_text(text, "in.dasc", "dynasm", options, folder())
    except DynasmError as error:
        with pytest.raises(TranslationError):  # whatever is wrong is wrong for both
            compile_text(text, "in.dasc", "actionlist", options)
        assert "in.dasc" in str(error), seed
        return True
    assert _body(compile_text(text, "in.dasc", "actionlist", options)) == _body(theirs), f"seed {seed}"
    return False


def _body(text: str) -> list[str]:
    """The lines after the comment at the head. Casts that ours has in addition, and the file's folder, do not count."""
    lines = text.replace("(unsigned long long)", "").split("\n")
    start = next(index for index, line in enumerate(lines) if line.startswith(("#", "//|", "/*|")))
    return ["#line" if line.startswith("#line") else line for line in lines[start:]]
