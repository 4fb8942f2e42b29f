"""What a benchmark finds, as data: tables, timings, plots, and by name what could not be measured.

Nothing here knows how it is shown, and nothing that shows it knows any benchmark.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Cell", "Column", "NotMeasured", "Options", "Plot", "Report", "Series", "Spread", "Table", "Timing"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    quick: bool = False  # the smallest sizes and fewest rounds: that it works, not how fast it is
    long: bool = False  # where cases are compared, a million of them
    seed: int = 0  # of everything random
    only: str = ""  # items (programs, traces) whose name contains this
    jobs: int | None = None  # processes of a build; None: as stencilgen decides
    pythons: tuple[str, ...] = ()  # further Pythons to compare with

    def wants(self, item: str) -> bool:
        return self.only in item


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the median absolute deviation from it, in the unit of its column."""

    median: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        found = list(values)
        median = statistics.median(found)
        return cls(median, statistics.median(abs(value - median) for value in found), len(found))


Cell = str | int | float | Spread | None
"""None: not measured; the report's `not_measured` says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """`format` is a format specification (".1f", ",d") for numbers; empty: three significant digits, or all of an int."""

    title: str
    unit: str = ""
    format: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: a row of {len(row)} cells under {len(self.columns)} columns: {row}")


@dataclass(frozen=True, slots=True)
class Timing:
    """Samples of one thing, one a round, that `pyperf compare_to` compares by name. `unit` is pyperf's."""

    name: str  # benchmark/item/variant
    values: tuple[float, ...]
    unit: Literal["second", "byte", "integer"] = "second"
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """What a user would miss, why it is missing, and what to do about it."""

    what: str
    why: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" + (f" → {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    x: tuple[str | float, ...]
    y: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture: bars over names, or lines over numbers."""

    name: str  # of the file, without suffix
    title: str
    x: str  # the axes' labels
    y: str
    series: tuple[Series, ...]
    kind: Literal["bars", "lines"] = "bars"
    logarithmic: Literal["", "x", "y", "xy"] = ""
    reference: float | None = None  # a horizontal line to compare with


@dataclass(frozen=True, slots=True)
class Report:
    """All that one benchmark found. `differences` are outputs that were not as they must be: the run has failed."""

    tables: tuple[Table, ...] = ()
    timings: tuple[Timing, ...] = ()
    plots: tuple[Plot, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    notes: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)  # of this benchmark's peers
