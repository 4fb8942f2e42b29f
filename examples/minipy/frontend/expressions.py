"""Expressions → instructions.

`expression(node)` gives an operand: a variable's slot itself, a constant, or a temporary; `into` asks for a slot. Operands
are read when the instruction runs, so a variable that a call in between may change is copied first.
"""

import ast
from collections.abc import Sequence

from frontend.errors import CompileError
from frontend.function import Function, Label
from frontend.opcodes import BUILTINS, MATH

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "ADD", ast.Sub: "SUB", ast.Mult: "MUL", ast.Div: "DIV", ast.FloorDiv: "FLOORDIV", ast.Mod: "MOD",
    ast.Pow: "POW", ast.BitAnd: "AND", ast.BitOr: "OR", ast.BitXor: "XOR", ast.LShift: "LSHIFT", ast.RShift: "RSHIFT",
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "LT", ast.LtE: "LE", ast.Eq: "EQ", ast.NotEq: "NE", ast.Gt: "GT", ast.GtE: "GE",
    ast.Is: "IS", ast.IsNot: "IS_NOT", ast.In: "IN", ast.NotIn: "NOT_IN",
}  # fmt: skip
UNARY: dict[type[ast.unaryop], str] = {ast.USub: "NEGATE", ast.UAdd: "POSITIVE", ast.Invert: "INVERT", ast.Not: "NOT"}
MATH_CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf"), "nan": float("nan")}
CHUNK = 32
"""Items of a display that are evaluated before they are put into the list."""


class Expressions:
    """Compiles the expressions of one function."""

    def __init__(self, function: Function) -> None:
        self.f = function
        self.ignored: ast.expr | None = None  # the value of this call is not used

    # ---- Values ----

    def expression(self, node: ast.expr, into: int | None = None) -> int:
        """The operand that holds the value; in slot `into`, if one is given."""
        line, self.f.line = self.f.line, node.lineno
        operand = self._expression(node, into)
        self.f.line = line
        if into is not None and operand != into:
            self.f.move(into, operand)
            return into
        return operand

    def _expression(self, node: ast.expr, into: int | None) -> int:
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
            case ast.BinOp():
                with f.temporaries():
                    a, b = self.operands([node.left, node.right])
                return self.result(
                    into, OPERATORS[type(node.op)] if type(node.op) in OPERATORS else self.no(node), a, b
                )
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

    def no(self, node: ast.AST) -> "str":
        """This is outside the subset."""
        remedy = REMEDIES.get(type(node), "see README.md for what minipy knows")
        name = type(node).__name__
        raise CompileError(node, f"minipy has no {NAMES.get(type(node), name)}", remedy)

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
                        "it has pi, e, inf, nan",
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
        return name if (name in BUILTINS and name not in MATH) or name in ("print", "range", "super") else ""

    # ---- Control flow inside expressions ----

    def jump_if(self, node: ast.expr, sense: bool, label: Label) -> None:
        """Go to the label if the condition's truth is `sense`; fall through otherwise."""
        f = self.f
        line, f.line = f.line, node.lineno
        match node:
            case ast.Constant(value=value):
                if bool(value) == sense:
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

    def expression_apart(self, node: ast.expr, into: int) -> None:
        """A value into a slot; its temporaries are free again."""
        with self.f.temporaries():
            self.expression(node, into)

    def keep_only(self, slot: int) -> int:
        """Free all temporaries above this one."""
        self.f.top = slot + 1
        return slot

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

    def consecutive(self, nodes: list[ast.expr], room: int = 0) -> int:
        """Values in consecutive temporaries, of which the first `room` are left free."""
        first = self.f.temporary(len(nodes) + room)
        for index, node in enumerate(nodes):
            self.expression_apart(node, first + room + index)
        return first

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

    def formatted(self, node: ast.JoinedStr) -> int:
        """f"…{value}…": joined pieces."""
        f = self.f
        d = f.temporary()
        f.emit("MOVE", d=d, a=f.program.constant(""))
        for part in node.values:
            with f.temporaries():
                match part:
                    case ast.Constant():
                        piece = self.constant(part)
                    case ast.FormattedValue(format_spec=None, conversion=conversion):
                        name = "repr" if conversion == ord("r") else "str"
                        value = self.expression(part.value)
                        piece = self.result(None, "BUILTIN", value, self.empty(), BUILTINS[name][0])
                    case _:
                        raise CompileError(
                            node, "minipy's f-strings have no formats", "leave out what follows the colon"
                        )
                f.emit("ADD", d=d, a=d, b=piece)
        return d

    def empty(self) -> int:
        """The operand for an argument that is not there."""
        return self.f.program.constant(...)

    # ---- Calls ----

    def call(self, node: ast.Call, into: int | None) -> int:
        """f(…), object.method(…), a built-in, a function of math."""
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                raise CompileError(node, "minipy has no * in calls", "write the arguments one by one")
        match node.func:
            case ast.Name(id="print") if self.builtin_name("print"):
                return self.print(node)
            case ast.Name(id=name) if known := self.builtin_name(name):
                return self.builtin(node, known, into)
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self.f.scope.math_modules:
                if name not in MATH:
                    raise CompileError(node, f"minipy's math has no '{name}'", f"it has {', '.join(sorted(MATH))}")
                return self.builtin(node, name, into)
        if node.keywords:
            raise CompileError(node, "minipy has no keyword arguments in calls", "pass the arguments in their order")
        match node.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[])):
                return self.base_method(node, node.func.attr)
            case ast.Attribute(attr="append") if len(node.args) == 1:
                return self.append(node, node.func)
            case ast.Attribute():
                return self.method(node, node.func)
        base = self.f.temporary(2)
        with self.f.temporaries():
            self.expression(node.func, base)
        return self.finish_call(node, base, has_self=False)

    def finish_call(self, node: ast.Call, base: int, has_self: bool) -> int:
        """Evaluate the arguments and call what is in `base`."""
        f = self.f
        with f.temporaries():
            self.consecutive(node.args)
            f.emit("CALL", d=base, b=len(node.args), operand=int(has_self))
        return self.keep_only(base)

    def method(self, node: ast.Call, function: ast.Attribute) -> int:
        """object.method(…)"""
        f = self.f
        base = f.temporary(2)
        with f.temporaries():
            self.f.emit("LOAD_METHOD", d=base, a=self.expression(function.value), operand=f.program.name(function.attr))
        return self.finish_call(node, base, has_self=True)

    def base_method(self, node: ast.Call, name: str) -> int:
        """super().method(…): the base class's function, with this method's object as its first argument."""
        f = self.f
        match f.owner:
            case ast.ClassDef(bases=[ast.Name(id=base_class)]) if f.own_name:
                pass
            case _:
                raise CompileError(node, "super() outside the method of a class with a base", "name the class instead")
        base = f.temporary(2)
        with f.temporaries():
            f.emit("LOAD_METHOD", d=base, a=self.load(base_class, None), operand=f.program.name(name))
        own = ast.copy_location(ast.Name(f.own_name, ast.Load()), node)
        call = ast.copy_location(ast.Call(node.func, [own, *node.args], []), node)
        return self.finish_call(call, base, has_self=True)

    def append(self, node: ast.Call, function: ast.Attribute) -> int:
        """x.append(y): at once when x is a list, else a call."""
        f, called, end = self.f, Label(), Label()
        base = f.temporary(2)
        with f.temporaries():
            value, item = self.operands([function.value, node.args[0]])
            f.temporary()
            f.emit("APPEND", a=value, b=item, target=end if node is self.ignored else called)
            f.emit("LOAD_METHOD", d=base, a=value, operand=f.program.name("append"))
            f.move(base + 2, item)
            f.emit("CALL", d=base, b=1, operand=1)
        if node is not self.ignored:
            f.emit("JUMP", target=end)
            f.place(called)
            f.emit("MOVE", d=base, a=f.program.constant(None))
        f.place(end)
        return self.keep_only(base)

    def print(self, node: ast.Call) -> int:
        """print(a, b, sep=…, end=…)"""
        f = self.f
        known = {keyword.arg: keyword.value for keyword in node.keywords}
        if set(known) - {"sep", "end"}:
            raise CompileError(node, "minipy's print has no such keyword", "it has sep and end")
        ending = [
            known.get(name, ast.Constant(text, lineno=node.lineno)) for name, text in (("sep", " "), ("end", "\n"))
        ]
        with f.temporaries():
            first = self.consecutive([*node.args, *ending])
            f.emit("PRINT", a=first, b=len(node.args) + 2)
        return f.program.constant(None)

    def builtin(self, node: ast.Call, name: str, into: int | None) -> int:
        """A built-in function: an instruction of its own."""
        f = self.f
        if name in ("range", "super"):
            where = "as what a for loop goes over" if name == "range" else "as super().method(…)"
            raise CompileError(
                node, f"minipy has {name} only {where}", "use a list of the values" if name == "range" else ""
            )
        if node.keywords:
            raise CompileError(node, f"minipy's {name}() has no keyword arguments", "leave them out")
        number, most = BUILTINS[name]
        given = len(node.args)
        extreme = name in ("min", "max")
        if given == 0 and name in EMPTY_CALLS:
            return self.expression(ast.copy_location(ast.parse(EMPTY_CALLS[name], mode="eval").body, node), into)
        if (given != most and not extreme) or given == 0:
            wanted = "at least 1 argument" if extreme else f"{most} argument{'s' if most > 1 else ''}"
            raise CompileError(node, f"{name}() with {given} arguments", f"minipy's {name}() takes {wanted}")
        with f.temporaries():
            operands = self.operands(node.args)
            if extreme and given > 2:
                best = f.temporary()
                f.emit("BUILTIN", d=best, a=operands[0], b=operands[1], operand=number)
                for operand in operands[2:-1]:
                    f.emit("BUILTIN", d=best, a=best, b=operand, operand=number)
                operands = [best, operands[-1]]
        return self.result(into, "BUILTIN", operands[0], operands[1] if len(operands) > 1 else self.empty(), number)


EMPTY_CALLS = {"int": "0", "float": "0.0", "str": "''", "bool": "False", "list": "[]", "tuple": "()"}
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
