"""What a stencil calls, and how: calling convention, variadic or not, kinds of arguments and result.

Which registers a call reads and clobbers follows from its calling convention, which assembly text does not show; so
it is read off the IR, per callee's name. Calls that only code generation knows (`memcpy` for a structure copy,
`__udivti3`) follow the C convention.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from llvm_passes.text import NAME, closing, split_top, split_words, unquote, without_metadata

CONVENTIONS = frozenset(
    [
        "ccc",
        "fastcc",
        "coldcc",
        "preserve_mostcc",
        "preserve_allcc",
        "preserve_nonecc",
        "tailcc",
        "swiftcc",
        "swifttailcc",
        "ghccc",
        "anyregcc",
        "x86_64_sysvcc",
        "win64cc",
        "x86_vectorcallcc",
        "x86_regcallcc",
    ]
)


@dataclass(frozen=True, slots=True)
class Callee:
    """How a function is called.

    `convention` is LLVM's name (`ccc`, `preserve_mostcc`, `preserve_nonecc`, …). `arguments` and `returns` have one
    letter per value: `i` integer or pointer up to 64 bits, `w` integer of two registers, `d` double, `f` float, `v`
    vector, `m` in memory (by value), `x` x87; `returns` is empty for void, more letters for a structure in registers.
    For a variadic function `arguments` covers the fixed parameters only.
    """

    convention: str
    variadic: bool
    arguments: str
    returns: str
    noreturn: bool = False
    cold: bool = False


_DECLARATION = re.compile(rf"^(?:declare|define) (.*?)@({NAME})\(", re.M)
_GROUP = re.compile(r"^attributes (#\d+) = \{(.*)\}$", re.M)
_CALL = re.compile(rf"^  (?:%{NAME} = )?(?:(?:musttail|tail|notail) )?call (.*)$", re.M)


def callees_of(
    module_text: str, functions: Mapping[str, str]
) -> tuple[dict[str, dict[str, Callee]], dict[str, tuple[Callee, ...]]]:
    """For each of `functions` (name -> text): its direct callees by name, and the kinds of its indirect calls."""
    groups = {match[1]: match[2] for match in _GROUP.finditer(module_text)}
    declared: dict[str, Callee] = {}
    for match in _DECLARATION.finditer(module_text):
        end = closing(module_text, match.end() - 1)
        rest = module_text[end + 1 : module_text.find("\n", end)]
        callee = _callee(match[1], module_text[match.end() : end], rest, groups)
        declared[unquote(match[2])] = callee
    direct: dict[str, dict[str, Callee]] = {}
    indirect: dict[str, tuple[Callee, ...]] = {}
    for name, text in functions.items():
        direct[name] = {}
        through_pointers: dict[Callee, None] = {}
        for match in _CALL.finditer(text):
            call = match[1]
            if " asm " in f" {call}" or call.startswith("asm"):
                continue
            target = re.search(rf"([@%])({NAME})\(", call)
            if target is None:
                continue
            if target[1] == "@":
                callee_name = unquote(target[2])
                if not callee_name.startswith("llvm."):
                    direct[name][callee_name] = declared[callee_name]
                continue
            end = closing(call, target.end() - 1)
            head = call[: target.start()]
            through_pointers[_callee(head, call[target.end() : end], call[end + 1 :], groups)] = None
        indirect[name] = tuple(through_pointers)
    return direct, indirect


def _callee(head: str, parameters: str, rest: str, groups: Mapping[str, str]) -> Callee:
    """From the text before the name, between the parentheses, and after them."""
    head = head.strip()
    signature_variadic = False
    if head.endswith(")"):  # a variadic call names the whole function type: `void (ptr, ...)`
        start = head.rindex("(")
        signature_variadic = "..." in head[start:]
        fixed = len([piece for piece in split_top(head[start + 1 : -1]) if piece != "..."])
        head = head[:start].strip()
        parameters = ", ".join(split_top(parameters)[:fixed]) if signature_variadic else parameters
    words = split_words(head)
    convention = next((word for word in words if word in CONVENTIONS or re.fullmatch(r"cc\d+", word)), "ccc")
    pieces = split_top(parameters)
    attributes = " ".join(groups.get(word, word) for word in without_metadata(rest).split())
    return Callee(
        convention,
        signature_variadic or "..." in pieces,
        "".join(_kinds(piece) for piece in pieces if piece != "..."),
        "" if words and words[-1] == "void" else _kinds(_return_type(head)),
        bool(re.search(r"\bnoreturn\b", attributes)),
        bool(re.search(r"\bcold\b", attributes)),
    )


def _return_type(head: str) -> str:
    if head.endswith(("}", "]", ">")):
        depth = 0
        for position in range(len(head) - 1, -1, -1):
            depth += head[position] in "}]>"
            depth -= head[position] in "{[<"
            if depth == 0:
                return head[position:]
    return split_words(head)[-1]


def _kinds(piece: str) -> str:
    """The letters for a parameter or result, given as its type and attributes."""
    if piece[0] in "{[<":
        end = closing(piece, 0) + 1
        aggregate = piece[:end]
        if aggregate[0] == "{":
            return "".join(_kinds(field) for field in split_top(aggregate[1:-1].strip()))
        return "v" if aggregate[0] == "<" else "m"
    if " byval(" in piece:
        return "m"
    match piece.split(" ", 1)[0]:
        case "ptr":
            return "i"
        case "double":
            return "d"
        case "float" | "half" | "bfloat":
            return "f"
        case "x86_fp80":
            return "x"
        case word if word[0] == "i" and word[1:].isdigit():
            return "i" if int(word[1:]) <= 64 else "w"
        case word:
            return "v" if word == "fp128" else "m"
