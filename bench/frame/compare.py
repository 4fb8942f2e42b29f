"""Two runs side by side: which medians moved, and by more than the spread explains."""

from collections.abc import Iterable

from bench.frame.report import Column, Spread, Table, Timing

__all__ = ["compare"]

_SCALES = {"second": (1e3, "ms"), "byte": (1.0, "bytes"), "integer": (1.0, "")}


def compare(old: Iterable[Timing], new: Iterable[Timing]) -> Table:
    """A row for each name in both; below, the names in only one of them. A ratio below 1 is less than before."""
    before = {timing.name: timing for timing in old}
    after = {timing.name: timing for timing in new}
    rows = []
    for name in [name for name in after if name in before]:
        scale, unit = _SCALES[after[name].unit]
        first, second = (Spread.of(value * scale for value in run[name].values) for run in (before, after))
        ratio = second.median / first.median
        rows.append((name, unit, first, second, ratio, _verdict(first, second)))
    measured = {_benchmark(name) for name in after}
    notes = [f"only before: {name}" for name in before if name not in after and _benchmark(name) in measured]
    notes += [f"only now: {name}" for name in after if name not in before]
    titles = ("what", "unit", "before", "now", "now / before", "")
    columns = tuple(Column(title, format=".2f" if "/" in title else "") for title in titles)
    return Table("compared with before", columns, tuple(rows), tuple(notes))


def _benchmark(name: str) -> str:
    return name.partition("/")[0]


def _verdict(before: Spread, after: Spread) -> str:
    """Two medians of several rounds differ when they are further apart than three of both deviations together."""
    if min(before.count, after.count) < 3:
        return "too few rounds"
    if abs(after.median - before.median) <= 3 * (before.deviation + after.deviation):
        return "same"
    return "less" if after.median < before.median else "more"
