"""A program → its bytecode.

    scope (names become numbers) → each function, statement by statement → Program

The module's own variables are the slots of the first frame, which functions reach as globals.
"""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from frontend.errors import CompileError
from frontend.function import Function
from frontend.image import ClassPlan, Code, Program
from frontend.scopes import Scope, attributes_of, bound_names, read_scope
from frontend.statements import Statements

MAX_FRAMES = 20_000
"""Python's own parser gives up before trees are so deep that compiling them takes more calls."""


def compile_program(source: bytes, file: str) -> Program:
    """Compile a whole file. SyntaxError as Python's; CompileError for what is outside the subset."""
    if (at := source.find(b"\0")) >= 0:
        raise CompileError(
            _line(source.count(b"\n", 0, at) + 1), "this is not text: there is a zero byte", "name a program"
        )
    try:
        module = ast.parse(source, file)
        with _deep_recursion():
            program = _compile(module, file)
        compile(module, file, "exec", dont_inherit=True)  # which finds what is no syntax error to a parser
    except UnicodeDecodeError as error:  # Python 3.11 fails so where it is about to say so
        at = source.find(error.object[error.start : error.end])
        line = _line(source.count(b"\n", 0, at) + 1)
        raise CompileError(line, f"this is not text in {error.encoding}", "save it as UTF-8") from None
    except (RecursionError, MemoryError):
        lines = source.splitlines()
        longest = _line(lines.index(max(lines, key=len)) + 1)
        what = "the program is nested too deeply, perhaps in this line, its longest"
        raise CompileError(longest, what, "split long expressions up") from None
    return program


def _line(number: int) -> ast.AST:
    return ast.Pass(lineno=number)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, MAX_FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _compile(module: ast.Module, file: str) -> Program:
    scope = read_scope(module)
    program = Program(file)
    _name_attributes(program, module)
    return ProgramCompiler(program, scope).compile(module)


def _name_attributes(program: Program, module: ast.Module) -> None:
    """Attributes and members of classes get the lowest numbers: classes are tables by them."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            program.name(node.attr)
        elif isinstance(node, ast.ClassDef):
            for statement in node.body:
                for name in bound_names([statement]):
                    program.name(name)
    program.attribute_names = len(program.names)


class ProgramCompiler:
    """Compiles the definitions of a module as it comes upon them."""

    def __init__(self, program: Program, scope: Scope) -> None:
        self.program = program
        self.scope = scope

    def compile(self, module: ast.Module) -> Program:
        """The module's code is the first; its variables are numbered when all code has been seen."""
        main = Code("<module>", "<module>", [])
        self.program.codes.append(main)
        function = Function(self.program, self.scope, main, {}, is_module=True)
        compiler = ModuleStatements(function, self)
        compiler.body([node for node in module.body if not isinstance(node, ast.Import | ast.ImportFrom)])
        function.emit("END")
        function.finish()
        return self.program

    def function(self, node: ast.FunctionDef, owner: ast.ClassDef | None = None) -> int:
        """Compile a function; its number."""
        arguments = node.args
        if getattr(node, "type_params", []):  # of Python 3.12 and later
            raise CompileError(node, "minipy has no type parameters", "leave them out")
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
            raise CompileError(node, "minipy has no *, ** and / among parameters", "name each parameter")
        if node.decorator_list:
            raise CompileError(node, "minipy has no decorators", "leave it out")
        parameters = [argument.arg for argument in arguments.args]
        declared = {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        own = [name for name in bound_names(node.body) if name not in declared]
        variables = {name: slot for slot, name in enumerate(dict.fromkeys([*parameters, *own]))}
        qualified = f"{owner.name}.{node.name}" if owner else node.name
        code = Code(node.name, qualified, parameters)
        self.program.codes.append(code)
        number = len(self.program.codes) - 1
        function = Function(
            self.program, self.scope, code, variables, bound=set(parameters), owner=owner, line=node.lineno
        )
        function.own_name = parameters[0] if owner and parameters else ""
        function.temporary(0)
        compiler = Statements(function)
        compiler.body(node.body)
        function.emit(
            "RETURN", a=self.program.constant(None)
        )  # also when it is not reached: labels may stand before it
        function.finish()
        return number


class ModuleStatements(Statements):
    """Statements of the module: the only ones that define functions and classes."""

    def __init__(self, function: Function, compiler: ProgramCompiler) -> None:
        super().__init__(function)
        self.compiler = compiler

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        match node:
            case ast.FunctionDef():
                self.make_function(node, self.f.scope.variable(node.name))
                self.f.bind(node.name)
            case ast.ClassDef():
                self.make_class(node)
                self.f.bind(node.name)
            case _:
                super().statement(node)

    def make_function(self, node: ast.FunctionDef, into: int, owner: ast.ClassDef | None = None) -> None:
        """def: a function object with the values of its defaults."""
        f = self.f
        number = self.compiler.function(node, owner)
        with f.temporaries():
            defaults = self.consecutive(node.args.defaults)
            f.emit("MAKE_FUNCTION", d=into, a=defaults, b=len(node.args.defaults), operand=number)

    def make_class(self, node: ast.ClassDef) -> None:
        """class: its base, then its members, in consecutive temporaries."""
        f = self.f
        if node.decorator_list or node.keywords or len(node.bases) > 1 or getattr(node, "type_params", []):
            raise CompileError(
                node, "minipy's classes have at most one base, and no decorators", "leave the others out"
            )
        statements = [s for s in node.body if not isinstance(s, ast.Pass) and not _is_text(s)]
        places: dict[str, int] = {}
        with f.temporaries():
            first = f.temporary(len(statements) + 1)
            outside = f.renamed
            f.held |= set(range(first, f.top))
            bases = (
                node.bases if node.bases and not _is_object(node.bases[0]) else [ast.Constant(None, lineno=node.lineno)]
            )
            with f.temporaries():
                self.expression(bases[0], first)
            for statement in statements:
                f.line = statement.lineno
                name, value = self.member(statement)
                into = places.setdefault(name, first + 1 + len(places))
                _refuse_comprehensions(value.args.defaults if isinstance(value, ast.FunctionDef) else [value])
                if isinstance(value, ast.FunctionDef):
                    self.make_function(value, into, node)
                else:
                    self.expression_apart(value, into)
                f.renamed = outside | places  # in the class, but not in its methods, this is a variable
            f.renamed = outside
            plan = ClassPlan(
                node.name,
                [f.program.name(name) for name in attributes_of(node, f.scope)],
                [f.program.name(name) for name in places],
            )
            f.program.classes.append(plan)
            f.line = node.lineno
            f.emit("MAKE_CLASS", d=f.scope.variable(node.name), a=first, operand=len(f.program.classes) - 1)

    def member(self, statement: ast.stmt) -> tuple[str, ast.FunctionDef | ast.expr]:
        """The name of a method or class attribute, and what it is."""
        match statement:
            case ast.FunctionDef(name=name):
                if name.startswith("__") and name.endswith("__") and name != "__init__":
                    raise CompileError(statement, f"minipy calls no {name}", "use a method with a name of its own")
                return name, statement
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                return name, value
        raise CompileError(
            statement, "minipy's classes have methods and simple attributes only", "move it out of the class"
        )


def _refuse_comprehensions(nodes: list[ast.expr]) -> None:
    """In a class: they would not see its other members."""
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.ListComp):
                raise CompileError(part, "minipy has no comprehensions in classes", "move it out of the class")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_object(base: ast.expr) -> bool:
    return isinstance(base, ast.Name) and base.id == "object"
