"""A run of some benchmarks, and its file: a pyperf suite with everything else beside it under one key.

`pyperf show`, `compare_to`, `stats` … read the file as their own: timings are pyperf benchmarks, one run for each round.
"""

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyperf
from pydantic import TypeAdapter, ValidationError

from bench.frame.report import Report, Timing
from stencilgen.errors import UserError

__all__ = ["Measured", "Results", "load", "load_timings", "save", "suite"]

_KEY = "stencilgen"


@dataclass(frozen=True, slots=True)
class Measured:
    """One benchmark's report and where it comes from."""

    name: str
    line: str  # the benchmark's own words about itself
    command: str
    machine: str
    load: str  # average before and after
    versions: Mapping[str, str]
    report: Report
    took: str = ""  # in words: by the wall clock, and processor time


@dataclass(frozen=True, slots=True)
class Results:
    command: str
    date: str
    measured: tuple[Measured, ...]

    @property
    def timings(self) -> list[Timing]:
        return [timing for measured in self.measured for timing in measured.report.timings]

    @property
    def failed(self) -> bool:
        return any(measured.report.differences for measured in self.measured)


def today() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


_RESULTS = TypeAdapter(Results)


def suite(results: Results) -> pyperf.BenchmarkSuite | None:
    """The timings as pyperf has them; None if there are none, which pyperf does not allow."""
    benchmarks = []
    for measured in results.measured:
        versions = ", ".join(f"{name} {version}" for name, version in measured.versions.items())
        origin = {"machine": measured.machine, "versions": versions, "date": results.date}
        for timing in measured.report.timings:
            metadata = {"name": timing.name, "unit": timing.unit, **origin, **timing.metadata}
            runs = [
                pyperf.Run([value], metadata=metadata, collect_metadata=False) for value in timing.values if value > 0
            ]
            if runs:
                benchmarks.append(pyperf.Benchmark(runs))
    return pyperf.BenchmarkSuite(benchmarks) if benchmarks else None


def save(results: Results, path: Path) -> None:
    """Write the file; a report's timings stand in pyperf's part only."""
    found = suite(results)
    stripped = [replace(measured, report=replace(measured.report, timings=())) for measured in results.measured]
    data = {} if found is None else found._as_json()
    data[_KEY] = _RESULTS.dump_python(replace(results, measured=tuple(stripped)), mode="json")
    try:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", file=path) from error


def load(path: Path) -> Results:
    """A file of `save`, with all its timings again in the report of the benchmark that they are named after."""
    data = _read(path)
    try:
        results = _RESULTS.validate_python(data.get(_KEY))
    except ValidationError as error:
        raise UserError(
            "holds no results of this benchmark", file=path, remedy="name a file that was written with --json"
        ) from error
    timings = _timings(data, path)
    return replace(
        results,
        measured=tuple(
            replace(measured, report=replace(measured.report, timings=tuple(_of(measured.name, timings))))
            for measured in results.measured
        ),
    )


def load_timings(path: Path) -> list[Timing]:
    """The timings of any file of pyperf's."""
    return _timings(_read(path), path)


def _of(name: str, timings: list[Timing]) -> list[Timing]:
    return [timing for timing in timings if timing.name.partition("/")[0] == name]


def _read(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"cannot be read: {error}", file=path, remedy="name a JSON file of pyperf's") from error
    if not isinstance(data, dict):
        raise UserError("is not a JSON file of pyperf's", file=path)
    return data


_OURS = ("name", "unit", "machine", "versions", "date")


def _timings(data: dict[str, object], path: Path) -> list[Timing]:
    if "benchmarks" not in data:
        return []
    try:
        found = pyperf.BenchmarkSuite.loads(json.dumps(data))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"pyperf cannot read it: {error}", file=path) from error
    result = []
    for benchmark in found:
        metadata = {key: value for key, value in benchmark.get_metadata().items() if key not in _OURS}
        values = tuple(float(value) for value in benchmark.get_values())
        result.append(Timing(benchmark.get_name(), values, benchmark.get_unit(), metadata))
    return result
