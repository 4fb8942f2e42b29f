"""Control-flow graph → two straight lists, hot and cold: the order of blocks, and the jumps between them.

Three ideas. Jumps are *threaded* first: nobody jumps to a block that only jumps on. The hot part then ends, where that
saves a jump, with a block that goes on to the next micro-op, so that hot code runs on from stencil to stencil. Last, each
block's end is written as the fewest jumps that its neighbour allows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from dasc import NEXT, DropFrame, InstructionLine, LabelHole, LabelLine, Line
from stencilgen.last import line_of
from stencilgen.layout.blocks import reachable, targets
from stencilgen.layout.code import Back, Block, Branch, Code, End, Jump, Return, TailCall, Target, Unreachable
from stencilgen.layout.liveness import ALL_FLAGS, Liveness
from x86_64 import Instruction, Label, Register, Symbolic, rsp

__all__ = ["hot_jumps", "place", "thread_jumps"]

# Conditions in pairs of opposites; jrcxz and its like have none and reach only 127 bytes.
_OPPOSITES = {
    "JO": "JNO", "JB": "JAE", "JE": "JNE", "JBE": "JA", "JS": "JNS", "JP": "JNP", "JL": "JGE", "JLE": "JG",
}  # fmt: skip
OPPOSITE = _OPPOSITES | {no: yes for yes, no in _OPPOSITES.items()}


def thread_jumps(code: Code) -> Code:
    """Retarget every jump to an empty block to where that block goes; drop blocks that nobody reaches any more."""
    by_name = {block.name: block for block in code.blocks}

    def final(target: Target) -> Target:
        seen = set()
        while (block := _block(target, by_name)) and not block.instructions:
            if target.name in seen or not isinstance(block.end, Jump):
                break
            seen.add(target.name)
            target = block.end.target
        return target

    def threaded(end: End) -> End:
        match end:
            case Jump(target):
                goal = final(target)
                block = _block(goal, by_name)
                return Unreachable() if block and not block.instructions and block.end == Unreachable() else Jump(goal)
            case Branch(mnemonic, target, otherwise):
                taken, other = final(target), final(otherwise)
                return Jump(taken) if taken == other else Branch(mnemonic, taken, other)
            case _:
                return end

    blocks = [replace(block, end=threaded(block.end)) for block in code.blocks]
    return replace(code, blocks=tuple(reachable(blocks)))


def _block(target: Target, by_name: Mapping[str, Block]) -> Block | None:
    return None if isinstance(target, LabelHole) else by_name.get(target.name)


def place(code: Code, liveness: Liveness) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The hot and the cold part of a stencil as lines of `.dasc`."""
    hot = _order([block for block in code.blocks if not block.cold])
    cold = [block for block in code.blocks if block.cold]
    names = _label_names(hot, cold)
    return tuple(_lines(hot, NEXT, names, liveness)), tuple(_lines(cold, None, names, liveness))


def _order(blocks: list[Block]) -> list[Block]:
    """LLVM's order, but with a run of blocks that goes on to NEXT moved to the end, where that saves jumps.

       test rsi, rsi                           test rsi, rsi
       jne  2                                  je   1
    1: inc  qword [r12]                     2: dec  qword [r12]
       jmp  NEXT                   ⇒           jne  2
    2: dec  qword [r12]                     1: inc  qword [r12]
       jne  2
       jmp  1
    """
    best, fewest = blocks, _unconditional_jumps(blocks)
    for last, block in enumerate(blocks[:-1]):
        if NEXT not in targets(block.end):
            continue
        for first in range(last, 0, -1):
            candidate = blocks[:first] + blocks[last + 1 :] + blocks[first : last + 1]
            jumps = _unconditional_jumps(candidate)
            if jumps < fewest:
                best, fewest = candidate, jumps
            if Label(blocks[first].name) not in targets(blocks[first - 1].end):
                break  # a longer run would take along what does not belong to it
    return best


def hot_jumps(code: Code) -> int:
    """How many unconditional jumps the hot part will have."""
    return _unconditional_jumps(_order([block for block in code.blocks if not block.cold]))


def _unconditional_jumps(blocks: Sequence[Block]) -> int:
    return sum(
        mnemonic == "JMP"
        for block, following in _neighbours(blocks)
        for mnemonic, _ in _jumps(block.end, Label(following.name) if following else NEXT)
    )


def _neighbours(blocks: Sequence[Block]) -> Iterator[tuple[Block, Block | None]]:
    """Each block with the one after it."""
    return zip_longest(blocks, blocks[1:])


def _label_names(hot: Sequence[Block], cold: Sequence[Block]) -> dict[str, Label]:
    """New names, 0 1 …, for the blocks that some jump goes to, in the order in which they stand."""
    needed = set[str]()
    for part, end_of_part in ((hot, NEXT), (cold, None)):
        for block, following in _neighbours(part):
            fall = Label(following.name) if following else end_of_part
            for _, target in _jumps(block.end, fall):
                if not isinstance(target, LabelHole):
                    needed.add(target.name)
    ordered = [block.name for block in (*hot, *cold) if block.name in needed]
    return {name: Label(str(number)) for number, name in enumerate(ordered)}


def _jumps(end: End, fall: Target | None) -> Iterator[tuple[str, Target]]:
    """The jumps, mnemonic and target, that end a block when control would otherwise run on to `fall`."""
    match end:
        case Jump(target):
            if target != fall:
                yield "JMP", target
        case Branch(mnemonic, target, otherwise):
            if otherwise == fall:
                yield mnemonic, target
            elif target == fall and mnemonic in OPPOSITE:
                yield OPPOSITE[mnemonic], otherwise
            else:
                yield mnemonic, target
                yield "JMP", otherwise


def _lines(
    blocks: Sequence[Block], end_of_part: Label | None, names: dict[str, Label], liveness: Liveness
) -> Iterator[Line]:
    for block, following in _neighbours(blocks):
        if block.name in names:
            yield LabelLine(names[block.name])
        for instruction, live in zip(block.instructions, liveness.live_after(block.name), strict=True):
            flags_dead = not live & ALL_FLAGS and _is_constant_load(instruction)
            yield line_of(InstructionLine(instruction, flags_dead))
        fall = Label(following.name) if following else end_of_part
        match block.end:
            case Return():
                yield DropFrame()
                yield InstructionLine(Instruction("RET", ()), flags_dead=False)
            case TailCall(jump):
                yield DropFrame()
                yield InstructionLine(jump, flags_dead=False)
            case Back(jump):
                yield InstructionLine(jump, flags_dead=False)
            case Unreachable():
                pass
            case end:
                for mnemonic, target in _jumps(end, fall):
                    named = target if isinstance(target, LabelHole) else names.get(target.name, target)
                    yield InstructionLine(Instruction(mnemonic, (named,)), flags_dead=False)


def _is_constant_load(instruction: Instruction) -> bool:
    """Whether the emitter may choose among several instructions, of which some write flags."""
    match instruction.mnemonic, instruction.operands:
        case "MOV", (Register() as register, (int() | Symbolic())):
            return register.size >= 4 and register != rsp
        case _:
            return False
