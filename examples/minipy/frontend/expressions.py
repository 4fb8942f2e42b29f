"""Expressions → instructions.

`expression(node)` gives the operand that holds the value; `into` asks for a slot.
"""

import ast
from typing import NoReturn

from frontend.calls import Calls
from frontend.errors import CompileError
from frontend.function import Label

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "ADD", ast.Sub: "SUB", ast.Mult: "MUL", ast.Div: "DIV", ast.FloorDiv: "FLOORDIV", ast.Mod: "MOD",
    ast.Pow: "POW", ast.BitAnd: "AND", ast.BitOr: "OR", ast.BitXor: "XOR", ast.LShift: "LSHIFT", ast.RShift: "RSHIFT",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "LT", ast.LtE: "LE", ast.Eq: "EQ", ast.NotEq: "NE", ast.Gt: "GT", ast.GtE: "GE",
    ast.Is: "IS", ast.IsNot: "IS_NOT", ast.In: "IN", ast.NotIn: "NOT_IN",
}  # fmt: skip
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "NEGATE", ast.UAdd: "POSITIVE", ast.Invert: "INVERT", ast.Not: "NOT"}
CHUNK = 32
"""Items of a display that are evaluated before they are put into the list."""


class Expressions(Calls):
    """Compiles the expressions of one function."""

    def evaluate(self, node: ast.expr, into: int | None) -> int:
        """See Operands."""
        f = self.f
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)) if not isinstance(
                value, bool
            ):
                return self.constant(ast.copy_location(ast.Constant(-value), node))
            case ast.Name(id=name):
                return self.load(name, into)
            case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
                raise CompileError(
                    node, "minipy's strings have no % operator", "print the values, or join with + and str()"
                )
            case ast.BinOp() if type(node.op) in OPERATORS:
                with f.temporaries():
                    a, b = self.operands([node.left, node.right])
                return self.result(into, OPERATORS[type(node.op)], a, b)
            case ast.UnaryOp():
                with f.temporaries():
                    (a,) = self.operands([node.operand])
                return self.result(into, UNARY[type(node.op)], a)
            case ast.Compare(ops=[op]):
                with f.temporaries():
                    a, b = self.operands([node.left, node.comparators[0]])
                return self.result(into, COMPARISONS[type(op)], a, b)
            case ast.Compare() | ast.BoolOp():
                return self.short_circuit(node)
            case ast.IfExp():
                return self.conditional(node)
            case ast.List() | ast.Tuple():
                return self.display(node, into)
            case ast.ListComp():
                return self.comprehension(node)
            case ast.Subscript(slice=ast.Slice()):
                raise CompileError(node, "minipy has no slices", "copy the items in a loop, or by a list comprehension")
            case ast.Subscript():
                with f.temporaries():
                    a, b = self.operands([node.value, node.slice])
                return self.result(into, "GET_ITEM", a, b)
            case ast.Attribute():
                if (number := self.math_constant(node)) is not None:
                    return f.program.constant(number)
                with f.temporaries():
                    (a,) = self.operands([node.value])
                return self.result(into, "LOAD_ATTRIBUTE", a, operand=f.program.name(node.attr))
            case ast.Call():
                return self.call(node, into)
            case ast.JoinedStr():
                return self.formatted(node)
            case _:
                self.no(node)

    def no(self, node: ast.AST) -> NoReturn:
        """This is outside the subset."""
        remedy = REMEDIES.get(type(node), "see README.md for what minipy knows")
        name = type(node).__name__
        raise CompileError(node, f"minipy has no {NAMES.get(type(node), name)}", remedy)

    # ---- Control flow inside expressions ----

    def jump_if(self, node: ast.expr, sense: bool, label: Label) -> None:
        """Go to the label if the condition's truth is `sense`; fall through otherwise."""
        f = self.f
        line, f.line = f.line, node.lineno
        match node:
            case ast.Constant(value=literal):
                if bool(literal) == sense:
                    f.emit("JUMP", target=label)
            case ast.UnaryOp(op=ast.Not()):
                self.jump_if(node.operand, not sense, label)
            case ast.BoolOp(op=op, values=values):
                around = Label()
                decides = isinstance(op, ast.Or) == sense  # any of them does
                self.jump_if(values[0], sense if decides else not sense, label if decides else around)
                with f.perhaps():
                    for value in values[1:-1]:
                        self.jump_if(value, sense if decides else not sense, label if decides else around)
                    self.jump_if(values[-1], sense, label)
                f.place(around)
            case ast.Compare(ops=[op]) if not isinstance(op, ast.In | ast.NotIn):
                with f.temporaries():
                    a, b = self.operands([node.left, node.comparators[0]])
                    name = COMPARISONS[type(op)]
                    negated = name == "IS_NOT"
                    f.emit(f"BRANCH_{'IS' if negated else name}", d=int(sense != negated), a=a, b=b, target=label)
            case _:
                with f.temporaries():
                    a = self.expression(node)
                    f.emit("BRANCH", d=int(sense), a=a, target=label)
        f.line = line

    def short_circuit(self, node: ast.Compare | ast.BoolOp) -> int:
        """and, or, a < b < c: the value of the last part that was evaluated."""
        f, end, d = self.f, Label(), self.f.temporary()
        if isinstance(node, ast.BoolOp):
            sense = int(isinstance(node.op, ast.Or))
            self.expression_apart(node.values[0], d)
            with f.perhaps():
                for value in node.values[1:]:
                    f.emit("BRANCH", d=sense, a=d, target=end)
                    self.expression_apart(value, d)
        else:
            left, right = f.temporary(), f.temporary()
            self.expression_apart(node.left, left)
            self.expression_apart(node.comparators[0], right)
            f.emit(COMPARISONS[type(node.ops[0])], d=d, a=left, b=right)
            with f.perhaps():
                for op, comparator in zip(node.ops[1:], node.comparators[1:], strict=True):
                    f.emit("BRANCH", d=0, a=d, target=end)
                    f.emit("TAKE", d=left, a=right)
                    self.expression_apart(comparator, right)
                    f.emit(COMPARISONS[type(op)], d=d, a=left, b=right)
        f.place(end)
        return self.keep_only(d)

    def conditional(self, node: ast.IfExp) -> int:
        """a if condition else b"""
        f, otherwise, end, d = self.f, Label(), Label(), self.f.temporary()
        self.jump_if(node.test, False, otherwise)
        before = f.fork()
        self.expression_apart(node.body, d)
        after, f.bound = f.bound, before
        f.emit("JUMP", target=end)
        f.place(otherwise)
        self.expression_apart(node.orelse, d)
        f.join(after)
        f.place(end)
        return self.keep_only(d)

    # ---- Lists and tuples ----

    def display(self, node: ast.List | ast.Tuple, into: int | None) -> int:
        """[a, b], (a, b); a long one in pieces."""
        f = self.f
        kind = "BUILD_LIST" if isinstance(node, ast.List) else "BUILD_TUPLE"
        if len(node.elts) <= CHUNK:
            with f.temporaries():
                first = self.consecutive(node.elts)
            return self.result(into, kind, first, len(node.elts))
        d = f.temporary()
        for start in range(0, len(node.elts), CHUNK):
            with f.temporaries():
                piece = ast.copy_location(type(node)(node.elts[start : start + CHUNK], ast.Load()), node)
                if start == 0:
                    self.display(piece, d)
                else:
                    f.emit("ADD", d=d, a=d, b=self.display(piece, None), operand=1)
        return d

    def comprehension(self, node: ast.ListComp) -> int:
        """[element for target in iterable if condition …], as loops around an append."""
        from frontend.statements import Statements

        f, d = self.f, self.f.temporary()
        f.emit("BUILD_LIST", d=d, a=d, b=0)
        before = dict(f.renamed)

        def append() -> None:
            end = Label()
            with f.temporaries():
                f.emit("APPEND", a=d, b=self.expression(node.elt), target=end)
            f.place(end)

        Statements(f).comprehension_loops(node.generators, append)
        f.renamed = before
        return self.keep_only(d)


NAMES: dict[type[ast.AST], str] = {
    ast.Lambda: "lambda", ast.Dict: "dictionaries", ast.Set: "sets", ast.DictComp: "dictionary comprehensions",
    ast.SetComp: "set comprehensions", ast.GeneratorExp: "generators", ast.Yield: "generators", ast.Starred: "* here",
    ast.NamedExpr: "':='", ast.BinOp: "operator @", ast.Await: "await",
}  # fmt: skip
REMEDIES: dict[type[ast.AST], str] = {
    ast.Lambda: "write a function with def", ast.Dict: "use lists, or a class with attributes",
    ast.Set: "use a list", ast.GeneratorExp: "use a list comprehension", ast.NamedExpr: "assign in a statement of its own",
    ast.Starred: "write the items one by one",
}  # fmt: skip
