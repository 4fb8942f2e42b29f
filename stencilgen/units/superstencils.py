"""Which sequences of micro-ops are worth a unit of their own, by what they save along profiled traces.

Greedy by saving, not by frequency: the sequence comes next that makes the profile's traces cheapest, given those already
chosen, since a longer one may take all occasions of a shorter one. A saving only shrinks as others are chosen, so most need
not be computed again (lazy greedy).
"""

import heapq
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from llvm_passes.derive import States
from llvm_passes.sequence import micro_op, renumbered
from stencilgen.units.choice import Choices
from stencilgen.units.plan import Matrices, plan
from stencilgen.units.profile import Trace

__all__ = ["LONGEST", "candidates", "choose_sequences"]

LONGEST = 4
"""SG_MAX_UNIT of runtime/include/stencilgen/plan.h"""


def candidates(
    traces: Counter[Trace], choices: Choices, fusible: AbstractSet[str], most: int
) -> dict[tuple[str, ...], frozenset[States]]:
    """Sequences that occur, the `most` promising ones first, each with the states in which traces of single micro-ops pass it.

    fusible: micro-ops that may be part of one.
    """
    weights: Counter[tuple[str, ...]] = Counter()
    passed: dict[tuple[str, ...], set[States]] = {}
    for trace, weight in traces.items():
        states = plan(trace, choices.matrices, frozenset(), choices.states).states
        for start in range(len(trace.ops)):
            for end in range(start + 2, min(start + LONGEST, len(trace.ops)) + 1):
                parts = renumbered(trace.ops[start:end])
                if end - 1 in trace.targets or not fusible >= {micro_op(parts[0]), micro_op(parts[-1])}:
                    break
                weights[parts] += weight * (end - start - 1)
                passed.setdefault(parts, set()).add((states[start] or 0, states[end] or 0, 0))
    promising = sorted(weights, key=lambda parts: (-weights[parts], parts))[:most]
    return {parts: frozenset(passed[parts]) for parts in promising}


def choose_sequences(
    traces: Counter[Trace],
    matrices: Matrices,
    states: int,
    sizes: Mapping[tuple[str, ...], int],
    *,
    most: int | None = None,
    budget: int | None = None,
) -> list[tuple[tuple[str, ...], int]]:
    """The best sequences of those with a size (bytes), with what each saves, until there are `most` or the `budget` of bytes is
    spent. matrices: of single micro-ops and of all these sequences.
    """
    chosen: frozenset[tuple[str, ...]] = frozenset()
    costs = {trace: plan(trace, matrices, chosen, states).cost for trace in traces}

    def saving(parts: tuple[str, ...]) -> int:
        return sum(
            weight * (costs[trace] - plan(trace, matrices, chosen | {parts}, states).cost)
            for trace, weight in traces.items()
            if _occurs(parts, trace)
        )

    def worth(parts: tuple[str, ...]) -> float:
        return saving(parts) / (sizes[parts] if budget is not None else 1)

    heap = [(-worth(parts), parts) for parts in sizes]
    heapq.heapify(heap)
    result: list[tuple[tuple[str, ...], int]] = []
    spent = 0
    while heap and (most is None or len(result) < most):
        _, parts = heapq.heappop(heap)
        if budget is not None and spent + sizes[parts] > budget:
            continue
        now = worth(parts)
        if now <= 0:
            continue
        if heap and now < -heap[0][0]:
            heapq.heappush(heap, (-now, parts))
            continue
        result.append((parts, saving(parts)))
        spent += sizes[parts]
        chosen |= {parts}
        costs = {trace: plan(trace, matrices, chosen, states).cost for trace in traces}
    return result


def _occurs(parts: tuple[str, ...], trace: Trace) -> bool:
    length = len(parts)
    return any(renumbered(trace.ops[i : i + length]) == parts for i in range(len(trace.ops) - length + 1))
