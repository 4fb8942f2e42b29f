"""Profiles: which micro-ops a VM's traces consist of, and how often each trace counts.

    120 LOAD_FAST ADD_INT STORE_FAST
    75 ^LOAD_FAST GUARD_INT JUMP_TO_TOP
    30 GET_LIST:7,2,3 ADD_INT:4,4,7

One line a trace: its weight, then its micro-ops in order; `^` stands before one that jumps arrive at, its operands
(`[superstencils] operands`) behind a colon. The runtime appends such lines for the traces that it compiles
(`sg_options.profile`); equal traces are added up here, and traces are equal that differ only in which places they use. A
micro-op that the VM no longer has only splits its trace in two: a stale profile is less useful, never wrong.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llvm_passes.sequence import micro_op, operands, renumbered
from stencilgen.errors import UserError

__all__ = ["Trace", "known", "read_profiles", "write_profile"]

_LINE = re.compile(r"\d+( \^?[A-Za-z_]\w*(:-?\d+(,-?\d+)*)?)+")


@dataclass(frozen=True, slots=True)
class Trace:
    """ops: the micro-ops, as words (`llvm_passes.sequence`); targets: the positions where jumps arrive, ascending."""

    ops: tuple[str, ...]
    targets: tuple[int, ...] = ()


def read_profiles(paths: Iterable[Path]) -> Counter[Trace]:
    """The traces of all files, with their weights. UserError, with file and line, for what is not a profile."""
    traces: Counter[Trace] = Counter()
    for path in paths:
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            remedy = "name a file that the runtime (sg_options.profile) or `stencilgen profile` wrote"
            raise UserError(f"cannot read the profile: {error}", remedy=remedy, file=path) from None
        for number, line in enumerate(text.splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            if not _LINE.fullmatch(line):
                remedy = "remove the line; a profile's lines are `WEIGHT MICRO_OP MICRO_OP …`"
                raise UserError("not a line of a profile", remedy=remedy, file=path, line=number)
            weight, *words = line.split()
            targets = tuple(position for position, word in enumerate(words) if word.startswith("^"))
            traces[Trace(renumbered(tuple(word.removeprefix("^") for word in words)), targets)] += int(weight)
    return traces


def write_profile(traces: Counter[Trace]) -> str:
    """The text of a profile, heaviest trace first."""
    rows = sorted(traces.items(), key=lambda item: (-item[1], item[0].ops))
    return "".join(f"{weight} {' '.join(_words(trace))}\n" for trace, weight in rows)


def _words(trace: Trace) -> Iterable[str]:
    return (f"^{op}" if position in trace.targets else op for position, op in enumerate(trace.ops))


def known(traces: Counter[Trace], counts: Mapping[str, int]) -> Counter[Trace]:
    """The traces cut where they hold a micro-op that is not in `counts`. Operands that are not as many as it says are left
    out.
    """
    result: Counter[Trace] = Counter()
    for trace, weight in traces.items():
        start = 0
        for position, op in enumerate((*trace.ops, "")):
            if micro_op(op) not in counts:
                if position > start:
                    targets = tuple(target - start for target in trace.targets if start <= target < position)
                    ops = (
                        op if len(operands(op)) == counts[micro_op(op)] else micro_op(op)
                        for op in trace.ops[start:position]
                    )
                    result[Trace(renumbered(tuple(ops)), targets)] += weight
                start = position + 1
    return result
