"""The code of one function while it is being made: slots, instructions, labels, and which variables have a value.

A slot is a parameter, a variable or a temporary. Temporaries are a stack above the variables; an operand that lies there
is read once and then dead, unless it is *held*.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from frontend.errors import CompileError
from frontend.image import Code, Instruction, Program
from frontend.opcodes import OPCODES
from frontend.scopes import Scope

MAX_SLOTS = {True: 4000, False: 250}
"""Slots of the module, of a function: MAX_CALLS of them have to fit the VM's stack."""


@dataclass(eq=False, slots=True)
class Label:
    """A place in the code; `index` when it is known."""

    index: int | None = None


@dataclass(slots=True)
class Loop:
    """Where break and continue go."""

    on_break: Label
    on_continue: Label


@dataclass(slots=True)
class Function:
    """Code under construction.

    variables: name → slot; empty for the module, whose variables are the scope's.
    bound: names that certainly have a value here; None where control cannot come.
    """

    program: Program
    scope: Scope
    code: Code
    variables: dict[str, int]
    is_module: bool = False
    globals: set[str] = field(default_factory=set)
    bound: set[str] | None = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    loops: list[Loop] = field(default_factory=list)
    renamed: dict[str, int] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    owner: ast.ClassDef | None = None
    own_name: str = ""
    first_temporary: int = 0
    top: int = 0
    line: int = 1
    patches: list[tuple[int, Label]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first_temporary = len(self.scope.variables if self.is_module else self.variables)
        self.top = self.code.slots = self.first_temporary

    # ---- slots ----

    def temporary(self, count: int = 1) -> int:
        """The first of so many new temporaries."""
        first, self.top = self.top, self.top + count
        if self.top + 3 > MAX_SLOTS[self.is_module]:
            node = ast.Pass(lineno=self.line)
            raise CompileError(node, "this function has too many variables and nested expressions", "split it up")
        self.code.slots = max(self.code.slots, self.top + 3)
        return first

    def is_temporary(self, operand: int) -> bool:
        """Whether the operand is dead once it was read."""
        return operand >= self.first_temporary and operand not in self.held

    @contextmanager
    def temporaries(self) -> Iterator[None]:
        """Temporaries made inside are free again afterwards."""
        top = self.top
        yield
        self.held -= set(range(top, self.top))
        self.top = top

    # ---- instructions ----

    def emit(
        self, opcode: str, d: int = 0, a: int = 0, b: int = 0, operand: int = 0, target: Label | None = None
    ) -> None:
        """Append an instruction on the current line."""
        if target is not None:
            self.patches.append((len(self.code.instructions), target))
        self.code.instructions.append(Instruction(OPCODES[opcode], d, a, b, operand, 0, self.line))

    def place(self, label: Label) -> None:
        """The label is here."""
        label.index = len(self.code.instructions)

    def move(self, target: int, operand: int) -> None:
        """target := operand."""
        if target == operand:
            return
        self.emit("TAKE" if self.is_temporary(operand) else "MOVE", d=target, a=operand)

    def finish(self) -> None:
        """Turn labels into distances; empty the variables that are read where they may have no value."""
        for index, label in self.patches:
            assert label.index is not None, "a label without a place"
            self.code.instructions[index].target = label.index - index
        if not self.is_module:
            clears = [Instruction(OPCODES["CLEAR"], d=slot, line=self.line) for slot in sorted(self.checked)]
            self.code.instructions[:0] = clears

    # ---- variables that have a value ----

    def bind(self, name: str) -> None:
        """The variable has a value from here on."""
        if self.bound is not None:
            self.bound.add(name)

    def fork(self) -> set[str] | None:
        """What is bound, to go back to."""
        return None if self.bound is None else set(self.bound)

    def join(self, other: set[str] | None) -> None:
        """Control comes from here or from where `other` was bound."""
        if self.bound is None:
            self.bound = None if other is None else set(other)
        elif other is not None:
            self.bound &= other

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """What is evaluated inside may be left out: it binds nothing for what follows."""
        before = self.fork()
        yield
        self.join(before)

    def read(self, name: str, slot: int) -> None:
        """Check that a variable of this function has a value."""
        if self.bound is None or name in self.bound:
            return
        if self.is_module:
            self.emit("CHECK_BOUND", a=slot, operand=self.program.name(name))
        else:
            self.checked.add(slot)
            self.emit("CHECK_LOCAL", a=slot, operand=self.program.name(name))
        self.bound.add(name)
