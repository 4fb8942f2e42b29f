"""The stencil's own frame → its share of the trace's frame.

A trace makes one frame, as large as its micro-ops need, so each stencil's own prologue and epilogue go:

    subq $24, %rsp                      ⇒       (frame = 24)
    ... movq %rdi, 8(%rsp) ...                  ... movq %rdi, 8(%rsp) ...
    addq $24, %rsp
    jmp  __sg_continue                          jmp NEXT

Why this is safe: LLVM addresses every slot relative to the rsp *after* the prologue, and in the trace rsp has just this
distance to its own slots everywhere. Shrink wrapping may put the prologue into a few blocks only; the other blocks do not
touch rsp (this is checked, by following the depth of the stack along every path), and for them nothing changes.
"""

from collections.abc import Mapping
from dataclasses import replace

from stencilgen.errors import Diagnostic, UserError
from stencilgen.layout.blocks import is_outside, successors, targets
from stencilgen.layout.code import Block, Code, End, Return, TailCall
from x86_64 import Address, Instruction, Memory, Register, rax, rbp, rsp

__all__ = ["strip_frame"]


LARGEST_FRAME = 1 << 20
"""Bytes; the runtime refuses more (`check_vm` in runtime/src/jit.c)."""


def strip_frame(code: Code, *, file: str | None = None, line: int = 0) -> Code:
    """Remove every prologue and epilogue; the result's `frame` says how many bytes the stencil needs.

    Raises UserError (at the stencil's file and line) for code that moves rsp in any other way, or changes rbp.
    """

    def reject(why: str) -> UserError:
        remedy = "move the large, variable-sized or over-aligned local into a function of the VM"
        return UserError([Diagnostic(f"stencil {code.name}: {why}", remedy, file, line)])

    if (culprit := _change_of_rbp(code)) is not None:
        what = f"stencil {code.name}: changes rbp, by which every trace finds its frame: {culprit}"
        remedy = (
            'let the compiler choose registers ("r") in inline assembly, and keep rbp out of it and of its clobbers'
        )
        raise UserError([Diagnostic(what, remedy, file, line)])
    by_name = {block.name: block for block in code.blocks}
    depth_at: dict[str, int] = {code.blocks[0].name: 0}
    stripped: dict[str, Block] = {}
    frame = 0
    work = [code.blocks[0].name]
    while work:
        block = by_name[work.pop()]
        if block.name in stripped:
            continue
        depth, kept = depth_at[block.name], []
        for instruction in block.instructions:
            change = _stack_change(instruction)
            if change is None:
                if _moves_rsp(instruction):
                    raise reject(f"moves the stack pointer: {instruction}")
                if depth == 0 and _uses_rsp(instruction):
                    raise reject(f"uses the stack outside of its frame: {instruction}")
                kept.append(instruction)
                continue
            if _carries_value(instruction, code, block):
                raise reject(f"keeps a value on the stack in passing: {instruction}")
            if depth and change > 0:
                raise reject(f"makes a frame inside its frame: {instruction}")
            depth += change
            if depth < 0 or (change < 0 and depth):
                raise reject(f"leaves a part of its frame: {instruction}")
            frame = max(frame, depth)
        if depth and _leaves(block.end):
            raise reject("leaves with its frame in place")
        for name in successors(block.end):
            if depth_at.setdefault(name, depth) != depth:
                raise reject("has a frame on one way to a place and none on another")
            work.append(name)
        stripped[block.name] = replace(block, instructions=tuple(kept))
    if frame > LARGEST_FRAME:
        raise reject(f"needs {frame:,} bytes of stack; a trace can have {LARGEST_FRAME:,}")
    return replace(code, blocks=tuple(stripped[block.name] for block in code.blocks), frame=frame)


_FRAME_POINTER = Instruction("MOV", (rbp, rsp))
"""How LLVM begins a frame whose size it does not know, or that it has to align."""


def _change_of_rbp(code: Code) -> Instruction | None:
    """The first instruction that changes rbp; a frame pointer has a refusal of its own."""
    instructions = [instruction for block in code.blocks for instruction in block.instructions]
    if _FRAME_POINTER in instructions:
        return None
    return next((i for i in instructions if any(register.whole == rbp for register in i.effects.writes)), None)


def _leaves(end: End) -> bool:
    return isinstance(end, Return | TailCall) or any(map(is_outside, targets(end)))


_STACK_CHANGES: Mapping[str, int] = {"SUB": 1, "ADD": -1}


def _stack_change(instruction: Instruction) -> int | None:
    """Bytes by which a frame instruction grows the stack (negative: shrinks); None for any other instruction.

    `push rax` and `pop` of any register are how LLVM makes and drops 8 bytes; what they store and load is never used.
    """
    match instruction.mnemonic, instruction.operands:
        case ("SUB" | "ADD") as mnemonic, (register, int() as size) if register == rsp:
            return size * _STACK_CHANGES[mnemonic]
        case "LEA", (register, Memory(base, None, _, int() as size)) if register == rsp == base:
            return -size  # an addition that leaves the flags alone
        case "PUSH", (_,):
            return 8
        case "POP", (_,):
            return -8
        case _:
            return None


_FENCE = Instruction("OR", (Memory(rsp, size=4), 0), ("LOCK",))
"""LLVM's sequentially consistent fence: it changes no byte, whatever lies there."""


def _carries_value(instruction: Instruction, code: Code, block: Block) -> bool:
    """Whether a push or pop does more than to make or drop 8 bytes."""
    if instruction.mnemonic not in ("PUSH", "POP"):
        return False
    (operand,) = instruction.operands
    if instruction.mnemonic == "PUSH":
        return operand != rax  # LLVM makes room with this one; any other register is an argument or saved
    return not isinstance(operand, Register) or operand in _needed(block.end, code)


def _needed(end: End, code: Code) -> frozenset[Register]:
    """The registers whose value matters after a block: LLVM drops 8 bytes into one of the others."""
    match end:
        case Return():
            return frozenset({rax, rbp})
        case TailCall(Instruction(_, (Address(name),))) if name in code.conventions:
            return code.conventions[name].reads | {rbp}
        case _:
            return code.live_out


def _moves_rsp(instruction: Instruction) -> bool:
    """Calls do move rsp, but put it back."""
    if instruction.mnemonic == "CALL":
        return False
    return any(register.whole == rsp for register in instruction.effects.writes)


def _uses_rsp(instruction: Instruction) -> bool:
    if instruction == _FENCE:
        return False
    if any(isinstance(o, Memory) and rsp in (o.base, o.index) for o in instruction.operands):
        return True
    return rsp in instruction.operands
