"""What a trace's micro-ops jump to, in C: a switch by which a header's functions go over the targets of one of them.

Micro-ops that compute their targets alike share a case.
"""

from collections.abc import Callable, Mapping, Sequence

__all__ = ["over_targets"]


def over_targets(
    labels: Mapping[str, Sequence[str]], opcode: Callable[[str], str], call: str, given: Sequence[str]
) -> str:
    """The body of a function that calls `call(*given, target)` for every target of `instruction`, whose opcode is `opcode`.

    labels: by stencil, the C expressions of the positions that it may jump to; opcode: a stencil's C constant.
    """
    cases: dict[tuple[str, ...], list[str]] = {}
    for name, expressions in labels.items():
        if expressions:
            cases.setdefault(tuple(expressions), []).append(name)
    if not cases:
        unused = ", ".join(f"(void){name}" for name in (*given, "instruction", "opcode"))
        return f"    {unused}; /* no micro-op jumps */\n"
    lines = ["    switch (opcode) {"]
    for expressions, names in cases.items():
        lines += [f"    case {opcode(name)}:" for name in names]
        lines += [f"        {call}({', '.join(given)}, (uint64_t)({expression}));" for expression in expressions]
        lines.append("        break;")
    return "\n".join([*lines, "    default:", "        break;", "    }", ""])
