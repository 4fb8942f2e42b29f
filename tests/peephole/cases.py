"""What each rule does, and what it must leave alone, as programs before and after.

`E` is the JIT-time value; `E=None` takes the widest range that the width's immediate allows. Everything is live at
the end except `dead`, so each line is the strongest claim. Placeholders {a} {b} {c} {d} {m} run over all of `widths`,
see `programs.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .programs import FULL_RANGE, WIDTHS, Range, at_width

LOW32 = (0, (1 << 31) - 1)
UNSIGNED32 = (0, (1 << 32) - 1)
WIDE = (0, (1 << 64) - 1)


@dataclass(frozen=True, slots=True)
class Case:
    """`after` is None where the rule must not fire."""

    rule: str
    before: str
    after: str | None
    dead: str
    symbol: Range


def fires(
    rule: str, before: str, after: str, *, dead: str = "", E: Range | None = None, widths: tuple[int, ...] = WIDTHS
) -> Iterator[Case]:
    widths = widths if "{" in before else (64,)
    for bits in widths:
        symbol = FULL_RANGE[bits] if E is None else E
        yield Case(rule, at_width(before, bits), at_width(after, bits), dead, symbol)


def stays(
    rule: str, before: str, *, dead: str = "", E: Range | None = None, widths: tuple[int, ...] = WIDTHS
) -> Iterator[Case]:
    for case in fires(rule, before, "", dead=dead, E=E, widths=widths):
        yield Case(case.rule, case.before, None, case.dead, case.symbol)


def fold_constant() -> Iterator[Case]:
    rule = "fold_constant"
    for operation in ("add", "adc", "sub", "sbb", "and", "or", "xor", "cmp", "test", "mov"):
        yield from fires(rule, f"mov {{c}}, E; {operation} {{a}}, {{c}}", f"{operation} {{a}}, E", dead="rcx")
        yield from fires(rule, f"mov {{c}}, E; {operation} {{m}}, {{c}}", f"{operation} {{m}}, E", dead="rcx")
        yield from fires(rule, f"mov {{c}}, -3; {operation} {{a}}, {{c}}", f"{operation} {{a}}, -3", dead="rcx")
    yield from fires(rule, "mov {c}, E; test {c}, {a}", "test {a}, E", dead="rcx")
    yield from fires(rule, "mov ecx, E; add rax, rcx", "add rax, E", dead="rcx", E=LOW32)
    yield from fires(rule, "mov ecx, E; mov [rsi], rcx", "mov qword [rsi], E", dead="rcx", E=LOW32)
    yield from fires(rule, "mov ecx, E; add rax, rcx", "add rax, E", dead="rcx", E=(7, 7))
    yield from fires(rule, "mov ecx, 0x7fffffff; add rax, rcx", "add rax, 0x7fffffff", dead="rcx")
    yield from fires(rule, "mov ecx, E; add [rsi], cl", "add byte [rsi], E", dead="rcx", E=(0, 255))
    yield from fires(rule, "mov rcx, E; sub ax, cx", "sub ax, E", dead="rcx", E=(-5, 300))
    yield from fires(rule, "mov ecx, 0x12345; mov [rsi], cx", "mov word [rsi], 0x2345", dead="rcx")
    yield from fires(rule, "mov rcx, E; mov rax, rcx", "mov rax, E", dead="rcx", E=WIDE)
    yield from fires(rule, "mov rcx, 0x123456789a; mov rax, rcx", "mov rax, 0x123456789a", dead="rcx")
    yield from fires(rule, "mov ecx, -1; mov rax, rcx", "mov rax, 0xffffffff", dead="rcx")
    yield from fires(rule, "mov cl, E; add al, cl", "add al, E", dead="cl", E=(0, 255))
    yield from fires(
        rule,
        "mov ecx, E; mov rdx, [rsi]; add rdx, 1; mov [rsi], rdx; cmp rax, rcx",
        "mov rdx, [rsi]; add rdx, 1; mov [rsi], rdx; cmp rax, E",
        dead="rcx",
        E=LOW32,
    )
    yield from fires(rule, "mov ecx, E; lock add [rsi], rcx", "lock add qword [rsi], E", dead="rcx", E=LOW32)
    # the register's value is needed later, or in part
    yield from stays(rule, "mov {c}, E; add {a}, {c}", dead="")
    yield from stays(rule, "mov ecx, E; add eax, ecx", dead="cl ch", E=LOW32)
    yield from stays(rule, "mov ecx, E; add al, cl; add dl, cl", dead="rcx", E=(0, 255))
    # the register is changed in between, or in part
    yield from stays(rule, "mov ecx, E; mov ch, 1; add eax, ecx", dead="rcx", E=LOW32)
    yield from stays(rule, "mov cl, E; add eax, ecx", dead="rcx", E=(0, 255))
    yield from stays(rule, "mov ecx, E; add al, ch", dead="rcx", E=(0, 255))
    # the register is used otherwise too
    yield from stays(rule, "mov rcx, E; add [rcx], rcx", dead="rcx", E=LOW32)
    yield from stays(rule, "mov rcx, E; add rcx, rcx", dead="rcx", E=LOW32)
    yield from stays(rule, "mov rcx, E; cmp rcx, rax", dead="rcx", E=LOW32)
    yield from stays(rule, "mov ecx, E; mov ds, cx", dead="rcx", E=(0, 100))
    # a constant against a constant
    yield from stays(rule, "mov {c}, E; test {c}, 1", dead="rcx", E=(0, 1))
    yield from stays(rule, "mov {c}, E; cmp {c}, 1", dead="rcx", E=(0, 1))
    # not every value fits
    yield from stays(rule, "mov rcx, E; add rax, rcx", dead="rcx", E=(0, 1 << 31))
    yield from stays(rule, "mov rcx, E; add rax, rcx", dead="rcx", E=(-(1 << 31) - 1, 0))
    yield from stays(rule, "mov ecx, E; add rax, rcx", dead="rcx", E=UNSIGNED32)
    yield from stays(rule, "mov ecx, E; add rax, rcx", dead="rcx", E=(-1, 5))
    yield from stays(rule, "mov ecx, E+1; add rax, rcx", dead="rcx", E=(0, (1 << 31) - 1))
    yield from stays(rule, "mov ecx, 0x80000000; add rax, rcx", dead="rcx")
    yield from stays(rule, "mov ecx, -1; add rax, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, E; mov [rsi], rcx", dead="rcx", E=WIDE)
    yield from stays(rule, "mov ecx, E; add al, cl", dead="rcx", E=(0, 256))
    yield from stays(rule, "mov ecx, E; add ax, cx", dead="rcx", E=(-1, 1 << 15 | 1 << 16))
    yield from stays(rule, "mov ecx, E; mov rax, rcx", dead="rcx", E=(0, 1 << 33))
    # instructions that have no immediate form, or control flow in between
    yield from stays(rule, "mov ecx, E; xadd eax, ecx", dead="rcx", E=LOW32)
    yield from stays(rule, "mov ecx, E; call f; add eax, ecx", dead="rcx", E=LOW32)


def multiply_constant() -> Iterator[Case]:
    rule, widths = "multiply_constant", (16, 32, 64)
    yield from fires(rule, "mov {c}, E; imul {a}, {c}", "imul {a}, {a}, E", dead="rcx", widths=widths)
    yield from fires(rule, "mov {c}, -7; imul {a}, {c}", "imul {a}, {a}, -7", dead="rcx", widths=widths)
    yield from fires(rule, "mov ecx, E; imul rax, rcx", "imul rax, rax, E", dead="rcx", E=LOW32)
    yield from fires(rule, "mov {c}, E; imul {c}, {a}", "imul {c}, {a}, E", widths=(32, 64))
    yield from fires(rule, "mov {c}, E; imul {c}, {m}", "imul {c}, {m}, E", widths=(32, 64))
    yield from fires(rule, "mov ecx, E; mov eax, [rsi]; imul rcx, rax", "mov eax, [rsi]; imul rcx, rax, E", E=LOW32)
    # the upper part of rcx stays as `mov` left it
    yield from stays(rule, "mov ecx, E; imul cx, ax", E=(0, 100))
    yield from stays(rule, "mov rcx, E; imul rcx, rcx", E=LOW32)
    yield from stays(rule, "mov rcx, E; imul rcx, [rcx + 8]", E=LOW32)
    yield from stays(rule, "mov rcx, E; imul rax, rcx", E=LOW32)
    yield from stays(rule, "mov rcx, E; imul rax, rcx", dead="rcx", E=(0, 1 << 31))
    yield from stays(rule, "mov rcx, E; imul rcx", dead="rcx", E=LOW32)


def commute_constant() -> Iterator[Case]:
    rule = "commute_constant"
    yield from fires(rule, "mov eax, E; add eax, esi", "lea eax, [rsi + E]", dead="flags", E=LOW32)
    yield from fires(rule, "mov eax, -3; add eax, esi", "lea eax, [rsi - 3]", dead="flags")
    yield from fires(rule, "mov rax, E; add rax, rsi", "lea rax, [rsi + E]", dead="flags")
    yield from fires(rule, "mov eax, E; add rax, r12", "lea rax, [r12 + E]", dead="flags", E=LOW32)
    yield from fires(rule, "mov rax, E; add eax, esi", "lea eax, [rsi + E]", dead="flags", E=LOW32)
    for operation in ("add", "and", "or", "xor"):
        after = f"{operation} {{a}}, E"
        yield from fires(rule, f"mov {{a}}, E; {operation} {{a}}, {{b}}", f"mov {{a}}, {{b}}; {after}", widths=(32,))
        yield from fires(rule, f"mov {{a}}, E; {operation} {{a}}, {{m}}", f"mov {{a}}, {{m}}; {after}", widths=(32,))
        yield from fires(
            rule,
            f"mov {{d}}, E; {operation} {{d}}, {{b}}",
            f"mov {{d}}, {{b}}; {operation} {{d}}, E",
            E=(0, 127),
            widths=(32, 64),
        )
    yield from fires(
        rule, "mov ecx, E; mov edx, [rsi]; xor ecx, edx", "mov edx, [rsi]; mov ecx, edx; xor ecx, E", E=(0, 127)
    )
    # longer: outside of eax the operation needs 6 bytes with a large constant
    yield from stays(rule, "mov edx, E; and edx, ebx", E=UNSIGNED32)
    # lea would change flags' meaning
    yield from stays(rule, "mov edx, E; add edx, ebx", dead="CF PF AF ZF OF", E=UNSIGNED32)
    yield from stays(rule, "mov rax, E; sub rax, rsi", dead="flags", E=LOW32)
    yield from stays(rule, "mov rax, E; add rax, rax", dead="flags", E=LOW32)
    yield from stays(rule, "mov rax, E; add rax, [rax]", dead="flags", E=LOW32)
    yield from stays(rule, "mov eax, E; add ax, si", dead="flags", E=(0, 100))
    yield from stays(rule, "mov {a}, E; add {a}, {b}", dead="flags", E=(0, 100), widths=(8, 16))
    yield from stays(rule, "mov eax, E; add rax, rsi", dead="flags", E=UNSIGNED32)
    yield from stays(rule, "mov rax, E; add rax, rsi", dead="flags", E=WIDE)
    yield from stays(rule, "mov edx, E; add edx, ebx", dead="flags", E=UNSIGNED32)
    yield from stays(rule, "mov rax, E; add [rax], rbx", dead="flags", E=LOW32)
    yield from stays(rule, "mov eax, 5; add eax, 6", dead="flags")


def constant_count() -> Iterator[Case]:
    rule = "constant_count"
    for operation in ("shl", "shr", "sar", "rol", "ror"):
        yield from fires(rule, f"mov ecx, E; {operation} {{a}}, cl", f"{operation} {{a}}, E", dead="rcx", E=(0, 63))
        yield from fires(rule, f"mov ecx, E; {operation} {{m}}, cl", f"{operation} {{m}}, E", dead="rcx", E=(0, 255))
    yield from fires(rule, "mov cl, 5; shl rax, cl", "shl rax, 5", dead="cl")
    yield from fires(rule, "mov ecx, 0; shl eax, cl", "shl eax, 0", dead="rcx")
    yield from fires(rule, "mov ecx, E; add rax, 1; shl rax, cl", "add rax, 1; shl rax, E", dead="rcx", E=(0, 63))
    for operation in ("bt", "bts", "btr", "btc"):
        before, after = f"mov {{c}}, E; {operation} {{a}}, {{c}}", f"{operation} {{a}}, E"
        yield from fires(rule, before, after, dead="rcx", E=(0, 255), widths=(16, 32, 64))
    yield from fires(rule, "mov ecx, E; bt rax, rcx", "bt rax, E", dead="rcx", E=(0, 63))
    yield from stays(rule, "mov ecx, E; shl rax, cl", dead="rcx", E=(0, 256))
    yield from stays(rule, "mov ecx, E; shl rax, cl", dead="rcx", E=(-1, 63))
    yield from stays(rule, "mov ecx, E; shl rax, cl", dead="ch", E=(0, 63))
    yield from stays(rule, "mov ecx, E; shl rcx, cl", E=(0, 63))
    yield from stays(rule, "mov ecx, E; shl qword [rcx], cl", dead="rcx", E=(0, 63))
    yield from stays(rule, "mov ecx, E; shld rax, rcx, cl", dead="rcx", E=(0, 63))
    # a bit number in a register reaches beyond the memory operand
    yield from stays(rule, "mov ecx, E; bt [rsi], ecx", dead="rcx", E=(0, 255))


def absolute_address() -> Iterator[Case]:
    rule = "absolute_address"
    yield from fires(rule, "lea rax, [E]", "mov rax, E", E=FULL_RANGE[64])
    yield from fires(rule, "lea rax, [E + 5]", "mov rax, E + 5", E=(-100, 100))
    yield from fires(rule, "lea eax, [E]", "mov eax, E", E=LOW32)
    yield from fires(rule, "lea rax, [0x1000]", "mov rax, 0x1000")
    yield from fires(rule, "lea rax, [-8]", "mov rax, -8")
    yield from fires(rule, "lea eax, [-8]", "mov eax, -8")
    yield from stays(rule, "lea eax, [E]", E=(-1, 100))
    yield from stays(rule, "lea ax, [E]", E=(0, 100))
    yield from stays(rule, "lea rax, [rsi + E]", E=(0, 100))
    yield from stays(rule, "lea rax, [rsi*8 + E]", E=(0, 100))
    yield from stays(rule, "lea rax, [extern table]")


def extend_constant() -> Iterator[Case]:
    rule = "extend_constant"
    yield from fires(rule, "mov ecx, E; movzx ecx, cx", "mov ecx, E", E=(0, 0xFFFF))
    yield from fires(rule, "mov ecx, E; movzx eax, cl", "mov eax, E", dead="rcx", E=(0, 0xFF))
    yield from fires(rule, "mov ecx, E; movsx eax, cl", "mov eax, E", dead="rcx", E=(0, 0x7F))
    yield from fires(rule, "mov cl, E; movzx ecx, cl", "mov ecx, E", E=(0, 0xFF))
    yield from fires(rule, "mov rcx, E; movsx rax, cl", "mov rax, E", dead="rcx", E=(-128, 127))
    yield from fires(rule, "mov ecx, E; movsxd rax, ecx", "mov rax, E", dead="rcx", E=LOW32)
    yield from fires(rule, "mov ecx, E; movsxd rax, ecx", "mov rax, E", dead="rcx", E=(-5, 5))
    yield from fires(rule, "mov eax, E; cdqe", "mov rax, E", E=LOW32)
    yield from fires(rule, "mov eax, -5; cdqe", "mov rax, -5")
    yield from fires(rule, "mov ecx, 0x1ff; movsx eax, cl", "mov eax, -1", dead="rcx")
    yield from fires(rule, "mov ecx, 0x1ff; movzx eax, cl", "mov eax, 0xff", dead="rcx")
    yield from fires(rule, "mov ecx, E; add rdx, 1; movzx ecx, cx", "add rdx, 1; mov ecx, E", E=(0, 0xFFFF))
    yield from stays(rule, "mov ecx, E; movzx eax, cx", E=(0, 0xFFFF))
    yield from stays(rule, "mov ecx, E; movzx eax, cx", dead="rcx", E=(0, 0x10000))
    yield from stays(rule, "mov rcx, E; movzx eax, cx", dead="rcx", E=(-1, 0xFFFF))
    yield from stays(rule, "mov rcx, E; movzx rax, cx", dead="rcx", E=(-1, 0xFFFF))
    yield from stays(rule, "mov ecx, E; movsx eax, cl", dead="rcx", E=(0, 0x80))
    # a 16-bit move of a constant is slow to decode
    yield from stays(rule, "mov ecx, E; movzx ax, cl", dead="rcx", E=(0, 0xFF))
    yield from stays(rule, "mov rcx, E; movsx eax, cl", dead="rcx", E=(-128, 127))
    yield from stays(rule, "mov ecx, E; movsxd rax, ecx", dead="rcx", E=UNSIGNED32)
    yield from stays(rule, "mov ecx, E; movzx cx, cl", E=(0, 0xFF))
    yield from stays(rule, "mov ecx, E; movzx eax, ch", dead="rcx", E=(0, 0xFF))
    yield from stays(rule, "mov cl, E; movzx ecx, cx", E=(0, 0xFF))


def redundant_mask() -> Iterator[Case]:
    rule = "redundant_mask"
    yield from fires(rule, "mov {c}, E; and {c}, 1", "mov {c}, E", dead="flags", E=(0, 1))
    yield from fires(rule, "mov ecx, E; and cl, 1", "mov ecx, E", dead="flags", E=(0, 1))
    yield from fires(rule, "mov ecx, E; and rcx, 0xffff", "mov ecx, E", dead="flags", E=(0, 0xFFFF))
    yield from fires(rule, "mov rcx, E; and ecx, 0x7fffffff", "mov rcx, E", dead="flags", E=LOW32)
    yield from fires(rule, "mov ecx, E; add edx, 1; and ecx, 7", "mov ecx, E; add edx, 1", dead="flags", E=(2, 7))
    yield from stays(rule, "mov ecx, E; and ecx, 1", dead="CF PF AF ZF OF", E=(0, 1))
    yield from stays(rule, "mov ecx, E; and ecx, 1", dead="flags", E=(0, 2))
    yield from stays(rule, "mov ecx, E; and ecx, 1", dead="flags", E=(-1, 1))
    yield from stays(rule, "mov ecx, E; and ecx, 6", dead="flags", E=(0, 2))
    yield from stays(rule, "mov ecx, E; and ecx, -1", dead="flags", E=(0, 2))
    yield from stays(rule, "mov cl, E; and ecx, 1", dead="flags", E=(0, 1))
    yield from stays(rule, "mov ecx, E; and edx, 1", dead="flags", E=(0, 1))
    yield from stays(rule, "mov rcx, E; and dword [rcx], 1", dead="flags", E=(0, 1))


def low_bits() -> Iterator[Case]:
    rule = "low_bits"
    dead = "rcx CF PF AF SF OF"
    # all ones
    for mask in (1, 3, 0x7F, 0xFF):
        before = f"mov ecx, esi; not ecx; test cl, {mask}"
        yield from fires(rule, before, f"lea ecx, [rsi + 1]; test cl, {mask}", dead=dead)
    yield from fires(rule, "mov rcx, rbx; not rcx; test cx, 0x3ff", "lea rcx, [rbx + 1]; test cx, 0x3ff", dead=dead)
    yield from fires(rule, "mov ecx, r12d; not ecx; test ecx, 0xff", "lea ecx, [r12 + 1]; test ecx, 0xff", dead=dead)
    yield from fires(rule, "mov rcx, rbx; not rcx; test rcx, 1", "lea rcx, [rbx + 1]; test rcx, 1", dead=dead)
    yield from fires(
        rule,
        "mov ecx, ebx; mov rbx, rdx; not ecx; mov [rsi], rdx; test cl, 7",
        "lea ecx, [rbx + 1]; mov rbx, rdx; mov [rsi], rdx; test cl, 7",
        dead=dead,
    )
    # another number
    for mask, number in ((1, 1), (3, 1), (3, 2), (3, 3), (7, 5), (0x7F, 100)):
        before = f"mov ecx, esi; and ecx, {mask}; cmp ecx, {number}"
        yield from fires(rule, before, f"lea ecx, [rsi - {number}]; test cl, {mask}", dead=dead)
    yield from fires(rule, "mov rcx, rbx; and rcx, 7; cmp rcx, 2", "lea rcx, [rbx - 2]; test cl, 7", dead=dead)
    yield from fires(rule, "mov ecx, ebx; and ecx, 255; cmp ecx, 9", "lea ecx, [rbx - 9]; test ecx, 255", dead=dead)
    yield from fires(
        rule,
        "mov ecx, ebx; and ecx, 3; mov rbx, rdx; cmp ecx, 1",
        "lea ecx, [rbx - 1]; mov rbx, rdx; test cl, 3",
        dead=dead,
    )
    # other flags are used, or the copy
    for flag in dead.split()[1:]:
        others = dead.replace(flag, "")
        yield from stays(rule, "mov ecx, esi; not ecx; test cl, 3", dead=others)
        yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp ecx, 1", dead=others)
    yield from stays(rule, "mov ecx, esi; and ecx, 3; sete dl; cmp ecx, 1", dead=dead)
    for last in ("not ecx; test cl, 3", "and ecx, 3; cmp ecx, 1"):
        first, second = last.split("; ")
        yield from stays(rule, f"mov ecx, esi; {last}", dead="flags")
        yield from stays(rule, f"mov ecx, esi; {last}; mov [rsi], ecx", dead=dead)
        yield from stays(rule, f"mov ecx, esi; {first}; mov [rsi], ecx; {second}", dead=dead)
        yield from stays(rule, f"mov ecx, esi; mov [rsi], ecx; {last}", dead=dead)
        # no copy, or one of another width
        yield from stays(rule, f"mov ecx, [rsi]; {last}", dead=dead)
        yield from stays(rule, f"mov ecx, ds; {last}", dead=dead)
        yield from stays(rule, f"mov ecx, 5; {last}", dead=dead)
        yield from stays(rule, f"mov rcx, rbx; {last}", dead=dead)
    yield from stays(rule, "mov cl, bl; not cl; test cl, 3", dead=dead)
    yield from stays(rule, "mov ecx, ebx; not rcx; test cl, 3", dead=dead)
    # not all ones from the lowest bit on, or of other bits
    for mask in (0, 2, 5, 6, 0x80):
        yield from stays(rule, f"mov ecx, esi; not ecx; test cl, {mask}", dead=dead)
        yield from stays(rule, f"mov ecx, esi; and ecx, {mask}; cmp ecx, 2", dead=dead)
    yield from stays(rule, "mov ecx, esi; not ecx; test ch, 3", dead=dead)
    yield from stays(rule, "mov ecx, esi; not ecx; test rcx, -1", dead=dead)
    yield from stays(rule, "mov ecx, esi; not ecx; test cl, cl", dead=dead)
    yield from stays(rule, "mov ecx, esi; not ecx; test cl, E", dead=dead, E=(1, 3))
    # a number that the bits cannot be, or another part of the register
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp ecx, 0", dead=dead)
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp ecx, 4", dead=dead)
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp ecx, -1", dead=dead)
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp ecx, E", dead=dead, E=(1, 3))
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp cl, 1", dead=dead)
    yield from stays(rule, "mov ecx, esi; and ecx, 3; cmp edx, ecx", dead=dead)
    yield from stays(rule, "mov ecx, esi; and ecx, edx; cmp ecx, 1", dead=dead)


def self_test() -> Iterator[Case]:
    rule = "self_test"
    for operation in ("and", "or", "xor"):
        yield from fires(rule, f"{operation} {{a}}, {{b}}; test {{a}}, {{a}}", f"{operation} {{a}}, {{b}}")
        yield from fires(rule, f"{operation} {{a}}, {{m}}; test {{a}}, {{a}}", f"{operation} {{a}}, {{m}}")
    for operation in ("add", "adc", "sub", "sbb"):
        before = f"{operation} {{a}}, {{b}}; test {{a}}, {{a}}"
        yield from fires(rule, before, f"{operation} {{a}}, {{b}}", dead="CF OF")
        yield from stays(rule, before, dead="OF")
        yield from stays(rule, before, dead="CF")
    for operation in ("inc", "dec", "neg"):
        yield from fires(rule, f"{operation} {{a}}; test {{a}}, {{a}}", f"{operation} {{a}}", dead="CF OF")
        yield from stays(rule, f"{operation} {{a}}; test {{a}}, {{a}}", dead="CF")
    yield from fires(rule, "and eax, 7; mov rdx, rax; test eax, eax", "and eax, 7; mov rdx, rax")
    yield from fires(rule, "and eax, ebx; sete dl; test eax, eax", "and eax, ebx; sete dl")
    # another width has another sign bit
    yield from stays(rule, "and rax, rbx; test eax, eax")
    yield from stays(rule, "and eax, ebx; test rax, rax")
    yield from stays(rule, "and eax, ebx; test al, al")
    # another register, another result
    yield from stays(rule, "and eax, ebx; test ebx, ebx")
    yield from stays(rule, "and eax, ebx; test eax, ebx")
    yield from stays(rule, "and eax, ebx; mov al, 1; test eax, eax")
    yield from stays(rule, "and eax, ebx; inc edx; test eax, eax")
    yield from stays(rule, "cmp eax, ebx; test eax, eax", dead="CF OF")
    yield from stays(rule, "and [rsi], eax; test eax, eax")
    yield from stays(rule, "and eax, ebx; call f; test eax, eax")
    # a shift by zero sets no flags; a product leaves ZF undefined
    yield from stays(rule, "shl eax, E; test eax, eax", dead="CF OF", E=(0, 31))
    yield from stays(rule, "imul eax, ebx; test eax, eax", dead="CF OF")

    # unless the count is a constant
    for operation in ("shl", "shr", "sar"):
        for count in (1, 5):
            before = f"{operation} {{a}}, {count}; test {{a}}, {{a}}"
            yield from fires(rule, before, f"{operation} {{a}}, {count}", dead="CF OF")
            yield from stays(rule, before, dead="OF")
    yield from fires(rule, "sar {a}, 1; test {a}, {a}", "sar {a}, 1", dead="CF")
    yield from stays(rule, "sar {a}, 2; test {a}, {a}", dead="CF")
    yield from stays(rule, "shl {a}, 1; test {a}, {a}", dead="CF")
    yield from stays(rule, "shl eax, 32; test eax, eax", dead="CF OF")
    yield from stays(rule, "sar rax, 64; test rax, rax", dead="CF OF")
    yield from stays(rule, "shl eax, cl; test eax, eax", dead="CF OF")


def dead_result() -> Iterator[Case]:
    rule = "dead_result"
    yield from fires(rule, "and {a}, {b}", "test {a}, {b}", dead="rax")
    yield from fires(rule, "and {a}, {m}", "test {m}, {a}", dead="rax")
    yield from fires(rule, "and {a}, 3", "test al, 3", dead="rax")
    yield from fires(rule, "and {c}, 127", "test cl, 127", dead="rcx")
    yield from fires(rule, "and {c}, E", "test cl, E", dead="rcx", E=(0, 127))
    yield from fires(rule, "and r9d, 1", "test r9b, 1", dead="r9")
    yield from fires(rule, "and ecx, 0x1234", "test ecx, 0x1234", dead="rcx")
    yield from fires(rule, "sub {a}, {b}", "cmp {a}, {b}", dead="rax")
    yield from fires(rule, "sub {a}, {m}", "cmp {a}, {m}", dead="rax")
    yield from fires(rule, "sub {a}, E", "cmp {a}, E", dead="rax")
    # the result is needed, in part or zero-extended; or nothing is
    yield from stays(rule, "and {a}, {b}")
    yield from stays(rule, "sub eax, ebx", dead="eax al ah")
    yield from stays(rule, "and eax, 1", dead="al")
    yield from stays(rule, "and eax, 1", dead="rax flags")
    # test has no sign-extended immediate; bit 7 is the byte's sign
    yield from stays(rule, "and ecx, -16", dead="rcx")
    yield from stays(rule, "and rcx, -2", dead="rcx")
    # sil needs a prefix
    yield from stays(rule, "and esi, 1", dead="rsi")
    # a result in memory is never dead
    yield from stays(rule, "and {m}, {a}", dead="rax")
    yield from stays(rule, "or {a}, {b}", dead="rax")
    yield from stays(rule, "add {a}, {b}", dead="rax")


def fold_load() -> Iterator[Case]:
    rule = "fold_load"
    for operation in ("add", "adc", "sub", "sbb", "and", "or", "xor"):
        yield from fires(rule, f"mov {{c}}, {{m}}; {operation} {{a}}, {{c}}", f"{operation} {{a}}, {{m}}", dead="rcx")
        yield from stays(rule, f"mov {{c}}, {{m}}; {operation} {{a}}, {{c}}")
        yield from stays(rule, f"mov {{c}}, {{m}}; {operation} {{c}}, {{a}}", dead="rcx")
        yield from stays(rule, f"mov {{c}}, {{m}}; {operation} [r12], {{c}}", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; imul {a}, {c}", "imul {a}, {m}", dead="rcx", widths=(16, 32, 64))
    yield from fires(rule, "mov rcx, [rax]; add rax, rcx", "add rax, [rax]", dead="rcx")
    yield from fires(rule, "mov rcx, [rcx + E]; add rax, rcx", "add rax, [rcx + E]", dead="rcx", E=(0, 4000))
    yield from fires(rule, "movzx ecx, word [rsi]; or ax, cx", "or ax, word [rsi]", dead="rcx")
    yield from fires(rule, "mov rcx, [rsi]; lea rdx, [rax + 1]; sub rdx, rcx", "lea rdx, [rax + 1]; sub rdx, [rsi]",
                     dead="rcx")  # fmt: skip
    # other widths than that of the load
    yield from stays(rule, "mov rcx, [rsi]; add eax, ecx", dead="rcx")
    yield from stays(rule, "mov ecx, [rsi]; add rax, rcx", dead="rcx")
    yield from stays(rule, "movzx ecx, byte [rsi]; add eax, ecx", dead="rcx")
    yield from stays(rule, "movsx ecx, byte [rsi]; add al, cl", dead="rcx")
    yield from stays(rule, "mov cx, [r12]; add al, ch", dead="rcx")
    yield from stays(rule, "mov cl, [r12]; add ah, cl", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; add rcx, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; imul rax, rcx, 5", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; xadd rax, rcx", dead="rcx")
    # the load may not move
    yield from stays(rule, "mov rcx, [rsi]; add rsi, 8; add rax, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; mov [rdx], rax; add rax, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; mov rbx, [rdx]; add rax, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; call f; add rax, rcx", dead="rcx")


def compare_memory() -> Iterator[Case]:
    rule = "compare_memory"
    yield from fires(rule, "mov {c}, {m}; test {c}, {c}", "cmp {m}, 0", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; cmp {c}, {a}", "cmp {m}, {a}", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; cmp {a}, {c}", "cmp {a}, {m}", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; cmp {c}, E", "cmp {m}, E", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; cmp {c}, -3", "cmp {m}, -3", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; test {c}, {a}", "test {m}, {a}", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; test {a}, {c}", "test {m}, {a}", dead="rcx")
    yield from fires(rule, "mov {c}, {m}; test {c}, E", "test {m}, E", dead="rcx")
    yield from fires(rule, "mov rcx, [rcx + 8]; test rcx, rcx", "cmp qword [rcx + 8], 0", dead="rcx")
    yield from fires(rule, "mov rcx, [r12 + E]; cmp rcx, 1", "cmp qword [r12 + E], 1", dead="rcx", E=(0, 4000))
    yield from fires(rule, "movzx ecx, byte [rsi]; test cl, cl", "cmp byte [rsi], 0", dead="rcx")
    yield from fires(rule, "movzx ecx, word [rsi]; cmp cx, dx", "cmp word [rsi], dx", dead="rcx")
    yield from fires(
        rule, "mov rcx, [rsi]; lea rdx, [rax + 1]; cmp rcx, rdx", "lea rdx, [rax + 1]; cmp [rsi], rdx", dead="rcx"
    )
    # the value is needed
    yield from stays(rule, "mov {c}, {m}; test {c}, {c}")
    yield from stays(rule, "mov ecx, [rsi]; test cl, cl", dead="cl ch")
    # other widths than that of the load
    yield from stays(rule, "mov rcx, [rsi]; test cl, cl", dead="rcx")
    yield from stays(rule, "mov ecx, [rsi]; test rcx, rcx", dead="rcx")
    yield from stays(rule, "movzx ecx, byte [rsi]; test ecx, ecx", dead="rcx")
    yield from stays(rule, "movsx ecx, byte [rsi]; test cl, cl", dead="rcx")
    yield from stays(rule, "mov cx, [rsi]; test ch, ch", dead="rcx")
    yield from stays(rule, "mov cl, [r12]; cmp cl, ah", dead="rcx")
    # other operands made of it, or a second memory operand
    yield from stays(rule, "mov rcx, [rsi]; cmp rcx, [rax]", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; cmp rcx, [rcx]", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; cmp rcx, rcx", dead="rcx")
    yield from stays(rule, "mov cl, [rsi]; cmp cl, ch", dead="rcx")
    # the load may not move
    yield from stays(rule, "mov rcx, [rsi]; add rsi, 8; test rcx, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; mov [rdx], rax; test rcx, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; mov rax, [rdx]; test rcx, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; mfence; test rcx, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, [rsi]; call f; test rcx, rcx", dead="rcx")


def self_move() -> Iterator[Case]:
    rule = "self_move"
    yield from fires(rule, "mov rax, rax", "")
    yield from stays(rule, "mov eax, eax")
    yield from stays(rule, "mov rax, rcx")
    yield from stays(rule, "mov rax, [rax]")


def dead_code() -> Iterator[Case]:
    rule = "dead_code"
    yield from fires(rule, "lea rax, [rsi + 8]", "", dead="rax")
    yield from fires(rule, "cmp rax, rdx", "", dead="flags")
    yield from fires(rule, "add rax, rdx", "", dead="rax flags")
    yield from fires(rule, "mov al, 1; mov eax, 2", "mov eax, 2")
    yield from fires(rule, "mov {a}, {b}", "", dead="rax")
    yield from fires(rule, "sete al; xor eax, 1; and eax, 1", "", dead="rax flags")
    yield from fires(rule, "mov ah, 1", "", dead="ah")
    yield from stays(rule, "add rax, rdx", dead="rax")
    yield from stays(rule, "add rax, rdx", dead="flags")
    yield from stays(rule, "mov eax, 1", dead="al ah ax")
    yield from stays(rule, "mov al, 1; mov ah, 2")
    yield from stays(rule, "cmove ax, bx; cmove ax, dx", dead="flags")
    yield from stays(rule, "mov rax, [rsi]", dead="rax")
    yield from stays(rule, "test [rsi], eax", dead="flags")
    yield from stays(rule, "mov [rsi], rax")
    yield from stays(rule, "div rcx", dead="rax rdx flags")
    yield from stays(rule, "call f", dead="rax flags")


def fold_address() -> Iterator[Case]:
    rule = "fold_address"
    yield from fires(rule, "lea rcx, [r12 + E]; mov rax, [rcx + 8]", "mov rax, [r12 + E + 8]", dead="rcx", E=(0, 4000))
    yield from fires(
        rule, "lea rcx, [r12 + E]; mov rax, [rcx]; mov [rcx], rdx", "mov rax, [r12 + E]; mov [r12 + E], rdx",
        dead="rcx", E=(0, 4000),
    )  # fmt: skip
    yield from fires(rule, "lea rcx, [r12 + 16]; add [rcx - 8], eax", "add [r12 + 8], eax", dead="rcx")
    yield from fires(rule, "lea rcx, [r12 + 16]; mov rcx, [rcx + rdx*8 + 4]", "mov rcx, [r12 + rdx*8 + 20]")
    yield from fires(rule, "lea rcx, [r12 + rdx*4 + 16]; inc dword [rcx]", "inc dword [r12 + rdx*4 + 16]", dead="rcx")
    yield from fires(rule, "lea rcx, [rsp + 16]; mov eax, [rdx + rcx*1]", "mov eax, [rsp + rdx*1 + 16]", dead="rcx")
    yield from fires(rule, "lea rcx, [rdx*8 + E]; mov al, [rcx + 1]", "mov al, [rdx*8 + E + 1]", dead="rcx", E=(0, 9))
    yield from fires(rule, "lea rcx, [r12 + 16]; lea rax, [rcx + 8]", "lea rax, [r12 + 24]", dead="rcx")
    yield from fires(rule, "lea rcx, [r12 + 16]; mov rax, rcx", "lea rax, [r12 + 16]", dead="rcx")
    # the address is needed, or used in another way
    yield from stays(rule, "lea rcx, [r12 + E]; mov rax, [rcx]", E=(0, 4000))
    yield from stays(rule, "lea rcx, [r12 + 16]; mov [rcx], rcx", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; add rax, rcx", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; mov rax, [rcx + rcx*1]", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; mov rax, [rdx + rcx*8]", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; mov eax, ecx", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; mov [rcx], ah", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; call f", dead="rcx")
    # what it is made from changes; it changes itself
    yield from stays(rule, "lea rcx, [r12 + 16]; add r12, 8; mov rax, [rcx]", dead="rcx")
    yield from stays(rule, "lea rcx, [r12 + 16]; inc ecx; mov rax, [rcx]", dead="rcx")
    yield from stays(rule, "lea rcx, [rcx + 16]; mov rax, [rcx]; mov rdx, [rcx]", dead="rcx")
    yield from stays(rule, "lea ecx, [r12 + 16]; mov rax, [rcx]", dead="rcx")
    # does not fit, or is two of something
    yield from stays(rule, "lea rcx, [r12 + E]; mov rax, [rcx + 8]", dead="rcx", E=(0, (1 << 31) - 1))
    yield from stays(rule, "lea rcx, [r12 + E]; mov rax, [rcx + E]", dead="rcx", E=(0, 10))
    yield from stays(rule, "lea rcx, [r12 + rdx*4]; mov rax, [rcx + rdi*8]", dead="rcx")
    yield from stays(rule, "lea rcx, [rsp + 8]; mov rax, [rcx + rcx*1]", dead="rcx")
    yield from stays(rule, "lea rcx, [extern table]; mov rax, [rcx]", dead="rcx")
    yield from stays(rule, "lea rcx, [r12d + 8]; mov rax, [rcx]", dead="rcx")
    # four accesses with a long displacement cost more than the instruction
    yield from stays(
        rule, "lea rcx, [r12 + 1000]; mov rax, [rcx]; mov rdx, [rcx]; mov rbx, [rcx]; mov [rcx], rsi", dead="rcx"
    )


def spread_constant() -> Iterator[Case]:
    rule = "spread_constant"
    yield from fires(rule, "mov ecx, 5; add rax, rcx; cmp rdx, rcx", "add rax, 5; cmp rdx, 5", dead="rcx")
    yield from fires(rule, "mov ecx, E; add eax, ecx; mov [rsi], cl", "add eax, E; mov byte [rsi], E", dead="rcx",
                     E=(0, 100))  # fmt: skip
    yield from fires(rule, "mov ecx, E; mov rax, [r12 + rcx*1]", "mov rax, [r12 + E]", dead="rcx", E=(0, 4000))
    yield from fires(rule, "mov ecx, E; mov rax, [rcx + 8]", "mov rax, [E + 8]", dead="rcx", E=(0, 4000))
    yield from fires(rule, "mov ecx, 5; mov rax, [r12 + rcx*8 + 1]", "mov rax, [r12 + 41]", dead="rcx")
    yield from fires(rule, "mov rcx, -5; lea rax, [rdx + rcx*8]", "lea rax, [rdx - 40]", dead="rcx")
    yield from fires(rule, "mov ecx, 3; mov eax, [rcx + rcx*8]", "mov eax, [27]", dead="rcx")
    yield from stays(rule, "mov ecx, 5; add rax, rcx; cmp rdx, rcx")
    yield from stays(rule, "mov ecx, 5; add rax, rcx; shl rdx, cl", dead="rcx")
    yield from stays(rule, "mov ecx, 5; add rax, rcx; call f", dead="rcx")
    yield from stays(rule, "mov ecx, E; mov rax, [r12 + rcx*8]", dead="rcx", E=(0, 4000))
    yield from stays(rule, "mov ecx, E; mov rax, [r12 + rcx*1]", dead="rcx", E=(-5, 5))
    yield from stays(rule, "mov ecx, -5; mov rax, [r12 + rcx*1]", dead="rcx")
    yield from stays(rule, "mov ecx, E; mov rax, [r12 + rcx*1 + 8]", dead="rcx", E=(0, (1 << 31) - 1))
    yield from stays(rule, "mov rcx, 0x10000000; mov rax, [r12 + rcx*8]", dead="rcx")
    yield from stays(rule, "mov ecx, E; mov [r12 + rcx*1], rcx", dead="rcx", E=(0, 4000))
    yield from stays(rule, "mov cl, 5; mov ch, 1; add al, cl; add dl, cl", dead="rcx")


def forward_copy() -> Iterator[Case]:
    rule = "forward_copy"
    yield from fires(rule, "mov {c}, {b}; test {c}, 3", "test {b}, 3", dead="rcx", widths=(32, 64))
    yield from fires(rule, "mov ecx, ebx; test cl, 3", "test bl, 3", dead="rcx")
    yield from fires(rule, "mov rcx, rsi; test cl, 3; mov [r12], cx", "test sil, 3; mov [r12], si", dead="rcx")
    yield from fires(rule, "mov rcx, rbx; mov rax, [rcx + rcx*8]", "mov rax, [rbx + rbx*8]", dead="rcx")
    yield from fires(rule, "mov rcx, rbx; add rax, rcx; cmp rdx, rcx", "add rax, rbx; cmp rdx, rbx", dead="rcx")
    yield from fires(rule, "mov ecx, ebx; lea eax, [rdx]; add eax, ecx", "lea eax, [rdx]; add eax, ebx", dead="rcx")
    yield from fires(rule, "mov rcx, rbx; mov rcx, [rcx]", "mov rcx, [rbx]")
    yield from fires(rule, "mov rcx, rbx; mov [rcx], rcx", "mov [rbx], rbx", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; test cl, 3")
    yield from stays(rule, "mov rcx, rbx; add rcx, 3; mov [r12], rcx", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; add rbx, 3; mov [r12], rcx", dead="rcx")
    yield from stays(rule, "mov ecx, ebx; mov [r12], rcx", dead="rcx")
    yield from stays(rule, "mov ecx, ebx; mov eax, [rcx]", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; test ch, 3", dead="rcx")
    yield from stays(rule, "mov rcx, rsi; add ah, cl", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; shl rax, cl", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; xchg rax, rcx", dead="rcx")
    yield from stays(rule, "mov rcx, rbx; xadd [r12], rcx", dead="rcx")
    yield from stays(rule, "mov rcx, rsp; mov rax, [r12 + rcx*8]", dead="rcx")
    yield from stays(rule, "mov ecx, ds; add eax, ecx", dead="rcx")
    yield from stays(rule, "mov rax, rbx; mul rdx; mov [r12], rax", dead="rax rdx")


RULE_CASES = (
    fold_constant, multiply_constant, commute_constant, constant_count, absolute_address, extend_constant,
    redundant_mask, low_bits, self_test, dead_result, compare_memory, fold_load,
    self_move, dead_code, fold_address, spread_constant, forward_copy,
)  # fmt: skip
CASES: tuple[Case, ...] = tuple(case for cases in RULE_CASES for case in cases())
