"""One tail for blocks that end alike.

LLVM copies a short tail into each of its predecessors, to save a jump. Where the blocks can lie in a row there is no
jump to save, and the copy is only longer:

      je   1                             jne  1
      mov  [r12 + E], rax                inc  dword [rax]
      jmp  NEXT                  ⇒     1:mov  [r12 + E], rax
    1:inc  dword [rax]
      mov  [r12 + E], rax

Why it is safe: where one block as a whole is what another one ends with, and both go on to the same place, the other may
jump to it instead. Both are equally cold, so nothing hot comes to lie in cold code. Whether it pays is tried: the hot
part must not have more jumps after it. That every run of the result is a run of the original, around loops too, is shown by
bisimulation (`tests/layout/test_tails.py`).
"""

from dataclasses import replace

from stencilgen.layout.code import Block, Code, Jump
from stencilgen.layout.placement import hot_jumps, thread_jumps
from x86_64 import Label

__all__ = ["merge_tails"]


def merge_tails(code: Code) -> tuple[Code, int]:
    """Let blocks jump to what they end with, wherever that makes the code shorter; and how often that was."""
    jumps, count = hot_jumps(code), 0
    while (merged := _first(code, jumps)) is not None:
        code, jumps = merged
        count += 1
    return code, count


def _first(code: Code, jumps: int) -> tuple[Code, int] | None:
    for tail in code.blocks[1:]:
        if not tail.instructions or not isinstance(tail.end, Jump):
            continue
        for place, block in enumerate(code.blocks):
            if block is tail or not _ends_with(block, tail):
                continue
            kept = block.instructions[: len(block.instructions) - len(tail.instructions)]
            shorter = replace(block, instructions=kept, end=Jump(Label(tail.name)))
            merged = thread_jumps(replace(code, blocks=(*code.blocks[:place], shorter, *code.blocks[place + 1 :])))
            if (count := hot_jumps(merged)) <= jumps:
                return merged, count
    return None


def _ends_with(block: Block, tail: Block) -> bool:
    length = len(tail.instructions)
    return block.end == tail.end and block.cold == tail.cold and block.instructions[-length:] == tail.instructions
