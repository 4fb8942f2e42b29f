"""Every benchmark that is quick enough runs in its smallest size and finds what it promises."""

from bench import memory, size, startup
from bench.frame.report import Options, Report, Table

QUICK = Options(quick=True)


def _column(table: Table, title: str) -> dict[object, object]:
    """Cells of the column by those of the first."""
    position = [column.title for column in table.columns].index(title)
    return {row[0]: row[position] for row in table.rows}


def _complete(report: Report) -> bool:
    return (
        not report.not_measured
        and not report.differences
        and all(None not in row for t in report.tables for row in t.rows)
    )


def test_memory_counts_what_the_kernel_and_the_allocator_see() -> None:
    report = memory.run(QUICK)
    assert _complete(report)
    calls = _column(report.tables[0], "system calls")
    assert calls.pop("a new context") and calls.pop("freeing the context")
    assert calls.pop("the first trace") == 1  # a mapping for the table of facts, of which few pages are touched
    assert set(calls.values()) == {0.0}
    code = _column(report.tables[0], "code and constants")
    assert code["as many traces again"] == -code["freeing them"] > 0  # type: ignore[operator]


def test_a_page_for_each_trace_costs_two_system_calls_and_whole_pages() -> None:
    (_, paged) = memory.run(QUICK).tables
    calls, code = _column(paged, "system calls"), _column(paged, "code and constants")
    # mmap and mprotect; munmap; now and then the allocator makes one too
    assert 2 <= calls["more traces"] < 2.2 and 1 <= calls["freeing them"] < 1.2  # type: ignore[operator]
    assert code["more traces"] >= 4096 and code["freeing them"] == -code["as many traces again"]  # type: ignore[operator]


def test_sizes_of_a_trace_are_those_of_its_stencils() -> None:
    report = size.run(Options(quick=True, only="sieve"))
    assert _complete(report)
    traces, stencils, _ = report.tables
    of_trace = dict(zip([column.title for column in traces.columns[:3]], traces.rows[0], strict=False))
    count, hot = _column(stencils, "in traces"), _column(stencils, "hot")
    total = sum(count[name] * hot[name] for name in count)  # type: ignore[operator, misc]
    assert sum(count.values()) == of_trace["micro-ops"]  # type: ignore[arg-type]
    assert 0 <= of_trace["hot"] * of_trace["micro-ops"] - total < 16  # type: ignore[operator]  # entry and end of the trace


def test_the_python_api_starts() -> None:
    report = startup.run(QUICK)
    assert _complete(report)
    taken = {row[0]: row[1] for row in report.tables[0].rows}
    assert len(taken) == len(startup.NAMES) + 1
