"""Cold code that micro-ops have in common: emitted once for a context, and called.

Slow paths are often the same, whatever micro-op they belong to: free an object, refill a list. In a trace each is there
once more. So a piece of cold code that holds nothing of its own becomes a *shared part*, and in its place is left

    1: cmp  [rsi+4], 1                     1: call deallocate_1f0c…               deallocate_1f0c…:
       jne  2                                 jmp  NEXT                               cmp  [rsi+4], 1
       mov  [rsi+4], 0                                                                jne  0
       mov  [r13], rsi                                                                mov  [rsi+4], 0
       jmp  NEXT                    ⇒                                                 mov  [r13], rsi
    2: mov  rdi, r13                                                                  ret
       call deallocate                                                            0:  mov  rdi, r13
       jmp  NEXT                                                                      jmp  deallocate

Which blocks: all that control can come to from one cold block without leaving the cold code, if nothing else comes into
their midst and they are left for one place only. What they may hold: no JIT-time value, no last value (`[last]`), no slot of
the frame (the return address moves rsp), no variable of the VM by its distance (it may be out of reach where the context is
made).

Why it is safe: `call` and `ret` change rsp, which nothing inside looks at, and memory below the frame, which nobody owns. A
last call becomes a jump, so that its callee finds the stack as aligned as it was; before any other call rsp is moved by 8 more.
Flags do not matter on the way in (this is checked) and are kept by `ret`. Unwinding goes by rbp (runtime/src/unwind.c), and
each `ret` has its `call`, as the processor's shadow stack and its predictor of returns want it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dasc import InstructionLine, Line, Stencil, references, write_stencil
from dasc.model import is_identifier
from stencilgen.last import is_write
from stencilgen.layout.blocks import successors, targets
from stencilgen.layout.code import Back, Block, Branch, Code, End, Jump, Target, Unreachable
from stencilgen.layout.liveness import ALL_FLAGS, Liveness
from stencilgen.layout.placement import place, thread_jumps
from x86_64 import Address, Control, Instruction, Label, Memory, Register, Symbol, rbx, rsp

__all__ = ["PREFIX", "share_cold", "shared_part"]

PREFIX = "SG_COLD("
"""What the address of a shared part begins with: `call &SG_COLD(deallocate_1f0c…)`."""

LEAST = 20
"""Bytes. `call` and `jmp` take 10: shared is what takes twice as much, so that a part pays as soon as two traces use it."""

_RETURN = Back(Instruction("RET", ()))


def share_cold(code: Code) -> tuple[Code, dict[str, tuple[Line, ...]]]:
    """Call what can be shared; and the shared parts' lines, by name."""
    code = _writes_apart(code)
    liveness = Liveness(code)
    parts: dict[str, tuple[Line, ...]] = {}
    while (found := _next_part(code, liveness)) is not None:
        entry, region, target = found
        lines = _lines(code, entry, region, target)
        name = _name(lines)
        parts[name] = lines
        end: End = Unreachable() if target is None else Jump(target)
        call = Block(entry, (Instruction("CALL", (Address(f"{PREFIX}{name})"),)),), end, cold=True)
        kept = (call if block.name == entry else block for block in code.blocks if block.name not in region - {entry})
        code = replace(code, blocks=tuple(kept))
    return code, parts


def _writes_apart(code: Code) -> Code:
    """Cold blocks that end behind what a trace may write there of its last values; what follows can be shared."""
    blocks: list[Block] = []
    for block in code.blocks:
        last = max((n for n, i in enumerate(block.instructions) if is_write(i)), default=-1) if block.cold else -1
        if last < 0:
            blocks.append(block)
            continue
        rest = f"{block.name}~rest"
        blocks.append(replace(block, instructions=block.instructions[: last + 1], end=Jump(Label(rest))))
        blocks.append(replace(block, name=rest, instructions=block.instructions[last + 1 :]))
    return replace(code, blocks=tuple(blocks))


def shared_part(address: Address) -> str | None:
    """The name of the shared part at an address; None if there is none."""
    return address.name.removeprefix(PREFIX).removesuffix(")") if address.name.startswith(PREFIX) else None


def _next_part(code: Code, liveness: Liveness) -> tuple[str, frozenset[str], Target | None] | None:
    """The largest part that is left: its entry, its blocks, and where it goes."""
    cold = {block.name: block for block in code.blocks if block.cold}
    best: tuple[int, str, frozenset[str], Target | None] | None = None
    for entry in cold:
        region = _reach(entry, cold)
        goals = {target for name in region for target in targets(cold[name].end) if target.name not in region}
        size = sum(_size(cold[name]) for name in region)
        if (
            len(goals) <= 1
            and size >= LEAST
            and (best is None or size > best[0])
            and not liveness.live_in[entry] & ALL_FLAGS
            and all(_is_shareable(cold[name]) for name in region)
            and not _entered_elsewhere(code, entry, region)
        ):
            best = size, entry, region, next(iter(goals), None)
    return best and best[1:]


def _reach(entry: str, cold: Mapping[str, Block]) -> frozenset[str]:
    """The cold blocks that control can come to from this one without leaving the cold code."""
    seen, work = set[str](), [entry]
    while work:
        name = work.pop()
        if name not in seen:
            seen.add(name)
            work += [name for name in successors(cold[name].end) if name in cold]
    return frozenset(seen)


def _entered_elsewhere(code: Code, entry: str, region: frozenset[str]) -> bool:
    return any(
        name in region and name != entry
        for block in code.blocks
        if block.name not in region
        for name in successors(block.end)
    )


# ---- What may be shared ----


def _is_shareable(block: Block) -> bool:
    return isinstance(block.end, Jump | Branch | Unreachable) and all(map(_is_own, block.instructions))


def _is_own(instruction: Instruction) -> bool:
    """Whether the instruction does the same wherever it stands, and with rsp anywhere."""
    operands = list(references(instruction))
    if is_write(instruction) or any(isinstance(operand, Symbol | Label) for operand in operands):
        return False
    if any(
        isinstance(o, Memory) and (rsp in (o.base, o.index) or _begins_map(instruction, o))
        for o in instruction.operands
    ):
        return False
    if instruction.mnemonic != "CALL" and any(
        r.whole == rsp for r in instruction.effects.reads | instruction.effects.writes
    ):
        return False
    return all(_is_reachable(instruction, operand) for operand in operands if isinstance(operand, Address))


def _begins_map(instruction: Instruction, memory: Memory) -> bool:
    """Whether it is what a collector looks for at a return address (`layout/stack_maps.py`)."""
    return instruction.mnemonic == "NOP" and memory.base == rbx


def _is_reachable(instruction: Instruction, address: Address) -> bool:
    """Whether the emit function finds a way to the address from wherever the context is."""
    match instruction.mnemonic, instruction.operands:
        case ("CALL", (Address(),)) | ("MOV", (Register(kind="r64"), Address())):
            return is_identifier(address.name)
        case "LEA", (Register(kind="r64"), Memory()) if is_identifier(address.name):
            return True
    return address.name.startswith("SG_RODATA(")


def _size(block: Block) -> int:
    """Bytes, more or less: distances are not known yet."""
    jumps = {Jump: 5, Branch: 4}.get(type(block.end), 0)
    return sum(_length(instruction) for instruction in block.instructions) + jumps


def _length(instruction: Instruction) -> int:
    if any(isinstance(operand, Address) for operand in references(instruction)):
        return 5 if instruction.mnemonic == "CALL" else 7
    return len(instruction.encodings()[0].code)


# ---- How it looks as a part ----


def _lines(code: Code, entry: str, region: Iterable[str], target: Target | None) -> tuple[Line, ...]:
    """The blocks as a function: they begin with the entry, and return where they went to `target`."""
    blocks = [block for block in code.blocks if block.name in region]
    blocks.sort(key=lambda block: block.name != entry)
    back = Label(f"{entry}.back")
    part = [_as_part(block, target, back) for block in blocks] + [Block(back.name, (), _RETURN)]
    hot, _ = place(whole := thread_jumps(replace(code, blocks=tuple(part))), Liveness(whole))
    return hot


def _as_part(block: Block, target: Target | None, back: Label) -> Block:
    """The block inside of a shared part: it returns where it went to `target`."""
    match block.end:
        case Jump(goal) if goal == target:
            end: End = _RETURN
        case Branch(mnemonic, taken, otherwise):
            end = Branch(mnemonic, back if taken == target else taken, back if otherwise == target else otherwise)
        case _:
            end = block.end
    before, last = block.instructions[:-1], block.instructions[-1:]
    match last:
        case (Instruction("CALL", operands),) if end in (_RETURN, Unreachable()):
            return Block(block.name, tuple(_aligned(before)), Back(Instruction("JMP", operands)))
        case _:
            return Block(block.name, tuple(_aligned(block.instructions)), end)


def _aligned(instructions: Sequence[Instruction]) -> Iterator[Instruction]:
    """With the stack as calls need it. `lea` leaves the flags alone."""
    for instruction in instructions:
        if instruction.effects.control in (Control.CALL, Control.INDIRECT_CALL) and instruction.mnemonic == "CALL":
            yield from (_move_rsp(-8), instruction, _move_rsp(8))
        else:
            yield instruction


def _move_rsp(distance: int) -> Instruction:
    return Instruction("LEA", (rsp, Memory(rsp, displacement=distance)))


def _name(lines: tuple[Line, ...]) -> str:
    """A C identifier made of what the part does: equal for equal parts, whatever stencil they come from."""
    digest = hashlib.sha256(write_stencil(Stencil("part", hot=lines)).encode()).hexdigest()[:10]
    instructions = [line.instruction for line in lines if isinstance(line, InstructionLine)]
    callees = [
        o.name for i in instructions for o in references(i) if isinstance(o, Address) and i.mnemonic in ("CALL", "JMP")
    ]
    return "_".join(("sg_cold", *callees[-1:], digest))
