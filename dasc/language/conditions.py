"""The conditions of `.if` and `.elif`: expressions of Lua without variables, as DynASM evaluates them.

    |.if X64 and not WIN          |.if VERSION >= 3          |.if "A" == 'A'

Definitions are substituted before, so a name that is still there has no definition: it is nil. Nil, false and 0 are
false. The key idea: a condition is a constant, and a parser that climbs operators by precedence can compute it on the way.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["ConditionError", "holds"]

Constant: TypeAlias = bool | float | str | None

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<string>\"[^\"\\]*\"|'[^'\\]*')|(?P<operator>==|~=|<=|>=|\.\.|[-+*/%^#<>()]))",
    re.ASCII,
)
_PRECEDENCE = {"or": 1, "and": 2, "<": 3, ">": 3, "<=": 3, ">=": 3, "~=": 3, "==": 3, "..": 4, "+": 5, "-": 5}
_PRECEDENCE |= {"*": 6, "/": 6, "%": 6, "^": 8}
_UNARY = 7
_FROM_THE_RIGHT = {"..", "^"}
_DEEPEST = 100


class ConditionError(Exception):
    """What is wrong with a condition, in words."""


def holds(condition: str) -> bool:
    """Whether a condition is true. Raises `ConditionError`."""
    parser = _Parser(condition)
    value = parser.expression(0)
    if parser.token:
        raise ConditionError(f"`{parser.token}` was not expected")
    return value is not None and value is not False and not (value == 0 and not isinstance(value, str))


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise ConditionError(f"`{text[position:].strip()}` is not part of an expression")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> str:
        """The token that comes next; empty at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def expression(self, lowest: int) -> Constant:
        """An expression of operators that bind more tightly than `lowest`."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConditionError("it is nested too deeply")
        left = self.operand()
        while _PRECEDENCE.get(self.token, 0) > lowest:
            operator = self.token
            self.position += 1
            precedence = _PRECEDENCE[operator]
            right = self.expression(precedence - 1 if operator in _FROM_THE_RIGHT else precedence)
            left = _apply(operator, left, right)
        self.depth -= 1
        return left

    def operand(self) -> Constant:
        token = self.token
        self.position += 1
        match token:
            case "":
                raise ConditionError("it ends too early")
            case "(":
                value = self.expression(0)
                if self.token != ")":
                    raise ConditionError("a `)` is missing")
                self.position += 1
                return value
            case "not":
                value = self.expression(_UNARY)
                return value is None or value is False
            case "-":
                return -_number("-", self.expression(_UNARY))
            case "#":
                return float(len(_string("#", self.expression(_UNARY))))
            case "nil" | "true" | "false":
                return {"nil": None, "true": True, "false": False}[token]
        if token[0] in "\"'":
            return token[1:-1]
        if token[0].isdigit() or (token[0] == "." and len(token) > 1 and token != ".."):
            return float(int(token, 16)) if token[:2].lower() == "0x" else float(token)
        if token[0].isalpha() or token[0] == "_":
            if token in ("and", "or"):
                raise ConditionError(f"`{token}` has no left side")
            return None
        raise ConditionError(f"`{token}` was not expected")


def _number(operator: str, value: Constant) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        try:
            return float(int(value, 16)) if value.strip().lower().startswith("0x") else float(value)
        except ValueError:
            pass
    raise ConditionError(f"`{operator}` needs numbers; {_described(value)} is none")


def _string(operator: str, value: Constant) -> str:
    match value:
        case str():
            return value
        case float():
            return f"{value:.14g}"
    raise ConditionError(f"`{operator}` needs strings; {_described(value)} is none")


def _described(value: Constant) -> str:
    return "an undefined name" if value is None else repr(value)


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "^": lambda a, b: float(a**b),
}


def _apply(operator: str, left: Constant, right: Constant) -> Constant:
    match operator:
        case "and":
            return left if left is None or left is False else right
        case "or":
            return right if left is None or left is False else left
        case "==" | "~=":
            return (type(left) is type(right) and left == right) == (operator == "==")
        case "..":
            return _string(operator, left) + _string(operator, right)
        case "<" | ">" | "<=" | ">=":
            if operator in (">", ">="):
                left, right, operator = right, left, {">": "<", ">=": "<="}[operator]
            if isinstance(left, float) and isinstance(right, float):
                return left < right if operator == "<" else left <= right
            if isinstance(left, str) and isinstance(right, str):
                return left < right if operator == "<" else left <= right
            raise ConditionError(f"{_described(left)} and {_described(right)} cannot be compared")
    try:
        return _ARITHMETIC[operator](_number(operator, left), _number(operator, right))
    except (ArithmeticError, TypeError) as error:
        raise ConditionError(str(error)) from None
