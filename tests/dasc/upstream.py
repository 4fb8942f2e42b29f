"""DynASM as an oracle: what it accepts, and the actions that it makes of a statement."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from zlib import crc32

import pytest

from dasc.actionlist.actions import Action
from dasc.dynasm import DynasmError, find, run

HEAD = "|.arch x64\n|.actionlist actions\n|.globals GLOB_\nvoid f(Dst_DECL) {\n"
_FOLLOWING = dict.fromkeys(
    [
        Action.VARIABLE_REGISTER,
        Action.SPACE,
        Action.RELATIVE_LABEL,
        Action.ADDRESS_OF_LABEL,
        Action.LABEL,
        Action.ALIGN,
        Action.ESCAPE,
        Action.SECTION,
    ],
    1,
) | {Action.EXTERN: 2}


def folder() -> Path:
    """DynASM's folder, or skip the test."""
    pytest.importorskip("lupa", reason="lupa runs DynASM, and is not installed")
    try:
        return find()
    except DynasmError as error:
        pytest.skip(str(error).replace("\n  → ", ": "))


@dataclass(frozen=True)
class Put:
    """What one statement became: its part of the action list, and the arguments."""

    actions: bytes
    arguments: tuple[str, ...]


def parse_output(text: str) -> list[Put]:
    """The calls of dasm_put in a C file that DynASM, or our back end for it, wrote."""
    table = re.search(r"static const unsigned char \w+\[\d+\] = \{([^}]*)\}", text)
    assert table is not None
    actions = bytes(int(byte) for byte in table[1].split(",") if byte.strip())
    puts = []
    for line in re.findall(r"^\s*dasm_put\(Dst, (.*)\);$", text, re.MULTILINE):
        offset, *arguments = split_arguments(line)
        puts.append(Put(_chunk(actions, int(offset)), tuple(arguments)))
    return puts


def split_arguments(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]


def _chunk(actions: bytes, start: int) -> bytes:
    position = start
    while actions[position] not in (Action.STOP, Action.SECTION):
        byte = actions[position]
        position += 1 + (_FOLLOWING.get(Action(byte), 0) if byte >= Action.DISPLACEMENT else 0)
    return actions[start:position]


def assemble_all(statements: Sequence[str]) -> dict[str, Put | str]:
    """DynASM's answer to each statement: what it became, or the error."""
    directory = folder()
    errors: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as temporary:
        patched = Path(temporary)
        for script in directory.glob("*.lua"):
            text = script.read_text(encoding="utf-8")
            # It is quiet after 20 errors; here every one counts.
            (patched / script.name).write_text(text.replace("g_errcount < 21", "g_errcount < 1e9"), encoding="utf-8")
        source = patched / "in.dasc"
        first = HEAD.count("\n") + 1
        source.write_text(HEAD + "".join(f"| {statement}\n" for statement in statements) + "}\n")
        options = ["-F", "-N", "-L", str(source)]
        messages = run(options, patched).messages
        for line, error in re.findall(r"^[^:\n]*in\.dasc:(\d+): error: (.*):$", messages, re.MULTILINE):
            errors[int(line) - first] = error
        accepted = [statement for index, statement in enumerate(statements) if index not in errors]
        source.write_text(HEAD + "".join(f"| {statement}\n" for statement in accepted) + "}\n")
        result = run(options, patched)
        assert result.code == 0, result.messages
        puts = parse_output(result.output)
        assert len(puts) == len(accepted), (len(puts), len(accepted))
    answers: dict[str, Put | str] = {statements[index]: error for index, error in errors.items()}
    return answers | dict(zip(accepted, puts, strict=True))


# ---- Every form × operand kind ----

_REGISTERS = [
    "al",
    "cl",
    "bl",
    "ah",
    "r4b",
    "ax",
    "bx",
    "eax",
    "ecx",
    "rax",
    "rbx",
    "xmm0",
    "xmm1",
    "ymm2",
    "st0",
    "st1",
]
_FEW_REGISTERS = ["cl", "ecx", "rbx", "xmm0", "xmm1", "ymm2"]
_SIZES = ["", "byte ", "word ", "dword ", "qword ", "oword ", "yword ", "tword "]
_MEMORY = [f"{size}[rdx]" for size in _SIZES]
_IMMEDIATES = ["1", "5", "-3", "0x1234", "0xffff", "0xfffffff0", "0x12345678", "expr"]
_FEW_IMMEDIATES = ["1", "200", "expr"]


def _samples(kind: str, few: bool) -> list[str]:
    registers = _FEW_REGISTERS if few else _REGISTERS
    return {
        "reg": registers,
        "eax": ["al", "ax", "eax", "rax", "xmm0"],
        "cl": ["cl"],
        "mem": _MEMORY,
        "mrm": registers + _MEMORY,
        "imm": _FEW_IMMEDIATES if few else _IMMEDIATES,
        "stx": ["st0", "st1"],
        "st0": ["st0"],
        "lbl": [">1", "=>pc", "->name", "extern f", "&pointer"],
        "1": ["1"],
    }[kind]


def statements(keep: int = 1) -> list[str]:
    """Every instruction that DynASM knows with every kind of operand that it may have: one in `keep` of them."""
    listing = run(["-A", "x64"], folder()).output.partition("\nOpcodes:\n")[2]
    found: dict[str, None] = {}
    for line in listing.splitlines():
        if not line.strip() or line.split()[0] in ("mov64",):
            continue
        name, *rest = line.split(maxsplit=1)
        kinds = [kind.strip() for kind in rest[0].split(",")] if rest else []
        for operands in product(*(_samples(kind, len(kinds) > 2) for kind in kinds)):
            statement = f"{name} {', '.join(operands)}".strip()
            if one_in(keep, statement):
                found[statement] = None
    return list(found)


_OTHER = {
    "al": ["r9b", "r5b", "Rb(n)"], "bl": ["r9b", "r7b", "dh", "Rb(n)"], "bx": ["r9w", "Rw(n)"], "ecx": ["r10d", "Rd(n)"],
    "rbx": ["r11", "rsp", "r13", "Rq(n)"], "xmm1": ["xmm9", "xmm(n)"], "ymm2": ["ymm10", "ymm(n)"], "st1": ["Rf(n)"],
    "[rdx]": [
        "[rbp]", "[r12]", "[r13]", "[rsp+8]", "[r8-128]", "[rdx+128]", "[rdx+expr]", "[r12+expr]", "[rsp-expr]",
        "[rax+rcx*4]", "[r8+r9*8+16]", "[rbp+r12]", "[r13+rax*2+0x1000]", "[rax+r10*4+expr]", "[rcx*8]", "[r9*2+expr]",
        "[rcx*1-8]", "[0x1234]", "[expr]", "[->name]", "[=>pc]", "[<1]", "[extern f]", "[&pointer]", "[Rq(n)]",
        "[Rq(n)+8]", "[Rq(n)+expr]", "[Rq(n)+rax*4]", "[rax+Rq(m)*8+expr]", "[Rq(n)+Rq(m)*2+300]", "[Rq(m)*4+expr]",
        "[r13d+ecx*8-0x80000000]", "[rdx+dword*3]", "[rdx-0xfffffff0]",
    ],
}  # fmt: skip


def variations(statement: str) -> Iterator[str]:
    """The same with other registers and addresses."""
    for old, others in _OTHER.items():
        if old in statement:
            for new in others:
                yield statement.replace(old, new, 1)
                if statement.count(old) > 1:
                    yield statement.replace(old, new)
                    yield new.join(statement.rsplit(old, 1))


def one_in(count: int, statement: str) -> bool:
    """Whether the statement is in a sample of one in so many, which is always the same one."""
    return crc32(statement.encode()) % count == 0
