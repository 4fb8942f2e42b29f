"""Calls, of functions, methods, classes and built-ins; print, and f-strings, which are calls of str()."""

import ast
import re

from frontend.errors import CompileError
from frontend.function import Function, Label
from frontend.opcodes import BUILTINS, MATH
from frontend.operands import Operands, line_of

EMPTY_CALLS = {"int": "0", "float": "0.0", "str": "''", "bool": "False", "list": "[]", "tuple": "()"}


FORMAT = re.compile(r"(?:[ -~]?[<>^=])?[-+ ]?(?!0\d*,)\d{0,3},?(\.\d{1,3}[efgs%]|[defgsxX%]?)")
"""What vm/template.c knows."""


class Calls(Operands):
    """Compiles the calls of one function."""

    def __init__(self, function: Function) -> None:
        super().__init__(function)
        self.ignored: ast.expr | None = None  # the value of this call is not used

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
            case ast.Attribute():
                self.f.line = line_of(node.func)
                match node.func:
                    case ast.Attribute(value=ast.Call(func=ast.Name(id="super"), args=[])):
                        return self.base_method(node, node.func.attr)
                    case ast.Attribute(attr="append") if len(node.args) == 1:
                        return self.append(node, node.func)
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

    def is_there(self, node: ast.expr) -> bool:
        """Whether evaluating it can neither fail nor do anything."""
        match node:
            case ast.Name(id=name):
                return self.f.bound is not None and name in self.f.bound
        return isinstance(node, ast.Constant)

    def append(self, node: ast.Call, function: ast.Attribute) -> int:
        """x.append(y): at once when x is a list, else a call."""
        f, called, end = self.f, Label(), Label()
        base = f.temporary(2)
        with f.temporaries():
            value = self.safe(self.expression(function.value), node.args)
            if not self.is_there(node.args[0]):
                f.emit("CHECK_METHOD", a=value, operand=f.program.name("append"))
            item = self.expression(node.args[0])
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

    def formatted(self, node: ast.JoinedStr) -> int:
        """f"…{value}…": joined pieces."""
        f = self.f
        d = f.temporary()
        f.emit("MOVE", d=d, a=f.program.constant(""))
        for part in node.values:
            with f.temporaries():
                piece = self.formatted_value(part) if isinstance(part, ast.FormattedValue) else self.expression(part)
                f.emit("ADD", d=d, a=d, b=piece)
        return d

    def formatted_value(self, part: ast.FormattedValue) -> int:
        """{value!conversion:format}"""
        piece = self.expression(part.value)
        if part.conversion in (ord("r"), ord("a")):
            piece = self.result(None, "BUILTIN", piece, self.empty(), BUILTINS["repr"][0])
        elif part.conversion == ord("s") or part.format_spec is None:
            piece = self.result(None, "BUILTIN", piece, self.empty(), BUILTINS["str"][0])
        match part.format_spec:
            case None:
                return piece
            case ast.JoinedStr(values=[ast.Constant(value=str() as text)]) if FORMAT.fullmatch(text):
                return self.result(None, "BUILTIN", piece, self.f.program.constant(text), BUILTINS["format"][0])
        remedy = "width, alignment, sign, comma, precision, then d, e, f, g, s, x or %"
        raise CompileError(part, "minipy does not know this format", remedy)
