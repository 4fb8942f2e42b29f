"""A stencil's machine code as a control-flow graph of typed instructions.

The key idea: control flow is explicit. A block holds straight-line instructions only; how it ends is its
`end`, a small value, never a jump instruction hidden in the list. So passes may reorder, merge and delete blocks
without repairing jumps, and jumps are written once, when the blocks are laid out at last.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from x86_64 import Instruction, Label, Register

__all__ = [
    "Back",
    "Block",
    "Branch",
    "Code",
    "Convention",
    "End",
    "Jump",
    "Return",
    "TailCall",
    "Target",
    "Unreachable",
]

Target = Label
"""A block by its name, a boundary (`NEXT`, `EXIT`), or a position in the trace (a `LabelHole`)."""


@dataclass(frozen=True, slots=True)
class Jump:
    """Control goes on at `target`: another block of this stencil, or one of its boundaries (NEXT, EXIT, a label hole)."""

    target: Target


@dataclass(frozen=True, slots=True)
class Branch:
    """A conditional jump (`JNE`, `JRCXZ`, …): to its target if taken, else control goes on at `otherwise`."""

    mnemonic: str
    target: Target
    otherwise: Target


@dataclass(frozen=True, slots=True)
class Return:
    """The trace returns the value in rax to whoever entered it."""


@dataclass(frozen=True, slots=True)
class TailCall:
    """The trace is left for good: `jump` (`jmp f`, `jmp rax`, `jmp [rdi+8]`) goes to a function that takes the state."""

    jump: Instruction


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Control never arrives here: after a call that does not return, or a trap."""


@dataclass(frozen=True, slots=True)
class Back:
    """A shared part of cold code is left (`layout/shared_cold.py`): `ret`, or `jmp f` to a function that returns for it."""

    jump: Instruction


End = Jump | Branch | Return | TailCall | Unreachable | Back


@dataclass(frozen=True, slots=True)
class Block:
    """Straight-line code with one entry and one end. `cold` code lies away from the hot path."""

    name: str
    instructions: tuple[Instruction, ...]
    end: End
    cold: bool = False


@dataclass(frozen=True, slots=True)
class Convention:
    """What a call reads and destroys, from its calling convention in the IR, never from its text.

    `reads`: registers that carry arguments (for a variadic callee al too); `clobbers`: whole registers whose value is lost.
    """

    reads: frozenset[Register]
    clobbers: frozenset[Register]
    returns: bool = True


@dataclass(frozen=True, slots=True)
class Code:
    """A whole stencil: `blocks[0]` is its entry, the rest in the order in which LLVM placed them.

    live_out: registers that carry the machine state across the stencil's boundaries (rsp, rbp included).
    conventions: per callee; `indirect` holds for calls through a register or memory and for unnamed callees.
    """

    name: str
    blocks: tuple[Block, ...]
    live_out: frozenset[Register]
    conventions: Mapping[str, Convention]
    indirect: Convention
    frame: int = 0
    """Bytes that the stencil needs below the return address; 0 where it needs no frame."""
