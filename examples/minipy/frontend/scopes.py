"""What must be known of a whole program before any of it is compiled: variables, attributes, imports.

The key idea: a program is one file that cannot change itself, so every module variable and every attribute that an
instance can ever have can be read off its text. They become numbers.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from frontend.errors import CompileError
from frontend.opcodes import MATH, MATH_CONSTANTS


@dataclass(slots=True)
class Scope:
    """Variables of the module (slots of its frame), names from math, and attributes assigned by anyone's hand.

    assigned: names that the module binds in any way; stored: names that are assigned to anywhere, by an `=` and the like.
    """

    variables: dict[str, int] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    math: dict[str, str] = field(default_factory=dict)
    math_modules: set[str] = field(default_factory=set)
    foreign_attributes: list[str] = field(default_factory=list)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)

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
            if isinstance(node.ctx, ast.Store):
                scope.stored.add(node.id)
    for name in scope.assigned & (scope.math.keys() | scope.math_modules):
        node = next(node for node in ast.walk(module) if _binds(node, name))
        raise CompileError(node, f"'{name}' is imported and assigned", "give one of them another name")
    definitions = [node for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    for definition in definitions:
        scope.classes.setdefault(definition.name, []).append(definition)
        _refuse_private_names(definition)
    scope.foreign_attributes += _foreign_attributes(module, scope.classes)
    return scope


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Name(id=bound, ctx=ast.Store()) | ast.FunctionDef(name=bound) | ast.ClassDef(name=bound):
            return bound == name
        case ast.Global(names=names):
            return name in names
    return False


def _foreign_attributes(module: ast.Module, classes: dict[str, list[ast.ClassDef]]) -> list[str]:
    """Attributes that are assigned to an object by another hand than a method's of its class.

    `A.method` may be called with any object: what such a method assigns belongs to them, too.
    """
    named = {
        node.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in classes
    }
    own = {
        id(node)
        for definitions in classes.values()
        for definition in definitions
        for method, node in _self_assignments(definition)
        if method not in named
    }
    stores = (node for node in ast.walk(module) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return [node.attr for node in stores if id(node) not in own]


def _refuse_private_names(definition: ast.ClassDef) -> None:
    for node in ast.walk(definition):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.FunctionDef(name=name) | ast.arg(arg=name):
                if name.startswith("__") and not name.endswith("__"):
                    raise CompileError(node, f"minipy has no private names: {name}", "leave out one underscore")


def _import(statement: ast.stmt, scope: Scope) -> None:
    match statement:
        case ast.Import(names=names):
            for alias in names:
                if alias.name != "math":
                    raise CompileError(statement, f"there is no module '{alias.name}'", "minipy has only math")
                scope.math_modules.add(alias.asname or alias.name)
        case ast.ImportFrom(module="math", names=names):
            for alias in names:
                if alias.name not in MATH | MATH_CONSTANTS.keys():
                    known = ", ".join([*sorted(MATH), *MATH_CONSTANTS])
                    raise CompileError(statement, f"minipy's math has no '{alias.name}'", f"it has {known}")
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


def _self_assignments(definition: ast.ClassDef) -> Iterator[tuple[str, ast.Attribute]]:
    """`self.x = …` in the methods of a class, with the method's name."""
    for method in definition.body:
        if isinstance(method, ast.FunctionDef) and method.args.args:
            own = method.args.args[0].arg
            for node in ast.walk(method):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    match node.value:
                        case ast.Name(id=name) if name == own:
                            yield method.name, node


def attributes_of(definition: ast.ClassDef, scope: Scope) -> list[str]:
    """Every attribute that an instance can have: what its own methods and its base's assign, and others to any object.

    A base is known by its name only, which several classes may have, or none: then it may be any class.
    """
    found: dict[str, None] = {}
    seen: list[ast.ClassDef] = []
    waiting = [definition]
    while waiting:
        definition = waiting.pop()
        if definition in seen:
            continue
        seen.append(definition)
        found.update((node.attr, None) for _, node in _self_assignments(definition))
        match definition.bases:
            case []:
                pass
            case [ast.Name(id="object")] if "object" not in scope.assigned:
                pass
            case [ast.Name(id=base)] if base in scope.classes and base not in scope.stored:
                waiting += scope.classes[base]
            case _:
                waiting += [other for others in scope.classes.values() for other in others]
    found.update(dict.fromkeys(scope.foreign_attributes))
    return list(found)
