"""What must be known of a whole program before any of it is compiled: variables, attributes, imports.

The key idea: a program is one file that cannot change itself, so every module variable and every attribute that an
instance can ever have can be read off its text. They become numbers.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from frontend.errors import CompileError
from frontend.opcodes import MATH


@dataclass(slots=True)
class Scope:
    """Variables of the module (slots of its frame), names from math, and attributes assigned by anyone's hand."""

    variables: dict[str, int] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    math: dict[str, str] = field(default_factory=dict)
    math_modules: set[str] = field(default_factory=set)
    foreign_attributes: list[str] = field(default_factory=list)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)

    def variable(self, name: str) -> int:
        """The module slot of a variable; a name that nothing assigns has one too, which stays empty."""
        return self.variables.setdefault(name, len(self.variables))


def read_scope(module: ast.Module) -> Scope:
    """What a module's text says about its names."""
    scope = Scope()
    for statement in module.body:
        _import(statement, scope)
    for name in bound_names(module.body):
        scope.variable(name)
        scope.assigned.add(name)
    for node in ast.walk(module):
        if isinstance(node, ast.Global):
            for name in node.names:
                scope.variable(name)
                scope.assigned.add(name)
        elif isinstance(node, ast.Name):
            scope.variable(node.id)
    for statement in module.body:
        if isinstance(statement, ast.ClassDef):
            scope.classes[statement.name] = statement
    own = {id(node) for definition in scope.classes.values() for node in _self_assignments(definition)}
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and id(node) not in own:
            scope.foreign_attributes.append(node.attr)
    return scope


def _import(statement: ast.stmt, scope: Scope) -> None:
    match statement:
        case ast.Import(names=names):
            for alias in names:
                if alias.name != "math":
                    raise CompileError(statement, f"there is no module '{alias.name}'", "minipy has only math")
                scope.math_modules.add(alias.asname or alias.name)
        case ast.ImportFrom(module="math", names=names):
            for alias in names:
                if alias.name not in MATH | {"pi", "e", "inf", "nan"}:
                    known = ", ".join(sorted(MATH))
                    raise CompileError(
                        statement, f"minipy's math has no '{alias.name}'", f"it has {known}, pi, e, inf, nan"
                    )
                scope.math[alias.asname or alias.name] = alias.name
        case ast.ImportFrom(module=module):
            raise CompileError(statement, f"there is no module '{module}'", "minipy has only math")


def bound_names(body: list[ast.stmt]) -> list[str]:
    """Names that these statements bind, in order, without those of functions and classes inside."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                found[name] = None
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = None
                return
            case ast.ListComp() | ast.Lambda():
                return
        for child in ast.iter_child_nodes(node):
            visit(child)

    for statement in body:
        visit(statement)
    return list(found)


def _self_assignments(definition: ast.ClassDef) -> Iterator[ast.Attribute]:
    """`self.x = …` in the methods of a class."""
    for method in definition.body:
        if isinstance(method, ast.FunctionDef) and method.args.args:
            own = method.args.args[0].arg
            for node in ast.walk(method):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    match node.value:
                        case ast.Name(id=name) if name == own:
                            yield node


def attributes_of(definition: ast.ClassDef, scope: Scope) -> list[str]:
    """Every attribute that an instance can have: its base's, its own methods', and what others assign to any object."""
    found: dict[str, None] = {}
    match definition.bases:
        case [ast.Name(id=base)] if base in scope.classes and scope.classes[base] is not definition:
            found.update(dict.fromkeys(attributes_of(scope.classes[base], scope)))
    found.update(dict.fromkeys(node.attr for node in _self_assignments(definition)))
    found.update(dict.fromkeys(scope.foreign_attributes))
    return list(found)
