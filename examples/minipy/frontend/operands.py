"""Operands: what an instruction names. A variable's slot itself, a constant, or a temporary with an expression's value.

Operands are read when the instruction runs, so a variable that a call in between may change is copied first.
"""

import ast
from abc import ABC, abstractmethod
from collections.abc import Sequence

from frontend.errors import CompileError
from frontend.function import Function
from frontend.opcodes import EVERYWHERE, MATH, MATH_CONSTANTS


def line_of(node: ast.expr) -> int:
    """The line that Python names when this fails: of an attribute, the line of its name."""
    return (node.end_lineno or node.lineno) if isinstance(node, ast.Attribute) else node.lineno


class Operands(ABC):
    """Makes operands for one function; what an expression does is said in expressions.py."""

    def __init__(self, function: Function) -> None:
        self.f = function

    @abstractmethod
    def evaluate(self, node: ast.expr, into: int | None) -> int:
        """Instructions for an expression; where its value then is, if possible in `into`."""

    def expression(self, node: ast.expr, into: int | None = None) -> int:
        """The operand that holds the value; in slot `into`, if one is given."""
        line, self.f.line = self.f.line, line_of(node)
        operand = self.evaluate(node, into)
        self.f.line = line
        if into is not None and operand != into:
            self.f.move(into, operand)
            return into
        return operand

    def expression_apart(self, node: ast.expr, into: int) -> None:
        """A value into a slot; its temporaries are free again."""
        with self.f.temporaries():
            self.expression(node, into)

    def keep_only(self, slot: int) -> int:
        """Free all temporaries above this one."""
        self.f.top = slot + 1
        return slot

    def consecutive(self, nodes: list[ast.expr], room: int = 0) -> int:
        """Values in consecutive temporaries, of which the first `room` are left free."""
        first = self.f.temporary(len(nodes) + room)
        for index, node in enumerate(nodes):
            self.expression_apart(node, first + room + index)
        return first

    def result(self, into: int | None, opcode: str, a: int, b: int = 0, operand: int = 0) -> int:
        """Emit an instruction with a result."""
        d = self.f.temporary() if into is None else into
        self.f.emit(opcode, d=d, a=a, b=b, operand=operand)
        return d

    def operands(self, nodes: list[ast.expr], later: Sequence[ast.expr] = ()) -> list[int]:
        """Several values at once, which are read after `later` was evaluated too.

        In the module a variable is copied when calls that follow may assign to it.
        """
        return [self.safe(self.expression(node), [*nodes[index + 1 :], *later]) for index, node in enumerate(nodes)]

    def safe(self, operand: int, later: Sequence[ast.expr]) -> int:
        """The operand, or a copy that stays what it is while `later` is evaluated."""
        is_variable = self.f.is_module and 0 <= operand < self.f.first_temporary
        if not is_variable or not any(map(self.may_call, later)):
            return operand
        copy = self.f.temporary()
        self.f.emit("MOVE", d=copy, a=operand)
        return copy

    def may_call(self, node: ast.expr) -> bool:
        """Whether evaluating it may run a function of the program."""
        calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
        return any(not (isinstance(call.func, ast.Name) and self.builtin_name(call.func.id)) for call in calls)

    def constant(self, node: ast.Constant) -> int:
        """A literal."""
        match node.value:
            case bool() | None | float():
                pass
            case int() as number:
                if not -(2**63) <= number < 2**63:
                    raise CompileError(node, "this int does not fit 64 bits", "use a smaller one, or a float")
            case str() as text:
                if not text.isascii():
                    raise CompileError(node, "minipy's strings are ASCII", "leave out other characters")
            case value:
                raise CompileError(
                    node, f"minipy has no {type(value).__name__} literals", "use ints, floats and strings"
                )
        return self.f.program.constant(node.value)

    def load(self, name: str, into: int | None) -> int:
        """A variable: of a comprehension, of this function, or of the module."""
        f = self.f
        if name in f.renamed:
            return f.renamed[name]
        if name in f.variables:
            f.read(name, f.variables[name])
            return f.variables[name]
        if (constant := self.named_constant(name)) is not None:
            return f.program.constant(constant)
        if self.builtin_name(name):
            node = ast.Name(name, lineno=f.line)
            raise CompileError(node, f"'{name}' is not a value in minipy", "call it by its name, or write a function")
        slot = f.scope.variable(name)
        if f.is_module:
            if name in EVERYWHERE and f.bound is not None and name not in f.bound:
                node = ast.Name(name, lineno=f.line)
                raise CompileError(
                    node, f"'{name}' may be the built-in here and a variable later", "rename the variable"
                )
            f.read(name, slot)
            return slot
        d = f.temporary() if into is None else into
        f.emit("LOAD_GLOBAL", d=d, b=slot, operand=f.program.name(name))
        return d

    def named_constant(self, name: str) -> object:
        """__name__, and constants imported from math."""
        if name in self.f.scope.assigned:
            return None
        return "__main__" if name == "__name__" else MATH_CONSTANTS.get(self.f.scope.math.get(name, ""))

    def math_constant(self, node: ast.Attribute) -> float | None:
        """math.pi and the like."""
        match node.value:
            case ast.Name(id=module) if module in self.f.scope.math_modules:
                if node.attr not in MATH_CONSTANTS:
                    raise CompileError(
                        node,
                        f"minipy's math has no value '{node.attr}'",
                        f"it has {', '.join(MATH_CONSTANTS)}",
                    )
                return MATH_CONSTANTS[node.attr]
        return None

    def builtin_name(self, name: str) -> str:
        """The built-in function that a name stands for; empty if it is the program's own."""
        scope = self.f.scope
        if name in scope.assigned or name in self.f.variables or name in self.f.renamed:
            return ""
        if name in scope.math:
            return scope.math[name] if scope.math[name] in MATH else ""
        return name if name in EVERYWHERE else ""

    def empty(self) -> int:
        """The operand for an argument that is not there."""
        return self.f.program.constant(...)
