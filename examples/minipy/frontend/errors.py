"""What a user of minipy is told when a program is outside the subset."""

import ast


class CompileError(Exception):
    """A line of the program that minipy cannot compile: what it is, and what to write instead."""

    def __init__(self, node: ast.AST, what: str, remedy: str) -> None:
        super().__init__(what)
        self.line = getattr(node, "lineno", 1)
        self.what = what
        self.remedy = remedy
