"""What is live where, and what an instruction does to it, in examples. That it errs to the safe side only is
shown on the processor, see `tests/peephole/test_random_programs.py`.
"""

from collections.abc import Mapping

import pytest

from dasc import EXIT, NEXT, LabelHole
from stencilgen.layout.code import Block, Branch, Code, Convention, End, Jump, Return, TailCall, Unreachable
from stencilgen.layout.liveness import MAY_NOT_WRITE, Liveness, describe, parts, usage_of
from x86_64 import (
    Address,
    Instruction,
    Label,
    Register,
    Symbol,
    parse_intel,
    r12,
    rax,
    rbp,
    rcx,
    rdi,
    rdx,
    rsi,
    rsp,
    xmm0,
    xmm8,
)
from x86_64.table import mnemonics

READS_RDI = Convention(frozenset({rdi}), frozenset({rax, rcx, rdx, rsi, rdi, xmm0, xmm8}))
READS_ALL = Convention(frozenset({rax, rcx, rdx, rsi, rdi}), frozenset())


def parse(text: str) -> tuple[Instruction, ...]:
    def resolve(name: str) -> Symbol | Address:
        return Symbol(name, 0, 100) if name == "E" else Address(name)

    return tuple(parse_intel(line.strip(), resolve) for line in text.split(";") if line.strip())


def code(
    *blocks: tuple[str, str, End],
    live_out: frozenset[Register] = frozenset({r12, rdi, xmm0}),
    conventions: Mapping[str, Convention] | None = None,
) -> Code:
    return Code(
        "test",
        tuple(Block(name, parse(text), end) for name, text, end in blocks),
        live_out,
        {"f": READS_RDI} if conventions is None else conventions,
        READS_ALL,
    )


def live(mask: int) -> set[str]:
    """Names of what is live, without the registers that always are."""
    return set(describe(mask).split()) - {"rsp", "rbp"}


def live_at_start(text: str, end: End, **more: object) -> set[str]:
    return live(Liveness(code(("start", text, end), **more)).live_in["start"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("instruction", "reads", "overwrites", "changes"),
    [
        ("mov rax, rcx", "rcx", "rax", "rax"),
        ("mov eax, ecx", "ecx", "rax", "rax"),
        ("mov ax, cx", "cx", "ax", "ax"),
        ("mov al, ch", "ch", "al", "al"),
        ("mov ah, 1", "", "ah", "ah"),
        ("mov rax, [rcx + rdx*8]", "rcx rdx", "rax", "rax"),
        ("mov [rcx], al", "al rcx", "", ""),
        ("lea rax, [rcx + rdx*8]", "rcx rdx", "rax", "rax"),
        ("lea eax, [rcx + rdx*8]", "ecx edx", "rax", "rax"),
        ("lea ax, [rcx + 8]", "cx", "ax", "ax"),
        ("add eax, ecx", "eax ecx", "rax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF"),
        ("xor eax, eax", "", "rax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF"),
        ("inc rax", "rax", "rax PF AF ZF SF OF", "rax PF AF ZF SF OF"),
        ("adc al, 0", "al CF", "al CF PF AF ZF SF OF", "al CF PF AF ZF SF OF"),
        ("sete cl", "ZF", "cl", "cl"),
        ("cmovl ax, cx", "cx SF OF", "", "ax"),
        ("cmovl eax, ecx", "eax ecx SF OF", "rax", "rax"),
        ("bsf cx, dx", "dx", "CF PF AF ZF SF OF", "cx CF PF AF ZF SF OF"),
        ("shl eax, 3", "eax", "rax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF"),
        ("shl eax, 0", "eax", "rax", "rax"),
        ("shl eax, cl", "eax cl CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF"),
        ("shl eax, E", "eax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF", "rax CF PF AF ZF SF OF"),
        ("mul rcx", "rax rcx", "rax rdx CF PF AF ZF SF OF", "rax rdx CF PF AF ZF SF OF"),
        ("movaps xmm0, xmm1", "xmm1", "xmm0", "xmm0"),
        ("movsd xmm0, xmm1", "xmm1", "", "xmm0"),
        ("movsd xmm0, qword [rdi]", "rdi", "xmm0", "xmm0"),
        ("sqrtsd xmm0, xmm1", "xmm0 xmm1", "xmm0", "xmm0"),
        ("cvtsi2sd xmm0, rax", "rax xmm0", "xmm0", "xmm0"),
        ("vmovaps xmm0, xmm1", "xmm1", "zmm0", "zmm0"),
        ("vaddps ymm0, ymm1, ymm2", "zmm1 zmm2", "zmm0", "zmm0"),
    ],
)
def test_what_an_instruction_does(instruction: str, reads: str, overwrites: str, changes: str) -> None:
    (one,) = parse(instruction)
    usage = usage_of(one)
    assert describe(usage.reads) == describe_again(reads)
    assert describe(usage.overwrites) == describe_again(overwrites)
    assert describe(usage.changes) == describe_again(changes)


def describe_again(names: str) -> str:
    """The same names in the order in which `describe` lists them."""
    listed = "rax eax ax al ah rcx ecx cx cl ch rdx edx dx rbx rdi CF PF AF ZF SF OF".split()  # noqa: SIM905
    order = {name: i for i, name in enumerate(listed)}
    return " ".join(sorted(names.split(), key=lambda name: (order.get(name, 99), name)))


def test_partial_writes_that_may_not_happen_are_all_known() -> None:
    """8- and 16-bit destinations that an instruction may leave as they were: the table marks them with access `c`."""
    from x86_64.table import forms

    conditional = {
        form.mnemonic
        for mnemonic in mnemonics()
        for form in forms(mnemonic)
        for kind, access in zip(form.kinds, form.access, strict=True)
        if access == "c" and kind.startswith(("r8", "r16"))
    }
    assert conditional <= MAY_NOT_WRITE


def test_state_is_live_at_every_boundary() -> None:
    state = {"r12", "rdi", "xmm0"}
    for end in (Jump(NEXT), Jump(EXIT), Jump(LabelHole("instruction->target")), TailCall(parse("jmp f")[0])):
        assert live_at_start("", end) == state


def test_a_tail_call_also_needs_its_own_operands() -> None:
    assert live_at_start("", TailCall(parse("jmp [r11 + 8]")[0])) >= {"r12", "rdi", "xmm0", "r11"}


def test_a_tail_call_also_needs_the_arguments_of_its_goal() -> None:
    """LLVM turns `return f(x)` into `mov rdi, r12; jmp f`, whatever f's convention is."""
    state = frozenset({r12})
    assert live_at_start("", TailCall(parse("jmp f")[0]), live_out=state) == {"r12", "rdi"}
    assert live_at_start("mov rdi, r12", TailCall(parse("jmp f")[0]), live_out=state) == {"r12"}
    everything = {"r12", "rax", "rcx", "rdx", "rsi", "rdi"}
    assert live_at_start("", TailCall(parse("jmp unknown")[0]), live_out=state) == everything
    assert live_at_start("", TailCall(parse("jmp rax")[0]), live_out=state) == everything


def test_only_the_result_is_live_at_return() -> None:
    assert live_at_start("", Return()) == {"rax"}


def test_nothing_is_live_where_control_never_arrives() -> None:
    assert live_at_start("ud2", Unreachable()) == set()


def test_stack_and_frame_pointer_are_always_live() -> None:
    liveness = Liveness(code(("start", "pop rbp; mov rsp, rbp; mov rbp, rax; ud2", Unreachable())))
    for live in (liveness.live_in["start"], *liveness.live_after("start")):
        assert live & (parts(rsp) | parts(rbp)) == parts(rsp) | parts(rbp)


def test_of_a_vector_register_the_state_has_the_low_half() -> None:
    whole = frozenset({xmm0.whole})
    assert live_at_start("", Jump(NEXT), live_out=whole) == {"xmm0"}


def test_parts_live_on_by_themselves() -> None:
    assert live_at_start("mov al, 1", Jump(NEXT), live_out=frozenset({rax})) == {"rax"}
    liveness = Liveness(code(("start", "mov eax, 1; mov al, 2; movzx ecx, al", Jump(NEXT)), live_out=frozenset({rcx})))
    assert [live(mask) for mask in liveness.live_after("start")] == [set(), {"al"}, {"rcx"}]


def test_branches_read_flags_or_rcx() -> None:
    assert live_at_start("", Branch("JLE", NEXT, EXIT), live_out=frozenset()) == {"ZF", "SF", "OF"}
    assert live_at_start("", Branch("JRCXZ", NEXT, EXIT), live_out=frozenset()) == {"rcx"}
    assert live_at_start("cmp rsi, rdx", Branch("JE", NEXT, EXIT), live_out=frozenset()) == {"rsi", "rdx"}


def test_both_ways_of_a_branch_count() -> None:
    liveness = Liveness(
        code(
            ("start", "test rax, rax", Branch("JE", Label("cold"), Label("hot"))),
            ("hot", "mov rdi, rcx", Jump(NEXT)),
            ("cold", "mov rdi, rdx", Jump(EXIT)),
            live_out=frozenset({rdi}),
        )
    )
    assert live(liveness.live_in["start"]) == {"rax", "rcx", "rdx"}
    assert live(liveness.live_out["start"]) == {"rcx", "rdx", "ZF"}


def test_what_a_loop_needs_is_live_around_it() -> None:
    liveness = Liveness(
        code(
            ("start", "mov ecx, 8", Jump(Label("loop"))),
            ("loop", "add rdi, rsi; dec rcx", Branch("JNE", Label("loop"), NEXT)),
            live_out=frozenset({rdi}),
        )
    )
    assert live(liveness.live_in["loop"]) == {"rcx", "rsi", "rdi"}
    assert live(liveness.live_in["start"]) == {"rsi", "rdi"}


def test_a_call_reads_its_arguments_and_loses_what_its_convention_does_not_save() -> None:
    assert live_at_start("call f", Jump(NEXT), live_out=frozenset({r12, rax, xmm0})) == {"r12", "rdi"}


def test_an_unknown_call_follows_the_indirect_convention() -> None:
    needed = {"rax", "rcx", "rdx", "rsi", "rdi", "r12"}
    assert live_at_start("call g", Jump(NEXT), live_out=frozenset({r12})) == needed
    assert live_at_start("call rbx", Jump(NEXT), live_out=frozenset({r12})) == needed | {"rbx"}
    assert live_at_start("call [rbx + 8]", Jump(NEXT), live_out=frozenset({r12})) == needed | {"rbx"}


def test_flags_do_not_live_across_calls() -> None:
    liveness = Liveness(code(("start", "cmp rsi, rdx; call f", Branch("JE", NEXT, EXIT))))
    assert live(liveness.live_after("start")[0]) == {"rdi", "r12"}


def test_a_jump_to_nowhere_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"stencil test jumps to \.LBB0_7, which is none of its blocks"):
        Liveness(code(("start", "", Jump(Label(".LBB0_7")))))
