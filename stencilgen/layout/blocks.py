"""Statements → control-flow graph.

Jumps, returns and fall-through become block ends; what remains in a block is straight-line code. A tail call of one of the
boundary functions (`__sg_continue`, `__sg_exit`, `__sg_label_*`) was resolved to a label already, and is a jump.
"""

from collections.abc import Iterator, Mapping, Sequence

from dasc import LabelHole
from stencilgen.assembly import Function, Place, Statement
from stencilgen.errors import UserError
from stencilgen.layout.code import (
    Block,
    Branch,
    Code,
    Convention,
    End,
    Jump,
    Return,
    TailCall,
    Target,
    Unreachable,
)
from x86_64 import Address, Control, Instruction, Label, Register

__all__ = ["build_code", "is_outside", "reachable", "successors", "targets"]

BOUNDARIES = ("NEXT", "EXIT")


def build_code(
    function: Function,
    live_out: frozenset[Register],
    conventions: Mapping[str, Convention],
    indirect: Convention,
    label_holes: Mapping[str, LabelHole],
) -> Code:
    """Make the control-flow graph. `label_holes` maps the label names of `__sg_label_*` to what they stand for."""
    blocks: list[Block] = []
    for statements, cold in ((function.hot, False), (function.cold, True)):
        blocks += _blocks(function.name, statements, cold, conventions, label_holes)
    if not blocks:
        raise UserError(f"stencil {function.name} has no code")
    return Code(function.name, tuple(reachable(blocks)), live_out, conventions, indirect)


def _blocks(
    name: str,
    statements: Sequence[Statement],
    cold: bool,
    conventions: Mapping[str, Convention],
    label_holes: Mapping[str, LabelHole],
) -> Iterator[Block]:
    label, body, anonymous = f"{name}{'.cold.entry' if cold else '.entry'}", list[Instruction](), 0
    open_ = True  # control can arrive at the place where the next statement goes

    def target(instruction: Instruction) -> Target | None:
        operand = instruction.operands[0] if instruction.operands else None
        return label_holes.get(operand.name, operand) if isinstance(operand, Label) else None

    def close(end: End) -> Block:
        nonlocal body
        block = Block(label, tuple(body), end, cold)
        body = []
        return block

    for statement in statements:
        if isinstance(statement, Place):
            # a label that ends the function or its cold part is not a block; harmless when nothing follows
            if open_:
                yield close(Jump(Label(statement.name)))
            label, open_ = statement.name, True
            continue
        if not open_:
            continue  # nothing jumps here: padding after a jump
        end: End | None = None
        following: str | None = None
        match statement.effects.control:
            case Control.JUMP | Control.INDIRECT_JUMP:
                goal = target(statement)
                end = Jump(goal) if goal is not None else TailCall(statement)
            case Control.CONDITIONAL:
                goal = target(statement)
                if goal is None:
                    raise UserError(f"stencil {name}: a conditional jump to outside of the stencil: {statement}")
                anonymous += 1
                following = f"{label.split('~')[0]}~{anonymous}"
                end = Branch(statement.mnemonic, goal, Label(following))
            case Control.RETURN:
                end = Return()
            case Control.TRAP:
                body.append(statement)
                end = Unreachable()
            case Control.CALL:
                body.append(statement)
                callee = statement.operands[0] if statement.operands else None  # syscall has none
                if isinstance(callee, Address) and callee.name in conventions and not conventions[callee.name].returns:
                    end = Unreachable()
            case _:
                body.append(statement)
        if end is not None:
            yield close(end)
            open_ = following is not None
            label = following or label
    if open_:
        # the last call does not return, though its declaration does not say so; or the code ends in undefined behaviour
        yield close(Unreachable())


def reachable(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that control can arrive at, in their order."""
    by_name = {block.name: block for block in blocks}
    seen: set[str] = set()
    work = [blocks[0].name]
    while work:
        name = work.pop()
        if name in seen:
            continue
        seen.add(name)
        work += successors(by_name[name].end)
    return [block for block in blocks if block.name in seen]


def targets(end: End) -> tuple[Target, ...]:
    """Where control may go on: blocks, NEXT, EXIT, positions in the trace."""
    match end:
        case Jump(target):
            return (target,)
        case Branch(_, target, otherwise):
            return (target, otherwise)
        case _:
            return ()


def is_outside(target: Target) -> bool:
    """Whether this is none of the stencil's blocks."""
    return isinstance(target, LabelHole) or target.name in BOUNDARIES


def successors(end: End) -> tuple[str, ...]:
    """The names of the stencil's blocks where control may go on."""
    return tuple(target.name for target in targets(end) if not is_outside(target))
