"""Statements → instructions."""

import ast
from collections.abc import Callable

from frontend.errors import CompileError
from frontend.expressions import OPERATORS, Expressions
from frontend.function import Label, Loop
from frontend.operands import line_of


class Statements(Expressions):
    """Compiles the statements of one function."""

    def body(self, statements: list[ast.stmt]) -> None:
        """Statements one after the other."""
        for statement in statements:
            self.f.line = statement.lineno
            with self.f.temporaries():
                self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """One statement."""
        f = self.f
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass() | ast.Global():
                pass
            case ast.Expr():
                self.ignored = node.value
                self.expression(node.value)
            case ast.Assign():
                self.assign_all(node.targets, node.value)
            case ast.AnnAssign(value=None):
                pass
            case ast.AnnAssign(value=ast.expr() as value):
                self.assign_all([node.target], value)
            case ast.AugAssign():
                self.augmented(node)
            case ast.If():
                self.if_statement(node)
            case ast.While():
                self.while_loop(node)
            case ast.For():
                self.for_loop(node)
            case ast.Break() | ast.Continue():
                if not f.loops:
                    raise CompileError(
                        node, f"'{type(node).__name__.lower()}' outside loop", "put it into a for or while loop"
                    )
                loop = f.loops[-1]
                f.emit("JUMP", target=loop.on_break if isinstance(node, ast.Break) else loop.on_continue)
                f.bound = None
            case ast.Return():
                if f.is_module:
                    raise CompileError(node, "'return' outside function", "put it into a function")
                result = f.program.constant(None) if node.value is None else self.expression(node.value)
                f.emit("RETURN", a=result)
                f.bound = None
            case _:
                what, remedy = STATEMENTS.get(type(node), (type(node).__name__, "see README.md for what minipy knows"))
                raise CompileError(node, f"minipy has no {what}", remedy)

    # ---- Assignment ----

    def slot_of(self, target: ast.expr) -> int | None:
        """The slot of a variable that can be written directly."""
        match target:
            case ast.Name(id=name) if name in self.f.renamed:
                return self.f.renamed[name]
            case ast.Name(id=name) if self.f.is_module:
                return self.f.scope.variable(name)
            case ast.Name(id=name) if name in self.f.variables:
                return self.f.variables[name]
        return None

    def assign_all(self, targets: list[ast.expr], value: ast.expr) -> None:
        """a = b = value; a, b = b, a without making a tuple."""
        f = self.f
        match targets, value:
            case [ast.Tuple(elts=names) | ast.List(elts=names)], ast.Tuple(elts=values) if len(names) == len(values):
                if not any(isinstance(part, ast.Starred) for part in (*names, *values)):
                    first = self.consecutive(values)
                    for index, name in enumerate(names):
                        self.assign(name, first + index)
                    return
        if len(targets) == 1:
            slot = self.slot_of(targets[0])
            operand = self.expression(value, slot)
            if slot is None:
                self.assign(targets[0], operand)
            else:
                self.bind_name(targets[0])
            return
        operand = self.expression(value)
        if f.is_temporary(operand):
            f.held.add(operand)
        elif operand >= 0:
            copy = f.temporary()
            f.emit("MOVE", d=copy, a=operand)
            f.held.add(copy)
            operand = copy
        for target in targets:
            self.assign(target, operand)

    def bind_name(self, target: ast.expr) -> None:
        """The variable has a value now."""
        if isinstance(target, ast.Name):
            self.f.bind(target.id)

    def assign(self, target: ast.expr, operand: int) -> None:
        """target = operand"""
        line, self.f.line = self.f.line, line_of(target)
        self.assign_here(target, operand)
        self.f.line = line

    def assign_here(self, target: ast.expr, operand: int) -> None:
        """The same, at the line that is set."""
        f = self.f
        match target:
            case ast.Name(id=name):
                slot = self.slot_of(target)
                if slot is None:
                    f.emit("STORE_GLOBAL", a=operand, b=f.scope.variable(name))
                else:
                    f.move(slot, operand)
                f.bind(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for part in targets:
                    if isinstance(part, ast.Starred):
                        raise CompileError(part, "minipy has no * in assignments", "index the list instead")
                with f.temporaries():
                    first = f.temporary(len(targets))
                    f.emit("UNPACK", d=first, a=operand, b=len(targets))
                    for index, part in enumerate(targets):
                        self.assign(part, first + index)
            case ast.Subscript(slice=ast.Slice()):
                raise CompileError(target, "minipy has no slices", "assign the items in a loop")
            case ast.Subscript():
                with f.temporaries():
                    operand = self.safe(operand, [target.value, target.slice])
                    a, b = self.operands([target.value, target.slice])
                    f.emit("SET_ITEM", d=operand, a=a, b=b, operand=int(f.is_temporary(operand)))
            case ast.Attribute():
                with f.temporaries():
                    operand = self.safe(operand, [target.value])
                    (a,) = self.operands([target.value])
                    dying = int(f.is_temporary(operand))
                    f.emit("STORE_ATTRIBUTE", d=dying, a=a, b=operand, operand=f.program.name(target.attr))
            case _:
                raise CompileError(
                    target, "minipy cannot assign to this", "assign to a variable, an item or an attribute"
                )

    def augmented(self, node: ast.AugAssign) -> None:
        """x += y, x[i] += y, x.name += y"""
        f = self.f
        if type(node.op) not in OPERATORS:
            self.no(ast.copy_location(ast.BinOp(node.value, node.op, node.value), node))
        operator = OPERATORS[type(node.op)]
        match node.target:
            case ast.Name(id=name):
                slot = self.slot_of(node.target)
                read = ast.copy_location(ast.Name(name, ast.Load()), node)
                a, b = self.operands([read, node.value])
                d = f.temporary() if slot is None else slot
                f.emit(operator, d=d, a=a, b=b, operand=1)
                if slot is None:
                    self.assign(node.target, d)
                f.bind(name)
            case ast.Subscript(slice=ast.Slice()):
                raise CompileError(node, "minipy has no slices", "assign the items in a loop")
            case ast.Subscript():
                container, index = self.operands([node.target.value, node.target.slice], [node.value])
                value = self.result(None, "GET_ITEM", container, index)
                f.emit(operator, d=value, a=value, b=self.expression(node.value), operand=1)
                f.emit("SET_ITEM", d=value, a=container, b=index, operand=1)
            case ast.Attribute():
                (container,) = self.operands([node.target.value], [node.value])
                name_number = f.program.name(node.target.attr)
                line, f.line = f.line, line_of(node.target)
                value = self.result(None, "LOAD_ATTRIBUTE", container, operand=name_number)
                added, f.line = self.expression(node.value), line
                f.emit(operator, d=value, a=value, b=added, operand=1)
                f.line = line_of(node.target)
                f.emit("STORE_ATTRIBUTE", d=1, a=container, b=value, operand=name_number)

    # ---- Control flow ----

    def if_statement(self, node: ast.If) -> None:
        """if, elif, else"""
        f, otherwise, end = self.f, Label(), Label()
        self.jump_if(node.test, False, otherwise)
        before = f.fork()
        self.body(node.body)
        after = f.bound
        f.bound = before
        if node.orelse:
            if after is not None:
                f.emit("JUMP", target=end)
            f.place(otherwise)
            self.body(node.orelse)
        else:
            f.place(otherwise)
        f.place(end)
        f.join(after)

    def loop_body(self, statements: list[ast.stmt], head: Label, on_break: Label) -> None:
        """The body, and the way back to the head."""
        f = self.f
        f.loops.append(Loop(on_break, again := Label()))
        self.body(statements)
        f.loops.pop()
        f.place(again)
        self.back_edge(head)

    def back_edge(self, head: Label) -> None:
        """Back to the head of a loop; every loop has a number."""
        self.f.emit("LOOP", operand=self.f.program.loops, target=head)
        self.f.program.loops += 1

    def while_loop(self, node: ast.While) -> None:
        """while, else"""
        f, head, exhausted, end = self.f, Label(), Label(), Label()
        f.place(head)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self.jump_if(node.test, False, exhausted)
        before = f.fork()
        self.loop_body(node.body, head, end)
        f.place(exhausted)
        f.bound = before
        breaks = any(isinstance(part, ast.Break) for part in ast.walk(node))
        if endless and not breaks:
            f.bound = None
        elif node.orelse:
            self.body(node.orelse)
            f.join(before)
        f.place(end)

    def for_loop(self, node: ast.For) -> None:
        """for, else"""
        f, end = self.f, Label()
        before = f.fork()

        def iteration(head: Label) -> None:
            self.loop_body(node.body, head, end)

        self.iterate(node.target, *self.prepare(node.iter), iteration)
        f.bound = before
        if node.orelse:
            self.body(node.orelse)
            f.join(before)
        f.place(end)

    def prepare(self, iterable: ast.expr) -> tuple[str, int]:
        """Begin to go over something: the instruction that advances, and the first of three slots that it keeps."""
        f = self.f
        match iterable:
            case ast.Call(func=ast.Name(id="range")) if self.builtin_name("range"):
                base = self.range_arguments(iterable)
                f.emit("PREPARE_RANGE", a=base)
                return "FOR_RANGE", base
        base = f.temporary(3)
        with f.temporaries():
            self.expression(iterable, base)
        f.emit("PREPARE_ITERATION", a=base)
        return "FOR_ITEM", base

    def iterate(self, target: ast.expr, advance: str, base: int, iteration: Callable[[Label], None]) -> None:
        """The loop's head and its end; between them `iteration` makes the body and the way back."""
        f, head, exhausted = self.f, Label(), Label()
        f.place(head)
        f.line = target.lineno
        slot = self.slot_of(target)
        with f.temporaries():
            item = f.temporary() if slot is None else slot
            f.emit(advance, d=item, a=base, target=exhausted)
            if slot is None:
                self.assign(target, item)
        self.bind_name(target)
        iteration(head)
        f.place(exhausted)

    def range_arguments(self, node: ast.Call) -> int:
        """start, stop, step in consecutive temporaries."""
        if not 1 <= len(node.args) <= 3 or node.keywords:
            raise CompileError(node, "range() takes 1 to 3 arguments", "range(stop), range(start, stop[, step])")
        zero, one = (ast.copy_location(ast.Constant(value), node) for value in (0, 1))
        match node.args:
            case [stop]:
                return self.consecutive([zero, stop, one])
            case [start, stop]:
                return self.consecutive([start, stop, one])
        return self.consecutive(node.args)

    def comprehension_loops(self, generators: list[ast.comprehension], append: Callable[[], None]) -> None:
        """The loops of a comprehension, outermost first. Their variables are their own."""
        if not generators:
            append()
            return
        f, generator = self.f, generators[0]
        with f.temporaries():
            advance, base = self.prepare(generator.iter)  # which does not see the loop's own variables
            outside, bound = dict(f.renamed), f.fork()
            names = [part.id for part in ast.walk(generator.target) if isinstance(part, ast.Name)]
            first = f.temporary(len(names))
            f.renamed |= {name: first + index for index, name in enumerate(names)}
            f.held |= set(range(first, f.top))

            def iteration(head: Label) -> None:
                again = Label()
                for condition in generator.ifs:
                    self.jump_if(condition, False, again)
                self.comprehension_loops(generators[1:], append)
                f.place(again)
                self.back_edge(head)

            self.iterate(generator.target, advance, base, iteration)
            f.renamed, f.bound = outside, bound


STATEMENTS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Try: ("exceptions", "test the condition before, with if"),
    ast.Raise: ("raise", "let the operation itself fail, or print a message and return"),
    ast.Assert: ("assert", "use if and print"),
    ast.With: ("with", "leave it out"),
    ast.Delete: ("del", "assign None"),
    ast.FunctionDef: ("nested functions", "define it at the top level of the file"),
    ast.ClassDef: ("nested classes", "define it at the top level of the file"),
    ast.Import: ("imports in functions or conditions", "import math at the top of the file"),
    ast.ImportFrom: ("imports in functions or conditions", "import from math at the top of the file"),
    ast.Nonlocal: ("nested functions", "use a global, or an object's attribute"),
    ast.Match: ("match", "use if and elif"),
    ast.AsyncFunctionDef: ("async", "write an ordinary function"),
}
