"""Stack maps: what a collector finds behind a call that may collect.

`COLLECTING(call, value…)` keeps values in the frame across a call. Which places LLVM chose is known only in the assembly,
where each is the operand of a no-operation that does nothing; one with the operand [rbx] begins the list. LLVM may put
other instructions among them. They belong at the call's return address, so here they move up to it:

    call allocate                        call allocate
    mov  rbx, rax                        nop  [rbx]
    nop  [rbx]                           nop  [rsp+16]
    nop  [rsp+16]               ⇒        nop  [rsp+8]
    mov  rcx, [rsp+16]                   mov  rbx, rax
    nop  [rsp+8]                         mov  rcx, [rsp+16]

So the map is in the code itself: no table is written when a trace is compiled, none is searched when the collector
runs (`sg_stack_map` in runtime/src/stack_map.c), and where nobody collects nothing is lost but these bytes.

Why it is safe: a no-operation with a memory operand accesses nothing and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace

from stencilgen.errors import Diagnostic, UserError
from stencilgen.last import is_write
from stencilgen.layout.code import Code
from x86_64 import Control, Instruction, Memory, rbx, rsp

__all__ = ["gather_stack_maps"]

_BEGIN = Instruction("NOP", (Memory(rbx, size=4),))


def gather_stack_maps(code: Code, *, file: str | None = None, line: int = 0) -> Code:
    """Move every map to its call. UserError (at the stencil's file and line) for one that has no call or no place."""

    def reject(why: str) -> UserError:
        remedy = "write COLLECTING(x = function(…), value, …) with one call, of a function that is not inlined"
        return UserError([Diagnostic(f"stencil {code.name}: {why}", remedy, file, line)])

    if not any(_BEGIN in block.instructions for block in code.blocks):
        return code
    blocks = []
    for block in code.blocks:
        try:
            blocks.append(replace(block, instructions=_gathered(block.instructions)))
        except ValueError as error:
            raise reject(str(error)) from None
    return replace(code, blocks=tuple(blocks))


def _gathered(instructions: Sequence[Instruction]) -> tuple[Instruction, ...]:
    result = list[Instruction]()
    insert: int | None = None  # where the next part of a map goes: right behind the last call, or the part before
    begun = False
    for instruction in instructions:
        if is_write(instruction):  # no call in the end; its code comes behind the map
            result.append(instruction)
        elif instruction.effects.control is Control.CALL or instruction.effects.control is Control.INDIRECT_CALL:
            result.append(instruction)
            insert, begun = len(result), False
        elif instruction == _BEGIN:
            if insert is None or begun:
                raise ValueError("COLLECTING does not stand around a call")
            result.insert(insert, instruction)
            insert, begun = insert + 1, True
        elif begun and _is_place(instruction):
            assert insert is not None
            result.insert(insert, instruction)
            insert += 1
        else:
            result.append(instruction)
    return tuple(result)


def _is_place(instruction: Instruction) -> bool:
    """Whether it is a part of a map. ValueError for one whose operand is not a place of the frame."""
    match instruction:
        case Instruction("NOP", (Memory(base, index, _, displacement),)):
            if base is not rsp or index is not None or not isinstance(displacement, int):
                raise ValueError(f"COLLECTING keeps a value that has no fixed place in the frame: {instruction}")
            return True
    return False
